"""Where training windows come from: each source draws a window of clean square regions and its number."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from pipeline.crops import CropSettings, jersey_regions
from pipeline.types import UInt8Image
from training.data.clip_labels import Verdict
from training.mixture.placing import SIDE, number_height, square_to
from training.mixture.players import NumberPhoto, Track
from training.mixture.regions import Region, draw_tight_cut, within
from training.synthesis.augment import cut_region, jitter_square, motion_blur, shrink
from training.synthesis.cloth import Torso, wipe
from training.synthesis.looks import Rng

Regions = list[UInt8Image]


_LEAST_SIDE = 32
"""Real players are cut at this side at the least, and scaled down when they are filmed."""
_SHIRT = 3.0
"""How much more often a photo with the shirt round its number is shown than one of little more than the number."""
BARE_SHARE = 0.8
"""Share of the drawn and pasted numbers that are laid on a wiped torso, where there are some."""
LEAST_TORSO = 28
"""Side in pixels of the regions that numbers are drawn on, at the least."""
_LEAST_BARE = 24
"""Side in pixels of the regions that torsos are wiped in, at the least."""
_BACKS = 0.4
"""Share of the wiped torsos that bore a number."""

TIGHT_SHARE = 0.1
"""Share of the cut-out numbers and photos that show hardly more than the number, unless asked for."""


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

    def bare(self, limit: int, seed: int = 0) -> list[Torso]:
        """Torsos wiped of what is printed on them, backs and fronts: `limit` at the most, fewer where few are plain."""
        rng = np.random.default_rng(seed)
        backs = [place for places in self._readable for place in places]
        found: list[Torso] = []
        for places, share in ((backs, _BACKS), (self._unreadable, 1.0)):
            until = round(limit * share)
            for i in rng.permutation(len(places)).tolist():
                if len(found) >= until:
                    break
                track, place = places[i]
                region = self._region(rng, self._tracks[track], place, SIDE)
                if region.shape[0] >= _LEAST_BARE and (torso := wipe(square_to(region, SIDE))) is not None:
                    found.append(torso)
        return found

    def torsos(self, limit: int, seed: int = 0) -> Regions:
        """Regions without a readable number, the ground to print on: uint8 (128, 128, 3) at the most."""
        rng = np.random.default_rng(seed)
        places = [self._unreadable[i] for i in rng.permutation(len(self._unreadable))[:limit]]
        regions = [self._region(rng, self._tracks[i], j, SIDE) for i, j in places]
        return [region for region in regions if region.shape[0] >= LEAST_TORSO]


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


def spoil(rng: Rng, regions: Sequence[Region], torso_share: float = 1.0) -> list[Region]:
    """Blur or shrink regions until nobody could read them (digits under about 4 px or smeared over their width)."""
    spoilt = []
    for image in (region.image for region in regions):
        small = shrink(image, round(int(rng.integers(5, 9)) / torso_share))
        smeared = motion_blur(image, 0.4 * torso_share * image.shape[0], float(rng.normal(0.0, 0.3)))
        spoilt.append(Region(small if rng.random() < 0.6 else smeared))
    return spoilt
