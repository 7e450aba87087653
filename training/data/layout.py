"""The data set's folders: `ROOT/{number}/{sequence}/{subdir}/*.jpg|png`, scanned without opening a picture.

A sequence is one player followed through one video; its sub-folders are stretches without a gap, and training makes one
window of each in an epoch. Folder `-1` holds players whose number cannot be read.
"""

import csv
import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from pipeline.media.images import natural_key
from recognizer.errors import InputError
from recognizer.labels import NUMBERS

UNREADABLE_FOLDER: Final = "-1"
"""Folder of the players without a readable number."""

ANCHOR_MARK: Final = "_anchor"
"""Stands in the file name of a sub-folder's clearest picture."""

IMAGE_SUFFIXES: Final = (".jpg", ".jpeg", ".png")

MANIFEST: Final = "manifest.csv"
"""Table in the root that says where each sub-folder came from; a tree without one is fine."""

CROPS: Final = "crops.json"
"""File in the root that says how the regions were cut out of players; see `training.data.geometry`."""

MANIFEST_COLUMNS: Final = (
    "number",
    "sequence",
    "subdir",
    "match",
    "source",
    "first_frame",
    "last_frame",
    "frames",
    "builder",
)

_FRAME_NAME: Final = re.compile(r"(.+)_([0-9]+)_([0-9]+)(_anchor)?", re.DOTALL)
_BUILT_NAME: Final = re.compile(r"player_.+_seq_\d+")
_FOLDER_ORDER: Final = {name: place for place, name in enumerate((*NUMBERS, UNREADABLE_FOLDER))}


class LayoutError(InputError):
    """A data-set root that is missing, empty or not of the agreed form."""


class FrameName(NamedTuple):
    """What the name of a picture says."""

    track: str
    """The track the picture was cut from."""
    frame_index: int
    """0-based frame of the video."""
    serial: int
    """Tells pictures of one track and frame apart."""
    anchor: bool
    """Whether it is the clearest picture of its sub-folder."""


@dataclass(frozen=True, slots=True)
class SubSequence:
    """One sub-folder: pictures of one player without a gap."""

    number: str | None
    """Jersey number; None for folder `-1`."""
    sequence: str
    """Name of the folder under the number."""
    subdir: str
    """Name of the folder under the sequence."""
    frames: tuple[Path, ...]
    """Pictures in order of time, at least one."""
    anchor: int | None
    """Place in `frames` of the clearest picture; None where no name says so."""
    match: str
    """The match it was filmed in, from the manifest; the sequence's own key where none is known."""

    @property
    def folder(self) -> str:
        """Name of the number's folder, `-1` where no number can be read."""
        return UNREADABLE_FOLDER if self.number is None else self.number

    @property
    def key(self) -> str:
        """What must never stand on both sides of a split, such as `7/player_759_seq_2822`."""
        return f"{self.folder}/{self.sequence}"

    @property
    def match_known(self) -> bool:
        """Whether a manifest names the match."""
        return self.match != self.key


