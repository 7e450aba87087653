"""From a jersey region to the network's input: the same pixels in training and in serving."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_STD: Final = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocess:
    """Squares, resizes and sharpens a region, in this order; deterministic."""

    size: int = 64
    """Side of the result in pixels, 8 to 1024."""
    sharpness: float = 2.0
    """Sharpening factor: 1 leaves the picture as it is, 2 is the seed's, 0 blurs; 0 to 10."""
    upscale_below: int = 64
    """Regions whose longer side is under this many pixels are resized with Lanczos, others bilinear with
    antialiasing; at least 0."""

    def __post_init__(self) -> None:
        if isinstance(self.size, bool) or not isinstance(self.size, int) or not 8 <= self.size <= 1024:
            raise ValueError(f"size is {self.size!r}; allowed is a whole number from 8 to 1024")
        if isinstance(self.sharpness, bool) or not isinstance(self.sharpness, int | float):
            raise ValueError(f"sharpness is {self.sharpness!r}; allowed is a number from 0 to 10")
        if not 0.0 <= self.sharpness <= 10.0:
            raise ValueError(f"sharpness is {self.sharpness!r}; allowed is a number from 0 to 10")
        if isinstance(self.upscale_below, bool) or not isinstance(self.upscale_below, int) or self.upscale_below < 0:
            raise ValueError(f"upscale_below is {self.upscale_below!r}; allowed is a whole number from 0")

    def resampling(self, side: int) -> Image.Resampling:
        """How a region with this longer side in pixels is resized."""
        return Image.Resampling.LANCZOS if side < self.upscale_below else Image.Resampling.BILINEAR

    def apply(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Make the network's input from a region of any size.

        Args:
            rgb: uint8 (h, w, 3), h and w at least 1. A region that is not square (clipped at the frame's
                border) is centred on a black square, so that digits keep their shape.

        Returns:
            uint8 (S, S, 3) with S = `size`, contiguous, a new array.

        Raises:
            ValueError: The array is not a uint8 (h, w, 3) picture.
        """
        if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
            raise ValueError(f"region is {rgb.dtype} {rgb.shape}, expected uint8 (h, w, 3) with h, w >= 1")
        square = _letterbox(rgb)
        side = square.shape[0]
        image = Image.fromarray(square)
        if side != self.size:
            image = image.resize((self.size, self.size), self.resampling(side))
        if self.sharpness != 1.0:
            image = ImageEnhance.Sharpness(image).enhance(self.sharpness)
        return np.array(image, dtype=np.uint8)


def normalize(rgb: torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Scale pixels with ImageNet's mean and deviation and put the channels first.

    Args:
        rgb: uint8 (..., S, S, 3), on any device.
        dtype: Type of the result.

    Returns:
        (..., 3, S, S); a view of channels-last memory, so a contiguous input gives a channels-last picture
        without a copy. Black (0) becomes about -2.1, not 0.
    """
    mean, inverse_std = _constants(rgb.device, dtype)
    return rgb.to(dtype).sub_(mean).mul_(inverse_std).movedim(-1, -3)


@lru_cache(maxsize=8)
def _constants(device: torch.device, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and inverse deviation on the 0 to 255 scale, each (3,)."""
    with torch.inference_mode(False):
        mean = torch.tensor(IMAGENET_MEAN, dtype=torch.float64) * 255.0
        inverse_std = 1.0 / (torch.tensor(IMAGENET_STD, dtype=torch.float64) * 255.0)
        return mean.to(device, dtype), inverse_std.to(device, dtype)


def _letterbox(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Centre a picture on a black square whose side is its longer side."""
    height, width = rgb.shape[:2]
    if height == width:
        return np.ascontiguousarray(rgb)
    side = max(height, width)
    square = np.zeros((side, side, 3), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = rgb
    return square
