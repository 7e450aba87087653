"""Reads windows of preprocessed crops in batches: pixels in, log-probabilities of digits out."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from recognizer.checkpoint import CheckpointInfo, load_checkpoint
from recognizer.labels import CLASSES_PER_DIGIT
from recognizer.preprocess import Preprocess, normalize


class ReaderOutput(NamedTuple):
    """What the reader says about windows; softened by the checkpoint's temperature."""

    tens: NDArray[np.float32]
    """(B, 11) log-probabilities; class 10 means no tens digit."""
    units: NDArray[np.float32]
    """(B, 11) log-probabilities; class 10 means no readable digit."""
    frame_weights: NDArray[np.float32]
    """(B, T) share of each frame; sums to 1, 0 where padded (all 0 for a window without a valid frame)."""


def default_weights() -> Path:
    """Where the weights that ship with the product lie."""
    return Path(__file__).parent / "weights" / "jersey_reader.safetensors"


class JerseyReader:
    """A checkpoint ready to read windows; half precision on CUDA, single precision elsewhere."""

    def __init__(self, checkpoint: Path, device: torch.device, batch_size: int = 64) -> None:
        """Load the network.

        Args:
            checkpoint: The `.safetensors` file; its JSON lies beside it.
            device: Where the network runs.
            batch_size: Windows per forward pass, at least 1; changes speed and memory, not results.

        Raises:
            CheckpointError: The checkpoint cannot be read.
            ValueError: `batch_size` is under 1.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; allowed is a whole number from 1")
        self._device, self._batch_size = device, batch_size
        self._dtype = torch.float16 if device.type == "cuda" else torch.float32
        model, self._info = load_checkpoint(checkpoint, device, self._dtype)
        self._model = model.to(memory_format=torch.channels_last)

    @property
    def info(self) -> CheckpointInfo:
        """What the checkpoint's JSON says."""
        return self._info

    @property
    def preprocess(self) -> Preprocess:
        """What turns a region of any size into this network's input."""
        return self._info.preprocess

    def read(self, rgb: NDArray[np.uint8], valid: NDArray[np.bool_]) -> ReaderOutput:
        """Read windows.

        Args:
            rgb: uint8 (B, T, S, S, 3), made by `preprocess`; padded frames may hold anything. B may be 0.
            valid: bool (B, T), False where padded; padding may stand anywhere.

        Returns:
            Log-probabilities and frame weights; a window's result does not depend on the batch it is in.

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
            digits = np.zeros((0, CLASSES_PER_DIGIT), np.float32)
            return ReaderOutput(digits, digits.copy(), np.zeros(valid.shape, np.float32))
        return ReaderOutput(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    @torch.inference_mode()
    def encode(self, rgb: NDArray[np.uint8]) -> torch.Tensor:
        """Compute the features of single crops in one pass; they may be kept and read in several windows.

        Args:
            rgb: uint8 (N, S, S, 3), made by `preprocess`.

        Returns:
            (N, C) on the reader's device.
        """
        pixels = torch.from_numpy(np.array(rgb, order="C")).to(self._device)
        return self._model.encode_frames(normalize(pixels, self._dtype))

    @torch.inference_mode()
    def read_features(self, features: torch.Tensor, valid: torch.Tensor) -> ReaderOutput:
        """Read windows from features, in one pass.

        Args:
            features: (B, T, C) from `encode`; padded frames may hold anything.
            valid: bool (B, T) on the same device.

        Returns:
            As `read`.
        """
        output = self._model.read_sequence(features, valid)
        logits = torch.stack((output.tens, output.units)).float() / self._info.temperature
        tens, units = torch.log_softmax(logits, dim=-1).cpu().numpy()
        return ReaderOutput(tens, units, output.frame_weights.float().cpu().numpy())

    @torch.inference_mode()
    def _read_batch(self, rgb: NDArray[np.uint8], valid: NDArray[np.bool_]) -> ReaderOutput:
        """One batch; only valid frames pass the backbone."""
        mask = torch.from_numpy(np.array(valid, order="C")).to(self._device)
        shape = (*valid.shape, self._model.feature_channels)
        features = torch.zeros(shape, dtype=self._dtype, device=self._device)
        if valid.any():
            features[mask] = self.encode(rgb[valid])
        return self.read_features(features, mask)
