"""Pixels on the device: a square of an uploaded frame, before and after it is cut out."""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Patch", "Tensor"]


@dataclass(frozen=True, slots=True)
class Patch:
    """A square of a picture on the device; it shares the picture's memory until it is copied."""

    seen: Tensor
    """uint8 (h, w, 3): what lies inside the picture; h and w may be 0."""
    left: int
    """Where that begins in the square, pixels."""
    top: int
    """The same downwards."""
    side: int
    """Of the square, pixels."""

    @staticmethod
    def of(image: Tensor, left: int, top: int, side: int) -> "Patch":
        """The square of a picture, uint8 (H, W, 3), that begins at `left` and `top`; it may reach outside."""
        seen = image[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)]
        return Patch(seen, max(-left, 0), max(-top, 0), side)

    def copy(self) -> Tensor:
        """The square with memory of its own, uint8 (side, side, 3); what lies outside the picture is black."""
        square = torch.zeros(self.side, self.side, 3, dtype=torch.uint8, device=self.seen.device)
        height, width = self.seen.shape[:2]
        square[self.top : self.top + height, self.left : self.left + width] = self.seen
        return square

    def copy_rgb(self) -> Tensor:
        """The same of a BGR picture, as RGB."""
        return Patch(self.seen.flip(-1), self.left, self.top, self.side).copy()
