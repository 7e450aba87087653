"""Counting a network and looking at its heads and attentions."""

import doctest
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from nets import SIDE, save_small_net
from trees import make_tree

from recognizer.checkpoint import load_checkpoint
from recognizer.model import JerseyTemporalNet, ModelConfig
from recognizer.preprocess import Preprocess
from recognizer.reader import default_weights
from training.analyze_weights import ARCHITECTURES, analyze, main
from training.data.crop_cache import open_cache
from training.data.dataset import SamplingSettings, WindowDataset
from training.data.layout import scan
from training.evaluation import command, entropy, files, text, weights
from training.evaluation.entropy import measure_attention
from training.evaluation.weights import count_parameters, head_output

SEED_FIGURES = {
    "backbone": 11_176_512,
    "spatial attention": 33_025,
    "lstm": 3_153_920,
    "temporal attention": 131_585,
    "tens head": 332_299,
    "units head": 332_299,
    "all": 15_159_640,
}
SEED_TRAINABLE = 13_590_808


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small_net(tmp_path_factory.mktemp("net") / "small.safetensors", stem_pool=False)


@pytest.fixture(scope="module")
def seed_report() -> str:
    analysis = analyze("seed", ARCHITECTURES["seed"])
    return analysis.markdown()


@pytest.mark.parametrize("module", [command, entropy, files, text, weights])
def test_examples_in_docstrings(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]  # a parametrized module


def cells(report: str, first: str) -> list[str]:
    """Cells of the table row that begins with a name."""
    row = re.search(rf"^\| {re.escape(first)} +\|.*$", report, re.MULTILINE)
    assert row, f"no row {first!r}"
    return [cell.strip() for cell in row[0].strip("|").split("|")]


@pytest.mark.parametrize(("component", "parameters"), SEED_FIGURES.items())
def test_the_seeds_figures_come_out(seed_report: str, component: str, parameters: int) -> None:
    assert cells(seed_report, component)[1] == f"{parameters:,}"


def test_the_seeds_trainable_parameters_come_out(seed_report: str) -> None:
    assert cells(seed_report, "all")[2] == f"{SEED_TRAINABLE:,}"
    frozen = SEED_FIGURES["all"] - SEED_TRAINABLE
    assert cells(seed_report, "backbone")[2] == f"{SEED_FIGURES['backbone'] - frozen:,}"
    assert cells(seed_report, "lstm")[2] == f"{SEED_FIGURES['lstm']:,}"


