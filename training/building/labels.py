"""Labels read by eye, laid over the pipeline's tracks: which number each tracked box shows."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.types import TrackedBoxes
from training.building.tables import Row, TableError, read_table
from training.matching import pair
from training.mixture.players import Stretch, Verdict, stretch_at, verdict_of

LABEL_COLUMNS: Final = ("track", "first_frame", "last_frame", "number", "role", "sure", "note")
BOX_COLUMNS: Final = ("frame", "track", "x1", "y1", "x2", "y2")

UNKNOWN: Final = "unknown"
"""Stands in the number column where the number could not be told."""


def read_labels(path: Path) -> dict[int, list[Stretch]]:
    """Stretches by labelled track, from `NAME.labels.csv`.

    Raises:
        TableError: The table lacks a column, is empty, or holds a value that is not allowed.
    """
    stretches: dict[int, list[Stretch]] = defaultdict(list)
    for row in read_table(path, LABEL_COLUMNS):
        number = row.number("number", (UNKNOWN,))
        first, last = row.whole("first_frame"), row.whole("last_frame")
        if last < first:
            raise row.error("last_frame", f"at least first_frame ({first}) is expected")
        row.whole("sure")
        verdict = verdict_of({column: row.text(column) for column in LABEL_COLUMNS})
        stretches[row.whole("track")].append(Stretch(first, last, verdict, None if number == UNKNOWN else number))
    if not stretches:
        raise TableError(f"{path} holds no labelled stretch.")
    return dict(stretches)


def read_boxes(path: Path) -> Iterator[tuple[int, TrackedBoxes]]:
    """Labelled boxes frame by frame, from `NAME.boxes.csv`: (0-based frame, boxes), one frame in memory at a time.

    Raises:
        TableError: The table lacks a column, is not sorted by frame, or holds a value that is not allowed.
    """
    before = -1
    for frame, group in groupby(read_table(path, BOX_COLUMNS), key=lambda row: row.whole("frame")):
        rows = list(group)
        if frame < before:
            raise rows[0].error("frame", f"rows sorted by frame are expected, and frame {before} stands before it")
        before = frame
        tracks = np.array([row.whole("track") for row in rows], np.int64)
        if len(np.unique(tracks)) < len(tracks):
            twice = next(row for row in rows if (tracks == row.whole("track")).sum() > 1)
            raise twice.error("track", f"one box of a track in frame {frame} is expected, not several")
        xyxy = np.array([_box(row) for row in rows], np.float32)
        yield frame, TrackedBoxes(xyxy, np.ones(len(rows), np.float32), tracks)


def _box(row: Row) -> list[float]:
    left, top, right, bottom = (row.real(column) for column in BOX_COLUMNS[2:])
    if not (left < right and top < bottom):
        raise row.error("x2" if left >= right else "y2", "more than the other edge of the box is expected")
    return [left, top, right, bottom]


def numbers_in_frame(
    frame: int, tracked: TrackedBoxes, labelled: TrackedBoxes, stretches: Mapping[int, Sequence[Stretch]]
) -> dict[int, str | None]:
    """What the labels say about the tracks in one frame.

    Args:
        frame: 0-based index.
        tracked: boxes of the pipeline.
        labelled: boxes of the labels, those outside every stretch too: whoever overlaps one of them best is not known.
        stretches: by labelled track.

    Returns:
        By the pipeline's track: its number where it is legible, None where nobody could read one. Tracks that match
        no labelled box, or one of which nothing certain is known, are not in it.
    """
    numbers: dict[int, str | None] = {}
    for track, place in zip(tracked.track_id.tolist(), pair(tracked.xyxy, labelled.xyxy).tolist(), strict=True):
        if place < 0:
            continue
        stretch = stretch_at(stretches.get(int(labelled.track_id[place]), ()), frame)
        if stretch is not None and stretch.verdict is not Verdict.SKIP:
            numbers[track] = stretch.number if stretch.verdict is Verdict.LEGIBLE else None
    return numbers
