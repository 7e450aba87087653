"""How well a detector finds labelled people: recall, precision and average precision at IoU 0.5."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from pipeline.detection.detector import PlayerDetector
from pipeline.types import BoolArray, Detections, FloatArray, Frame
from training.data.matching import overlaps
from training.detector.data import LabelledFrame


@dataclass(frozen=True, slots=True)
class DetectorScore:
    """What was found, at one confidence, over some frames."""

    people: int
    """Labelled people."""
    found: int
    """Those found."""
    recall: float
    """Their share."""
    small_recall: float
    """Share found of those that are no taller than `SMALL` pixels (nan where there are none)."""
    precision: float
    """Share of the boxes given that are labelled people; boxes on people only the teacher sees are not counted."""
    average_precision: float
    """Area under precision over recall, over all confidences."""
    milliseconds: float
    """Wall time for one frame."""


SMALL = 50.0
"""Height in pixels of the frame up to which a person counts as small."""

POSSIBLE = 0.25
"""Confidence from which a box of the teacher's is neither right nor wrong: tracked boxes miss some people."""


def match(found: Detections, people: FloatArray, doubtful: FloatArray) -> tuple[BoolArray, BoolArray, BoolArray]:
    """Match the boxes of a frame to its people, surest first, one to one, at IoU 0.5.

    Returns:
        Per box: is it right, does it count (an unmatched box on a doubtful person does not); per person: found.
    """
    right, counts = np.zeros(len(found), np.bool_), np.ones(len(found), np.bool_)
    taken = np.zeros(len(people), np.bool_)
    if len(found) == 0:
        return right, counts, taken
    shared = overlaps(found.xyxy, people)
    vague = overlaps(found.xyxy, doubtful)
    for i in np.argsort(-found.confidence, kind="stable"):
        free = np.where(taken, 0, shared[i])
        if len(people) and free.max() >= 0.5:
            taken[free.argmax()] = right[i] = True
        elif len(doubtful) and vague[i].max() >= 0.5:
            counts[i] = False
    return right, counts, taken


def average_precision(confidence: FloatArray, right: BoolArray, people: int) -> float:
    """Area under the precision-recall curve, precision made falling.

    >>> average_precision(np.array([0.9, 0.8], np.float32), np.array([True, False]), 1)
    1.0
    """
    order = np.argsort(-confidence, kind="stable")
    hits = np.cumsum(right[order])
    precision = hits / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((envelope * right[order]).sum() / max(people, 1))


class Look(NamedTuple):
    """What a detector found in one labelled frame."""

    found: Detections
    people: FloatArray
    """float32 (N, 4) xyxy pixels: people by the labels."""
    doubtful: FloatArray
    """float32 (M, 4) xyxy pixels: a box here counts neither way."""
    seconds: float
    """Wall time."""


def look(detector: PlayerDetector, frames: Sequence[LabelledFrame]) -> list[Look]:
    """Run a detector over labelled frames, one by one."""
    looks = []
    for index, labelled in enumerate(frames):
        frame = Frame(index, Fraction(index), labelled.read())
        start = time.perf_counter()
        (found,) = detector.detect([frame])
        seconds = time.perf_counter() - start
        vague = np.concatenate((labelled.doubtful, labelled.seen[labelled.seen[:, 4] >= POSSIBLE, :4]))
        looks.append(Look(found, labelled.people, vague, seconds))
    return looks


def score(looks: Sequence[Look], confidence: float) -> DetectorScore:
    """Score what detectors found whose own least confidence is below `confidence`; at least one frame."""
    confidences, rights, takens, heights = [], [], [], []
    for found, people, doubtful, _ in looks:
        right, counts, _ = match(found, people, doubtful)
        confidences.append(found.confidence[counts])
        rights.append(right[counts])
        sure = found.confidence >= confidence
        kept = Detections(found.xyxy[sure], found.confidence[sure])
        takens.append(match(kept, people, doubtful)[2])
        heights.append(people[:, 3] - people[:, 1])
    certainty, right, taken, height = (np.concatenate(part) for part in (confidences, rights, takens, heights))
    sure, small = certainty >= confidence, height <= SMALL
    return DetectorScore(
        people=len(taken),
        found=int(taken.sum()),
        recall=float(taken.mean()) if len(taken) else float("nan"),
        small_recall=float(taken[small].mean()) if small.any() else float("nan"),
        precision=float(right[sure].mean()) if sure.any() else float("nan"),
        average_precision=average_precision(certainty, right, len(taken)),
        milliseconds=1e3 * sum(each.seconds for each in looks) / len(looks),
    )


def measure(detector: PlayerDetector, frames: Sequence[LabelledFrame], confidence: float) -> DetectorScore:
    """Score a detector whose own least confidence is below `confidence`."""
    return score(look(detector, frames), confidence)
