"""Graphs: written for any number of rows, and compared with PyTorch."""

from pathlib import Path

import numpy as np
import pytest
import torch

from recognizer.checkpoint import CheckpointInfo
from recognizer.graphs import OPSETS, TOLERANCE, ExportError, Graph, graphs, largest_difference, write_onnx
from recognizer.model import JerseyTemporalNet, ModelConfig
from recognizer.onnx_network import missing_packages, open_session
from recognizer.preprocess import Preprocess

needs_onnx = pytest.mark.skipif(bool(missing_packages()), reason="needs the extra 'cpu'")

VARIANTS = [
    ModelConfig(hidden_size=8, head_size=8),
    ModelConfig(hidden_size=8, head_size=8, bidirectional=False, temporal="mean", stem_pool=False),
    ModelConfig(head_size=8, lstm=False, spatial_attention=False),
]


def small_graphs(config: ModelConfig = VARIANTS[0], length: int = 3) -> dict[str, Graph]:
    torch.manual_seed(0)
    net = JerseyTemporalNet(config).eval()
    for buffer in net.buffers():  # running statistics that an untrained network lacks
        if buffer.is_floating_point():
            buffer.add_(torch.rand_like(buffer) * 0.1)
    return graphs(net, CheckpointInfo(Preprocess(size=32), window_length=length, temperature=1.7))


@needs_onnx
@pytest.mark.parametrize("name", ["crops", "sequence", "windows"])
@pytest.mark.parametrize("config", VARIANTS, ids=["usual", "forward_mean", "no_lstm"])
def test_every_network_is_exported_faithfully(config: ModelConfig, name: str, tmp_path: Path) -> None:
    graph = small_graphs(config)[name]
    write_onnx(graph, tmp_path / "graph.onnx")
    assert largest_difference(graph, open_session(tmp_path / "graph.onnx")) < TOLERANCE


@needs_onnx
@pytest.mark.parametrize("opset", OPSETS)
def test_every_operator_set(opset: int, tmp_path: Path) -> None:
    graph = small_graphs()["sequence"]
    write_onnx(graph, tmp_path / "graph.onnx", opset)
    assert largest_difference(graph, open_session(tmp_path / "graph.onnx")) < TOLERANCE


@needs_onnx
def test_padded_frames_may_hold_anything(tmp_path: Path) -> None:
    graph = small_graphs()["sequence"]
    write_onnx(graph, tmp_path / "graph.onnx")
    run = open_session(tmp_path / "graph.onnx")
    valid = np.array([[True, False, True], [False, True, False]])
    features = np.random.default_rng(0).random((2, 3, 512), dtype=np.float32)
    spoilt = features.copy()
    spoilt[~valid] = np.nan
    for ours, theirs in zip(
        run({"features": features, "valid": valid}), run({"features": spoilt, "valid": valid}), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_examples_have_padding_anywhere_and_a_window_without_frames() -> None:
    valid = small_graphs()["sequence"].example(9)["valid"]
    assert not valid[0].any()
    assert (valid[:, 1:] & ~valid[:, :-1]).any()


@pytest.mark.parametrize(("spoil", "least"), [(lambda x: x + 0.5, 0.5), (lambda x: x * np.nan, np.inf)])
def test_a_difference_is_noticed(spoil: object, least: float) -> None:
    graph = small_graphs()["sequence"]

    def wrong(arrays: object) -> list[np.ndarray]:
        results = graph.module(**{name: torch.from_numpy(given) for name, given in arrays.items()})  # type: ignore[attr-defined]
        return [spoil(results[0].numpy()), *(each.numpy() for each in results[1:])]  # type: ignore[operator]

    assert largest_difference(graph, wrong) >= least * 0.999


def test_another_shape_is_a_difference() -> None:
    graph = small_graphs()["crops"]
    assert largest_difference(graph, lambda arrays: [np.zeros((1, 512), np.float32)]) == np.inf


@pytest.mark.parametrize("opset", [16, 21])
def test_an_operator_set_out_of_range(opset: int, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=f"is {opset}; allowed are 17 to 20"):
        write_onnx(small_graphs()["crops"], tmp_path / "graph.onnx", opset)
    assert not list(tmp_path.iterdir())
