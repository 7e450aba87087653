"""Colour histograms: cells of CIE Lab, over which pixels are spread."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

_CORNERS = np.array([[(c >> 2) & 1, (c >> 1) & 1, c & 1] for c in range(8)])
_ENOUGH_LEFT = 0.25  # less of a shirt than this left after removing its surroundings: it has their colour


@dataclass(frozen=True, slots=True)
class LabCells:
    """A grid of colours."""

    bins: tuple[int, int, int]
    """Cells along L, a and b; each at least 2."""
    low: tuple[float, float, float]
    """The first cell's L, a and b."""
    step: tuple[float, float, float]
    """From one cell to the next."""

    @property
    def count(self) -> int:
        """Cells in all."""
        return self.bins[0] * self.bins[1] * self.bins[2]

    def colours(self) -> Float:
        """The colour of each cell, float64 (count, 3)."""
        places = np.stack(np.unravel_index(np.arange(self.count), self.bins), axis=1)
        return np.asarray(np.array(self.low) + np.array(self.step) * places, np.float64)

    def histograms(self, lab: NDArray[np.floating]) -> Float:
        """Share of pixels per cell, each pixel spread over its eight nearest cells.

        Args:
            lab: (N, P, 3) CIE Lab of P pixels of each of N pictures, L 0 to 100.

        Returns:
            float64 (N, count); rows sum to 1, or to 0 without pixels.
        """
        pictures, pixels = lab.shape[:2]
        top = np.array(self.bins) - 1
        place = np.clip((lab - np.array(self.low)) / np.array(self.step), 0.0, top)
        base = np.minimum(place.astype(np.int64), top - 1)
        part = (place - base)[:, :, None, :]
        shares = np.where(_CORNERS, part, 1.0 - part).prod(axis=3)
        strides = np.array([self.bins[1] * self.bins[2], self.bins[2], 1])
        cells = (base @ strides)[:, :, None] + _CORNERS @ strides + np.arange(pictures)[:, None, None] * self.count
        sums = np.bincount(cells.ravel(), shares.ravel(), pictures * self.count)
        return np.asarray(sums.reshape(pictures, self.count) / max(1, pixels), np.float64)


def without_surroundings(shirts: Float, around: Float, background: float) -> Float:
    """Colours of shirts without those of what lies beside them.

    Args:
        shirts: (N, cells); rows sum to 1.
        around: The same of their surroundings.
        background: How much of the surroundings' colours is taken out, 0 to 1.

    Returns:
        (N, cells); rows sum to 1. A shirt of its surroundings' colour keeps all of its own.
    """
    rest = np.maximum(shirts - background * around, 0.0)
    return shares(np.where(rest.sum(axis=1, keepdims=True) < _ENOUGH_LEFT, shirts, rest))


def shares(histograms: Float) -> Float:
    """Rows (N, cells) that sum to 1; evenly spread where nothing was counted."""
    total, cells = histograms.sum(axis=1, keepdims=True), histograms.shape[1]
    return np.asarray(np.where(total > 0.0, histograms / np.maximum(total, 1e-9), 1.0 / cells), np.float64)
