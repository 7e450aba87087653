"""Reading until sure: settled tracks are read rarely, doubted ones in full again."""

import pytest

from pipeline.effort import Effort, EffortSettings
from pipeline.identity import Identity, Status


def identity(number: str | None, confidence: float = 0.999, track_id: int = 1) -> Identity:
    status: Status = "read" if number else "unreadable"
    return Identity(track_id, number, confidence, status, number, None, 0.0, 9, None)


def told(effort: Effort, *numbers: str, known: str | None, confidence: float = 0.999) -> list[bool]:
    """What the effort wants of the next eight windows after one round."""
    for number in numbers:
        effort.hear(1, number)
    effort.settle(identity(known, confidence))
    return [effort.wants(1) for _ in range(8)]


ALL, ONE_IN_FOUR = [True] * 8, [False, False, False, True] * 2


def test_a_settled_track_is_read_one_window_in_so_many() -> None:
    assert told(Effort(EffortSettings(settled_every=4)), "7", "7", "7", known="7") == ONE_IN_FOUR


@pytest.mark.parametrize(
    ("numbers", "known", "confidence"),
    [
        (["7", "7"], "7", 0.999),
        (["7", "7", "7"], "7", 0.98),
        (["7", "7", "7"], None, 0.999),
        (["8", "8", "8"], "7", 0.999),
        (["7", "7", "8", "7", "7"], "7", 0.999),
        ([], "7", 0.999),
    ],
)
def test_any_doubt_keeps_a_track_read_in_full(numbers: list[str], known: str | None, confidence: float) -> None:
    assert told(Effort(EffortSettings()), *numbers, known=known, confidence=confidence) == ALL


def test_one_read_that_disagrees_brings_full_rate_until_enough_agree_again() -> None:
    effort = Effort(EffortSettings(settled_every=4, settled_reads=2))
    assert told(effort, "7", "7", known="7") == ONE_IN_FOUR
    assert told(effort, "1", known="7") == ALL
    assert told(effort, "7", known="7") == ALL
    assert told(effort, "7", known="7") == ONE_IN_FOUR


def test_tracks_do_not_share_what_is_settled() -> None:
    effort = Effort(EffortSettings())
    told(effort, "7", "7", "7", known="7")
    assert effort.wants(2)


def test_one_in_one_reads_everything() -> None:
    assert told(Effort(EffortSettings(settled_every=1)), "7", "7", "7", known="7") == ALL


def test_rounds_follow_the_video_s_time() -> None:
    effort = Effort(EffortSettings(round_seconds=0.5))
    assert [effort.round_of(seconds) for seconds in (0.0, 0.49, 0.5, 7.3)] == [0, 0, 1, 14]


@pytest.mark.parametrize(
    ("field", "value"),
    [("settled_every", 0), ("settled_confidence", 1.1), ("settled_reads", 0), ("round_seconds", 0.0)],
)
def test_values_out_of_range_are_named(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{field} is {value:g}; allowed is"):
        EffortSettings(**{field: value})  # type: ignore[arg-type]


def test_the_settled_number_is_known_until_a_read_unsettles_it() -> None:
    effort = Effort(EffortSettings())
    assert effort.settled_number(1) is None
    told(effort, "7", "7", known="7")
    assert effort.settled_number(1) is None
    told(effort, "7", known="7")
    assert effort.settled_number(1) == "7"
    told(effort, "1", known="7")
    assert effort.settled_number(1) is None
