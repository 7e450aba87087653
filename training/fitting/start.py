"""What a training starts from: the network, and what its checkpoint says of preprocessing, temperature and data."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from recognizer.checkpoint import CheckpointInfo, load_checkpoint
from recognizer.model import JerseyTemporalNet, ModelConfig
from recognizer.preprocess import Preprocess
from recognizer.weights_file import WeightsError
from training.data.layout import Layout, SubSequence
from training.data.splits import sequence_marks
from training.evaluation.data import learnt_marks
from training.fitting.settings import STANDARD, PreprocessSettings, TrainSettings


class Beginning(NamedTuple):
    """What a training begins with."""

    reader: JerseyTemporalNet
    record: Mapping[str, Any]
    """What `start_from` was trained on; empty from chance."""
    temperature: float = 1.0
    """That of `start_from` where its windows are as long as the run's; 1 otherwise."""


def build_reader(settings: TrainSettings) -> Beginning:
    """The network to train: from chance, or with the weights of `start_from`.

    Raises:
        WeightsError: The checkpoint is missing, broken, or of another architecture than `model`.
    """
    torch.manual_seed(settings.seed)
    reader = JerseyTemporalNet(ModelConfig(**asdict(settings.model)))
    if not settings.start_from:
        return Beginning(reader, {})
    start, info = load_checkpoint(Path(settings.start_from))
    for item in fields(settings.model):
        wanted, found = getattr(settings.model, item.name), getattr(start.config, item.name)
        if wanted != found and item.name not in ("dropout", "frozen_fraction"):
            raise WeightsError(
                f"The checkpoint {settings.start_from} is of another architecture: its {item.name} is {found!r}, and "
                f"model.{item.name} is {wanted!r}; set it to {found!r} or start from another checkpoint."
            )
    reader.load_state_dict(start.state_dict())
    return Beginning(reader, info.training_data, _temperature(info, settings.sampling.length))


def settle_preprocess(settings: TrainSettings, saved: Preprocess | None = None) -> TrainSettings:
    """Settings with every key of `preprocess`: what they leave open is as in `start_from`, or the standard from chance.

    Args:
        settings: the run.
        saved: the preprocessing of the run that is taken up again, which then counts instead.

    Raises:
        WeightsError: `start_from` cannot be read.
    """
    if not settings.preprocess.open_keys():
        return settings
    base = saved or STANDARD
    if saved is None and settings.start_from:
        base = load_checkpoint(Path(settings.start_from))[1].preprocess
    return replace(settings, preprocess=PreprocessSettings.of(settings.preprocess.complete(base)))


def learnt_note(settings: TrainSettings, layout: Layout, held_out: Sequence[SubSequence]) -> str | None:
    """A sentence on held-out sequences that `start_from` has learnt from; None where there are none.

    Args:
        settings: the run.
        layout: the data set.
        held_out: its sub-folders to measure on.

    Raises:
        WeightsError: `start_from` cannot be read.
    """
    if not settings.start_from:
        return None
    marks = sequence_marks(held_out)
    known = marks & learnt_marks(layout.root, load_checkpoint(Path(settings.start_from))[1], layout.items)
    if not known:
        return None
    return (
        f"{settings.start_from} has learnt from {len(known)} of the {len(marks)} held-out sequences, so that the "
        "validation figures flatter the training; hold out what it held out (seed, data.split_by and "
        "data.validation_share as in its JSON), or start from another checkpoint."
    )


def preprocess_text(asked: TrainSettings, settled: TrainSettings, *, resumed: bool = False) -> str:
    """Which preprocessing a run uses, and where each key comes from, in one line.

    Args:
        asked: the settings as they were given.
        settled: by `settle_preprocess`.
        resumed: whether the run is taken up again.
    """
    source = "as before" if resumed else "from start_from" if asked.start_from else "standard"
    left_open = asked.preprocess.open_keys()
    parts = [
        f"{name} {value:g} ({source if name in left_open else 'set'})"
        for name, value in asdict(settled.preprocess).items()
    ]
    return f"preprocessing: {', '.join(parts)}"


def _temperature(info: CheckpointInfo, length: int) -> float:
    """A temperature fits reads of windows as long as those it was chosen with."""
    return info.temperature if info.window_length == length else 1.0
