"""Pictures on the cloth: numbers, names, patterns, and the face."""

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from training.render.bodies import HEIGHTS, WIDTHS
from training.render.settings import Colour, PersonSettings, TeamSettings

TEXELS_PER_METRE = 300
"""Resolution of a finished texture, about three times that of the picture: the renderer does not filter textures."""
OVERSAMPLING = 4
NUMBER_CENTRE = 1.215
"""Height of the middle of the number over the ground on the resting body, metres."""
NAME_CENTRE = 1.407
BLOCK: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "0": (((0, 0), (1, 0), (1, 1), (0, 1), (0, 0)),),
    "1": (((0.15, 0.8), (0.55, 1), (0.55, 0)), ((0.15, 0), (0.95, 0))),
    "2": (((0, 0.78), (0, 1), (1, 1), (1, 0.55), (0, 0.30), (0, 0), (1, 0)),),
    "3": (((0, 0.85), (0, 1), (1, 1), (1, 0.52), (0.35, 0.52)), ((1, 0.52), (1, 0), (0, 0), (0, 0.15))),
    "4": (((0.72, 0), (0.72, 1), (0, 0.35), (0, 0.28), (1, 0.28)),),
    "5": (((1, 1), (0, 1), (0, 0.55), (1, 0.55), (1, 0), (0, 0), (0, 0.16)),),
    "6": (((1, 0.90), (1, 1), (0, 1), (0, 0), (1, 0), (1, 0.50), (0, 0.50)),),
    "7": (((0, 0.86), (0, 1), (1, 1), (0.35, 0)),),
    "8": (((0, 0.52), (0, 1), (1, 1), (1, 0.52), (0, 0.52), (0, 0), (1, 0), (1, 0.52)),),
    "9": (((0, 0.10), (0, 0), (1, 0), (1, 1), (0, 1), (0, 0.50), (1, 0.50)),),
}
"""Strokes of the block digits in a unit square, y upwards."""


def metres_to_texels(layer: str, x: float, z: float, front: bool, scale: float) -> tuple[float, float]:
    """Pixel of a texture (`scale` texels per metre, top-left origin) that shows the resting point (x, z) of a layer."""
    width, high = WIDTHS[layer], HEIGHTS[layer][1]
    across = (0.5 - x / width) + 1.0 if front else x / width + 0.5
    return across * width * scale, (high - z) * scale


def blank(layer: str, colour: Colour, scale: float) -> Image.Image:
    """An even texture for a layer."""
    low, high = HEIGHTS[layer]
    return Image.new("RGB", (round(2 * WIDTHS[layer] * scale), round((high - low) * scale)), colour)


def shirt_texture(team: TeamSettings, person: PersonSettings) -> NDArray[np.uint8]:
    """uint8 (h, w, 3): back of the shirt in the left half, front in the right half."""
    scale = TEXELS_PER_METRE * OVERSAMPLING
    picture = blank("shirt", team.shirt, scale)
    draw = ImageDraw.Draw(picture)
    _pattern(draw, team, scale)
    for front in (False, True):
        _band(draw, "shirt", 1.452, 1.60, 0.075, team.trim, front, scale)
    _cuffs(draw, team.trim, scale)
    if person.number is not None:
        _paste_text(picture, digit_mask(person.number, team, scale), NUMBER_CENTRE, team.digits, team.outline, scale)
        if person.name:
            name = _letters(person.name.upper(), 0.055 * scale)
            _paste_text(picture, name, NAME_CENTRE, team.digits, None, scale)
    _badge(draw, team, scale)
    return _shrink(picture)


def digit_mask(number: str, team: TeamSettings, scale: float) -> Image.Image:
    """The number alone as a grey mask, `scale` texels per metre."""
    height = team.digit_height * scale
    width = height * (0.50 if len(number) > 1 else 0.60)
    if team.typeface == "block":
        digits = [_block_digit(d, width, height) for d in number]
    else:
        digits = [_font_digit(d, width, height, _digit_font(team.typeface, height)) for d in number]
    gap = round(0.07 * height)
    margin = round(0.12 * height)
    total = sum(d.width for d in digits) + gap * (len(digits) - 1)
    mask = Image.new("L", (total + 2 * margin, round(height) + 2 * margin))
    x = margin
    for digit in digits:
        mask.paste(digit, (x, margin))
        x += digit.width + gap
    return mask


