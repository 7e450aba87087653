"""More kits and more typefaces out of the few that real pictures show: other colours, other numerals.

Few players are filmed, and a network soon knows them by heart: the kit, and how its numerals look. Shown in ever other
colours and shapes, they are to be read.
"""

from dataclasses import replace

import cv2
import numpy as np

from pipeline.types import FloatArray, UInt8Image
from training.synthesis.looks import Look, Rng, draw_mix, expose

_PLAIN = 0.25
"""Share of the kits whose colours stay."""
_NEGATIVE = 0.3
"""Share of the kits on which light and dark change places."""
_STROKES = 0.35
"""Share of the numerals whose strokes get thicker or thinner."""
_BENT = 0.5
"""Share of the numerals that are squeezed and bent."""
_GRID = 4
"""Points along a side that are moved to bend a picture."""
_LEAST_DETAIL = 0.4
"""Share of a picture's detail that must be left in a look's light and colours."""


def draw_kit(rng: Rng, look: Look) -> Look:
    """The same conditions for another kit: colours mixed, light and dark exchanged, another tone curve.

    >>> from training.synthesis.looks import draw_look
    >>> look = draw_look(np.random.default_rng(0))
    >>> draw_kit(np.random.default_rng(1), look).side == look.side
    True
    """
    mix = look.mix
    if rng.random() >= _PLAIN:
        mix = _draw_change(rng)
        if rng.random() < 0.5:
            mix = np.asarray(mix @ draw_mix(rng), np.float32)
    return replace(look, mix=mix, negative=bool(rng.random() < _NEGATIVE), gamma=float(np.exp(rng.normal(0.0, 0.3))))


def _draw_change(rng: Rng) -> FloatArray:
    """A colour mixture (3, 3) that changes something."""
    while True:
        mix = draw_mix(rng)
        if not np.array_equal(mix, np.eye(3)):
            return mix


def reshape(rng: Rng, image: UInt8Image) -> UInt8Image:
    """The same number in another typeface: thicker or thinner strokes, narrower or wider digits, bent a little.

    Args:
        rng: source of chance.
        image: square region, uint8 (s, s, 3).

    Returns:
        A picture of the same size.
    """
    if rng.random() < _STROKES:
        image = _weigh_strokes(rng, image)
    if rng.random() < _BENT:
        image = _bend(rng, image)
    return image


def _weigh_strokes(rng: Rng, image: UInt8Image) -> UInt8Image:
    """Let what is dark, or what is light, grow by up to a pixel."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    if image.shape[0] < 24:
        kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (2, 2))
    grown = cv2.erode(image, kernel) if rng.random() < 0.5 else cv2.dilate(image, kernel)
    share = float(rng.uniform(0.3, 1.0))
    return np.asarray(cv2.addWeighted(grown, share, image, 1.0 - share, 0.0), np.uint8)


def _bend(rng: Rng, image: UInt8Image) -> UInt8Image:
    """Squeeze a picture about its centre, and move a grid of its points."""
    side = image.shape[0]
    grid = rng.normal(0.0, 0.025 * side, (_GRID, _GRID, 2)).astype(np.float32)
    shift = cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC)
    centre = (side - 1) / 2
    width, height = np.exp(rng.normal(0.0, (0.18, 0.1)))
    away = np.arange(side) - centre
    x = np.asarray(away[None, :] / width + centre + shift[..., 0], np.float32)
    y = np.asarray(away[:, None] / height + centre + shift[..., 1], np.float32)
    return np.asarray(cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def keep_detail(look: Look, image: UInt8Image) -> Look:
    """The look, or the same under plain light where its light and colours would wash a picture out.

    Args:
        look: conditions.
        image: square region, uint8 (s, s, 3).
    """
    if _detail(expose(image, look)) >= _LEAST_DETAIL * _detail(image):
        return look
    plain = np.eye(3, dtype=np.float32)
    return replace(look, mix=plain, negative=False, gain=np.ones(3, np.float32), offset=0.0, gamma=1.0)


def _detail(image: UInt8Image) -> float:
    """Mean distance in grey levels of the middle half of a picture from itself blurred by a tenth of its side."""
    side = image.shape[0]
    quarter = side // 4
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    change = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), max(1.0, 0.1 * side)))
    return float(change[quarter : side - quarter, quarter : side - quarter].mean())
