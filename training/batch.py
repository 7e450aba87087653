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
