"""The parts of the network: backbone, attentions, recurrence and digit heads."""

from typing import Final, Literal, cast

import torch
import torchvision.models
from torch import nn
from torch.nn import functional as F

from recognizer.labels import CLASSES_PER_DIGIT

BackboneName = Literal["resnet18", "resnet34", "resnet50"]

_SPATIAL_REDUCTION: Final = 8
_WEIGHT_KINDS: Final = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class Backbone(nn.Module):
    """A torchvision ResNet up to its last feature map; tensor names are torchvision's."""

    def __init__(self, name: BackboneName, stem_pool: bool) -> None:
        super().__init__()
        net = torchvision.models.get_model(name, weights=None)
        self.channels: int = net.fc.in_features
        self.conv1, self.bn1, self.relu = net.conv1, net.bn1, net.relu
        self.maxpool = net.maxpool if stem_pool else nn.Identity()
        self.layer1, self.layer2, self.layer3, self.layer4 = net.layer1, net.layer2, net.layer3, net.layer4

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map crops (N, 3, S, S) to a grid of features (N, C, h, w)."""
        grid = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        return cast(torch.Tensor, self.layer4(self.layer3(self.layer2(self.layer1(grid)))))


class SpatialAttention(nn.Sequential):
    """Weighs each place of a feature map: (N, C, h, w) to (N, 1, h, w) between 0 and 1."""

    def __init__(self, channels: int) -> None:
        inner = channels // _SPATIAL_REDUCTION
        super().__init__(
            nn.Conv2d(channels, inner, 1), nn.BatchNorm2d(inner), nn.ReLU(), nn.Conv2d(inner, 1, 1), nn.Sigmoid()
        )


class TemporalAttention(nn.Module):
    """Learned share of each frame."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.project = nn.Linear(width, hidden)
        self.score = nn.Linear(hidden, 1)

    def forward(self, states: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """Weigh frames (B, T, C) to shares (B, T) in float32, 0 where not valid."""
        scores = self.score(torch.tanh(self.project(states))).squeeze(-1).float()
        scores = scores.masked_fill(~valid, torch.finfo(torch.float32).min)
        return torch.softmax(scores, dim=1) * valid


class DigitHead(nn.Module):
    """A residual block and a linear layer to the eleven classes of one digit."""

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Linear(width, hidden),
            nn.LayerNorm(hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.LayerNorm(hidden),
        )
        self.shortcut = nn.Linear(width, hidden)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, CLASSES_PER_DIGIT)

    def forward(self, context: torch.Tensor) -> torch.Tensor:
        """Map a window's summary (B, C) to logits (B, 11)."""
        hidden = torch.relu(self.inner(context) + self.shortcut(context))
        return cast(torch.Tensor, self.output(self.dropout(hidden)))


def masked_lstm(lstm: nn.LSTM, inputs: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Run an LSTM in which padded steps pass the state on unchanged.

    Gives what `nn.LSTM` gives on packed sequences, without their copy of the lengths to the CPU and without
    control flow that depends on data, and lets padding stand anywhere.

    Args:
        lstm: Holds the weights and the settings; batch first.
        inputs: (B, T, C).
        valid: bool (B, T).

    Returns:
        (B, T, hidden size x directions), 0 at padded steps.
    """
    layer_input = inputs
    for layer in range(lstm.num_layers):
        if layer > 0:
            layer_input = F.dropout(layer_input, lstm.dropout, lstm.training)
        directions = [_run_direction(lstm, f"l{layer}", layer_input, valid, reverse=False)]
        if lstm.bidirectional:
            directions.append(_run_direction(lstm, f"l{layer}_reverse", layer_input, valid, reverse=True))
        layer_input = torch.cat(directions, dim=2)
    return layer_input


def _run_direction(
    lstm: nn.LSTM, suffix: str, inputs: torch.Tensor, valid: torch.Tensor, *, reverse: bool
) -> torch.Tensor:
    """One layer in one direction: (B, T, C) to (B, T, hidden size); the cell state is kept in float32."""
    weight_ih, weight_hh, bias_ih, bias_hh = (
        cast(torch.Tensor, getattr(lstm, f"{kind}_{suffix}")) for kind in _WEIGHT_KINDS
    )
    projected = F.linear(inputs, weight_ih, bias_ih + bias_hh)
    batch, length = valid.shape
    hidden = projected.new_zeros(batch, lstm.hidden_size)
    cell = torch.zeros_like(hidden, dtype=torch.float32)
    outputs: list[torch.Tensor] = []
    for step in reversed(range(length)) if reverse else range(length):
        gates = projected[:, step] + F.linear(hidden, weight_hh)
        gate_in, gate_forget, candidate, gate_out = gates.chunk(4, dim=1)
        new_cell = torch.sigmoid(gate_forget) * cell + torch.sigmoid(gate_in) * torch.tanh(candidate)
        new_hidden = (torch.sigmoid(gate_out) * torch.tanh(new_cell)).to(hidden.dtype)
        mask = valid[:, step, None]
        cell = torch.where(mask, new_cell, cell)
        hidden = torch.where(mask, new_hidden, hidden)
        outputs.append(torch.where(mask, new_hidden, torch.zeros_like(new_hidden)))
    return torch.stack(outputs[::-1] if reverse else outputs, dim=1)
