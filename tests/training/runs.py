"""Small training runs for tests: a narrow network, small pictures, batches in memory."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import recognizer.model
from training.data.batch import Batch, unknown_boxes
from training.fitting.feed import TrainingData
from training.fitting.measure import Figures
from training.fitting.run_state import RESUME
from training.fitting.settings import (
    FitSettings,
    NetworkSettings,
    PreprocessSettings,
    TrainSettings,
    WindowSampling,
)

STEPS = 2


class NarrowBackbone(nn.Module):
    """Stands in for the ResNet: 16 channels instead of 512, so that a run takes a moment."""

    channels = 16

    def __init__(self, _name: str, _stem_pool: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, stride=4, padding=1)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 16, 3, stride=2, padding=1)
        self.bn2 = nn.BatchNorm2d(16)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, S, S) to (N, 16, S / 8, S / 8)."""
        result: torch.Tensor = self.bn2(self.conv2(self.bn1(self.conv1(images)).relu())).relu()
        return result


def use_narrow_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build every network of this test with the narrow backbone."""
    monkeypatch.setattr(recognizer.model, "Backbone", NarrowBackbone)


def small_settings(output: Path, **fit: float | int | str | tuple[tuple[int, float], ...]) -> TrainSettings:
    """Settings of a small run with everything random switched on; `fit` changes `fit` settings."""
    chosen = {"epochs": 2, "batch_size": 4, "save_every": 100, "ema": 0.5, **fit}
    return TrainSettings(
        output=str(output),
        tensorboard=False,
        sampling=WindowSampling(length=2),
        preprocess=PreprocessSettings(size=32),
        model=NetworkSettings(hidden_size=8, head_size=8),
        fit=FitSettings(**chosen),  # type: ignore[arg-type]  # values by name
    )


def batch_of(seed: int, count: int = 4, length: int = 2, side: int = 32) -> Batch:
    """Windows whose brightness tells their class: 'no tens digit' and units 0 to 3."""
    generator = torch.Generator().manual_seed(seed)
    units = torch.randint(0, 4, (count,), generator=generator)
    noise = torch.randint(0, 20, (count, length, side, side, 3), generator=generator, dtype=torch.uint8)
    rgb = noise + (units * 70).to(torch.uint8)[:, None, None, None, None]
    valid = torch.ones(count, length, dtype=torch.bool)
    valid[0, -1] = False
    return Batch(rgb, valid, torch.full((count,), 10), units, unknown_boxes(valid))


def small_data(validation: bool = True) -> TrainingData:
    """Two batches an epoch, different ones in every epoch."""

    def batches(epoch: int) -> Iterable[Batch]:
        return (batch_of(100 * epoch + step) for step in range(STEPS + 1))

    sets = {"validation": lambda: [batch_of(9), batch_of(10)]} if validation else {}
    return TrainingData(batches, STEPS, sets)


class StopAfter:
    """Asks to stop after so many steps."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def __call__(self) -> bool:
        """Whether the steps are over."""
        self._left -= 1
        return self._left == 0


def state_of(output: Path) -> dict[str, Any]:
    """What `--resume` would take up."""
    state = torch.load(output / RESUME, weights_only=True)
    assert isinstance(state, dict)
    return state


def without_times(history: list[Figures]) -> list[Figures]:
    """A history without what no two runs share."""
    return [{name: value for name, value in figures.items() if name != "seconds"} for figures in history]


def assert_equal_weights(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Two states hold the same network, average and moments, to the bit."""
    for part in ("learner", "average"):
        for name, tensor in first[part].items():
            assert torch.equal(tensor, second[part][name]), name
    for place, moments in first["optimizer"]["state"].items():
        for name, tensor in moments.items():
            assert torch.equal(tensor, second["optimizer"]["state"][place][name]), (place, name)
