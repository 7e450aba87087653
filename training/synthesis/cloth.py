"""Finds the shirt in a real player's jersey region, wipes what is printed on it and gives it another colour."""

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import FloatArray, UInt8Image
from training.synthesis.augment import contrast
from training.synthesis.looks import Rng

_MIDDLE = (0.36, 0.64, 0.3, 0.75)
"""Left, right, top and bottom of where a shirt surely is, as shares of a region's side."""
_NEAR, _FAR = 16.0, 34.0
"""Distance in Lab from the shirt's colour up to which a pixel is cloth, and from which it is none."""
_LIGHT = 0.45
"""Weight of lightness in that distance: folds and shadows are cloth."""
_PRINTED_LIGHT = 0.7
"""The same where what is printed is told from the cloth: some of it differs in lightness alone."""
_LEAST, _MOST = 0.14, 0.8
"""Share of a region that a shirt takes; anything else was not found well."""
_LEAST_MIDDLE = 0.75
"""Share of the middle that is cloth at the least, once what is printed is filled in."""

_KITS = (
    (14, (238, 238, 240)), (4, (205, 208, 212)), (6, (28, 28, 32)), (6, (22, 28, 66)), (7, (32, 66, 168)),
    (4, (116, 178, 226)), (9, (196, 28, 40)), (3, (112, 22, 44)), (3, (236, 112, 34)), (5, (244, 212, 48)),
    (3, (26, 120, 66)), (2, (16, 66, 48)), (1, (150, 220, 60)), (2, (78, 42, 128)), (2, (238, 150, 178)),
    (2, (32, 160, 166)), (1, (120, 120, 126)), (1, (190, 150, 80)),
)  # fmt: skip
"""Colours of shirts, RGB, and how common they are."""
_INKS = (
    (12, (245, 245, 245)), (7, (20, 20, 24)), (5, (24, 30, 84)), (3, (40, 84, 190)), (3, (90, 180, 235)),
    (4, (205, 30, 40)), (3, (214, 170, 70)), (3, (246, 220, 60)), (1, (240, 120, 30)), (1, (30, 140, 80)),
    (1, (110, 24, 50)), (1, (160, 160, 165)),
)  # fmt: skip
"""Colours of numbers."""


class Torso(NamedTuple):
    """A jersey region with nothing printed on it, and where its cloth is."""

    image: UInt8Image
    """uint8 (s, s, 3) RGB."""
    cloth: UInt8Image
    """uint8 (s, s): 255 on the shirt, less towards its edge."""
    colour: FloatArray
    """float32 (3,): the shirt's."""


def find_cloth(region: UInt8Image) -> FloatArray | None:
    """Find the shirt by its colour about the middle, with what is printed on it filled in.

    Args:
        region: uint8 (s, s, 3) RGB.

    Returns:
        float32 (s, s), 0 to 1; None where no shirt of one colour stands out.
    """
    side = region.shape[0]
    lab = cv2.cvtColor(cv2.GaussianBlur(region, (0, 0), side * 0.012), cv2.COLOR_RGB2Lab).astype(np.float32)
    left, right, top, bottom = (round(share * side) for share in _MIDDLE)
    colour = np.median(lab[top:bottom, left:right].reshape(-1, 3), axis=0)
    distance = _distance(lab, colour, _LIGHT)
    near = (distance < (_NEAR + _FAR) / 2).astype(np.uint8)
    count, parts = cv2.connectedComponents(near)
    if count < 2:
        return None
    sizes = np.bincount(parts[top:bottom, left:right].ravel(), minlength=count)
    sizes[0] = 0
    shirt = (parts == int(sizes.argmax())).astype(np.uint8)
    reach = max(3, round(side * 0.22)) | 1
    closed = cv2.morphologyEx(shirt, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    if not _LEAST <= closed.mean() <= _MOST or closed[top:bottom, left:right].mean() < _LEAST_MIDDLE:
        return None
    grown = cv2.dilate(closed, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (max(1, round(side * 0.03)) | 1,) * 2))
    return np.asarray(cv2.GaussianBlur(grown.astype(np.float32), (0, 0), max(0.5, side * 0.02)), np.float32)


