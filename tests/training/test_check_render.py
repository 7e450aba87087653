"""The count of people found and of boxes on nobody in a rendered clip."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from pipeline.types import Detections, Frame
from training.check_render import CheckError, Finding, check, main, read_boxes

TALL, SMALL, NOBODY = (10, 10, 40, 110), (100, 10, 115, 60), (200, 20, 230, 110)
HEADER = "frame,track,x1,y1,x2,y2,conf\n"


class Clip:
    """Three black frames."""

    def frames(self) -> Iterator[Frame]:
        for index in range(3):
            yield Frame(index, Fraction(index, 25), np.zeros((120, 240, 3), np.uint8))


class Seeing:
    """A detector that sees the same boxes in every frame."""

    def __init__(self, *boxes: tuple[int, int, int, int]) -> None:
        self.boxes, self.looked_at = np.array(boxes, np.float32).reshape(-1, 4), list[int]()

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        self.looked_at += [frame.index for frame in frames]
        return [Detections(self.boxes, np.full(len(self.boxes), 0.5, np.float32)) for _ in frames]


def counted(detector: Seeing, every: int = 1) -> Finding:
    truth = {frame: np.array([TALL, SMALL], np.float32) for frame in range(3)}
    return check(cast(Any, Clip()), truth, cast(Any, detector), every)


def test_small_people_count_neither_way() -> None:
    assert counted(Seeing(TALL, SMALL)) == Finding(people=3, found=3, boxes=3, false=0)
    assert counted(Seeing(SMALL)) == Finding(people=3, found=0, boxes=0, false=0)


def test_boxes_on_nobody_and_beside_a_person_are_false() -> None:
    beside = (30, 10, 60, 110)
    assert counted(Seeing(TALL, NOBODY, beside)) == Finding(people=3, found=3, boxes=9, false=6)
    assert counted(Seeing()) == Finding(people=3, found=0, boxes=0, false=0)


def test_frames_between_are_passed_over() -> None:
    detector = Seeing(TALL)
    assert counted(detector, every=2).people == 2
    assert detector.looked_at == [0, 2]


def test_boxes_are_gathered_by_frame(tmp_path: Path) -> None:
    path = tmp_path / "a.boxes.csv"
    path.write_text(HEADER + "0,1,1.5,2,3,4,1.0\n0,2,5,6,7,8,1.0\n4,1,1,2,3,4,1.0\n")
    boxes = read_boxes(path)
    assert {frame: rows.shape for frame, rows in boxes.items()} == {0: (2, 4), 4: (1, 4)}
    assert boxes[0][0].tolist() == [1.5, 2, 3, 4]


@pytest.mark.parametrize("text", ["frame,track\n0,1\n", HEADER + "0,1,one,2,3,4,1\n", HEADER + "0,1,1\n"])
def test_another_table_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.boxes.csv"
    path.write_text(text)
    with pytest.raises(CheckError, match="does not hold frame,track"):
        read_boxes(path)


def test_a_clip_without_truth_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main([str(tmp_path / "match.mp4")]) == 2
    assert "boxes beside it" in capsys.readouterr().err


@pytest.mark.parametrize(("option", "value"), [("--every", "0"), ("--confidence", "1.5")])
def test_senseless_options_are_refused(
    option: str, value: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main([str(tmp_path / "match.mp4"), option, value]) == 2
    assert f"{option} is {value}; give a" in capsys.readouterr().err
