"""Curves and pictures for TensorBoard."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from runs import batch_of, small_data, small_settings

from training.fitting.loop import run_training
from training.fitting.mixup import unmixed
from training.fitting.monitor import FOLDER, Monitor, MonitorError, WorstErrors, open_monitor, picture_grid

pytestmark = pytest.mark.usefixtures("narrow_backbone")


def test_a_run_writes_curves_graph_windows_and_worst_errors(tmp_path: Path) -> None:
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run_training(replace(small_settings(tmp_path, learning_rate=1e-6), tensorboard=True), small_data())
    events = accumulators.EventAccumulator(str(tmp_path / FOLDER)).Reload()
    tags = events.Tags()
    names = ("loss", "number", "both_digits", "tens", "units")
    assert {f"{part}/{name}" for part in ("train", "validation") for name in names} <= set(tags["scalars"])
    assert "learning_rate" in tags["scalars"]
    assert [event.step for event in events.Scalars("train/loss")] == [1, 2]
    assert set(tags["images"]) == {"training windows", "worst errors"}
    assert tags["graph"]


def test_nothing_is_written_where_it_is_not_wanted(tmp_path: Path) -> None:
    with open_monitor(tmp_path, wanted=False) as monitor:
        monitor.windows(unmixed(batch_of(0)), 0)
        assert not monitor.active
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_named_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with (
        pytest.raises(MonitorError, match=r"install it with pip install -e '.\[train\]'"),
        open_monitor(tmp_path, wanted=True),
    ):
        pass


def log_probabilities(*units: int) -> torch.Tensor:
    logits = torch.zeros(len(units), 11)
    logits[torch.arange(len(units)), torch.tensor(units)] = 5.0
    return logits.log_softmax(-1)


def test_the_worst_errors_are_kept_worst_first() -> None:
    batch = batch_of(0)._replace(units=torch.tensor([0, 1, 2, 3]))
    worst = WorstErrors(count=2)
    tens = log_probabilities(10, 10, 10, 10)
    units = log_probabilities(0, 2, 3, 4)
    units[2, 2] -= 3.0
    units[3, 3] -= 6.0
    worst.look(batch, tens, units)
    found = worst.take()
    assert [entry.caption.splitlines()[0] for entry in found] == ["is 3", "is 2"]
    assert found[0].caption.splitlines()[1].startswith("read 4 0.")
    np.testing.assert_array_equal(found[0].rgb, batch.rgb[3].numpy())
    assert worst.take() == []


def test_a_grid_shows_the_frames_side_by_side() -> None:
    windows = [batch_of(seed).rgb[0].numpy() for seed in range(3)]
    grid = picture_grid(windows, ["7", "none", "46"])
    assert grid.dtype == np.uint8
    assert grid.shape[0] == 3 * 32
    np.testing.assert_array_equal(grid[32:64, -32:], windows[1][1])
    np.testing.assert_array_equal(grid[32:64, -64:-32], windows[1][0])
    assert grid[:32, :-64].min() < 100  # the caption is there


def test_a_monitor_without_a_writer_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monitor = Monitor()
    monitor.windows(unmixed(batch_of(0)), 0)
    monitor.close()
    assert not list(tmp_path.iterdir())