@dataclass(frozen=True, slots=True)
class Rejected:
    """A file or folder that was left out."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Layout:
    """A scanned data set."""

    root: Path
    items: tuple[SubSequence, ...]
    """By number ('0' to '99', '00', then '-1'), sequence and sub-folder; at least one."""
    rejected: tuple[Rejected, ...]

    def describe(self) -> str:
        """A table of sequences, sub-folders and pictures of each number, then what was left out and why."""
        sequences = Counter(key.partition("/")[0] for key in {item.key for item in self.items})
        folders = Counter(item.key.partition("/")[0] for item in self.items)
        pictures: Counter[str] = Counter()
        for item in self.items:
            pictures[item.key.partition("/")[0]] += len(item.frames)
        lines = [f"{'number':>6} {'sequences':>9} {'sub-folders':>11} {'pictures':>8}"]
        lines += [f"{n:>6} {sequences[n]:>9} {folders[n]:>11} {pictures[n]:>8}" for n in folders]
        lines.append(f"{'all':>6} {sequences.total():>9} {folders.total():>11} {pictures.total():>8}")
        return "\n".join(lines + [f"left out: {left.path}: {left.reason}" for left in self.rejected])


def frame_name(track: str, frame_index: int, serial: int, anchor: bool, suffix: str = ".jpg") -> str:
    """The file name of a picture.

    >>> frame_name("759", 10368, 0, anchor=True)
    '759_10368_0_anchor.jpg'

    Raises:
        ValueError: The track is no part of a file name or holds the anchor's mark, or a number is negative.
    """
    if not track or "/" in track or "\\" in track or "\0" in track or ANCHOR_MARK in track:
        raise ValueError(f"track is {track!r}; allowed is text without a slash and without {ANCHOR_MARK!r}")
    if frame_index < 0 or serial < 0:
        raise ValueError(f"frame_index is {frame_index} and serial is {serial}; both must be at least 0")
    return f"{track}_{frame_index}_{serial}{ANCHOR_MARK if anchor else ''}{suffix}"


def parse_frame_name(name: str) -> FrameName | None:
    """The inverse of `frame_name`; None for a name of another form.

    >>> parse_frame_name("759_10368_0_anchor.jpg")
    FrameName(track='759', frame_index=10368, serial=0, anchor=True)
    """
    found = _FRAME_NAME.fullmatch(name.rpartition(".")[0])
    return FrameName(found[1], int(found[2]), int(found[3]), found[4] is not None) if found else None


def bears_built_name(sequence: str) -> bool:
    """Whether a sequence's name is by `build_dataset`, as `player_759_seq_2822`: it means one track in every tree."""
    return _BUILT_NAME.fullmatch(sequence) is not None


def in_time_order(names: Sequence[str]) -> list[str]:
    """Picture names by frame index, or in natural order where a name of another form is among them.

    >>> in_time_order(["9_100_0.jpg", "9_99_0.jpg"])
    ['9_99_0.jpg', '9_100_0.jpg']
    """
    parsed = {name: parse_frame_name(name) for name in names}
    if all(parsed.values()):
        return sorted(names, key=lambda name: ((p := parsed[name]) and (p.frame_index, p.serial), name))
    return sorted(names, key=lambda name: (natural_key(Path(name)), name))


def read_manifest(root: Path) -> dict[tuple[str, str, str], str]:
    """Matches of the sub-folders listed in the manifest, by (number folder, sequence, subdir); empty without one.

    Raises:
        LayoutError: The file cannot be read or lacks a column.
    """
    path = root / MANIFEST
    needed = MANIFEST_COLUMNS[:4]
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, strict=True)
            missing = [column for column in needed if column not in (table.fieldnames or ())]
            rows = [] if missing else [tuple(row[column] or "" for column in needed) for row in table]
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LayoutError(f"The manifest {path} cannot be read ({error}); mend it or remove it.") from error
    if missing:
        raise LayoutError(f"The manifest {path} lacks the column {missing[0]!r}; it needs {', '.join(needed)}.")
    return {(number, sequence, subdir): match for number, sequence, subdir, match in rows if match}


def scan(root: Path) -> Layout:
    """List a data set's sub-folders.

    Names that start with a dot are passed over. Whatever else is not of the agreed form is listed as rejected.

    Args:
        root: The folder that holds the number folders.

    Raises:
        LayoutError: The root is missing or no folder, holds no usable picture, or has a damaged manifest.
    """
    if not root.is_dir():
        state = "is no folder" if root.exists() else "does not exist"
        raise LayoutError(f"The data root {root} {state}; give a folder of the form NUMBER/SEQUENCE/SUBDIR/*.jpg.")
    scanner = _Scanner(read_manifest(root))
    items = tuple(scanner.items(root))
    if not items:
        first = f" ({scanner.rejected[0].path}: {scanner.rejected[0].reason})" if scanner.rejected else ""
        raise LayoutError(
            f"The data root {root} holds no usable picture{first}; "
            "give a folder of the form NUMBER/SEQUENCE/SUBDIR/*.jpg."
        )
    return Layout(root, items, tuple(scanner.rejected))


