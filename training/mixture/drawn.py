"""Numbers that were never printed: drawn on real torsos, with names, sponsors and stripes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.types import FloatArray, UInt8Image
from recognizer.labels import NUMBERS
from training.mixture.lettering import RADIUS, Badge, Lettering, Words
from training.mixture.placing import SIDE, broadcast_place, number_centre, number_height, square_to
from training.mixture.regions import Region, draw_tight_cut
from training.mixture.sources import BARE_SHARE, Regions
from training.synthesis.cloth import Torso, ink_colour, kit_colour, recolour
from training.synthesis.fills import Printed, bend, draw_fill
from training.synthesis.looks import Rng
from training.synthesis.shirts import (
    badge_mask,
    dye,
    number_mask,
    print_number,
    random_colours,
    shirt_zone,
    word_mask,
)
from training.synthesis.typefaces import Typefaces

_TURNED_FAR, _TURNED_FAR_BARE = 0.25, 0.1
"""Share of the numbers that are turned far, most of them to where a digit is out of sight; of those on bare torsos."""
_BADGED = 0.5
"""Share of the shirts without a number that bear one or two badges: a blot on a plain back is no 1."""
_OTHER_KIT = 0.7
"""Share of the bare torsos that get the colour of another kit."""
_OUT_OF_SIGHT, _IN_SIGHT = 0.15, 0.3
"""A digit that shows less of its width than the first cannot be read, with more than the second it can."""


class Ground(NamedTuple):
    """What a number is drawn on."""

    torso: UInt8Image
    """uint8 (SIDE, SIDE, 3)."""
    cloth: FloatArray
    """Colour (3,) of the shirt."""
    as_broadcast: bool
    """Whether number and colours are to be as players on broadcasts have them, or more varied."""


class DrawSource:
    """Drawn numbers on real torsos, all 101 numbers alike; a share of the torsos bears only words, or nothing.

    Some are turned so far that their outer digit is out of sight, and count as unreadable: what is left of 79 is not 7.

    Args:
        torsos: regions of players without a readable number; a part of them gets a shirt of one colour.
        empty_share: share of the windows without a number.
        numbers: what to draw.
        typefaces: what to draw in; None takes those that are installed, and invented ones beside them.
        readable: whether every number must be easy to read: no odd fills, strong contrast, never turned far.
        torso_share: share of a region that the torso fills.
        tight_share: share of the windows that show hardly more than the number, among those not on bare torsos.
        bare: torsos wiped of what was printed on them, for `BARE_SHARE` of the windows.
    """

    def __init__(
        self,
        torsos: Regions,
        empty_share: float = 0.2,
        numbers: Sequence[str] = NUMBERS,
        typefaces: Typefaces | None = None,
        readable: bool = False,
        torso_share: float = 1.0,
        tight_share: float = 0.0,
        bare: Sequence[Torso] = (),
    ) -> None:
        self._torsos = torsos
        self._bare = list(bare)
        self._tight_share = tight_share
        self._torso_share = torso_share
        self._contrast = (90.0, 90.0) if readable else (50.0, 100.0)
        self._hollow = 0.0 if readable else 0.15
        self._readable = readable
        self._empty_share = empty_share
        self._numbers = tuple(numbers)
        self._typefaces = typefaces

    def window(self, rng: Rng, length: int, side: int) -> tuple[list[Region], str | None]:
        """See Source."""
        as_broadcast = bool(self._bare) and rng.random() < BARE_SHARE
        ground = self._bare_ground(rng) if as_broadcast else self._dyed_ground(rng)
        empty = rng.random() < self._empty_share
        number = None if empty else self._numbers[int(rng.integers(len(self._numbers)))]
        regions = self._draw(rng, ground, number, (length, side))
        if number is not None and all(region.number_box is None for region in regions):
            return regions, None
        tight = not as_broadcast and rng.random() < self._tight_share
        return self._cut_tight(rng, regions) if tight else regions, number

    def _bare_ground(self, rng: Rng) -> Ground:
        bare = self._bare[int(rng.integers(len(self._bare)))]
        if rng.random() >= _OTHER_KIT:
            return Ground(bare.image, bare.colour, as_broadcast=True)
        colour = kit_colour(rng)
        torso = recolour(rng, bare, colour)
        if rng.random() < 0.15:
            torso = _stripes(rng, torso, bare.cloth.astype(np.float32) / 255.0)
        return Ground(torso, colour, as_broadcast=True)

    def _dyed_ground(self, rng: Rng) -> Ground:
        torso = square_to(self._torsos[int(rng.integers(len(self._torsos)))], SIDE)
        zone = shirt_zone(SIDE, rng, self._torso_share)
        if rng.random() < 0.65:
            plain = rng.uniform(0, 255, 3).astype(np.float32)
            torso = dye(torso, zone, plain, float(rng.uniform(0.3, 1.0)))
            if rng.random() < 0.25:
                torso = _stripes(rng, torso, zone)
        cloth = (torso * zone[:, :, None]).sum((0, 1)) / max(float(zone.sum()), 1e-6)
        return Ground(torso, cloth.astype(np.float32), as_broadcast=False)

    @staticmethod
    def _cut_tight(rng: Rng, regions: list[Region]) -> list[Region]:
        """The same cut of every picture; those without a number stay as they are."""
        tight = draw_tight_cut(rng)
        return [
            region if region.number_box is None else tight.cut(rng, region.image, region.number_box * SIDE, SIDE)
            for region in regions
        ]

    def _print(self, rng: Rng, number: str) -> Printed:
        digits = number_mask(rng, number, self._typefaces)
        if self._readable:
            return Printed(digits)
        return draw_fill(rng, bend(rng, digits) if rng.random() < 0.2 else digits)

    def _draw(self, rng: Rng, ground: Ground, number: str | None, extent: tuple[int, int]) -> list[Region]:
        lettering, turns, away = self._letter(rng, ground, number, extent)
        regions = []
        for turn in turns.tolist():
            masks, colours, box = lettering.layers(turn)
            box = None if away else box
            blank = None if box is None else ground.torso
            regions.append(Region(print_number(rng, ground.torso, masks, colours), box, blank))
        return regions

    def _letter(
        self, rng: Rng, ground: Ground, number: str | None, extent: tuple[int, int]
    ) -> tuple[Lettering, NDArray[np.float64], bool]:
        """What stands on the shirt, its turn in each picture, and whether a digit is out of sight in all of them."""
        (length, side), share = extent, self._torso_share
        choose = ink_colour if ground.as_broadcast else random_colours
        ink, rim = (choose(rng, ground.cloth, float(rng.uniform(*self._contrast))) for _ in range(2))
        printed = self._print(rng, number) if number else None
        outline = float(rng.uniform(1.0, 2.5)) if rng.random() < 0.4 else 0.0
        shadow = rng.uniform(-3.0, 3.0, 2).astype(np.float32) if rng.random() < 0.12 else None
        if outline and rng.random() < self._hollow:  # hollow digits: only the outline stands out
            ink = ground.cloth
        if ground.as_broadcast:
            (x, y), height = broadcast_place(rng, share)
        else:
            height, (x, y) = number_height(rng, side, share=share), number_centre(rng, share)
        turns, lean = rng.normal(0.0, 0.3) + rng.normal(0.0, 0.12, length), float(rng.normal(0.0, 0.07))
        name = word_mask(rng) if rng.random() < (0.45 if number else 0.7) else None
        sponsor = word_mask(rng) if rng.random() < (0.25 if number else 0.5) else None
        name_height = share * rng.uniform(0.05, 0.1)
        sponsor_height = share * rng.uniform(0.05, 0.13 if number else 0.25)
        away = False
        if printed is not None:
            width = printed.digits.shape[1] / printed.digits.shape[0] * height
            height, width = (height, width) if width < 0.75 * share else (height * 0.7, width * 0.7)
            if not self._readable and rng.random() < (_TURNED_FAR_BARE if ground.as_broadcast else _TURNED_FAR):
                turns, away, moved = _turn_far(rng, turns, width / (2 * RADIUS * share), len(number or ""))
                x += moved * RADIUS * share
        words = Words(name, name_height), Words(sponsor, sponsor_height)
        badges = () if number or rng.random() >= _BADGED else _draw_badges(rng, share)
        return Lettering(printed, *words, badges, ink, rim, outline, shadow, (x, y), height, lean, share), turns, away


def _draw_badges(rng: Rng, share: float) -> tuple[Badge, ...]:
    """One or two badges somewhere on the chest or the back, far smaller than a number."""
    heights = share * rng.uniform(0.04, 0.16, int(rng.integers(1, 3)))
    centres = 0.5 + share * rng.uniform((-0.25, -0.3), (0.25, 0.15), (len(heights), 2))
    return tuple(
        Badge(badge_mask(rng), (float(x), float(y)), float(height))
        for (x, y), height in zip(centres, heights, strict=True)
    )


def _turn_far(
    rng: Rng, turns: NDArray[np.float64], half_angle: float, digits: int
) -> tuple[NDArray[np.float64], bool, float]:
    """Turn a number far to one side, unless it would then be doubtful whether its outer digit can be read.

    Args:
        rng: chance.
        turns: of the number in each picture of a window, radians.
        half_angle: half of the angle that the number spans on the cylinder, radians.
        digits: how many it has.

    Returns:
        The new turns (the old ones where it would be doubtful), whether the outer digit is out of sight in all of
        them, and how far the number moves to the side, in radii.
    """
    far = turns - turns.mean() + rng.choice((-1.0, 1.0)) * rng.uniform(0.4, 1.5)
    outer = max(outer_share(abs(turn), half_angle, digits) for turn in far)
    if _OUT_OF_SIGHT <= outer < _IN_SIGHT:
        return turns, False, 0.0
    return far, outer < _OUT_OF_SIGHT, float(rng.uniform(0.65, 0.95) * np.sin(far.mean()))


def outer_share(turn: float, half_angle: float, digits: int) -> float:
    """How much of the width of a number's outermost digit shows on a turned cylinder, as a share of its width in front.

    Args:
        turn: of the number's middle from the front, radians, 0 or more.
        half_angle: half of the angle that the number spans on the cylinder, radians.
        digits: how many it has, 1 or 2.
    """
    inner = turn if digits == 2 else turn - half_angle
    angles = np.minimum([inner, turn + half_angle], np.pi / 2)
    return float(np.diff(np.sin(angles))[0] / (turn + half_angle - inner))


def _stripes(rng: Rng, torso: UInt8Image, zone: FloatArray) -> UInt8Image:
    side = torso.shape[0]
    half_period = rng.uniform(0.04, 0.12) * side
    band = ((np.arange(side) + rng.uniform(0, half_period)) // half_period % 2).astype(np.float32)
    pattern = band[None, :] if rng.random() < 0.6 else band[:, None]
    mask = (pattern * zone * rng.uniform(0.4, 1.0))[:, :, None]
    striped = torso * (1 - mask) + rng.uniform(0, 255, 3) * mask
    return np.asarray(np.clip(striped, 0, 255), np.uint8)
