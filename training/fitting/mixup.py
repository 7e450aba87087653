"""MixUp on windows: two windows laid over each other, their targets shared (Zhang et al. 2018, "mixup")."""

from typing import NamedTuple

import numpy as np
import torch

from training.data.batch import Batch, unknown_boxes


class Mixed(NamedTuple):
    """A batch that may show two windows at once."""

    batch: Batch
    """The windows; its tens and units are the first targets."""
    tens: torch.Tensor
    """int64 (B,), second targets."""
    units: torch.Tensor
    """int64 (B,), second targets."""
    share: float
    """Weight of the first targets, 0 to 1; the second ones have the rest."""

    @property
    def dominant(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Tens and units of the stronger of the two windows, each (B,)."""
        return (self.batch.tens, self.batch.units) if self.share >= 0.5 else (self.tens, self.units)


def unmixed(batch: Batch) -> Mixed:
    """A batch as it is."""
    return Mixed(batch, batch.tens, batch.units, 1.0)


def mix_up(batch: Batch, alpha: float, probability: float, rng: np.random.Generator) -> Mixed:
    """Lay every window over another one of the batch, or none of them.

    Where both windows have a frame, its pixels are mixed; where one of them is padded, the other's frame stands alone,
    so that both windows show all they have.

    Args:
        batch: windows.
        alpha: both parameters of the beta distribution the share is drawn from, above 0; one share per batch.
        probability: how often a batch is mixed at all, 0 to 1.
        rng: source of chance.
    """
    if probability <= 0.0 or rng.random() >= probability or len(batch.valid) < 2:
        return unmixed(batch)
    share = float(rng.beta(alpha, alpha))
    partner = torch.from_numpy(rng.permutation(len(batch.valid))).to(batch.rgb.device)
    own, other = batch.valid, batch.valid[partner]
    weight = torch.where(own & other, share, own.float())[:, :, None, None, None]
    blended = batch.rgb.float() * weight + batch.rgb[partner].float() * (1.0 - weight)
    rgb = (blended + 0.5).to(torch.uint8)
    boxes = unknown_boxes(batch.valid)
    return Mixed(
        batch._replace(rgb=rgb, valid=own | other, boxes=boxes), batch.tens[partner], batch.units[partner], share
    )
