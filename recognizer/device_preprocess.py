"""The preprocessing for regions that already lie on a device, where one frame was uploaded for all that needs it.

Resizing is linear along each side, so its matrix is what the CPU's resizing makes of the unit matrix; with the same
rounding after each side both give the same pixels, but for ties that float arithmetic breaks either way.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from recognizer.precision import forbid_tf32
from recognizer.preprocess import Preprocess

_LEAST_SIDE: Final = 64
"""Regions are padded to this side in pixels, or to a power of two times it, to be resized together."""
_PIXELS_TOGETHER: Final = 4_000_000
"""Most padded pixels in one go, unless one region has more: about 100 MB at work."""
_MATRICES: Final = 512
"""Matrices kept; a match shows players of a few hundred sizes."""


class DevicePreprocess:
    """Makes the network's input from square regions on a device; `Preprocess.apply` does it on the CPU.

    Args:
        preprocess: What to do.
        device: Where the regions lie and the result will.
    """

    def __init__(self, preprocess: Preprocess, device: torch.device) -> None:
        self._preprocess, self._device = preprocess, device
        forbid_tf32(device, torch.float32)  # 10 bits of mantissa would make other pixels
        self._matrix = lru_cache(_MATRICES)(self._new_matrix)

    @torch.inference_mode()
    def __call__(self, regions: Sequence[Tensor]) -> Tensor:
        """Square, resize and sharpen regions.

        Args:
            regions: Each uint8 (s, s, 3) on the device, s at least 1.

        Returns:
            uint8 (N, S, S, 3) with S the network's side, in the regions' order.
        """
        size = self._preprocess.size
        blank = torch.empty(0, size, size, 3, dtype=torch.uint8, device=self._device)
        made = [blank] * len(regions)
        by_padding: dict[int, list[int]] = defaultdict(list)
        for place, region in enumerate(regions):
            by_padding[_padded(region.shape[0])].append(place)
        for padding, places in by_padding.items():
            together = max(1, _PIXELS_TOGETHER // padding**2)
            for part in (places[start : start + together] for start in range(0, len(places), together)):
                for place, row in zip(part, self._resized([regions[place] for place in part], padding), strict=True):
                    made[place] = row[None]
        return torch.cat([blank, *made])

    def _resized(self, regions: Sequence[Tensor], padding: int) -> Tensor:
        held = torch.zeros(len(regions), padding, padding, 3, dtype=torch.uint8, device=self._device)
        for row, region in zip(held, regions, strict=True):
            row[: region.shape[0], : region.shape[1]] = region
        matrices = torch.stack([self._matrix(region.shape[0], padding) for region in regions])[:, None]
        across = _rounded(held.movedim(-1, 1).float() @ matrices.mT)
        sharp = _sharpened(_rounded(matrices @ across), self._preprocess.sharpness)
        return sharp.movedim(1, -1).to(torch.uint8)

    def _new_matrix(self, side: int, padding: int) -> Tensor:
        """What resizing does along one side: float32 (S, padding), zero behind the region."""
        size, unit = self._preprocess.size, np.eye(side, dtype=np.float32)
        resizing = self._preprocess.resampling(side)
        matrix = torch.zeros(size, padding)
        resized = np.array(Image.fromarray(unit).resize((side, size), resizing)) if side != size else unit
        matrix[:, :side] = torch.from_numpy(resized)
        return matrix.pin_memory().to(self._device, non_blocking=True) if self._device.type == "cuda" else matrix


def _padded(side: int) -> int:
    """The least padded side that holds a region.

    >>> _padded(64), _padded(65), _padded(300)
    (64, 128, 512)
    """
    return max(_LEAST_SIDE, 1 << (side - 1).bit_length())


def _rounded(pixels: Tensor) -> Tensor:
    """Whole levels, halves upwards, as Pillow has them between its passes."""
    return pixels.add_(0.5).floor_().clamp_(0, 255)


def _sharpened(pixels: Tensor, factor: float) -> Tensor:
    """Pillow's `ImageEnhance.Sharpness` of whole levels (N, 3, S, S): away from a smoothed copy by a factor."""
    if factor == 1.0:
        return pixels
    height, width = pixels.shape[-2:]
    neighbours = sum(pixels[..., y : y + height - 2, x : x + width - 2] for y in range(3) for x in range(3))
    smooth = pixels.clone()
    smooth[..., 1:-1, 1:-1] = _rounded((neighbours + 4 * pixels[..., 1:-1, 1:-1]) / 13)
    return torch.lerp(smooth, pixels, factor).clamp_(0, 255).trunc_()
