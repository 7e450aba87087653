"""The network as graphs that run without this product: pixels in, log-probabilities out."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import numpy as np
import torch
from torch import nn

from recognizer.checkpoint import CheckpointInfo
from recognizer.errors import InputError, first_line_of
from recognizer.model import JerseyTemporalNet
from recognizer.onnx_network import Session
from recognizer.pooling import read_pooled
from recognizer.preprocess import IMAGENET_MEAN, IMAGENET_STD

OPSETS: Final = (17, 18, 19, 20)
"""ONNX operator sets a graph can be written in: 17 is the first with layer normalisation."""
TOLERANCE: Final = 1e-4
"""How far a graph's results may lie from PyTorch's."""
_BATCHES: Final = (1, 2, 3, 9)
"""Batch sizes of the parity check; the graph is traced with 2."""


class ExportError(InputError):
    """A graph that cannot be written, or does not compute what the network computes."""


class CropEncoder(nn.Module):
    """Crops to features: uint8 (N, S, S, 3) to float32 (N, C)."""

    def __init__(self, model: JerseyTemporalNet) -> None:
        super().__init__()
        self.model = model
        self.mean = nn.Buffer(torch.tensor(IMAGENET_MEAN) * 255.0)
        self.inverse_std = nn.Buffer(1.0 / (torch.tensor(IMAGENET_STD) * 255.0))

    def forward(self, rgb: torch.Tensor) -> torch.Tensor:
        """Normalise and encode."""
        return self.model.encode_frames(((rgb.float() - self.mean) * self.inverse_std).permute(0, 3, 1, 2))


class SequenceReader(nn.Module):
    """Features (B, T, C) and bool (B, T) to log-probabilities of tens and units (B, 11) and frame weights (B, T)."""

    def __init__(self, model: JerseyTemporalNet, temperature: float) -> None:
        super().__init__()
        self.model, self.temperature = model, temperature

    def forward(self, features: torch.Tensor, valid: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Read as `recognizer.pooling` does."""
        return read_pooled(self.model, features, valid, self.temperature)


