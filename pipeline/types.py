"""What flows from stage to stage: small frozen records, checked once when made.

Arrays inside a record are never written to after it is made. `xyxy` is left, top, right, bottom in
pixels of the upright frame; a jersey number is text (`'0'` and `'00'` are two numbers).
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

UInt8Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture."""

    index: int
    """Place in decode order, 0-based."""
    time: Fraction
    """Exact presentation time in seconds, as the stream states it; never index / fps."""
    bgr: UInt8Image
    """uint8 (H, W, 3), upright (rotation metadata applied)."""

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

    def __post_init__(self) -> None:
        _require_image("Crop.rgb", self.rgb)
        if not 0.0 <= self.quality <= 1.0:
            raise ValueError(f"Crop.quality is {self.quality}, expected 0 to 1")


@dataclass(frozen=True, slots=True)
class CropWindow:
    """Crops of one track, ready for the recognizer; `T` is the window length (5)."""

    track_id: int
    frame_indices: IntArray
    """int64 (T,), frame of each crop; -1 where padded."""
    rgb: UInt8Image
    """uint8 (T, S, S, 3), preprocessed to the recognizer's input size; zeros where padded."""
    valid: BoolArray
    """bool (T,), False where padded."""
    anchor: int
    """Position (0 to T - 1) of the crop with the highest quality."""
    quality: float
    """Quality of the anchor, 0 to 1."""

    def __post_init__(self) -> None:
        length = len(self.valid)
        if self.rgb.ndim != 4 or self.rgb.shape[0] != length or self.frame_indices.shape != (length,):
            raise ValueError(
                f"window parts disagree: rgb {self.rgb.shape}, valid {self.valid.shape}, "
                f"frames {self.frame_indices.shape}"
            )
        if not self.valid[self.anchor]:
            raise ValueError(f"the anchor (position {self.anchor}) is a padded frame")


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
    """float32 (T,), share of each frame in the read; sums to 1, 0 where padded."""
    anchor_frame: int
    """Frame index of the window's best crop."""
    quality: float
    """Quality of that crop, 0 to 1."""

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
