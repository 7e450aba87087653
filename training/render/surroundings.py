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
BOARD_WORDS = ("NORDWIND", "PIXELFELD", "HELIOS", "KURVE", "RADIO 88", "OPEN PITCH", "MERIDIAN", "SINCE 1907")
"""Firms that do not exist; digits on two boards, which are no shirts."""
TURF = 24.0
"""Metres of turf after which it repeats itself, mirrored."""
CROWD_TEXELS = 36
"""Texels per metre of the crowd."""
CROWD_BLUR = 0.075
"""Metres; the stands are out of focus."""
CROWD_LIGHT = (0.80, 0.50)
"""Brightness of the lowest and of the highest row: a roof shades the stands."""
CROWD_GREY = 0.30
"""Share of grey in every colour of the crowd; haze and distance."""
SEAT = 0.48
"""Metres from seat to seat."""
SITTING = 0.51
"""Height in metres of the top of a head over the feet of its row."""
STAIRS = 16.0
"""Metres from stairway to stairway."""
COATS = (
    (40, 42, 52), (66, 70, 82), (98, 92, 88), (146, 138, 128), (44, 62, 112), (118, 58, 60), (196, 194, 188),
    (84, 108, 128), (150, 120, 86), (60, 84, 66), (176, 152, 150),
)  # fmt: skip
SKINS = ((205, 160, 130), (224, 180, 150), (150, 104, 76), (96, 66, 50))
HAIRS = ((40, 30, 24), (90, 66, 40), (24, 22, 22), (130, 122, 114), (64, 46, 34))


def grass(low: tuple[float, float], high: tuple[float, float], seed: int) -> NDArray[np.uint8]:
    """uint8 (h, w, 3): the ground between two corners (metres), mown in stripes, with the lines of the pitch."""
    width, height = (round((b - a) * GRASS_TEXELS) for a, b in zip(low, high, strict=True))
    rng = np.random.default_rng(seed)
    x = low[0] + (np.arange(width) + 0.5) / GRASS_TEXELS
    y = high[1] - (np.arange(height) + 0.5) / GRASS_TEXELS
    stripes = np.tanh(6.0 * np.sin(np.pi * x / 5.25))[None, :] * 0.10
    stripes = stripes + np.tanh(6.0 * np.sin(np.pi * y / 8.5))[:, None] * 0.03
    colour = _blades(rng, width, height, stripes)
    lines = _lines(low, high, width, height) * (0.86 + 0.10 * _noise(rng, width, height, 3))
    lines = np.clip(lines, 0, 1)[..., None]
    return np.clip(colour * (1 - lines) + np.array([226, 230, 222]) * lines, 0, 255).astype(np.uint8)


def turf(seed: int) -> NDArray[np.uint8]:
    """uint8 (h, w, 3): a square of unmarked grass, `TURF` metres wide, a little darker than the pitch."""
    size = round(TURF * GRASS_TEXELS)
    return np.clip(0.93 * _blades(np.random.default_rng(seed), size, size, 0.0), 0, 255).astype(np.uint8)


