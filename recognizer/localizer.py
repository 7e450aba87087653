"""Where the number is round a jersey region, so that the region can be moved to it.

A player leans, crouches and turns, and the detector's box wavers: his number may stand beside the region that a
standing player's box gives. A small convolutional network looks at the region's surroundings and says where the number
is, how large a region to cut round it, and whether there is one at all.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from numpy.typing import NDArray
from torch import nn

from recognizer.preprocess import Preprocess
from recognizer.weights_file import halved, read_weights, require_same_tensors, write_weights

SURROUNDINGS: Final = 2.4
"""Side of the square that the localizer looks at, in sides of the region in its middle."""
INPUT: Final = Preprocess(size=96, sharpness=1.0, upscale_below=0)
"""What makes the localizer's input of a square of any size."""

_MEAN, _DEVIATION = 0.45, 0.25
_REACH: Final = 0.5
"""Standard deviation, in sides of the region, of how far from its middle a player's own number is expected: farther
away numbers mostly are another's."""
_NEVER: Final = -1e4
_NEAR: Final = 0.2
"""Cells within so much of the likeliest one, as a share of the surroundings, have a say in where the number is."""
_LEAST_SIDE, _LARGEST_SIDE = 0.35, 2.0
"""Of the region round a number, in sides of the region that was given."""


class Heat(NamedTuple):
    """What the network says of squares."""

    cells: torch.Tensor
    """float32 (N, P), logarithm of the probability that a number's centre is in each of the P cells, row by row."""
    absent: torch.Tensor
    """float32 (N,), logarithm of the probability that there is none; with the cells' it sums to 1."""
    side: torch.Tensor
    """float32 (N, P), logarithm of the side of the region round it, as a share of the square's, if it is there."""


class Places(NamedTuple):
    """Where numbers are, in sides of the region in the middle of each square."""

    offset: torch.Tensor
    """float32 (N, 2), from the region's centre to the number's, x to the right and y downwards."""
    side: torch.Tensor
    """float32 (N,), side of the region to cut round the number."""
    absent: torch.Tensor
    """float32 (N,), probability that there is no number, 0 to 1."""


class NumberLocalizer(nn.Module):
    """Looks for the number in the surroundings of a region."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_block(3, 24, size=5, stride=3),
            *_block(24, 48, stride=2),
            *_block(48, width),
            *_block(width, width, dilation=2),
            *_block(width, width, dilation=4),
            *_block(width, width, dilation=2),
            *_block(width, width),
        )
        self.heat = nn.Conv2d(width, 1, 1)
        self.side = nn.Conv2d(width, 1, 1)
        self.absent = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, 1))
        nn.init.constant_(self.side.bias, math.log(1.0 / SURROUNDINGS))  # type: ignore[arg-type]  # it has a bias

    def forward(self, rgb: torch.Tensor) -> Heat:
        """Look at squares, uint8 (N, 96, 96, 3)."""
        grid = self.features((rgb.permute(0, 3, 1, 2).float() / 255 - _MEAN) / _DEVIATION)
        heat, sides = self.heat(grid).flatten(1), self.side(grid).flatten(1)
        summary = torch.cat([grid.mean(dim=(2, 3)), grid.amax(dim=(2, 3))], dim=1)
        absent = self.absent(summary) + math.log(heat.shape[1])  # as likely as all cells together before any training
        chances = torch.log_softmax(torch.cat([heat, absent], dim=1), dim=1)
        return Heat(chances[:, :-1], chances[:, -1], sides.clamp(-3.0, 0.7))

    @torch.inference_mode()
    def find(self, rgb: torch.Tensor, own: torch.Tensor | None = None) -> Places:
        """Find the numbers of the players in the middle of squares, uint8 (N, 96, 96, 3); `own` as in `places`."""
        return places(self(rgb), own)


def places(heat: Heat, own: torch.Tensor | None = None) -> Places:
    """The place of each square's number: the mean of the cells about the likeliest one, the nearer ones preferred.

    A soft argmax of a part of the map (Nibali et al. 2018, "Numerical coordinate regression").

    Args:
        heat: What the network says.
        own: float32 (N, 2), the left and right edge of each player's box as shares of the square's side: what lies
            beside it is another's. None looks everywhere.
    """
    x, y = cell_centres(math.isqrt(heat.cells.shape[1]), heat.cells.device)
    away = ((x - 0.5) ** 2 + (y - 0.5) ** 2) * SURROUNDINGS**2
    cells = heat.cells - away / (2.0 * _REACH**2)
    if own is not None:
        cells = cells.masked_fill((x < own[:, :1]) | (x > own[:, 1:]), _NEVER)
    chances = torch.softmax(torch.cat([cells, heat.absent[:, None]], dim=1), dim=1)
    cells, absent = chances[:, :-1], chances[:, -1]
    best = cells.argmax(dim=1)
    near = ((x - x[best, None]).abs() < _NEAR) & ((y - y[best, None]).abs() < _NEAR)
    weight = cells * near
    weight = weight / weight.sum(dim=1, keepdim=True).clamp(min=1e-12)
    centre = torch.stack([weight @ x, weight @ y], dim=1)
    side = (weight * heat.side).sum(dim=1).exp() * SURROUNDINGS
    return Places((centre - 0.5) * SURROUNDINGS, side.clamp(_LEAST_SIDE, _LARGEST_SIDE), absent)


def cell_centres(side: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """The x and y of the middles of a grid's cells, row by row, as shares of its side: each float32 (side * side,)."""
    middles = (torch.arange(side, device=device, dtype=torch.float32) + 0.5) / side
    return middles.repeat(side), middles.repeat_interleave(side)


def default_localizer() -> Path:
    """Where the localizer that ships with the product lies."""
    return Path(__file__).parent / "weights" / "number_localizer.safetensors"


def save_localizer(path: Path, network: NumberLocalizer, description: Mapping[str, Any]) -> None:
    """Write a localizer in half precision, and a JSON beside it that says what it was trained on.

    Raises:
        WeightsError: The files cannot be written.
    """
    write_weights(path, halved(network.state_dict()), {"description": dict(description)})


def load_localizer(path: Path, device: torch.device | None = None) -> NumberLocalizer:
    """Load a localizer in serving mode, in float32.

    Raises:
        WeightsError: A file is missing, broken or of another version.
    """
    tensors = read_weights(path).tensors
    heat = tensors.get("heat.weight")
    network = NumberLocalizer() if heat is None or heat.ndim != 4 else NumberLocalizer(width=heat.shape[1])
    require_same_tensors(path, network.state_dict(), tensors)
    network.load_state_dict(tensors)
    return network.to(device).eval()


def prepare_squares(squares: list[NDArray[Any]]) -> torch.Tensor:
    """The network's input of squares of any size, each uint8 (s, s, 3) RGB: uint8 (N, 96, 96, 3)."""
    return torch.stack([torch.from_numpy(INPUT.apply(square)) for square in squares])


def _block(inner: int, outer: int, size: int = 3, stride: int = 1, dilation: int = 1) -> tuple[nn.Module, ...]:
    padding = dilation * (size // 2)
    conv = nn.Conv2d(inner, outer, size, stride, padding, dilation, bias=False)
    return conv, nn.BatchNorm2d(outer), nn.ReLU()
