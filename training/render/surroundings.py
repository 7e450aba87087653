"""Pictures of what is around the players: grass with its lines, boards and the crowd."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

PITCH = (105.0, 68.0)
"""Length along x and width along y, metres."""
GRASS_TEXELS = 50
"""Texels per metre of the grass."""
LINE = 0.12
"""Width of a line, metres."""
BOARD_WORDS = ("NORDWIND", "PIXELFELD", "HELIOS", "KURVE", "OPEN PITCH", "MERIDIAN")
"""Firms that do not exist."""


def grass(low: tuple[float, float], high: tuple[float, float], seed: int) -> NDArray[np.uint8]:
    """uint8 (h, w, 3): the ground between two corners (metres), mown in stripes, with the lines of the pitch."""
    width, height = (round((b - a) * GRASS_TEXELS) for a, b in zip(low, high, strict=True))
    rng = np.random.default_rng(seed)
    x = low[0] + (np.arange(width) + 0.5) / GRASS_TEXELS
    y = high[1] - (np.arange(height) + 0.5) / GRASS_TEXELS
    stripes = np.tanh(6.0 * np.sin(np.pi * x / 5.25))[None, :] * 0.10
    stripes = stripes + np.tanh(6.0 * np.sin(np.pi * y / 8.5))[:, None] * 0.03
    patches = _noise(rng, width, height, 150) * 0.04 + _noise(rng, width, height, 18) * 0.04
    blades = _noise(rng, width, height, 1.6) * 0.085 + rng.normal(0, 0.035, (height, width))
    bright = 1.0 + stripes + patches + blades
    tint = _noise(rng, width, height, 40)
    colour = np.stack([68 + 4 * tint, 102 + 1 * tint, 52 - 2 * tint], axis=-1) * bright[..., None]
    lines = _lines(low, high, width, height) * (0.86 + 0.10 * _noise(rng, width, height, 3))
    lines = np.clip(lines, 0, 1)[..., None]
    return np.clip(colour * (1 - lines) + np.array([226, 230, 222]) * lines, 0, 255).astype(np.uint8)


def _noise(rng: np.random.Generator, width: int, height: int, size: float) -> NDArray[np.float64]:
    """Smooth noise, about -1 to 1, with blobs of `size` texels."""
    small = (max(int(width / size) + 2, 4), max(int(height / size) + 2, 4))
    values = Image.fromarray((rng.random((small[1], small[0])) * 255).astype(np.uint8))
    return np.asarray(values.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float64) / 127.5 - 1.0


def _lines(low: tuple[float, float], high: tuple[float, float], width: int, height: int) -> NDArray[np.float64]:
    """Lines of a football pitch as a mask 0 to 1."""
    mask = Image.new("L", (width, height))
    draw = ImageDraw.Draw(mask)
    stroke = round(LINE * GRASS_TEXELS)

    def at(x: float, y: float) -> tuple[float, float]:
        return (x - low[0]) * GRASS_TEXELS, (high[1] - y) * GRASS_TEXELS

    def box(x0: float, y0: float, x1: float, y1: float) -> None:
        draw.line([at(x0, y0), at(x1, y0), at(x1, y1), at(x0, y1), at(x0, y0)], fill=255, width=stroke)

    def arc(x: float, y: float, radius: float, first: float, last: float) -> None:
        steps = np.radians(np.linspace(first, last, 90))
        draw.line([at(x + radius * math.cos(a), y + radius * math.sin(a)) for a in steps], fill=255, width=stroke)

    half_length, half_width = PITCH[0] / 2, PITCH[1] / 2
    box(-half_length, -half_width, half_length, half_width)
    draw.line([at(0, -half_width), at(0, half_width)], fill=255, width=stroke)
    arc(0, 0, 9.15, 0, 360)
    for side in (-1, 1):
        end = side * half_length
        box(end - side * 16.5, -20.16, end, 20.16)
        box(end - side * 5.5, -9.16, end, 9.16)
        spot = end - side * 11.0
        reach = math.degrees(math.acos(5.5 / 9.15))
        arc(spot, 0, 9.15, (180 if side > 0 else 0) - reach, (180 if side > 0 else 0) + reach)
        arc(spot, 0, 0.11, 0, 360)
    return np.asarray(mask.filter(ImageFilter.GaussianBlur(1.2)), dtype=np.float64) / 255.0


def boards(length: float, height: float, seed: int) -> NDArray[np.uint8]:
    """uint8 (h, w, 3): a strip of advertising boards of `length` by `height` metres, without any digits."""
    scale = 40
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (round(length * scale), round(height * scale)), (12, 40, 92))
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=height * scale * 0.62)
    colours = ((12, 40, 92), (150, 22, 34), (236, 236, 232), (14, 92, 70), (28, 28, 32))
    x, k = 0.0, int(rng.integers(len(BOARD_WORDS)))
    while x < length:
        wide = 7.5
        fill = colours[int(rng.integers(len(colours)))]
        draw.rectangle((x * scale, 0, (x + wide) * scale, height * scale), fill=fill)
        ink = (20, 30, 60) if sum(fill) > 500 else (244, 244, 240)
        draw.text(
            ((x + wide / 2) * scale, height * scale / 2),
            BOARD_WORDS[k % len(BOARD_WORDS)],
            fill=ink,
            font=font,
            anchor="mm",
            stroke_width=1,
        )
        x, k = x + wide, k + 1
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(0.8)))


def crowd(length: float, rows: int, rise: float, coats: Sequence[tuple[int, int, int]], seed: int) -> NDArray[np.uint8]:
    """Rows of people, head and shoulders, as a camera focused on the pitch sees them.

    Args:
        length: of the stand, metres.
        rows: how many rows, the lowest at the bottom of the picture.
        rise: of a row over the one before it, metres; so much is seen of its people.
        coats: colours some of them wear.
        seed: decides who sits where.

    Returns:
        uint8 (h, w, 3).
    """
    scale = 36
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (round(length * scale), round(rows * rise * scale)), (40, 42, 48))
    draw = ImageDraw.Draw(picture)
    usual = [(34, 36, 44), (52, 54, 62), (78, 74, 70), (118, 112, 106), (30, 44, 78), (84, 40, 44), (150, 148, 144)]
    for row in range(rows):
        strip = Image.new("RGB", (picture.width, round(rise * scale)), (40, 42, 48))
        draw = ImageDraw.Draw(strip)
        x = float(rng.uniform(0, 0.5))
        while x < length:
            if (x % 14.0) > 1.2 and rng.random() < 0.92:
                _spectator(draw, rng, (x + float(rng.normal(0, 0.05))) * scale, scale, [*usual, *usual, *coats])
            x += 0.5
        picture.paste(strip, (0, round(row * rise * scale)))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(1.9)))


def _spectator(
    draw: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, scale: float, coats: Sequence[tuple[int, int, int]]
) -> None:
    shade = float(rng.uniform(0.6, 1.05))
    skins = ((205, 160, 130), (224, 180, 150), (150, 104, 76), (96, 66, 50))
    hairs = ((40, 30, 24), (90, 66, 40), (24, 22, 22), (130, 122, 114))
    coat, skin, hair = (
        tuple(round(c * shade) for c in some[int(rng.integers(len(some)))]) for some in (coats, skins, hairs)
    )
    top = float(rng.uniform(0.02, 0.16)) * scale
    draw.rounded_rectangle((x - 0.22 * scale, top + 0.23 * scale, x + 0.22 * scale, top + scale), 5, fill=coat)
    draw.ellipse((x - 0.09 * scale, top + 0.01 * scale, x + 0.09 * scale, top + 0.25 * scale), fill=skin)
    draw.pieslice((x - 0.10 * scale, top, x + 0.10 * scale, top + 0.24 * scale), 180, 360, fill=hair)
