"""What training minimises: the digit losses of the network and, if wanted, of a head on its frame features."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from recognizer.labels import CLASSES_PER_DIGIT
from recognizer.model import JerseyTemporalNet
from recognizer.preprocess import normalize
from training.fitting.mixup import Mixed

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


class Logits(NamedTuple):
    """What the trained modules say about a batch, each (B, 11)."""

    tens: torch.Tensor
    units: torch.Tensor
    early_tens: torch.Tensor | None
    """From the frame head; None without deep supervision."""
    early_units: torch.Tensor | None


class Learner(nn.Module):
    """Everything that learns: the network that ships and, with deep supervision, the frame head beside it."""

    def __init__(self, reader: JerseyTemporalNet, deep_supervision: bool) -> None:
        super().__init__()
        self.reader = reader
        self.frame_head = FrameHead(reader.feature_channels) if deep_supervision else None

    def forward(self, rgb: torch.Tensor, valid: torch.Tensor) -> Logits:
        """Read windows; only valid frames pass the backbone, in a count that is a multiple of 32.

        Args:
            rgb: uint8 (B, T, S, S, 3).
            valid: bool (B, T), at least one frame in all.
        """
        count, length = valid.shape
        places = torch.nonzero(valid.flatten()).squeeze(1)
        padded = places[torch.arange(len(places) + -len(places) % _FRAMES_STEP, device=places.device) % len(places)]
        seen = self.reader.encode_frames(normalize(rgb.flatten(0, 1)[padded]))[: len(places)]
        features = seen.new_zeros(count * length, seen.shape[1]).index_copy(0, places, seen)
        features = features.reshape(count, length, -1)
        out = self.reader.read_sequence(features, valid)
        if self.frame_head is None:
            return Logits(out.tens, out.units, None, None)
        early = self.frame_head(features, valid)
        return Logits(out.tens, out.units, early[:, 0], early[:, 1])


class DigitLoss:
    """Mean cross-entropy of both digits; the frame head's is added with its own weight.

    Args:
        label_smoothing: share of every target spread over all classes, 0 up to 1.
        deep_supervision: weight of the frame head's loss; 0 leaves it out.
        tens_weights: float32 (11,) class weights, or None for equal ones.
        units_weights: likewise.
    """

    def __init__(
        self,
        label_smoothing: float = 0.0,
        deep_supervision: float = 0.0,
        tens_weights: torch.Tensor | None = None,
        units_weights: torch.Tensor | None = None,
    ) -> None:
        self._smoothing = label_smoothing
        self._deep_supervision = deep_supervision
        self._weights = (tens_weights, units_weights)

    def __call__(self, logits: Logits, mixed: Mixed) -> torch.Tensor:
        """The loss of a batch, a scalar in float32."""
        loss = self._both(logits.tens, logits.units, mixed)
        if logits.early_tens is not None and logits.early_units is not None and self._deep_supervision > 0.0:
            loss = loss + self._deep_supervision * self._both(logits.early_tens, logits.early_units, mixed)
        return loss

    def _both(self, tens: torch.Tensor, units: torch.Tensor, mixed: Mixed) -> torch.Tensor:
        first, second = mixed.batch, mixed
        tens_loss = self._one(tens, first.tens, second.tens, mixed.share, self._weights[0])
        return (tens_loss + self._one(units, first.units, second.units, mixed.share, self._weights[1])) / 2

    def _one(
        self, logits: torch.Tensor, first: torch.Tensor, second: torch.Tensor, share: float, weight: torch.Tensor | None
    ) -> torch.Tensor:
        """One digit's cross-entropy against both targets in their shares."""
        loss = F.cross_entropy(logits.float(), first, weight, label_smoothing=self._smoothing)
        if share == 1.0:
            return loss
        other = F.cross_entropy(logits.float(), second, weight, label_smoothing=self._smoothing)
        return share * loss + (1.0 - share) * other
