"""Two-digit numbers composed of the digits of real cut-out numbers, so that no number is learnt as a picture.

A game shows some twenty numbers, each on one or two shirts. A network that saw 19, 22 and 29 but never 24 takes a 24
for a 29; one that has seen the 2 of the one beside the 4 of another learns the two places apart.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Final, NamedTuple

import cv2
import numpy as np

from pipeline.types import FloatArray, UInt8Image
from training.synthesis.looks import Rng

_MIDDLE: Final = (0.42, 0.58)
"""Where, as shares of the width, one digit may end and the next begin; beside a 1, which is narrow, nearer to
its side."""
_BESIDE_ONE: Final = 0.08
_DEEPEST: Final = 0.8
"""Most ink in the gap, as a share of the mean column's: more, and the digits run into one another."""
_LEAST_CONTRAST: Final = 45.0
_FARTHEST_CLOTH: Final = 70.0
"""Distances of colours (RGB, 0 to 255): of ink to cloth at the least, and of the cloth of two digits at the most."""
_TRIED: Final = 40
"""Shirts looked at for one like that of the tens digit."""
_SHIRTS: Final = 5
"""Tens digits tried before one is taken that no units digit is like."""
_SHARED_MARGIN: Final = 0.2
"""Most of a lone digit's width that is cut off: number crops have a margin that two digits of one number share."""


class _Place(NamedTuple):
    """One of the pictures of a tracklet, of which one digit is taken."""

    number: str
    pictures: Sequence[UInt8Image]
    place: int
    colours: FloatArray


class Composer:
    """Composes two-digit numbers of cut-out numbers, by picture.

    Args:
        crops: tracklets by number, each of pictures in order of time, uint8 (h, w, 3) RGB.
        lone_tens: whether a digit that stands alone may become the tens digit too.
    """

    def __init__(self, crops: Mapping[str, Sequence[Sequence[UInt8Image]]], *, lone_tens: bool = False) -> None:
        self._tens: dict[str, list[_Place]] = defaultdict(list)
        self._units: dict[str, list[_Place]] = defaultdict(list)
        for number, tracklets in crops.items():
            places = [
                _Place(number, pictures, i, shirt_colours(picture))
                for pictures in tracklets
                for i, picture in enumerate(pictures)
                if is_plain(picture, number)
            ]
            if (len(number) == 2 or lone_tens) and number[0] != "0":
                self._tens[number[0]] += places
            self._units[number[-1]] += places
        known = [[digit for digit, places in side.items() if places] for side in (self._tens, self._units)]
        self.numbers = sorted(tens + units for tens, units in product(*known))
        """What can be composed; empty where no picture shows two digits that stand apart."""

    def compose(self, rng: Rng, length: int) -> tuple[list[UInt8Image], str]:
        """Compose one number, all as likely.

        Args:
            rng: source of chance.
            length: how many pictures; each digit's follow one another in time, the last one stays.

        Returns:
            uint8 (h, w, 3) pictures, and the number.
        """
        number = self.numbers[int(rng.integers(len(self.numbers)))]
        tens, units = self._alike(rng, number)
        margin = float(rng.uniform(0.0, _SHARED_MARGIN))
        pictures = []
        for k in range(length):
            left, right = (p.pictures[min(p.place + k, len(p.pictures) - 1)] for p in (tens, units))
            parts = left_digit(left, tens.number, margin), right_digit(right, units.number, margin)
            pictures.append(join_digits(*parts))
        return pictures, number

    def _alike(self, rng: Rng, number: str) -> tuple[_Place, _Place]:
        """Pictures of a tens and of a units digit on like shirts."""
        all_tens, all_units = self._tens[number[0]], self._units[number[1]]
        for _ in range(_SHIRTS):
            tens = all_tens[int(rng.integers(len(all_tens)))]
            tried = [all_units[int(i)] for i in rng.integers(len(all_units), size=_TRIED)]
            units = min(tried, key=lambda place: float(((place.colours - tens.colours) ** 2).sum()))
            if np.linalg.norm((units.colours - tens.colours)[:3]) < _FARTHEST_CLOTH:
                break
        return tens, units


