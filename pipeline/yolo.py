"""Geometry of a YOLO network's input and output; pure functions, no network."""

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from pipeline.types import FloatArray, UInt8Image

STRIDE = 32
"""The network's coarsest grid in pixels; both sides of its input are multiples of it."""
_STRIDES = (8, 16, 32)
"""Its three grids, in its output's order."""
PADDING = 114
"""Grey level around a letterboxed frame, as in training."""


class Letterbox(NamedTuple):
    """A frame fitted into the network's input."""

    image: UInt8Image
    """uint8 (h, w, 3), both sides multiples of `STRIDE`."""
    scale: tuple[float, float]
    """Input pixels per frame pixel, across and down."""
    offset: tuple[int, int]
    """Padding left and top, input pixels."""

    def to_frame(self, xyxy: FloatArray, width: int, height: int) -> FloatArray:
        """Boxes (N, 4) of the input in pixels of the frame, clipped to it."""
        boxes = (xyxy - np.array(self.offset * 2, np.float32)) / np.array(self.scale * 2, np.float32)
        return boxes.clip(0, np.array([width, height, width, height], np.float32)).astype(np.float32)

    def to_input(self, xyxy: FloatArray) -> FloatArray:
        """Boxes (N, 4) of the frame in pixels of the input."""
        boxes = xyxy * np.array(self.scale * 2, np.float32) + np.array(self.offset * 2, np.float32)
        return boxes.astype(np.float32)


def input_size(bgr: UInt8Image, image_size: int, max_upscale: float) -> int:
    """Longer side of the network's input for a frame: `image_size`, or less where that would enlarge too much.

    >>> input_size(np.zeros((224, 398, 3), np.uint8), 1280, 1.5)
    608
    """
    largest = round(int(max(bgr.shape[:2])) * max_upscale)
    return min(image_size, -(-largest // STRIDE) * STRIDE)


def letterbox(bgr: UInt8Image, image_size: int) -> Letterbox:
    """Scale the longer side to `image_size` and pad the shorter to a multiple of `STRIDE`.

    >>> letterbox(np.zeros((720, 1280, 3), np.uint8), 960).image.shape
    (544, 960, 3)
    """
    height, width = bgr.shape[:2]
    ratio = image_size / max(height, width)
    inner_width, inner_height = max(1, round(width * ratio)), max(1, round(height * ratio))
    outer_width, outer_height = (-(-side // STRIDE) * STRIDE for side in (inner_width, inner_height))
    left, top = (outer_width - inner_width) // 2, (outer_height - inner_height) // 2
    image = np.full((outer_height, outer_width, 3), PADDING, np.uint8)
    resized = cv2.resize(bgr, (inner_width, inner_height), interpolation=cv2.INTER_LINEAR)
    image[top : top + inner_height, left : left + inner_width] = resized
    return Letterbox(image, (inner_width / width, inner_height / height), (left, top))


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
