"""Scores of weights on labelled frames, and of the recipe on matches it never saw."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import torch

from pipeline.config import as_plain
from pipeline.detection.detector import DetectorSettings, PlayerDetector
from pipeline.detection.forward import DetectorPrecision
from recognizer.weights_file import read_weights
from training.detector.data import DetectorDataError, LabelledFrame, read_manifest
from training.detector.loop import DetectorTraining
from training.detector.measure import Look, look, measure, score
from training.detector.recipe import MANIFEST, START, train
from training.detector.weights import save_detector, shift_logits

_LEAST_CONFIDENCE = 0.02
"""Least confidence of the detectors measured; weaker boxes add next to nothing to the average precision."""


@dataclass(frozen=True, slots=True)
class Trial:
    """At what to measure; every combination of size and overlap is.

    Raises:
        DetectorDataError: a detector does not take one of the values.
    """

    sizes: tuple[int, ...] = (1280,)
    """Input sizes, pixels."""
    overlaps: tuple[float, ...] = (0.6,)
    """Overlaps from which the weaker of two boxes is dropped."""
    confidence: float = 0.25
    """Confidence for recall and precision."""
    precision: DetectorPrecision = "auto"
    """Number format, as in `DetectorSettings`."""

    def __post_init__(self) -> None:
        if not _LEAST_CONFIDENCE <= self.confidence <= 1:
            raise DetectorDataError(f"confidence is {self.confidence}, expected {_LEAST_CONFIDENCE} to 1.")
        try:
            for size, overlap in product(self.sizes, self.overlaps):
                self.settings(Path(), size, overlap)
        except ValueError as error:
            raise DetectorDataError(f"{error}.") from error

    def settings(self, weights: Path, size: int, overlap: float) -> DetectorSettings:
        """Settings of the detector to measure."""
        return DetectorSettings(
            str(weights), image_size=size, iou=overlap, confidence=_LEAST_CONFIDENCE, precision=self.precision
        )

    def detector(self, weights: Path, size: int, overlap: float) -> PlayerDetector:
        """The detector to measure, on the CPU."""
        return PlayerDetector(self.settings(weights, size, overlap), torch.device("cpu"))


def labelled_frames(work: Path) -> list[LabelledFrame]:
    """The listed frames that can be measured on: filmed ones, none of the teacher's."""
    return [frame for frame in read_manifest(work / MANIFEST) if frame.source in {"hand", "tracked"}]


def compare(work: Path, matches: Sequence[str], weights: Sequence[Path], trial: Trial) -> list[dict[str, Any]]:
    """Scores of weights on the labelled frames of each match (of all labelled ones if none is named)."""
    listed = labelled_frames(work)
    present = sorted({frame.match for frame in listed})
    for match in matches:
        if match not in present:
            raise DetectorDataError(f"No labelled frame is of the match {match!r}; there are {', '.join(present)}.")
    rows = []
    for match, size, overlap, path in product(matches or present, trial.sizes, trial.overlaps, weights):
        frames = [frame for frame in listed if frame.match == match]
        found = measure(trial.detector(path, size, overlap), frames, trial.confidence)
        rows.append({"match": match, "size": size, "overlap": overlap, "weights": path.stem, **as_plain(found)})
    return rows


def halves(matches: Iterable[str]) -> tuple[list[str], list[str]]:
    """Every other match, by name, and the rest.

    >>> halves(["c", "a", "b", "a"])
    (['a', 'c'], ['b'])
    """
    ordered = sorted(set(matches))
    return ordered[::2], ordered[1::2]


def measure_folds(
    work: Path, settings: DetectorTraining, shifts: Sequence[float], trial: Trial
) -> list[dict[str, Any]]:
    """Train without each half of the labelled matches in turn, and score on that half.

    Args:
        work: directory that `label` filled; `fold_1.safetensors` and `fold_2.safetensors` are written there.
        settings: the recipe; `shifts` stand in for its own `class_shift`.
        shifts: values of `class_shift` to measure.
        trial: at what to measure.

    Returns:
        For each input size and overlap the starting weights' row and one for each shift: first those over both
        halves together, then those over each alone.

    Raises:
        DetectorDataError: the labelled frames are of fewer than two matches.
    """
    listed = labelled_frames(work)
    parts = halves(frame.match for frame in listed)
    if not parts[1]:
        raise DetectorDataError(
            f"{work / MANIFEST} holds labelled frames of {len(parts[0])} match(es), expected at least 2; "
            "give the command label more labelled clips."
        )
    for number, held_out in enumerate(parts, start=1):
        train(work, held_out, _fold(work, number), replace(settings, class_shift=0.0))
    tests = [[frame for frame in listed if frame.match in part] for part in parts]
    rows = []
    for size, overlap, shift in product(trial.sizes, trial.overlaps, (None, *shifts)):
        candidates = [work / START if shift is None else _shifted(work, number, shift) for number in (1, 2)]
        looks = [
            look(trial.detector(path, size, overlap), frames) for path, frames in zip(candidates, tests, strict=True)
        ]
        named = {"size": size, "overlap": overlap, "weights": "start" if shift is None else f"tuned {shift:+g}"}
        rows += [{"held out": half, **named, **scores} for half, scores in _scores(looks, trial.confidence)]
    return sorted(rows, key=lambda row: str(row["held out"]))


def _scores(looks: Sequence[list[Look]], confidence: float) -> list[tuple[str, dict[str, Any]]]:
    """Scores over both halves and over each."""
    parts = {"both": [*looks[0], *looks[1]], "half 1": looks[0], "half 2": looks[1]}
    return [(name, as_plain(score(part, confidence))) for name, part in parts.items()]


def _fold(work: Path, number: int) -> Path:
    return work / f"fold_{number}.safetensors"


def _shifted(work: Path, number: int, shift: float) -> Path:
    """A fold's weights with shifted logits, written beside them."""
    fold = _fold(work, number)
    path = fold.with_name(f"{fold.stem}_shifted.safetensors")
    tensors, card = read_weights(fold)
    save_detector(path, shift_logits(tensors, shift), {**card, "class_shift": shift})
    return path
