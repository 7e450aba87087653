"""What can be said about a training run before it starts."""

from typing import NamedTuple

from training.train_settings import TrainSettings


class Report(NamedTuple):
    """What was found."""

    text: str
    usable: bool


def check(settings: TrainSettings) -> Report:
    """Look at settings and data."""
    return Report("", True)
