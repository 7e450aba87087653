"""The table of what a tree holds and where it came from: appended to as sequences are done, mended when torn."""

import csv
import io
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from recognizer.errors import InputError
from training.data.layout import MANIFEST_COLUMNS


class ManifestError(InputError):
    """A manifest that is not of the agreed form."""


class Place(NamedTuple):
    """Where a sequence lies in a tree."""

    number: str
    """Folder of the number: '0' to '99', '00' or '-1'."""
    sequence: str
    """Folder of the sequence, such as 'player_759_seq_2822'."""


class ManifestRow(NamedTuple):
    """One sub-folder; the fields are `training.data.layout.MANIFEST_COLUMNS` in order."""

    number: str
    sequence: str
    subdir: str
    match: str
    """The match or other key that must stay on one side of a split; blank where none is known."""
    source: str
    """What the pictures were cut from; one source is in a tree once."""
    first_frame: int
    """0-based frame of the first picture."""
    last_frame: int
    frames: int
    """Pictures in the sub-folder."""
    builder: str
    """The sub-command and a digest of everything that decided which pictures it cut."""

    @property
    def place(self) -> Place:
        """The sequence that the sub-folder belongs to."""
        return Place(self.number, self.sequence)


def rows_to_text(rows: Iterable[Sequence[object]]) -> str:
    r"""Rows as CSV lines.

    >>> rows_to_text([("7", "player_1_seq_2", "0", "", "a,b")])
    '7,player_1_seq_2,0,,"a,b"\n'
    """
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def rows_from_text(text: str) -> list[ManifestRow]:
    """Rows from CSV lines without a header; a line cut short at the end is passed over.

    Raises:
        ValueError: Another line has too few columns or a frame that is no whole number.
    """
    lines = list(csv.reader(io.StringIO(text, newline=""), strict=False))
    if lines and len(lines[-1]) < len(MANIFEST_COLUMNS) and not text.endswith("\n"):
        lines.pop()
    return [_row(line) for line in lines if line]


def _row(line: Sequence[str]) -> ManifestRow:
    if len(line) != len(MANIFEST_COLUMNS):
        raise ValueError(f"{len(line)} columns in {','.join(line)!r}, expected {len(MANIFEST_COLUMNS)}")
    number, sequence, subdir, match, source, first, last, frames, builder = line
    return ManifestRow(number, sequence, subdir, match, source, int(first), int(last), int(frames), builder)


class Manifest:
    """The rows of a tree's manifest, in memory and on disk.

    Args:
        path: the file; it need not exist.

    Raises:
        ManifestError: It cannot be read or is not of the agreed form.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[Place, list[ManifestRow]] = defaultdict(list)
        self._places: dict[str, set[Place]] = defaultdict(set)
        text = self._read()
        header, _, body = text.partition("\n")
        if text and header.strip() != ",".join(MANIFEST_COLUMNS):
            raise self._unusable(f"its first line is {header[:80]!r}, expected {','.join(MANIFEST_COLUMNS)}")
        try:
            self._remember(rows_from_text(body))
        except (ValueError, csv.Error) as error:
            raise self._unusable(str(error)) from error
        if text and not text.endswith("\n"):
            self._rewrite()

    def rows(self, place: Place) -> Sequence[ManifestRow]:
        """The sub-folders of a sequence; none where it is not listed."""
        return self._rows.get(place, [])

    def sources(self) -> list[str]:
        """What the sequences come from, sorted."""
        return sorted(source for source, places in self._places.items() if places)

    def places(self, source: str) -> list[Place]:
        """The sequences that come from a source, sorted."""
        return sorted(self._places.get(source, ()))

    def sources_of(self, match: str) -> list[str]:
        """What the sequences of a match come from, sorted."""
        return sorted({row.source for group in self._rows.values() for row in group if row.match == match})

    def add(self, rows: Sequence[ManifestRow]) -> None:
        """Append rows in one write."""
        text = rows_to_text(rows)
        if not self._path.exists() or self._path.stat().st_size == 0:
            text = rows_to_text([MANIFEST_COLUMNS]) + text
        append(self._path, text)
        self._remember(rows)

    def remove(self, places: Iterable[Place]) -> None:
        """Take all rows of some sequences out; the file is replaced in one rename."""
        gone = [place for place in places if place in self._rows]
        for place in gone:
            for row in self._rows.pop(place):
                self._places[row.source].discard(place)
        if gone:
            self._rewrite()

    def _remember(self, rows: Iterable[ManifestRow]) -> None:
        for row in rows:
            self._rows[row.place].append(row)
            self._places[row.source].add(row.place)

    def _read(self) -> str:
        try:
            return self._path.read_text(encoding="utf-8").replace("\r\n", "\n")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise self._unusable(str(error)) from error

    def _rewrite(self) -> None:
        rows = [row for group in self._rows.values() for row in group]
        replace_text(self._path, rows_to_text([MANIFEST_COLUMNS, *rows]))

    def _unusable(self, why: str) -> ManifestError:
        return ManifestError(f"The manifest {self._path} cannot be used ({why}); mend it or remove it.")


class FinishedSources:
    """Which sources were built to their end, so that a long video is not searched again to find nothing new.

    Args:
        path: a hidden file of the tree; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        self._done = {tuple(line) for line in csv.reader(io.StringIO(text, newline="")) if len(line) == 2}

    def __contains__(self, source_and_builder: tuple[str, str]) -> bool:
        """Whether that source was built to its end by that builder."""
        return source_and_builder in self._done

    def add(self, source: str, builder: str) -> None:
        """Record that a source is done."""
        if (source, builder) not in self._done:
            append(self._path, rows_to_text([(source, builder)]))
            self._done.add((source, builder))

    def remove(self, source: str) -> None:
        """Forget a source, whichever builder did it."""
        kept = {done for done in self._done if done[0] != source}
        if kept != self._done:
            self._done = kept
            replace_text(self._path, rows_to_text(sorted(kept)))


def append(path: Path, text: str) -> None:
    """Add text to the end of a file in one write; the file is made where there is none."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        data = text.encode("utf-8", "surrogateescape")
        while data:
            data = data[os.write(handle, data) :]
    finally:
        os.close(handle)


def replace_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    fresh = path.with_name(f".{path.name.removeprefix('.')}.new")
    fresh.write_text(text, encoding="utf-8", errors="surrogateescape", newline="\n")
    fresh.replace(path)
