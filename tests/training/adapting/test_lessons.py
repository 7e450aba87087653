"""Which pictures of a run teach."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest
from building_media import FRAMES, SETTINGS, write_run
from reads import digit, read

from pipeline.results.outputs import READS, ReadLog
from pipeline.types import WindowRead
from training.adapting.lessons import (
    Corrections,
    Stretches,
    count_frames,
    lessons_of,
    shares_wanted,
    shown_numbers,
    spread,
    thinned,
)
from training.adapting.settings import LessonSettings
from training.data.clip_labels import Stretch, Verdict
from training.data.corrections import APPLIED, write_corrections
from training.data.finished_runs import RunError, open_finished_run


def shown(
    reads: Iterable[WindowRead], numbers: Mapping[int, str], corrections: Corrections | None = None, least: float = 0.15
) -> dict[int, dict[int, str | None]]:
    return shown_numbers(reads, numbers, corrections or {}, LessonSettings(min_probability=least))


def test_a_window_shows_its_tracks_number_or_none() -> None:
    reads = [read(1, 10, "7"), read(1, 30, None), read(2, 10, "46"), read(2, 20, None)]
    assert shown(reads, {1: "7"}) == {1: {10: "7", 30: None}, 2: {20: None}}


def test_a_number_that_is_half_seen_is_shown_and_another_one_is_not() -> None:
    half = WindowRead(
        1, np.array([5]), digit({10: 0.9}), digit({1: 0.6, 7: 0.3}), np.ones(1, np.float32), 5, 0.5
    )  # P(7) is 0.28, P(1) 0.55
    assert shown([half, read(1, 20, "1")], {1: "7"}, least=0.15) == {1: {5: "7"}}
    assert shown([half, read(1, 20, "1")], {1: "7"}, least=0.35) == {}


def test_what_a_person_says_counts_instead_wherever_a_number_is_seen() -> None:
    says = {
        1: [Stretch(0, sys.maxsize, Verdict.LEGIBLE, "23")],
        2: [Stretch(0, 20, Verdict.UNREADABLE, None)],
    }
    reads = [read(1, 10, "25"), read(1, 30, None), read(2, 10, "9"), read(2, 40, "9")]
    assert shown(reads, {1: "25", 2: "9"}, says) == {1: {10: "23", 30: None}, 2: {10: None}}


def test_pictures_near_a_window_show_what_it_shows() -> None:
    found = spread({2: "7", 20: None}, 3)
    assert [(each.first, each.last, each.number) for each in found] == [(0, 5, "7"), (17, 23, None)]
    assert [each.verdict for each in found] == [Verdict.LEGIBLE, Verdict.UNREADABLE]


def test_what_is_near_two_windows_shows_what_the_nearer_one_shows() -> None:
    found = spread({10: "7", 15: None, 17: "7"}, 4)
    assert [(each.first, each.last, each.number) for each in found] == [(6, 12, "7"), (13, 16, None), (17, 21, "7")]


def test_pictures_beyond_what_a_person_says_are_left_out() -> None:
    says = [Stretch(5, 100, Verdict.LEGIBLE, "7"), Stretch(101, 200, Verdict.LEGIBLE, "8")]
    found = spread({7: "7", 98: "7", 106: "8", 199: "8"}, 5, says)
    assert [(each.first, each.last, each.number) for each in found] == [
        (5, 12, "7"),
        (93, 100, "7"),
        (103, 111, "8"),
        (194, 200, "8"),
    ]


def stretches_of(counts: Mapping[str | None, int], length: int) -> Stretches:
    """So many stretches of each number, one track each."""
    return {
        track: [Stretch(20 * k, 20 * k + length - 1, Verdict.LEGIBLE, number) for k in range(count)]
        for track, (number, count) in enumerate(counts.items())
    }


@pytest.mark.parametrize("wanted", [50, 77, 199, 1000])
def test_about_as_many_pictures_are_kept_as_are_wanted_from_all_over_the_run(wanted: int) -> None:
    found = stretches_of({"7": 40, None: 60}, 5)
    shares = shares_wanted(count_frames(found), LessonSettings(most_pictures=wanted, most_unreadable=2 * wanted))
    kept = thinned(found, shares)
    assert count_frames(kept) == pytest.approx({"7": min(200, wanted), None: min(300, 2 * wanted)}, abs=5)
    gaps = np.diff([each.first for each in kept[0]])
    assert gaps.max() - gaps.min() <= 20


def test_a_number_that_one_run_alone_shows_gets_all_its_pictures() -> None:
    both, one = stretches_of({"7": 40, "9": 40}, 5), stretches_of({"7": 40}, 5)
    shares = shares_wanted(count_frames(both) + count_frames(one), LessonSettings(most_pictures=200))
    assert count_frames(thinned(both, shares)) == pytest.approx({"7": 100, "9": 200}, abs=5)
    assert count_frames(thinned(one, shares)) == pytest.approx({"7": 100}, abs=5)


def test_the_reach_is_a_time(video: Path, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", video, {1: ("7", "read"), 2: ("", "unreadable")})
    with ReadLog(folder / READS) as log:
        log.add([read(1, 15, "7")])
    run = open_finished_run(folder, None, SETTINGS.crops)
    found = lessons_of(run, {}, LessonSettings(reach_seconds=0.2))
    assert found == {1: [Stretch(10, 20, Verdict.LEGIBLE, "7")]}
    assert len(list(run.looked_at())) == FRAMES


def test_what_was_said_of_a_corrected_run_teaches_unless_a_table_says_otherwise(video: Path, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", video, {1: ("46", "corrected"), 2: ("", "corrected")})
    whole = {1: Stretch(0, sys.maxsize, Verdict.LEGIBLE, "46"), 2: Stretch(0, sys.maxsize, Verdict.UNREADABLE, None)}
    write_corrections(folder / APPLIED, {track: [stretch] for track, stretch in whole.items()})
    with ReadLog(folder / READS) as log:
        log.add([read(1, 15, "48"), read(2, 15, "7")])
    run = open_finished_run(folder, None, SETTINGS.crops)
    at_15 = LessonSettings(reach_seconds=0.0)
    unreadable = Stretch(15, 15, Verdict.UNREADABLE, None)
    assert lessons_of(run, {}, at_15) == {1: [Stretch(15, 15, Verdict.LEGIBLE, "46")], 2: [unreadable]}
    said = {1: [Stretch(0, FRAMES, Verdict.LEGIBLE, "40")]}
    assert lessons_of(run, said, at_15) == {1: [Stretch(15, 15, Verdict.LEGIBLE, "40")], 2: [unreadable]}


@pytest.mark.parametrize(("text", "said"), [(None, "reads.jsonl is missing"), ("{}\n", "holds no reads of a run")])
def test_a_run_without_its_reads_is_refused(text: str | None, said: str, video: Path, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", video, {1: ("7", "read")})
    if text is not None:
        (folder / READS).write_text(text)
    with pytest.raises(RunError, match=said):
        lessons_of(open_finished_run(folder, None, SETTINGS.crops), {}, LessonSettings())
