"""Square jersey regions, and cuts that show hardly more than a number."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from pipeline.types import FloatArray, UInt8Image
from training.synthesis.augment import cut_region, jitter_square
from training.synthesis.looks import Rng


class Region(NamedTuple):
    """A square jersey region and where its number is."""

    image: UInt8Image
    """uint8 (s, s, 3) RGB."""
    number_box: FloatArray | None = None
    """float32 (4,) xyxy, as shares of the side; None where nobody measured it, or there is no number."""
    blank: UInt8Image | None = None
    """The same region before the number was laid on it, uint8 (s, s, 3); None where that is not known."""


@dataclass(frozen=True, slots=True)
class TightCut:
    """How the pictures of one window are cut round their number."""

    height: float | None
    """Share of a square cut that the number's height takes; None cuts its box out and makes that square."""
    stretched: bool
    """Whether a box that was cut out is made square by stretching its border, or by black beside it as in
    `recognizer.preprocess`."""

    def cut(self, rng: Rng, image: UInt8Image, box: FloatArray, side: int) -> Region:
        """Cut one picture.

        Args:
            rng: source of chance: the cut wavers from picture to picture.
            image: uint8 (h, w, 3).
            box: float32 (4,) xyxy of the number, pixels.
            side: the cut is scaled down to this side at the most, pixels.
        """
        size = box[2:] - box[:2]
        if self.height is None:
            grown = box + rng.uniform(-0.03, 0.1, 4) * np.tile(size, 2) * (-1, -1, 1, 1)
            left, top, right, bottom = np.round(grown).astype(int).tolist()
            left, top = max(left, 0), max(top, 0)
            picture = image[top : max(bottom, top + 1), left : max(right, left + 1)]
            return squared(np.ascontiguousarray(picture), self.stretched)
        extent = max(size[1] / self.height, size[0] / 0.95)
        centre = (box[:2] + box[2:]) / 2 + rng.normal((0.0, 0.06), (0.05, 0.06)) * extent
        square = np.concatenate([centre - extent / 2, centre + extent / 2]).astype(np.float32)
        square = jitter_square(rng, square, 0.03, 0.02)
        return Region(cut_region(image, square, side), within(box, square))


def draw_tight_cut(rng: Rng) -> TightCut:
    """Draw how a window is cut: half of the time a square, else the number's box made square."""
    height = float(rng.uniform(0.72, 0.95)) if rng.random() < 0.5 else None
    return TightCut(height, stretched=bool(rng.random() < 0.5))


def squared(image: UInt8Image, stretched: bool) -> Region:
    """Make a picture of a number square: its border stretched outwards, or black beside it as in `Preprocess`."""
    height, width = image.shape[:2]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    edges = (top, side - height - top, left, side - width - left)
    box = np.array([left, top, left + width, top + height], np.float32) / side
    border = cv2.BORDER_REPLICATE if stretched else cv2.BORDER_CONSTANT
    return Region(np.asarray(cv2.copyMakeBorder(image, *edges, border), np.uint8), box)


def within(box: FloatArray, square: FloatArray) -> FloatArray:
    """A box in pixels as shares of a square."""
    return np.asarray((box - np.tile(square[:2], 2)) / (square[2] - square[0]), np.float32)
