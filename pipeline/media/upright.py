"""Decoded pictures as people see them: turned upright, and from the stream's colours to BGR."""

import logging
import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
from av.sidedata.sidedata import SideData
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, VideoReformatter

from pipeline.types import UInt8Image

logger = logging.getLogger(__name__)

_HD_HEIGHT = 720
_PLANAR: Final = {"nv12": "yuv420p", "p010le": "yuv420p10le"}
"""What graphics cards give, and what FFmpeg's own decoders give of the same values. FFmpeg enlarges the colours of the
former in another way: turned into BGR at once, pixels of the sample match come out up to 74 levels off."""
_UNSPECIFIED = 2
"""FFmpeg's colour space where the stream names none."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """How to turn a stored picture upright: transpose first, then flip."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @staticmethod
    def of(frame: VideoFrame) -> "Orientation":
        """Read a frame's display matrix, rounded to quarter turns; cameras and phones write no others."""
        data = frame.side_data.get("DISPLAYMATRIX")
        if not isinstance(data, SideData):
            return Orientation()
        # A stored pixel (p, q) is shown at (a p + c q, b p + d q).
        a, b, _, c, d, *_ = struct.unpack("=9i", bytes(data))
        if abs(b) + abs(c) > abs(a) + abs(d):
            return Orientation(True, c < 0, b < 0)
        return Orientation(False, a < 0, d < 0)

    def apply(self, image: UInt8Image) -> UInt8Image:
        """Turn an image (H, W, 3) upright; it keeps its memory layout compact."""
        turned = image.transpose(1, 0, 2) if self.transpose else image
        turned = turned[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]
        return np.ascontiguousarray(turned)


class UprightBgr:
    """Converts decoded pictures to upright BGR, all of one size.

    Args:
        stored_size: width and height in pixels as the file stores them.
        orientation: how stored pictures are turned.
        threads: that FFmpeg may use for a picture; 0 leaves it the choice.
    """

    def __init__(self, stored_size: tuple[int, int], orientation: Orientation, threads: int = 0) -> None:
        self._size = stored_size
        self._orientation = orientation
        self._threads = threads
        self._planes, self._reformatter = VideoReformatter(), VideoReformatter()
        self._warned = False

    def __call__(self, frame: VideoFrame) -> UInt8Image:
        """The picture, uint8 (H, W, 3) BGR: scaled to the stored size where it differs, then turned upright."""
        if (frame.width, frame.height) != self._size and not self._warned:
            logger.warning("the picture size changes from %s to %dx%d", self._size, frame.width, frame.height)
            self._warned = True
        width, height = self._size
        # High definition without a colour tag is BT.709 by custom; FFmpeg would take it for BT.601.
        untagged = frame.colorspace == _UNSPECIFIED and not frame.format.is_rgb and height >= _HD_HEIGHT
        space = Colorspace.ITU709 if untagged else None
        if planar := _PLANAR.get(frame.format.name):
            frame = self._planes.reformat(frame, format=planar, threads=self._threads)
        picture = self._reformatter.reformat(frame, width, height, "bgr24", src_colorspace=space, threads=self._threads)
        return self._orientation.apply(picture.to_ndarray().astype(np.uint8, copy=False))
