"""JerseyTemporalNet: a window of crops in, two digits out.

Every crop passes a ResNet and a spatial attention (`encode_frames`); the crops' features pass an LSTM and a
temporal attention and end in two digit heads (`read_sequence`). Padded frames change nothing, wherever they stand.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, get_args

import torch
from torch import nn

from recognizer.checks import require_choice
from recognizer.layers import Backbone, BackboneName, DigitHead, SpatialAttention, TemporalAttention, masked_lstm

TemporalName = Literal["attention", "mean"]

_LSTM_LAYERS: Final = 2


@dataclass(frozen=True)
class ModelConfig:
    """Everything needed to build the network; plain values only, so that it can be written as JSON."""

    backbone: BackboneName = "resnet18"
    """Which ResNet reads a single crop: resnet18, resnet34 or resnet50."""
    stem_pool: bool = True
    """Whether the ResNet's first max-pooling is kept. Without it the feature map is twice as fine (4 x 4 instead
    of 2 x 2 for 64-pixel crops) at four times the cost; the parameters are the same."""
    spatial_attention: bool = True
    """Whether the feature map is weighted before it is averaged."""
    lstm: bool = True
    """Whether a two-layer LSTM runs over the frames."""
    bidirectional: bool = True
    """Whether the LSTM also runs backwards in time."""
    hidden_size: int = 256
    """LSTM state size per direction, 1 to 4096."""
    temporal: TemporalName = "attention"
    """How frames are joined: attention (learned weights) or mean."""
    head_size: int = 256
    """Width of the temporal attention and of the digit heads, 1 to 4096."""
    dropout: float = 0.3
    """Share dropped between LSTM layers and in the heads, 0 to 1."""
    frozen_fraction: float = 0.6
    """Share of the backbone's tensors, from the input on, that a new network does not train; 0 to 1. Only
    sensible when the backbone starts from trained weights: use 0 when training from scratch."""

    def __post_init__(self) -> None:
        require_choice("backbone", self.backbone, get_args(BackboneName))
        require_choice("temporal", self.temporal, get_args(TemporalName))
        for name in ("stem_pool", "spatial_attention", "lstm", "bidirectional"):
            require_choice(name, getattr(self, name), (True, False))
        for name in ("hidden_size", "head_size"):
            size = getattr(self, name)
            if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= 4096:
                raise ValueError(f"{name} is {size!r}; allowed is a whole number from 1 to 4096")
        for name in ("dropout", "frozen_fraction"):
            share = getattr(self, name)
            if isinstance(share, bool) or not isinstance(share, int | float) or not 0.0 <= share <= 1.0:
                raise ValueError(f"{name} is {share!r}; allowed is a number from 0 to 1")


class SequenceOutput(NamedTuple):
    """What the network says about a window of features."""

    tens: torch.Tensor
    """(B, 11) logits; class 10 means no tens digit."""
    units: torch.Tensor
    """(B, 11) logits; class 10 means no readable digit."""
    frame_weights: torch.Tensor
    """(B, T) share of each frame; sums to 1, 0 where padded (all 0 for a window without a valid frame)."""


class ModelOutput(NamedTuple):
    """What the network says about a window of crops."""

    tens: torch.Tensor
    """(B, 11) logits; class 10 means no tens digit."""
    units: torch.Tensor
    """(B, 11) logits; class 10 means no readable digit."""
    frame_weights: torch.Tensor
    """(B, T) share of each frame; sums to 1, 0 where padded (all 0 for a window without a valid frame)."""
    spatial_maps: torch.Tensor
    """(B, T, h, w) weight of each place of the feature map, 0 to 1; 1 without spatial attention, 0 where padded."""


class JerseyTemporalNet(nn.Module):
    """Reads a jersey number from a window of crops; never downloads anything.

    Frozen batch norms: a batch norm whose tensors are frozen always runs on its stored statistics and never
    updates them, in training mode too, so that a frozen layer gives the same output in training and serving.
    """

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ModelConfig()
        self.backbone = Backbone(config.backbone, config.stem_pool)
        channels = self.backbone.channels
        self.spatial_attention = SpatialAttention(channels) if config.spatial_attention else None
        self.lstm = _make_lstm(channels, config) if config.lstm else None
        width = config.hidden_size * (2 if config.bidirectional else 1) if config.lstm else channels
        self.temporal_attention = TemporalAttention(width, config.head_size) if config.temporal == "attention" else None
        self.tens_head = DigitHead(width, config.head_size, config.dropout)
        self.units_head = DigitHead(width, config.head_size, config.dropout)
        self._initialize()
        self.freeze_backbone(config.frozen_fraction)

    @property
    def feature_channels(self) -> int:
        """Length of a frame's feature vector: 512, or 2048 with resnet50."""
        return self.backbone.channels

    def forward(self, images: torch.Tensor, valid: torch.Tensor) -> ModelOutput:
        """Read windows of crops.

        Args:
            images: float (B, T, 3, S, S), normalised; padded frames may hold anything.
            valid: bool (B, T), False where padded; padding may stand anywhere.

        Returns:
            Logits, frame weights and spatial maps. In training mode only valid frames pass the backbone, so that
            padding does not enter the batch statistics either; at least one frame must then be valid.
        """
        batch, length = valid.shape
        flat_images, flat_valid = images.flatten(0, 1), valid.flatten()
        if self.training:
            kept, kept_maps = self._encode(flat_images[flat_valid])
            features = kept.new_zeros(batch * length, kept.shape[1]).masked_scatter(flat_valid[:, None], kept)
            maps = kept_maps.new_zeros(batch * length, *kept_maps.shape[1:])
            maps = maps.masked_scatter(flat_valid[:, None, None], kept_maps)
        else:
            features, maps = self._encode(flat_images)
            maps = torch.where(flat_valid[:, None, None], maps, torch.zeros_like(maps))
        sequence = self.read_sequence(features.view(batch, length, -1), valid)
        return ModelOutput(*sequence, maps.view(batch, length, *maps.shape[1:]))

    def drop_backbone(self) -> None:
        """Give its memory back, three quarters of the network's; from then on only `read_sequence` works."""
        self.backbone = nn.Identity()  # type: ignore[assignment]  # nothing passes it any more

    def encode_frames(self, images: torch.Tensor) -> torch.Tensor:
        """Compute the feature vector of single crops, the costly part; it depends on nothing but the crop.

        Args:
            images: float (N, 3, S, S), normalised.

        Returns:
            (N, C) with C = `feature_channels` (512).
        """
        return self._encode(images)[0]

    def read_sequence(self, features: torch.Tensor, valid: torch.Tensor) -> SequenceOutput:
        """Read windows from their frames' features, the cheap part.

        Args:
            features: (B, T, C) from `encode_frames`; padded frames may hold anything.
            valid: bool (B, T), False where padded; padding may stand anywhere.

        Returns:
            Logits and frame weights.
        """
        context, weights = self.summarize(features, valid)
        return SequenceOutput(self.tens_head(context), self.units_head(context), weights)

    def summarize(self, features: torch.Tensor, valid: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Join the frames of windows, as the digit heads are given them.

        Args:
            features: (B, T, C) from `encode_frames`; padded frames may hold anything.
            valid: bool (B, T), False where padded; padding may stand anywhere.

        Returns:
            (B, width) summaries, and (B, T) the share of each frame.
        """
        states = torch.where(valid[..., None], features, torch.zeros_like(features))
        if self.lstm is not None:
            states = masked_lstm(self.lstm, states, valid)
        if self.temporal_attention is not None:
            weights = self.temporal_attention(states, valid)
        else:
            weights = valid.to(states.dtype) / valid.sum(dim=1, keepdim=True).clamp(min=1)
        return torch.einsum("bt,btc->bc", weights.to(states.dtype), states), weights

    def freeze_backbone(self, fraction: float) -> None:
        """Stop training the first share of the backbone's tensors and train the rest.

        Args:
            fraction: 0 (all trained) to 1 (none), in the order of `backbone.named_parameters()`, rounded down to
                whole tensors. Call it with falling values to unfreeze step by step, then rebuild the optimizer or
                have it hold every tensor from the start.

        Raises:
            ValueError: The fraction is outside 0 to 1.
        """
        if not 0.0 <= fraction <= 1.0:
            raise ValueError(f"frozen fraction is {fraction}; allowed is 0 to 1")
        tensors = list(self.backbone.parameters())
        count = math.floor(fraction * len(tensors) + 1e-9)
        for position, tensor in enumerate(tensors):
            tensor.requires_grad_(position >= count)
        self.train(self.training)

    def train(self, mode: bool = True) -> "JerseyTemporalNet":
        """Set training or serving mode; frozen batch norms stay in serving mode."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d) and not any(p.requires_grad for p in module.parameters()):
                module.eval()
        return self

    def _encode(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features (N, C) and spatial maps (N, h, w) of crops (N, 3, S, S)."""
        grid = self.backbone(images)
        if self.spatial_attention is None:
            return grid.mean(dim=(2, 3)), torch.ones_like(grid[:, 0])
        maps = self.spatial_attention(grid)
        return (grid * maps).mean(dim=(2, 3)), maps[:, 0]

    def _initialize(self) -> None:
        """Xavier for linear layers, orthogonal recurrence, zero biases but for a forget gate of 1."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        if self.lstm is None:
            return
        for name, tensor in self.lstm.named_parameters():
            gates = tensor.detach().chunk(4)
            for gate, part in zip(("input", "forget", "cell", "output"), gates, strict=True):
                if name.startswith("weight_ih"):
                    nn.init.xavier_uniform_(part)
                elif name.startswith("weight_hh"):
                    nn.init.orthogonal_(part)
                else:
                    nn.init.constant_(part, 1.0 if gate == "forget" and name.startswith("bias_ih") else 0.0)


def _make_lstm(channels: int, config: ModelConfig) -> nn.LSTM:
    return nn.LSTM(
        channels,
        config.hidden_size,
        _LSTM_LAYERS,
        batch_first=True,
        dropout=config.dropout,
        bidirectional=config.bidirectional,
    )
