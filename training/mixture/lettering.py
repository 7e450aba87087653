"""What stands on a shirt: a number with its rim and shadow, a name above it, a sponsor below."""

from typing import NamedTuple

import cv2
import numpy as np

from pipeline.types import FloatArray
from training.mixture.placing import SIDE, bounds
from training.synthesis.fills import Printed
from training.synthesis.shirts import place_mask, place_word

RADIUS = 0.42
"""Of the cylinder that stands for a torso, as a share of the torso's side."""


class Words(NamedTuple):
    """A name or a sponsor."""

    mask: FloatArray | None
    """float32 (h, w), 0 to 1; None where there is none."""
    height: float
    """Share of a region's side."""


class Badge(NamedTuple):
    """A crest, a patch or a maker's mark."""

    mask: FloatArray
    """float32 (h, w), 0 to 1."""
    centre: tuple[float, float]
    """As shares of a region's side."""
    height: float
    """Share of a region's side."""


class Lettering(NamedTuple):
    """All that stands on one shirt; lengths are shares of a region's side where nothing else is said."""

    printed: Printed | None
    """The number; None where there is none."""
    name: Words
    sponsor: Words
    badges: tuple[Badge, ...]
    ink: FloatArray
    """Colour (3,) of the digits, of the name and of the badges."""
    rim: FloatArray
    """Colour (3,) of the outline, of the shadow, of the digits' second colour and of the sponsor."""
    outline: float
    """Width in pixels of a region of `SIDE`; 0 for none."""
    shadow: FloatArray | None
    """How far the shadow is moved, (2,) pixels of a region of `SIDE`; None for none."""
    centre: tuple[float, float]
    """Of the number."""
    height: float
    """Of the number."""
    lean: float
    """Of the number, radians."""
    torso_share: float
    """Share of a region that the torso fills."""

    def layers(self, turn: float) -> tuple[list[FloatArray], list[FloatArray], FloatArray | None]:
        """What is printed, from the lowest layer to the uppermost.

        Args:
            turn: of the torso about its own axis, radians.

        Returns:
            Masks, float32 (SIDE, SIDE) each, their colours, and the number's box, float32 (4,) xyxy as shares of the
            side; None without a number.
        """
        badges = [(self._placed(mask, turn, centre, height), self.ink) for mask, centre, height in self.badges]
        layers, box = badges + self._words(turn), None
        if self.printed is not None:
            digits = self._placed(self.printed.digits, turn, self.centre, self.height)
            layers += self._number(digits, self.printed.second, turn)
            box = bounds(digits)
        return [mask for mask, _ in layers], [colour for _, colour in layers], box

    def _words(self, turn: float) -> list[tuple[FloatArray, FloatArray]]:
        layers, y, share = [], self.centre[1], self.torso_share
        if self.name.mask is not None:
            above = y - self.height / 2 - self.name.height
            layers.append((place_word(self.name.mask, SIDE, above, self.name.height, turn, share), self.ink))
        if self.sponsor.mask is not None:
            below = y if self.printed is None else y + self.height / 2 + self.sponsor.height
            layers.append((place_word(self.sponsor.mask, SIDE, below, self.sponsor.height, turn, share), self.rim))
        return layers

    def _number(
        self, digits: FloatArray, second: FloatArray | None, turn: float
    ) -> list[tuple[FloatArray, FloatArray]]:
        layers = []
        if self.shadow is not None:
            layers.append((_shift(digits, self.shadow), self.rim))
        if self.outline:
            layers.append((_grow(digits, self.outline), self.rim))
        layers.append((digits, self.ink))
        if second is not None:
            layers.append((self._placed(second, turn, self.centre, self.height), self.rim))
        return layers

    def _placed(self, mask: FloatArray, turn: float, centre: tuple[float, float], height: float) -> FloatArray:
        return place_mask(mask, SIDE, centre, height, turn, self.lean, RADIUS * self.torso_share)


def _grow(mask: FloatArray, pixels: float) -> FloatArray:
    blurred = cv2.GaussianBlur(mask, (0, 0), pixels)
    return np.asarray(np.clip(blurred * 4.0, 0.0, 1.0), np.float32)


def _shift(mask: FloatArray, pixels: FloatArray) -> FloatArray:
    matrix = np.array([[1.0, 0.0, pixels[0]], [0.0, 1.0, pixels[1]]])
    return np.asarray(cv2.warpAffine(mask, matrix, mask.shape[::-1]), np.float32)
