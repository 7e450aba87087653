"""What a frame may look like to the player detector: another size, place, light and coding."""

import cv2
import numpy as np

from pipeline.detection.yolo import PADDING
from pipeline.types import FloatArray, UInt8Image

LEAST_VISIBLE = 0.4
"""Share of a box that must stay inside the crop for it to be taught; below, it is doubtful."""

MOST_ENLARGED = 2.0
"""Limit to enlarging small frames, a little above the detector's own."""


def augment(
    bgr: UInt8Image,
    people: FloatArray,
    doubtful: FloatArray,
    size: tuple[int, int],
    scales: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[UInt8Image, FloatArray, FloatArray]:
    """A random view of a frame.

    Args:
        bgr: uint8 (H, W, 3).
        people: float32 (N, 4) xyxy pixels.
        doubtful: float32 (M, 4) xyxy pixels.
        size: width and height of the view.
        scales: range of sizes, 1 being the frame fitted into the view's width or height, whichever is tighter.
        rng: source of chance.

    Returns:
        The view, uint8 (height, width, 3), and the same two kinds of boxes in its pixels.
    """
    view, people, doubtful = _place(bgr, people, doubtful, size, scales, rng)
    if rng.random() < 0.5:
        view = np.ascontiguousarray(view[:, ::-1])
        people, doubtful = (_mirror(boxes, size[0]) for boxes in (people, doubtful))
    return _degrade(_relight(view, rng), rng), people, doubtful


def _place(
    bgr: UInt8Image,
    people: FloatArray,
    doubtful: FloatArray,
    size: tuple[int, int],
    scales: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[UInt8Image, FloatArray, FloatArray]:
    """Scale the frame and lay it into the view, cut or padded."""
    height, width = bgr.shape[:2]
    fit = min(size[0] / width, size[1] / height)
    scale = min(fit * float(np.exp(rng.uniform(*np.log(scales)))), MOST_ENLARGED)
    room = (size[0] - width * scale, size[1] - height * scale)
    dx, dy = (rng.uniform(min(0.0, side), max(0.0, side)) for side in room)
    matrix = np.array([[scale, 0, dx], [0, scale, dy]], np.float32)
    view = cv2.warpAffine(bgr, matrix, size, flags=cv2.INTER_LINEAR, borderValue=(PADDING,) * 3).astype(
        np.uint8, copy=False
    )
    moved = [boxes * np.float32(scale) + np.array([dx, dy] * 2, np.float32) for boxes in (people, doubtful)]
    limit = np.array([*size, *size], np.float32)
    clipped = [boxes.clip(0, limit) for boxes in moved]
    area = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (*moved, *clipped)]
    seen = [area[2 + i] / np.maximum(area[i], 1e-6) for i in range(2)]
    cut = clipped[0][(seen[0] < LEAST_VISIBLE) & (seen[0] > 0)]
    return view, clipped[0][seen[0] >= LEAST_VISIBLE], np.concatenate((clipped[1][seen[1] > 0], cut))


def _mirror(boxes: FloatArray, width: int) -> FloatArray:
    mirrored = boxes[:, [2, 1, 0, 3]]
    mirrored[:, [0, 2]] = width - mirrored[:, [0, 2]]
    return mirrored


def _relight(bgr: UInt8Image, rng: np.random.Generator) -> UInt8Image:
    """Another contrast, brightness and tint."""
    gain = rng.uniform(0.75, 1.3) * rng.uniform(0.93, 1.07, 3)
    table = (np.arange(256)[:, None] - 110) * gain + 110 + rng.uniform(-25, 25)
    return cv2.LUT(bgr, table.clip(0, 255).astype(np.uint8)[None]).astype(np.uint8, copy=False)


def _degrade(bgr: UInt8Image, rng: np.random.Generator) -> UInt8Image:
    """Sometimes a coarser picture, motion blur, or heavy coding."""
    height, width = bgr.shape[:2]
    if rng.random() < 0.25:
        factor = rng.uniform(0.45, 0.9)
        small = cv2.resize(bgr, (int(width * factor), int(height * factor)), interpolation=cv2.INTER_AREA)
        bgr = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)
    if rng.random() < 0.15:
        length = int(rng.integers(3, 8))
        kernel = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1 / length
        bgr = cv2.filter2D(bgr, -1, kernel).astype(np.uint8, copy=False)
    if rng.random() < 0.3:
        _, coded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 75))])
        bgr = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return bgr
