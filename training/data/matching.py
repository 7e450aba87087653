"""Which boxes of one set are those of another."""

from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment

from pipeline.types import FloatArray, IntArray

MIN_IOU: Final = 0.5
"""Least overlap of two boxes that may be one person's."""


def overlaps(a: FloatArray, b: FloatArray) -> FloatArray:
    """Intersection over union of every box with every other.

    >>> overlaps(np.array([[0, 0, 2, 2]], np.float32), np.array([[1, 0, 3, 2]], np.float32)).round(3).tolist()
    [[0.3330000042915344]]

    Args:
        a: float32 (N, 4) xyxy.
        b: float32 (M, 4) xyxy.

    Returns:
        float32 (N, M).
    """
    size_a, size_b = a[:, 2:] - a[:, :2], b[:, 2:] - b[:, :2]
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    union = np.prod(size_a, axis=1)[:, None] + np.prod(size_b, axis=1)[None] - shared
    return np.asarray(shared / np.maximum(union, 1e-9), np.float32)


def pair(boxes: FloatArray, others: FloatArray) -> IntArray:
    """Pair boxes one to one so that the overlaps add up to the most (the assignment problem).

    Args:
        boxes: float32 (N, 4) xyxy.
        others: float32 (M, 4) xyxy.

    Returns:
        int64 (N,), the other box of each, -1 where it is left over or overlaps by less than `MIN_IOU`.
    """
    chosen = np.full(len(boxes), -1, np.int64)
    if len(boxes) and len(others):
        overlap = overlaps(boxes, others)
        rows, columns = linear_sum_assignment(overlap, maximize=True)
        kept = overlap[rows, columns] >= MIN_IOU
        chosen[rows[kept]] = columns[kept]
    return chosen
