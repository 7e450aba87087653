"""The straightforward script that the product is measured against; same weights, one thing after another.

Pictures are read and written with OpenCV, the detector and the tracker see one frame at a time, and the recognizer
reads, for every player in every frame, one window of his last five crops. A track's number is the one read most
often. The detector is called through `PlayerDetector`, which is faster than its vendor's own `predict()`: the
comparison does not profit from that one.
"""

from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch

from pipeline.clock import StageClock
from pipeline.crops import cut_crops
from pipeline.detection.detector import PlayerDetector
from pipeline.media.video import VideoError
from pipeline.settings import Settings
from pipeline.tracking.tracker import PlayerTracker
from pipeline.types import Crop, Frame, TrackedBoxes, UInt8Image
from recognizer.decode import number_log_probs, top_candidates
from recognizer.reader import JerseyReader, default_weights

_CODEC: Final = "mp4v"
_GREEN: Final = (0, 255, 0)


@dataclass(frozen=True, slots=True)
class NaiveResult:
    """What the script found."""

    frames: int
    reads: int
    numbers: dict[int, str]
    """The number read most often, by track id; tracks that were never read are left out."""


class _Reader:
    """One forward pass for each window."""

    def __init__(self, settings: Settings, device: torch.device) -> None:
        weights = Path(settings.reader.weights) if settings.reader.weights else default_weights()
        self._reader = JerseyReader(weights, device, backend="torch", precision=settings.reader.precision)
        self._last: defaultdict[int, deque[UInt8Image]] = defaultdict(lambda: deque(maxlen=settings.windows.length))
        self.votes: defaultdict[int, Counter[str]] = defaultdict(Counter)
        self.reads = 0

    def read(self, crop: Crop) -> None:
        """Read the window of a player's last crops and count its vote."""
        window = self._last[crop.track_id]
        window.append(self._reader.preprocess.apply(crop.rgb))
        output = self._reader.read(np.stack(window)[None], np.ones((1, len(window)), np.bool_))
        [best] = top_candidates(number_log_probs(output.tens[0], output.units[0]), 1)
        if best.number is not None:
            self.votes[crop.track_id][best.number] += 1
        self.reads += 1

    def number(self, track_id: int) -> str | None:
        """The number read most often so far."""
        votes = self.votes.get(track_id)
        return votes.most_common(1)[0][0] if votes else None


def run_naive(
    video: Path, settings: Settings, device: torch.device, output: Path, seconds: float | None, clock: StageClock
) -> NaiveResult:
    """Run the script on a video file.

    Args:
        video: A file that OpenCV can read.
        settings: Weights and sizes; what the script has no counterpart for is not used.
        device: Where the networks run.
        output: The video to write.
        seconds: How much of the video to take; None takes all.
        clock: Counts the stages' seconds.

    Raises:
        VideoError: OpenCV cannot open the file.
    """
    capture = cv2.VideoCapture(str(video))
    rate = capture.get(cv2.CAP_PROP_FPS)
    if not capture.isOpened() or rate <= 0:
        raise VideoError(f"{video} cannot be opened with OpenCV, which the naive script reads with; give a video file.")
    with clock.stage("load"):
        detector, tracker = PlayerDetector(settings.detector, device), PlayerTracker(settings.tracker, rate)
        reader = _Reader(settings, device)
    size = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    writer = cv2.VideoWriter(str(output), cv2.VideoWriter.fourcc(*_CODEC), rate, size)
    count = 0
    while seconds is None or count < seconds * rate:
        with clock.stage("decode"):
            there, bgr = capture.read()
        if not there:
            break
        frame = Frame(count, Fraction(count) / Fraction(rate), np.asarray(bgr, np.uint8))
        with clock.stage("detect"):
            [found] = detector.detect([frame])
        with clock.stage("track"):
            boxes = tracker.update(frame, found)
        with clock.stage("crop"):
            crops = cut_crops(frame, boxes, settings.crops)
        with clock.stage("read"):
            for crop in crops:
                reader.read(crop)
        with clock.stage("draw"):
            _draw(bgr, boxes, reader)
        with clock.stage("encode"):
            writer.write(bgr)
        count += 1
    capture.release()
    writer.release()
    numbers = {track: number for track in reader.votes if (number := reader.number(track)) is not None}
    return NaiveResult(count, reader.reads, numbers)


def _draw(bgr: cv2.typing.MatLike, boxes: TrackedBoxes, reader: _Reader) -> None:
    for track, xyxy in zip(boxes.track_id.tolist(), boxes.xyxy.round().astype(int).tolist(), strict=True):
        cv2.rectangle(bgr, xyxy[:2], xyxy[2:], _GREEN, 2)
        cv2.putText(bgr, reader.number(track) or "", (xyxy[0], xyxy[1] - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.6, _GREEN, 2)
