"""What flows from stage to stage: small frozen records, checked once when made.

Arrays inside a record are never written to after it is made. `xyxy` is left, top, right, bottom in
pixels of the upright frame; a jersey number is text (`'0'` and `'00'` are two numbers).
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # records are made and tested without PyTorch
    from pipeline.patches import Patch, Tensor

UInt8Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture."""

    index: int
    """Place in the order shown, among the frames that were decoded, 0-based."""
    time: Fraction
    """Exact presentation time in seconds, as the stream states it; never index / fps."""
    bgr: UInt8Image
    """uint8 (H, W, 3), upright (rotation metadata applied)."""
    on_device: "Tensor | None" = None
    """The same pixels where the networks run; None until they are uploaded."""

    def __post_init__(self) -> None:
        _require_image("Frame.bgr", self.bgr)

    @property
    def time_seconds(self) -> float:
        """Presentation time in seconds."""
        return float(self.time)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return int(self.bgr.shape[1]), int(self.bgr.shape[0])


@dataclass(frozen=True, slots=True)
class Detections:
    """People found in one frame."""

    xyxy: FloatArray
    """float32 (N, 4), frame pixels."""
    confidence: FloatArray
    """float32 (N,), 0 to 1."""

    def __post_init__(self) -> None:
        _require_boxes(self.xyxy, self.confidence)

    def __len__(self) -> int:
        return len(self.xyxy)

    @staticmethod
    def empty() -> "Detections":
        """No detections."""
        return Detections(np.zeros((0, 4), np.float32), np.zeros((0,), np.float32))


@dataclass(frozen=True, slots=True)
class TrackedBoxes:
    """People followed into one frame; a track appears at most once."""

    xyxy: FloatArray
    """float32 (N, 4), frame pixels."""
    confidence: FloatArray
    """float32 (N,), 0 to 1."""
    track_id: IntArray
    """int64 (N,), no repeats."""

    def __post_init__(self) -> None:
        _require_boxes(self.xyxy, self.confidence)
        if self.track_id.shape != (len(self.xyxy),):
            raise ValueError(f"track_id has shape {self.track_id.shape}, expected ({len(self.xyxy)},)")
        if len(np.unique(self.track_id)) != len(self.track_id):
            raise ValueError(f"track_id repeats within a frame: {sorted(self.track_id.tolist())}")

    def __len__(self) -> int:
        return len(self.xyxy)

    @staticmethod
    def empty() -> "TrackedBoxes":
        """No tracked boxes."""
        return TrackedBoxes(np.zeros((0, 4), np.float32), np.zeros((0,), np.float32), np.zeros((0,), np.int64))


@dataclass(frozen=True, slots=True)
class Crop:
    """The jersey region of one tracked player in one frame."""

    track_id: int
    frame_index: int
    time_seconds: float
    rgb: UInt8Image
    """uint8 (h, w, 3), native resolution."""
    quality: float
    """0 (useless) to 1 (large, sharp, unobstructed)."""
    surroundings: UInt8Image | None = None
    """uint8 (s, s, 3), the region in the middle of what is round it; None where the number is not looked for."""
    own: tuple[float, float] = (0.0, 1.0)
    """Left and right edge of the player's box, as shares of the surroundings' side."""
    patch: "Patch | None" = None
    """The surroundings, or the region where there are none, in the frame where the recognizer runs; None where the
    frame is not there."""

    def __post_init__(self) -> None:
        _require_image("Crop.rgb", self.rgb)
        if not 0.0 <= self.quality <= 1.0:
            raise ValueError(f"Crop.quality is {self.quality}, expected 0 to 1")


