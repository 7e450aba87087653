"""The count of people found and of boxes on nobody in a rendered clip."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from pipeline.types import Detections, Frame
from training.check_render import Finding, check, main

TALL, SMALL, NOBODY = (10, 10, 40, 110), (100, 10, 115, 60), (200, 20, 230, 110)


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


def test_a_clip_without_truth_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main([str(tmp_path / "match.mp4")]) == 2
    assert capsys.readouterr().err == f"{tmp_path / 'match.boxes.csv'} does not exist.\n"
    (tmp_path / "match.boxes.csv").write_text("frame,track,x1,y1,x2,y2\n0,1,one,2,3,4\n")
    assert main([str(tmp_path / "match.mp4")]) == 2
    assert "match.boxes.csv, line 2: x1 is 'one', a number is expected" in capsys.readouterr().err


@pytest.mark.parametrize(("option", "value"), [("--every", "0"), ("--confidence", "1.5")])
def test_senseless_options_are_refused(
    option: str, value: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main([str(tmp_path / "match.mp4"), option, value]) == 2
    assert f"{option} is {value}; give a" in capsys.readouterr().err
