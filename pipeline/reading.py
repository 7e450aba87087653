"""Hands the windows of all tracks to the recognizer in batches."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.crops import GEOMETRY, CropSettings
from pipeline.locating import RegionFinder, crops_together
from pipeline.types import CropWindow, FloatArray, WindowCrop, WindowFeatures, WindowRead
from pipeline.windows import WindowSettings
from pipeline.workers import Spread, in_parts, in_turn
from recognizer.checkpoint import CheckpointInfo, load_checkpoint
from recognizer.checks import require_choice, require_range
from recognizer.decode import number_log_probs, split_readable
from recognizer.labels import CLASSES_PER_DIGIT, EMPTY, NUMBERS
from recognizer.model import JerseyTemporalNet
from recognizer.precision import Precision
from recognizer.reader import Backend, JerseyReader, ReaderOutput, default_weights

_SURELY_ABSENT: Final = 0.95
"""A window whose best crop shows so surely no number is not read."""
_LEAST: Final = 1e-9


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
    locate: bool = True
    """Whether the number is looked for round each region, which is moved to it where one is found; windows that surely
    show none are not read. For weights that were trained so (`mixture.located`), as those that ship were."""
    zooms: tuple[float, ...] = (0.65,)
    """More sides of the region round a number that is found, as shares of the first, 0.3 to 3. A window is read at each
    and the reads are pooled: a right one stays as one looks closer, a wrong one seldom does."""
    localizer: str | None = None
    """What looks for it (`.safetensors` with its JSON beside it); empty means the one that ships."""
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
        require_choice("locate", self.locate, (True, False))
        for zoom in self.zooms:
            require_range("zooms", zoom, 0.3, 3.0)


class WindowReader:
    """Gathers windows and reads them when a batch is full: push, flush at the end.

    A glance at each window's best crop comes first: most windows of a match show no number, or one that is known, and
    one crop tells. A crop that stands in several windows passes the backbone once; its features live as long as it.

    Args:
        settings: Which weights, which batch size.
        device: Where the network runs.
        keep_features: Whether reads carry what they were made of, for a match to teach.
        spread: Has several passes of the network computed at a time; for a CPU.

    Raises:
        WeightsError: The weights, or the localizer's, are missing or unusable.
    """

    def __init__(
        self, settings: ReaderSettings, device: torch.device, keep_features: bool = False, spread: Spread = in_turn
    ) -> None:
        self.weights = Path(settings.weights) if settings.weights else default_weights()
        self._batch_size = settings.batch_size
        self._glance = settings.glance
        self._reader = JerseyReader(
            self.weights, device, settings.batch_size, backend=settings.backend, precision=settings.precision
        )
        localizer = Path(settings.localizer) if settings.localizer else None
        self._finder = RegionFinder(localizer, device, spread) if settings.locate else None
        self._spread, self._together = spread, crops_together(device)
        self.device = device
        self._waiting: list[CropWindow] = []
        self._zooms = settings.zooms
        self._features: dict[float, WeakKeyDictionary[WindowCrop, torch.Tensor]] = {
            zoom: WeakKeyDictionary() for zoom in (1.0, *settings.zooms)
        }
        """By zoom, of the crops that windows or the window buffer still hold."""
        self.backend = f"{self._reader.backend} {self._reader.precision}"
        """What computes, and in which number format: `onnx float32`."""
        self.preprocess = self._reader.preprocess
        self.info = self._reader.info
        self.adaptable = _without_backbone(self.weights, device) if keep_features else None
        """What reads features, in float32, for a match to teach; None where they are not kept."""

    @property
    def locates(self) -> bool:
        """Whether crops need their surroundings."""
        return self._finder is not None

    def prepare(self, length: int) -> None:
        """Do beforehand, for windows of so many crops, what the first reads would have to do."""
        self._reader.prepare(self._together, self._batch_size, length)

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
        rows = [window.crops for window in windows]
        zooms = (1.0, *self._zooms) if self._finder else (1.0,)
        outputs = [self._output(rows, zoom) for zoom in zooms]
        tens, units = (pooled([getattr(each, name) for each in outputs]) for name in ("tens", "units"))
        output = ReaderOutput(tens, units, outputs[0].frame_weights)
        return _reads(windows, output, output.frame_weights, self._kept(rows, zooms))

    def _look_at_best(self, windows: list[CropWindow]) -> list[WindowRead]:
        """Read windows from their best crop alone; one that surely shows no number never reaches the network."""
        best = [window.best for window in windows]
        absent = np.array(self._finder.absent(best) if self._finder else [0.0] * len(best), np.float32)
        output, shown = _blank(absent), np.flatnonzero(absent < _SURELY_ABSENT).tolist()
        features: list[WindowFeatures | None] = [None] * len(windows)
        if shown:
            rows = [(best[place],) for place in shown]
            read = self._output(rows)
            output.tens[shown], output.units[shown] = read.tens, read.units
            for place, kept in zip(shown, self._kept(rows, (1.0,)), strict=True):
                features[place] = kept
        places = np.arange(len(windows[0].crops))
        weights = np.array([places == window.anchor for window in windows], np.float32)
        return _reads(windows, output, weights, features)

    def _kept(
        self, rows: Sequence[Sequence[WindowCrop | None]], zooms: Sequence[float]
    ) -> Sequence[WindowFeatures | None]:
        """What rows of crops that have been read were read from; None where that is not to be kept."""
        if self.adaptable is None:
            return [None] * len(rows)
        crops = [[crop for crop in row if crop is not None] for row in rows]
        each = [crop for row in crops for crop in row]
        features = torch.stack([torch.stack([self._features[zoom][crop] for crop in each]) for zoom in zooms])
        found = np.array(self._finder.found(each) if self._finder else [True] * len(each), np.bool_)
        ends = np.cumsum([len(row) for row in crops])[:-1]
        parts = np.split(features.half().cpu().numpy(), ends, axis=1), np.split(found, ends)
        return [WindowFeatures(*part) for part in zip(*parts, strict=True)]

    def _output(self, rows: Sequence[Sequence[WindowCrop | None]], zoom: float = 1.0) -> ReaderOutput:
        """What the recognizer says of rows of crops, all of one length."""
        self._encode((crop for row in rows for crop in row if crop is not None), zoom)
        known = self._features[zoom]
        blank = torch.zeros_like(next(iter(known.values())))
        features = [torch.stack([blank if crop is None else known[crop] for crop in row]) for row in rows]
        valid = torch.tensor([[crop is not None for crop in row] for row in rows], device=blank.device)
        return self._reader.read_features(torch.stack(features), valid)

    def _encode(self, crops: Iterable[WindowCrop], zoom: float) -> None:
        """Compute the features of the crops that have none yet, each once."""
        known = self._features[zoom]
        new = [crop for crop in dict.fromkeys(crops) if crop not in known]
        if zoom != 1.0 and self._finder:  # where no number was found, every zoom shows the same
            plain = self._features[1.0]
            same = [crop for crop, moved in zip(new, self._finder.found(new), strict=True) if not moved]
            known.update((crop, plain[crop]) for crop in same)
            new = [crop for crop in new if crop not in known]
        if self._finder:
            self._finder.look(new)

        def encoded(part: list[WindowCrop]) -> torch.Tensor:
            return self._encoded(part, zoom)

        for part, features in in_parts(self._spread, encoded, new, self._together):
            known.update(zip(part, features, strict=True))

    def _encoded(self, crops: list[WindowCrop], zoom: float) -> torch.Tensor:
        """Features of crops; the finder, where there is one, has looked at them."""
        on_device = [crop.on_device for crop in crops if crop.on_device is not None]
        if len(on_device) == len(crops):
            return self._reader.encode_regions(self._finder.regions(crops, zoom) if self._finder else on_device)
        return self._reader.encode(
            self._finder.inputs(crops, zoom) if self._finder else np.stack([crop.rgb for crop in crops])
        )


def _without_backbone(weights: Path, device: torch.device) -> JerseyTemporalNet:
    """The half of a recognizer that reads features."""
    model, _ = load_checkpoint(weights, device)
    model.drop_backbone()
    return model


def pooled(logps: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Log-probabilities (N, 11) of several reads, averaged and scaled to sum to 1 again."""
    mean = np.mean(logps, axis=0)
    return np.asarray(mean - np.log(np.exp(mean).sum(axis=1, keepdims=True)), np.float32)


def _blank(absent: FloatArray) -> ReaderOutput:
    """Reads of crops in which there is so surely no number, float32 (N,)."""
    digits = np.repeat(((1.0 - absent) / EMPTY)[:, None], CLASSES_PER_DIGIT, axis=1)
    digits[:, EMPTY] = absent
    logp = np.log(np.maximum(digits, _LEAST)).astype(np.float32)
    return ReaderOutput(logp, logp.copy(), np.ones((len(absent), 1), np.float32))


def _reads(
    windows: Sequence[CropWindow],
    output: ReaderOutput,
    frame_weights: FloatArray,
    features: Sequence[WindowFeatures | None],
) -> list[WindowRead]:
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
            features=kept,
        )
        for window, tens, units, weights, kept in zip(
            windows, output.tens, output.units, frame_weights, features, strict=True
        )
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
