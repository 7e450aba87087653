"""The small changes a training window meets on its way in, made on whole batches: turn, scale, shift, light."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from training.data.batch import Batch, unknown_boxes


@dataclass(frozen=True, slots=True)
class AugmentSettings:
    """How far training windows are changed. Each figure is the largest change, drawn evenly up to it."""

    enabled: bool = True
    """Whether windows are changed at all; the mixture films its windows itself and needs no more."""
    angle: float = 5.0
    """Turn about the centre, degrees to either side; 0 to 180."""
    shift: float = 0.05
    """Shift along each axis as a share of the side, to either side; 0 to 1."""
    scale: float = 0.05
    """Change of size, smaller or larger; 0 up to 1."""
    brightness: float = 0.2
    """Change of the factor on all channels; 0 to 1."""
    contrast: float = 0.2
    """Change of the factor on the distance from the crop's mean grey; 0 to 1."""
    per_frame: bool = False
    """False draws once for the whole window, as one camera films one player; True draws for every frame."""
    film: bool = False
    """Whether windows are also filmed (training.synthesis.augment): distance, blur, colours, noise, compression."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.angle <= 180.0:
            raise ValueError(f"angle is {self.angle}; allowed is 0 to 180 degrees")
        for name in ("shift", "brightness", "contrast"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed is 0 to 1")
        if not 0.0 <= self.scale < 1.0:
            raise ValueError(f"scale is {self.scale}; allowed is 0 up to 1, without 1")


def augment_batch(batch: Batch, settings: AugmentSettings, generator: torch.Generator) -> Batch:
    """Turn, scale, shift and relight a batch of windows; the border is stretched into what comes in from outside.

    Args:
        batch: windows, on any device.
        settings: how far.
        generator: source of chance, on the CPU.

    Returns:
        A new batch; padded frames stay black, and where the numbers are is unknown from then on.
    """
    if not settings.enabled:
        return batch
    count, length = batch.valid.shape
    draws = _draw(count, length, settings.per_frame, generator).to(batch.rgb.device)
    frames = batch.rgb.flatten(0, 1).movedim(-1, 1).float()
    degrees, growth, shift = draws[:, 0] * settings.angle, draws[:, 1] * settings.scale, draws[:, 2:4] * settings.shift
    matrices = affine_matrices(degrees, growth, shift)
    grid = F.affine_grid(matrices, list(frames.shape), align_corners=False)
    moved = F.grid_sample(frames, grid, mode="bilinear", padding_mode="border", align_corners=False)
    lit = relight(moved, 1.0 + draws[:, 4] * settings.brightness, 1.0 + draws[:, 5] * settings.contrast)
    lit = lit * batch.valid.flatten()[:, None, None, None]
    rgb = lit.movedim(1, -1).to(torch.uint8).reshape(batch.rgb.shape)
    return batch._replace(rgb=rgb, boxes=unknown_boxes(batch.valid))


def affine_matrices(degrees: torch.Tensor, growth: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Matrices for `affine_grid` that turn, scale and shift pictures.

    Args:
        degrees: (N,) turn, counterclockwise as seen on the screen.
        growth: (N,) change of size; 0.05 makes the picture 5 % larger.
        shift: (N, 2) to the right and down, as a share of the side.

    Returns:
        (N, 2, 3), from the result's coordinates to the source's, both -1 to 1.
    """
    angle, size = torch.deg2rad(degrees), 1.0 + growth
    cos, sin = torch.cos(angle) / size, torch.sin(angle) / size
    turn = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)
    offset = -turn @ (2.0 * shift)[:, :, None]
    return torch.cat([turn, offset], dim=2)


def relight(frames: torch.Tensor, brightness: torch.Tensor, contrast: torch.Tensor) -> torch.Tensor:
    """Multiply all channels, then the distance from the crop's mean; (N, 3, S, S) on the 0 to 255 scale, clipped.

    Args:
        frames: float (N, 3, S, S).
        brightness: (N,) factors.
        contrast: (N,) factors.
    """
    bright = (frames * brightness[:, None, None, None]).clamp(0.0, 255.0)
    mean = bright.mean(dim=(1, 2, 3), keepdim=True)
    return (mean + (bright - mean) * contrast[:, None, None, None] + 0.5).clamp(0.0, 255.0)


def _draw(count: int, length: int, per_frame: bool, generator: torch.Generator) -> torch.Tensor:
    """(count * length, 6) between -1 and 1, the same for all frames of a window unless `per_frame`."""
    draws = torch.rand(count, length if per_frame else 1, 6, generator=generator) * 2.0 - 1.0
    return draws.expand(count, length, 6).reshape(count * length, 6)
