"""All figures of an evaluation, from what the network said and what is true."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recognizer.decode import NONE_INDEX, OUTCOMES
from recognizer.labels import CLASSES_PER_DIGIT, EMPTY, encode
from recognizer.reader import ReaderOutput
from training.evaluation.decoders import (
    JOINT,
    JOINT_ABSTAINING,
    PLAIN,
    Changes,
    Decoded,
    compare,
    decode_all,
    decode_joint,
)
from training.evaluation.metrics import (
    Accuracy,
    ClassFigures,
    Reliability,
    RiskCoverage,
    accuracy,
    confusion,
    outcomes_of,
    per_class,
    reliability,
    risk_coverage,
    wilson_interval,
)
from training.evaluation.reads import VIEWS, WINDOW, Reads

_TENS_OF: Final = np.array([encode(outcome)[0] for outcome in OUTCOMES], np.int64)
_UNITS_OF: Final = np.array([encode(outcome)[1] for outcome in OUTCOMES], np.int64)


@dataclass(frozen=True, slots=True)
class DecoderFigures:
    """How one decoder does on all windows."""

    name: str
    number: float
    """Share of windows whose outcome, none included, is right."""
    low: float
    """Lower end of its 95 % Wilson interval."""
    high: float
    tens: float
    """Share of windows whose outcome has the right tens digit (empty included)."""
    units: float
    answered: float
    """Share of windows that are given a number."""
    precision: float | None
    """Share of the given numbers that is right; None where none is given."""
    false_numbers: float | None
    """Share of the windows without a readable number that are given one; None where there is no such window."""
    mean_confidence: float
    calibration_error: float | None
    """Of the confidence that the outcome is right; None for the abstaining decoder, which is the joint one's."""
    risk_area: float | None
    """Area under risk over coverage; None likewise."""
    changes: Changes
    """Against plain argmax."""


@dataclass(frozen=True, slots=True)
class BaselineFigures:
    """What an answer without looking reaches."""

    name: str
    number: float
    tens: float
    units: float


@dataclass(frozen=True, slots=True)
class ViewFigures:
    """What the network reads from whole windows, or from one frame repeated; joint decoder."""

    name: str
    accuracy: Accuracy
    mean_confidence: float
    variance: float
    """Of the confidence over windows."""
    only_here: int
    """Windows read right in this view and wrong as a whole window."""
    only_window: int
    """Windows read right as a whole window and wrong in this view."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that was measured; classes and curves are the joint decoder's."""

    digits: Accuracy
    """Argmax of each digit, and the joint decoder's number."""
    decoders: tuple[DecoderFigures, ...]
    baselines: tuple[BaselineFigures, ...]
    views: tuple[ViewFigures, ...]
    classes: tuple[ClassFigures, ...]
    reliability: Reliability
    risk: Mapping[str, RiskCoverage]
    """By decoder; the abstaining one's points lie on the joint one's curve."""
    numbers: tuple[int, ...]
    """Outcomes that occur as truth or prediction, in order: rows and columns of `number_confusion`."""
    number_confusion: NDArray[np.int64]
    """(len(numbers), len(numbers)), truth in rows."""
    tens_confusion: NDArray[np.int64]
    """(11, 11), argmax, truth in rows."""
    units_confusion: NDArray[np.int64]


