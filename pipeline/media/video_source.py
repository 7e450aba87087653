"""What every source of frames offers, whatever it reads from."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from pipeline.types import Frame
from recognizer.errors import InputError

ASSUMED_RATE = Fraction(25)
"""Frames per second where nothing states a rate."""


class VideoError(InputError):
    """A video cannot be read or written."""


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """The part of a video to read: start <= time < end."""

    start: Fraction = Fraction(0)
    """Seconds from the first frame, 0 or more."""
    end: Fraction | None = None
    """Seconds from the first frame; None: to the end of the video."""

    def __str__(self) -> str:
        return f"from {float(self.start):g} s" + ("" if self.end is None else f" to {float(self.end):g} s")

    def seconds_of(self, whole: float | None) -> float | None:
        """Seconds the span takes of a video that is `whole` seconds long; None where neither says.

        >>> TimeSpan(Fraction(2), Fraction(5)).seconds_of(4.0)
        2.0
        """
        ends = [float(end) for end in (whole, self.end) if end is not None]
        return max(0.0, min(ends) - float(self.start)) if ends else None


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known about a video before it is decoded."""

    path: Path
    """The file, or the folder of images."""
    name: str
    """Short name, fit for a folder: the file name without its suffix, or the folder's name."""
    width: int
    """Pixels of the upright picture; may be odd."""
    height: int
    """Pixels of the upright picture; may be odd."""
    frames_per_second: Fraction
    """Usual rate. Frames may be spaced unevenly: their own times count."""
    duration_seconds: float | None
    """Length of the part to be read by the header's word, which is a hint only; None where it says nothing."""
    has_audio: bool
    files: tuple[Path, ...] = ()
    """Every file that is read, in order."""
    pattern: str | None = None
    """The glob that found the images; None for anything else."""
    rate_assumed: bool = False
    """Whether `frames_per_second` is a guess because nothing states it (images, some raw streams)."""
    time_base: Fraction = Fraction(1, 90_000)
    """Seconds; every frame's time is a whole multiple of it."""
    origin: Fraction = Fraction(0)
    """Seconds on the file's own clock at which `Frame.time` is 0; other streams of the file are shifted by it."""
    span: TimeSpan = TimeSpan()
    """The part that is read."""
    decoder: str = "software"
    """What decodes it: `software` (FFmpeg) or `hardware` (a graphics card)."""
    pixel_aspect: Fraction = Fraction(1)
    """Width of an upright pixel over its height. Frames are given as stored: round things look round only at 1."""


class VideoSource(Protocol):
    """A video that can be read from its start as often as needed."""

    @property
    def info(self) -> VideoInfo:
        """What is known before decoding."""

    @property
    def frames_lost(self) -> int:
        """Frames damaged beyond use in the last complete pass, at least; whole frames only are handed out."""

    @property
    def truncated(self) -> bool:
        """Whether the source broke off before its end in the last complete pass."""

    def frames(self) -> Iterator[Frame]:
        """Decode the video once more, one frame at a time.

        Every pass gives the same frames (of a damaged video some pixels may differ where the damage went unnoticed).
        `Frame.index` counts the frames handed out from 0, also when the span starts later; `Frame.time` counts from
        the first frame of the whole video and strictly increases.

        Raises:
            VideoError: The source has become unreadable since it was opened.
        """
