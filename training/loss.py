"""What training minimises: the digit losses of the network and of a head on its frame features."""

import torch
import torch.nn.functional as F
from torch import nn

from recognizer.labels import CLASSES_PER_DIGIT
from recognizer.model import JerseyTemporalNet
from recognizer.preprocess import normalize
from training.batch import Batch

_FRAMES_STEP = 32
"""Frames go through the backbone in multiples of this, the rest filled with repeats that are thrown away: every new
batch shape costs oneDNN seconds of kernel building."""


class FrameHead(nn.Module):
    """Reads the digits from the features of all of a window's frames at once, without the sequence part.

    It trains beside the network (deep supervision, Lee et al. 2015, "Deeply-supervised nets"): the gradient reaches
    the backbone without passing the LSTM. It is no part of the network that ships.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.digits = nn.Linear(channels, 2 * CLASSES_PER_DIGIT)

    def forward(self, features: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """Digit logits of a window: the mean over its frames.

        Args:
            features: (B, T, C) of `encode_frames`.
            valid: bool (B, T).

        Returns:
            (B, 2, 11) logits of tens and units.
        """
        logits = self.digits(features) * valid[:, :, None]
        mean: torch.Tensor = logits.sum(dim=1) / valid.sum(dim=1, keepdim=True)
        return mean.reshape(-1, 2, CLASSES_PER_DIGIT)


def digit_loss(model: JerseyTemporalNet, head: FrameHead, batch: Batch, smoothing: float) -> torch.Tensor:
    """Mean cross-entropy of both digits, from the network and, at half the weight, from the frame head.

    bfloat16 inside; returns a scalar.
    """
    count, length = batch.valid.shape
    places = torch.nonzero(batch.valid.flatten()).squeeze(1)
    padded = torch.cat([places, places[: -len(places) % _FRAMES_STEP]])
    with torch.autocast(batch.rgb.device.type, torch.bfloat16):
        seen = model.encode_frames(normalize(batch.rgb.flatten(0, 1)[padded]))[: len(places)]
        features = seen.new_zeros(count * length, seen.shape[1]).index_copy(0, places, seen)
        features = features.reshape(count, length, -1)
        out = model.read_sequence(features, batch.valid)
        early = head(features, batch.valid)

    def loss(tens: torch.Tensor, units: torch.Tensor) -> torch.Tensor:
        tens_loss = F.cross_entropy(tens.float(), batch.tens, label_smoothing=smoothing)
        return (tens_loss + F.cross_entropy(units.float(), batch.units, label_smoothing=smoothing)) / 2

    return loss(out.tens, out.units) + 0.5 * loss(early[:, 0], early[:, 1])
