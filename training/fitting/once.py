"""Trainings that are parts of a longer test and are not done again once finished."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch

from training.fitting.feed import TrainingData
from training.fitting.loop import run_training
from training.fitting.settings import TrainSettings

_DONE: Final = "done"


def train_once(settings: TrainSettings, data: Callable[[], TrainingData], device: torch.device) -> Path:
    """Train a run to its end, or find it finished; one that was broken off begins anew.

    Args:
        settings: the run; the file `done` in its output folder says that it is finished.
        data: loads what to train on, if it is needed.
        device: what to compute on.

    Returns:
        Its last checkpoint.
    """
    folder = Path(settings.output)
    if not (folder / _DONE).is_file():
        shutil.rmtree(folder, ignore_errors=True)
        run_training(settings, data(), device=device)
        (folder / _DONE).touch()
    return folder / "last.safetensors"
