"""Checkpoints: what is saved comes back, and what is broken is named."""

import json
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from recognizer.checkpoint import CheckpointError, CheckpointInfo, load_checkpoint, round_mantissa, save_checkpoint
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


@pytest.mark.parametrize(("bits", "tolerance"), [(10, 1e-3), (5, 2e-2)])
def test_rounded_weights_load_as_single_precision(
    tmp_path: Path, net: JerseyTemporalNet, bits: int, tolerance: float
) -> None:
    path = tmp_path / "small.safetensors"
    save_checkpoint(path, net, INFO, mantissa_bits=bits)
    stored = safetensors.torch.load_file(path)
    assert stored["backbone.conv1.weight"].dtype == torch.float16
    loaded, _ = load_checkpoint(path)
    for name, tensor in net.state_dict().items():
        again = loaded.state_dict()[name]
        assert again.dtype == tensor.dtype
        if tensor.is_floating_point():
            torch.testing.assert_close(again, tensor, rtol=tolerance, atol=1e-6)
        else:
            assert torch.equal(again, tensor)
    half, _ = load_checkpoint(path, dtype=torch.float16)
    assert {p.dtype for p in half.parameters()} == {torch.float16}


def test_round_mantissa_rounds_to_nearest() -> None:
    # three mantissa bits between 1 and 2 are steps of 1/8
    values = torch.tensor([[1.0, 1.06, 1.0625, 1.07, 1.1875, 1.99, -1.07, 0.0, -0.0, 65504.0 / 2]])
    rounded = round_mantissa({"w": values}, 3)["w"]
    assert rounded.dtype == torch.float16
    assert rounded.tolist() == [[1.0, 1.0, 1.0, 1.125, 1.25, 2.0, -1.125, 0.0, -0.0, 32768.0]]


@pytest.mark.parametrize("bits", range(1, 11))
def test_round_mantissa_clears_the_low_bits(bits: int) -> None:
    values = torch.randn(40, 40, generator=torch.Generator().manual_seed(bits))
    values[values.abs() < 2.0**-13] = 1.0  # half precision holds smaller ones without a leading bit
    rounded = round_mantissa({"w": values}, bits)["w"]
    assert (rounded.view(torch.int16) & ((1 << (10 - bits)) - 1)).eq(0).all()
    assert ((rounded.float() - values).abs() <= values.abs() * 2.0 ** -(bits + 1) + 1e-7).all()


def test_round_mantissa_keeps_vectors_and_counters() -> None:
    state = {"bias": torch.randn(7), "bn.num_batches_tracked": torch.tensor(2**40 + 1), "w": torch.randn(2, 2)}
    before = {name: tensor.clone() for name, tensor in state.items()}
    rounded = round_mantissa(state, 4)
    assert torch.equal(rounded["bias"], state["bias"])
    assert rounded["bias"].dtype == torch.float32
    assert rounded["bn.num_batches_tracked"].item() == 2**40 + 1
    assert all(torch.equal(state[name], before[name]) for name in state)


@pytest.mark.parametrize(
    ("state", "bits", "message"),
    [
        ({"w": torch.ones(2, 2)}, 0, "mantissa bits are 0; allowed is 1 to 10"),
        ({"w": torch.ones(2, 2)}, 11, "mantissa bits are 11"),
        ({"w": torch.full((2, 2), 1e6)}, 4, "w holds values that are not finite"),
        ({"w": torch.full((2, 2), float("nan"))}, 4, "w holds values that are not finite"),
    ],
)
def test_round_mantissa_refuses(state: dict[str, torch.Tensor], bits: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        round_mantissa(state, bits)


def test_missing_files_are_named(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"weights file .*nothing\.safetensors does not exist"):
        load_checkpoint(tmp_path / "nothing.safetensors")
    with pytest.raises(CheckpointError, match=r"must end in \.safetensors"):
        load_checkpoint(tmp_path / "best.pt")
    saved.with_suffix(".json").unlink()
    with pytest.raises(CheckpointError, match=r"description file .*best\.json does not exist"):
        load_checkpoint(saved)


def test_a_folder_in_place_of_the_weights(tmp_path: Path) -> None:
    (tmp_path / "best.safetensors").mkdir()
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_checkpoint(tmp_path / "best.safetensors")


@pytest.mark.parametrize("keep", [0, 5, 2000, -1])
def test_truncated_weights(saved: Path, keep: int) -> None:
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="are truncated or no safetensors file"):
        load_checkpoint(saved)


def test_other_bytes_in_place_of_weights(saved: Path) -> None:
    saved.write_bytes(b"version https://example.org/pointer\n" * 9)
    with pytest.raises(CheckpointError, match="are truncated or no safetensors file"):
        load_checkpoint(saved)


def test_damaged_weights(saved: Path) -> None:
    data = bytearray(saved.read_bytes())
    data[-9] ^= 64
    saved.write_bytes(data)
    with pytest.raises(CheckpointError, match="SHA-256 differs"):
        load_checkpoint(saved)


def test_weights_of_another_architecture(saved: Path) -> None:
    architecture = json.loads(saved.with_suffix(".json").read_text())["architecture"]
    edit(saved, architecture={**architecture, "hidden_size": 9, "temporal": "attention"})
    with pytest.raises(CheckpointError, match=r"another architecture.*temporal_attention.*missing.*and \d+ more\."):
        load_checkpoint(saved)
    edit(saved, architecture={**architecture, "spatial_attention": False})
    with pytest.raises(CheckpointError, match=r"spatial_attention\.0\.bias is not in the network"):
        load_checkpoint(saved)
    edit(saved, architecture={**architecture, "head_size": 9})
    with pytest.raises(CheckpointError, match=r"tens_head\.\S+ is \(8, 16\) instead of \(9, 16\)"):
        load_checkpoint(saved)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": 1}, "unknown key colour; allowed are format_version"),
        ({"format_version": 2}, "has format_version 2; this program reads 1"),
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
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(saved)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no valid JSON"),
        ('{"a":', "is no valid JSON"),
        ("[]", "holds no JSON object"),
        ("{}", "format_version None"),
    ],
)
def test_descriptions_that_are_no_json(saved: Path, text: str, message: str) -> None:
    saved.with_suffix(".json").write_text(text)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(saved)


def test_saving_where_nothing_can_be_written(tmp_path: Path, net: JerseyTemporalNet) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CheckpointError, match="cannot be written"):
        save_checkpoint(tmp_path / "file" / "best.safetensors", net, INFO)
    with pytest.raises(CheckpointError, match=r"must end in \.safetensors"):
        save_checkpoint(tmp_path / "best.pt", net, INFO)
