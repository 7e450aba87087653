"""What a camera, a codec and a careless box do to a jersey region; pure functions of a random generator.

Pictures are uint8 (h, w, 3) RGB unless said otherwise. Every function returns a new array.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.crops import cut_square
from pipeline.types import FloatArray, UInt8Image
from training.synthesis.codec import as_h264, as_jpeg
from training.synthesis.looks import Look, Rng, expose
from training.synthesis.variety import reshape

_LEANING_SHARE = 0.3
"""Share of the pictures that are turned as players who lean, stretch or fall are."""
_LEANING = 16.0
"""Standard deviation of their turn, degrees."""


def jitter_square(rng: Rng, square: FloatArray, scale: float = 0.09, shift: float = 0.05) -> FloatArray:
    """Move and scale a square region as a detector's box wavers; one in five far more, as boxes of parts do.

    Args:
        rng: source of chance.
        square: float32 (4,) xyxy.
        scale: standard deviation of the logarithm of the size.
        shift: standard deviation of the centre as a share of the side.
    """
    side = float(square[2] - square[0])
    factor = 2.0 if rng.random() < 0.2 else 1.0
    centre = (square[:2] + square[2:]) / 2 + rng.normal(0.0, factor * shift, 2) * side
    half = side * float(np.exp(rng.normal(0.0, factor * scale))) / 2
    return np.asarray([centre[0] - half, centre[1] - half, centre[0] + half, centre[1] + half], np.float32)


def shrink(image: UInt8Image, side: int) -> UInt8Image:
    """Scale a square picture down to `side` pixels; a smaller one stays as it is."""
    if image.shape[0] <= side:
        return image
    return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def cut_region(image: UInt8Image, square: FloatArray, side: int) -> UInt8Image:
    """Cut a square region and scale it down to at most `side` pixels."""
    return shrink(cut_square(image, square), side)


def draw_tilt(rng: Rng, side: int, angle: float = 5.0, shear: float = 0.08, squeeze: float = 0.10) -> FloatArray:
    """Draw a turn, shear and squeeze of a square picture about its centre.

    Args:
        rng: source of chance.
        side: of the picture, pixels.
        angle: standard deviation of the turn in degrees.
        shear: standard deviation of the horizontal shear.
        squeeze: standard deviation of the logarithm of the width's change.

    Returns:
        float32 (2, 3), from the picture's pixels to the result's.
    """
    turn = np.deg2rad(rng.normal(0.0, angle))
    cos, sin = np.cos(turn), np.sin(turn)
    matrix = np.array([[cos, -sin], [sin, cos]]) @ np.array([[1.0, rng.normal(0.0, shear)], [0.0, 1.0]])
    matrix = matrix @ np.diag([np.exp(rng.normal(0.0, squeeze)), 1.0])
    centre = np.array([(side - 1) / 2, (side - 1) / 2])
    return np.asarray(np.concatenate([matrix, (centre - matrix @ centre)[:, None]], axis=1), np.float32)


def warp(image: UInt8Image, affine: FloatArray) -> UInt8Image:
    """Move a picture's pixels by a (2, 3) matrix; its border is stretched into what comes in from outside."""
    size = (image.shape[1], image.shape[0])
    moved = cv2.warpAffine(image, affine, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def tilt(rng: Rng, image: UInt8Image, angle: float = 5.0, shear: float = 0.08, squeeze: float = 0.10) -> UInt8Image:
    """Turn, shear and squeeze a square picture about its centre; see `draw_tilt`."""
    return warp(image, draw_tilt(rng, image.shape[0], angle, shear, squeeze))


def motion_blur(image: UInt8Image, length: float, angle: float) -> UInt8Image:
    """Smear a picture along a line.

    Args:
        image: the picture.
        length: length of the smear in pixels; under 1.5 nothing happens.
        angle: direction in radians, 0 along the rows.
    """
    if length < 1.5:
        return image
    size = int(np.ceil(length)) | 1
    kernel = np.zeros((size, size), np.float32)
    middle = size // 2
    reach = np.array([np.cos(angle), np.sin(angle)]) * (length - 1) / 2
    start = tuple(int(v) for v in np.round(middle - reach))
    end = tuple(int(v) for v in np.round(middle + reach))
    cv2.line(kernel, start, end, 1.0)
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE), np.uint8)


