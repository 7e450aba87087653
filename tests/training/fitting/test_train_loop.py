"""The training loop: repeatable, resumable to the bit, and tidy when it is stopped."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from runs import (
    STEPS,
    StopAfter,
    assert_equal_weights,
    batch_of,
    small_data,
    small_settings,
    state_of,
    without_times,
)

from pipeline.crops import CropSettings
from pipeline.reading import differences
from pipeline.windows import WindowSettings
from recognizer.checkpoint import load_checkpoint
from recognizer.model import ModelConfig
from recognizer.precision import BackendError
from training.data.geometry import geometry_of
from training.fitting.feed import TREE_CROPS, TrainingData
from training.fitting.loop import Interrupted, run_training
from training.fitting.precision import training_precision
from training.fitting.run_state import RESUME, TrainingError
from training.fitting.settings import ClassWeightSettings

pytestmark = pytest.mark.usefixtures("narrow_backbone")


def test_the_same_seed_gives_the_same_run_and_another_one_does_not(tmp_path: Path) -> None:
    first = run_training(small_settings(tmp_path / "a", epochs=1), small_data())
    torch.manual_seed(99)  # what others draw does not matter
    again = run_training(small_settings(tmp_path / "b", epochs=1), small_data())
    other = run_training(replace(small_settings(tmp_path / "c", epochs=1), seed=1), small_data())
    assert without_times(again.history) == without_times(first.history)
    assert_equal_weights(state_of(tmp_path / "a"), state_of(tmp_path / "b"))
    assert other.history[0]["train/loss"] != first.history[0]["train/loss"]


@pytest.mark.parametrize("steps", [2 * STEPS, 2 * STEPS + 1])
def test_two_and_two_epochs_equal_four(tmp_path: Path, steps: int) -> None:
    """Stopped at the end of the second epoch, and in the middle of the third one."""
    settings = small_settings(tmp_path / "whole", epochs=4, deep_supervision=0.5, unfreezing=((0, 0.5), (3, 0.0)))
    whole = run_training(settings, small_data())
    parted = replace(settings, output=str(tmp_path / "parted"))
    with pytest.raises(Interrupted):
        run_training(parted, small_data(), should_stop=StopAfter(steps))
    saved = state_of(tmp_path / "parted")
    assert saved["epoch"] * STEPS + saved["step"] == steps
    torch.manual_seed(123)
    resumed = run_training(parted, small_data(), resume=True)
    assert without_times(resumed.history) == without_times(whole.history)
    assert_equal_weights(state_of(tmp_path / "whole"), state_of(tmp_path / "parted"))
    for name in ("best.safetensors", "last.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parted" / name).read_bytes()


def test_a_finished_run_resumes_to_its_result_and_can_be_prolonged(tmp_path: Path) -> None:
    settings = small_settings(tmp_path / "run", epochs=1)
    first = run_training(settings, small_data())
    assert run_training(settings, small_data(), resume=True).history == first.history
    longer = run_training(small_settings(tmp_path / "run", epochs=2), small_data(), resume=True)
    assert [figures["epoch"] for figures in longer.history] == [1, 2]


def test_the_checkpoint_rebuilds_the_averaged_network(tmp_path: Path) -> None:
    result = run_training(small_settings(tmp_path / "run"), small_data())
    model, info = load_checkpoint(result.last)
    for name, tensor in state_of(tmp_path / "run")["average"].items():
        assert torch.equal(model.state_dict()[name], tensor), name
    assert model.config == ModelConfig(hidden_size=8, head_size=8, frozen_fraction=0.0)
    assert (info.window_length, info.preprocess.size) == (2, 32)
    assert info.training_data["settings"]["fit"]["epochs"] == 2
    assert info.metrics["history"] == result.history
    assert info.metrics["validation/number"] == result.history[-1]["validation/number"]
    sets = {f"{name}/{key}" for name in ("train", "validation") for key in ("loss", "number", "both_digits", "tens")}
    assert {*sets, "train/units", "learning_rate", "seconds", "step"} <= set(result.history[0])
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        *("best.json", "best.safetensors", "last.json", "last.safetensors", RESUME)
    ]


def test_the_pipeline_is_told_how_a_data_sets_regions_were_cut(tmp_path: Path) -> None:
    settings, data = small_settings(tmp_path / "known", epochs=1), small_data()
    known = replace(data, description={"windows": 8, TREE_CROPS: geometry_of(CropSettings(side_of_height=0.4))})
    _, info = load_checkpoint(run_training(settings, known).last)
    assert differences(info, CropSettings(), WindowSettings(length=2, stride=2)) == [
        "crops.side_of_height is 0.35 (trained on 0.4)"
    ]
    assert set(info.training_data) == {"windows", "settings"}
    resumed = replace(data, description={"windows": 8, TREE_CROPS: None})  # what is known now and was not then
    assert run_training(settings, resumed, resume=True).history
    _, info = load_checkpoint(run_training(replace(settings, output=str(tmp_path / "unknown")), data).last)
    assert differences(info, CropSettings(side_of_height=0.5), WindowSettings(length=2, stride=2)) == []


def test_frozen_layers_stay_until_they_are_thawed(tmp_path: Path) -> None:
    settings = small_settings(tmp_path / "run", epochs=2, unfreezing=((0, 1.0), (1, 0.0)), ema=0.0)
    with pytest.raises(Interrupted):
        run_training(settings, small_data(), should_stop=StopAfter(1))
    first = state_of(tmp_path / "run")["learner"]
    with pytest.raises(Interrupted):
        run_training(settings, small_data(), resume=True, should_stop=StopAfter(1))
    second = state_of(tmp_path / "run")["learner"]
    run_training(settings, small_data(), resume=True)
    third = state_of(tmp_path / "run")["learner"]
    early, late = "reader.backbone.conv1.weight", "reader.units_head.output.weight"
    assert torch.equal(first[early], second[early])
    assert not torch.equal(first[late], second[late])
    assert not torch.equal(second[early], third[early])


def test_named_tensors_stay_frozen_and_the_rest_learns(tmp_path: Path) -> None:
    names = ("backbone.conv2", "lstm.weight")
    settings = small_settings(tmp_path / "run", epochs=2, frozen=names)
    with pytest.raises(Interrupted):
        run_training(settings, small_data(), should_stop=StopAfter(1))
    first = state_of(tmp_path / "run")["learner"]
    run_training(settings, small_data(), resume=True)
    last = state_of(tmp_path / "run")["learner"]
    frozen = {name for name in first if name.removeprefix("reader.").startswith(names)}
    assert len(frozen) == 10  # weight and bias; two layers, two directions, two matrices
    assert all(torch.equal(first[name], last[name]) for name in frozen)
    for name in ("backbone.conv1.weight", "backbone.bn2.weight", "backbone.bn2.running_mean"):
        assert not torch.equal(first[f"reader.{name}"], last[f"reader.{name}"]), name


@pytest.mark.parametrize("part", ["spatial_attention.", "backbone."])
def test_a_frozen_part_keeps_its_batch_statistics(tmp_path: Path, part: str) -> None:
    settings = small_settings(tmp_path / "run", epochs=2, frozen=(part,))
    with pytest.raises(Interrupted):
        run_training(settings, small_data(), should_stop=StopAfter(1))
    first = state_of(tmp_path / "run")["learner"]
    run_training(settings, small_data(), resume=True)
    last = state_of(tmp_path / "run")["learner"]
    same = {name.removeprefix("reader.") for name in first if torch.equal(first[name], last[name])}
    assert any(name.endswith("running_var") for name in same)
    assert same == {name.removeprefix("reader.") for name in first if name.startswith(f"reader.{part}")}


def test_a_frozen_name_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    settings = small_settings(tmp_path / "run", epochs=1, frozen=("backbone.layer9",))
    with pytest.raises(TrainingError, match=r"fit.frozen holds 'backbone.layer9', and no tensor's name begins so"):
        run_training(settings, small_data())


def test_training_stops_early(tmp_path: Path) -> None:
    result = run_training(small_settings(tmp_path / "run", epochs=9, patience=2, min_delta=1.0), small_data())
    assert len(result.history) == 3  # the first counts as progress
    assert result.last.exists()


@pytest.mark.parametrize("monitor", ["number", "loss"])
def test_without_validation_the_training_loss_decides(tmp_path: Path, monitor: str) -> None:
    settings = small_settings(tmp_path / "run", epochs=3, monitor=monitor)
    result = run_training(settings, small_data(validation=False))
    assert result.best.exists()
    assert not any(name.startswith("validation") for name in result.history[0])
    least = min(figures["train/loss"] for figures in result.history)
    watch = state_of(tmp_path / "run")["watch"]
    assert (watch["best"], watch["best_loss"]) == pytest.approx((-least, least), abs=1e-5)


def test_bfloat16_on_the_cpu(tmp_path: Path) -> None:
    settings = replace(small_settings(tmp_path / "run", epochs=1), precision="bfloat16")
    exact = run_training(small_settings(tmp_path / "exact", epochs=1), small_data())
    rough = run_training(settings, small_data())
    assert rough.history[0]["train/loss"] != exact.history[0]["train/loss"]
    assert rough.history[0]["train/loss"] == pytest.approx(exact.history[0]["train/loss"], abs=0.2)


def test_number_formats() -> None:
    cpu = torch.device("cpu")
    assert training_precision("auto", cpu) == torch.float32
    assert training_precision("bfloat16", cpu) == torch.bfloat16
    with pytest.raises(BackendError, match=r"precision is float16, which needs a CUDA device"):
        training_precision("float16", cpu)


@pytest.mark.parametrize(
    "weights", [ClassWeightSettings("balanced"), ClassWeightSettings("none", empty_tens_factor=0.5)]
)
def test_class_weights_need_counts_and_change_the_loss(tmp_path: Path, weights: ClassWeightSettings) -> None:
    weighted = replace(small_settings(tmp_path / "a", epochs=1), class_weights=weights)
    with pytest.raises(TrainingError, match=r"scheme is (balanced|none), .* how often each class occurs in these"):
        run_training(weighted, small_data())
    codes = np.array([[10, 0], [10, 1], [10, 2], [10, 3], [10, 3], [4, 3]], np.int64)
    counted = replace(small_data(), codes=codes)
    plain = run_training(small_settings(tmp_path / "b", epochs=1), counted)
    assert run_training(weighted, counted).history[0]["train/loss"] != plain.history[0]["train/loss"]


def test_a_loss_that_is_no_number_ends_training_and_keeps_the_last_good_state(tmp_path: Path) -> None:
    settings = small_settings(tmp_path / "run", epochs=3, learning_rate=1.0, clip=0.0, save_every=1)
    with pytest.raises(Interrupted):
        run_training(settings, small_data(), should_stop=StopAfter(1))
    state = state_of(tmp_path / "run")
    state["learner"]["reader.units_head.output.bias"][0] = math.nan
    torch.save(state, tmp_path / "run" / RESUME)
    poisoned = (tmp_path / "run" / RESUME).read_bytes()
    with pytest.raises(TrainingError, match=r"train/loss has become nan; lower fit\.learning_rate"):
        run_training(settings, small_data(), resume=True, should_stop=StopAfter(1))
    assert (tmp_path / "run" / RESUME).read_bytes() == poisoned


def test_too_few_batches(tmp_path: Path) -> None:
    data = TrainingData(lambda _epoch: [batch_of(0)], 2)
    with pytest.raises(TrainingError, match=r"Epoch 1 gave 1 batches where 2 were announced"):
        run_training(small_settings(tmp_path / "run"), data)


def test_a_start_from_a_checkpoint(tmp_path: Path) -> None:
    first = run_training(small_settings(tmp_path / "a", epochs=1), small_data())
    settings = replace(small_settings(tmp_path / "b", epochs=1, learning_rate=1e-9), start_from=str(first.last))
    second = run_training(settings, small_data())
    old, new = load_checkpoint(first.last)[0], load_checkpoint(second.last)[0]
    for (name, before), after in zip(old.named_parameters(), new.parameters(), strict=True):
        torch.testing.assert_close(after, before, rtol=0, atol=1e-6, msg=name)
    record = json.loads(second.last.with_suffix(".json").read_text(encoding="utf-8"))["training_data"]
    assert record["start"]["settings"]["output"] == str(tmp_path / "a")
    assert "start" not in record["start"]


def test_a_start_from_another_architecture(tmp_path: Path) -> None:
    first = run_training(small_settings(tmp_path / "a", epochs=1), small_data())
    settings = replace(small_settings(tmp_path / "b"), start_from=str(first.last))
    other = replace(settings, model=replace(settings.model, hidden_size=16))
    with pytest.raises(Exception, match=r"of another architecture: its hidden_size is 8, and model\.hidden_size is 16"):
        run_training(other, small_data())
    first.last.write_bytes(first.last.read_bytes()[:1000])
    with pytest.raises(Exception, match=r"truncated or no safetensors file"):
        run_training(settings, small_data())
    assert not (tmp_path / "b").exists()
