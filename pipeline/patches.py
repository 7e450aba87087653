"""Pixels on the device: a region of an uploaded frame, before and after it is cut out."""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Patch", "Tensor"]


@dataclass(frozen=True, slots=True)
class Patch:
    """A square region of a frame on the device; it shares the frame's memory until it is copied."""

    bgr: Tensor
    """uint8 (h, w, 3): what lies inside the frame; h and w may be 0."""
    left: int
    """Where that begins in the square, pixels."""
    top: int
    """The same downwards."""
    side: int
    """Of the square, pixels."""

    def copy_rgb(self) -> Tensor:
        """The square with memory of its own, uint8 (side, side, 3) RGB; what lies outside the frame is black."""
        square = torch.zeros(self.side, self.side, 3, dtype=torch.uint8, device=self.bgr.device)
        height, width = self.bgr.shape[:2]
        square[self.top : self.top + height, self.left : self.left + width] = self.bgr.flip(-1)
        return square
