"""Checkpoints: safetensors weights, and beside them a JSON that says how to rebuild network and preprocessing."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import torch

from recognizer.labels import NUMBERS
from recognizer.model import JerseyTemporalNet, ModelConfig
from recognizer.preprocess import Preprocess
from recognizer.weights_file import WeightsError, read_weights, require_same_tensors, write_weights

_FINEST_STEP: Final = 2.0**-24
_LARGEST_CODE: Final = 127
_MOST_LEVELS: Final = 64
_STEP: Final = ".step"
"""Follows a tensor's name in the name of the step of its grid."""
_KEYS: Final = (
    "architecture",
    "classes",
    "preprocessing",
    "window_length",
    "temperature",
    "training_data",
    "metrics",
)

T = TypeVar("T")


@dataclass(frozen=True)
class CheckpointInfo:
    """What a checkpoint's JSON says beside the architecture."""

    preprocess: Preprocess = field(default_factory=Preprocess)
    """How regions were made into the network's input."""
    window_length: int = 5
    """Frames per window the network was trained on; at least 1."""
    temperature: float = 1.0
    """Logits are divided by this before the softmax, to make confidences honest; above 0."""
    training_data: Mapping[str, Any] = field(default_factory=dict)
    """What it was trained on; JSON values."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """What was measured, and the training history; JSON values."""

    def __post_init__(self) -> None:
        temperature, length = self.temperature, self.window_length
        if isinstance(temperature, bool) or not isinstance(temperature, int | float):
            raise ValueError(f"temperature is {temperature!r}; allowed is a number above 0")
        if not (math.isfinite(temperature) and temperature > 0):
            raise ValueError(f"temperature is {temperature!r}; allowed is a number above 0")
        if isinstance(length, bool) or not isinstance(length, int) or length < 1:
            raise ValueError(f"window_length is {length!r}; allowed is a whole number from 1")


def save_checkpoint(path: Path, model: JerseyTemporalNet, info: CheckpointInfo, *, levels: int | None = None) -> None:
    """Write weights to `path` and the JSON beside it (same stem); each appears whole or not at all.

    Args:
        path: Ends in `.safetensors`; its folder is made if missing.
        model: The network; its weights may be on any device.
        info: Everything else the JSON says.
        levels: None writes the weights as they are. 1 to 64 writes them in a byte each, rounded to about so many steps
            in a standard deviation (see `pack_on_grid`), for weights that ship.

    Raises:
        WeightsError: The path has another ending, or the files cannot be written.
        ValueError: `levels` is outside 1 to 64, or a weight is not finite.
    """
    state = model.state_dict()
    description = {
        "architecture": dataclasses.asdict(model.config),
        "classes": list(NUMBERS),
        "preprocessing": dataclasses.asdict(info.preprocess),
        "window_length": info.window_length,
        "temperature": info.temperature,
        "training_data": dict(info.training_data),
        "metrics": dict(info.metrics),
    }
    write_weights(path, state if levels is None else pack_on_grid(state, levels), description)


def load_checkpoint(
    path: Path, device: torch.device | None = None, dtype: torch.dtype = torch.float32
) -> tuple[JerseyTemporalNet, CheckpointInfo]:
    """Rebuild a network from a checkpoint; nothing is unpickled.

    Args:
        path: The `.safetensors` file; its JSON lies beside it.
        device: Where the network goes; None means the CPU.
        dtype: Type of the weights in memory, whatever is stored.

    Returns:
        The network in serving mode, and what the JSON says.

    Raises:
        WeightsError: A file is missing, broken, of another version or of another architecture.
    """
    stored = read_weights(path)
    config, info = _parse_description(path.with_suffix(".json"), stored.description)
    state = unpack_from_grid(stored.tensors)
    stored.tensors.clear()  # as is every tensor once it is copied: of two whole copies the memory would be kept
    with torch.device("meta"):  # every tensor comes from the file: nothing to initialise
        model = JerseyTemporalNet(config)
    require_same_tensors(path, model.state_dict(), state)
    types = {name: dtype if tensor.is_floating_point() else tensor.dtype for name, tensor in state.items()}
    copies = {name: state.pop(name).to(device, kind, copy=True) for name, kind in types.items()}
    model.load_state_dict(copies, assign=True)
    return model.eval(), info


def pack_on_grid(state: Mapping[str, torch.Tensor], levels: int) -> dict[str, torch.Tensor]:
    """Store matrices as whole numbers of steps, a byte each, so that files are small and compress well.

    A tensor's step is the power of two nearest to its standard deviation divided by `levels`, or, where its largest
    weight would not fit a byte then, the least power of two with which it does. Vectors (biases, norms, running
    statistics) are small and sensitive, and counters are whole numbers: both stay as they are.

    Args:
        state: Tensors by name.
        levels: Steps in a standard deviation, 1 to 64.

    Returns:
        New tensors by name: int8 for the matrices, and for each of them its step, float32 (), as `NAME.step`.

    Raises:
        ValueError: `levels` is outside 1 to 64, or a weight is not finite.
    """
    if not 1 <= levels <= _MOST_LEVELS:
        raise ValueError(f"levels are {levels}; allowed is 1 to {_MOST_LEVELS}")
    packed: dict[str, torch.Tensor] = {}
    for name, tensor in state.items():
        if not tensor.is_floating_point() or tensor.ndim < 2:
            packed[name] = tensor.clone()
            continue
        values = tensor.detach().float()
        if not bool(torch.isfinite(values).all()):
            raise ValueError(f"{name} holds values that are not finite")
        wanted = max(float(values.std(correction=0)) / levels, _FINEST_STEP)
        least = max(float(values.abs().max()) / (_LARGEST_CODE + 0.5), _FINEST_STEP)
        step = 2.0 ** max(round(math.log2(wanted)), math.ceil(math.log2(least)))
        packed[name] = torch.round(values / step).to(torch.int8)
        packed[name + _STEP] = torch.tensor(step)
    return packed


def unpack_from_grid(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The inverse of `pack_on_grid`, in single precision; tensors without a step stay as they are."""
    return {
        name: tensor.float() * state[name + _STEP] if name + _STEP in state else tensor
        for name, tensor in state.items()
        if not name.endswith(_STEP)
    }


