"""The sequences in a tree and the manifest that lists them: both agree, or are made to at the next start.

A part is a hidden folder that holds one finished sequence and, in `rows.csv`, its rows of the manifest. It is put in
its place in one rename and then listed. Where parts replace what was there, `replaced.csv` is written beside them once
all are finished and names what goes for them: without it nothing was changed, with it the change is carried to its end.
"""

import contextlib
import csv
import io
import os
import shutil
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Final

from training.building.manifest import (
    FinishedSources,
    Manifest,
    ManifestRow,
    Place,
    replace_text,
    rows_from_text,
    rows_to_text,
)
from training.data.layout import IMAGE_SUFFIXES, MANIFEST

PART: Final = ".part"
"""Hidden folder of the root in which sequences grow."""

FINISHED: Final = ".finished.csv"
"""Hidden file of the root that lists the sources built to their end."""

_ROWS: Final = "rows.csv"
_REPLACED: Final = "replaced.csv"


class Store:
    """What a root holds; one build at a time works with it.

    Args:
        root: the data set's folder.

    Raises:
        ManifestError: Its manifest cannot be used.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._part = root / PART
        self.manifest = Manifest(root / MANIFEST)
        self.finished = FinishedSources(root / FINISHED)

    def is_whole(self, place: Place, builder: str | None = None) -> bool:
        """Whether a sequence is listed and its sub-folders hold as many pictures as the manifest says.

        Args:
            place: where it lies.
            builder: which builder it must be of; None: any.
        """
        rows = self.manifest.rows(place)
        whole = all(_pictures(self._folder(place) / row.subdir) == row.frames for row in rows)
        return bool(rows) and whole and all(builder in (None, row.builder) for row in rows)

    def finish(self, part: Path, rows: Sequence[ManifestRow]) -> None:
        """Lay the rows of a finished sequence beside it."""
        replace_text(part / _ROWS, rows_to_text(rows))

    def put(self, part: Path) -> None:
        """Put a finished sequence in its place and list it; what was there goes. Begun before, it is carried on."""
        rows = _rows(part)
        place = rows[0].place
        grown = part / place.sequence
        if grown.exists():
            self._remove_folder(place)
            self.manifest.remove([place])
            self._folder(place).parent.mkdir(exist_ok=True)
            grown.rename(self._folder(place))
        if list(self.manifest.rows(place)) != rows:
            self.manifest.remove([place])
            self.manifest.add(rows)
        shutil.rmtree(part)

    def drop(self, part: Path) -> None:
        """Remove a finished sequence; its rows go first, as rows without a sequence would say that it was put."""
        (part / _ROWS).unlink()
        shutil.rmtree(part)

    def swap(self, parts: Iterable[Path], old: Collection[Place]) -> None:
        """Put finished sequences in their places and remove others for them, all or none.

        Args:
            parts: every finished sequence that waits.
            old: what they replace; some may stand in the places of new ones.
        """
        new = {_rows(part)[0].place for part in parts}
        for source in {row.source for place in old for row in self.manifest.rows(place)}:
            self.finished.remove(source)
        self._part.mkdir(exist_ok=True)
        replace_text(self._part / _REPLACED, rows_to_text(place for place in old if place not in new))
        self._carry_out_swap()

    def repair(self) -> None:
        """Carry to its end what was begun and can be, then drop everything half."""
        journals = sorted(self._part.glob(f"*/{_ROWS}"))
        swaps = (self._part / _REPLACED).exists()
        if journals or swaps:
            self.manifest = Manifest(self._root / MANIFEST)  # an interrupt may have left memory behind the file
        if swaps:
            self._carry_out_swap()
        for part in (journal.parent for journal in journals if journal.exists()):
            place = _rows(part)[0].place
            if self._folder(place).exists() and not (part / place.sequence).exists():
                self.put(part)
            else:
                self.drop(part)
        if self._part.exists():
            shutil.rmtree(self._part)

    def _carry_out_swap(self) -> None:
        for journal in sorted(self._part.glob(f"*/{_ROWS}")):
            self.put(journal.parent)
        replaced = self._part / _REPLACED
        text = replaced.read_text(encoding="utf-8", errors="surrogateescape")
        old = [Place(number, sequence) for number, sequence in csv.reader(io.StringIO(text, newline=""))]
        for place in old:
            self._remove_folder(place)
        self.manifest.remove(old)
        replaced.unlink()

    def _folder(self, place: Place) -> Path:
        return self._root / place.number / place.sequence

    def _remove_folder(self, place: Place) -> None:
        """Remove a sequence's folder; it leaves its place in one rename."""
        if self._folder(place).exists():
            away = self._part / "removed"
            if away.exists():
                shutil.rmtree(away)
            away.mkdir(parents=True)
            self._folder(place).rename(away / place.sequence)
            shutil.rmtree(away)
            with contextlib.suppress(OSError):  # other sequences are left under the number
                self._folder(place).parent.rmdir()


def _rows(part: Path) -> list[ManifestRow]:
    return rows_from_text((part / _ROWS).read_text(encoding="utf-8", errors="surrogateescape"))


def _pictures(folder: Path) -> int:
    """How many pictures a sub-folder holds; 0 where there is none."""
    try:
        with os.scandir(folder) as entries:
            return sum(Path(entry.name).suffix.lower() in IMAGE_SUFFIXES for entry in entries)
    except OSError:
        return 0
