"""Teams: crops with known kits must fall into those kits, under stable and unique names."""

import tracemalloc
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from pipeline.kits.colours import CELLS, colour_name, histogram, name_kits
from pipeline.kits.fitting import TeamSettings
from pipeline.kits.teams import OTHER, Team, TeamAssigner
from pipeline.types import Frame, TrackedBoxes, UInt8Image

Colour = tuple[int, int, int]
GRASS: Colour = (70, 120, 50)
WHITE: Colour = (235, 235, 240)
RED: Colour = (190, 25, 35)
NAVY: Colour = (25, 35, 85)
YELLOW: Colour = (235, 220, 40)


class Sighting(NamedTuple):
    """A picture with one player in it."""

    frame: Frame
    boxes: TrackedBoxes


def sighting(
    rgb: UInt8Image, track_id: int, seconds: float = 0.0, box: tuple[float, float, float, float] | None = None
) -> Sighting:
    """A player whose upper body, neck to hips, is just what the picture shows; `box` puts the player elsewhere."""
    side = rgb.shape[0]
    whole = (0.0, -0.16 * side, float(side), 1.84 * side)
    boxes = TrackedBoxes(np.array([box or whole], np.float32), np.ones(1, np.float32), np.array([track_id]))
    return Sighting(Frame(0, Fraction(seconds), np.ascontiguousarray(rgb[:, :, ::-1])), boxes)


