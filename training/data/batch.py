"""A batch of windows, as every source of training data hands it to the loss."""

from typing import NamedTuple

import torch


class Batch(NamedTuple):
    """Windows as the network takes them, with their digit classes."""

    rgb: torch.Tensor
    """uint8 (B, T, S, S, 3)."""
    valid: torch.Tensor
    """bool (B, T)."""
    tens: torch.Tensor
    """int64 (B,), 0 to 10."""
    units: torch.Tensor
    """int64 (B,), 0 to 10."""
    boxes: torch.Tensor
    """float32 (B, T, 4) xyxy of the number in each frame as shares of the side; not a number where unknown."""


def unknown_boxes(valid: torch.Tensor) -> torch.Tensor:
    """Boxes of windows in which nobody measured where the number is: (B, T, 4) of no numbers, for bool (B, T)."""
    return torch.full((*valid.shape, 4), torch.nan, device=valid.device)
