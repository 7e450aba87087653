"""Does a rendered match look like football to a detector of real people? `python -m training.check_render CLIP`.

CLIP is a video with `NAME.boxes.csv` beside it (`sample_videos/match.mp4`). Prints what share of the people taller
than `TALL` pixels the detector finds at IoU 0.5, and what share of its boxes stands on nobody. Exit codes: 0 it finds
at least 0.9 with at most 5 % false boxes; 1 it does not; 2 nothing could be measured.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.detection.detector import DetectorSettings, PlayerDetector
from pipeline.media.video import VideoSource, open_source
from pipeline.types import FloatArray
from recognizer.command import Parser, ending_in_a_sentence
from recognizer.device import resolve_device
from recognizer.errors import InputError
from training.data.clip_labels import boxes_by_frame
from training.detector.measure import match
from training.detector.weights import start_detector

TALL: Final = 60.0
"""Height in pixels from which a person must be found; a box on a smaller one counts neither way."""
LEAST_FOUND: Final = 0.9
MOST_FALSE: Final = 0.05


class CheckError(InputError):
    """What is asked for cannot be used."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a detector found over some frames."""

    people: int
    """Those taller than `TALL` pixels."""
    found: int
    """Those of them that a box lies on."""
    boxes: int
    """Boxes given, without those on smaller people."""
    false: int
    """Those of them on nobody."""

    @property
    def recall(self) -> float:
        """Share of the people that were found.

        >>> Finding(people=20, found=19, boxes=20, false=1).recall
        0.95
        """
        return self.found / max(self.people, 1)

    @property
    def false_share(self) -> float:
        """Share of the boxes that stand on nobody."""
        return self.false / max(self.boxes, 1)


@ending_in_a_sentence()
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; see the module's text for the exit codes."""
    options = _parser().parse_args(arguments)
    _require_sensible(options.confidence, options.every)
    truth = boxes_by_frame(options.clip.with_suffix(".boxes.csv"))
    source = open_source(options.clip)
    with tempfile.TemporaryDirectory() as folder:
        weights = _usable(options.weights, Path(folder))
        detector = PlayerDetector(DetectorSettings(weights, confidence=options.confidence), resolve_device())
        finding = check(source, truth, detector, options.every)
    sys.stdout.write(
        f"found {finding.found} of {finding.people} people over {TALL:.0f} px ({finding.recall:.3f}), "
        f"false boxes {finding.false} of {finding.boxes} ({finding.false_share:.3f})\n"
    )
    return 0 if finding.recall >= LEAST_FOUND and finding.false_share <= MOST_FALSE else 1


def check(source: VideoSource, truth: Mapping[int, FloatArray], detector: PlayerDetector, every: int = 1) -> Finding:
    """Look at one frame in `every` of a clip and count."""
    people = found = boxes = false = 0
    for frame in source.frames():
        if frame.index % every:
            continue
        given = truth.get(frame.index, np.zeros((0, 4), np.float32))
        tall = given[:, 3] - given[:, 1] > TALL
        (detections,) = detector.detect([frame])
        right, counts, taken = match(detections, given[tall], given[~tall])
        people, found = people + len(taken), found + int(taken.sum())
        boxes, false = boxes + int(counts.sum()), false + int((counts & ~right).sum())
    return Finding(people, found, boxes, false)


def _require_sensible(confidence: float, every: int) -> None:
    if not 0.0 <= confidence <= 1.0:
        raise CheckError(f"--confidence is {confidence:g}; give a number from 0 to 1.")
    if every < 1:
        raise CheckError(f"--every is {every}; give a whole number from 1.")


def _usable(weights: Path | None, folder: Path) -> str | None:
    """Weights with a card beside them as they are; without one they are COCO's network, cut down to its persons."""
    if weights is None or not weights.is_file() or weights.with_suffix(".json").exists():
        return None if weights is None else str(weights)
    return str(start_detector(weights, folder / "person.safetensors"))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m training.check_render", description=__doc__)
    parser.add_argument("clip", type=Path, help="video with NAME.boxes.csv beside it")
    parser.add_argument(
        "--weights", type=Path, help="detector (.safetensors): one with a card, or COCO's YOLO11n; default: the shipped"
    )
    parser.add_argument("--confidence", type=float, default=0.25, help="least confidence of a box (default: 0.25)")
    parser.add_argument("--every", type=int, default=5, help="look at one frame in so many (default: 5)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