def shirt(
    rng: np.random.Generator,
    kit: Colour,
    stripes: Colour | None = None,
    field: Colour = GRASS,
    side: int = 60,
) -> UInt8Image:
    """A player from neck to hips on the field: light and shadow, noise, a step to the side, a skin patch."""
    image = np.empty((side, side, 3), np.float32)
    image[:] = field
    left = int(side * rng.uniform(0.24, 0.32))
    torso = image[side // 6 :, left : side - left]
    torso[:] = kit
    if stripes is not None:
        torso[:, (np.arange(torso.shape[1]) // (side // 15)) % 2 == 0] = stripes
    torso *= np.linspace(rng.uniform(0.6, 0.8), 1.0, torso.shape[1])[None, :, None]
    image[: side // 6, side * 2 // 5 : side * 3 // 5] = (190, 140, 115)
    image += rng.normal(0.0, 8.0, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def assign(sightings: Iterable[Sighting], settings: TeamSettings | None = None) -> dict[int, Team]:
    assigner = TeamAssigner(settings or TeamSettings())
    for frame, boxes in sightings:
        assigner.add(frame, boxes)
    return assigner.assign()


def match(kits: Iterable[tuple[Colour, int]], times: int = 5, field: Colour = GRASS) -> list[Sighting]:
    """Sightings of `count` tracks for each kit, track ids running on from 0."""
    rng = np.random.default_rng(3)
    worn = [kit for kit, count in kits for _ in range(count)]
    return [
        sighting(shirt(rng, kit, field=field), track, i * 0.5) for i in range(times) for track, kit in enumerate(worn)
    ]


def test_no_track_has_no_team() -> None:
    assert assign([]) == {}


def test_single_track_is_named_by_its_kit() -> None:
    teams = assign(match([(RED, 1)]))
    assert teams.keys() == {0}
    assert teams[0].name == "red"
    assert np.abs(np.array(teams[0].rgb) - RED).max() < 60


@pytest.mark.parametrize(
    ("home", "away", "names"),
    [
        (WHITE, NAVY, {"white", "navy"}),
        (RED, YELLOW, {"red", "yellow"}),
        ((120, 190, 235), (20, 20, 22), {"light blue", "black"}),
        ((40, 160, 60), WHITE, {"green", "white"}),
    ],
)
def test_two_kits_become_two_teams_named_by_their_colours(home: Colour, away: Colour, names: set[str]) -> None:
    teams = assign(match([(home, 8), (away, 5)]))
    assert {teams[t] for t in range(8)} == {teams[0]}
    assert {teams[t] for t in range(8, 13)} == {teams[8]}
    assert {teams[0].name, teams[8].name} == names


def test_referee_and_goalkeeper_get_teams_of_their_own() -> None:
    teams = assign(match([(WHITE, 9), (NAVY, 9), (YELLOW, 1), ((230, 120, 40), 1)]))
    assert (teams[0].name, teams[9].name, teams[18].name, teams[19].name) == ("white", "navy", "yellow", "orange")


def test_lone_kit_without_enough_support_is_other() -> None:
    seen = match([(WHITE, 9), (NAVY, 9), (YELLOW, 1)])
    teams = assign(seen, TeamSettings(min_share=0.2))
    assert teams[18] == OTHER
    assert {team.name for track, team in teams.items() if track != 18} == {"white", "navy"}


def test_one_kit_alone_is_not_split() -> None:
    assert {team.name for team in assign(match([(NAVY, 12)])).values()} == {"navy"}


def test_kit_in_the_colour_of_the_field_is_still_a_kit() -> None:
    field = (40, 150, 60)
    teams = assign(match([((45, 160, 65), 6), (RED, 6)], field=field))
    assert teams[0] == teams[5]
    assert teams[6] == teams[11]
    assert (teams[0].name, teams[6].name) == ("green", "red")


def test_striped_kit_is_one_team_apart_from_its_plain_colours() -> None:
    rng = np.random.default_rng(5)
    seen = [sighting(shirt(rng, RED, (20, 30, 110)), t, i * 0.5) for i in range(5) for t in range(6)]
    seen += [sighting(shirt(rng, WHITE), t, i * 0.5) for i in range(5) for t in range(6, 12)]
    teams = assign(seen)
    assert len({teams[t] for t in range(6)}) == 1
    assert teams[6].name == "white" != teams[0].name


def test_area_outside_the_frame_is_not_taken_for_a_black_kit() -> None:
    rng = np.random.default_rng(1)
    box = (-32.0, -9.6, 28.0, 110.4)
    seen = [sighting(np.ascontiguousarray(shirt(rng, WHITE)[:, 32:]), 1, i * 0.5, box) for i in range(4)]
    assert seen[0].frame.size == (28, 60)
    assert assign(seen)[1].name == "white"


def test_what_stands_beside_the_player_is_not_taken_for_the_kit() -> None:
    rng = np.random.default_rng(1)
    pictures = [np.clip(rng.normal(GRASS, 8.0, (300, 300, 3)), 0, 255).astype(np.uint8) for _ in range(4)]
    for picture in pictures:
        picture[100:160, 135:165] = WHITE
        picture[160:220, 135:165] = NAVY
    assert assign(sighting(p, 1, i * 0.5, (130, 80, 170, 220)) for i, p in enumerate(pictures))[1].name == "white"


def test_sitting_spectators_do_not_make_the_teams() -> None:
    rng = np.random.default_rng(7)
    court: tuple[Colour, Colour] = ((200, 150, 100), (40, 70, 150))  # players cross its painted parts
    players = [
        sighting(shirt(rng, WHITE if track < 5 else YELLOW, field=court[(track + i) % 2]), track, i * 0.5)
        for i in range(8)
        for track in range(10)
    ]
    crowd = []
    for track in range(100, 120):
        still = shirt(rng, (45, 30, 40), field=(60, 40, 60))
        crowd += [sighting(still, track, i * 0.5) for i in range(8)]
    teams = assign(players + crowd, TeamSettings(max_kits=2))
    assert (teams[0].name, teams[5].name) == ("white", "yellow")


def test_same_frames_give_the_same_teams() -> None:
    seen = match([(WHITE, 6), (RED, 6), (YELLOW, 1)])
    assert assign(seen) == assign(seen)


def test_frames_closer_than_the_interval_are_passed_over_for_each_track_alone() -> None:
    rng = np.random.default_rng(2)
    seen = [sighting(shirt(rng, RED), 1), *(sighting(shirt(rng, YELLOW), 1, i * 0.04) for i in range(1, 5))]
    later = sighting(shirt(rng, NAVY), 2, 0.12)
    teams = assign([*seen, later])
    assert (teams[1].name, teams[2].name) == ("red", "navy")
    assert assign(seen, TeamSettings(interval_seconds=0.0))[1].name == "yellow"


@pytest.mark.parametrize(("rate", "looks"), [(5, 50), (25, 50), (30, 50), (2, 20)])
def test_a_look_every_interval_whatever_the_frame_rate(rate: int, looks: int) -> None:
    assigner, picture = TeamAssigner(TeamSettings(interval_seconds=0.2)), shirt(np.random.default_rng(2), RED)
    for index in range(10 * rate):
        frame, boxes = sighting(picture, 1)
        assigner.add(Frame(index, Fraction(index, rate), frame.bgr), boxes)
    assert len(assigner._tracks[1].looks) == looks


def test_hidden_player_counts_less_than_a_free_one() -> None:
    rng = np.random.default_rng(4)
    both = TrackedBoxes(
        np.array([[0, -9.6, 60, 110.4], [0, 0, 60, 400]], np.float32), np.ones(2, np.float32), np.arange(2)
    )
    behind = [Sighting(sighting(shirt(rng, RED), 0, i * 0.5).frame, both) for i in range(5)]
    free = sighting(shirt(rng, YELLOW), 0, 2.5)
    assert assign([*behind, free])[0].name == "yellow"


@pytest.mark.parametrize("side", [12, 19, 400])
def test_any_size_works(side: int) -> None:
    assert assign([sighting(np.full((side, side, 3), 230, np.uint8), 4)])[4].name == "white"
    assert assign([sighting(np.zeros((side, side, 3), np.uint8), 4)])[4].name == "black"


@pytest.mark.parametrize("box", [(20, 20, 24, 36), (-70, 0, -10, 120), (50, -9.6, 110, 110.4), (20, 20, 20, 20)])
def test_player_too_small_or_outside_the_frame_has_no_team(box: tuple[float, float, float, float]) -> None:
    assert assign([sighting(np.full((60, 60, 3), 230, np.uint8), 4, box=box)]) == {}


def test_frame_without_players_is_fine() -> None:
    assert assign([Sighting(Frame(0, Fraction(0), np.zeros((8, 8, 3), np.uint8)), TrackedBoxes.empty())]) == {}


def test_many_tracks_are_all_assigned_in_little_memory() -> None:
    rng = np.random.default_rng(9)
    assigner = TeamAssigner(TeamSettings())
    for track in range(1200):
        assigner.add(*sighting(shirt(rng, (WHITE, RED)[track % 2], side=24), track))
    tracemalloc.start()
    try:
        teams = assigner.assign()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert {(t % 2, team.name) for t, team in teams.items()} == {(0, "white"), (1, "red")}
    assert len(teams) == 1200
    assert peak < 40e6


def test_two_reds_never_share_a_name() -> None:
    kits = [lab_histogram(colour) for colour in ((200, 30, 40), (110, 15, 25), (205, 35, 45), (200, 30, 40))]
    names = [name for name, _ in name_kits(kits)]
    assert names[:2] == ["red", "dark red"]
    assert len(set(names)) == len(names)


def test_kit_covered_by_what_the_first_three_share_is_named_by_a_colour_it_has() -> None:
    step = 144.0 / 11.0  # between the cells' centres, so that each colour fills one cell
    bright = histogram(np.array([[60.0, -72.0 + step, 72.0 - 2 * step]]))
    like_grass = histogram(np.array([[40.0, -1.5 * step, 1.5 * step]]))
    names = [name for name, _ in name_kits([0.6 * bright + 0.4 * lab_histogram((15, 15, 15))] * 3 + [like_grass])]
    assert names == ["green", "green 2", "green 3", "dark green"]


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((240, 240, 240), "white"),
        ((128, 128, 128), "grey"),
        ((15, 15, 15), "black"),
        ((200, 20, 30), "red"),
        ((235, 130, 30), "orange"),
        ((240, 225, 40), "yellow"),
        ((20, 130, 50), "green"),
        ((0, 0, 90), "navy"),
        ((30, 80, 190), "blue"),
        ((120, 190, 240), "light blue"),
        ((65, 105, 225), "blue"),
        ((90, 90, 175), "blue"),
        ((120, 30, 140), "purple"),
        ((97, 80, 159), "purple"),
        ((85, 37, 131), "purple"),
        ((245, 150, 190), "pink"),
    ],
)
def test_colour_names(rgb: Colour, name: str) -> None:
    pixel = np.array([[rgb]], np.float32) / 255.0
    assert colour_name(cv2.cvtColor(pixel, cv2.COLOR_RGB2LAB)[0, 0].astype(np.float64)) == name


@pytest.mark.parametrize(
    ("field", "value"),
    [("background", 1.5), ("min_share", -0.1), ("max_kits", 0), ("nearest_kit", 2.0), ("interval_seconds", -1.0)],
)
def test_settings_out_of_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"{field} is {value:g}; allowed is"):
        TeamSettings(**{field: value})  # type: ignore[arg-type]  # the field is what varies


def lab_histogram(rgb: Colour) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    image: UInt8Image = np.full((4, 4, 3), rgb, np.uint8)
    lab = cv2.cvtColor(image.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB).astype(np.float64)
    cells = histogram(lab)
    assert cells.shape == (CELLS,)
    assert cells.sum() == pytest.approx(1.0)
    return cells
