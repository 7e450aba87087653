"""What stays the same while a network is trained."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from training.fitting.balance import digit_weights, weights_table
from training.fitting.distributed import Team
from training.fitting.feed import TrainingData
from training.fitting.loss import DigitLoss
from training.fitting.precision import training_precision
from training.fitting.run_state import TrainingError, surroundings
from training.fitting.settings import TrainSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bench:
    """What stays the same while a network is trained."""

    settings: TrainSettings
    team: Team
    device: torch.device
    precision: torch.dtype
    loss: DigitLoss
    steps: int
    """Steps of an epoch."""
    around: Mapping[str, Any]
    """What besides the settings must stay the same when the run is taken up again (`surroundings`)."""
    should_stop: Callable[[], bool]
    """Asked after every step; True saves and raises `Interrupted`."""

    @property
    def folder(self) -> Path:
        """The output folder."""
        return Path(self.settings.output)


def prepare(
    settings: TrainSettings, data: TrainingData, team: Team, device: torch.device, should_stop: Callable[[], bool]
) -> Bench:
    """Resolve the number format and the class weights.

    Raises:
        TrainingError: Classes are to be weighted and how often they occur is not known.
    """
    weights = _class_weights(settings, data, device)
    loss = DigitLoss(settings.fit.label_smoothing, settings.fit.deep_supervision, *weights)
    precision, around = training_precision(settings.precision, device), surroundings(data, team)
    return Bench(settings, team, device, precision, loss, data.steps, around, should_stop)


def _class_weights(
    settings: TrainSettings, data: TrainingData, device: torch.device
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Weights (11,) of the tens and of the units classes; None where every class counts alike."""
    chosen = settings.class_weights
    if chosen.equal:
        return None, None
    if data.codes is None:
        raise TrainingError(
            f"class_weights.scheme is {chosen.scheme}, empty_tens_factor {chosen.empty_tens_factor:g}, and how often "
            "each class occurs in these data is not known; set them to none and 1."
        )
    found = digit_weights(
        data.codes, chosen.scheme, chosen.beta, chosen.empty_tens_factor, square_root=chosen.square_root
    )
    logger.info("Weights of the classes:\n%s", weights_table(data.codes, found))
    return torch.from_numpy(found.tens).to(device), torch.from_numpy(found.units).to(device)
