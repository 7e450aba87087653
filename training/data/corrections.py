"""A person's corrections of a run: which number a track shows, over all of it or over stretches of frames."""

import csv
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from pipeline.results.outputs import TRACKS
from training.data.clip_labels import Stretch, Verdict
from training.data.layout import UNREADABLE_FOLDER
from training.data.tables import Row, TableError, read_table

APPLIED: Final = "applied_corrections.csv"
"""File of a corrected run that holds all that a person has said of its tracks."""
CORRECTION_COLUMNS: Final = ("track_id", "jersey_number")
"""Those that a table must have; `first_frame` and `last_frame` may stand beside them."""
FRAME_COLUMNS: Final = ("first_frame", "last_frame")
LEFT: Final = "?"
"""In place of a number: the track is left as it is, as if it were not listed."""


def read_corrections(path: Path, known: Mapping[int, range], run: Path) -> dict[int, list[Stretch]]:
    """Stretches by track from a corrections table.

    Args:
        path: CSV with `track_id,jersey_number`, blank or -1 where nobody can read a number, ? to leave it open, and
            perhaps `first_frame,last_frame`: 0-based, both ends in; blank: from the track's beginning, to its end.
        known: the run's tracks, each with the frames from its first to its last.
        run: its folder, for messages.

    Raises:
        TableError: A track is not the run's, or not there in the frames of which the table speaks, stretches of one
            overlap, a value is not allowed, or the table is one that a run wrote.
    """
    stretches: dict[int, list[Stretch]] = defaultdict(list)
    for row in read_table(path, CORRECTION_COLUMNS):
        if row.text("status"):
            raise TableError(f"{path} is a run's own table; list only tracks to correct, without the column 'status'.")
        if row.text("jersey_number") == LEFT:
            continue
        track, stretch = row.whole("track_id"), _stretch(row)
        if track not in known:
            raise row.error("track_id", f"a track of {run / TRACKS} is expected")
        frames = known[track]
        if stretch.first >= frames.stop or stretch.last < frames.start:
            named = f"until frame {stretch.last}" if stretch.last < frames.start else f"from frame {stretch.first} on"
            raise TableError(
                f"{path} speaks of track {track} {named}, but it is seen in frames {frames.start} to {frames.stop - 1}."
            )
        if any(stretch.first <= other.last and other.first <= stretch.last for other in stretches[track]):
            raise row.error("track_id", "and its frames overlap those of a row above; name each frame once")
        stretches[track].append(stretch)
    return dict(stretches)


def write_corrections(path: Path, said: Mapping[int, Iterable[Stretch]]) -> None:
    """Write a table that `read_corrections` reads; a stretch that has no beginning or no end gets a blank there."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*CORRECTION_COLUMNS, *FRAME_COLUMNS))
        for track, stretches in sorted(said.items()):
            for one in sorted(stretches, key=lambda one: one.first):
                first, last = one.first or "", "" if one.last == sys.maxsize else one.last
                writer.writerow((track, one.number or UNREADABLE_FOLDER, first, last))


def _stretch(row: Row) -> Stretch:
    text = row.number("jersey_number", (UNREADABLE_FOLDER, ""))
    number = None if text in {UNREADABLE_FOLDER, ""} else text
    first = row.whole("first_frame") if row.text("first_frame") else 0
    last = row.whole("last_frame") if row.text("last_frame") else sys.maxsize
    if last < first:
        raise row.error("last_frame", f"at least first_frame ({first}) is expected")
    return Stretch(first, last, Verdict.UNREADABLE if number is None else Verdict.LEGIBLE, number)