@dataclass(slots=True)
class _Scanner:
    """One walk over a tree."""

    matches: dict[tuple[str, str, str], str]
    rejected: list[Rejected] = field(default_factory=list)

    def items(self, root: Path) -> Iterator[SubSequence]:
        """The usable sub-folders, in order; fills `rejected`."""
        of_sequence = {(number, sequence): match for (number, sequence, _), match in self.matches.items()}
        of_track = {name: match for (_, name), match in of_sequence.items() if bears_built_name(name)}
        numbers = self._folders(root, "a number folder", keep=(MANIFEST, CROPS))
        known = [folder for folder in numbers if folder.name in _FOLDER_ORDER]
        for folder in numbers:
            if folder.name not in _FOLDER_ORDER:
                reason = f"{folder.name!r} is no jersey number; allowed are '0' to '99', '00' and '-1'"
                self.rejected.append(Rejected(folder, reason))
        for number in sorted(known, key=lambda folder: _FOLDER_ORDER[folder.name]):
            for sequence in self._folders(number, "a sequence folder"):
                own = f"{number.name}/{sequence.name}"
                moved = of_track.get(sequence.name, own)  # by hand, to another number: it stays with its match
                of_all = of_sequence.get((number.name, sequence.name), moved)
                for subdir in self._folders(sequence, "a sub-folder"):
                    match = self.matches.get((number.name, sequence.name, subdir.name), of_all)
                    if names := self._pictures(subdir):
                        yield _sub_sequence(subdir, names, match)

    def _folders(self, parent: Path, expected: str, keep: Collection[str] = ()) -> list[Path]:
        """Folders inside `parent` in natural order; stray files, but for `keep`, are rejected."""
        entries = self._entries(parent)
        if entries is None:
            return []
        for entry in entries:
            if not entry.is_dir() and entry.name not in keep:
                self.rejected.append(Rejected(Path(entry.path), f"a file where {expected} belongs"))
        folders = [Path(entry.path) for entry in entries if entry.is_dir()]
        if not folders and not keep:
            self.rejected.append(Rejected(parent, f"holds no folder where {expected} belongs"))
        return sorted(folders, key=lambda folder: (natural_key(Path(folder.name)), folder.name))

    def _pictures(self, subdir: Path) -> list[str]:
        """Names of the pictures in a sub-folder, in time order; everything else in it is rejected."""
        entries = self._entries(subdir)
        if entries is None:
            return []
        names: list[str] = []
        for entry in entries:
            if entry.name.lower().endswith(IMAGE_SUFFIXES) and entry.is_file():
                names.append(entry.name)
            else:
                self.rejected.append(Rejected(Path(entry.path), "is no jpg or png picture"))
        if not names:
            self.rejected.append(Rejected(subdir, "holds no jpg or png picture"))
        return in_time_order(names)

    def _entries(self, folder: Path) -> list[os.DirEntry[str]] | None:
        """What lies in a folder, by name, hidden names left out; None for one that cannot be listed and is rejected."""
        try:
            with os.scandir(folder) as found:
                return sorted((e for e in found if not e.name.startswith(".")), key=lambda entry: entry.name)
        except OSError as error:
            self.rejected.append(Rejected(folder, f"cannot be listed: {error.strerror or error}"))
            return None


def _sub_sequence(subdir: Path, names: Sequence[str], match: str) -> SubSequence:
    """A sub-folder with its pictures' names in time order; the first name with the mark is the anchor."""
    number, sequence = subdir.parent.parent.name, subdir.parent.name
    anchor = next((place for place, name in enumerate(names) if ANCHOR_MARK in name), None)
    return SubSequence(
        number=None if number == UNREADABLE_FOLDER else number,
        sequence=sequence,
        subdir=subdir.name,
        frames=tuple(subdir / name for name in names),
        anchor=anchor,
        match=match,
    )
