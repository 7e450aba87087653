"""The network in ONNX Runtime: the same results as PyTorch in float32, for less time on a CPU."""

import importlib
import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Final, cast

import numpy as np
import torch
from numpy.typing import NDArray

from recognizer.networks import CROPS_PER_PASS, Network, ReaderOutput, empty_output
from recognizer.precision import BackendError

HALVES: Final = ("crops", "sequence")
"""The graphs it runs; each lies in `<name>.onnx`."""
_PACKAGES: Final = ("onnx", "onnxruntime")


Session = Callable[[Mapping[str, NDArray[np.generic]]], Sequence[NDArray[np.float32]]]
"""Runs a graph: arrays by input name to arrays in the order of the outputs."""


def missing_packages() -> list[str]:
    """Which packages of the extra `cpu` are not installed.

    >>> missing_packages() in ([], ["onnx"], ["onnxruntime"], ["onnx", "onnxruntime"])
    True
    """
    return [name for name in _PACKAGES if importlib.util.find_spec(name) is None]


def require_packages(what: str) -> None:
    """Refuse what needs the extra `cpu` where it is not installed.

    Raises:
        BackendError: A package is missing.
    """
    missing = missing_packages()
    if missing:
        raise BackendError(
            f"{what} needs {' and '.join(missing)}, which the extra 'cpu' brings: "
            "pip install -e '.[cpu]' in the checkout."
        )


def import_onnxruntime() -> ModuleType:
    """The package, its telemetry, which official builds have switched on, switched off before it can start."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read once, when the package is imported
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # Windows does not read the variable
    return cast(ModuleType, onnxruntime)


def _errors() -> tuple[type[Exception], ...]:
    """What the package raises; its kinds of errors have no base of their own."""
    states = importlib.import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    return tuple(each for each in vars(states).values() if isinstance(each, type) and issubclass(each, Exception))


@cache
def _share_memory() -> None:
    """Register one pool of memory for all graphs of this process; each of its own would keep the most it ever held.

    Where the program has registered one before, that one serves.
    """
    onnxruntime = import_onnxruntime()
    kind, memory = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, onnxruntime.OrtMemType.DEFAULT
    with suppress(RuntimeError, *_errors()):
        onnxruntime.create_and_register_allocator(onnxruntime.OrtMemoryInfo("Cpu", kind, 0, memory), None)


def open_session(path: Path) -> Session:
    """Open a graph on the CPU with as many threads as PyTorch has; idle threads sleep.

    Raises:
        BackendError: The file is no graph this ONNX Runtime can run.
    """
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_mem_pattern = False  # one plan would be kept for every number of rows ever seen
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.use_env_allocators", "1")
    _share_memory()
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except _errors() as error:
        raise BackendError(f"ONNX Runtime cannot open {path}: {str(error).strip()}") from error

    def run(arrays: Mapping[str, NDArray[np.generic]]) -> Sequence[NDArray[np.float32]]:
        results = session.run(None, {name: np.ascontiguousarray(array) for name, array in arrays.items()})
        return [np.asarray(result, np.float32) for result in results]

    return run


class OnnxNetwork:
    """Both halves in ONNX Runtime on the CPU.

    Args:
        folder: Holds the two graphs.
        length: Frames of the windows the sequence graph takes; shorter windows are padded.
        torch_network: The same network in PyTorch; reads windows with more frames, and those of one frame, which
            padding would make so much longer.

    Raises:
        BackendError: A graph cannot be opened.
    """

    name = "onnx"

    def __init__(self, folder: Path, length: int, torch_network: Network) -> None:
        self._crops, self._sequence = (open_session(folder / f"{name}.onnx") for name in HALVES)
        self._length, self._torch_network = length, torch_network

    def prepare(self, crops: int, windows: int, length: int, side: int) -> None:
        """Nothing is left to be done: the graphs were opened when this was made."""

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """Features (N, C) of crops, uint8 (N, S, S, 3)."""
        if not len(pixels):
            return self._torch_network.encode(pixels)
        parts = [self._crops({"rgb": part.numpy()})[0] for part in torch.split(pixels, CROPS_PER_PASS)]
        return torch.from_numpy(np.concatenate(parts))

    def read(self, features: torch.Tensor, valid: torch.Tensor) -> ReaderOutput:
        """Reads of windows from features (B, T, C) and bool (B, T), both on the CPU."""
        count, length = valid.shape
        if length == 1 or length > self._length:
            return self._torch_network.read(features, valid)
        if not count:
            return empty_output(length)
        padding = self._length - length
        if padding:
            features = torch.cat((features, features.new_zeros(count, padding, features.shape[2])), dim=1)
            valid = torch.cat((valid, valid.new_zeros(count, padding)), dim=1)
        tens, units, weights = self._sequence({"features": features.numpy(), "valid": valid.numpy()})
        return ReaderOutput(tens, units, weights[:, :length])
