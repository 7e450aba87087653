"""Digits drawn from strokes: every call of `draw_numerals` invents another typeface of sports shirts.

A digit is a few centre lines in a unit square, y downwards, built from arcs of rounded or cornered boxes and straight
strokes; a `Numerals` says how round, wide, heavy and closed they are. What differs between leagues is what is drawn by
chance: cut corners, open fours, ones with and without a foot, sevens with a hook, low or high waists.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np

from pipeline.types import FloatArray
from training.synthesis.looks import Rng

_HEIGHT = 96
"""Height in pixels at which digits are drawn."""
_ARC_POINTS = 24
One = Literal["plain", "flag", "foot"]
Four = Literal["closed", "open", "crossed"]
Seven = Literal["straight", "hooked", "curved", "barred", "bent"]
Two = Literal["sloped", "square"]
Three = Literal["bowls", "flat"]
Six = Literal["bowl", "sloped"]
Line = FloatArray
"""Centre line of a stroke: (points, 2) x and y, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Numerals:
    """A typeface of ten digits."""

    width: float = 0.5
    """Width of a digit's centre lines, as a share of their height."""
    weight: float = 0.2
    """Width of an upright stroke, as a share of the height."""
    contrast: float = 1.0
    """Width of a level stroke, as a share of an upright one's."""
    roundness: float = 6.0
    """Exponent of the superellipse that bowls follow: 2 is an ellipse, 8 nearly a box."""
    corner: float = 0.25
    """How much of a bowl's corners is cut off straight, as a share of its half sides; 0 leaves the superellipse."""
    waist: float = 0.48
    """Where 3, 6, 8 and 9 are narrow, 0 (top) to 1."""
    terminal: float = 0.12
    """How far the free ends of 2, 3, 5, 6 and 9 come back towards the middle: down to 0 (not) up to 0.3."""
    round_joins: bool = False
    """Whether strokes end round; otherwise they are squared off."""
    one: One = "foot"
    """plain (a bar), flag or foot (a flag and a foot)."""
    four: Four = "closed"
    """closed (a triangle), open (two uprights) or crossed (a slope whose upright begins below the top)."""
    seven: Seven = "straight"
    """straight, hooked (a stroke down at its left), curved, barred or bent (a slope that ends upright)."""
    two: Two = "sloped"
    """sloped, or square (a bowl above and half of one below, as a 5 in a mirror)."""
    three: Three = "bowls"
    """bowls, or flat (a straight top and a slope)."""
    six: Six = "bowl"
    """bowl, or sloped (a straight slope in place of the upper arc), for 9 too."""


def draw_numerals(rng: Rng) -> Numerals:
    """Invent a typeface."""
    cornered, width = rng.random() < 0.4, float(rng.uniform(0.34, 0.7))
    weight = float(rng.uniform(0.1, min(0.27, 0.5 * width)))
    return Numerals(
        width=width,
        weight=weight,
        contrast=float(np.clip(rng.normal(0.95, 0.15), 0.5, min(1.3, 0.21 / weight))),
        roundness=float(rng.choice([2.0, 2.5, 3.0, 4.0, 6.0, 9.0])),
        corner=float(rng.uniform(0.12, 0.5)) if cornered else 0.0,
        waist=float(np.clip(rng.normal(0.48, 0.04), 0.38, 0.58)),
        terminal=float(rng.uniform(0.0, 0.2)),
        round_joins=bool(rng.random() < 0.4),
        one=get_args(One)[rng.choice(3, p=[0.25, 0.5, 0.25])],
        four=get_args(Four)[rng.choice(3, p=[0.5, 0.25, 0.25])],
        seven=get_args(Seven)[rng.choice(5, p=[0.5, 0.12, 0.18, 0.05, 0.15])],
        two=get_args(Two)[rng.choice(2, p=[0.75, 0.25])],
        three=get_args(Three)[rng.choice(2, p=[0.7, 0.3])],
        six=get_args(Six)[rng.choice(2, p=[0.8, 0.2])],
    )


