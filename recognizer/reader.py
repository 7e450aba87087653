"""Reads windows of preprocessed crops in batches: pixels in, log-probabilities of digits out."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray

from recognizer.checkpoint import CheckpointInfo, load_checkpoint
from recognizer.checks import require_choice
from recognizer.device_preprocess import DevicePreprocess
from recognizer.graphs import ExportError
from recognizer.networks import Network, ReaderOutput, TorchNetwork, empty_output
from recognizer.onnx_cache import CacheError, open_cached
from recognizer.onnx_network import missing_packages, require_packages
from recognizer.precision import Backend, BackendError, Precision, resolve_precision
from recognizer.preprocess import Preprocess

__all__ = ["Backend", "JerseyReader", "Precision", "ReaderOutput", "default_weights"]

logger = logging.getLogger(__name__)


def default_weights() -> Path:
    """Where the weights that ship with the product lie."""
    return Path(__file__).parent / "weights" / "jersey_reader.safetensors"


class JerseyReader:
    """A checkpoint ready to read windows; for one thread at a time, but that on a CPU several may `encode`."""

    def __init__(
        self,
        checkpoint: Path,
        device: torch.device,
        batch_size: int = 64,
        *,
        backend: Backend = "auto",
        precision: Precision = "auto",
    ) -> None:
        """Load the network.

        Args:
            checkpoint: The `.safetensors` file; its JSON lies beside it.
            device: Where the network runs.
            batch_size: Windows per forward pass, at least 1; changes speed and memory, not results.
            backend: `torch`; `onnx`, ONNX Runtime on the CPU in float32, whose results are PyTorch's to 1e-4; `auto`,
                `onnx` where the network computes in float32 on a CPU, it is installed and was the faster one when the
                checkpoint was exported, which happens when it is first used on a machine (see
                `recognizer.onnx_cache`).
            precision: `float32`; `bfloat16` and, on CUDA, `float16`, which are faster and change probabilities in
                the third decimal; `auto`, `float16` on CUDA, `bfloat16` on a CPU that has instructions for it (unless
                `backend` is `onnx`), else `float32`.

        Raises:
            WeightsError: The checkpoint cannot be read.
            BackendError: The backend was asked for and cannot run here, or not with this device and precision.
            CacheError: `onnx` was asked for and the cache folder cannot be written.
            ExportError: `onnx` was asked for and the network cannot be exported.
            ValueError: `batch_size` is under 1, or a choice is unknown.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; allowed is a whole number from 1")
        require_choice("backend", backend, get_args(Backend))
        require_choice("precision", precision, get_args(Precision))
        self._device, self._batch_size = device, batch_size
        dtype = resolve_precision(precision, device, exact_on_cpu=backend == "onnx")
        self.precision = str(dtype).removeprefix("torch.")
        """Number format the network computes in, such as `float32`."""
        if backend == "onnx":
            _require_onnx(device, dtype)
        model, self._info = load_checkpoint(checkpoint, device)
        self._device_preprocess = DevicePreprocess(self._info.preprocess, device)
        network = TorchNetwork(model, device, dtype, self._info.temperature)
        onnx_may = backend != "torch" and device.type == "cpu" and dtype == torch.float32
        self._network = self._choose(checkpoint, network, backend) if onnx_may else network

    @property
    def info(self) -> CheckpointInfo:
        """What the checkpoint's JSON says."""
        return self._info

    @property
    def preprocess(self) -> Preprocess:
        """What turns a region of any size into this network's input."""
        return self._info.preprocess

    @property
    def backend(self) -> str:
        """What computes: `torch` or `onnx`."""
        return self._network.name

    def read(self, rgb: NDArray[np.uint8], valid: NDArray[np.bool_]) -> ReaderOutput:
        """Read windows.

        Args:
            rgb: uint8 (B, T, S, S, 3), made by `preprocess`; padded frames may hold anything. B may be 0.
            valid: bool (B, T), False where padded; padding may stand anywhere.

        Returns:
            Log-probabilities and frame weights; a window's result does not depend on the batch it is in, but for
            rounding on CUDA.

        Raises:
            ValueError: The arrays have other shapes or types.
        """
        size = self.preprocess.size
        if rgb.dtype != np.uint8 or rgb.ndim != 5 or rgb.shape[2:] != (size, size, 3):
            raise ValueError(f"windows are {rgb.dtype} {rgb.shape}, expected uint8 (B, T, {size}, {size}, 3)")
        if valid.dtype != np.bool_ or valid.shape != rgb.shape[:2]:
            raise ValueError(f"valid is {valid.dtype} {valid.shape}, expected bool {rgb.shape[:2]}")
        starts = range(0, len(rgb), self._batch_size)
        parts = [self._read_batch(rgb[i : i + self._batch_size], valid[i : i + self._batch_size]) for i in starts]
        if not parts:
            return empty_output(valid.shape[1])
        return ReaderOutput(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def encode(self, rgb: NDArray[np.uint8]) -> torch.Tensor:
        """Compute the features of single crops; they may be kept and read in several windows.

        Args:
            rgb: uint8 (N, S, S, 3), made by `preprocess`. N may be 0.

        Returns:
            (N, C) on the reader's device, in float16 or float32; CUDA may still be computing them.
        """
        return self._network.encode(torch.from_numpy(np.array(rgb, order="C")))

    def encode_regions(self, regions: Sequence[torch.Tensor]) -> torch.Tensor:
        """Preprocess and compute the features of regions that lie on the reader's device.

        Args:
            regions: Each uint8 (s, s, 3) RGB, of any side.

        Returns:
            As `encode`.
        """
        return self._network.encode(self._device_preprocess(regions))

    def read_features(self, features: torch.Tensor, valid: torch.Tensor) -> ReaderOutput:
        """Read windows from features, in one pass.

        Args:
            features: (B, T, C) from `encode`; padded frames may hold anything.
            valid: bool (B, T) on the same device.

        Returns:
            As `read`.
        """
        return self._network.read(features, valid)

    def prepare(self, crops: int, windows: int, length: int) -> None:
        """Do beforehand what the first calls would have to do: on CUDA, record the graphs.

        Args:
            crops: That `encode` will be given at a time, at most.
            windows: That `read_features` will be given at a time, at most.
            length: Frames in a window.
        """
        self._network.prepare(crops, windows, length, self.preprocess.size)

    @torch.inference_mode()
    def _read_batch(self, rgb: NDArray[np.uint8], valid: NDArray[np.bool_]) -> ReaderOutput:
        """One batch; only valid frames pass the backbone."""
        mask = torch.from_numpy(np.array(valid, order="C")).to(self._device)
        encoded = self.encode(rgb[valid])
        features = encoded.new_zeros(*valid.shape, encoded.shape[1])
        features[mask] = encoded
        return self.read_features(features, mask)

    def _choose(self, checkpoint: Path, network: TorchNetwork, backend: Backend) -> Network:
        """ONNX Runtime where it was asked for or is faster, else PyTorch."""
        if backend == "auto" and missing_packages():
            return network
        try:
            onnx, faster = open_cached(checkpoint, self._info, network)
        except (BackendError, CacheError, ExportError) as error:
            if backend == "onnx":
                raise
            logger.warning("ONNX Runtime is not used. %s", error)
            return network
        if not faster and backend != "onnx":
            return network
        network.model.drop_backbone()
        return onnx


def _require_onnx(device: torch.device, dtype: torch.dtype) -> None:
    if device.type != "cpu" or dtype != torch.float32:
        kind = str(dtype).removeprefix("torch.")
        raise BackendError(
            f"The backend onnx runs on the CPU in float32, not on {device} in {kind}; use torch or auto."
        )
    require_packages("The backend onnx")
