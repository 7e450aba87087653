"""Composes two-digit numbers from one-digit ones: two shirts of one kit laid side by side, digit next to digit.

Where almost every number of a data set has one digit, the tens digit is hardly ever taught; any two single digits make
a number that nobody had to film.
"""

from collections.abc import Collection

import torch

from recognizer.labels import EMPTY, decode
from training.batch import Batch

_FEATHER = 1.5
"""Half width in pixels over which one shirt fades into the other."""


def compose_pairs(batch: Batch, share: float, generator: torch.Generator, forbidden: Collection[str] = ()) -> Batch:
    """Replace windows of a batch by two-digit numbers composed of the batch's own one-digit windows.

    The second digit comes from the window whose colours are nearest to the first one's, of a few drawn at random, and
    is shifted to the first one's colours.

    Args:
        batch: windows, any numbers; uint8 rgb (B, T, S, S, 3) with the number near the middle.
        share: share of the windows to replace, 0 to 1.
        generator: source of chance, on the CPU.
        forbidden: numbers never composed, for example those that are kept for a test.

    Returns:
        A new batch of the same shape; the same one where it holds fewer than two one-digit windows.
    """
    singles = torch.nonzero((batch.tens == EMPTY) & (batch.units != EMPTY) & batch.valid.any(dim=1)).flatten()
    wanted = round(share * len(batch.valid))
    if len(singles) < 2 or wanted == 0:
        return batch
    rgb, valid = batch.rgb.clone(), batch.valid.clone()
    tens, units = batch.tens.clone(), batch.units.clone()
    colours = batch.rgb.float().mean(dim=(1, 2, 3))
    for place in torch.randperm(len(valid), generator=generator)[:wanted].tolist():
        first = int(singles[torch.randint(len(singles), (), generator=generator)])
        rivals = singles[torch.randint(len(singles), (4,), generator=generator)]
        second = int(rivals[(colours[rivals] - colours[first]).square().sum(dim=1).argmin()])
        both = batch.valid[first] & batch.valid[second]
        number = decode(int(batch.units[first]), int(batch.units[second]))
        if number is None or number in forbidden or not bool(both.any()):
            continue
        rgb[place] = lay_side_by_side(batch.rgb[first], batch.rgb[second], generator)
        valid[place] = both
        tens[place], units[place] = batch.units[first], batch.units[second]
    return Batch(rgb, valid, tens, units)


def lay_side_by_side(left: torch.Tensor, right: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Put the middle of one picture to the left of the middle of another, squeezed as two digits on a shirt are.

    Args:
        left: uint8 (T, S, S, 3), the tens digit near its middle.
        right: uint8 (T, S, S, 3), the units digit near its middle; takes the colours of `left`.
        generator: source of chance for the distance and the squeeze.

    Returns:
        uint8 (T, S, S, 3).
    """
    side = left.shape[2]
    shift, squeeze = (torch.rand(2, generator=generator) * torch.tensor([0.06, 0.3])).tolist()
    offset, scale = (0.13 + shift) * side, 1.0 + squeeze
    middle = (side - 1) / 2
    column = torch.arange(side, dtype=torch.float32)
    one = _take_columns(left.float(), middle + (column - middle + offset) * scale)
    two = _take_columns(_recolour(right.float(), left.float()), middle + (column - middle - offset) * scale)
    weight = torch.sigmoid((column - middle) / _FEATHER)[:, None]
    return (one * (1 - weight) + two * weight).round().clamp(0, 255).to(torch.uint8)


def _take_columns(pictures: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Columns of (T, S, S, 3) at fractional places, linearly interpolated; outside, the border repeats."""
    last = pictures.shape[2] - 1
    places = places.clamp(0, last)
    below = places.floor().long()
    above = (below + 1).clamp(max=last)
    weight = (places - below)[:, None]
    return pictures[:, :, below] * (1 - weight) + pictures[:, :, above] * weight


def _recolour(pictures: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Give pictures the channel means and deviations of others, all (T, S, S, 3) float."""
    mean, deviation = pictures.mean(dim=(0, 1, 2)), pictures.std(dim=(0, 1, 2)).clamp(min=1.0)
    return (pictures - mean) / deviation * like.std(dim=(0, 1, 2)) + like.mean(dim=(0, 1, 2))
