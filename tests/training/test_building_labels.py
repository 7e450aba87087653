"""Tables people give, and which number each tracked box takes from them."""

import re
from pathlib import Path

import numpy as np
import pytest
from building_media import write_csv

from pipeline.types import TrackedBoxes
from training.building.labels import (
    BOX_COLUMNS,
    LABEL_COLUMNS,
    numbers_in_frame,
    read_boxes,
    read_labels,
)
from training.building.tables import TableError, read_table
from training.mixture.players import Stretch, Verdict


def tracked(*boxes: tuple[int, float, float, float, float]) -> TrackedBoxes:
    """Boxes of (track, x1, y1, x2, y2)."""
    values = np.array(boxes, np.float32).reshape(-1, 5)
    return TrackedBoxes(values[:, 1:], np.ones(len(values), np.float32), values[:, 0].astype(np.int64))


STRETCHES = {
    1: [Stretch(0, 9, Verdict.LEGIBLE, "7"), Stretch(10, 19, Verdict.UNREADABLE, "7")],
    2: [Stretch(0, 19, Verdict.SKIP, None)],
}


def test_a_track_takes_what_its_labelled_box_says_in_that_frame() -> None:
    boxes, labelled = tracked((31, 0, 0, 10, 20), (32, 100, 0, 110, 20)), tracked((1, 1, 1, 11, 21))
    assert numbers_in_frame(5, boxes, labelled, STRETCHES) == {31: "7"}
    assert numbers_in_frame(15, boxes, labelled, STRETCHES) == {31: None}
    assert numbers_in_frame(25, boxes, labelled, STRETCHES) == {}


def test_doubtful_and_unlabelled_boxes_keep_their_tracks_out() -> None:
    boxes = tracked((31, 0, 0, 10, 20))
    assert numbers_in_frame(5, boxes, tracked((2, 0, 0, 10, 20)), STRETCHES) == {}
    stranger_fits_better = tracked((1, 2, 2, 12, 22), (99, 0, 0, 10, 20))
    assert numbers_in_frame(5, boxes, stranger_fits_better, STRETCHES) == {}
    assert numbers_in_frame(5, boxes, TrackedBoxes.empty(), STRETCHES) == {}


def labels_with(folder: Path, **changes: object) -> Path:
    row = {"track": 1, "first_frame": 0, "last_frame": 9, "number": "7", "role": "player", "sure": 2, "note": "legible"}
    return write_csv(folder / "x.labels.csv", LABEL_COLUMNS, [tuple((row | changes)[c] for c in LABEL_COLUMNS)])


@pytest.mark.parametrize(
    ("changes", "stretch"),
    [
        ({}, Stretch(0, 9, Verdict.LEGIBLE, "7")),
        ({"note": "inferred"}, Stretch(0, 9, Verdict.UNREADABLE, "7")),
        ({"number": "unknown", "role": "referee", "sure": 0, "note": ""}, Stretch(0, 9, Verdict.UNREADABLE, None)),
        ({"number": "unknown", "note": "unreadable"}, Stretch(0, 9, Verdict.UNREADABLE, None)),
        ({"number": "unknown", "note": ""}, Stretch(0, 9, Verdict.SKIP, None)),
        ({"role": "ignore"}, Stretch(0, 9, Verdict.SKIP, "7")),
    ],
)
def test_what_a_labels_row_means(tmp_path: Path, changes: dict[str, object], stretch: Stretch) -> None:
    assert read_labels(labels_with(tmp_path, **changes)) == {1: [stretch]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"number": "123"},
            "x.labels.csv, line 2: number is '123', allowed are 0 to 99 without a leading zero, 00, unk",
        ),
        ({"number": "07"}, "number is '07'"),
        ({"track": "one"}, "line 2: track is 'one', a whole number from 0 is expected"),
        ({"last_frame": -1}, "last_frame is '-1', a whole number from 0"),
        ({"first_frame": 10}, r"last_frame is '9', at least first_frame \(10\) is expected"),
        ({"sure": ""}, "sure is '', a whole number from 0"),
    ],
)
def test_a_labels_row_that_cannot_be_used(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(TableError, match=message):
        read_labels(labels_with(tmp_path, **changes))


def test_labelled_boxes_come_frame_by_frame(tmp_path: Path) -> None:
    rows = [(0, 1, 1, 2, 3, 4), (0, 2, 5, 6, 7, 8), (4, 1, 1, 2, 3.5, 4)]
    found = list(read_boxes(write_csv(tmp_path / "b.csv", BOX_COLUMNS, rows)))
    assert [(frame, boxes.track_id.tolist()) for frame, boxes in found] == [(0, [1, 2]), (4, [1])]
    assert found[1][1].xyxy.tolist() == [[1, 2, 3.5, 4]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [(4, 1, 1, 2, 3, 4), (0, 1, 1, 2, 3, 4)],
            "line 3: frame is '0', rows sorted by frame are expected, and frame 4",
        ),
        ([(0, 1, 1, 2, 3, 4), (0, 1, 1, 2, 3, 4)], "track is '1', one box of a track in frame 0 is expected"),
        ([(0, 1, 3, 2, 3, 4)], "x2 is '3', more than the other edge"),
        ([(0, 1, 1, 2, 3, "nan")], "y2 is 'nan', a number of at most 1e9"),
        ([(0, 1, 1, 2, "wide", 4)], "x2 is 'wide', a number is expected"),
    ],
)
def test_boxes_that_cannot_be_used(tmp_path: Path, rows: list[tuple[object, ...]], message: str) -> None:
    with pytest.raises(TableError, match=message):
        list(read_boxes(write_csv(tmp_path / "b.csv", BOX_COLUMNS, rows)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "t.csv does not exist"),
        (b"a,c\n1,2\n", "t.csv lacks the column 'b'; it needs a, b"),
        (b"", "t.csv lacks the column 'a'"),
        (b"a,b\n\xff\xfe,2\n", "t.csv cannot be read: it is no UTF-8 text"),
        (b'a,b\n"1,2\n', "t.csv is no valid CSV table"),
    ],
)
def test_a_table_that_cannot_be_read(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "t.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TableError, match=re.escape(message)):
        list(read_table(path, ("a", "b")))


def test_a_table_from_a_spreadsheet_is_read(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbfa,b,more\r\n 1 ,x\r\n2\r\n")
    rows = list(read_table(tmp_path / "t.csv", ("a", "b")))
    assert [(row.whole("a"), row.text("b")) for row in rows] == [(1, "x"), (2, "")]