def _blades(
    rng: np.random.Generator, width: int, height: int, stripes: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Colours (h, w, 3) of grass; `stripes` is how much brighter than average each place is mown."""
    patches = _noise(rng, width, height, 150) * 0.04 + _noise(rng, width, height, 18) * 0.04
    blades = _noise(rng, width, height, 1.6) * 0.075 + rng.normal(0, 0.03, (height, width))
    bright = 1.0 + stripes + patches + blades
    tint = _noise(rng, width, height, 40)
    return np.asarray(np.stack([86 + 4 * tint, 122 + 1 * tint, 60 - 2 * tint], axis=-1) * bright[..., None])


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
        (left, top), (right, bottom) = at(spot - 0.11, 0.11), at(spot + 0.11, -0.11)
        draw.ellipse((left, top, right, bottom), fill=255)
    return np.asarray(mask.filter(ImageFilter.GaussianBlur(1.2)), dtype=np.float64) / 255.0


def boards(length: float, height: float, seed: int) -> NDArray[np.uint8]:
    """uint8 (h, w, 3): a strip of advertising boards of `length` by `height` metres, some with digits."""
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
    """Rows of people, head and shoulders, each before the one behind it, as a camera focused on the pitch sees them.

    Args:
        length: of the stand, metres.
        rows: how many rows, the lowest at the bottom of the picture.
        rise: of a row over the one before it, metres.
        coats: colours some of them wear.
        seed: decides who sits where.

    Returns:
        uint8 (h, w, 3).
    """
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (round(length * CROWD_TEXELS), round(rows * rise * CROWD_TEXELS)), (44, 46, 54))
    draw = ImageDraw.Draw(picture)
    for row in reversed(range(rows)):
        top = (rows - row) * rise - SITTING
        for k in range(int(length / SEAT)):
            x = (k + 0.5 * (1 + row % 2)) * SEAT + float(rng.normal(0, 0.05))
            if x % STAIRS < 1.1:
                _block(draw, (x - SEAT / 2, top, x + SEAT / 2, top + rise), (84, 84, 88))
                _block(draw, (x - SEAT / 2, top, x + SEAT / 2, top + 0.12), (108, 108, 112))
            elif rng.random() < 0.93:
                _spectator(draw, rng, x, top + float(rng.uniform(-0.03, 0.06)), coats)
            else:
                _block(draw, (x - 0.2, top + 0.36, x + 0.2, top + 1.0), (38, 52, 84))
    return _hazy(np.asarray(picture.filter(ImageFilter.GaussianBlur(CROWD_BLUR * CROWD_TEXELS)), np.float64), rng)


def _hazy(colours: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The crowd (h, w, 3) paler and, towards the roof, darker; uint8."""
    height, width = colours.shape[:2]
    pale = colours * (1 - CROWD_GREY) + colours.mean(axis=2, keepdims=True) * CROWD_GREY
    light = np.linspace(CROWD_LIGHT[1], CROWD_LIGHT[0], height)[:, None] * (1 + 0.12 * _noise(rng, width, height, 120))
    return np.asarray(np.clip(pale * light[..., None], 0, 255), dtype=np.uint8)


def _spectator(
    draw: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, top: float, coats: Sequence[tuple[int, int, int]]
) -> None:
    """One seated person whose head is at `x`, `top` metres: sloping shoulders, sometimes a scarf or a raised arm."""

    def oval(left: float, upper: float, right: float, lower: float, fill: Sequence[int]) -> None:
        corners = (x + left, top + upper, x + right, top + lower)
        draw.ellipse(tuple(v * CROWD_TEXELS for v in corners), fill=tuple(fill))

    worn = list(coats) if rng.random() < 0.22 else list(COATS)
    coat, skin, hair = (_shaded(rng, some) for some in (worn, SKINS, HAIRS))
    wide, tilt = float(rng.uniform(0.21, 0.29)), float(rng.normal(0, 0.02))
    oval(-wide, 0.22, wide, 1.25, [round(0.78 * c) for c in coat])
    oval(-wide * 0.72, 0.20, wide * 0.72, 1.2, coat)
    if rng.random() < 0.10:
        side = float(rng.choice([-1.0, 1.0])) * wide
        oval(side - 0.05, -0.12, side + 0.05, 0.45, skin)
    if rng.random() < 0.10:
        oval(-0.13, 0.22, 0.13, 0.36, _shaded(rng, list(coats)))
    oval(tilt - 0.09, 0.0, tilt + 0.09, 0.25, hair)
    oval(tilt - 0.075, 0.06, tilt + 0.075, 0.27, skin)


def _block(draw: ImageDraw.ImageDraw, metres: tuple[float, float, float, float], fill: Sequence[int]) -> None:
    draw.rectangle(tuple(v * CROWD_TEXELS for v in metres), fill=tuple(fill))


def _shaded(rng: np.random.Generator, colours: Sequence[tuple[int, int, int]], least: float = 0.55) -> list[int]:
    shade = float(rng.uniform(least, least + 0.45))
    return [round(c * shade) for c in colours[int(rng.integers(len(colours)))]]