def _block_digit(digit: str, width: float, height: float) -> Image.Image:
    stroke = 0.175 * height
    width = width * (0.62 if digit == "1" else 1.0)
    mask = Image.new("L", (round(width), round(height)))
    draw = ImageDraw.Draw(mask)
    for line in BLOCK[digit]:
        points = [(stroke / 2 + x * (width - stroke), height - stroke / 2 - y * (height - stroke)) for x, y in line]
        draw.line(points, fill=255, width=round(stroke), joint="curve")
        for x, y in (points[0], points[-1]):
            draw.rectangle((x - stroke / 2, y - stroke / 2, x + stroke / 2, y + stroke / 2), fill=255)
    return mask


def _digit_font(typeface: str, height: float) -> ImageFont.FreeTypeFont:
    if typeface != "round":
        return ImageFont.truetype(typeface, size=height)
    font = ImageFont.load_default(size=height)
    assert isinstance(font, ImageFont.FreeTypeFont)  # noqa: S101 - a size was given
    return font


def _font_digit(digit: str, width: float, height: float, font: ImageFont.FreeTypeFont) -> Image.Image:
    stroke = 0.024 * height
    left, top, right, bottom = font.getbbox(digit, stroke_width=stroke)
    mask = Image.new("L", (round(right - left), round(bottom - top)))
    ImageDraw.Draw(mask).text((-left, -top), digit, fill=255, font=font, stroke_width=stroke)
    box = mask.getbbox()
    mask = mask.crop(box)
    goal = width * (0.62 if digit == "1" else 1.0)
    return mask.resize((round(goal), round(height)), Image.Resampling.LANCZOS)


def _letters(text: str, height: float) -> Image.Image:
    font = ImageFont.load_default(size=height * 1.35)
    stroke = 0.05 * height
    left, top, right, bottom = font.getbbox(text, stroke_width=stroke)
    mask = Image.new("L", (round(right - left) + 8, round(bottom - top) + 8))
    ImageDraw.Draw(mask).text((4 - left, 4 - top), text, fill=255, font=font, stroke_width=stroke)
    return mask


def _paste_text(
    picture: Image.Image, mask: Image.Image, centre: float, colour: Colour, outline: Colour | None, scale: float
) -> None:
    x, y = metres_to_texels("shirt", 0.0, centre, False, scale)
    place = (round(x - mask.width / 2), round(y - mask.height / 2))
    if outline is not None:
        width = round(0.016 * scale)
        padded = Image.new("L", (mask.width + 4 * width, mask.height + 4 * width))
        padded.paste(mask, (2 * width, 2 * width))
        thick = padded.filter(ImageFilter.GaussianBlur(width * 0.8)).point(_above_faint)
        picture.paste(outline, (place[0] - 2 * width, place[1] - 2 * width), thick)
    picture.paste(colour, place, mask)


def _above_faint(value: int) -> int:
    return 255 if value > 24 else 0


def _pattern(draw: ImageDraw.ImageDraw, team: TeamSettings, scale: float) -> None:
    for front in (False, True):
        if team.pattern == "stripes":
            for k in range(-8, 9, 2):
                _band(draw, "shirt", 0.80, 1.52, 0.0, team.trim, front, scale, k * 0.055 - 0.0275, k * 0.055 + 0.0275)
        elif team.pattern == "sash" and front:
            corners = [(-0.20, 1.50), (-0.08, 1.50), (0.22, 0.85), (0.10, 0.85)]
            draw.polygon([metres_to_texels("shirt", x, z, front, scale) for x, z in corners], fill=team.trim)
        elif team.pattern == "shoulders":
            for sign in (-1, 1):
                corners = [(0.07 * sign, 1.54), (0.46 * sign, 1.24), (0.46 * sign, 1.54)]
                draw.polygon(
                    [metres_to_texels("shirt", x, z - 0.035, front, scale) for x, z in corners], fill=team.trim
                )


def _band(
    draw: ImageDraw.ImageDraw, layer: str, low: float, high: float, half: float, colour: Colour, front: bool,
    scale: float, left: float | None = None, right: float | None = None,
) -> None:  # fmt: skip
    xs = (-half if left is None else left, half if right is None else right)
    a = metres_to_texels(layer, xs[0], high, front, scale)
    b = metres_to_texels(layer, xs[1], low, front, scale)
    draw.rectangle((min(a[0], b[0]), a[1], max(a[0], b[0]), b[1]), fill=colour)


