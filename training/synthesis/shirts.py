"""Draws numbers on shirts: typefaces, outlines, names and folds, onto real torsos without a number.

A torso is the square jersey region that the pipeline cuts (`pipeline.crops`), uint8 (s, s, 3) RGB; the number's
centre is near (0.5, 0.45) of it and its height near 0.45 of its side.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.crops import CropSettings
from pipeline.types import FloatArray, UInt8Image
from training.synthesis.augment import contrast
from training.synthesis.looks import Rng
from training.synthesis.numerals import draw_numerals, numerals_mask
from training.synthesis.typefaces import GLYPH_HEIGHT, Typefaces, installed

TORSO_SIDE = 0.35
"""Side of a region that the torso of a standing player fills, as a share of the player's height. In a larger region
the torso takes a smaller `share` of the side, round its middle."""
_WORD_HEIGHT = 40
"""Words are printed far smaller than numbers."""
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def torso_share(crops: CropSettings) -> float:
    """How much of a region's side a standing player's torso takes."""
    return min(1.0, TORSO_SIDE / crops.side_of_height)


@lru_cache(maxsize=512)
def _font(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


def text_mask(text: str, font: Path | None, spacing: float = 0.0, height: int = GLYPH_HEIGHT) -> FloatArray:
    """Draw a text as a coverage mask, cut to its ink.

    Args:
        text: what to draw.
        font: a typeface file; None takes Pillow's own.
        spacing: extra room between letters as a share of their height.
        height: size of the typeface, pixels.

    Returns:
        float32 (h, w), 0 to 1.
    """
    face = _font(str(font), height) if font else ImageFont.load_default(height)
    canvas = Image.new("L", (height * (len(text) + 1) * 2, height * 2), 0)
    pen = ImageDraw.Draw(canvas)
    x = height / 2
    for letter in text:
        pen.text((x, height / 4), letter, fill=255, font=face)
        x += face.getlength(letter) + spacing * height
    ink = canvas.crop(canvas.getbbox())
    return _cut_to_ink(np.asarray(ink, np.float32) / 255.0)


def number_mask(rng: Rng, number: str, typefaces: Typefaces | None = None) -> FloatArray:
    """Draw a number in a random style.

    Args:
        rng: source of chance.
        number: digits.
        typefaces: what to choose from; None takes those that are installed, and invented ones beside them.

    Returns:
        float32 (h, w), 0 to 1.
    """
    fonts, invented_share = typefaces or installed()
    if not fonts or rng.random() < invented_share:
        mask = numerals_mask(number, draw_numerals(rng), float(rng.uniform(0.02, 0.2)))
    else:
        mask = text_mask(number, fonts[int(rng.integers(len(fonts)))], float(rng.uniform(-0.02, 0.12)))
    if rng.random() < 0.2:
        mask = slant(mask, float(rng.normal(0.12, 0.14)))
    stretch = float(np.exp(rng.normal(0.0, 0.15)))
    return np.asarray(cv2.resize(mask, None, fx=stretch, fy=1.0, interpolation=cv2.INTER_AREA), np.float32)


def slant(mask: FloatArray, shear: float) -> FloatArray:
    """Lean a mask to the right as an italic does.

    Args:
        mask: float32 (h, w).
        shear: shift of the top edge against the bottom edge as a share of the height; negative leans left.

    Returns:
        float32 (h, w + the shift).
    """
    height, width = mask.shape
    shift = abs(shear) * height
    matrix = np.array([[1.0, -shear, max(shear, 0.0) * height], [0.0, 1.0, 0.0]])
    size = (width + round(shift), height)
    return np.asarray(cv2.warpAffine(mask, matrix, size, flags=cv2.INTER_LINEAR, borderValue=0), np.float32)


def place_mask(
    mask: FloatArray,
    side: int,
    centre: tuple[float, float],
    height: float,
    turn: float,
    lean: float,
    radius: float = 0.42,
) -> FloatArray:
    """Lay a mask onto a square canvas, bent round an upright cylinder.

    Args:
        mask: float32 (h, w) coverage.
        side: side of the canvas in pixels.
        centre: of the mask, as shares of the side.
        height: of the mask, as a share of the side.
        turn: how far the body is turned, radians; the far edge of the mask narrows.
        lean: turn in the picture plane, radians.
        radius: of the cylinder, as a share of the side.

    Returns:
        float32 (side, side), 0 to 1.
    """
    source_height, source_width = mask.shape
    scale = source_height / max(height * side, 1.0)
    if scale > 2.0:
        size = max(1, round(source_width * 2 / scale)), max(1, round(source_height * 2 / scale))
        mask = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.float32)
        source_height, source_width = mask.shape
        scale = source_height / max(height * side, 1.0)
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32)
    x, y = columns - centre[0] * side, rows - centre[1] * side
    cos, sin = np.cos(lean), np.sin(lean)
    x, y = x * cos + y * sin, -x * sin + y * cos
    radius *= side
    across = np.clip(x / radius + np.sin(turn), -1.0, 1.0)
    arc = (np.arcsin(across) - turn) * radius
    hidden = np.abs(across) >= 1.0
    map_x = (arc * scale + source_width / 2).astype(np.float32)
    map_x[hidden] = -10.0
    map_y = (y * scale + source_height / 2).astype(np.float32)
    return np.asarray(cv2.remap(mask, map_x, map_y, cv2.INTER_LINEAR, borderValue=0), np.float32)


def random_colours(rng: Rng, against: FloatArray, least: float = 60.0) -> FloatArray:
    """A colour (3,) float32 that stands out from another in luminance or hue; half of the time white or black."""
    for _ in range(8):
        pick = rng.random()
        colour = rng.uniform(0, 255, 3)
        if pick < 0.35:
            colour = rng.uniform(215, 255) * np.ones(3)
        elif pick < 0.5:
            colour = rng.uniform(5, 45) * np.ones(3)
        elif pick < 0.6:
            colour = np.array([rng.uniform(190, 255), rng.uniform(160, 215), rng.uniform(0, 60)])
        if contrast(colour, against) > least:
            return colour.astype(np.float32)
    return np.asarray(np.full(3, 255.0 if against.mean() < 128 else 0.0), np.float32)


def shirt_zone(side: int, rng: Rng, share: float = 1.0) -> FloatArray:
    """Soft mask (side, side) of where cloth is on a standing player's torso, 0 to 1; see `TORSO_SIDE` for `share`."""
    mask = np.zeros((side, side), np.float32)
    left, right = rng.uniform(0.08, 0.26) * side, rng.uniform(0.74, 0.92) * side
    top = rng.uniform(0.02, 0.12) * side
    points = np.array([[left + 0.05 * side, top], [right - 0.05 * side, top], [right, side], [left, side]])
    points = (points - side / 2) * share + side / 2
    cv2.fillPoly(mask, [points.astype(np.int32)], 1.0)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(0.5, side * 0.03)), np.float32)