def _parse_description(path: Path, description: Mapping[str, Any]) -> tuple[ModelConfig, CheckpointInfo]:
    _require_keys(path, "", description, _KEYS)
    if description["classes"] != list(NUMBERS):
        raise WeightsError(f"{path} lists other classes than this program's 101 jersey numbers.")
    for key in ("training_data", "metrics"):
        if not isinstance(description[key], dict):
            raise WeightsError(f"{path}: {key} is {description[key]!r}; allowed is an object.")
    architecture = description["architecture"]
    if isinstance(architecture, dict) and architecture.get("localizer") is False:  # as files before 2026-12 have it
        architecture = {key: value for key, value in architecture.items() if key != "localizer"}
    config = _parse_dataclass(path, "architecture", ModelConfig, architecture)
    preprocess = _parse_dataclass(path, "preprocessing", Preprocess, description["preprocessing"])
    keys = ("window_length", "temperature", "training_data", "metrics")
    try:
        return config, CheckpointInfo(preprocess, *(description[key] for key in keys))
    except ValueError as error:
        raise WeightsError(f"{path}: {error}.") from error


def _parse_dataclass(path: Path, key: str, cls: type[T], value: object) -> T:
    """A settings dataclass from its JSON object; every field must be there and no other."""
    if not isinstance(value, dict):
        raise WeightsError(f"{path}: {key} is {value!r}; allowed is an object.")
    names = tuple(item.name for item in dataclasses.fields(cls))  # type: ignore[arg-type]  # T is a dataclass
    _require_keys(path, f"{key}.", value, names)
    try:
        return cls(**value)
    except ValueError as error:
        raise WeightsError(f"{path}: {key}.{error}.") from error


def _require_keys(path: Path, prefix: str, found: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    unknown = sorted(set(found) - set(allowed))
    if unknown:
        raise WeightsError(f"{path} has the unknown key {prefix}{unknown[0]}; allowed are {', '.join(allowed)}.")
    missing = [key for key in allowed if key not in found]
    if missing:
        raise WeightsError(f"{path} lacks the key {prefix}{missing[0]}.")
