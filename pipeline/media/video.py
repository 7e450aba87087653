"""Video in: tells by the user's word what to read, and opens it."""

import glob
import re
from fractions import Fraction
from pathlib import Path
from typing import Final

from pipeline.media.decoders import DecoderKind
from pipeline.media.images import IMAGE_SUFFIXES, ImageSequence, image_files
from pipeline.media.video_file import VideoFile
from pipeline.media.video_source import TimeSpan, VideoError, VideoInfo, VideoSource
from recognizer.errors import reason_of

__all__ = ["TimeSpan", "VideoError", "VideoInfo", "VideoSource", "open_source"]

MAX_SECONDS: Final = 10_000_000
"""Longest start or duration, 115 days: more than any video has, and few enough ticks for every file format."""

_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://")


def open_source(
    input: str | Path,
    start_seconds: float = 0.0,
    duration_seconds: float | None = None,
    decoder: DecoderKind = "software",
    card: int | None = None,
    threads: int = 0,
) -> VideoSource:
    """Open a video file, a folder of images, a glob of images, or one image.

    Args:
        input: path or glob. Images are read in natural order at an assumed 25 frames/s.
        start_seconds: frames before are left out, counted from the first frame; at most `MAX_SECONDS`.
        duration_seconds: how much to read from there, at most `MAX_SECONDS`; None reads to the end.
        decoder: what decodes a video file; see `pipeline.media.decoders`.
        card: place of the CUDA device that the run computes on; None for a CPU.
        threads: that decode a video file; 0 takes one for each core.

    Raises:
        VideoError: It cannot be used; the message says why, in one sentence for the user.
        DecoderError: A hardware decoder was asked for, and none takes the file.
    """
    span, named = _span(start_seconds, duration_seconds), str(input)
    if not named:
        raise VideoError("The input is an empty name; give a video file, a folder of images or a glob of images.")
    if _URL.match(named):
        raise VideoError(f"{named} is a network address; streams are not supported yet, give a video file instead.")
    try:
        path, images = _find(named)
    except OSError as error:  # a name too long, a folder that may not be entered
        raise VideoError(f"{named} cannot be read ({reason_of(error)}).") from error
    if images is None:
        return VideoFile(path, span, decoder, card, threads)
    return ImageSequence(path, images, span, pattern=None if Path(named).exists() else named)


def _find(named: str) -> tuple[Path, list[Path] | None]:
    """The file or folder that a name means, and the images to read from it; None where it is a video file."""
    path = Path(named)
    if path.is_dir():
        return path, _require_images(image_files(list(path.iterdir())), f"{path} holds no images")
    if path.exists():
        return path, [path] if path.suffix.lower() in IMAGE_SUFFIXES else None
    if not glob.has_magic(named):
        raise VideoError(f"{path} does not exist.")
    found = [Path(match) for match in glob.glob(named, recursive=True)]  # noqa: PTH207  # may be absolute
    images = _require_images(image_files(found), f"No image matches {named}")
    return images[0].parent, images


def _require_images(files: list[Path], problem: str) -> list[Path]:
    if not files:
        kinds = ", ".join(suffix.removeprefix(".") for suffix in IMAGE_SUFFIXES)
        raise VideoError(f"{problem} ({kinds}); give a video file, a folder of images or a glob of images.")
    return files


def _span(start_seconds: float, duration_seconds: float | None) -> TimeSpan:
    if not 0 <= start_seconds <= MAX_SECONDS:
        raise VideoError(f"The start is {start_seconds:g} s; it must be from 0 to {MAX_SECONDS:,} s.")
    if duration_seconds is not None and not 0 < duration_seconds <= MAX_SECONDS:
        raise VideoError(f"The duration is {duration_seconds:g} s; it must be above 0 and at most {MAX_SECONDS:,} s.")
    start = Fraction(str(start_seconds))
    return TimeSpan(start, None if duration_seconds is None else start + Fraction(str(duration_seconds)))