def dye(torso: UInt8Image, zone: FloatArray, colour: FloatArray, folds: float) -> UInt8Image:
    """Give the cloth in a zone a plain colour, keeping the torso's own light and folds.

    Args:
        torso: uint8 (s, s, 3).
        zone: float32 (s, s) mask of the cloth.
        colour: float32 (3,).
        folds: how much of the local contrast stays, 0 to 1.

    Returns:
        uint8 (s, s, 3).
    """
    light = cv2.cvtColor(torso, cv2.COLOR_RGB2GRAY).astype(np.float32)
    light = np.asarray(cv2.GaussianBlur(light, (0, 0), max(0.6, torso.shape[0] * 0.05)), np.float32)
    mean = float((light * zone).sum() / max(float(zone.sum()), 1e-6))
    shading = np.clip((light + 20) / (mean + 20), 0.6, 1.4) ** folds
    cloth = colour[None, None, :] * shading[:, :, None]
    return np.asarray(np.clip(torso * (1 - zone[:, :, None]) + cloth * zone[:, :, None], 0, 255), np.uint8)


def print_number(rng: Rng, torso: UInt8Image, masks: Sequence[FloatArray], colours: Sequence[FloatArray]) -> UInt8Image:
    """Blend coverage masks in order onto a torso, shaded like the cloth under them."""
    out = torso.astype(np.float32)
    light = cv2.cvtColor(torso, cv2.COLOR_RGB2GRAY).astype(np.float32) + 15
    smooth = cv2.GaussianBlur(light, (0, 0), max(1.0, torso.shape[0] * 0.2))
    shading = np.clip(light / smooth, 0.75, 1.25)[:, :, None] ** float(rng.uniform(0.0, 0.8))
    for mask, colour in zip(masks, colours, strict=True):
        alpha = mask[:, :, None]
        out = out * (1 - alpha) + colour[None, None, :] * shading * alpha
    return np.clip(out, 0, 255).astype(np.uint8)


