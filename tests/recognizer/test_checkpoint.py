"""Checkpoints: what is saved comes back, and what is broken is named."""

import json
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from recognizer.checkpoint import (
    CheckpointInfo,
    WeightsError,
    load_checkpoint,
    pack_on_grid,
    save_checkpoint,
    unpack_from_grid,
)
from recognizer.model import JerseyTemporalNet, ModelConfig
from recognizer.preprocess import Preprocess

CONFIG = ModelConfig(hidden_size=8, head_size=8, temporal="mean", frozen_fraction=0.3)
INFO = CheckpointInfo(
    preprocess=Preprocess(size=32, sharpness=1.5, upscale_below=40),
    window_length=3,
    temperature=1.7,
    training_data={"name": "made up", "windows": 12},
    metrics={"number_accuracy": 0.5, "history": [{"loss": 1.25}]},
)


@pytest.fixture(scope="module")
def net() -> JerseyTemporalNet:
    torch.manual_seed(0)
    net = JerseyTemporalNet(CONFIG)
    net.train()(torch.randn(2, 3, 3, 32, 32), torch.ones(2, 3, dtype=torch.bool))
    return net.eval()


@pytest.fixture
def saved(tmp_path: Path, net: JerseyTemporalNet) -> Path:
    path = tmp_path / "run" / "best.safetensors"
    save_checkpoint(path, net, INFO)
    return path


def edit(path: Path, **changes: object) -> None:
    description_path = path.with_suffix(".json")
    description = json.loads(description_path.read_text())
    description_path.write_text(json.dumps({**description, **changes}))


def test_what_is_saved_comes_back(saved: Path, net: JerseyTemporalNet) -> None:
    loaded, info = load_checkpoint(saved)
    assert info == INFO
    assert loaded.config == CONFIG
    assert not loaded.training
    assert loaded.state_dict().keys() == net.state_dict().keys()
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name]), name
    assert [p.requires_grad for p in loaded.parameters()] == [p.requires_grad for p in net.parameters()]


def test_only_the_two_files_are_left_and_can_be_replaced(saved: Path, net: JerseyTemporalNet) -> None:
    save_checkpoint(saved, net, CheckpointInfo(temperature=2.0))
    assert load_checkpoint(saved)[1].temperature == 2.0
    assert sorted(path.name for path in saved.parent.iterdir()) == ["best.json", "best.safetensors"]


def test_a_failed_save_leaves_the_old_checkpoint(saved: Path, net: JerseyTemporalNet) -> None:
    before = saved.read_bytes(), saved.with_suffix(".json").read_bytes()
    with pytest.raises(TypeError, match="not JSON serializable"):
        save_checkpoint(saved, net, CheckpointInfo(metrics={"loss": torch.zeros(1)}))
    assert (saved.read_bytes(), saved.with_suffix(".json").read_bytes()) == before


@pytest.mark.parametrize(("levels", "tolerance"), [(64, 2e-2), (12, 4e-2)])
def test_rounded_weights_load_as_single_precision(
    tmp_path: Path, net: JerseyTemporalNet, levels: int, tolerance: float
) -> None:
    path = tmp_path / "small.safetensors"
    save_checkpoint(path, net, INFO, levels=levels)
    stored = safetensors.torch.load_file(path)
    assert stored["backbone.conv1.weight"].dtype == torch.int8
    assert path.stat().st_size < 0.3 * sum(t.numel() * t.element_size() for t in net.state_dict().values())
    loaded, _ = load_checkpoint(path)
    for name, tensor in net.state_dict().items():
        again = loaded.state_dict()[name]
        assert again.dtype == tensor.dtype
        if tensor.is_floating_point():
            assert float((again - tensor).norm()) <= tolerance * float(tensor.norm())
        else:
            assert torch.equal(again, tensor)
    half, _ = load_checkpoint(path, dtype=torch.float16)
    assert {p.dtype for p in half.parameters()} == {torch.float16}


def through_the_grid(values: torch.Tensor, levels: int) -> torch.Tensor:
    return unpack_from_grid(pack_on_grid({"w": values}, levels))["w"]


