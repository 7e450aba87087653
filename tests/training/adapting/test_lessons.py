"""Which pictures of a run teach."""

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from building_media import FRAMES, SETTINGS, write_run

from pipeline.results.outputs import READS, ReadLog
from pipeline.types import FloatArray, WindowRead
from recognizer.labels import encode
from training.adapting.lessons import Stretches, count_frames, lessons_of, stretches_of, thinned
from training.adapting.settings import LessonSettings
from training.data.clip_labels import Stretch, Verdict
from training.data.finished_runs import RunError, open_finished_run


def digit(shares: Mapping[int, float]) -> FloatArray:
    """Log-probabilities of a digit: float32 (11,)."""
    left = (1.0 - sum(shares.values())) / (11 - len(shares))
    return np.log(np.array([shares.get(place, left) for place in range(11)], np.float32))


def read(track: int, anchor: int, number: str | None, share: float = 0.97) -> WindowRead:
    """A read in which each digit of a number has this probability, and everything else an equal part of the rest."""
    tens, units = encode(number)
    frames, weights = np.array([anchor] + [-1] * 4), np.array([1.0] + [0.0] * 4, np.float32)
    return WindowRead(track, frames, digit({tens: share}), digit({units: share}), weights, anchor, 0.5)


def spans(stretches: Stretches) -> dict[int, list[tuple[int, int, str | None]]]:
    return {track: [(each.first, each.last, each.number) for each in some] for track, some in stretches.items()}


def test_pictures_round_a_window_show_what_it_shows() -> None:
    reads = [read(1, 10, "7"), read(1, 30, None), read(2, 10, "46"), read(2, 20, None)]
    found = stretches_of(reads, {1: "7"}, {}, 3, LessonSettings())
    assert spans(found) == {1: [(7, 13, "7"), (27, 33, None)], 2: [(17, 23, None)]}
    assert [each.verdict for each in found[1]] == [Verdict.LEGIBLE, Verdict.UNREADABLE]


def test_a_number_that_is_half_seen_is_shown_and_another_one_is_not() -> None:
    half = WindowRead(
        1, np.array([5]), digit({10: 0.9}), digit({1: 0.6, 7: 0.3}), np.ones(1, np.float32), 5, 0.5
    )  # P(7) is 0.28, P(1) 0.55
    for least, expected in ((0.15, {1: [(4, 6, "7")]}), (0.35, {})):
        found = stretches_of([half, read(1, 20, "1")], {1: "7"}, {}, 1, LessonSettings(min_probability=least))
        assert spans(found) == expected


def test_frames_between_two_windows_belong_to_the_first() -> None:
    found = stretches_of([read(1, 14, None), read(1, 10, "7")], {1: "7"}, {}, 3, LessonSettings())
    assert spans(found) == {1: [(7, 13, "7"), (14, 17, None)]}


def test_what_a_person_says_counts_instead_wherever_a_number_is_seen() -> None:
    says = {
        1: [Stretch(0, sys.maxsize, Verdict.LEGIBLE, "23")],
        2: [Stretch(0, 20, Verdict.UNREADABLE, None)],
    }
    reads = [read(1, 10, "25"), read(1, 30, None), read(2, 10, "9"), read(2, 40, "9")]
    found = stretches_of(reads, {1: "25", 2: "9"}, says, 2, LessonSettings())
    assert spans(found) == {1: [(8, 12, "23")], 2: [(8, 12, None)]}


def test_as_many_pictures_are_kept_as_are_wanted_from_all_over_the_run() -> None:
    reads = [read(1, 10 * k, "7") for k in range(1, 41)] + [read(2, 10 * k, None) for k in range(1, 41)]
    every = stretches_of(reads, {1: "7"}, {}, 2, LessonSettings())
    assert count_frames(every) == {"7": 200, None: 200}
    kept = thinned(every, LessonSettings(most_pictures=50, most_unreadable=100))
    assert count_frames(kept) == {"7": 50, None: 100}
    assert [each.first for each in kept[1]] == [8 + 40 * k for k in range(10)]
    assert thinned(every, LessonSettings()) == every


def test_the_reach_is_a_time(video: Path, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", video, {1: ("7", "read"), 2: ("", "unreadable")})
    with ReadLog(folder / READS) as log:
        log.add([read(1, 15, "7")])
    run = open_finished_run(folder, None, SETTINGS.crops)
    assert spans(lessons_of(run, {}, LessonSettings(reach_seconds=0.2))) == {1: [(10, 20, "7")]}
    assert len(list(run.looked_at())) == FRAMES


@pytest.mark.parametrize(("text", "said"), [(None, "reads.jsonl is missing"), ("{}\n", "holds no reads of a run")])
def test_a_run_without_its_reads_is_refused(text: str | None, said: str, video: Path, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", video, {1: ("7", "read")})
    if text is not None:
        (folder / READS).write_text(text)
    with pytest.raises(RunError, match=said):
        lessons_of(open_finished_run(folder, None, SETTINGS.crops), {}, LessonSettings())