def word_mask(rng: Rng) -> FloatArray:
    """A word as in a name or a sponsor, 3 to 9 letters, as a coverage mask (h, w), 0 to 1."""
    letters = "".join(_LETTERS[i] for i in rng.integers(0, len(_LETTERS), int(rng.integers(3, 10))))
    fonts = installed().files
    return text_mask(letters, fonts[int(rng.integers(len(fonts)))] if fonts else None, 0.02, _WORD_HEIGHT)


def badge_mask(rng: Rng) -> FloatArray:
    """A crest, a patch or a maker's mark from afar: a blot or a bar, as a coverage mask (h, w), 0 to 1."""
    side = _WORD_HEIGHT
    mask = np.zeros((side, side), np.float32)
    half = np.array([rng.uniform(0.15, 0.48), 0.48]) * side
    centre = ((side - 1) / 2, (side - 1) / 2)
    kind = rng.random()
    if kind < 0.4:
        cv2.ellipse(mask, (centre, tuple(2 * half), 0.0), 1.0, -1, cv2.LINE_AA)
    elif kind < 0.7:
        corners = np.array(centre) + rng.uniform(-1.0, 1.0, (int(rng.integers(3, 7)), 2)) * half
        cv2.fillConvexPoly(mask, cv2.convexHull(corners.astype(np.float32)).astype(np.int32), 1.0, cv2.LINE_AA)
    else:
        left, right = np.round(centre[0] + np.array([-0.5, 0.5]) * half[0]).astype(int)
        mask[:, left : right + 1] = 1.0
    return _cut_to_ink(mask)


def place_word(
    mask: FloatArray, side: int, centre_y: float, height: float, turn: float, share: float = 1.0
) -> FloatArray:
    """Lay a word across the shirt; see `place_mask` for what is not said here.

    Args:
        mask: float32 (h, w) of `word_mask`.
        side: side of the canvas in pixels.
        centre_y: of the word, as a share of the side.
        height: of the word, as a share of the side; less where it would be too wide for the shirt.
        turn: how far the body is turned, radians.
        share: of the region that the torso fills, see `TORSO_SIDE`.

    Returns:
        float32 (side, side), 0 to 1.
    """
    width = mask.shape[1] / mask.shape[0] * height
    if width > 0.6 * share:
        height *= 0.6 * share / width
    return place_mask(mask, side, (0.5, centre_y), height, turn, 0.0, 0.42 * share)


def _cut_to_ink(mask: FloatArray) -> FloatArray:
    rows, columns = np.flatnonzero(mask.max(axis=1) > 0.3), np.flatnonzero(mask.max(axis=0) > 0.3)
    if len(rows) == 0:
        return np.ones((2, 2), np.float32)
    return np.ascontiguousarray(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
