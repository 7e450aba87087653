"""Tracks that pass from a player in one kit to a player in another."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kits.fitting import TeamSettings
from pipeline.kits.swaps import Swap, SwapSettings, find_swaps
from pipeline.kits.teams import TeamAssigner
from pipeline.types import Frame, TrackedBoxes

RED, WHITE, GRASS = (40, 30, 190), (235, 235, 235), (50, 120, 70)
NEAR, FAR = 0.2, 0.8


def looks(worn: str) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Distances (looks, 2) to the kits r and w of looks at wearers of these."""
    return np.array([[NEAR, FAR] if kit == "r" else [FAR, NEAR] for kit in worn])


@pytest.mark.parametrize(
    ("worn", "found"),
    [
        ("rrrrrrwwwwww", [6]),
        ("rrrrrrrrrrrr", []),
        ("rrrrrwwrrrrr", []),
        ("rrrrrrwwwwwwrrrrrr", [6, 12]),
        ("rrrrrww", []),
        ("rrwrrrwwwrwww", [6]),
        ("rrrrrrwwrwwrrrrrr", [6, 11]),
        ("rrrrrrwrwrwrrrrrrr", []),
    ],
)
def test_a_change_of_kit_that_lasts_is_a_swap(worn: str, found: list[int]) -> None:
    assert find_swaps(looks(worn), SwapSettings()) == found


def test_one_kit_the_largest_gain_and_faint_differences_never_split() -> None:
    distances = looks("r" * 9 + "w" * 9)
    assert find_swaps(distances[:, :1], SwapSettings()) == []
    assert find_swaps(distances, SwapSettings(gain=1000.0)) == []
    assert find_swaps(0.5 + (distances - 0.5) / 6.0, SwapSettings()) == []


@given(st.lists(st.tuples(*[st.floats(0.0, 1.0)] * 3), max_size=40), st.integers(1, 5))
def test_every_player_is_seen_often_enough(rows: list[tuple[float, float, float]], least: int) -> None:
    found = find_swaps(np.array(rows).reshape(-1, 3), SwapSettings(looks=least))
    assert not found or all(
        later - earlier >= least for earlier, later in zip([0, *found], [*found, len(rows)], strict=True)
    )


def assigner(
    shirts: list[list[tuple[int, int, int]]],
    rate: int = 5,
    settings: TeamSettings | None = None,
    hidden: range = range(0),
    lost_seconds: float = 0.0,
) -> TeamAssigner:
    """Players side by side, one list of their shirts for each frame; track ids from 1 on.

    In the frames `hidden` somebody stands before the last one.
    """
    made = TeamAssigner(settings or TeamSettings(), lost_seconds=lost_seconds)
    for index, row in enumerate(shirts):
        bgr = np.full((120, 60 * len(row), 3), GRASS, np.uint8)
        boxes = [(60.0 * place + 15, 10.0, 60.0 * place + 45, 110.0) for place in range(len(row))]
        for (left, top, right, bottom), shirt in zip(boxes, row, strict=True):
            bgr[int(top) : int(bottom), int(left) : int(right)] = shirt
        if index in hidden:
            boxes.append((boxes[-1][0], 12.0, boxes[-1][2], 119.0))
        ids = np.arange(1, len(boxes) + 1)
        made.add(
            Frame(index, Fraction(index, rate), bgr),
            TrackedBoxes(np.array(boxes, np.float32), np.ones(len(boxes), np.float32), ids),
        )
    return made


@pytest.mark.parametrize("frames", [40, 400])
def test_the_two_players_of_a_track_play_for_their_own_teams(frames: int) -> None:
    """400 frames are 80 s: looks were added up meanwhile."""
    at = frames - 8
    teams = assigner([[RED, RED, WHITE, WHITE, RED if index < at else WHITE] for index in range(frames)])
    swaps = teams.swaps(free_id=6)
    assert swaps == [Swap(track_id=5, frame_index=at, new_id=6)]
    assert {track: team.name for track, team in teams.assign(swaps).items()} == {
        1: "red", 2: "red", 3: "white", 4: "white", 5: "red", 6: "white"
    }  # fmt: skip


def test_swaps_count_in_order_of_time() -> None:
    rows = [[RED if i < 20 else WHITE, RED, WHITE, RED if i < 8 or i >= 30 else WHITE, RED, WHITE] for i in range(40)]
    found = [(swap.frame_index, swap.track_id, swap.new_id) for swap in assigner(rows).swaps(free_id=7)]
    assert found == [(8, 4, 7), (20, 1, 8), (30, 4, 9)]


def test_a_swap_behind_somebody_is_found_once_he_has_gone() -> None:
    """At 30 s, when looks are added up, the player has been hidden for 8 s."""
    shirts = [[RED, RED, WHITE, WHITE, RED if index < 120 else WHITE] for index in range(200)]
    swaps = assigner(shirts, hidden=range(110, 155)).swaps(free_id=7)
    assert [(swap.track_id, swap.frame_index) for swap in swaps] == [(5, 155)]


def looks_kept(teams: TeamAssigner) -> dict[int, int]:
    return {track_id: len(track.looks) for track_id, track in teams._tracks.items()}


def test_looks_do_not_pile_up() -> None:
    teams = assigner([[RED, WHITE, WHITE]] * 20 + [[RED, WHITE]] * 680)
    looks = looks_kept(teams)
    assert 15 <= looks[1] <= 30 * 5 + 15 + 1
    assert looks[3] == 0
    assert teams.swaps(free_id=4) == []
    behind = looks_kept(assigner([[RED, WHITE]] * 700, hidden=range(700)))
    assert behind[1] == looks[1]
    assert 150 <= behind[2] <= 300 + 1


def test_looks_at_every_frame_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """In less than the 30 s between two times that looks are added up."""
    monkeypatch.setattr("pipeline.kits.teams._SETTLE_LOOKS", 500)
    teams = assigner([[RED, WHITE]] * 700, 100, TeamSettings(interval_seconds=0.0))
    assert 15 <= looks_kept(teams)[1] <= 250
    assert teams.swaps(free_id=3) == []


def test_looks_are_kept_while_a_player_may_come_back() -> None:
    """He is away for 44 s, at 60 s looks are added up; the tracker takes another player for him."""
    shirts = [[RED, RED, WHITE, WHITE, *([RED] * (index < 100))] for index in range(320)]
    shirts += [[RED, RED, WHITE, WHITE, WHITE]] * 20
    found = [len(assigner(shirts, lost_seconds=seconds).swaps(free_id=6)) for seconds in (1.2, 50.0)]
    assert found == [0, 1]


@pytest.mark.parametrize(("key", "value"), [("gain", -1.0), ("margin", 1.5), ("looks", 0)])
def test_settings_out_of_range_are_refused(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{key} is {value:g}"):
        SwapSettings(**{key: value})  # type: ignore[arg-type]  # one of three fields