class WindowCrop:
    """A crop kept for windows: one object however many it stands in, so that work on it is shared.

    Args:
        crop: As it was cut.
        prepare: Makes the recognizer's input (S, S, 3) of a region of any size; called when it is first needed.
    """

    def __init__(self, crop: Crop, prepare: Callable[[UInt8Image], UInt8Image]) -> None:
        self.frame_index = crop.frame_index
        self.quality = crop.quality
        self.side = crop.rgb.shape[0]
        """Of the region, pixels."""
        self.surroundings = crop.surroundings
        """uint8 (s, s, 3), the region in the middle of what is round it; None where the number is not looked for."""
        self.own = crop.own
        """Left and right edge of the player's box, as shares of the surroundings' side."""
        self.on_device = None if crop.patch is None else crop.patch.copy_rgb()
        """The surroundings, or the region where there are none, where the recognizer runs, uint8 (s, s, 3) RGB; None
        where the frame was not there."""
        self._native = crop.rgb
        self.prepare = prepare
        """Makes the recognizer's input (S, S, 3) of a region of any size."""

    @cached_property
    def rgb(self) -> UInt8Image:
        """uint8 (S, S, 3), the recognizer's input of the region."""
        return self.prepare(self._native)


@dataclass(frozen=True, slots=True)
class CropWindow:
    """Crops of one track, ready for the recognizer; `T` is the window length (5)."""

    track_id: int
    crops: tuple[WindowCrop | None, ...]
    """The crop at each of the T places; None where padded."""
    expected: str | None = None
    """The number that the track is settled on; None where it is not."""

    def __post_init__(self) -> None:
        if all(crop is None for crop in self.crops):
            raise ValueError(f"a window of track {self.track_id} holds no crop, expected at least one")

    @property
    def frame_indices(self) -> IntArray:
        """int64 (T,), frame of each crop; -1 where padded."""
        return np.array([-1 if crop is None else crop.frame_index for crop in self.crops], np.int64)

    @property
    def valid(self) -> BoolArray:
        """Which places hold a crop: bool (T,), False where padded."""
        return np.array([crop is not None for crop in self.crops], np.bool_)

    @property
    def anchor(self) -> int:
        """Position (0 to T - 1) of the crop with the highest quality."""
        return int(np.argmax([-1.0 if crop is None else crop.quality for crop in self.crops]))

    @property
    def best(self) -> WindowCrop:
        """The crop with the highest quality, the anchor."""
        return max((crop for crop in self.crops if crop is not None), key=lambda crop: crop.quality)

    @property
    def quality(self) -> float:
        """Quality of the anchor, 0 to 1."""
        return self.best.quality


@dataclass(frozen=True, slots=True)
class WindowFeatures:
    """What the recognizer's heads were given of one window."""

    crops: NDArray[np.float16]
    """float16 (zooms, crops, C): features of the crops that were read, at each zoom."""
    found: BoolArray
    """bool (crops,): in which of them a number was found; all where numbers are not looked for."""


@dataclass(frozen=True, slots=True)
class WindowRead:
    """What the recognizer saw in one window."""

    track_id: int
    frame_indices: IntArray
    """int64 (T,), -1 where padded."""
    tens: FloatArray
    """float32 (11,) log-probabilities; class 10 means no tens digit."""
    units: FloatArray
    """float32 (11,) log-probabilities; class 10 means no readable digit."""
    frame_weights: FloatArray
    """float32 (T,), share of each frame in the read of the whole (1 for a crop read alone); sums to 1, 0 if padded."""
    anchor_frame: int
    """Frame index of the window's best crop."""
    quality: float
    """Quality of that crop, 0 to 1."""
    features: WindowFeatures | None = None
    """None where they are not kept, or the network was not asked."""

    def __post_init__(self) -> None:
        if self.tens.shape != (11,) or self.units.shape != (11,):
            shapes = f"{self.tens.shape} and {self.units.shape}"
            raise ValueError(f"digit log-probabilities have shapes {shapes}, expected (11,)")


def _require_image(name: str, image: UInt8Image) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"{name} is {image.dtype} {image.shape}, expected uint8 (H, W, 3) with H, W >= 1")


def _require_boxes(xyxy: FloatArray, confidence: FloatArray) -> None:
    if xyxy.ndim != 2 or xyxy.shape[1] != 4 or confidence.shape != (len(xyxy),):
        raise ValueError(f"boxes have shape {xyxy.shape} and confidences {confidence.shape}, expected (N, 4) and (N,)")
