"""What computes: the network in PyTorch, and what every backend offers the reader."""

import itertools
from typing import Final, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from recognizer.cuda_graphs import FixedShapes, Function, record_graph
from recognizer.model import JerseyTemporalNet
from recognizer.pooling import read_pooled
from recognizer.precision import forbid_tf32
from recognizer.preprocess import normalize

CROPS_PER_PASS: Final = 64
"""Crops that pass the backbone together on a CPU at the most; more are no faster there, and take more memory."""


class ReaderOutput(NamedTuple):
    """What the reader says about windows (see `recognizer.pooling`); softened by the checkpoint's temperature."""

    tens: NDArray[np.float32]
    """(B, 11) log-probabilities; class 10 means no tens digit."""
    units: NDArray[np.float32]
    """(B, 11) log-probabilities; class 10 means no readable digit."""
    frame_weights: NDArray[np.float32]
    """(B, T) share of each frame, in the read of the whole; sums to 1, 0 where padded (all 0 without a valid frame)."""


class Network(Protocol):
    """The two halves of the network on one backend; both take any number of rows, 0 too."""

    name: str
    """`torch` or `onnx`."""

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """Features (N, C) of crops, uint8 (N, S, S, 3) on the CPU or the network's device.

        Several threads may call it at the same time where the network runs on a CPU.
        """
        ...

    def read(self, features: torch.Tensor, valid: torch.Tensor) -> ReaderOutput:
        """Reads of windows from features (B, T, C) and bool (B, T)."""
        ...

    def prepare(self, crops: int, windows: int, length: int, side: int) -> None:
        """Do beforehand what the first calls would have to do.

        Args:
            crops: Of a later call at most.
            windows: Of a later call at most.
            length: T; windows of one frame will be read too.
            side: S.
        """
        ...


class TorchNetwork:
    """The network in PyTorch, on any device.

    On CUDA crops that are not there yet are uploaded from pinned memory, and both halves are replayed as CUDA graphs.

    Args:
        model: In serving mode, on `device`, in float32; changed in place (memory format, type, batch norms).
        device: Where it runs.
        dtype: bfloat16 keeps the sequence half, which costs little, and the features in float32.
        temperature: Divides the logits.
        tuned: Whether the backbone's memory is channels-last and its batch norms are folded into its convolutions.
        graphs: Whether CUDA graphs are used (on CUDA only).
    """

    name = "torch"

    def __init__(
        self,
        model: JerseyTemporalNet,
        device: torch.device,
        dtype: torch.dtype,
        temperature: float,
        *,
        tuned: bool = True,
        graphs: bool = True,
    ) -> None:
        forbid_tf32(device, dtype)
        self._encoder_dtype, self._device, self._temperature = dtype, device, temperature
        self._dtype = torch.float32 if dtype == torch.bfloat16 else dtype
        self._memory = torch.channels_last if tuned else torch.contiguous_format
        if tuned:
            fold_batch_norms(model)  # in the precision of the checkpoint, before any rounding
        self._feature_channels = model.feature_channels
        self.model = model.to(self._dtype).to(memory_format=self._memory)
        for part in (model.backbone, model.spatial_attention):
            if part is not None:
                part.to(dtype)
        self._encode: Function = self._encode_pass
        self._read: Function = self._read_pass
        self._crops_per_pass = CROPS_PER_PASS
        if device.type == "cuda":
            self._crops_per_pass = 4 * CROPS_PER_PASS
            if graphs:
                self._encode = FixedShapes(self._encode_pass, device, record_graph)
                self._read = FixedShapes(self._read_pass, device, record_graph)

    @torch.inference_mode()
    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """Features (N, C) of crops, uint8 (N, S, S, 3); on CUDA without waiting for them."""
        if not len(pixels):
            return torch.zeros(0, self._feature_channels, dtype=self._dtype, device=self._device)
        if self._device.type == "cuda" and pixels.device.type == "cpu":
            # Pinned memory is uploaded without waiting; PyTorch gives it to nobody else until the upload is over.
            pixels = pixels.pin_memory()
        return torch.cat([self._encode(part)[0] for part in torch.split(pixels, self._crops_per_pass)])

    @torch.inference_mode()
    def read(self, features: torch.Tensor, valid: torch.Tensor) -> ReaderOutput:
        """Reads of windows from features (B, T, C) and bool (B, T), both on the network's device."""
        if not len(valid):
            return empty_output(valid.shape[1])
        return ReaderOutput(*(part.cpu().numpy() for part in self._read(features, valid)))

    def prepare(self, crops: int, windows: int, length: int, side: int) -> None:
        """Record the CUDA graphs, where they are used."""
        if isinstance(self._encode, FixedShapes):
            self._encode.prepare(crops, torch.empty(1, side, side, 3, dtype=torch.uint8))
        if isinstance(self._read, FixedShapes):
            for frames in sorted({1, length}):
                features = torch.empty(1, frames, self._feature_channels, dtype=self._dtype)
                self._read.prepare(windows, features, torch.empty(1, frames, dtype=torch.bool))

    def _encode_pass(self, pixels: torch.Tensor) -> tuple[torch.Tensor]:
        images = normalize(pixels.to(self._device, non_blocking=True), self._encoder_dtype)
        return (self.model.encode_frames(images.contiguous(memory_format=self._memory)).to(self._dtype),)

    def _read_pass(self, features: torch.Tensor, valid: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return read_pooled(self.model, features, valid, self._temperature)


def fold_batch_norms(model: nn.Module) -> None:
    """Fold every batch norm into the convolution right before it, in place; for serving only."""
    for parent in list(model.modules()):
        for (name, conv), (next_name, norm) in itertools.pairwise(list(parent.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(parent, name, fuse_conv_bn_eval(conv, norm))
                setattr(parent, next_name, nn.Identity())


def empty_output(length: int) -> ReaderOutput:
    """The reads of no windows, each of so many frames."""
    return ReaderOutput(*(np.zeros((0, width), np.float32) for width in (11, 11, length)))
