"""Corrections that cannot be used, and where the recognizer sees a number."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from building_media import scene_picture, write_csv

from pipeline.types import Crop
from recognizer.reader import default_weights
from training.building.sight import ReaderSight
from training.data.clip_labels import Stretch, Verdict
from training.data.corrections import read_corrections, write_corrections
from training.data.tables import TableError


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(1, "123", "", "")], "line 2: jersey_number is '123', allowed are 0 to 99 .* 00, -1, blank"),
        ([(9, "12", "", "")], "track_id is '9', a track of run/tracks.csv is expected"),
        ([(1, "12", "", ""), (1, "13", "", "")], "line 3: track_id is '1', and its frames overlap those of a row"),
        ([(1, "12", 0, 9), (2, "12", 0, 9), (1, "-1", 9, "")], "line 4: track_id is '1', and its frames overlap"),
        ([(1, "12", 5, 4)], r"last_frame is '4', at least first_frame \(5\) is expected"),
        ([(1, "7", 0, 5), (1, "46", 30, 40)], "speaks of track 1 from frame 30 on, but it is seen in frames 0 to 29"),
        ([(2, "7", "", 4)], "speaks of track 2 until frame 4, but it is seen in frames 5 to 29"),
        ([(1, "12", "x", 4)], "first_frame is 'x', a whole number from 0 is expected"),
    ],
)
def test_corrections_that_cannot_be_used(tmp_path: Path, rows: list[tuple[object, ...]], message: str) -> None:
    path = write_csv(tmp_path / "fix.csv", ["track_id", "jersey_number", "first_frame", "last_frame"], rows)
    with pytest.raises(TableError, match=message):
        read_corrections(path, {1: range(30), 2: range(5, 30)}, Path("run"))


def test_frames_without_a_column_of_their_own_are_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "fix.csv").write_text("track_id,jersey_number\n1,7,0,9\n")
    with pytest.raises(TableError, match=r"fix\.csv, line 2 has more values than the header has columns"):
        read_corrections(tmp_path / "fix.csv", {1: range(30)}, Path("run"))
    (tmp_path / "fix.csv").write_text("track_id,jersey_number\n1,7,,\n")
    assert read_corrections(tmp_path / "fix.csv", {1: range(30)}, Path("run"))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    said = {
        2: [Stretch(0, 9, Verdict.UNREADABLE, None), Stretch(10, sys.maxsize, Verdict.LEGIBLE, "00")],
        1: [Stretch(5, 7, Verdict.LEGIBLE, "7")],
    }
    write_corrections(tmp_path / "said.csv", said)
    assert (tmp_path / "said.csv").read_text().splitlines()[1:] == ["1,7,5,7", "2,-1,,9", "2,00,10,"]
    assert read_corrections(tmp_path / "said.csv", {1: range(30), 2: range(30)}, Path("run")) == said


def test_the_shipped_recognizer_sees_numbers_and_their_absence() -> None:
    picture = np.ascontiguousarray(scene_picture(0)[34:94, 15:75, ::-1])
    plain = np.full_like(picture, picture[2, 30])
    crops = [Crop(1, index, index / 25, rgb, 0.5) for index, rgb in enumerate((picture, plain, picture))]
    assert ReaderSight(default_weights(), torch.device("cpu"))(crops).tolist() == [True, False, True]