def is_plain(picture: UInt8Image, number: str) -> bool:
    """Whether a cut-out number stands out from its cloth, and its two digits from one another."""
    if np.linalg.norm(np.subtract(*np.split(shirt_colours(picture), 2))) < _LEAST_CONTRAST:
        return False
    ink = _ink_by_column(picture)
    return len(number) == 1 or float(ink[gap_column(picture, number)]) < _DEEPEST * float(ink.mean())


def left_digit(picture: UInt8Image, number: str, margin: float = 0.0) -> UInt8Image:
    """The tens digit: of a number of one digit all but a share of its width on the right, its margin."""
    width = picture.shape[1]
    column = gap_column(picture, number) if len(number) == 2 else width - round(margin * width)
    return picture[:, : max(column, 1)]


def right_digit(picture: UInt8Image, number: str, margin: float) -> UInt8Image:
    """The units digit: of a number of one digit all but a share of its width on the left, its margin."""
    width = picture.shape[1]
    column = gap_column(picture, number) if len(number) == 2 else round(margin * width)
    return picture[:, min(column, width - 1) :]


def gap_column(picture: UInt8Image, number: str) -> int:
    """The column, in pixels, at which the units digit of a cut-out two-digit number begins.

    It is the one near the middle that differs least from the cloth; a 1 takes less than half of the width.
    """
    width = picture.shape[1]
    shift = _BESIDE_ONE * ((number[1] == "1") - (number[0] == "1"))
    columns = np.arange(width, dtype=np.float32) / width - shift
    allowed = (columns >= _MIDDLE[0]) & (columns <= _MIDDLE[1])
    return max(1, int(np.argmin(np.where(allowed, _ink_by_column(picture), np.inf))))


def _ink_by_column(picture: UInt8Image) -> FloatArray:
    """How much the columns differ from the cloth, float32 (w,), smoothed over a twentieth of the width."""
    ink = np.abs(picture.astype(np.float32) - cloth_colour(picture)).sum(axis=2).mean(axis=0)
    smooth = cv2.GaussianBlur(ink[None], (0, 0), max(0.5, 0.025 * picture.shape[1]))
    return np.asarray(smooth[0], np.float32)


def join_digits(left: UInt8Image, right: UInt8Image) -> UInt8Image:
    """Set two digits side by side at the height of the left one, on its cloth.

    Args:
        left: uint8 (h, w, 3) picture of the tens digit.
        right: picture of the units digit, of any height.

    Returns:
        uint8 (h, w + w', 3).
    """
    shifted = np.clip(right + (cloth_colour(left) - cloth_colour(right)), 0, 255).astype(np.uint8)
    size = (max(1, round(right.shape[1] * left.shape[0] / right.shape[0])), left.shape[0])
    resized = np.asarray(cv2.resize(shifted, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    return np.concatenate([left, resized], axis=1)


def cloth_colour(picture: UInt8Image) -> FloatArray:
    """Colour of the cloth round a cut-out number, float32 (3,): the median of its border."""
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    return np.asarray(np.median(border, axis=0), np.float32)


def shirt_colours(picture: UInt8Image) -> FloatArray:
    """Colour of the cloth and of the ink of a cut-out number.

    Args:
        picture: uint8 (h, w, 3).

    Returns:
        float32 (6,): the median of the border, and the mean of the fifth of all pixels that differ most from it.
    """
    pixels, cloth = picture.reshape(-1, 3).astype(np.float32), cloth_colour(picture)
    difference = np.abs(pixels - cloth).sum(axis=1)
    ink = pixels[np.argsort(difference)[-max(1, len(pixels) // 5) :]].mean(axis=0)
    return np.concatenate([cloth, ink]).astype(np.float32)
