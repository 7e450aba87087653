"""Finding and following: every frame comes out once, in order, also where people are looked for in few of them."""

import json
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from scenes import STREET_FRAMES

from pipeline.clock import StageClock
from pipeline.config import load
from pipeline.detection.detector import DetectorSettings, PlayerDetector
from pipeline.engine import process
from pipeline.media.video import open_source
from pipeline.results.outputs import read_mot
from pipeline.settings import Settings
from pipeline.tracking.bridging import between
from pipeline.tracking.following import Followed, detect, follow, in_groups
from pipeline.tracking.tracker import PlayerTracker, TrackerSettings
from pipeline.types import Detections, Frame, TrackedBoxes
from pipeline.workers import EngineSettings, Workers

PICTURE = np.zeros((90, 160, 3), np.uint8)


def frames(count: int) -> Iterator[Frame]:
    """Unevenly spaced, as streams may be."""
    return (Frame(index, Fraction(2 * index + index % 2, 50), PICTURE) for index in range(count))


def box_at(time: Fraction) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.array([[10 + 100 * time, 20, 30 + 100 * time, 70]], np.float32)


class StubDetector:
    """Finds one person who walks at an even pace."""

    def __init__(self, every: int, batch_size: int, side_by_side: bool = False) -> None:
        self.settings = DetectorSettings(every=every, batch_size=batch_size)
        self.side_by_side, self.batch_size = side_by_side, 1 if side_by_side else batch_size
        self.looked_at: list[list[int]] = []

    def detect(self, batch: Sequence[Frame]) -> list[Detections]:
        self.looked_at.append([frame.index for frame in batch])
        return [Detections(box_at(frame.time), np.full(1, 0.5, np.float32)) for frame in batch]


class StubTracker:
    """Takes every detection for the same person, seen from `first` on."""

    def __init__(self, first: int) -> None:
        self._first, self.settings = first, TrackerSettings()

    def update(self, frame: Frame, found: Detections, begins_shot: bool) -> TrackedBoxes:
        assert not begins_shot
        if frame.index < self._first:
            return TrackedBoxes.empty()
        return TrackedBoxes(found.xyxy, found.confidence, np.ones(1, np.int64))


def followed(count: int, detector: StubDetector, first: int = 0) -> list[Followed]:
    groups = in_groups(frames(count), detector.settings.every)
    tracker = cast(PlayerTracker, StubTracker(first))
    with Workers(EngineSettings(threads=3)) as workers:
        detected = detect(groups, cast(PlayerDetector, detector), StageClock(), workers.spread)
        return list(follow(detected, tracker, StageClock()))


@pytest.mark.parametrize("count", [1, 2, 7, 12])
@pytest.mark.parametrize(("every", "batch_size"), [(1, 1), (1, 4), (2, 1), (3, 2), (5, 4)])
@pytest.mark.parametrize("side_by_side", [False, True])
def test_every_frame_comes_out_with_the_box_of_its_time(
    count: int, every: int, batch_size: int, side_by_side: bool
) -> None:
    found = followed(count, StubDetector(every, batch_size, side_by_side))
    assert [frame.index for frame, _, _ in found] == list(range(count))
    for frame, boxes, _ in found:
        np.testing.assert_allclose(boxes.xyxy, box_at(frame.time), atol=1e-4)


@pytest.mark.parametrize(
    ("every", "looked_at"),
    [(1, [[0, 1, 2], [3, 4, 5], [6, 7]]), (2, [[0, 2, 4], [6, 7]]), (3, [[0, 3, 6], [7]]), (10, [[0, 7]])],
)
def test_people_are_looked_for_in_the_first_the_last_and_every_nth_frame(
    every: int, looked_at: list[list[int]]
) -> None:
    detector = StubDetector(every, 3)
    found = followed(8, detector)
    assert detector.looked_at == looked_at
    assert [one.frame.index for one in found if one.detected] == [index for batch in looked_at for index in batch]


def test_a_person_stands_in_no_frame_before_the_first_detection() -> None:
    found = followed(8, StubDetector(3, 4), first=3)
    assert [len(boxes) for _, boxes, _ in found] == [0, 0, 0, 1, 1, 1, 1, 1]


def test_only_tracks_on_both_sides_are_between() -> None:
    def boxes(*tracks: int) -> TrackedBoxes:
        xyxy = np.array([[10 * track, 0, 10 * track + 5, 9] for track in tracks], np.float32)
        return TrackedBoxes(xyxy, np.ones(len(tracks), np.float32), np.array(tracks, np.int64))

    found = between(boxes(3, 1, 7), boxes(7, 2, 3), 0.5)
    assert found.track_id.tolist() == [7, 3]
    assert found.xyxy[:, 0].tolist() == [70.0, 30.0]
    assert len(between(TrackedBoxes.empty(), boxes(1), 0.5)) == 0


def test_a_run_that_looks_at_every_third_frame_draws_nearly_the_same_boxes(
    street: Path, quick: list[str], tmp_path: Path
) -> None:
    found = {}
    for every in (1, 3):
        (folder := tmp_path / str(every)).mkdir()
        settings = load(Settings, None, [*quick, f"detector.every={every}"])
        process(open_source(street), settings, torch.device("cpu"), folder, video=False)
        found[every] = dict(read_mot(folder / "tracks.mot.txt"))
    assert sorted(found[3]) == sorted(found[1])
    apart = [
        float(np.abs(found[1][index].xyxy - box).max(axis=1).min())
        for index, boxes in found[3].items()
        for box in boxes.xyxy
    ]
    assert len(apart) > 2 * len(found[1])
    assert np.median(apart) < 3
    reads = [json.loads(line) for line in (tmp_path / "3" / "reads.jsonl").read_text().splitlines()]
    assert reads
    assert all(index % 3 == 0 or index in (-1, STREET_FRAMES - 1) for read in reads for index in read["frames"])
