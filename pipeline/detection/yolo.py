"""Geometry of a YOLO network's input and output; pure functions, no network."""

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.types import FloatArray, UInt8Image

STRIDE = 32
"""The network's coarsest grid in pixels; both sides of its input are multiples of it."""
_STRIDES = (8, 16, 32)
"""Its three grids, in its output's order."""
PADDING = 114
"""Grey level around a letterboxed frame, as in training."""


class Fit(NamedTuple):
    """How frames of a size lie in the network's input; sizes are width and height in pixels."""

    frame: tuple[int, int]
    inner: tuple[int, int]
    """The scaled frame."""
    outer: tuple[int, int]
    """The input round it, multiples of `STRIDE`."""

    @property
    def scale(self) -> tuple[float, float]:
        """Input pixels per frame pixel, across and down."""
        return self.inner[0] / self.frame[0], self.inner[1] / self.frame[1]

    @property
    def offset(self) -> tuple[int, int]:
        """Padding left and top, input pixels."""
        return (self.outer[0] - self.inner[0]) // 2, (self.outer[1] - self.inner[1]) // 2

    def to_frame(self, xyxy: FloatArray) -> FloatArray:
        """Boxes (N, 4) of the input in pixels of the frame, clipped to it."""
        boxes = (xyxy - np.array(self.offset * 2, np.float32)) / np.array(self.scale * 2, np.float32)
        return boxes.clip(0, np.array(self.frame * 2, np.float32)).astype(np.float32)


def input_size(frame_size: tuple[int, int], image_size: int, max_upscale: float) -> int:
    """Longer side of the network's input for a frame: `image_size`, or less where that would enlarge too much.

    >>> input_size((398, 224), 1280, 1.5)
    608
    """
    largest = round(max(frame_size) * max_upscale)
    return min(image_size, -(-largest // STRIDE) * STRIDE)


def fit(frame_size: tuple[int, int], image_size: int) -> Fit:
    """Scale the longer side to `image_size` and pad the shorter to a multiple of `STRIDE`.

    >>> fit((1280, 720), 960)
    Fit(frame=(1280, 720), inner=(960, 540), outer=(960, 544))
    """
    ratio = image_size / max(frame_size)
    inner_width, inner_height = (max(1, round(side * ratio)) for side in frame_size)
    outer_width, outer_height = (-(-side // STRIDE) * STRIDE for side in (inner_width, inner_height))
    return Fit(frame_size, (inner_width, inner_height), (outer_width, outer_height))


def letterbox(bgr: UInt8Image, place: Fit) -> UInt8Image:
    """The network's input, uint8 (h, w, 3) RGB, of a frame, uint8 (H, W, 3) BGR."""
    (left, top), (inner_width, inner_height), (outer_width, outer_height) = place.offset, place.inner, place.outer
    image = np.full((outer_height, outer_width, 3), PADDING, np.uint8)
    resized = cv2.resize(bgr, place.inner, interpolation=cv2.INTER_LINEAR)
    cv2.cvtColor(resized, cv2.COLOR_BGR2RGB, image[top : top + inner_height, left : left + inner_width])
    return image


def letterbox_on_device(bgr: Tensor, place: Fit) -> Tensor:
    """The same of a frame on a device; pixels may differ by one level, which OpenCV's rounding decides."""
    (left, top), (inner_width, inner_height), (outer_width, outer_height) = place.offset, place.inner, place.outer
    resized = bgr.flip(-1).permute(2, 0, 1)[None]
    if place.inner != place.frame:
        size = inner_height, inner_width
        resized = functional.interpolate(resized.float(), size, mode="bilinear", align_corners=False).round_()
    image = torch.full((outer_height, outer_width, 3), PADDING, dtype=torch.uint8, device=bgr.device)
    image[top : top + inner_height, left : left + inner_width] = resized[0].permute(1, 2, 0)
    return image


@lru_cache(maxsize=8)
def grid(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cell centres (A, 2) in input pixels and strides (A,) of a network's cells, in its output's order.

    The same tensors come back each time and are not to be written to.
    """
    centres, sizes = [], []
    for stride in _STRIDES:
        rows, columns = height // stride, width // stride
        y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        centres.append((torch.stack((x, y), -1).reshape(-1, 2) + 0.5) * stride)
        sizes.append(torch.full((rows * columns,), float(stride)))
    return torch.cat(centres).to(device), torch.cat(sizes).to(device)


def decode_boxes(distances: Tensor, centres: Tensor, strides: Tensor) -> Tensor:
    """Boxes (N, 4) in input pixels from the cells' distance distributions.

    Args:
        distances: float (4 * bins, N) logits: left, top, right, bottom, in cells.
        centres: (N, 2) input pixels.
        strides: (N,) input pixels per cell.
    """
    bins = distances.shape[0] // 4
    steps = torch.arange(bins, dtype=distances.dtype, device=distances.device)
    ltrb = (distances.view(4, bins, -1).softmax(1) * steps[:, None]).sum(1).T * strides[:, None]
    return torch.cat((centres - ltrb[:, :2], centres + ltrb[:, 2:]), 1)
