"""Where on a square region of a player numbers stand, and how large."""

import cv2
import numpy as np

from pipeline.types import FloatArray, UInt8Image
from training.synthesis.looks import Rng

SIDE = 128
"""Working side of drawn and pasted regions, pixels."""
_LEAST_DIGITS = 7.0
"""Height in pixels under which printed digits are not shown: nobody could read them."""


def number_height(rng: Rng, side: int, tallest: float = 0.72, share: float = 1.0) -> float:
    """Draw the height of a printed number as a share of a region that will be shown `side` px wide.

    Args:
        rng: source of chance.
        side: of the region, pixels.
        tallest: share of the torso that a number fills at the most.
        share: of the region that the torso fills.
    """
    return float(rng.uniform(min(max(0.3, _LEAST_DIGITS / (side * share)), 0.6), tallest)) * share


def number_centre(rng: Rng, share: float) -> tuple[float, float]:
    """Draw where on a region a number is printed, as shares of its side."""
    return 0.5 + float(rng.normal(0.0, 0.09)) * share, 0.5 + float(rng.normal(-0.02, 0.1)) * share


def broadcast_place(rng: Rng, share: float) -> tuple[tuple[float, float], float]:
    """Draw the centre and the height of a number as they are on broadcast's players, as shares of a region's side."""
    height = float(np.clip(rng.normal(0.47, 0.08), 0.3, 0.7))
    return (0.5 + float(rng.normal(0.0, 0.06)) * share, 0.5 + float(rng.normal(-0.02, 0.07)) * share), height * share


def bounds(mask: FloatArray) -> FloatArray | None:
    """Where a mask (s, s) is more than half, as shares of the side; None for nowhere."""
    rows, columns = np.flatnonzero(mask.max(axis=1) > 0.5), np.flatnonzero(mask.max(axis=0) > 0.5)
    if len(rows) == 0:
        return None
    box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]) / mask.shape[0]
    return np.asarray(box, np.float32)


def square_to(image: UInt8Image, side: int) -> UInt8Image:
    """Scale a square picture to another side."""
    return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


def square_round(region: FloatArray, sides: float) -> FloatArray:
    """The square round a square region with the same middle, so many times as large: float32 (4,) xyxy.

    >>> square_round(np.array([10, 10, 20, 20], np.float32), 2.0).tolist()
    [5.0, 5.0, 25.0, 25.0]
    """
    centre, half = (region[:2] + region[2:]) / 2, (region[2] - region[0]) * sides / 2
    return np.concatenate([centre - half, centre + half]).astype(np.float32)
