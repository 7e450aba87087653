"""Trains a recognizer on what runs know of their own pictures, and writes the one that comes of it."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from pipeline.config import as_plain
from pipeline.results.report import file_record
from recognizer.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from training.adapting.lessons import Stretches, lessons_of
from training.adapting.settings import AdaptSettings
from training.building.video import video_name, warn_of_loss
from training.data.clip_labels import Verdict
from training.data.finished_runs import FinishedRun, RunError
from training.fitting.distributed import Team, take_device
from training.fitting.feed import TrainingData
from training.fitting.loop import Progress, run_training
from training.fitting.mixture_feed import StreamBatches, drawn_batches
from training.fitting.settings import NetworkSettings, TrainSettings
from training.fitting.start import settle_preprocess
from training.mixture.players import Track, cut_tracks
from training.mixture.recipe import build_mixture

logger = logging.getLogger(__name__)

_FEWEST_NUMBERS = 2
"""From fewer numbers a network would learn that everybody wears them."""


class Taught(NamedTuple):
    """What a recognizer was taught."""

    numbers: dict[str, int]
    """Pictures of each number."""
    unreadable: int
    """Pictures without a number."""


def adapt(
    runs: Sequence[FinishedRun], corrections: Stretches, out: Path, settings: AdaptSettings, progress: Progress
) -> Taught:
    """Teach the recognizer that made runs what they know, and write it.

    All its weights learn from single pictures: the players to whom the runs gave a number, as they are and in other
    kits and typefaces, and drawn numbers of all kinds on the runs' players, so that other numbers stay known.

    Args:
        runs: at least one, all read with one recognizer.
        corrections: what a person says of the first run's tracks.
        out: checkpoint to write (`.safetensors`); its window length and temperature are as before.
        settings: how it learns.
        progress: shows how far training is.

    Raises:
        RunError: The runs were read with different recognizers, or know too little.
        InputError: Anything else that was given cannot be used.
    """
    if out.suffix != ".safetensors":
        raise CheckpointError(f"A checkpoint must end in .safetensors, which {out} does not.")
    start = _common_weights(runs)
    network, info = load_checkpoint(start)
    device = take_device(settings.device)
    tracks: list[Track] = []
    for place, run in enumerate(runs):
        lessons = lessons_of(run, {} if place else corrections, settings.lessons)
        tracks += cut_tracks(run.looked_at(), lessons, run.source.info.name)
        warn_of_loss(run.source)
    taught = _what_is_taught(runs, tracks)
    logger.info("%s starts from %s", out, start)
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{out.stem}.", dir=out.parent) as folder:
        architecture = NetworkSettings(**{**asdict(network.config), "frozen_fraction": 0.0})
        training = settle_preprocess(settings.training(str(start), architecture, folder))
        data = _training_data(training, tracks, {"runs": [video_name(run.source) for run in runs], **taught._asdict()})
        result = run_training(training, data, device=device, progress=progress)
        learnt, trained = load_checkpoint(result.last)
    record = {**trained.training_data, "settings": as_plain(settings)}
    save_checkpoint(out, learnt, replace(info, training_data=record, metrics=trained.metrics))
    return taught


def _common_weights(runs: Sequence[FinishedRun]) -> Path:
    """The checkpoint that all runs were read with."""
    for run in runs[1:]:
        one, other = (file_record(each.weights, [each.weights])["sha256"] for each in (runs[0], run))
        if one != other:
            raise RunError(
                f"The run {run.folder} was read with {run.weights} and {runs[0].folder} with {runs[0].weights}; "
                "read all videos with one recognizer."
            )
    return runs[0].weights


def _what_is_taught(runs: Sequence[FinishedRun], tracks: Sequence[Track]) -> Taught:
    """Count the pictures; refuse too few kinds of them."""
    numbers = Counter(number for track in tracks for number in track.numbers if number is not None)
    unreadable = sum(verdict is Verdict.UNREADABLE for track in tracks for verdict in track.verdicts)
    if len(numbers) < _FEWEST_NUMBERS or not unreadable:
        known = ", ".join(sorted(numbers)) or "none"
        raise RunError(
            f"{', '.join(str(run.folder) for run in runs)}: pictures of at least {_FEWEST_NUMBERS} numbers are wanted, "
            f"and some without a number; there are {unreadable} without, and the numbers are: {known}. Give a longer "
            "video's run, several runs, or --corrections."
        )
    return Taught(dict(sorted(numbers.items())), unreadable)


def _training_data(settings: TrainSettings, tracks: list[Track], description: dict[str, Any]) -> TrainingData:
    ingredients = build_mixture(settings.mixture, tracks, settings.crops)
    drawn = drawn_batches(ingredients, settings)
    batches = StreamBatches(ingredients, settings, Team())
    return TrainingData(batches, settings.fit.steps_per_epoch, {"drawn": lambda: drawn}, None, description)
