"""Tables people give, and which number each tracked box takes from them."""

import re
from pathlib import Path

import numpy as np
import pytest

from pipeline.types import TrackedBoxes
from training.building.labels import numbers_in_frame
from training.data.clip_labels import Stretch, Verdict
from training.data.tables import TableError, read_table


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
