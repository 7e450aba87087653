"""Rendered frames among the detector's labelled ones: taught where wanted, never measured on."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np

from training.detector.data import NO_BOXES, NOTHING_SEEN, LabelledFrame, write_manifest
from training.detector.loop import DetectorTraining
from training.detector.recipe import MANIFEST, rendered_frames
from training.detector.trials import labelled_frames

SAMPLES = Path(__file__).parents[3] / "sample_videos"


def test_rendered_frames_bear_everyone_s_box(tmp_path: Path) -> None:
    found = rendered_frames(SAMPLES, tmp_path, 3)
    with (SAMPLES / "match.boxes.csv").open(newline="") as handle:
        people = Counter(int(row["frame"]) for row in csv.DictReader(handle))
    assert [len(frame.people) for frame in found] == [people[int(frame.image.stem[-6:])] for frame in found]
    assert [(frame.match, frame.source, frame.read().shape) for frame in found] == [
        ("match", "rendered", (720, 1280, 3))
    ] * 3


def test_rendered_frames_are_taught_where_wanted_and_never_measured_on(tmp_path: Path) -> None:
    box = np.array([[0, 0, 9, 9]], np.float32)
    kinds = ("hand", "tracked", "teacher", "rendered")
    frames = [LabelledFrame(tmp_path / f"{kind}.jpg", kind, kind, box, NO_BOXES, NOTHING_SEEN) for kind in kinds]
    assert [DetectorTraining().repeats(frame) for frame in frames] == [3, 1, 1, 0]
    assert [DetectorTraining(rendered_repeats=2).repeats(frame) for frame in frames] == [3, 1, 1, 2]
    write_manifest(tmp_path / MANIFEST, frames)
    assert [frame.source for frame in labelled_frames(tmp_path)] == ["hand", "tracked"]
