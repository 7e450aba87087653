"""Who stands on grass: spectators, benches and stewards are no players, though the teacher sees people in them."""

import cv2
import numpy as np

from pipeline.types import BoolArray, FloatArray, UInt8Image

GRASS = (np.array([30, 50, 35], np.uint8), np.array([90, 255, 255], np.uint8))
"""Lowest and highest hue (0 to 180), saturation and value of grass."""
LEAST_GRASS = 0.25
"""Share of a frame that must be grass for the place of its people to mean anything."""


def below(bgr: UInt8Image, xyxy: FloatArray) -> FloatArray:
    """Around and under the feet of each box, (N, 4) xyxy pixels within the frame."""
    height, width = bgr.shape[:2]
    wide, tall = (xyxy[:, 2 + i] - xyxy[:, i] for i in range(2))
    left, right = xyxy[:, 0] - 0.3 * wide, xyxy[:, 2] + 0.3 * wide
    window = np.stack((left, xyxy[:, 3] - 0.05 * tall, right, xyxy[:, 3] + 0.35 * tall), 1)
    return np.asarray(window.clip(0, [width, height, width, height]), np.float32)


def grass(bgr: UInt8Image) -> BoolArray:
    """Where a frame (H, W, 3) is grass-coloured, bool (H, W)."""
    return np.asarray(cv2.inRange(cv2.cvtColor(bgr, cv2.COLOR_BGR2HSV), *GRASS) > 0, np.bool_)


def shows_pitch(bgr: UInt8Image) -> bool:
    """Whether a frame shows a grass pitch."""
    return bool(grass(bgr).mean() >= LEAST_GRASS)


def off_pitch(bgr: UInt8Image, xyxy: FloatArray) -> tuple[BoolArray, BoolArray]:
    """Which boxes certainly stand off the grass, and which perhaps do; none where the frame shows no grass pitch.

    Args:
        bgr: uint8 (H, W, 3).
        xyxy: float32 (N, 4) pixels.
    """
    green = grass(bgr)
    off, perhaps = np.zeros(len(xyxy), np.bool_), np.zeros(len(xyxy), np.bool_)
    if green.mean() < LEAST_GRASS:
        return off, perhaps
    windows = below(bgr, xyxy)
    for i, (left, top, right, bottom) in enumerate(windows.astype(int)):
        if xyxy[i, 3] < bgr.shape[0] - 0.1 * (xyxy[i, 3] - xyxy[i, 1]):  # below the frame nothing is known
            share = green[top : bottom + 1, left : right + 1].mean()
            off[i], perhaps[i] = share < 0.05, 0.05 <= share < 0.25
    for _ in range(2):  # who stands before a player, or before one who does, is no spectator
        near = np.array([covered(window, xyxy[~off]) for window in windows], np.bool_).reshape(-1)
        perhaps |= off & near
        off &= ~near
    return off, perhaps


def covered(window: FloatArray, xyxy: FloatArray) -> bool:
    """Whether any of the boxes (N, 4) covers a fifth of a window (4,)."""
    shared = np.minimum(xyxy[:, 2:], window[2:]) - np.maximum(xyxy[:, :2], window[:2])
    area = max(float(np.prod(window[2:] - window[:2])), 1e-6)
    return bool((shared.clip(0).prod(1) / area > 0.2).any())
