"""Bitmaps of the number tags that are laid over the picture, drawn once each and kept."""

import colorsys
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.types import UInt8Image

Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255 each."""

NEUTRAL: Colour = (205, 205, 205)
"""Colour of players whose team is not known."""
_DARK: Colour = (12, 14, 18)
_LIGHT: Colour = (245, 245, 245)
_SCALE = 4  # tags are drawn this much larger and shrunk, for smooth edges
_KEPT_BYTES = 24_000_000  # more than all tags of one 4K picture need


@dataclass(frozen=True, slots=True)
class Bitmap:
    """A small picture with soft edges."""

    bgr: UInt8Image
    """uint8 (h, w, 3), colour already multiplied by opacity."""
    keep: UInt8Image
    """uint8 (h, w, 3), how much of the picture underneath stays: 255 all, 0 nothing."""

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self.bgr.shape[1])

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self.bgr.shape[0])

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        return int(self.bgr.nbytes + self.keep.nbytes)


class TagCache:
    """Tags by what they show; the ones used least recently are dropped."""

    def __init__(self, most_bytes: int = _KEPT_BYTES) -> None:
        """Start empty.

        Args:
            most_bytes: Memory the kept bitmaps may take; the latest one is kept in any case.
        """
        self._most_bytes = most_bytes
        self._bitmaps: OrderedDict[Hashable, Bitmap] = OrderedDict()
        self._bytes = 0

    def number(self, number: str, confidence: float, track: int, rgb: Colour, pixels: int) -> Bitmap:
        """A filled tag with the number large, and confidence in percent over the track id small beside it.

        Args:
            number: Jersey number.
            confidence: 0 to 1.
            track: Track id.
            rgb: Fill colour.
            pixels: Text size of the number.
        """
        percent = f"{min(99, int(confidence * 100))}%"
        return self._get(
            (number, percent, track, rgb, pixels), lambda: _draw_number(number, percent, str(track), rgb, pixels)
        )

    def track_id(self, track: int, pixels: int) -> Bitmap:
        """A track id alone, small and quiet."""
        return self._get((track, pixels), lambda: _draw_track_id(str(track), pixels))

    def _get(self, shows: Hashable, draw: Callable[[], Bitmap]) -> Bitmap:
        if shows in self._bitmaps:
            self._bitmaps.move_to_end(shows)
            return self._bitmaps[shows]
        bitmap = self._bitmaps[shows] = draw()
        self._bytes += bitmap.nbytes
        while self._bytes > self._most_bytes and len(self._bitmaps) > 1:
            self._bytes -= self._bitmaps.popitem(last=False)[1].nbytes
        return bitmap


def display_colour(rgb: Colour) -> Colour:
    """A kit's colour as filmed, made a little stronger so that thin lines show it.

    >>> display_colour((128, 128, 128)), display_colour((145, 65, 67))
    ((128, 128, 128), (174, 54, 57))
    """
    hue, saturation, value = colorsys.rgb_to_hsv(*(channel / 255.0 for channel in rgb))
    if saturation > 0.2 and saturation * value > 0.1:  # what is nearly black stays so
        saturation = min(1.0, saturation * 1.25)
        value = min(1.0, max(value * 1.2, 0.4))
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def outline_of(rgb: Colour) -> Colour:
    """Dark or light, whichever stands out from a colour."""
    return _DARK if _luminance(rgb) > 0.08 else _LIGHT


def text_on(rgb: Colour) -> Colour:
    """Dark or light, whichever reads better on a colour (the higher WCAG contrast)."""
    luminance = _luminance(rgb)
    dark = (luminance + 0.05) / (_luminance(_DARK) + 0.05)
    light = (_luminance(_LIGHT) + 0.05) / (luminance + 0.05)
    return _DARK if dark > light else _LIGHT


def _luminance(rgb: Colour) -> float:
    """Relative luminance after WCAG 2, 0 to 1."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255.0 for v in rgb)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _draw_number(number: str, percent: str, track: str, rgb: Colour, pixels: int) -> Bitmap:
    size = pixels * _SCALE
    small = max(8 * _SCALE, round(size * 0.4))
    big_font, small_font = ImageFont.load_default(size), ImageFont.load_default(small)
    stroke = max(1, round(size * 0.03))
    text_width = big_font.getlength(number) + 2 * stroke
    small_width = max(small_font.getlength(percent), small_font.getlength(track))
    pad, radius, border = round(size * 0.2), round(size * 0.18), _SCALE
    height = -(-round(size * 0.74 + 2 * pad) // _SCALE) * _SCALE
    split = round(text_width + 2 * pad)
    width = -(-round(split + small_width + 1.3 * pad) // _SCALE) * _SCALE
    image = Image.new("RGBA", (width, height), (*_DARK, 0))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((0, 0, width - 1, height - 1), radius, (*_DARK, 215))
    inner = (border, border, split, height - 1 - border)
    draw.rounded_rectangle(inner, max(1, radius - border), (*rgb, 255), corners=(True, False, False, True))
    middle = height / 2
    ink = (*text_on(rgb), 255)
    draw.text((pad + text_width / 2, middle), number, ink, big_font, "mm", stroke_width=stroke, stroke_fill=ink)
    centre = (split + width) / 2
    draw.text((centre, middle - height * 0.03), percent, (*_LIGHT, 255), small_font, "mb")
    draw.text((centre, middle + height * 0.05), track, (190, 194, 200, 255), small_font, "mt")
    return _shrink(image)


def _draw_track_id(track: str, pixels: int) -> Bitmap:
    size = pixels * _SCALE
    font = ImageFont.load_default(size)
    width = -(-round(font.getlength(track) + size * 0.5) // _SCALE) * _SCALE
    image = Image.new("RGBA", (width, round(pixels * 1.15) * _SCALE), (*_DARK, 0))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((0, 0, image.width - 1, image.height - 1), size * 0.2, (*_DARK, 110))
    draw.text((image.width / 2, image.height / 2), track, (*_LIGHT, 200), font, "mm")
    return _shrink(image)


def _shrink(image: Image.Image) -> Bitmap:
    """Premultiply, shrink by _SCALE and split into the two pictures that pasting needs."""
    rgba = np.asarray(image, np.float32)
    opacity = rgba[..., 3:] / 255.0
    premultiplied = np.concatenate([rgba[..., 2::-1] * opacity, rgba[..., 3:]], axis=2)
    height, width = image.height // _SCALE, image.width // _SCALE
    small = premultiplied.reshape(height, _SCALE, width, _SCALE, 4).mean(axis=(1, 3))
    small = np.clip(small + 0.5, 0, 255).astype(np.uint8)
    keep = 255 - np.repeat(small[..., 3:], 3, axis=2)
    return Bitmap(np.ascontiguousarray(small[..., :3]), np.ascontiguousarray(keep))
