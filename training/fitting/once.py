"""Trainings that are parts of a longer test and are not done again once finished."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch

from pipeline.config import as_plain
from training.fitting.differences import OF_THE_MACHINE, first_difference
from training.fitting.feed import TrainingData
from training.fitting.loop import run_training
from training.fitting.run_state import LAST, TrainingError
from training.fitting.settings import TrainSettings

_DONE: Final = "done"
"""Holds the settings of a finished training; empty where somebody puts a network of their own beside it."""


def train_once(settings: TrainSettings, data: Callable[[], TrainingData], device: torch.device) -> Path:
    """Train a run to its end, or find it finished; one that was broken off begins anew.

    Args:
        settings: the run; the file `done` in its output folder says that it is finished, and with which settings
            (an empty one fits all).
        data: loads what to train on, if it is needed.
        device: what to compute on.

    Returns:
        Its last checkpoint.

    Raises:
        TrainingError: It was finished with other settings.
    """
    folder = Path(settings.output)
    done = folder / _DONE
    if done.is_file():
        _require_same_settings(done, settings)
    else:
        shutil.rmtree(folder, ignore_errors=True)
        run_training(settings, data(), device=device)
        part = folder / f".{_DONE}.part"
        part.write_text(json.dumps(as_plain(settings), indent=2) + "\n", encoding="utf-8")
        part.replace(done)
    return folder / LAST


def _require_same_settings(done: Path, settings: TrainSettings) -> None:
    text = done.read_bytes().strip()
    if not text:
        return
    try:
        found = first_difference(json.loads(text), as_plain(settings), OF_THE_MACHINE)
    except (ValueError, AttributeError) as error:
        raise TrainingError(
            f"{done} holds no settings of a training; empty it to use {done.with_name(LAST)} as it is, or give another "
            "output folder."
        ) from error
    if found:
        raise TrainingError(
            f"{found.key} is {found.now} and was {found.then} when the training in {done.parent} was made; give "
            "another output folder, or the settings of then."
        )
