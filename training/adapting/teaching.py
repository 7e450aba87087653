"""Trains a recognizer on what runs know of their own pictures, and writes the one that comes of it."""

import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from pipeline.config import as_plain
from recognizer.checkpoint import load_checkpoint, save_checkpoint
from training.adapting.lessons import Corrections, Stretches, count_frames, lessons_of, shares_wanted, thinned
from training.adapting.settings import AdaptSettings
from training.building.origin import safe_track, sequence_name
from training.building.video import video_name, warn_of_loss
from training.data.clip_labels import Verdict
from training.data.finished_runs import FinishedRun, RunError
from training.data.layout import UNREADABLE_FOLDER
from training.data.splits import marks_of
from training.evaluation.files import require_weights
from training.fitting.distributed import Team, take_device
from training.fitting.feed import TrainingData
from training.fitting.loop import run_training
from training.fitting.mixture_feed import StreamBatches, drawn_batches
from training.fitting.precision import training_precision
from training.fitting.progress import ShowProgress
from training.fitting.settings import NetworkSettings, TrainSettings
from training.fitting.start import settle_preprocess
from training.mixture.players import Track, cut_tracks
from training.mixture.recipe import build_mixture
from training.synthesis.typefaces import in_folder

logger = logging.getLogger(__name__)

_FEWEST_NUMBERS = 2
"""From fewer numbers a network would learn that everybody wears them."""


class Taught(NamedTuple):
    """What a recognizer was taught, and what that did to numbers of all kinds."""

    numbers: dict[str, int]
    """Pictures of each number."""
    unreadable: int
    """Pictures without a number."""
    drawn_before: float
    """Share of drawn numbers that were read right before, 0 to 1."""
    drawn: float
    """The same now."""


def adapt(
    runs: Sequence[FinishedRun], corrections: Corrections, out: Path, settings: AdaptSettings, progress: ShowProgress
) -> Taught:
    """Teach the recognizer that made runs what they know, and write it.

    All its weights learn from single pictures: the players to whom the runs gave a number, as they are and in other
    kits and typefaces, and drawn numbers of all kinds on the runs' players, so that other numbers stay known.

    Args:
        runs: at least one, all read with one recognizer.
        corrections: what a person says of the first run's tracks.
        out: checkpoint to write (`.safetensors`); its window length and temperature are as before.
        settings: how it learns.
        progress: shows how far decoding and training are.

    Raises:
        RunError: The runs were read with different recognizers, or know too little.
        InputError: Anything else that was given cannot be used.
    """
    start = _common_start(runs)
    network, info = load_checkpoint(start)
    device = take_device(settings.device)
    training_precision(settings.precision, device)
    if settings.typefaces:
        in_folder(Path(settings.typefaces))
    require_weights(out, start)
    lessons = _lessons(runs, corrections, settings)
    _require_enough(runs, lessons)
    logger.info("%s starts from %s", out, start)
    tracks = [track for run, some in zip(runs, lessons, strict=True) for track in _cut(run, some, progress)]
    numbers = Counter(number for track in tracks for number in track.numbers if number is not None)
    unreadable = sum(verdict is Verdict.UNREADABLE for track in tracks for verdict in track.verdicts)
    taught = {"numbers": dict(sorted(numbers.items())), "unreadable": unreadable}
    with TemporaryDirectory() as folder:
        architecture = NetworkSettings(**{**asdict(network.config), "frozen_fraction": 0.0})
        output = str(Path(folder) / "training")
        training = settle_preprocess(settings.training(str(start), architecture, runs[0].crops, output))
        data = _training_data(training, tracks, {**_record(runs, lessons), **taught})
        result = run_training(training, data, device=device, progress=progress)
        learnt, trained = load_checkpoint(result.last)
    record = {**trained.training_data, "settings": {**as_plain(settings), "crops": as_plain(runs[0].crops)}}
    save_checkpoint(out, learnt, replace(info, training_data=record, metrics=trained.metrics))
    before, after = (float(figures["drawn/number"]) for figures in (result.history[0], result.history[-1]))
    return Taught(dict(sorted(numbers.items())), unreadable, before, after)


def _common_start(runs: Sequence[FinishedRun]) -> Path:
    """The checkpoint that all runs were read with."""
    for run in runs:
        if not run.same_weights:
            raise RunError(
                f"The recognizer that the run {run.folder} was read with is not there any more, or has changed; read "
                "the video again."
            )
    first = runs[0]
    for run in runs[1:]:
        if (run.weights_sha256, run.crops) != (first.weights_sha256, first.crops):
            raise RunError(
                f"The runs {first.folder} and {run.folder} were read with different recognizers ({first.weights} and "
                f"{run.weights}) or crop settings; read all videos alike."
            )
    return first.weights


def _lessons(runs: Sequence[FinishedRun], corrections: Corrections, settings: AdaptSettings) -> list[Stretches]:
    """What each run teaches, of all that they know as much as is wanted."""
    known = [lessons_of(run, {} if place else corrections, settings.lessons) for place, run in enumerate(runs)]
    pictures: defaultdict[str | None, float] = defaultdict(float)
    for run, some in zip(runs, known, strict=True):
        for number, frames in count_frames(some).items():
            pictures[number] += frames / run.every
    shares = shares_wanted(pictures, settings.lessons)
    return [thinned(some, shares) for some in known]


def _require_enough(runs: Sequence[FinishedRun], lessons: Sequence[Stretches]) -> None:
    shown = Counter[str | None]()
    for some in lessons:
        shown.update(count_frames(some))
    numbers = sorted(number for number in shown if number is not None)
    if len(numbers) < _FEWEST_NUMBERS or not shown[None]:
        raise RunError(
            f"{', '.join(str(run.folder) for run in runs)}: pictures of at least {_FEWEST_NUMBERS} numbers are wanted, "
            f"and some of players who show none; the numbers are {', '.join(numbers) or 'none'}, and without one there "
            f"are {shown[None]} pictures. Give the run of a longer video, or several."
        )


def _record(runs: Sequence[FinishedRun], lessons: Sequence[Stretches]) -> dict[str, Any]:
    """Which videos taught, and which sequences of theirs a data set would hold (see `training.data.splits`)."""
    keys = [
        f"{one.number or UNREADABLE_FOLDER}/{sequence_name(video_name(run.source), safe_track(str(track)))}"
        for run, some in zip(runs, lessons, strict=True)
        for track, stretches in some.items()
        for one in stretches
    ]
    return {
        "runs": [video_name(run.source) for run in runs],
        "matches": sorted({run.source.info.path.stem for run in runs}),
        "trained_sequences": " ".join(sorted(marks_of(keys))),
    }


def _cut(run: FinishedRun, lessons: Stretches, progress: ShowProgress) -> list[Track]:
    looked_at = progress(run.looked_at(), -(-run.frames // run.every), run.source.info.name)
    tracks = cut_tracks(looked_at, lessons, run.source.info.name)
    warn_of_loss(run.source)
    return tracks


def _training_data(settings: TrainSettings, tracks: list[Track], description: dict[str, Any]) -> TrainingData:
    ingredients = build_mixture(settings.mixture, tracks, settings.crops)
    drawn = drawn_batches(ingredients, settings)
    batches = StreamBatches(ingredients, settings, Team())
    return TrainingData(batches, settings.fit.steps_per_epoch, {"drawn": lambda: drawn}, None, description)
