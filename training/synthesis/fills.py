"""What is printed inside the digits of a shirt, and how they are cut: gradients, two colours, inlines, badges."""

from typing import NamedTuple

import cv2
import numpy as np

from pipeline.types import FloatArray
from training.synthesis.looks import Rng

_BEND = 0.03
"""Standard deviation of the shift by which digits are bent, as a share of their height."""


class Printed(NamedTuple):
    """A number as it is printed."""

    digits: FloatArray
    """float32 (h, w) coverage, 0 to 1."""
    second: FloatArray | None = None
    """float32 (h, w) where a second colour covers the first, 0 to 1; None for one colour."""


def draw_fill(rng: Rng, digits: FloatArray) -> Printed:
    """Print a number in one of the ways that leagues do; mostly in one plain colour.

    Args:
        rng: source of chance.
        digits: float32 (h, w) coverage of the digits.
    """
    kinds = (plain, gradient, halves, inline, bands, badge, slit)
    kind = kinds[int(rng.choice(len(kinds), p=(0.7, 0.08, 0.04, 0.05, 0.03, 0.07, 0.03)))]
    return kind(rng, digits)


def plain(rng: Rng, digits: FloatArray) -> Printed:
    """One colour."""
    return Printed(digits)


def gradient(rng: Rng, digits: FloatArray) -> Printed:
    """From one colour to the other, downwards or aslant."""
    height, width = digits.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    ramp = y / height + float(rng.normal(0.0, 0.4)) * (x / width - 0.5)
    ramp = ramp if rng.random() < 0.5 else 1.0 - ramp
    return Printed(digits, np.asarray(digits * np.clip(ramp * rng.uniform(0.5, 1.2), 0.0, 1.0), np.float32))


def halves(rng: Rng, digits: FloatArray) -> Printed:
    """An upper and a lower colour."""
    second = digits.copy()
    second[: round(digits.shape[0] * rng.uniform(0.3, 0.7))] = 0.0
    return Printed(digits, second)


def inline(rng: Rng, digits: FloatArray) -> Printed:
    """A line of the second colour along the middle of every stroke."""
    depth = _depth(digits)
    second = np.clip(depth - rng.uniform(0.35, 0.75) * depth.max(), 0.0, 1.0)
    return Printed(digits, np.asarray(second, np.float32))


def bands(rng: Rng, digits: FloatArray) -> Printed:
    """Thin level stripes of the cloth through the digits."""
    height = digits.shape[0]
    period = rng.uniform(0.05, 0.16) * height
    row = np.arange(height)
    above, below = sorted(rng.uniform(0.0, 1.0, 2) * height)
    cut = ((row + rng.uniform(0, period)) % period < rng.uniform(0.15, 0.4) * period) & (row > above) & (row < below)
    return Printed(np.asarray(digits * ~cut[:, None], np.float32))


def badge(rng: Rng, digits: FloatArray) -> Printed:
    """A small disc of the second colour low on one stroke, as a league's badge."""
    depth = _depth(digits)
    depth[: round(0.6 * digits.shape[0])] = 0.0
    row, column = np.unravel_index(int((depth * rng.uniform(0.7, 1.0, depth.shape)).argmax()), depth.shape)
    radius = max(1, round(float(depth[row, column]) * rng.uniform(0.5, 1.0)))
    disc = np.zeros_like(digits)
    cv2.circle(disc, (int(column), int(row)), radius, 1.0, -1, cv2.LINE_AA)
    return Printed(digits, disc * digits)


def slit(rng: Rng, digits: FloatArray) -> Printed:
    """One straight cut through the number, as in stencils."""
    height, width = digits.shape
    kept = np.ones_like(digits)
    middle = np.array([width / 2, height * rng.uniform(0.2, 0.8)])
    angle = rng.normal(0.0, 0.5)
    reach = np.array([np.cos(angle), np.sin(angle)]) * (width + height)
    start, end = (tuple(int(v) for v in middle + sign * reach) for sign in (-1, 1))
    cv2.line(kept, start, end, 0.0, max(1, round(height * rng.uniform(0.02, 0.06))), cv2.LINE_AA)
    return Printed(digits * kept)


def bend(rng: Rng, digits: FloatArray) -> FloatArray:
    """Bend digits smoothly, so that no two shirts have quite the same.

    Args:
        rng: source of chance.
        digits: float32 (h, w).

    Returns:
        float32 (h, w).
    """
    height, width = digits.shape
    coarse = rng.normal(0.0, _BEND * height, (2, 4, max(3, round(4 * width / height)))).astype(np.float32)
    across, down = (cv2.resize(shift, (width, height), interpolation=cv2.INTER_CUBIC) for shift in coarse)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.asarray(cv2.remap(digits, x + across, y + down, cv2.INTER_LINEAR), np.float32)


def _depth(digits: FloatArray) -> FloatArray:
    """How deep inside the digits every place is, pixels."""
    return np.asarray(cv2.distanceTransform((digits > 0.5).astype(np.uint8), cv2.DIST_L2, 3), np.float32)
