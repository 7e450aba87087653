"""Hands the windows of all tracks to the recognizer in batches."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
import torch

from pipeline.crops import GEOMETRY, CropSettings
from pipeline.types import CropWindow, FloatArray, WindowCrop, WindowRead
from pipeline.windows import WindowSettings
from recognizer.checkpoint import CheckpointInfo
from recognizer.checks import require_range
from recognizer.decode import number_log_probs, split_readable
from recognizer.labels import NUMBERS
from recognizer.precision import Precision
from recognizer.reader import Backend, JerseyReader, ReaderOutput, default_weights

_ENCODED_TOGETHER: Final = 64
"""Crops in one pass of the backbone; more is no faster and takes more memory."""


@dataclass(frozen=True, slots=True)
class ReaderSettings:
    """Which recognizer reads, and how many windows at a time."""

    weights: str | None = None
    """Checkpoint (`.safetensors` with its JSON beside it); empty means the one that ships."""
    batch_size: int = 32
    """Windows gathered, over all tracks, before the network runs, 1 to 4096; the result does not depend on it, but
    for rounding."""
    glance: float = 0.6
    """A window whose best crop alone is less readable than this, 0 to 1, or names the number that its track is settled
    on, is not looked at further: that crop is its read. 0 looks at every crop."""
    backend: Backend = "auto"
    """`torch`; `onnx`, ONNX Runtime (extra `cpu`) in float32 on a CPU; or `auto`, `onnx` where the network computes in
    float32, it is installed and faster."""
    precision: Precision = "auto"
    """`float32`; `bfloat16` and, on CUDA, `float16`, which are faster and change probabilities in the third decimal;
    or `auto`, `float16` on CUDA, `bfloat16` on a CPU that has instructions for it (with `backend: onnx` it is
    `float32`), else `float32`."""

    def __post_init__(self) -> None:
        require_range("batch_size", self.batch_size, 1, 4096)
        require_range("glance", self.glance, 0, 1)


class WindowReader:
    """Gathers windows and reads them when a batch is full: push, flush at the end.

    A glance at each window's best crop comes first: most windows of a match show no number, or one that is known, and
    one crop tells. A crop that stands in several windows passes the backbone once; its features live as long as it.

    Args:
        settings: Which weights, which batch size.
        device: Where the network runs.

    Raises:
        CheckpointError: The weights are missing or unusable.
    """

    def __init__(self, settings: ReaderSettings, device: torch.device) -> None:
        self.weights = Path(settings.weights) if settings.weights else default_weights()
        self._batch_size = settings.batch_size
        self._glance = settings.glance
        self._reader = JerseyReader(
            self.weights, device, settings.batch_size, backend=settings.backend, precision=settings.precision
        )
        self.device = device
        self._waiting: list[CropWindow] = []
        self._features: WeakKeyDictionary[WindowCrop, torch.Tensor] = WeakKeyDictionary()
        """Of the crops that windows or the window buffer still hold."""
        self.backend = f"{self._reader.backend} {self._reader.precision}"
        """What computes, and in which number format: `onnx float32`."""
        self.preprocess = self._reader.preprocess
        self.info = self._reader.info

    def prepare(self, length: int) -> None:
        """Do beforehand, for windows of so many crops, what the first reads would have to do."""
        self._reader.prepare(_ENCODED_TOGETHER, self._batch_size, length)

    def push(self, windows: Iterable[CropWindow]) -> list[WindowRead]:
        """Take in windows; returns the reads of the batches they fill, in the order of the windows."""
        self._waiting += windows
        reads: list[WindowRead] = []
        while len(self._waiting) >= self._batch_size:
            batch, self._waiting = self._waiting[: self._batch_size], self._waiting[self._batch_size :]
            reads += self._read(batch)
        return reads

    def flush(self) -> list[WindowRead]:
        """Read what is left."""
        batch, self._waiting = self._waiting, []
        return self._read(batch) if batch else []

    def _read(self, batch: list[CropWindow]) -> list[WindowRead]:
        if self._glance == 0.0:
            return self._look(batch)
        reads = self._look_at_best(batch)
        places = [place for place, read in enumerate(reads) if not self._is_enough(batch[place], read)]
        for place, read in zip(places, self._look([batch[place] for place in places]), strict=True):
            reads[place] = read
        return reads

    def _is_enough(self, window: CropWindow, glance: WindowRead) -> bool:
        """Whether the rest of a window would add nothing: it shows no number, or the one that is settled anyway."""
        readable, numbers = split_readable(number_log_probs(glance.tens, glance.units))
        return readable < self._glance or NUMBERS[int(numbers.argmax())] == window.expected

    def _look(self, windows: list[CropWindow]) -> list[WindowRead]:
        """Read windows from all of their crops."""
        if not windows:
            return []
        output = self._output([window.crops for window in windows])
        return _reads(windows, output, output.frame_weights)

    def _look_at_best(self, windows: list[CropWindow]) -> list[WindowRead]:
        """Read windows from their best crop alone."""
        output = self._output([(window.crops[window.anchor],) for window in windows])
        places = np.arange(len(windows[0].crops))
        return _reads(windows, output, np.array([places == window.anchor for window in windows], np.float32))

    def _output(self, rows: Sequence[Sequence[WindowCrop | None]]) -> ReaderOutput:
        """What the recognizer says of rows of crops, all of one length."""
        self._encode(crop for row in rows for crop in row if crop is not None)
        blank = torch.zeros_like(next(iter(self._features.values())))
        features = [torch.stack([blank if crop is None else self._features[crop] for crop in row]) for row in rows]
        valid = torch.tensor([[crop is not None for crop in row] for row in rows], device=blank.device)
        return self._reader.read_features(torch.stack(features), valid)

    def _encode(self, crops: Iterable[WindowCrop]) -> None:
        """Compute the features of the crops that have none yet, each once."""
        new = [crop for crop in dict.fromkeys(crops) if crop not in self._features]
        for start in range(0, len(new), _ENCODED_TOGETHER):
            part = new[start : start + _ENCODED_TOGETHER]
            self._features.update(zip(part, self._encoded(part), strict=True))

    def _encoded(self, crops: list[WindowCrop]) -> torch.Tensor:
        regions = [crop.region for crop in crops if crop.region is not None]
        if len(regions) == len(crops):
            return self._reader.encode_regions(regions)
        return self._reader.encode(np.stack([crop.rgb for crop in crops]))


def _reads(windows: Sequence[CropWindow], output: ReaderOutput, frame_weights: FloatArray) -> list[WindowRead]:
    """What the recognizer said, with where it comes from; `frame_weights` float32 (windows, T)."""
    return [
        WindowRead(
            track_id=window.track_id,
            frame_indices=(indices := window.frame_indices),
            tens=tens,
            units=units,
            frame_weights=weights,
            anchor_frame=int(indices[window.anchor]),
            quality=window.quality,
        )
        for window, tens, units, weights in zip(windows, output.tens, output.units, frame_weights, strict=True)
    ]


def differences(info: CheckpointInfo, crops: CropSettings, windows: WindowSettings) -> list[str]:
    """Where the settings differ from what a recognizer was trained on, as far as its checkpoint tells.

    >>> differences(CheckpointInfo(window_length=3), CropSettings(), WindowSettings(length=5))
    ['windows.length is 5 (trained on 3)']
    """
    settings = info.training_data.get("settings")
    trained = settings.get("crops") if isinstance(settings, dict) else None
    known = {name: trained[name] for name in GEOMETRY if name in trained} if isinstance(trained, dict) else {}
    found = [
        f"crops.{name} is {getattr(crops, name):g} (trained on {value:g})"
        for name, value in known.items()
        if isinstance(value, int | float) and not math.isclose(value, getattr(crops, name))
    ]
    if info.window_length != windows.length:
        found.append(f"windows.length is {windows.length} (trained on {info.window_length})")
    return found
