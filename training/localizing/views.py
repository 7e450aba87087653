"""Views of squares for training: moved, turned, mirrored, recoloured, small; and where their numbers are in them."""

from typing import NamedTuple

import torch
from torch.nn import functional as F

from recognizer.localizer import INPUT, SURROUNDINGS
from training.localizing.examples import REACH

_SHIFT, _SCALE, _TURN = 0.28 / REACH, 0.16, 0.17
"""Standard deviations: of the centre as a share of the square's side, of the logarithm of the side, of the angle."""
_EDGE = 0.46
"""A number whose centre is farther than this from the view's middle, as a share of its side, does not count."""


class Views(NamedTuple):
    """What the localizer is shown."""

    rgb: torch.Tensor
    """uint8 (N, 96, 96, 3)."""
    places: torch.Tensor
    """float32 (N, 3): x, y and side of the region round the number as shares of the view's side, from its upper left
    corner; not a number where there is none."""
    counts: torch.Tensor
    """bool (N,), False where the number is at or beyond the edge."""


class _Chance:
    """Draws for each of some squares."""

    def __init__(self, count: int, generator: torch.Generator) -> None:
        self._count, self._generator = count, generator

    def normal(self, deviation: float, *shape: int) -> torch.Tensor:
        """float32 (N, *shape) about 0."""
        return torch.randn(self._count, *shape, generator=self._generator) * deviation

    def happens(self, share: float) -> torch.Tensor:
        """True with this probability: bool (N,)."""
        return torch.rand(self._count, generator=self._generator) < share

    def order(self, count: int) -> torch.Tensor:
        """int64 (count,), a permutation, the same for all."""
        return torch.randperm(count, generator=self._generator)

    def whole(self, low: int, high: int) -> int:
        """A number from `low` to `high`, the same for all."""
        return int(torch.randint(low, high + 1, (), generator=self._generator))


def draw_views(pictures: torch.Tensor, places: torch.Tensor, generator: torch.Generator) -> Views:
    """Draw a view of each square.

    Args:
        pictures: uint8 (N, s, s, 3).
        places: float32 (N, 3), as in `Examples`.
        generator: Source of chance, on the CPU.
    """
    count, chance = len(pictures), _Chance(len(pictures), generator)
    side, shift, angle = (
        torch.exp(chance.normal(_SCALE)) * SURROUNDINGS / REACH,
        chance.normal(_SHIFT, 2),
        chance.normal(_TURN),
    )
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], dim=1).view(count, 2, 2)
    mirrored = torch.where(chance.happens(0.5), -1.0, 1.0)
    axes = turn * torch.stack([mirrored, torch.ones(count)], dim=1)[:, None]  # of the view, in the square
    affine = torch.cat([axes * side[:, None, None], 2.0 * shift[:, :, None]], dim=2)
    grid = F.affine_grid(affine, [count, 3, INPUT.size, INPUT.size], align_corners=False)
    images = F.grid_sample(pictures.permute(0, 3, 1, 2).float() / 255, grid, align_corners=False)
    offset = torch.einsum("nij,ni->nj", axes, places[:, :2] - shift) / side[:, None]  # the inverse is the transpose
    seen = torch.cat([offset + 0.5, places[:, 2:] / side[:, None]], dim=1)
    rgb = (_recoloured(images, chance) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
    return Views(rgb, seen, ~(offset.abs() > _EDGE).any(dim=1))


def _recoloured(images: torch.Tensor, chance: _Chance) -> torch.Tensor:
    """Other colours, other light, and a quarter as if they had been small."""
    images = images.clone()
    swapped, negative, small = chance.happens(0.3), chance.happens(0.15), chance.happens(0.25)
    images[swapped] = images[swapped][:, chance.order(3)]
    images[negative] = 1.0 - images[negative]
    images = images.clamp(1e-4, 1.0) ** torch.exp(chance.normal(0.25, 1, 1, 1))
    images = images * torch.exp(chance.normal(0.12, 3, 1, 1)) + chance.normal(0.05, 1, 1, 1)
    side = chance.whole(28, 60)
    if bool(small.any()):
        shrunk = F.interpolate(images[small], (side, side), mode="bilinear", antialias=True)
        images[small] = F.interpolate(shrunk, images.shape[2:], mode="bilinear")
    return images.clamp(0.0, 1.0)