def _cuffs(draw: ImageDraw.ImageDraw, colour: Colour, scale: float) -> None:
    for front in (False, True):
        for sign in (-1, 1):
            edge = [(0.235, 1.21), (0.40, 1.335), (0.44, 1.30), (0.27, 1.16)]
            draw.polygon([metres_to_texels("shirt", x * sign, z, front, scale) for x, z in edge], fill=colour)


def _badge(draw: ImageDraw.ImageDraw, team: TeamSettings, scale: float) -> None:
    x, y = metres_to_texels("shirt", -0.085, 1.34, True, scale)
    size = 0.026 * scale
    draw.ellipse((x - size, y - size * 1.2, x + size, y + size * 1.2), fill=team.digits)
    draw.ellipse((x - size * 0.6, y - size * 0.8, x + size * 0.6, y + size * 0.8), fill=team.shorts)


def shorts_texture(team: TeamSettings) -> NDArray[np.uint8]:
    """uint8 (h, w, 3)."""
    scale = TEXELS_PER_METRE * OVERSAMPLING
    picture = blank("shorts", team.shorts, scale)
    draw = ImageDraw.Draw(picture)
    for front in (False, True):
        for sign in (-1, 1):
            left, right = sorted((0.203 * sign, 0.30 * sign))
            _band(draw, "shorts", 0.58, 1.04, 0.0, team.trim, front, scale, left, right)
    return _shrink(picture)


def socks_texture(team: TeamSettings) -> NDArray[np.uint8]:
    """uint8 (h, w, 3)."""
    scale = TEXELS_PER_METRE * OVERSAMPLING
    picture = blank("socks", team.socks, scale)
    draw = ImageDraw.Draw(picture)
    for front in (False, True):
        _band(draw, "socks", 0.405, 0.43, 0.25, team.trim, front, scale)
    return _shrink(picture)


def head_texture(person: PersonSettings) -> NDArray[np.uint8]:
    """uint8 (h, w, 3): a face in the right half."""
    scale = TEXELS_PER_METRE * OVERSAMPLING
    picture = blank("head", person.skin, scale)
    draw = ImageDraw.Draw(picture)
    dark = tuple(round(c * 0.55) for c in person.skin)

    def spot(x: float, z: float, half_width: float, half_height: float, colour: Sequence[int]) -> None:
        px, py = metres_to_texels("head", x, z, True, scale)
        wide, high = half_width * scale, half_height * scale
        draw.ellipse((px - wide, py - high, px + wide, py + high), fill=tuple(colour))

    for sign in (-1, 1):
        spot(0.031 * sign, 1.690, 0.020, 0.012, [round(c * 0.72) for c in person.skin])
        spot(0.031 * sign, 1.689, 0.013, 0.006, (225, 220, 215))
        spot(0.031 * sign, 1.689, 0.006, 0.006, (30, 22, 18))
        spot(0.033 * sign, 1.710, 0.019, 0.0045, person.hair_colour)
        spot(0.010 * sign, 1.648, 0.005, 0.003, dark)
    spot(
        0.0,
        1.622,
        0.024,
        0.005,
        (round(person.skin[0] * 0.72), round(person.skin[1] * 0.5), round(person.skin[2] * 0.5)),
    )
    return _shrink(picture.filter(ImageFilter.GaussianBlur(2)))


def _shrink(picture: Image.Image) -> NDArray[np.uint8]:
    size = (picture.width // OVERSAMPLING, picture.height // OVERSAMPLING)
    return np.asarray(picture.resize(size, Image.Resampling.LANCZOS))


@functools.cache
def cloth_bumps(size: int = 256, seed: int = 5) -> NDArray[np.uint8]:
    """uint8 (size, size): soft creases that tile, for the surface of the cloth."""
    rng = np.random.default_rng(seed)
    noise = Image.fromarray(rng.integers(0, 255, (size, size), dtype=np.uint8))
    layers = [ImageChops.offset(noise, 0).filter(ImageFilter.GaussianBlur(r)) for r in (4, 9)]
    mixed = sum(np.asarray(layer, dtype=np.float64) - 127.5 for layer in layers)
    mixed = mixed / np.abs(mixed).max()
    return np.asarray(127.5 + 127.4 * mixed, dtype=np.uint8)
