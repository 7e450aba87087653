"""Finds the tracklets of the SoccerNet jersey protocol and their truth.

Tracklets are folders of pictures (`IMAGES/{tracklet}/*.jpg`, with or without a `*_gt.json`), or the player sequences of
a data-set tree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from pipeline.media.images import natural_key
from recognizer.errors import InputError
from training.building.soccernet import read_truth
from training.data.layout import IMAGE_SUFFIXES, scan

Shows = Literal["players", "numbers"]
"""What a picture shows. players: a whole player, of whom the jersey region is cut as from a box of that size; numbers:
it is read as it is."""


class ProtocolError(InputError):
    """Pictures and truth that cannot be used together."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """What is to be predicted."""

    images: Path
    """Folder of tracklet folders (or one that holds it as `images`), or a data-set tree."""
    truth: Path | None
    """`{"0": 10, "1": -1}`; by default the one `*_gt.json` in or beside the folder. Without any, nothing is scored."""
    shows: Shows | None = None
    """None: players, but for a tree, whose pictures are jersey regions already and are always read as they are."""


@dataclass(frozen=True, slots=True)
class Tracklet:
    """One player followed through a clip."""

    name: str
    files: tuple[Path, ...]
    """Pictures in order of time; may be none."""


class Tracklets(NamedTuple):
    """What is to be read."""

    tracklets: list[Tracklet]
    """In natural order."""
    truth: Mapping[str, str | None] | None
    """Number of each tracklet that is scored, None for -1; None where no truth is known."""
    shows: Shows
    """What their pictures show."""


def find_tracklets(protocol: Protocol) -> Tracklets:
    """The tracklets in natural order, and their truth where it is known.

    Tracklets that the truth names and of which there is no picture are predicted -1.

    Raises:
        InputError: There is no picture, the truth cannot be read, or they do not belong together.
    """
    if not protocol.images.is_dir():
        raise ProtocolError(f"{protocol.images} is no folder; give one of the form TRACKLET/*.jpg.")
    inner = protocol.images / "images"
    folder = inner if inner.is_dir() else protocol.images
    found = {path.name: pictures for path in folder.iterdir() if path.is_dir() and (pictures := _pictures(path))}
    if not found:
        return _tree(protocol)
    truth_file = protocol.truth or _truth_beside(folder)
    truth = read_truth(truth_file) if truth_file else None
    if truth is not None and not set(truth) & set(found):
        raise ProtocolError(
            f"{truth_file} names none of the {len(found)} tracklets in {folder}; give the pair that fits."
        )
    names = sorted({*found, *(truth or ())}, key=lambda name: natural_key(Path(name)))
    return Tracklets([Tracklet(name, found.get(name, ())) for name in names], truth, protocol.shows or "players")


def _tree(protocol: Protocol) -> Tracklets:
    """Player sequences of a data-set tree, which knows its truth."""
    if protocol.truth is not None:
        raise ProtocolError(
            f"{protocol.images} holds no folders of pictures that {protocol.truth} could name; a data set "
            "(NUMBER/SEQUENCE/SUBDIR/*.jpg) needs no --ground-truth."
        )
    if protocol.shows == "players":
        raise ProtocolError(
            f"{protocol.images} is a data set, whose pictures are jersey regions already; leave out --crops players."
        )
    files: dict[str, list[Path]] = {}
    truth: dict[str, str | None] = {}
    for item in scan(protocol.images).items:
        files.setdefault(item.key, []).extend(item.frames)
        truth[item.key] = item.number
    return Tracklets([Tracklet(name, tuple(paths)) for name, paths in files.items()], truth, "numbers")


def _pictures(folder: Path) -> tuple[Path, ...]:
    kept = (path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.name[0] != ".")
    return tuple(sorted((path for path in kept if path.is_file()), key=natural_key))


def _truth_beside(folder: Path) -> Path | None:
    """The one `*_gt.json` in or above a folder of tracklets."""
    found = sorted([*folder.glob("*_gt.json"), *folder.parent.glob("*_gt.json")])
    if len(found) > 1:
        raise ProtocolError(f"{folder} has {len(found)} files *_gt.json in or beside it; name one: --ground-truth.")
    return found[0] if found else None
