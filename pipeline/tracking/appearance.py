"""What a tracker knows people by, besides where they are: the colours of their shirts."""

import cv2
import numpy as np

from pipeline.kits.cells import LabCells, without_surroundings
from pipeline.types import FloatArray, UInt8Image

_CELLS = LabCells(bins=(4, 7, 7), low=(0.0, -66.0, -66.0), step=(33.4, 22.0, 22.0))
"""Coarse, so that a shirt in the light and in the shade has colours in common."""
_BACKGROUND = 0.75
"""How much of the colours beside a shirt is taken out of it."""


def _places(x: list[float], top: float, bottom: float, rows: int) -> FloatArray:
    """Points in shares of a person's height, from the middle of the box's upper edge: float32 (P, 2)."""
    across, down = np.meshgrid(x, np.linspace(top, bottom, rows))
    return np.stack((across.ravel(), down.ravel()), axis=1).astype(np.float32)


_SHIRT = _places([-0.065, -0.039, -0.013, 0.013, 0.039, 0.065], 0.17, 0.45, 12)
_BESIDE = _places([-0.24, -0.215, -0.19, 0.19, 0.215, 0.24], 0.17, 0.55, 10)
_POINTS = np.concatenate((_SHIRT, _BESIDE))


def shirt_colours(bgr: UInt8Image, xyxy: FloatArray) -> FloatArray:
    """Features whose dot product says how much of the colours of two shirts is the same (Bhattacharyya 1943).

    Args:
        bgr: uint8 (H, W, 3) the frame.
        xyxy: float32 (N, 4) boxes of people, in pixels.

    Returns:
        float32 (N, 196), each of length 1.
    """
    if not len(xyxy):
        return np.zeros((0, _CELLS.count), np.float32)
    height, middle = xyxy[:, 3:4] - xyxy[:, 1:2], (xyxy[:, :1] + xyxy[:, 2:3]) / 2
    x, y = middle + height * _POINTS[:, 0], xyxy[:, 1:2] + height * _POINTS[:, 1]
    seen = cv2.remap(bgr, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    lab = cv2.cvtColor(seen.astype(np.float32) / 255.0, cv2.COLOR_BGR2LAB).astype(np.float32, copy=False)
    shirt, beside = (_CELLS.histograms(part) for part in np.split(lab, [len(_SHIRT)], axis=1))
    return np.sqrt(without_surroundings(shirt, beside, _BACKGROUND)).astype(np.float32)


class ShirtColours:
    """An encoder of appearance, as ultralytics' trackers call it."""

    def __call__(self, bgr: UInt8Image, xywh: FloatArray) -> list[FloatArray]:
        """Features of people.

        Args:
            bgr: uint8 (H, W, 3) the frame.
            xywh: (N, 4 or more) centre, width and height of each box, in pixels; what follows is ignored.
        """
        centre, half = xywh[:, :2], xywh[:, 2:4] / 2
        return list(shirt_colours(bgr, np.concatenate((centre - half, centre + half), axis=1, dtype=np.float32)))