def wipe(region: UInt8Image) -> Torso | None:
    """Take what is printed off a shirt: what differs from the cloth is filled with the cloth about it.

    Args:
        region: uint8 (s, s, 3) RGB.

    Returns:
        The bare torso; None where no shirt of one colour stands out.
    """
    mask = find_cloth(region)
    if mask is None:
        return None
    side = region.shape[0]
    lab = cv2.cvtColor(region, cv2.COLOR_RGB2Lab).astype(np.float32)
    colour = np.median(lab[mask > 0.9], axis=0)
    distance = _distance(lab, colour, _PRINTED_LIGHT)
    plain = (np.clip((_NEAR + 12.0 - distance) / 8.0, 0.0, 1.0) * mask).astype(np.float32)
    plain = np.asarray(cv2.erode(plain, np.ones((5, 5), np.uint8)), np.float32)
    if plain.sum() < 0.2 * mask.sum():
        return None
    sigma = side * 0.07
    weight = cv2.GaussianBlur(plain, (0, 0), sigma) + 1e-4
    smooth = cv2.GaussianBlur(region.astype(np.float32) * plain[:, :, None], (0, 0), sigma) / weight[:, :, None]
    printed = (mask * (1.0 - cv2.GaussianBlur(plain, (0, 0), side * 0.01)))[:, :, None]
    bare = region * (1.0 - printed) + smooth * printed
    rgb = np.median(bare[mask > 0.9], axis=0).astype(np.float32)
    return Torso(np.clip(bare, 0, 255).astype(np.uint8), np.asarray(mask * 255.0, np.uint8), rgb)


def recolour(rng: Rng, torso: Torso, colour: FloatArray) -> UInt8Image:
    """Give a bare torso's shirt another colour, with the light and the folds it has.

    Args:
        rng: source of chance: how strong the folds are.
        torso: as `wipe` leaves it.
        colour: float32 (3,) RGB.
    """
    mask = torso.cloth.astype(np.float32)[:, :, None] / 255.0
    grey = np.array([0.299, 0.587, 0.114], np.float32)
    light, level, wanted = torso.image.astype(np.float32) @ grey, float(torso.colour @ grey), float(colour @ grey)
    relative = np.clip((light + 12.0) / (level + 12.0), 0.4, 2.2) ** float(rng.uniform(0.5, 1.0))
    shade = relative if wanted > 90.0 else np.clip(relative, 0.6, 1.8)
    cloth = colour[None, None, :] * shade[:, :, None] + (6.0 * (relative - 1.0))[:, :, None]
    return np.asarray(np.clip(torso.image * (1.0 - mask) + cloth * mask, 0, 255), np.uint8)


def kit_colour(rng: Rng) -> FloatArray:
    """A colour (3,) float32 RGB as shirts have it."""
    return _pick(rng, _KITS)


def ink_colour(rng: Rng, against: FloatArray, least: float) -> FloatArray:
    """A colour (3,) float32 RGB as numbers have it, that stands out from another by a `contrast` of `least`."""
    for _ in range(10):
        colour = _pick(rng, _INKS)
        if contrast(colour, against) > least:
            return colour
    return np.full(3, 245.0 if against.mean() < 128 else 20.0, np.float32)


def _distance(lab: NDArray[Any], colour: NDArray[Any], light: float) -> FloatArray:
    """Distance of every pixel (s, s, 3) to a colour (3,) in Lab."""
    return np.asarray(np.sqrt((((lab - colour) * (light, 1.0, 1.0)) ** 2).sum(2)), np.float32)


def _pick(rng: Rng, palette: tuple[tuple[int, tuple[int, int, int]], ...]) -> FloatArray:
    weights = np.array([weight for weight, _ in palette], float)
    colour = np.array(palette[int(rng.choice(len(palette), p=weights / weights.sum()))][1], float)
    return np.asarray(np.clip(colour * rng.uniform(0.85, 1.08) + rng.normal(0.0, 10.0, 3), 0, 255), np.float32)
