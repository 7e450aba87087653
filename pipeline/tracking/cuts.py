"""Notices hard cuts, behind which nobody stands where the tracker expects them, and tells them from flashes."""

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice
from typing import Final, Generic, NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.clock import StageClock
from pipeline.types import Frame, UInt8Image

T = TypeVar("T")

_SIZE = (64, 36)
_BINS = 8
_FLASH: Final = 2
"""Frames that a flash lights at the most."""
_FLASH_SECONDS: Final = 0.15
"""Longest time from the frame before a flash to the one behind it; what takes longer may be a short shot."""
_AS_BEFORE: Final = 0.2
"""Distance up to which a frame behind a flash looks like the one before it: 0.07 to 0.11 in a hall lit by
photographers' flashes; what followed a cut, or a flash that hides one, was at 0.4 or more."""


class Shown(NamedTuple, Generic[T]):
    """Frames in a row, and what is known of the last of them."""

    frames: list[Frame]
    """At least one; only the last was looked at."""
    found: T
    """What was found in the last one."""
    begins_shot: bool
    """Whether a cut lies before the last one."""


def find_cuts(groups: Iterable[tuple[list[Frame], T]], distance: float, clock: StageClock) -> Iterator[Shown[T]]:
    """Say which frames begin a new shot, by comparing the colours of each with those of the one before.

    A flash lights a frame or two, and then all is as before. That is no cut: such frames are handed on together with
    the next one, as if nobody had looked at them. Looks two groups ahead where a frame is unlike the one before. Where
    frames, or those that are looked at, are far apart, nothing tells a flash from a short shot: it is two cuts.

    Args:
        groups: Frames in order with what was found in the last of each group; only these last ones are compared.
        distance: Hellinger distance of the colour histograms, 0 to 1, above which two frames belong to different
            shots; 1 finds no cut. In 37 match clips neighbouring frames of one shot differed by up to 0.41 and hard
            cuts by 0.5 to 0.78; pans too fast to follow anyone in differed by 0.5 to 0.6. Frames farther apart
            (`detector.every`) also tell some dissolves and wipes.
        clock: Counts the time that it takes as that of the stage `track`.
    """
    rest = iter(groups)
    ahead: deque[_Seen[T]] = deque()
    before: _Seen[T] | None = None
    while ahead or (ahead := _look(rest, 1, clock)):
        first = ahead[0]
        unlike = before is not None and hellinger(before.colours, first.colours) > distance
        if unlike:
            ahead += _look(rest, _FLASH + 1 - len(ahead), clock)
        if before is not None and unlike and (lit := _flash(before, ahead)):
            dark = [frame for _ in range(lit) for frame in ahead.popleft().frames]
            ahead[0] = ahead[0]._replace(frames=dark + ahead[0].frames)
            continue
        before = ahead.popleft()
        yield Shown(before.frames, before.found, unlike)


class _Seen(NamedTuple, Generic[T]):
    frames: list[Frame]
    found: T
    colours: NDArray[np.float32]
    """Of the last frame."""


def _look(groups: Iterator[tuple[list[Frame], T]], count: int, clock: StageClock) -> "deque[_Seen[T]]":
    seen: deque[_Seen[T]] = deque()
    for frames, found in islice(groups, count):
        with clock.stage("track"):
            seen.append(_Seen(frames, found, colours(frames[-1].bgr)))
    return seen


def _flash(before: _Seen[T], ahead: "deque[_Seen[T]]") -> int:
    """How many of the first ones a flash lights; 0 where nothing looks as before again soon enough."""
    latest = before.frames[-1].time + Fraction(_FLASH_SECONDS)
    soon = (place for place, one in enumerate(ahead) if one.frames[-1].time <= latest)
    return next((place for place in soon if hellinger(before.colours, ahead[place].colours) <= _AS_BEFORE), 0)


def colours(bgr: UInt8Image) -> NDArray[np.float32]:
    """Colour histogram of a picture shrunk to 64 x 36, 8 bins a channel; float32 (512,), sums to 1."""
    small = cv2.resize(bgr, _SIZE, interpolation=cv2.INTER_AREA)
    counts = cv2.calcHist([small], [0, 1, 2], None, [_BINS] * 3, [0, 256] * 3).ravel()
    return np.asarray(counts / counts.sum(), np.float32)


def hellinger(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Hellinger distance (Hellinger 1909) of two histograms that sum to 1; 0 alike, 1 nothing in common.

    >>> hellinger(np.array([1, 0], np.float32), np.array([0, 1], np.float32))
    1.0
    """
    return float(np.sqrt(max(0.0, 1.0 - float(np.sqrt(first * second).sum()))))
