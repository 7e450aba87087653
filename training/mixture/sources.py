"""Where training windows come from: each source draws a window of clean square regions and its number."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np

from pipeline.crops import CropSettings, jersey_regions
from pipeline.types import FloatArray, UInt8Image
from training.data.clip_labels import Verdict
from training.mixture.composition import Composer
from training.mixture.players import NumberPhoto, Track
from training.mixture.regions import Region, draw_tight_cut, squared, within
from training.synthesis.augment import Rng, cut_region, jitter_square, motion_blur, shrink
from training.synthesis.shirts import (
    dye,
    place_mask,
    shirt_zone,
)

Regions = list[UInt8Image]


SIDE = 128
"""Working side of drawn and pasted regions, pixels."""
_LEAST_SIDE = 32
"""Real players are cut at this side at the least, and scaled down when they are filmed."""
_SHIRT = 3.0
"""How much more often a photo with the shirt round its number is shown than one of little more than the number."""
_LEAST_DIGITS = 7.0
"""Height in pixels under which printed digits are not shown: nobody could read them."""

TIGHT_SHARE = 0.1
"""Share of the cut-out numbers and photos that show hardly more than the number, unless asked for."""


def number_height(rng: Rng, side: int, tallest: float = 0.72, share: float = 1.0) -> float:
    """Draw the height of a printed number as a share of a region that will be shown `side` px wide.

    Args:
        rng: source of chance.
        side: of the region, pixels.
        tallest: share of the torso that a number fills at the most.
        share: of the region that the torso fills.
    """
    return float(rng.uniform(min(max(0.3, _LEAST_DIGITS / (side * share)), 0.6), tallest)) * share


class Source(Protocol):
    """Draws windows."""

    def window(self, rng: Rng, length: int, side: int) -> tuple[list[Region], str | None]:
        """Draw `length` square regions of one player that will be shown `side` px wide.

        Returns:
            The regions, uint8 (s, s, 3) RGB, mostly larger than `side`, and the number (None: not readable).
        """
        ...


class TrackSource:
    """Windows of real tracks: neighbours in time, the box jittered; half of the numbers drawn rare-first."""

    def __init__(self, tracks: Sequence[Track], settings: CropSettings, readable_share: float) -> None:
        self._tracks = [t for t in tracks if t.images]
        self._settings = settings
        self._readable_share = readable_share
        places: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
        self._unreadable: list[tuple[int, int]] = []
        for i, track in enumerate(self._tracks):
            for j, (verdict, number) in enumerate(zip(track.verdicts, track.numbers, strict=True)):
                if verdict is Verdict.LEGIBLE and number is not None:
                    places[track.match, number].append((i, j))
                elif verdict is Verdict.UNREADABLE:
                    self._unreadable.append((i, j))
        self._readable = list(places.values())
        weights = np.array([len(p) for p in self._readable], float) ** 0.5
        self._weights = weights / weights.sum() if len(weights) else weights

    def window(self, rng: Rng, length: int, side: int) -> tuple[list[Region], str | None]:
        """See Source."""
        for _ in range(20):
            readable = bool(self._readable) and (not self._unreadable or rng.random() < self._readable_share)
            if readable:
                group = self._readable[int(rng.choice(len(self._readable), p=self._weights))]
                i, j = group[int(rng.integers(len(group)))]
            else:
                i, j = self._unreadable[int(rng.integers(len(self._unreadable)))]
            picks = self._neighbours(rng, self._tracks[i], j, length)
            numbers = {self._tracks[i].numbers[p] for p in picks} - {None}
            doubtful = any(self._tracks[i].verdicts[p] is Verdict.SKIP for p in picks)
            if len(numbers) <= 1 and not (doubtful and not numbers):
                number = numbers.pop() if numbers else None
                return [Region(self._region(rng, self._tracks[i], p, side)) for p in picks], number
        return self.window(rng, 1, side)

    @staticmethod
    def _neighbours(rng: Rng, track: Track, around: int, length: int) -> list[int]:
        step = int(rng.integers(1, 4))
        first = around - step * int(rng.integers(0, length))
        picks = [first + step * k for k in range(length)]
        return [p for p in picks if 0 <= p < len(track.images)] or [around]

    def _region(self, rng: Rng, track: Track, place: int, side: int) -> UInt8Image:
        square = jersey_regions(track.boxes[place][None], self._settings)[0]
        return cut_region(track.images[place], jitter_square(rng, square), max(side, _LEAST_SIDE))

    def torsos(self, limit: int, seed: int = 0) -> Regions:
        """Regions without a readable number, the ground to print on: uint8 (128, 128, 3) at the most."""
        rng = np.random.default_rng(seed)
        places = [self._unreadable[i] for i in rng.permutation(len(self._unreadable))[:limit]]
        regions = [self._region(rng, self._tracks[i], j, SIDE) for i, j in places]
        return [region for region in regions if region.shape[0] >= 28]


class PhotoSource:
    """Numbers in photos, their surroundings kept; the same photo seen `length` times."""

    def __init__(
        self, photos: Sequence[NumberPhoto], torso_share: float = 1.0, *, tight_share: float = TIGHT_SHARE
    ) -> None:
        self._photos = list(photos)
        self._tight_share = tight_share
        self._torso_share = torso_share
        counts = Counter(photo.number for photo in self._photos)
        weights = np.array([(_SHIRT if p.on_shirt else 1.0) * counts[p.number] ** -0.5 for p in self._photos])
        self._weights = np.cumsum(weights / weights.sum())

    def window(self, rng: Rng, length: int, side: int) -> tuple[list[Region], str | None]:
        """See Source."""
        photo = self._photos[min(int(np.searchsorted(self._weights, rng.random())), len(self._photos) - 1)]
        shown = max(side, _LEAST_SIDE)
        if not photo.on_shirt or rng.random() < self._tight_share:
            tight = draw_tight_cut(rng)
            return [tight.cut(rng, photo.image, photo.box, shown) for _ in range(length)], photo.number
        left, top, right, bottom = photo.box.tolist()
        height = number_height(rng, side, share=self._torso_share)
        extent = max((bottom - top) / height, (right - left) / (0.85 * self._torso_share))
        x = (left + right) / 2 + rng.normal(0.0, 0.05) * extent
        y = (top + bottom) / 2 + rng.normal(0.06, 0.06) * extent
        square = np.array([x - extent / 2, y - extent / 2, x + extent / 2, y + extent / 2], np.float32)
        squares = [jitter_square(rng, square, 0.03, 0.02) for _ in range(length)]
        return [Region(cut_region(photo.image, s, shown), within(photo.box, s)) for s in squares], photo.number


class PasteSource:
    """Real cut-out numbers laid onto torsos dyed in the colour of their shirt.

    Args:
        crops: pictures by number, uint8 (h, w, 3) RGB.
        torsos: what they are laid onto.
        in_time_order: whether a number's pictures follow one another in time.
        torso_share: share of a region that the torso fills.
        tight_share: share of the windows that show hardly more than the number.
        composed_share: share of the windows with a number composed of the digits of two others.
    """

    def __init__(
        self,
        crops: dict[str, list[UInt8Image]],
        torsos: Regions,
        *,
        in_time_order: bool = True,
        torso_share: float = 1.0,
        tight_share: float = TIGHT_SHARE,
        composed_share: float = 0.0,
    ) -> None:
        self._torso_share = torso_share
        self._tight_share = tight_share
        self._composer = Composer(crops if composed_share > 0.0 else {})
        self._composed_share = composed_share if self._composer.numbers else 0.0
        self._crops = {number: pictures for number, pictures in crops.items() if pictures}
        self._in_time_order = in_time_order
        self._numbers = sorted(self._crops)
        self._torsos = torsos

    def window(self, rng: Rng, length: int, side: int) -> tuple[list[Region], str | None]:
        """See Source; a window shows neighbours in time where the pictures are in that order, else one picture."""
        chosen, number = self._pictures(rng, length)
        if rng.random() < self._tight_share:
            stretched = rng.random() < 0.5
            return [squared(picture, stretched) for picture in chosen], number
        torso = square_to(self._torsos[int(rng.integers(len(self._torsos)))], SIDE)
        zone = shirt_zone(SIDE, rng, self._torso_share)
        height, (x, y) = number_height(rng, side, 0.7, self._torso_share), number_centre(rng, self._torso_share)
        return [_paste(rng, picture, torso, zone, (x, y), height, self._torso_share) for picture in chosen], number

    def _pictures(self, rng: Rng, length: int) -> tuple[list[UInt8Image], str]:
        step = int(self._in_time_order)
        if rng.random() < self._composed_share:
            return self._composer.compose(rng, length, step)
        number = self._numbers[int(rng.integers(len(self._numbers)))]
        pictures = self._crops[number]
        first = int(rng.integers(max(1, len(pictures) - length)))
        return [pictures[min(first + k * step, len(pictures) - 1)] for k in range(length)], number


def number_centre(rng: Rng, share: float) -> tuple[float, float]:
    """Draw where on a region a number is printed, as shares of its side."""
    return 0.5 + float(rng.normal(0.0, 0.09)) * share, 0.5 + float(rng.normal(-0.02, 0.1)) * share


def spoil(rng: Rng, regions: Sequence[Region], torso_share: float = 1.0) -> list[Region]:
    """Blur or shrink regions until nobody could read them (digits under about 4 px or smeared over their width)."""
    spoilt = []
    for image, _ in regions:
        small = shrink(image, round(int(rng.integers(5, 9)) / torso_share))
        smeared = motion_blur(image, 0.4 * torso_share * image.shape[0], float(rng.normal(0.0, 0.3)))
        spoilt.append(Region(small if rng.random() < 0.6 else smeared))
    return spoilt


def _paste(
    rng: Rng,
    patch: UInt8Image,
    torso: UInt8Image,
    zone: FloatArray,
    centre: tuple[float, float],
    height: float,
    share: float,
) -> Region:
    border = np.concatenate([patch[0], patch[-1], patch[:, 0], patch[:, -1]]).astype(np.float32)
    cloth = np.median(border, axis=0).astype(np.float32)
    ground = dye(torso, zone, cloth, float(rng.uniform(0.2, 0.9)))
    feather = np.zeros(patch.shape[:2], np.float32)
    edge_y, edge_x = max(1, patch.shape[0] // 12), max(1, patch.shape[1] // 12)
    feather[edge_y:-edge_y, edge_x:-edge_x] = 1.0
    width = patch.shape[1] / patch.shape[0] * height
    widest = 0.75 * share
    height = height if width < widest else height * widest / width
    out = ground
    placed = [place_mask(np.ascontiguousarray(c), SIDE, centre, height, 0.0, 0.0) for c in _planes(patch)]
    alpha = place_mask(feather, SIDE, centre, height, 0.0, 0.0)[:, :, None]
    out = out * (1 - alpha) + np.stack(placed, axis=2) * alpha
    return Region(np.clip(out, 0, 255).astype(np.uint8), bounds(alpha[:, :, 0]))


def _planes(patch: UInt8Image) -> list[FloatArray]:
    return [patch[:, :, channel].astype(np.float32) for channel in range(3)]


def bounds(mask: FloatArray) -> FloatArray | None:
    """Where a mask (s, s) is more than half, as shares of the side; None for nowhere."""
    rows, columns = np.flatnonzero(mask.max(axis=1) > 0.5), np.flatnonzero(mask.max(axis=0) > 0.5)
    if len(rows) == 0:
        return None
    box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]) / mask.shape[0]
    return np.asarray(box, np.float32)


def square_to(image: UInt8Image, side: int) -> UInt8Image:
    """Scale a square picture to another side."""
    return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)
