"""ONNX graphs of a checkpoint, exported on first use and kept in the user's cache folder."""

import contextlib
import hashlib
import json
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import torch

from recognizer.checkpoint import CheckpointInfo
from recognizer.errors import InputError, reason_of
from recognizer.graphs import TOLERANCE, ExportError, graphs, largest_difference, write_onnx
from recognizer.networks import Network, TorchNetwork
from recognizer.onnx_network import HALVES, OnnxNetwork, import_onnxruntime, open_session
from recognizer.precision import BackendError

logger = logging.getLogger(__name__)

_GRAPHS_VERSION: Final = 2
"""Raised whenever the written graphs change."""
_KEPT: Final = 4
"""Exports kept; the least recently used ones make room."""
_ABANDONED_SECONDS: Final = 3600
_RECORD: Final = "export.json"
_TRIAL_ROWS: Final = 8
_TRIAL_ROUNDS: Final = 3


class CacheError(InputError):
    """The cache folder cannot be used."""


def cache_folder() -> Path:
    """Where exports are kept: `jersey-numbers/onnx` in the platform's folder for caches.

    `XDG_CACHE_HOME` names that folder on any platform, if it is an absolute path; else it is `%LOCALAPPDATA%` on
    Windows, `~/Library/Caches` on macOS and `~/.cache` elsewhere.

    Raises:
        CacheError: The user has no home folder.
    """
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not named.is_absolute():
        try:
            home = Path.home()
        except RuntimeError as error:
            raise CacheError(f"No cache folder is known ({error}); set XDG_CACHE_HOME to one.") from error
        if sys.platform == "win32":
            named = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
        else:
            named = home / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return named / "jersey-numbers" / "onnx"


def cache_key(description: bytes) -> str:
    """Name of a checkpoint's export, from its JSON, which holds the SHA-256 of the weights.

    Everything else the export depends on is in it too: the versions of what writes and runs it, and the number of
    threads, on which the record of its speed depends.
    """
    parts = (_GRAPHS_VERSION, torch.__version__, import_onnxruntime().__version__, torch.get_num_threads())
    return hashlib.sha256(description + json.dumps(parts).encode()).hexdigest()[:32]


def open_cached(checkpoint: Path, info: CheckpointInfo, network: TorchNetwork) -> tuple[OnnxNetwork, bool]:
    """The network in ONNX Runtime, from the cache or exported into it; several processes may do so at once.

    Args:
        checkpoint: The `.safetensors` file that `network` was loaded from.
        info: Of the checkpoint.
        network: The same network in PyTorch, float32 on the CPU; reads windows longer than the checkpoint's, and
            those of one frame.

    Returns:
        The network, and whether it needed less processor time than PyTorch when it was exported on this machine.

    Raises:
        CacheError: The cache folder cannot be written.
        ExportError: The export failed, or does not compute what PyTorch computes.
        BackendError: ONNX Runtime cannot run the export.
    """
    folder = cache_folder() / cache_key(checkpoint.with_suffix(".json").read_bytes())
    try:
        if folder.is_dir():
            with contextlib.suppress(BackendError):  # damaged: replaced
                return _open(folder, info, network)
            shutil.rmtree(folder)
        _export(folder, info, network)
    except OSError as error:
        reason = reason_of(error)
        raise CacheError(
            f"The cache folder {folder.parent} cannot be used ({reason}); set XDG_CACHE_HOME to one you may write in."
        ) from error
    make_room(folder)
    return _open(folder, info, network)


def _open(folder: Path, info: CheckpointInfo, network: TorchNetwork) -> tuple[OnnxNetwork, bool]:
    """Open an export that is complete.

    Raises:
        BackendError: It is damaged.
    """
    try:
        seconds = json.loads((folder / _RECORD).read_bytes())["cpu_seconds"]
        faster = bool(seconds["onnx"] < seconds["torch"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackendError(f"The export {folder} is damaged ({error}); remove it.") from error
    opened = OnnxNetwork(folder, info.window_length, network)
    with contextlib.suppress(OSError):  # a read-only cache serves too
        os.utime(folder)
    return opened, faster


def _export(folder: Path, info: CheckpointInfo, network: TorchNetwork) -> None:
    """Export beside the final folder, then rename, so that the folder is complete or absent."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        difference = write_halves(beside, info, network)
        onnx = OnnxNetwork(beside, info.window_length, network)
        times = cpu_seconds((network, onnx), info)
        record = {"largest_difference": difference, "cpu_seconds": dict(zip(("torch", "onnx"), times, strict=True))}
        (beside / _RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        try:
            beside.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was first
                raise
        logger.info("The recognizer was exported to %s; it differs from PyTorch by %.1e.", folder, difference)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def write_halves(folder: Path, info: CheckpointInfo, network: TorchNetwork) -> float:
    """Write both graphs and compare them with PyTorch; returns the largest absolute difference.

    Raises:
        ExportError: The export failed, or differs by more than `TOLERANCE`.
    """
    worst = 0.0
    for name, graph in graphs(network.model, info).items():
        if name not in HALVES:
            continue
        path = folder / f"{name}.onnx"
        write_onnx(graph, path)
        worst = max(worst, largest_difference(graph, open_session(path)))
    if worst > TOLERANCE:
        raise ExportError(f"The ONNX export differs from PyTorch by {worst:.1e}; allowed is {TOLERANCE:g}.")
    return worst


def cpu_seconds(networks: Sequence[Network], info: CheckpointInfo) -> list[float]:
    """Processor time of this process for a few crops and windows, by network; the least of some rounds."""
    size, length = info.preprocess.size, info.window_length
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (_TRIAL_ROWS, size, size, 3), generator=random, dtype=torch.uint8)
    valid = torch.ones(_TRIAL_ROWS, length, dtype=torch.bool)
    taken = [float("inf")] * len(networks)
    for turn in range(_TRIAL_ROUNDS + 1):
        for place, network in enumerate(networks):
            started = time.process_time()
            features = network.encode(pixels)
            network.read(features[:, None].expand(-1, length, -1), valid)
            if turn > 0:  # the first is the warm-up
                taken[place] = min(taken[place], time.process_time() - started)
    return taken


def make_room(newest: Path) -> None:
    """Remove the least recently used exports beside the newest, and what processes that were killed left behind.

    Args:
        newest: The export, a file or a folder, that was just written and stays.
    """
    with contextlib.suppress(OSError):  # another process may be removing them too
        by_use = sorted(newest.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        exports = [path for path in by_use if not path.name.startswith(".") and path != newest]
        limit = time.time() - _ABANDONED_SECONDS
        parts = [path for path in by_use if path.name.startswith(".") and path.stat().st_mtime < limit]
        for path in (*exports[_KEPT - 1 :], *parts):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
