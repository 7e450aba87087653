"""Video in: tells by the user's word what to read, and opens it."""

import glob
import math
import re
from fractions import Fraction
from pathlib import Path

from pipeline.images import IMAGE_SUFFIXES, ImageSequence, image_files
from pipeline.video_file import VideoFile
from pipeline.video_source import TimeSpan, VideoError, VideoInfo, VideoSource

__all__ = ["TimeSpan", "VideoError", "VideoInfo", "VideoSource", "open_source"]

_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://")


def open_source(input: str | Path, start_seconds: float = 0.0, duration_seconds: float | None = None) -> VideoSource:
    """Open a video file, a folder of images, a glob of images, or one image.

    Args:
        input: path or glob. Images are read in natural order at an assumed 25 frames/s.
        start_seconds: frames before are left out, counted from the first frame.
        duration_seconds: how much to read from there; None reads to the end.

    Raises:
        VideoError: It cannot be used; the message says why, in one sentence for the user.
    """
    span, path = _span(start_seconds, duration_seconds), Path(input)
    if _URL.match(str(input)):
        raise VideoError(f"{input} is a network address; streams are not supported yet, give a video file instead.")
    if path.is_dir():
        return ImageSequence(path, _require_images(image_files(list(path.iterdir())), f"{path} holds no images"), span)
    if path.exists():
        if path.suffix.lower() in IMAGE_SUFFIXES:
            return ImageSequence(path, [path], span)
        return VideoFile(path, span)
    if not glob.has_magic(str(input)):
        raise VideoError(f"{path} does not exist.")
    found = [Path(match) for match in glob.glob(str(input), recursive=True)]  # noqa: PTH207  # may be absolute
    files = _require_images(image_files(found), f"No image matches {input}")
    return ImageSequence(files[0].parent, files, span)


def _require_images(files: list[Path], problem: str) -> list[Path]:
    if not files:
        kinds = ", ".join(suffix.removeprefix(".") for suffix in IMAGE_SUFFIXES)
        raise VideoError(f"{problem} ({kinds}); give a video file, a folder of images or a glob of images.")
    return files


def _span(start_seconds: float, duration_seconds: float | None) -> TimeSpan:
    if not (math.isfinite(start_seconds) and start_seconds >= 0):
        raise VideoError(f"The start is {start_seconds:g} s; it must be 0 or more.")
    if duration_seconds is not None and not (math.isfinite(duration_seconds) and duration_seconds > 0):
        raise VideoError(f"The duration is {duration_seconds:g} s; it must be more than 0.")
    start = Fraction(str(start_seconds))
    return TimeSpan(start, None if duration_seconds is None else start + Fraction(str(duration_seconds)))
