"""Feeds a training run from a data-set tree."""

import hashlib
import json
import logging
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from recognizer.device import resolve_device
from recognizer.errors import InputError
from recognizer.preprocess import Preprocess
from training.data.batch import Batch
from training.data.crop_cache import open_cache
from training.data.dataset import WindowDataset, collate
from training.data.geometry import read_geometry
from training.data.layout import Layout, SubSequence, scan
from training.data.root import find_data_root
from training.data.splits import by_class, hold_out, sequence_marks, split_notes
from training.fitting.distributed import Team
from training.fitting.feed import TREE_CROPS, TrainingData
from training.fitting.settings import DataSettings, TrainSettings
from training.fitting.start import learnt_note
from training.synthesis.augment import film
from training.synthesis.looks import draw_look

logger = logging.getLogger(__name__)


class TooFewClassesError(InputError):
    """Training data of one class only."""


class Filmed(Dataset[Batch]):
    """Windows of a data set as a broadcast shows them: see `training.synthesis.augment.film`.

    What happens to a window depends on seed, epoch and index alone. The filmed crop passes preprocessing once more,
    as a crop of that size would in serving.
    """

    def __init__(self, windows: WindowDataset, preprocess: Preprocess, seed: int) -> None:
        self._windows = windows
        self._preprocess = preprocess
        self._seed = seed
        self._epoch = torch.zeros((), dtype=torch.int64)
        self._epoch.share_memory_()  # type: ignore[no-untyped-call]  # torch gives it no types

    def set_epoch(self, epoch: int) -> None:
        """Film other windows differently from now on; reaches a loader's running workers too."""
        self._windows.set_epoch(epoch)
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        """Number of windows."""
        return len(self._windows)

    def __getitem__(self, index: int) -> Batch:
        """One window, as a batch."""
        return self.__getitems__([index])

    def __getitems__(self, indices: list[int]) -> Batch:
        """Several windows at once."""
        batch = self._windows.__getitems__(indices)
        rgb, valid = batch.rgb.numpy(), batch.valid.numpy()
        for place, index in enumerate(indices):
            rng = np.random.default_rng([self._seed, int(self._epoch), index, 1])
            look = draw_look(rng, smallest=20, broadcast=False)
            for frame in np.flatnonzero(valid[place]).tolist():
                motion = float(rng.uniform(0.0, 0.09)) if rng.random() < 0.3 else 0.0
                rgb[place, frame] = self._preprocess.apply(film(rng, rgb[place, frame], look, motion))
        return batch


def choose_items(layout: Layout, settings: DataSettings, seed: int) -> tuple[list[SubSequence], list[SubSequence]]:
    """Sub-folders to train on and to measure on; the test numbers are in neither.

    Where no manifest tells matches, the split goes by sequence, which holds out some of every number.

    Raises:
        SplitError: One side would be empty.
        TooFewClassesError: All sub-folders to train on are of one number.
    """
    trained, _ = by_class(layout.items, settings.train_numbers, settings.test_numbers)
    held_out: list[SubSequence] = []
    if settings.validation_share > 0.0:
        trained, held_out = hold_out(trained, settings.split_by, settings.validation_share, seed)
    numbers = {item.number for item in trained}
    if len(numbers) < 2:
        only = next(iter(numbers)) or "-1"
        raise TooFewClassesError(
            f"All {len(trained)} sub-folders to train on are of the one class {only}; give at least two numbers."
        )
    return trained, held_out


Chooser = Callable[[Layout, DataSettings, int], tuple[list[SubSequence], list[SubSequence]]]
"""Chooses the sub-folders to train on and to measure on, from the data set, its settings and a seed."""


