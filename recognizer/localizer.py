"""Where the number is in a jersey region, and the part round it enlarged.

A player leans, crouches and turns, and the detector's box wavers: a number may stand anywhere in a region and be
small. A small convolutional network (`NumberLocalizer`) says where it is, and a function (`cut`) enlarges the square
round it; together they are a spatial transformer without turns (Jaderberg et al. 2015, "Spatial transformer
networks"). The place is a soft argmax (Nibali et al. 2018, "Numerical coordinate regression").
"""

import math
from typing import Final, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

CUT_SIDE: Final = 64
"""Side of the picture that `cut` makes, pixels."""
_HEIGHT_SHARE: Final = 0.45
_WIDTH_SHARE: Final = 0.6
"""How much of the cut a number fills at the most, in height and in width, as far as the region reaches."""
_LEAST_SIDE: Final = 0.15
"""Side of the smallest cut, as a share of the region's."""


class Place(NamedTuple):
    """Where the number is in a region, as shares of its side."""

    centre: torch.Tensor
    """float32 (N, 2), x and y."""
    size: torch.Tensor
    """float32 (N, 2), width and height."""
    heat: torch.Tensor
    """float32 (N, h * w), logarithm of the probability that the centre is in each cell."""

    @property
    def side(self) -> torch.Tensor:
        """float32 (N,), side of the square to cut round the number, as a share of the region's."""
        width, height = self.size.unbind(1)
        return torch.maximum(width / _WIDTH_SHARE, height / _HEIGHT_SHARE).clamp(_LEAST_SIDE, 1.0)


class NumberLocalizer(nn.Module):
    """Says where the number is in regions."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_block(3, 16, size=5, stride=3),
            *_block(16, 32, stride=2),
            *_block(32, width),
            *_block(width, width, dilation=2),
            *_block(width, width, dilation=4),
            *_block(width, width),
        )
        self.heat = nn.Conv2d(width, 1, 1)
        self.size = nn.Conv2d(width, 2, 1)
        nn.init.constant_(self.size.bias, math.log(0.3))  # type: ignore[arg-type]  # the layer has a bias

    def forward(self, images: torch.Tensor) -> Place:
        """Find the number.

        Args:
            images: float (N, 3, S, S), normalised.
        """
        grid = self.features(images)
        heat = torch.log_softmax(self.heat(grid).flatten(1).float(), dim=1)
        weight, sizes = heat.exp(), self.size(grid).flatten(2).float()
        rows, columns = cell_centres(grid.shape[-1], weight.device)
        with torch.autocast(weight.device.type, enabled=False):  # places keep their precision
            centre = torch.stack([weight @ columns, weight @ rows], dim=1)
            sizes = torch.einsum("np,ncp->nc", weight, sizes)
        return Place(centre, sizes.clamp(-3.0, 0.5).exp(), heat)


def cell_centres(side: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows and columns of the middles of a grid's cells as shares of its side, each float32 (side * side,)."""
    middles = (torch.arange(side, device=device, dtype=torch.float32) + 0.5) / side
    return middles.repeat_interleave(side), middles.repeat(side)


def cut(images: torch.Tensor, centre: torch.Tensor, side: torch.Tensor, size: int = CUT_SIDE) -> torch.Tensor:
    """Scale a square part of each picture to one size.

    Args:
        images: float (N, 3, S, S).
        centre: float32 (N, 2), x and y of the part's centre as shares of the side.
        side: float32 (N,), the part's side as a share of the picture's.
        size: side of the result, pixels.

    Returns:
        (N, 3, size, size); the border is stretched into what lies outside.
    """
    steps = (torch.arange(size, device=images.device, dtype=torch.float32) + 0.5) / size - 0.5
    x = (centre[:, 0, None] + side[:, None] * steps) * 2.0 - 1.0
    y = (centre[:, 1, None] + side[:, None] * steps) * 2.0 - 1.0
    zeros = torch.zeros_like(x)
    grid = torch.stack([x[:, None, :] + zeros[:, :, None], zeros[:, None, :] + y[:, :, None]], dim=3)
    # Coordinates in half precision would misplace pixels.
    parts = F.grid_sample(images.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)
    return parts.to(images.dtype)


def _block(inner: int, outer: int, size: int = 3, stride: int = 1, dilation: int = 1) -> tuple[nn.Module, ...]:
    conv = nn.Conv2d(inner, outer, size, stride, dilation, dilation, bias=False)
    return conv, nn.BatchNorm2d(outer), nn.ReLU()