def soften(image: UInt8Image, side: int) -> UInt8Image:
    """Take away what a camera of `side` pixels would not have resolved; the size stays."""
    small = shrink(image, side)
    if small.shape == image.shape:
        return image
    return np.asarray(cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.uint8)


def sharpen(image: UInt8Image, strength: float) -> UInt8Image:
    """Add `strength` times the difference to a picture blurred by one pixel (unsharp masking); 0 changes nothing."""
    if strength <= 0.0:
        return image
    return np.asarray(cv2.addWeighted(image, 1.0 + strength, cv2.GaussianBlur(image, (0, 0), 1.0), -strength, 0.0))


def hide_part(rng: Rng, image: UInt8Image) -> UInt8Image:
    """Put a limb-like bar of a plain colour over an edge of the picture, never over its middle."""
    side = image.shape[0]
    out = image.copy()
    colour = tuple(int(v) for v in rng.integers(20, 235, 3))
    edge = rng.uniform(-0.05, 0.2) * side
    x = edge if rng.random() < 0.5 else side - edge
    lean = rng.normal(0.0, 0.15) * side
    points = ((round(x - lean), 0), (round(x + lean), side))
    cv2.line(out, points[0], points[1], colour, max(1, round(side * rng.uniform(0.05, 0.16))), cv2.LINE_AA)
    return out


def film(rng: Rng, image: UInt8Image, look: Look, motion: float, *, filmed: bool = False) -> UInt8Image:
    """The picture of `film_moved`."""
    return film_moved(rng, image, look, motion, filmed=filmed)[0]


def film_moved(
    rng: Rng, image: UInt8Image, look: Look, motion: float, *, filmed: bool = False, typeface: int | None = None
) -> tuple[UInt8Image, FloatArray]:
    """Turn a clean square region into one as broadcast shows it.

    Args:
        rng: source of chance for what differs from frame to frame.
        image: square region.
        look: what the frames of the window share.
        motion: length of the motion blur as a share of the side, 0 for none.
        filmed: whether a broadcast camera took the picture; one that is no larger than the look's side then keeps the
            softness and the compression it has, and gets no more.
        typeface: which other typeface the numerals are changed into (`variety.reshape`), the same for one number; None
            leaves them as they are.

    Returns:
        The picture, and the matrix, float32 (2, 3), that moved its pixels after it was scaled to the result's size,
        but for the little that another typeface moves them.
    """
    as_it_is = filmed and image.shape[0] <= look.side
    image = shrink(image, look.side)
    affine = draw_tilt(rng, image.shape[0], angle=_LEANING if rng.random() < _LEANING_SHARE else 5.0)
    image = warp(image, affine)
    side = image.shape[0]
    if typeface is not None:
        image = reshape(np.random.default_rng(typeface), image)
    if rng.random() < 0.12:
        image = hide_part(rng, image)
    image = motion_blur(image, motion * side, float(rng.uniform(0, np.pi)))
    if not as_it_is:
        image = soften(image, look.resolved)
        if look.blur * side > 0.25:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), look.blur * side), np.uint8)
        image = sharpen(image, look.halo)
    image = expose(image, look)
    if look.noise > 0:
        noise = rng.normal(0.0, look.noise, image.shape[:2]).astype(np.float32)[:, :, None]
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if not as_it_is:
        image = as_h264(rng, as_jpeg(image, look.jpeg_quality), look.crf)
    return image, affine


def contrast(first: NDArray[Any], second: NDArray[Any]) -> FloatArray:
    """How far colours (..., 3) lie apart: mean change of their channels, weighted about as they count for lightness.

    Returns:
        float32 (...,), grey levels.
    """
    change = np.abs(np.asarray(first, np.float32) - np.asarray(second, np.float32))
    return np.asarray(change @ np.array([0.3, 0.5, 0.2], np.float32), np.float32)


def visibility(image: UInt8Image, blank: UInt8Image) -> float:
    """How far a number stands out.

    Args:
        image: a picture, filmed.
        blank: the same without the number, filmed alike.

    Returns:
        Mean change in grey levels over the tenth of the pixels that the number changes most.
    """
    change = np.sort(contrast(image, blank).ravel())
    return float(change[-max(1, len(change) // 10) :].mean())
