"""Tables beside a clip, checked: `NAME.boxes.csv` (everyone's box) and `NAME.labels.csv` (what is known of them)."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from pipeline.types import FloatArray, TrackedBoxes
from training.data.tables import CORNERS, TableError, read_table

LABEL_COLUMNS: Final = ("track", "first_frame", "last_frame", "number", "role", "sure", "note")
BOX_COLUMNS: Final = ("frame", "track", *CORNERS)

ROLES: Final = ("player", "goalkeeper", "referee", "other", "ignore")
"""Who someone is: `other` for people beside the game, `ignore` for boxes that hold no single person."""

UNKNOWN: Final = "unknown"
"""Stands in the number column where the number could not be told."""

_ILLEGIBLE = re.compile(r"(\bil|\b(not|never|hardly) )legible")
_LEGIBLE_IN = re.compile(r"legible \(([^)]*)\)")
_FRAMES = re.compile(r"f(\d+)-(\d+)")
_LEGIBLE_AT = re.compile(r"f(\d+) legible")
_NEAR: Final = 3
"""Frames to either side of one that a note calls legible in which a person reads the number too."""


class Verdict(IntEnum):
    """What a person who looked says about one picture of a player."""

    SKIP = 0
    """Doubtful, or no single person in the box: left out of training."""
    UNREADABLE = 1
    """Nobody could read a number here."""
    LEGIBLE = 2
    """The whole number can be read here."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """One row of a labels file."""

    first: int
    last: int
    verdict: Verdict
    number: str | None
    """The number worn, legible in this stretch or not; None where nobody knows."""


class Label(NamedTuple):
    """One row of a labels file, as it stands there."""

    track: int
    first: int
    last: int
    number: str | None
    """The number worn; None for 'unknown'."""
    team: str
    """Blank where the table has no such column."""
    role: str
    sure: int
    note: str

    @property
    def verdict(self) -> Verdict:
        """What it says about the pictures of its stretch."""
        if self.role == "ignore" or "doubtful" in self.note or "ignore" in self.note:
            return Verdict.SKIP
        if "legible" in self.note and self.number is not None:
            return Verdict.LEGIBLE if self.sure >= 1 else Verdict.SKIP
        if "unreadable" in self.note or "inferred" in self.note or self.role in {"referee", "other"}:
            return Verdict.UNREADABLE
        return Verdict.SKIP

    def stretches(self) -> Iterator[Stretch]:
        """The row as stretches in order, of which only the frames that its note names are legible.

        A note may tell in which frames of a long stretch the number was read: `f54 legible (f5-95)`, `f54 legible
        (f5-20, f40-95)` or `f54 legible`. In the others the player may have turned away, so they are skipped. Where the
        note names no frames, what it says is said of the whole stretch.
        """
        named = self._named_frames()
        if self.verdict is not Verdict.LEGIBLE or not named:
            yield Stretch(self.first, self.last, self.verdict, self.number)
            return
        after = self.first
        for first, last in named:
            begin, end = max(first, after), min(last, self.last)
            if begin > end:
                continue
            if after < begin:
                yield Stretch(after, begin - 1, Verdict.SKIP, self.number)
            yield Stretch(begin, end, Verdict.LEGIBLE, self.number)
            after = end + 1
        if after <= self.last:
            yield Stretch(after, self.last, Verdict.SKIP, self.number)

    def _named_frames(self) -> list[tuple[int, int]]:
        """First and last frames that the note calls legible, in order."""
        spans = [span for part in _LEGIBLE_IN.findall(self.note) for span in _FRAMES.findall(part)]
        if spans:
            return sorted((int(first), int(last)) for first, last in spans)
        return [(int(frame) - _NEAR, int(frame) + _NEAR) for frame in _LEGIBLE_AT.findall(self.note)]


def read_label_rows(path: Path, *, with_team: bool = False) -> Iterator[Label]:
    """Rows of a `NAME.labels.csv`, in their order.

    Args:
        path: the table.
        with_team: whether it must have the column `team`.

    Raises:
        TableError: The table lacks a column or holds a value that is not allowed.
    """
    for row in read_table(path, (*LABEL_COLUMNS, "team") if with_team else LABEL_COLUMNS):
        number = row.number("number", (UNKNOWN,))
        first, last = row.whole("first_frame"), row.whole("last_frame")
        if last < first:
            raise row.error("last_frame", f"at least first_frame ({first}) is expected")
        if row.text("role") not in ROLES:
            raise row.error("role", f"allowed are {', '.join(ROLES)}")
        if _ILLEGIBLE.search(row.text("note")):
            raise row.error("note", "and 'unreadable' is expected where the digits cannot be read")
        yield Label(
            row.whole("track"),
            first,
            last,
            None if number == UNKNOWN else number,
            row.text("team") if with_team else "",
            row.text("role"),
            row.whole("sure"),
            row.text("note"),
        )


def read_labels(path: Path) -> dict[int, list[Stretch]]:
    """Stretches by labelled track, from `NAME.labels.csv`.

    Raises:
        TableError: The table lacks a column, is empty, or holds a value that is not allowed.
    """
    stretches: dict[int, list[Stretch]] = defaultdict(list)
    for row in read_label_rows(path):
        stretches[row.track] += row.stretches()
    if not stretches:
        raise TableError(f"{path} holds no labelled stretch.")
    return dict(stretches)


def stretch_at(stretches: Iterable[Stretch], frame: int) -> Stretch | None:
    """The first stretch that holds a frame."""
    return next((s for s in stretches if s.first <= frame <= s.last), None)


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
        xyxy = np.array([row.box() for row in rows], np.float32)
        yield frame, TrackedBoxes(xyxy, np.ones(len(rows), np.float32), tracks)


def boxes_by_frame(path: Path) -> dict[int, FloatArray]:
    """Everyone's box in a `NAME.boxes.csv`: float32 (N, 4) xyxy pixels by 0-based frame.

    Raises:
        TableError: As `read_boxes`.
    """
    return {frame: boxes.xyxy for frame, boxes in read_boxes(path)}
