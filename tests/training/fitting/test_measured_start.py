"""The network that training starts from is measured first and is the best until an epoch is better."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from runs import (
    STEPS,
    StopAfter,
    assert_equal_weights,
    small_data,
    small_settings,
    state_of,
    without_times,
)

from recognizer.checkpoint import load_checkpoint
from training.fitting.loop import Interrupted, run_training
from training.fitting.monitor import FOLDER
from training.fitting.run_state import TrainingError
from training.fitting.settings import TrainSettings
from training.train import outcome

pytestmark = pytest.mark.usefixtures("narrow_backbone")


def started(tmp_path: Path, name: str, **fit: float | int | str) -> TrainSettings:
    """A run that goes on from a network of two epochs."""
    start = tmp_path / "start" / "last.safetensors"
    if not start.exists():
        run_training(small_settings(tmp_path / "start"), small_data())
    return replace(small_settings(tmp_path / name, **fit), start_from=str(start))


def test_the_start_is_the_best_where_no_epoch_is_better(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    settings = started(tmp_path, "run", epochs=2, learning_rate=1.0, clip=0.0, monitor="loss", ema=0.0)
    result = run_training(settings, small_data())
    first = load_checkpoint(Path(settings.start_from))[0].state_dict()
    best, info = load_checkpoint(result.best)
    assert all(torch.equal(tensor, first[name]) for name, tensor in best.state_dict().items())
    assert [figures["epoch"] for figures in result.history] == [0, 1, 2]
    was = load_checkpoint(Path(settings.start_from))[1].metrics
    assert result.history[0] == {"epoch": 0, "step": 0} | {k: v for k, v in was.items() if k.startswith("validation/")}
    assert result.history[0]["validation/loss"] < min(f["validation/loss"] for f in result.history[1:])
    assert (info.metrics["epoch"], result.best_epoch) == (0, 0)
    assert "epoch 0 (as start_from is), validation/loss" in caplog.text
    assert "No epoch was better than the network of start_from: " in outcome(result)


def test_an_epoch_that_is_better_than_the_start_is_the_best(tmp_path: Path) -> None:
    result = run_training(started(tmp_path, "run", epochs=8, monitor="loss", ema=0.0), small_data())
    losses = [figures["validation/loss"] for figures in result.history]
    assert result.best_epoch == int(np.argmin(losses)) > 0
    assert load_checkpoint(result.best)[1].metrics["epoch"] == result.best_epoch
    assert outcome(result) == f"The best checkpoint is {result.best}, the last one {result.last}."


def test_a_start_that_cannot_be_measured_is_not(tmp_path: Path) -> None:
    result = run_training(started(tmp_path, "run", epochs=1), small_data(validation=False))
    assert ([figures["epoch"] for figures in result.history], result.best_epoch) == ([1], 1)


@pytest.mark.parametrize("steps", [1, STEPS + 1])
def test_a_run_with_a_start_resumes_exactly(tmp_path: Path, steps: int) -> None:
    settings = started(tmp_path, "whole", epochs=2, monitor="loss")
    whole = run_training(settings, small_data())
    parted = replace(settings, output=str(tmp_path / "parted"))
    with pytest.raises(Interrupted):
        run_training(parted, small_data(), should_stop=StopAfter(steps))
    resumed = run_training(parted, small_data(), resume=True)
    assert without_times(resumed.history) == without_times(whole.history)
    assert resumed.best_epoch == whole.best_epoch
    assert_equal_weights(state_of(tmp_path / "whole"), state_of(tmp_path / "parted"))
    for name in ("best.safetensors", "last.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parted" / name).read_bytes()


def test_a_run_that_ends_before_its_first_step_keeps_the_measured_start(tmp_path: Path) -> None:
    settings = started(tmp_path, "run", epochs=1)
    with pytest.raises(TrainingError, match="Epoch 1 gave 0 batches"):
        run_training(settings, replace(small_data(), batches=lambda _epoch: []))
    result = run_training(settings, small_data(), resume=True)
    assert [figures["epoch"] for figures in result.history] == [0, 1]


def test_the_curves_begin_with_the_start(tmp_path: Path) -> None:
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run_training(replace(started(tmp_path, "run", epochs=1), tensorboard=True), small_data())
    events = accumulators.EventAccumulator(str(tmp_path / "run" / FOLDER)).Reload()
    assert [event.step for event in events.Scalars("validation/loss")] == [0, 1]
    assert [event.step for event in events.Scalars("train/loss")] == [1]