def numerals_mask(number: str, style: Numerals, spacing: float) -> FloatArray:
    """Draw a number as a coverage mask, cut to its ink.

    Args:
        number: digits.
        style: the typeface.
        spacing: room between digits as a share of their height.

    Returns:
        float32 (h, w), 0 to 1.
    """
    upright = max(2, round(style.weight * _HEIGHT))
    level = max(2, round(style.weight * style.contrast * _HEIGHT))
    squeeze = upright / level
    masks = [_digit_mask(_DIGITS[digit](style), style, level, squeeze) for digit in number]
    gap = np.zeros((masks[0].shape[0], max(1, round(spacing * _HEIGHT))), np.float32)
    parts = [masks[0]]
    for mask in masks[1:]:
        parts += [gap, mask]
    whole = np.concatenate(parts, axis=1)
    rows = np.flatnonzero(whole.max(axis=1) > 0.3)
    return np.ascontiguousarray(whole[rows[0] : rows[-1] + 1])


def _digit_mask(lines: list[Line], style: Numerals, pen: int, squeeze: float) -> FloatArray:
    """A digit drawn with a round pen on a canvas that is then stretched, so that upright strokes differ from level."""
    width = max(4, round(style.width * _HEIGHT / squeeze))
    margin = pen + 2
    canvas = np.zeros((_HEIGHT + 2 * margin, width + 2 * margin), np.uint8)
    for line in lines:
        points = np.round((line * (width, _HEIGHT) + margin) * 16).astype(np.int32)
        cv2.polylines(canvas, [points], False, 255, pen, cv2.LINE_AA, shift=4)
    if not style.round_joins:
        square = np.ones((max(2, pen // 3),) * 2, np.uint8)
        canvas = np.asarray(cv2.morphologyEx(canvas, cv2.MORPH_CLOSE, square), np.uint8)
    columns = np.flatnonzero(canvas.max(axis=0) > 76)
    canvas = canvas[:, columns[0] : columns[-1] + 1]
    wide = max(2, round(canvas.shape[1] * squeeze))
    resized = cv2.resize(canvas, (wide, canvas.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, np.float32) / 255.0


def _arc(style: Numerals, box: tuple[float, float, float, float], start: float, end: float) -> Line:
    """Part of a bowl that fills a box (left, top, right, bottom).

    Angles are in quarter turns, clockwise from the right: 0 right, 1 bottom, 2 left, 3 top; end below start runs the
    other way round.
    """
    angles = np.linspace(start, end, _ARC_POINTS) * np.pi / 2
    x, y = np.cos(angles), np.sin(angles)
    if style.corner > 0.0:
        # the box |x|, |y| <= 1 with corners cut: |x| + |y| <= 2 - corner
        reach = np.minimum(1.0 / np.maximum(np.abs(x), np.abs(y)), (2.0 - style.corner) / (np.abs(x) + np.abs(y)))
    else:
        n = style.roundness
        reach = (np.abs(x) ** n + np.abs(y) ** n) ** (-1.0 / n)
    left, top, right, bottom = box
    points = np.stack([(left + right) / 2 + x * reach * (right - left) / 2,
                       (top + bottom) / 2 + y * reach * (bottom - top) / 2], axis=1)  # fmt: skip
    return points.astype(np.float32)


def _line(*points: tuple[float, float]) -> Line:
    return np.array(points, np.float32)


def _zero(style: Numerals) -> list[Line]:
    return [_arc(style, (0, 0, 1, 1), 0, 4)]


def _one(style: Numerals) -> list[Line]:
    if style.one == "plain":
        return [_line((0.5, 0), (0.5, 1))]
    flag = _line((0.1, 0.2), (0.5, 0.0), (0.5, 1.0))
    return [flag, _line((0.05, 1), (0.95, 1))] if style.one == "foot" else [flag]


def _two(style: Numerals) -> list[Line]:
    if style.two == "square":
        w = style.waist
        upper = _arc(style, (0, 0, 1, w), 2.1 - 0.8 * style.terminal, 5)
        lower = _arc(style, (0, w, 1, 1), 3, 2)
        return [np.concatenate([upper, lower, _line((0, 1), (1, 1))])]
    t, w = style.terminal, style.waist + 0.08
    bowl = _arc(style, (0, 0, 1, w + 0.05), 2 - 0.8 * t, 4.35)
    return [np.concatenate([bowl, _line((0.0, 1.0 - 0.05 * (style.corner > 0)), (0, 1), (1, 1))])]


def _three(style: Numerals) -> list[Line]:
    t, w = style.terminal, style.waist
    lower = _arc(style, (0, w, 1, 1), -1, 2 + 0.8 * t - 0.1)
    if style.three == "flat":
        return [_line((0, 0), (1, 0), (0.45, w)), np.concatenate([_line((0.45, w)), lower])]
    upper = _arc(style, (0, 0, 1, w), 2.1 - 0.8 * t, 5)
    return [np.concatenate([upper, _line((0.35, w))]), np.concatenate([_line((0.35, w)), lower])]


def _four(style: Numerals) -> list[Line]:
    bar = style.waist + 0.2
    if style.four == "open":
        return [_line((0, 0), (0, bar - 0.08), (1, bar - 0.08)), _line((0.8, 0), (0.8, 1))]
    if style.four == "crossed":
        return [_line((0.55, 0), (0, bar), (1, bar)), _line((0.72, 0.42), (0.72, 1))]
    return [_line((0.75, 1), (0.75, 0), (0, bar), (1, bar))]


def _five(style: Numerals) -> list[Line]:
    t, w = style.terminal, style.waist - 0.06
    bowl = _arc(style, (0, w, 1, 1), -1.3, 2 + 0.8 * t - 0.1)
    return [np.concatenate([_line((0.95, 0), (0.05, 0), (0.03, w + 0.04)), bowl])]


def _six(style: Numerals) -> list[Line]:
    w = style.waist - 0.05
    lower = _arc(style, (0, w, 1, 1), 2, 6)
    if style.six == "sloped":
        return [lower, _line((0.7, 0), (0.03, (w + 1) / 2))]
    upper = _arc(style, (0, 0, 1, 0.9), 3.5 + style.terminal, 2)
    return [lower, np.concatenate([upper, _line((0, (w + 1) / 2))])]


def _seven(style: Numerals) -> list[Line]:
    if style.seven == "curved":
        bend = np.linspace(0, 1, _ARC_POINTS)
        curve = np.stack([1 - 0.65 * (1 - (1 - bend) ** 1.8), bend], axis=1).astype(np.float32)
        return [np.concatenate([_line((0, 0)), curve])]
    if style.seven == "bent":
        return [_line((0, 0), (1, 0), (1, 0.15), (0.45, 0.6), (0.45, 1))]
    lines = [_line((0, 0), (1, 0), (1, 0.1), (0.35, 1))]
    if style.seven == "hooked":
        lines.append(_line((0, 0), (0, 0.2)))
    if style.seven == "barred":
        lines.append(_line((0.3, 0.52), (0.95, 0.52)))
    return lines


def _eight(style: Numerals) -> list[Line]:
    w, narrower = style.waist, 0.06
    return [_arc(style, (narrower, 0, 1 - narrower, w), 0, 4), _arc(style, (0, w, 1, 1), 0, 4)]


def _nine(style: Numerals) -> list[Line]:
    return [np.ascontiguousarray(1.0 - line) for line in _six(style)]


_DIGITS: dict[str, Callable[[Numerals], list[Line]]] = {
    "0": _zero, "1": _one, "2": _two, "3": _three, "4": _four,
    "5": _five, "6": _six, "7": _seven, "8": _eight, "9": _nine,
}  # fmt: skip
