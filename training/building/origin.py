"""Names that are the same whenever the same thing is built: sources, tracks, sequences."""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

_SEQUENCE_IDS: Final = 10**8
_PART_OF_VIDEO: Final = re.compile(
    r".+@(?P<digest>[0-9a-f]{12})(?: from (?P<start>[0-9.e+]+) s(?: to (?P<end>[0-9.e+]+) s)?)?"
)
"""A video's name as `training.building.video.video_name` makes it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a group of sequences comes from."""

    source: str
    """What is in a tree at most once: a video with its digest, or a part of a data set."""
    match: str
    """Key that must stay on one side of a split; blank where none is known."""
    builder: str
    """Sub-command and digest of all that decides which pictures come out."""


def share_frames(one: str, other: str) -> bool:
    """Whether two sources are parts of one video that overlap, whatever its file is called.

    >>> whole, part = "match.mp4@0123456789ab", "match.mp4@0123456789ab from 2 s to 5 s"
    >>> share_frames(whole, part), share_frames(part, "match.mp4@0123456789ab from 5 s")
    (True, False)
    >>> share_frames(whole, "copy.mp4@0123456789ab")
    True
    """
    first, second = _PART_OF_VIDEO.fullmatch(one), _PART_OF_VIDEO.fullmatch(other)
    if first is None or second is None or first["digest"] != second["digest"]:
        return False
    starts = [float(part["start"] or 0) for part in (first, second)]
    ends = [float(part["end"] or "inf") for part in (first, second)]
    return max(starts) < min(ends)


def are_two_videos(one: str, other: str) -> bool:
    """Whether two sources are videos, or parts of them, of different content.

    >>> are_two_videos("a/match.mp4@0123456789ab", "b/match.mp4@ba9876543210 from 2 s"), are_two_videos("x/1", "x/2")
    (True, False)
    """
    first, second = _PART_OF_VIDEO.fullmatch(one), _PART_OF_VIDEO.fullmatch(other)
    return first is not None and second is not None and first["digest"] != second["digest"]


def digest(*parts: object) -> str:
    """A short digest of values by their text (bytes as they are).

    >>> digest("a", 1) == digest("a", 1), digest("a", 1) == digest("a1", "")
    (True, False)
    """
    whole = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else _bytes(str(part))
        whole.update(hashlib.sha256(data).digest())
    return whole.hexdigest()[:12]


def safe_track(text: str) -> str:
    """A track's name as it may stand in a file name.

    >>> safe_track("shop 3/IMG_anchor")
    'shop-3-IMG-anchor'
    """
    return re.sub(r"[^A-Za-z0-9.-]+", "-", text) or "-"


def sequence_name(source: str, track: str, bump: int = 0) -> str:
    """Name of a track's sequence, the same for the same source and track in every tree.

    >>> sequence_name("match.mp4", "759") == sequence_name("match.mp4", "759")
    True

    Args:
        source: as in `Origin`.
        track: a name by `safe_track`.
        bump: counts up where another source has taken the name.
    """
    number = int.from_bytes(hashlib.sha256(_bytes(source)).digest()[:8], "big")
    return f"player_{track}_seq_{(number + bump) % _SEQUENCE_IDS}"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
