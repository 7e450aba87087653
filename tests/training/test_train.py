"""The training loop."""

from pathlib import Path

import numpy as np
import pytest
import torch

from recognizer.checkpoint import load_checkpoint
from recognizer.preprocess import Preprocess
from training.batch import Batch
from training.sources import DrawSource
from training.stream import Ingredient, WindowStream
from training.train import Run, TrainSettings, learning_rate_at, measure


def drawn_batches(count: int, length: int = 2) -> list[Batch]:
    torsos = [np.random.default_rng(0).integers(0, 255, (60, 60, 3)).astype(np.uint8)]
    ingredient = Ingredient("drawn", DrawSource(torsos), 1.0, plain=True)
    stream = WindowStream([ingredient], Preprocess(size=32), length, 4, seed=0)
    rng = np.random.default_rng(0)
    return [stream.batch(rng) for _ in range(count)]


def settings(folder: Path) -> TrainSettings:
    return TrainSettings(output=str(folder / "reader.safetensors"), images=64, batch_images=8, window_length=2)


def test_learning_rate_rises_then_falls() -> None:
    rates = [learning_rate_at(p, 1.0, 0.1) for p in (0.0, 0.05, 0.1, 0.5, 1.0)]
    assert rates[0] == 0.0
    assert rates[1] == pytest.approx(0.5)
    assert rates[2] == pytest.approx(1.0)
    assert rates[2] > rates[3] > rates[4]


def test_steps_lower_the_loss_on_a_batch() -> None:
    run = Run(TrainSettings(images=400, batch_images=8, window_length=2, warmup=0.01))
    batch = drawn_batches(1)[0]
    losses = [run.train_step(batch) for _ in range(12)]
    assert losses[-1] < 0.7 * losses[0]


def test_a_resumed_run_goes_on_exactly(tmp_path: Path) -> None:
    batches = drawn_batches(4)
    whole = Run(settings(tmp_path / "a"))
    for batch in batches:
        whole.train_step(batch)
    first = Run(settings(tmp_path / "b"))
    for batch in batches[:2]:
        first.train_step(batch)
    first.save()
    random_state = torch.get_rng_state()
    second = Run(settings(tmp_path / "b"))
    second.resume()
    torch.set_rng_state(random_state)
    for batch in batches[2:]:
        second.train_step(batch)
    assert second.step == whole.step == 4
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, second.model.state_dict()[name]), name


def test_the_checkpoint_is_the_moving_average(tmp_path: Path) -> None:
    run = Run(settings(tmp_path))
    run.train_step(drawn_batches(1)[0])
    run.save()
    model, info = load_checkpoint(Path(run.settings.output))
    assert info.window_length == 2
    saved, average = model.state_dict(), run.average.module.state_dict()
    for name in saved:
        assert torch.allclose(saved[name].float(), average[name].float(), atol=2e-3), name


def test_measure_gives_shares() -> None:
    run = Run(TrainSettings(images=8, batch_images=8, window_length=2))
    figures = measure(run.model, drawn_batches(2))
    assert set(figures) == {"readable", "precision_at_0.9", "coverage_at_0.9", "false_numbers"}
    assert all(0.0 <= value <= 1.0 for value in figures.values())
