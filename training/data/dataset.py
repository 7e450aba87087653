"""Windows of a data set, preprocessed as the pipeline does it.

A window is drawn from one sub-folder. The builder cuts the tracks of videos and runs into so short ones that pictures
lie about as near together in time as those that the pipeline reads together, the clearest of every
`windows.spacing_seconds`; other sources stay uncut.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from recognizer.checks import require_choice, require_range
from recognizer.errors import InputError
from recognizer.labels import encode
from recognizer.sampling import PADDING, SamplingMode, sample_indices
from training.data.batch import Batch, unknown_boxes
from training.data.crop_cache import CropCache
from training.data.layout import SubSequence

logger = logging.getLogger(__name__)


class DatasetError(InputError):
    """A data set without a readable picture."""


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """Which pictures of a sub-folder make its window."""

    mode: SamplingMode = "uniform"
    """uniform (spread from first to last), random (drawn anew in every epoch) or center (around the middle)."""
    anchor_first: bool = False
    """Whether the clearest picture stands first; otherwise all stand in order of time, as the pipeline's do."""
    length: int = 5
    """Pictures in a window, 1 to 64; a shorter sub-folder is padded and masked, never repeated."""

    def __post_init__(self) -> None:
        require_choice("mode", self.mode, get_args(SamplingMode))
        require_range("length", self.length, 1, 64)


class Window(NamedTuple):
    """One window."""

    rgb: NDArray[np.uint8]
    """uint8 (T, S, S, 3); black where padded."""
    valid: NDArray[np.bool_]
    """bool (T,), False where padded."""
    code: NDArray[np.int64]
    """int64 (2,): tens and units class."""
    places: NDArray[np.int64]
    """int64 (T,): places in the sub-folder's `frames`, -1 where padded."""


class WindowDataset(Dataset[Window]):
    """One window of each sub-folder, from the packed crops.

    `random` windows depend on seed, epoch and index alone: not on the order of access, nor on the worker or rank
    that asks. A loader with `collate_fn=collate` takes whole batches in one slice of the cache.
    """

    def __init__(
        self, items: Sequence[SubSequence], cache: CropCache, sampling: SamplingSettings, seed: int = 0
    ) -> None:
        """Choose the windows; sub-folders without a readable picture are left out, with one warning.

        Args:
            items: Sub-folders of the layout the cache was opened for.
            cache: Their crops.
            sampling: Which pictures make a window.
            seed: Of `random` windows.

        Raises:
            DatasetError: No picture of `items` can be read.
        """
        self.cache, self.sampling, self._seed = cache, sampling, seed
        readable = [[p for p, path in enumerate(item.frames) if path in cache.row_of] for item in items]
        self.items = tuple(item for item, places in zip(items, readable, strict=True) if places)
        if not self.items:
            pictures = sum(len(item.frames) for item in items)
            raise DatasetError(
                f"None of the {pictures} pictures in {len(items)} sub-folders can be read; give readable ones."
            )
        if len(self.items) < len(items):
            logger.warning("%d of %d sub-folders hold no readable picture", len(items) - len(self.items), len(items))
        self._places = [np.array(places, np.int64) for places in readable if places]
        self._rows = [
            np.array([cache.row_of[item.frames[place]] for place in places], np.int64)
            for item, places in zip(self.items, self._places, strict=True)
        ]
        self.codes: NDArray[np.int64] = np.array([encode(item.number) for item in self.items], np.int64)
        """int64 (N, 2): tens and units class of each window."""
        self._drawn = np.array([sampling.mode == "random" and len(p) > sampling.length for p in self._places])
        self._chosen = np.stack([self._choose(i, epoch=0) for i in range(len(self.items))])
        self._window_rows = np.stack(
            [np.where(c == PADDING, PADDING, rows[c]) for c, rows in zip(self._chosen, self._rows, strict=True)]
        )
        self._epoch = torch.zeros((), dtype=torch.int64)
        self._epoch.share_memory_()  # type: ignore[no-untyped-call]  # torch gives it no types

    def __len__(self) -> int:
        """Number of windows."""
        return len(self.items)

    def set_epoch(self, epoch: int) -> None:
        """Draw other `random` windows from now on; reaches a loader's running workers too."""
        self._epoch.fill_(epoch)

    def __getitem__(self, index: int) -> Window:
        """The window of a sub-folder."""
        chosen = self._choose(index, int(self._epoch)) if self._drawn[index] else self._chosen[index]
        valid = chosen != PADDING
        rgb = self._crops(np.where(valid, self._rows[index][chosen], PADDING))
        return Window(rgb, valid, self.codes[index].copy(), np.where(valid, self._places[index][chosen], PADDING))

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """Several windows at once."""
        wanted = np.asarray(indices, np.int64)
        rows, epoch = self._window_rows[wanted], int(self._epoch)
        for place in np.flatnonzero(self._drawn[wanted]).tolist():
            index = int(wanted[place])
            rows[place] = self._rows[index][self._choose(index, epoch)]
        return _batch(self._crops(rows), rows != PADDING, self.codes[wanted])

    def numbers(self) -> Counter[str | None]:
        """How many windows each number has."""
        return Counter(item.number for item in self.items)

    def _choose(self, index: int, epoch: int) -> NDArray[np.int64]:
        """int64 (T,) of one sub-folder."""
        places, anchor = self._places[index], self.items[index].anchor
        found = [] if anchor is None else np.flatnonzero(places == anchor).tolist()
        return sample_indices(
            len(places),
            self.sampling.length,
            self.sampling.mode,
            anchor=found[0] if found else None,
            anchor_first=self.sampling.anchor_first,
            rng=np.random.default_rng([self._seed, epoch, index]) if self._drawn[index] else None,
        )

    def _crops(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """uint8 (..., S, S, 3) of the cache's rows, black for padding."""
        crops: NDArray[np.uint8] = self.cache.crops[np.maximum(rows, 0)]
        crops[rows == PADDING] = 0
        return crops


def collate(windows: Sequence[Window] | Batch) -> Batch:
    """Join windows to a batch; a batch, as `WindowDataset` hands a loader, passes through."""
    if isinstance(windows, Batch):
        return windows
    columns = [np.stack(column) for column in zip(*windows, strict=True)]
    return _batch(columns[0], columns[1], columns[2])


def _batch(rgb: NDArray[np.uint8], valid: NDArray[np.bool_], codes: NDArray[np.int64]) -> Batch:
    tens, units = torch.from_numpy(codes.T.copy())
    known = torch.from_numpy(valid)
    return Batch(torch.from_numpy(rgb), known, tens, units, unknown_boxes(known))
