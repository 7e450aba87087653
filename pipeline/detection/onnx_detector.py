"""The detector's network in ONNX Runtime: PyTorch's results in float32, for less processor time."""

import contextlib
import hashlib
import importlib.metadata
import json
import logging
import os
from pathlib import Path
from typing import Any, Final, Protocol

import torch
from torch import Tensor, nn

from recognizer.errors import InputError, reason_of
from recognizer.graphs import ExportError, trace_onnx
from recognizer.onnx_cache import CacheError, cache_folder, make_room
from recognizer.onnx_network import Session, import_onnxruntime, missing_packages, open_session
from recognizer.precision import BackendError

logger = logging.getLogger(__name__)

_GRAPH_VERSION: Final = 2
"""Raised whenever the written graph changes."""
_TRACED: Final = (1, 96, 160, 3)
_CHECKED: Final = ((1, 96, 160, 3), (1, 160, 64, 3), (2, 64, 96, 3))
_TOLERANCE: Final = 1e-3
"""How far distances (logits) and scores may lie from PyTorch's."""


class Forward(Protocol):
    """The detector's network on one backend."""

    backend: str
    """What computes, and in which number format: `onnx float32`."""

    def __call__(self, rgb: Tensor, /) -> tuple[Tensor, Tensor]:
        """From uint8 (B, h, w, 3) RGB pictures to distances (B, 4 * bins, A) and scores (B, classes, A), 0 to 1."""
        ...


class Pictures(nn.Module):
    """The network behind what every frame needs first: bytes to 0 to 1, channels in front."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """Distances and scores of uint8 (B, h, w, 3)."""
        raw = self.network(rgb.permute(0, 3, 1, 2).float() / 255)[1]
        return raw["boxes"], raw["scores"].sigmoid()


def open_onnx(weights: Path, network: nn.Module) -> Forward:
    """The network in ONNX Runtime, exported when it is first used and kept in the user's cache folder.

    Args:
        weights: The file that `network` was loaded from; its hash names the export.
        network: On the CPU in float32, convolutions and batch norms fused.

    Raises:
        InputError: A package is missing, the cache folder cannot be used, or the export failed.
    """
    if missing := missing_packages():
        raise BackendError(
            f"detector.backend onnx needs {' and '.join(missing)}, which the extra 'cpu' brings; use auto or torch."
        )
    path = cache_folder().with_name("detector") / f"{_key(weights)}.onnx"
    try:
        session = _open(path) if path.exists() else None
        if session is None:
            _export(network, path)
            session = open_session(path)
    except OSError as error:
        reason = reason_of(error)
        raise CacheError(
            f"The cache folder {path.parent} cannot be used ({reason}); set XDG_CACHE_HOME to one you may write in."
        ) from error
    return OnnxForward(session)


def faster_forward(weights: Path, network: nn.Module) -> Forward | None:
    """The same where it can be had; None, with a word in the log, where it cannot."""
    if missing_packages():
        return None
    try:
        return open_onnx(weights, network)
    except InputError as error:
        logger.warning("ONNX Runtime is not used for the detector. %s", error)
        return None


def _key(weights: Path) -> str:
    versions = [torch.__version__, importlib.metadata.version("ultralytics"), import_onnxruntime().__version__]
    described = json.dumps([_GRAPH_VERSION, *versions]).encode()
    return hashlib.sha256(weights.read_bytes() + described).hexdigest()[:32]


def _open(path: Path) -> Session | None:
    """An export from the cache; None where it is damaged."""
    try:
        session = open_session(path)
    except BackendError:
        path.unlink()
        return None
    with contextlib.suppress(OSError):  # a read-only cache serves too
        os.utime(path)
    return session


def _export(network: nn.Module, path: Path) -> None:
    """Write beside the final place, check, then rename, so that the file is whole or absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.stem}.{os.getpid()}.part")
    pictures = Pictures(network)
    free = {0: "frames", 1: "height", 2: "width"}
    cells = {0: "frames", 2: "cells"}
    try:
        axes = {"rgb": free, "distances": cells, "scores": cells}
        trace_onnx(pictures, {"rgb": torch.zeros(_TRACED, dtype=torch.uint8)}, beside, ("distances", "scores"), axes)
        _require_parity(pictures, open_session(beside))
        beside.rename(path)
    finally:
        beside.unlink(missing_ok=True)
    make_room(path)


@torch.inference_mode()
def _require_parity(pictures: nn.Module, session: Session) -> None:
    forward, random = OnnxForward(session), torch.Generator().manual_seed(0)
    for shape in _CHECKED:
        given = torch.randint(256, shape, generator=random, dtype=torch.uint8)
        for ours, theirs in zip(forward(given), pictures(given), strict=True):
            if ours.shape != theirs.shape or not torch.allclose(ours, theirs, rtol=_TOLERANCE, atol=_TOLERANCE):
                raise ExportError(
                    "The detector's export does not compute what PyTorch does; use detector.backend torch."
                )


class OnnxForward:
    """The network in ONNX Runtime, a `Forward`."""

    backend = "onnx float32"

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """Distances and scores."""
        arrays: dict[str, Any] = {"rgb": rgb.numpy()}
        distances, scores = self._session(arrays)
        return torch.from_numpy(distances), torch.from_numpy(scores)