def evaluate_reads(reads: Reads, threshold: float) -> Evaluation:
    """Work out every figure.

    Args:
        reads: At least one window.
        threshold: Least confidence of a number that the abstaining decoder gives, 0 to 1.
    """
    truth, output = outcomes_of(reads.codes), reads.window
    decoded = decode_all(output.tens, output.units, threshold)
    joint = decoded[JOINT]
    right = joint.outcome == truth
    numbers = np.union1d(truth, joint.outcome)
    tens, units = output.tens.argmax(-1), output.units.argmax(-1)
    return Evaluation(
        digits=accuracy(output.tens, output.units, reads.codes),
        decoders=tuple(_decoder(name, one, decoded[PLAIN], truth) for name, one in decoded.items()),
        baselines=baselines(reads.codes, decoded[PLAIN], units),
        views=tuple(_view(view, reads.views[view], reads.codes, right) for view in VIEWS),
        classes=tuple(per_class(truth, right, joint.confidence)),
        reliability=reliability(joint.confidence, right),
        risk={
            name: risk_coverage(one.confidence, one.outcome == truth)
            for name, one in decoded.items()
            if name != JOINT_ABSTAINING
        },
        numbers=tuple(numbers.tolist()),
        number_confusion=confusion(
            np.searchsorted(numbers, truth), np.searchsorted(numbers, joint.outcome), len(numbers)
        ),
        tens_confusion=confusion(reads.codes[:, 0], tens, CLASSES_PER_DIGIT),
        units_confusion=confusion(reads.codes[:, 1], units, CLASSES_PER_DIGIT),
    )


def baselines(codes: NDArray[np.int64], plain: Decoded, units: NDArray[np.int64]) -> tuple[BaselineFigures, ...]:
    """What answers without (all of) the network reach on the same windows.

    The most frequent number is the one of the measured windows themselves: no constant answer can do better.

    Args:
        codes: int64 (N, 2), the truth.
        plain: Plain argmax of the same windows; its length must fit.
        units: int64 (N,), the network's units digit, which stands beside an always empty tens digit.
    """
    truth = outcomes_of(codes)
    if len(plain.outcome) != len(truth) or len(units) != len(truth):
        raise ValueError(f"{len(plain.outcome)} predictions and {len(units)} units stand beside {len(truth)} windows")
    most = int(np.bincount(truth, minlength=len(OUTCOMES)).argmax())
    tens_empty, units_right = codes[:, 0] == EMPTY, codes[:, 1] == units
    return (
        BaselineFigures(
            name=f"always {OUTCOMES[most] or 'none'} (the most frequent)",
            number=float((truth == most).mean()),
            tens=float((codes[:, 0] == _TENS_OF[most]).mean()),
            units=float((codes[:, 1] == _UNITS_OF[most]).mean()),
        ),
        BaselineFigures(
            name="tens always empty, units read",
            number=float((tens_empty & units_right).mean()),
            tens=float(tens_empty.mean()),
            units=float(units_right.mean()),
        ),
    )


def _decoder(name: str, decoded: Decoded, plain: Decoded, truth: NDArray[np.int64]) -> DecoderFigures:
    outcome, right = decoded.outcome, decoded.outcome == truth
    given, unreadable = outcome != NONE_INDEX, truth == NONE_INDEX
    low, high = wilson_interval(int(right.sum()), len(truth))
    judged = None if name == JOINT_ABSTAINING else (decoded.confidence, right)
    return DecoderFigures(
        name=name,
        number=float(right.mean()),
        low=low,
        high=high,
        tens=float((_TENS_OF[outcome] == _TENS_OF[truth]).mean()),
        units=float((_UNITS_OF[outcome] == _UNITS_OF[truth]).mean()),
        answered=float(given.mean()),
        precision=float(right[given].mean()) if given.any() else None,
        false_numbers=float(given[unreadable].mean()) if unreadable.any() else None,
        mean_confidence=float(decoded.confidence.mean()),
        calibration_error=reliability(*judged).error if judged else None,
        risk_area=risk_coverage(*judged).area if judged else None,
        changes=compare(plain.outcome, outcome, truth),
    )


def _view(name: str, output: ReaderOutput, codes: NDArray[np.int64], window_right: NDArray[np.bool_]) -> ViewFigures:
    decoded = decode_joint(output.tens, output.units)
    right = decoded.outcome == outcomes_of(codes)
    return ViewFigures(
        name=name,
        accuracy=accuracy(output.tens, output.units, codes),
        mean_confidence=float(decoded.confidence.mean()),
        variance=float(decoded.confidence.var()),
        only_here=0 if name == WINDOW else int((right & ~window_right).sum()),
        only_window=0 if name == WINDOW else int((window_right & ~right).sum()),
    )