def test_the_command_prints_them_without_any_weights(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--architecture", "seed"]) == 0
    printed = capsys.readouterr().out
    assert "15,159,640 parameters, 13,590,808 of them trained by a new network (60% of" in printed
    assert "60.6 MB in fp32, 30.3 MB in fp16" in printed
    assert "conv1.weight 64×3×7×7" in printed


def test_freezing_follows_the_configuration() -> None:
    assert count_parameters(ModelConfig(frozen_fraction=0.0)).trainable == SEED_FIGURES["all"]
    all_frozen = count_parameters(ModelConfig(frozen_fraction=1.0)).trainable
    assert all_frozen == SEED_FIGURES["all"] - SEED_FIGURES["backbone"]


def test_shares_and_tensors_add_up() -> None:
    counted = count_parameters(ModelConfig(backbone="resnet34", spatial_attention=False, lstm=False))
    assert sum(part.share for part in counted.components) == pytest.approx(1.0)
    assert sum(part.parameters for part in counted.components) == counted.parameters
    assert sum(part.tensors for part in counted.components) == counted.tensors
    assert {part.name for part in counted.components} == {"backbone", "temporal_attention", "tens_head", "units_head"}


def test_head_statistics_are_those_of_the_layer() -> None:
    layer = torch.nn.Linear(2, 11)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[10] = torch.tensor([3.0, 4.0])
        layer.bias.zero_()
        layer.bias[10] = 1.1
    found = head_output(layer)
    assert found.class_norms == (0.0,) * 10 + (5.0,)
    assert found.empty_bias == pytest.approx(1.1)
    assert found.weight.mean == pytest.approx(7 / 22)
    assert found.weight.maximum == 4.0
    with pytest.raises(ValueError, match="has 7 classes"):
        head_output(torch.nn.Linear(2, 7))


def test_a_checkpoint_is_analyzed_whole(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = make_tree(tmp_path / "tree", {"7": 2}, frames=3)
    output = tmp_path / "out" / "weights.json"
    options = ["--data", str(tree), "--cache", str(tmp_path / "cache"), "-o", str(output), "-q"]
    assert main(["--checkpoint", str(checkpoint), *options]) == 0
    printed = capsys.readouterr().out
    assert "Bias of the empty class" in printed
    assert cells(printed, "temporal")[5] == "2"
    assert cells(printed, "spatial")[5] == "6"
    record = json.loads(output.read_text(encoding="utf-8"))
    assert record["components"]["backbone"]["parameters"] == SEED_FIGURES["backbone"]
    assert record["parameters"] > record["trainable"] > 0
    model, _ = load_checkpoint(checkpoint)
    assert record["heads"]["units"]["weight"]["mean"] == pytest.approx(
        float(model.units_head.output.weight.detach().mean())
    )
    assert 0.0 <= record["attention"]["temporal"]["mean"] <= 1.0


def test_entropy_by_hand() -> None:
    table = np.array([[0.5, 0.5, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    found = entropy.entropy(table, np.array([2, 4, 1]))  # the last has nothing to choose from
    assert found is not None
    assert found.mean == pytest.approx((1.0 + 0.0) / 2)
    assert found.nats == pytest.approx(math.log(2) / 2)
    assert found.effective == pytest.approx((2 + 1) / 2)
    assert found.cases == 2
    assert entropy.entropy(table[2:], np.array([1])) is None


def test_an_attention_that_takes_the_mean_is_spread_evenly(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree", {"7": 2}, frames=4)
    layout, preprocess = scan(tree), Preprocess(size=SIDE)
    dataset = WindowDataset(layout.items, open_cache(layout, preprocess, tmp_path / "cache"), SamplingSettings())
    config = ModelConfig(temporal="mean", spatial_attention=False, lstm=False, head_size=8)
    model = analyze_ready(config)
    found = measure_attention(model, dataset, 1, lambda count: None)
    assert found.temporal is not None
    assert found.temporal.mean == pytest.approx(1.0)
    assert found.temporal.effective == pytest.approx(4.0)
    assert found.largest_weight == pytest.approx(0.25)
    assert found.spatial is None


def analyze_ready(config: ModelConfig) -> JerseyTemporalNet:
    return JerseyTemporalNet(config).eval()


def test_the_shipped_weights_are_the_seeds_size() -> None:
    model, _ = load_checkpoint(default_weights())
    assert count_parameters(model.config).parameters == SEED_FIGURES["all"]


def test_bad_input_is_one_sentence(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truncated = tmp_path / "cut.safetensors"
    truncated.write_bytes(checkpoint.read_bytes()[:1000])
    truncated.with_suffix(".json").write_bytes(checkpoint.with_suffix(".json").read_bytes())
    output = tmp_path / "out.json"
    for options, message in (
        (["--checkpoint", str(tmp_path / "none.safetensors")], "does not exist"),
        (["--checkpoint", str(truncated)], "truncated"),
        (["--checkpoint", str(checkpoint), "--data", str(tmp_path / "none")], "does not exist"),
        (["--architecture", "seed", "--data", str(tmp_path)], "--data needs weights"),
        (["--checkpoint", str(checkpoint), "-o", str(tmp_path)], "is a folder"),
    ):
        assert main([*options, *([] if "-o" in options else ["-o", str(output)])]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert not output.exists()
