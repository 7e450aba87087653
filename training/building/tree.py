"""The tree being built: whole sequences appear in one rename, each is listed, none is built twice.

A sequence grows in the hidden folder `.part` of the root. When it is done its manifest rows are laid beside it, its
folder is renamed into place, the rows are appended to the manifest, and the hidden folder is removed. Wherever that is
cut off, the next build removes what is half, or lists what is whole.
"""

import contextlib
import errno
import os
import shutil
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from recognizer.errors import InputError
from training.building.manifest import (
    FinishedSources,
    Manifest,
    ManifestRow,
    Place,
    replace_text,
    rows_from_text,
    rows_to_text,
)
from training.building.origin import Origin, sequence_name, share_frames
from training.building.writer import Cutting, SequenceWriter
from training.data.layout import IMAGE_SUFFIXES, MANIFEST, UNREADABLE_FOLDER

if sys.platform != "win32":
    import fcntl

PART: Final = ".part"
"""Hidden folder of the root in which sequences grow."""

FINISHED: Final = ".finished.csv"
"""Hidden file of the root that lists the sources built to their end."""

_ROWS: Final = "rows.csv"
_WRITE_ERRORS: Final = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EACCES, errno.EPERM}


class BuildError(InputError):
    """A data set that cannot be built: its root, or a source that cannot be used or is there in another form."""


@dataclass(slots=True)
class Tally:
    """What a build did."""

    sequences: int = 0
    """Sequences added."""
    pictures: int = 0
    """Pictures in them."""
    there_already: int = 0
    """Sequences that were whole before."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Pictures left out, by reason."""


