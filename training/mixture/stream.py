"""An endless, seeded mixture of training windows, filmed and preprocessed as the pipeline would hand them over."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from pipeline.types import FloatArray
from recognizer.labels import encode
from recognizer.preprocess import Preprocess
from training.data.batch import Batch
from training.mixture.regions import Region
from training.mixture.sources import Source, spoil
from training.synthesis.augment import film_moved, visibility
from training.synthesis.looks import Rng, draw_broadcast_look
from training.synthesis.variety import draw_kit, keep_detail

_FAINT = 16.0
"""Grey levels by which a number that was laid on stands out at the least; see `visibility`."""
_TYPEFACES = 1 << 32
"""How many typefaces numerals can be changed into."""
_TRIES = 8
"""How often a window whose number cannot be seen is drawn anew."""


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A source and its share of the mixture."""

    name: str
    source: Source
    share: float
    plain: bool
    """True for pictures without a camera's blur and mixture of readable and unreadable frames (photos, drawn)."""
    recoloured: float = 0.0
    """Share of the windows that are shown in the colours of another kit."""
    reshaped: float = 0.0
    """Share of the windows whose numerals are shown in another typeface."""


class WindowStream(IterableDataset[Batch]):
    """Batches without end; a worker's windows depend on seed and worker number only."""

    def __init__(
        self,
        ingredients: Sequence[Ingredient],
        preprocess: Preprocess,
        length: int,
        batch: int,
        seed: int | list[int],
        torso_share: float = 1.0,
        smallest: int = 14,
    ) -> None:
        self._torso_share = torso_share
        self._smallest = smallest
        self._ingredients = list(ingredients)
        shares = np.array([i.share for i in ingredients], float)
        self._shares = shares / shares.sum()
        self._preprocess = preprocess
        self._length = length
        self._batch = batch
        self._seed = [seed] if isinstance(seed, int) else list(seed)

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        rng = np.random.default_rng([*self._seed, worker.id if worker else 0])
        while True:
            yield self.batch(rng)

    def batch(self, rng: Rng) -> Batch:
        """Draw one batch."""
        size = self._preprocess.size
        rgb = np.zeros((self._batch, self._length, size, size, 3), np.uint8)
        valid = np.zeros((self._batch, self._length), bool)
        boxes = np.full((self._batch, self._length, 4), np.nan, np.float32)
        classes = np.zeros((self._batch, 2), np.int64)
        for i in range(self._batch):
            regions, number = self.window(rng)
            for j, region in enumerate(regions):
                rgb[i, j] = self._preprocess.apply(region.image)
                valid[i, j] = True
                boxes[i, j] = np.nan if region.number_box is None else region.number_box
            classes[i] = encode(number)
        tens, units = torch.from_numpy(classes[:, 0].copy()), torch.from_numpy(classes[:, 1].copy())
        return Batch(torch.from_numpy(rgb), torch.from_numpy(valid), tens, units, torch.from_numpy(boxes))

    def window(self, rng: Rng) -> tuple[list[Region], str | None]:
        """Draw one filmed window: up to `length` square regions and the number, if it can still be seen."""
        for _ in range(_TRIES):
            regions, number, clearest = self._film(rng)
            if number is None or clearest >= _FAINT:
                return regions, number
        return regions, None

    def _film(self, rng: Rng) -> tuple[list[Region], str | None, float]:
        """A window, and how far its number stands out where it does most; infinitely far where nobody measured it."""
        chosen = self._ingredients[int(rng.choice(len(self._ingredients), p=self._shares))]
        look = draw_broadcast_look(rng, round(self._smallest / self._torso_share), round(90 / self._torso_share))
        if rng.random() < chosen.recoloured:
            look = draw_kit(rng, look)
        typeface = int(rng.integers(_TYPEFACES)) if rng.random() < chosen.reshaped else None
        length = self._length if rng.random() < 0.7 else int(rng.integers(1, self._length + 1))
        regions, number = chosen.source.window(rng, length, look.side)
        if regions[0].blank is None:
            look = keep_detail(look, regions[0].image)
        if number is not None and rng.random() < 0.04:
            regions, number = spoil(rng, regions, self._torso_share), None
        elif chosen.plain and number is not None and len(regions) > 1:
            hidden = rng.random(len(regions)) < rng.uniform(0.0, 0.6)
            hidden[int(rng.integers(len(regions)))] = False
            regions = [spoil(rng, [r], self._torso_share)[0] if h else r for r, h in zip(regions, hidden, strict=True)]
        if number is not None and len(regions) >= 3 and rng.random() < 0.06:  # another player's picture strays in
            stranger, _ = chosen.source.window(rng, 1, look.side)
            regions[int(rng.integers(len(regions)))] = stranger[0]
        blurred = rng.random() < (0.3 if chosen.plain else 0.1)
        motions = [float(rng.uniform(0.0, 0.09)) if blurred else 0.0 for _ in regions]
        shown, seen = [], []
        for region, motion in zip(regions, motions, strict=True):
            state = rng.bit_generator.state
            image, affine = film_moved(rng, region.image, look, motion, filmed=not chosen.plain, typeface=typeface)
            if region.blank is not None and number is not None:
                again = np.random.default_rng()
                again.bit_generator.state = state
                blank, _ = film_moved(again, region.blank, look, motion, filmed=not chosen.plain, typeface=typeface)
                seen.append(visibility(image, blank))
            box = region.number_box
            shown.append(Region(image, None if box is None else moved_box(box, affine, image.shape[0])))
        return shown, number, max(seen, default=np.inf)


def moved_box(box: FloatArray, affine: FloatArray, side: int) -> FloatArray:
    """Where a box (shares of the side) is after the picture's pixels were moved; it stays upright."""
    centre = affine[:, :2] @ ((box[:2] + box[2:]) / 2 * side - 0.5) + affine[:, 2]
    half = np.abs(np.diagonal(affine)) * (box[2:] - box[:2]) / 2 * side
    return np.asarray(np.concatenate([centre + 0.5 - half, centre + 0.5 + half]) / side, np.float32)
