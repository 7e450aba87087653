"""Pictures of players in rows with captions, laid out on one page for a person to look at."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.types import UInt8Image

_CAPTION: Final = 18
_GAP: Final = 10
_FONT: Final = 13


class Strip(NamedTuple):
    """One player."""

    pictures: Sequence[UInt8Image]
    """In order, each uint8 (h, w, 3) RGB."""
    caption: str
    """What stands under them."""


def contact_sheet(strips: Sequence[Strip], side: int, columns: int) -> UInt8Image:
    """Lay strips out in columns, line by line.

    Args:
        strips: the players; none gives an empty page.
        side: of each picture on the page, pixels.
        columns: strips beside one another.

    Returns:
        uint8 (H, W, 3) RGB.
    """
    longest = max((len(one.pictures) for one in strips), default=1)
    width, height = longest * side + _GAP, side + _CAPTION + _GAP
    lines = max(-(-len(strips) // columns), 1)
    page = Image.new("RGB", (columns * width + _GAP, lines * height + _GAP), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(_FONT)
    for place, one in enumerate(strips):
        left, top = _GAP + place % columns * width, _GAP + place // columns * height
        for step, picture in enumerate(one.pictures):
            shown = Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC)
            page.paste(shown, (left + step * side, top))
        draw.text((left, top + side + 1), one.caption, "black", font)
    return np.asarray(page, np.uint8)
