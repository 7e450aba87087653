"""Frames from image files: a folder or a glob, in natural order, at an assumed rate."""

import logging
import re
import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import IMAGELENGTH, IMAGEWIDTH, TiffImageFile

from pipeline.media.video_source import ASSUMED_RATE, TimeSpan, VideoError, VideoInfo
from pipeline.types import Frame, UInt8Image

logger = logging.getLogger(__name__)

IMAGE_SUFFIXES: Final = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_ORIENTATION_TAG = 0x0112
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How a picture is put upright, by the value of that tag (EXIF 2.32, 4.6.4); from 5 on width and height are swapped."""
_UNREADABLE = (OSError, SyntaxError, ValueError, TypeError, struct.error, Image.DecompressionBombError)
"""What Pillow raises for files it cannot read."""


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Sort key by which `frame2.png` comes before `frame10.png`.

    >>> sorted([Path("f10.png"), Path("f2.png")], key=natural_key)[0].name
    'f2.png'
    """
    parts = re.split(r"(\d+)", str(path).casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def image_files(paths: Sequence[Path]) -> list[Path]:
    """The image files among `paths`, naturally sorted; hidden files are left out."""
    found = (path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith("."))
    return sorted((path for path in found if path.is_file()), key=natural_key)


class ImageSequence:
    """Images as a video. They must be of one size; one that cannot be read is counted as lost and leaves a gap."""

    def __init__(self, path: Path, files: Sequence[Path], span: TimeSpan, pattern: str | None = None) -> None:
        """Check the images' headers.

        Args:
            path: the folder they lie in, or the one image.
            files: the images in order, at least one.
            span: the part to read.
            pattern: the glob that found them; None where none did.

        Raises:
            VideoError: They differ in size, none can be read, or the span holds none.
        """
        length = Fraction(len(files)) / ASSUMED_RATE
        if span.start >= length:
            raise VideoError(
                f"{path} has no frame {span} ({len(files)} images are {float(length):g} s at {ASSUMED_RATE} frames/s)."
            )
        self._frames_lost = 0
        self._reported: set[Path] = set()
        width, height = _common_size(path, files)
        self._info = VideoInfo(
            path=path,
            name=(path if path.is_dir() else path.with_suffix("")).resolve().name,
            width=width,
            height=height,
            frames_per_second=ASSUMED_RATE,
            duration_seconds=span.seconds_of(float(length)),
            has_audio=False,
            files=tuple(files),
            pattern=pattern,
            rate_assumed=True,
            time_base=1 / ASSUMED_RATE,
            span=span,
        )

    @property
    def info(self) -> VideoInfo:
        """What is known before decoding."""
        return self._info

    @property
    def frames_lost(self) -> int:
        """Images of the last complete pass that could not be read."""
        return self._frames_lost

    @property
    def truncated(self) -> bool:
        """Images have no end to miss."""
        return False

    def frames(self) -> Iterator[Frame]:
        """Read the span, one image at a time; see `VideoSource.frames`."""
        span, index, lost = self._info.span, 0, 0
        for position, file in enumerate(self._info.files):
            time = position / ASSUMED_RATE
            if time < span.start:
                continue
            if span.end is not None and time >= span.end:
                break
            bgr = self._read_bgr(file)
            if bgr is None or bgr.shape != (self._info.height, self._info.width, 3):
                lost += 1
                continue
            yield Frame(index, time, bgr)
            index += 1
        self._frames_lost = lost

    def _read_bgr(self, file: Path) -> UInt8Image | None:
        try:
            with Image.open(file) as image:
                rgb = upright_rgb(image)
        except _UNREADABLE as error:
            if file not in self._reported:  # not in every pass anew
                reason = "not a picture" if isinstance(error, UnidentifiedImageError) else error
                logger.warning("%s cannot be read: %s", file, reason)
            self._reported.add(file)
            return None
        return np.ascontiguousarray(rgb[:, :, ::-1])


def _common_size(path: Path, files: Sequence[Path]) -> tuple[int, int]:
    first: tuple[Path, tuple[int, int]] | None = None
    for file in files:
        size = _upright_size(file)
        if size is None:
            continue
        if first is None:
            first = file, size
        elif size != first[1]:
            (width, height), (other_width, other_height) = first[1], size
            raise VideoError(
                f"The images in {path} differ in size ({first[0].name} is {width}x{height}, {file.name} is "
                f"{other_width}x{other_height}); the frames of one video must have one size."
            )
    if first is None:
        raise VideoError(f"None of the {len(files)} images in {path} can be read.")
    return first[1]


def _upright_size(file: Path) -> tuple[int, int] | None:
    """Width and height with the camera's orientation applied, from the header alone; None where there is none."""
    try:
        with Image.open(file) as image:
            orientation = _orientation(image)
            width, height = _stored_size(image)
            return (height, width) if orientation > 4 else (width, height)
    except _UNREADABLE as error:
        logger.debug("%s has no readable header: %s", file, error)
        return None


def _orientation(image: Image.Image) -> int:
    """How the camera was held, 1 to 8; 1 where the file does not say."""
    value = image.getexif().get(_ORIENTATION_TAG)
    return value if value in _TURNS else 1


def _stored_size(image: Image.Image) -> tuple[int, int]:
    """Width and height before the camera's orientation is applied, which newer versions of Pillow do for TIFF alone."""
    if isinstance(image, TiffImageFile):
        return int(image.tag_v2[IMAGEWIDTH]), int(image.tag_v2[IMAGELENGTH])
    return image.size


def upright_rgb(image: Image.Image) -> UInt8Image:
    """Decode an open image with the camera's orientation applied: uint8 (H, W, 3) RGB.

    Grey images of 16 bits keep their upper 8; Pillow would cut all above 255 off to white.
    """
    deep = image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG")  # before Pillow 11
    image.load()  # which turns a TIFF already, in newer versions of Pillow, and takes its tag away
    turn = _TURNS.get(_orientation(image))
    upright = image if turn is None else image.transpose(turn)
    if deep:
        grey = (np.asarray(upright) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    return np.array(upright.convert("RGB"), dtype=np.uint8)