def test_weights_are_rounded_to_the_nearest_point_of_the_grid() -> None:
    values = torch.tensor([[1.0, -1.0, 0.26, -0.24, 0.62, 1.4, -1.6, 0.0]])  # standard deviation 0.97: steps of 1/4
    packed = pack_on_grid({"w": values}, 4)
    assert packed["w"].tolist() == [[4, -4, 1, -1, 2, 6, -6, 0]]
    assert packed["w.step"] == 0.25
    assert unpack_from_grid(packed)["w"].tolist() == [[1.0, -1.0, 0.25, -0.25, 0.5, 1.5, -1.5, 0.0]]


@pytest.mark.parametrize("levels", [1, 8, 12, 20])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 100.0])
def test_rounding_errs_by_half_a_step_at_the_most(levels: int, scale: float) -> None:
    values = scale * torch.randn(40, 40, generator=torch.Generator().manual_seed(levels))
    step = float(values.std()) / levels * 2.0**0.5
    assert float((through_the_grid(values, levels) - values).abs().max()) <= step / 2


@pytest.mark.parametrize("largest", [1.0, 1.99, 127.5, 1000.0])
def test_a_weight_far_from_the_others_widens_the_grid(largest: float) -> None:
    values = torch.full((30, 30), 0.01)
    values[3, 4] = -largest
    assert float((through_the_grid(values, 64) - values).abs().max()) <= largest / 127


def test_rounding_keeps_vectors_and_counters() -> None:
    state = {"bias": torch.randn(7), "bn.num_batches_tracked": torch.tensor(2**40 + 1), "w": torch.zeros(2, 2)}
    before = {name: tensor.clone() for name, tensor in state.items()}
    again = unpack_from_grid(pack_on_grid(state, 4))
    assert list(again) == list(state)
    assert all(torch.equal(again[name], before[name]) and again[name].dtype == before[name].dtype for name in state)
    assert all(torch.equal(state[name], before[name]) for name in state)


@pytest.mark.parametrize(
    ("state", "levels", "message"),
    [
        ({"w": torch.ones(2, 2)}, 0, "levels are 0; allowed is 1 to 64"),
        ({"w": torch.ones(2, 2)}, 65, "levels are 65"),
        ({"w": torch.full((2, 2), float("inf"))}, 4, "w holds values that are not finite"),
        ({"w": torch.full((2, 2), float("nan"))}, 4, "w holds values that are not finite"),
    ],
)
def test_rounding_refuses(state: dict[str, torch.Tensor], levels: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pack_on_grid(state, levels)


def test_weights_of_another_architecture(saved: Path) -> None:
    architecture = json.loads(saved.with_suffix(".json").read_text())["architecture"]
    edit(saved, architecture={**architecture, "hidden_size": 9, "temporal": "attention"})
    with pytest.raises(WeightsError, match=r"another architecture.*temporal_attention.*missing.*and \d+ more\."):
        load_checkpoint(saved)
    edit(saved, architecture={**architecture, "spatial_attention": False})
    with pytest.raises(WeightsError, match=r"spatial_attention\.0\.bias is not in the network"):
        load_checkpoint(saved)
    edit(saved, architecture={**architecture, "head_size": 9})
    with pytest.raises(WeightsError, match=r"tens_head\.\S+ is \(8, 16\) instead of \(9, 16\)"):
        load_checkpoint(saved)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": 1}, "unknown key colour; allowed are architecture"),
        ({"architecture": {}}, "lacks the key architecture.backbone"),
        ({"architecture": []}, "architecture is \\[\\]; allowed is an object"),
        ({"architecture": {"depth": 3}}, "unknown key architecture.depth"),
        ({"preprocessing": {"size": 4, "sharpness": 2.0, "upscale_below": 1}}, "preprocessing.size is 4; allowed"),
        ({"temperature": 0}, "temperature is 0; allowed is a number above 0"),
        ({"temperature": float("inf")}, "temperature is inf"),
        ({"temperature": "1"}, "temperature is '1'"),
        ({"window_length": 0}, "window_length is 0"),
        ({"metrics": 3}, "metrics is 3; allowed is an object"),
        ({"classes": ["1"]}, "lists other classes"),
    ],
)
def test_descriptions_that_do_not_fit(saved: Path, changes: dict[str, Any], message: str) -> None:
    edit(saved, **changes)
    with pytest.raises(WeightsError, match=message):
        load_checkpoint(saved)