class WholeNetwork(nn.Module):
    """Both halves in one: uint8 (B, T, S, S, 3) and bool (B, T) to what `SequenceReader` gives."""

    def __init__(self, model: JerseyTemporalNet, temperature: float) -> None:
        super().__init__()
        self.crops, self.sequence = CropEncoder(model), SequenceReader(model, temperature)

    def forward(self, rgb: torch.Tensor, valid: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Read windows of crops."""
        features = self.crops(rgb.flatten(0, 1)).reshape(-1, rgb.shape[1], self.crops.model.feature_channels)
        return cast(tuple[torch.Tensor, torch.Tensor, torch.Tensor], self.sequence(features, valid))


@dataclass(frozen=True, slots=True)
class Graph:
    """A module to write, with what its arrays are called."""

    module: nn.Module
    """In serving mode."""
    inputs: Mapping[str, tuple[torch.dtype, tuple[int, ...]]]
    """Type and shape of each input by name, without the first dimension, which is free."""
    outputs: tuple[str, ...]
    rows: str
    """What the first dimension counts."""

    def example(self, count: int, seed: int = 0) -> dict[str, torch.Tensor]:
        """Random inputs of so many rows; masks have padding anywhere, and all of the first row."""
        made = {}
        generator = torch.Generator().manual_seed(seed)
        for name, (dtype, shape) in self.inputs.items():
            if dtype == torch.bool:
                made[name] = torch.rand(count, *shape, generator=generator) < 0.6
                made[name][0] = count == 1  # a single row is read whole
            elif dtype == torch.uint8:
                made[name] = torch.randint(0, 256, (count, *shape), dtype=dtype, generator=generator)
            else:
                made[name] = torch.rand(count, *shape, dtype=dtype, generator=generator)
        return made


def graphs(model: JerseyTemporalNet, info: CheckpointInfo) -> dict[str, Graph]:
    """The three graphs of a network, by name.

    Args:
        model: On the CPU in float32.
        info: Gives picture size, window length and temperature.

    Returns:
        `crops` and `sequence`, the halves, for features that are kept and read in several windows; `windows`, whole.
    """
    size, length = info.preprocess.size, info.window_length
    model = model.eval().requires_grad_(False)
    outputs = ("tens", "units", "frame_weights")
    valid, picture = (torch.bool, (length,)), (size, size, 3)
    features = (torch.float32, (length, model.feature_channels))
    return {
        "crops": Graph(CropEncoder(model), {"rgb": (torch.uint8, picture)}, ("features",), "crops"),
        "sequence": Graph(
            SequenceReader(model, info.temperature), {"features": features, "valid": valid}, outputs, "windows"
        ),
        "windows": Graph(
            WholeNetwork(model, info.temperature),
            {"rgb": (torch.uint8, (length, *picture)), "valid": valid},
            outputs,
            "windows",
        ),
    }


def write_onnx(graph: Graph, path: Path, opset: int = OPSETS[0]) -> None:
    """Write a graph as ONNX; the first dimension is free.

    Raises:
        ExportError: The operator set is not allowed, or the export failed.
    """
    if opset not in OPSETS:
        raise ExportError(f"The operator set is {opset}; allowed are {OPSETS[0]} to {OPSETS[-1]}.")
    names = (*graph.inputs, *graph.outputs)
    trace_onnx(graph.module, graph.example(2), path, graph.outputs, {name: {0: graph.rows} for name in names}, opset)


def trace_onnx(
    module: nn.Module,
    example: Mapping[str, torch.Tensor],
    path: Path,
    outputs: Sequence[str],
    free: Mapping[str, Mapping[int, str]],
    opset: int = OPSETS[0],
) -> None:
    """Write any module as ONNX from one pass over an example.

    Args:
        module: Set to evaluate.
        example: Inputs by name, in the order of the module's arguments.
        path: File to write.
        outputs: Names of the outputs.
        free: By input or output, the dimensions of any length and their names.
        opset: One of `OPSETS`.

    Raises:
        ExportError: The export failed.
    """
    with warnings.catch_warnings():
        # Of the tracer, on values it takes for constants: the window's length, which is meant; and of its age.
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                module.eval(),
                tuple(example.values()),
                str(path),
                input_names=list(example),
                output_names=list(outputs),
                dynamic_axes={name: dict(axes) for name, axes in free.items()},
                opset_version=opset,
                dynamo=False,  # the newer exporter needs a further package
            )
        except (torch.onnx.OnnxExporterError, RuntimeError, TypeError) as error:
            raise ExportError(f"The network cannot be exported to ONNX: {first_line_of(error)}.") from error


def write_torch(graph: Graph, path: Path) -> None:
    """Write a graph as a `torch.export` package; the first dimension is free.

    Raises:
        ExportError: The export failed.
    """
    free = {name: {0: torch.export.Dim(graph.rows, min=1, max=4096)} for name in graph.inputs}
    try:
        program = torch.export.export(
            graph.module.eval(), (), kwargs=graph.example(2), dynamic_shapes=free, strict=False
        )
        torch.export.save(program, str(path))
    except (RuntimeError, ValueError) as error:
        raise ExportError(f"The network cannot be exported by torch.export: {first_line_of(error)}.") from error


@torch.inference_mode()
def largest_difference(graph: Graph, run: Session) -> float:
    """How far what `run` computes lies from the module: the largest absolute difference over several batch sizes."""
    worst = 0.0
    for count in _BATCHES:
        given = graph.example(count, seed=count)
        expected = graph.module(**given)
        found = run({name: tensor.numpy() for name, tensor in given.items()})
        for ours, theirs in zip(found, expected if isinstance(expected, tuple) else (expected,), strict=True):
            if ours.shape != tuple(theirs.shape):
                return float("inf")
            worst = max(worst, float(np.nan_to_num(np.abs(ours - theirs.numpy()), nan=np.inf).max()))
    return worst