class DatasetTree:
    """A root to which sequences are added, by one build at a time.

    Args:
        root: the data set's folder; made if missing.
        replace: whether sources that are there in another form are removed first, instead of refused.

    Raises:
        BuildError: The root is no folder, cannot be written to, or another build is writing to it.
        ManifestError: Its manifest cannot be used.
    """

    def __init__(self, root: Path, replace: bool = False) -> None:
        self.root = root
        self.tally = Tally()
        self._replace = replace
        self._part = root / PART
        self._parts = 0
        self._made: list[Path] = []
        self._lock: int | None = None
        self._taken = False
        """Whether the root is locked and its manifest is read."""

    def __enter__(self) -> Self:
        """Lock the root, remove what an interrupted build left half, list what it left whole."""
        try:
            self._take_root()
            self._manifest = Manifest(self.root / MANIFEST)
            self._taken = True
            self._finished = FinishedSources(self.root / FINISHED)
            self._repair()
        except OSError as error:
            self._leave()
            raise self._unwritable(error) from error
        except InputError:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Remove what is half, and a root that was made for nothing; name a full or lost disk."""
        self._leave()
        if isinstance(error, OSError) and error.errno in _WRITE_ERRORS:
            raise self._unwritable(error) from error

    def check(self, origin: Origin) -> None:
        """Refuse a source that is in the tree in another form, or part of it is, unless that is to be replaced.

        Raises:
            BuildError: It is.
        """
        if not self._replace and (parts := self._overlapping(origin)):
            raise BuildError(
                f"{parts[0]} is in {self.root} already and shares frames with {origin.source}, which would be there "
                "twice; give --replace to have this one instead."
            )
        if not self._replace and (others := self._other_forms(origin)):
            builder = self._manifest.rows(others[0])[0].builder
            raise BuildError(
                f"{origin.source} is in {self.root} already, built from other labels, settings or pictures "
                f"({builder!r}, now {origin.builder!r}); give --replace to build it anew."
            )

    def begin(self, origin: Origin) -> bool:
        """Start on a source; returns False where it was built to its end and all of it is there.

        Raises:
            BuildError: It is there in another form and is not to be replaced.
        """
        self.check(origin)
        for source in self._overlapping(origin):
            self._remove(source, self._manifest.places(source))
        if others := self._other_forms(origin):
            self._remove(origin.source, others)
        places = self._manifest.places(origin.source)
        done = (origin.source, origin.builder) in self._finished and all(map(self._is_whole, places))
        self.tally.there_already += len(places) if done else 0
        return not done

    def end(self, origin: Origin) -> None:
        """Record that a source was built to its end."""
        self._finished.add(origin.source, origin.builder)

    def open(self, origin: Origin, number: str | None, track: str, cutting: Cutting) -> SequenceWriter | None:
        """Start a sequence; None where it is there, whole.

        Args:
            origin: where it comes from; `begin` was called for it.
            number: the jersey number, or None where it cannot be read.
            track: a name by `safe_track`.
            cutting: how the sequence is cut into sub-folders.
        """
        place = self._place(origin, number, track)
        if self._is_whole(place):
            self.tally.there_already += 1
            return None
        self._parts += 1
        return SequenceWriter(self._part / str(self._parts) / place.sequence, track, cutting)

    def commit(self, writer: SequenceWriter, origin: Origin, number: str | None) -> None:
        """Put a finished sequence in its place and list it; one without pictures leaves nothing."""
        place, part = Place(number or UNREADABLE_FOLDER, writer.folder.name), writer.folder.parent
        done = writer.finish()
        if writer.left_out:
            self.tally.left_out["in stretches of too few pictures"] += writer.left_out
        if not done:
            return
        rows = [ManifestRow(*place, sub.name, origin.match, origin.source, *sub[1:], origin.builder) for sub in done]
        replace_text(part / _ROWS, rows_to_text(rows))
        self._remove_folder(place)
        self._manifest.remove([place])
        self._folder(place).parent.mkdir(exist_ok=True)
        writer.folder.rename(self._folder(place))
        self._manifest.add(rows)
        shutil.rmtree(part)
        self.tally.sequences += 1
        self.tally.pictures += sum(sub.frames for sub in done)

    def _folder(self, place: Place) -> Path:
        return self.root / place.number / place.sequence

    def _place(self, origin: Origin, number: str | None, track: str) -> Place:
        """Where a track's sequence belongs: its own name, or the next one no other source has taken."""
        bump = 0
        while True:
            place = Place(number or UNREADABLE_FOLDER, sequence_name(origin.source, track, bump))
            if all(row.source == origin.source for row in self._manifest.rows(place)):
                return place
            bump += 1

    def _remove(self, source: str, places: list[Place]) -> None:
        self._finished.remove(source)
        for place in places:
            self._remove_folder(place)
        self._manifest.remove(places)

    def _overlapping(self, origin: Origin) -> list[str]:
        known = self._manifest.sources()
        return [source for source in known if source != origin.source and share_frames(source, origin.source)]

    def _other_forms(self, origin: Origin) -> list[Place]:
        places = self._manifest.places(origin.source)
        return [place for place in places if any(r.builder != origin.builder for r in self._manifest.rows(place))]

    def _is_whole(self, place: Place) -> bool:
        """Whether a sequence is listed and its sub-folders hold as many pictures as the manifest says."""
        rows = self._manifest.rows(place)
        return bool(rows) and all(_pictures(self._folder(place) / row.subdir) == row.frames for row in rows)

    def _remove_folder(self, place: Place) -> None:
        """Remove a sequence's folder; it leaves its place in one rename."""
        if self._folder(place).exists():
            away = self._part / "removed"
            away.mkdir(parents=True, exist_ok=True)
            self._folder(place).rename(away / place.sequence)
            shutil.rmtree(away)
            with contextlib.suppress(OSError):  # other sequences are left under the number
                self._folder(place).parent.rmdir()

    def _take_root(self) -> None:
        if self.root.exists() and not self.root.is_dir():
            raise BuildError(f"{self.root} is a file, but a folder is needed for the data set; choose another with -o.")
        for folder in reversed([path for path in (self.root, *self.root.parents) if not path.exists()]):
            folder.mkdir()
            self._made.append(folder)
        if sys.platform != "win32":
            self._lock = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                os.close(self._lock)
                self._lock = None
                raise BuildError(f"Another build is writing to {self.root}; wait until it is done.") from error

    def _repair(self) -> None:
        """List sequences that were renamed into place but not listed, then drop everything half."""
        journals = sorted(self._part.glob(f"*/{_ROWS}"))
        if journals:
            self._manifest = Manifest(self.root / MANIFEST)  # an interrupt may have left memory behind the file
        for journal in journals:
            rows = rows_from_text(journal.read_text(encoding="utf-8", errors="surrogateescape"))
            place = rows[0].place
            moved = self._folder(place).exists() and not (journal.parent / place.sequence).exists()
            if moved and list(self._manifest.rows(place)) != rows:
                self._manifest.remove([place])
                self._manifest.add(rows)
        if self._part.exists():
            shutil.rmtree(self._part)

    def _leave(self) -> None:
        """Give the root back; where this fails, the next build repairs."""
        with contextlib.suppress(OSError):
            if self._taken:
                self._repair()
        for folder in reversed(self._made):
            with contextlib.suppress(OSError):  # something was written there
                folder.rmdir()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _unwritable(self, error: OSError) -> BuildError:
        reason = (error.strerror or str(error)).lower()
        return BuildError(f"Cannot write to {self.root}: {reason}; what is in it is whole.")


def _pictures(folder: Path) -> int:
    """How many pictures a sub-folder holds; 0 where there is none."""
    try:
        with os.scandir(folder) as entries:
            return sum(Path(entry.name).suffix.lower() in IMAGE_SUFFIXES for entry in entries)
    except OSError:
        return 0