def tree_data(settings: TrainSettings, team: Team, choose: Chooser = choose_items) -> TrainingData:
    """Windows of the tree at `data.root`.

    Args:
        settings: the training run.
        team: the processes that train together.
        choose: what is trained and measured on; the settings' split by default.

    Raises:
        InputError: There is no data set, or it cannot be split or read.
    """
    layout = scan(find_data_root(settings.data.root))
    for rejected in layout.rejected[:5]:
        logger.warning("left out: %s: %s", rejected.path, rejected.reason)
    if len(layout.rejected) > 5:
        logger.warning("left out: %d files or folders in all; --check lists them", len(layout.rejected))
    trained, held_out = choose(layout, settings.data, settings.seed)
    notes = split_notes(trained, held_out, settings.data.split_by, settings.data.validation_share)
    if learnt := learnt_note(settings, layout, held_out):
        notes.append(learnt)
    for note in notes:
        logger.warning("%s", note)
    cache = open_cache(
        layout, settings.preprocess.complete(), Path(settings.data.cache) if settings.data.cache else None
    )
    windows = WindowDataset(trained, cache, settings.sampling, settings.seed)
    batches = TrainBatches(windows, settings, team)
    validation = {}
    if held_out:
        mode = "uniform" if settings.sampling.mode == "random" else settings.sampling.mode
        fixed = WindowDataset(held_out, cache, replace(settings.sampling, mode=mode), settings.seed)
        validation["validation"] = FixedBatches(fixed, settings, team)
    description = {
        "windows": len(windows),
        "numbers": {str(number or "-1"): count for number, count in sorted(windows.numbers().items(), key=str)},
        "held_out_windows": len(held_out),
        "split": _fingerprint(trained, held_out),
        "matches": sorted({item.match for item in trained if item.match_known}) or None,
        "trained_sequences": " ".join(sorted(sequence_marks(trained))),
        "unreadable_pictures": len(cache.unreadable),
        "rejected": len(layout.rejected),
        TREE_CROPS: read_geometry(layout.root),
    }
    return TrainingData(batches, batches.steps, validation, windows.codes, description)


def _fingerprint(*parts: Sequence[SubSequence]) -> str:
    """Tells which pictures are trained on and which are measured on, wherever the data set lies; 16 letters."""
    named = [[[item.key, item.subdir, *(frame.name for frame in item.frames)] for item in part] for part in parts]
    return hashlib.sha256(json.dumps(named).encode()).hexdigest()[:16]


class TrainBatches:
    """The batches of every epoch: each window once but for a rest that fills no batch.

    The order, and with it the rest, depends on seed and epoch.
    """

    def __init__(self, windows: WindowDataset, settings: TrainSettings, team: Team) -> None:
        filmed = settings.augment.enabled and settings.augment.film
        self._windows = Filmed(windows, settings.preprocess.complete(), settings.seed) if filmed else windows
        share = -(-len(windows) // team.size)
        size = min(settings.fit.batch_size, share)
        self.steps = settings.fit.steps_per_epoch or share // size
        self._sampler: DistributedSampler[Any] = DistributedSampler(
            windows, num_replicas=team.size, rank=team.rank, shuffle=True, seed=settings.seed
        )
        self._loader: DataLoader[Any] = DataLoader(
            self._windows,
            batch_size=size,
            sampler=self._sampler,
            collate_fn=collate,
            num_workers=settings.data.workers,
            pin_memory=resolve_device(settings.device).type == "cuda",
            drop_last=True,  # a last batch of one window would leave batch norms little to compare
            worker_init_fn=leave_interrupts_to_the_parent,
            persistent_workers=settings.data.workers > 0,
        )

    def __call__(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch; one that is longer than the data goes through them several times."""
        rounds = -(-self.steps // len(self._loader))
        for turn in range(epoch * rounds, (epoch + 1) * rounds):
            self._windows.set_epoch(turn)
            self._sampler.set_epoch(turn)
            yield from self._loader


class FixedBatches:
    """The same windows at every call, this process's share of them."""

    def __init__(self, windows: WindowDataset, settings: TrainSettings, team: Team) -> None:
        self._windows = windows
        self._places = range(team.rank, len(windows), team.size)
        self._size = max(settings.fit.batch_size, 64)

    def __call__(self) -> Iterable[Batch]:
        """The batches."""
        for start in range(0, len(self._places), self._size):
            yield self._windows.__getitems__(list(self._places[start : start + self._size]))


def leave_interrupts_to_the_parent(_worker: int) -> None:
    """Let a loader's worker go on at Ctrl-C, so that the training process can finish its step and save."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
