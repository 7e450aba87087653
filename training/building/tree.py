"""The tree being built: whole sequences appear in one rename, each is listed, none is built twice.

A sequence grows in the hidden folder `.part` of the root and is put in its place when it is done. Where a source is
there in another form, its new sequences wait until all of them are done, and then take the places of the old ones.
Wherever that is cut off, the next build removes what is half, or carries it to its end: see `training.building.store`.
"""

import contextlib
import errno
import json
import logging
import os
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pipeline.crops import CropSettings
from recognizer.errors import InputError, reason_of
from recognizer.labels import NUMBERS
from training.building.manifest import ManifestRow, Place, replace_text
from training.building.members import DataSet
from training.building.origin import Origin, are_two_videos, sequence_name, share_frames
from training.building.store import PART, Store
from training.building.writer import Cutting, SequenceWriter
from training.data.geometry import geometry_of, geometry_options, geometry_text, read_geometry, unlike
from training.data.layout import CROPS, UNREADABLE_FOLDER

if sys.platform != "win32":
    import fcntl

logger = logging.getLogger(__name__)

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
        crops: how the regions that are added are cut; a root whose regions were cut otherwise is refused, and a new one
            is told. None: nothing is known of it.
        replace: whether sources that are there in another form are replaced, once the new one is whole, instead of
            refused.

    Raises:
        BuildError: The root is no folder, cannot be written to, another build is writing to it, or its regions were cut
            otherwise.
        ManifestError: Its manifest cannot be used.
    """

    def __init__(self, root: Path, replace: bool = False, crops: CropSettings | None = None) -> None:
        self.root = root
        self.tally = Tally()
        self._replace = replace
        self._geometry = None if crops is None else geometry_of(crops)
        self._parts = 0
        self._old: list[Place] = []
        """Sequences that go once the source that was begun is whole."""
        self._waiting: dict[Place, Path] = {}
        """Its finished sequences, if there are old ones."""
        self._is_new = False
        """Whether no region is in it yet, so that the first one decides how all are cut."""
        self._made: list[Path] = []
        self._lock: int | None = None
        self._taken = False
        """Whether the root is locked and its manifest is read."""

    def __enter__(self) -> Self:
        """Lock the root, remove what an interrupted build left half, list what it left whole."""
        try:
            self._take_root()
            self._store = Store(self.root)
            self._taken = True
            self._store.repair()
            self._require_geometry()
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
            builder = self._store.manifest.rows(others[0])[0].builder
            raise BuildError(
                f"{origin.source} is in {self.root} already, built from other labels, settings or pictures "
                f"({builder!r}, now {origin.builder!r}); give --replace to build it anew."
            )

    def check_members(self, data_set: DataSet) -> None:
        """Refuse a data set that has lost a member since it was built, unless that is to be replaced.

        Raises:
            BuildError: It has, or another data set of its name is in the tree.
        """
        if not self._replace and (lost := self._lost(data_set)):
            raise BuildError(
                f"{lost[0]} is in {self.root}, but not in {data_set.folder} any more; give --replace to take out what "
                f"this folder lacks ({len(lost)} in all), or another --name where it is another data set."
            )

    def take_out_lost(self, data_set: DataSet) -> None:
        """Take out, all or none, what comes from members that a data set has lost; its others were built before."""
        if lost := self._lost(data_set):
            logger.warning(
                "%s and what else %s does not hold any more (%d in all) is taken out of %s.",
                lost[0],
                data_set.folder,
                len(lost),
                self.root,
            )
            self._store.swap([], [place for source in lost for place in self._store.manifest.places(source)])

    def other_video(self, origin: Origin) -> str | None:
        """A video in the tree that counts as the match of this one and is another; None where there is none."""
        others = self._store.manifest.sources_of(origin.match)
        return next((source for source in others if are_two_videos(source, origin.source)), None)

    def begin(self, origin: Origin) -> bool:
        """Start on a source; returns False where it was built to its end and all of it is there.

        What it replaces stays until `settle` or `end`; where neither is called, nothing of the source is added.

        Raises:
            BuildError: It is there in another form and is not to be replaced.
        """
        self.check(origin)
        for part in self._waiting.values():
            self._store.drop(part)
        manifest, self._waiting = self._store.manifest, {}
        self._old = [place for source in self._overlapping(origin) for place in manifest.places(source)]
        self._old += self._other_forms(origin)
        places = manifest.places(origin.source)
        known = not self._old and (origin.source, origin.builder) in self._store.finished
        done = known and all(map(self._store.is_whole, places))
        self.tally.there_already += len(places) if done else 0
        return not done

    def settle(self) -> None:
        """All of the source that was begun is there: what it replaces goes, and its sequences take their places."""
        if self._old:
            self._store.swap(self._waiting.values(), self._old)
        self._old, self._waiting = [], {}

    def end(self, origin: Origin) -> None:
        """Settle, and record that the source was built to its end, so that it is not begun again."""
        self.settle()
        self._store.finished.add(origin.source, origin.builder)

    def open(self, origin: Origin, number: str | None, track: str, cutting: Cutting) -> SequenceWriter | None:
        """Start a sequence; None where it is there, whole and of this form.

        Args:
            origin: where it comes from; `begin` was called for it.
            number: the jersey number, or None where it cannot be read.
            track: a name by `safe_track`.
            cutting: how the sequence is cut into sub-folders.
        """
        place = self._place(origin, number, track)
        if place in self._waiting or self._store.is_whole(place, origin.builder):
            self.tally.there_already += 1
            return None
        self._parts += 1
        return SequenceWriter(self.root / PART / str(self._parts) / place.sequence, track, cutting)

    def commit(self, writer: SequenceWriter, origin: Origin, number: str | None) -> None:
        """Put a finished sequence in its place and list it, at once or, where it replaces others, with `settle`.

        One without pictures leaves nothing.
        """
        place, part = Place(number or UNREADABLE_FOLDER, writer.folder.name), writer.folder.parent
        done = writer.finish()
        if writer.left_out:
            self.tally.left_out["in stretches of too few pictures"] += writer.left_out
        if not done:
            return
        rows = [ManifestRow(*place, sub.name, origin.match, origin.source, *sub[1:], origin.builder) for sub in done]
        if self._is_new and self._geometry is not None:
            replace_text(self.root / CROPS, json.dumps(self._geometry, indent=2) + "\n")
        self._is_new = False
        self._store.finish(part, rows)
        if self._old:
            self._waiting[place] = part
        else:
            self._store.put(part)
        self.tally.sequences += 1
        self.tally.pictures += sum(sub.frames for sub in done)

    def _place(self, origin: Origin, number: str | None, track: str) -> Place:
        """Where a track's sequence belongs: its own name, or the next one no other source has taken."""
        bump = 0
        while True:
            place = Place(number or UNREADABLE_FOLDER, sequence_name(origin.source, track, bump))
            if all(row.source == origin.source for row in self._store.manifest.rows(place)):
                return place
            bump += 1

    def _overlapping(self, origin: Origin) -> list[str]:
        known = self._store.manifest.sources()
        return [source for source in known if source != origin.source and share_frames(source, origin.source)]

    def _other_forms(self, origin: Origin) -> list[Place]:
        rows, places = self._store.manifest.rows, self._store.manifest.places(origin.source)
        return [place for place in places if any(row.builder != origin.builder for row in rows(place))]

    def _lost(self, data_set: DataSet) -> list[str]:
        manifest = self._store.manifest
        builders = {source: manifest.rows(manifest.places(source)[0])[0].builder for source in manifest.sources()}
        return [source for source, builder in builders.items() if data_set.has_lost(source, builder)]

    def _require_geometry(self) -> None:
        """Refuse to mix regions that show different parts of a player; the file itself comes with the first sequence.

        A root that holds pictures and no file stays without one: nobody knows how they were cut.
        """
        found = read_geometry(self.root)
        numbers = (*NUMBERS, UNREADABLE_FOLDER)
        self._is_new = found is None and not any((self.root / number).exists() for number in numbers)
        if found and self._geometry and (others := unlike(found, self._geometry)):
            here = geometry_text({name: self._geometry[name] for name in others})
            raise BuildError(
                f"The regions in {self.root} were cut with {geometry_text(others)} (its {CROPS} says so), and these "
                f"would be cut with {here}; give {geometry_options(others)} or build another data set with -o."
            )

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

    def _leave(self) -> None:
        """Give the root back; where this fails, the next build repairs."""
        with contextlib.suppress(OSError):
            if self._taken:
                self._store.repair()
        for folder in reversed(self._made):
            with contextlib.suppress(OSError):  # something was written there
                folder.rmdir()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _unwritable(self, error: OSError) -> BuildError:
        reason = reason_of(error)
        return BuildError(f"Cannot write to {self.root}: {reason}; what is in it is whole.")
