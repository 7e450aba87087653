"""Feeds a training run from the mixture of data sets that the shipped weights were made with."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import numpy as np
from torch.utils.data import DataLoader

from recognizer.device import resolve_device
from training.data.batch import Batch
from training.fitting.distributed import Team
from training.fitting.feed import TrainingData
from training.fitting.settings import TrainSettings
from training.fitting.tree_feed import leave_interrupts_to_the_parent
from training.mixture.recipe import (
    build_mixture,
    held_out_source,
    load_labelled_clips,
    load_labelled_crops,
    require_folders,
    require_matches,
)
from training.mixture.stream import Ingredient, WindowStream
from training.synthesis.shirts import torso_share

_FIXED_BATCH = 64
_HELD_OUT_BATCHES = 12
_DRAWN_BATCHES = 4


@dataclass(frozen=True, slots=True)
class StreamBatches:
    """Batches of an endless mixture; an epoch's windows depend on seed, epoch, process and number of workers."""

    ingredients: list[Ingredient]
    settings: TrainSettings
    team: Team

    def __call__(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch, without end."""
        settings, workers = self.settings, self.settings.data.workers
        seed = [settings.seed, epoch, self.team.rank]
        stream = WindowStream(
            self.ingredients,
            settings.preprocess.complete(),
            settings.sampling.length,
            settings.fit.batch_size,
            seed,
            torso_share(settings.crops),
            settings.mixture.smallest,
        )
        loader = DataLoader(
            stream,
            batch_size=None,
            num_workers=workers,
            pin_memory=resolve_device(settings.device).type == "cuda",
            prefetch_factor=8 if workers else None,
            worker_init_fn=leave_interrupts_to_the_parent,
        )
        yield from loader


def mixture_data(settings: TrainSettings, team: Team) -> TrainingData:
    """The mixture, measured on the held-out matches (if there are any) and on drawn numbers.

    Raises:
        MixtureError: A folder is missing, or the held-out matches are not there.
    """
    require_folders(settings.mixture)
    tracks = load_labelled_clips(settings.mixture)
    matches = {track.match for track in tracks}
    require_matches(settings.mixture, sorted(matches))
    kept = [track for track in tracks if track.match not in settings.mixture.held_out]
    ingredients = build_mixture(settings.mixture, kept + load_labelled_crops(settings.mixture), settings.crops)
    checks: dict[str, list[Batch]] = {}
    if settings.mixture.held_out:
        source = held_out_source(tracks, settings.mixture, settings.crops)
        held_out = Ingredient("held_out", source, 1.0, plain=False)
        checks["held_out"] = fixed_batches(held_out, settings, _HELD_OUT_BATCHES)
    checks["drawn"] = drawn_batches(ingredients, settings)
    validation = {name: partial(_share, batches, team) for name, batches in checks.items()}
    description = {
        "tracks": len(kept),
        "matches": sorted(matches.difference(settings.mixture.held_out)),
        "held_out_matches": list(settings.mixture.held_out),
    }
    batches = StreamBatches(ingredients, settings, team)
    return TrainingData(batches, settings.fit.steps_per_epoch, validation, None, description)


def drawn_batches(ingredients: Iterable[Ingredient], settings: TrainSettings) -> list[Batch]:
    """Drawn numbers to measure on, also where none are trained on."""
    drawn = next(one for one in ingredients if one.name == "drawn")
    return fixed_batches(replace(drawn, share=1.0), settings, _DRAWN_BATCHES)


def fixed_batches(ingredient: Ingredient, settings: TrainSettings, count: int) -> list[Batch]:
    """The same windows at every call, to measure on."""
    length, share = settings.sampling.length, torso_share(settings.crops)
    smallest = settings.mixture.smallest
    stream = WindowStream([ingredient], settings.preprocess.complete(), length, _FIXED_BATCH, 1, share, smallest)
    rng = np.random.default_rng(7)
    return [stream.batch(rng) for _ in range(count)]


def _share(batches: list[Batch], team: Team) -> Iterable[Batch]:
    return islice(batches, team.rank, None, team.size)
