"""Figures that say how well numbers are read; plain arrays in, plain numbers out.

Numbers are handled as places in `recognizer.decode.OUTCOMES`: the 101 jersey numbers, then none.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recognizer.decode import OUTCOMES, number_log_probs
from recognizer.labels import CLASSES_PER_DIGIT, encode

NO_OUTCOME: Final = -1
"""Stands for a pair of digit classes that is neither a number nor none, such as a tens digit alone."""

_OUTCOME_OF: Final = np.full((CLASSES_PER_DIGIT, CLASSES_PER_DIGIT), NO_OUTCOME, np.int64)
for _place, _outcome in enumerate(OUTCOMES):
    _OUTCOME_OF[encode(_outcome)] = _place


class Accuracy(NamedTuple):
    """Shares of windows read right, 0 to 1."""

    number: float
    """The likeliest outcome of `number_log_probs`, none included, is the truth."""
    both_digits: float
    """The likeliest tens class and the likeliest units class, each on its own, are both right."""
    tens: float
    """The likeliest tens class is right."""
    units: float
    """The likeliest units class is right."""
    count: int  # type: ignore[assignment]  # hides the method tuple.count, which these have no use for
    """Windows."""


class Reliability(NamedTuple):
    """Confidence against accuracy in bins of equal width over 0 to 1."""

    edges: NDArray[np.float64]
    """(bins + 1,) borders; a bin holds its upper border, the first one also 0."""
    counts: NDArray[np.int64]
    """(bins,) predictions."""
    confidence: NDArray[np.float64]
    """(bins,) mean confidence, NaN in an empty bin."""
    accuracy: NDArray[np.float64]
    """(bins,) share that is right, NaN in an empty bin."""
    error: float
    """Expected calibration error, 0 (honest) to 1."""


class RiskCoverage(NamedTuple):
    """What is answered against what is wrong among it, most confident first."""

    coverage: NDArray[np.float64]
    """(K,) share answered, rising to 1; one point for each different confidence."""
    risk: NDArray[np.float64]
    """(K,) share of the answered that is wrong."""
    threshold: NDArray[np.float64]
    """(K,) least confidence that is answered, falling."""
    area: float
    """Area under the curve, 0 to 1; lower is better."""


class ClassFigures(NamedTuple):
    """How one class of truth is read."""

    outcome: int
    """Place in `OUTCOMES`."""
    windows: int
    """How often it is the truth."""
    right: int
    """How many of those are read right."""
    accuracy: float
    low: float
    """Lower end of the 95 % Wilson interval of the accuracy."""
    high: float
    mean_confidence: float


def outcome_name(place: int) -> str:
    """An outcome in words: its number, or `none`.

    >>> outcome_name(7), outcome_name(100), outcome_name(101), outcome_name(NO_OUTCOME)
    ('7', '00', 'none', 'invalid')
    """
    return "invalid" if place == NO_OUTCOME else OUTCOMES[place] or "none"


def outcomes_of(codes: ArrayLike) -> NDArray[np.int64]:
    """Places in `OUTCOMES` of pairs of digit classes.

    >>> outcomes_of([[10, 7], [0, 0], [10, 10], [4, 10]]).tolist()
    [7, 100, 101, -1]

    Args:
        codes: int (N, 2), tens and units class, each 0 to 10.

    Returns:
        int64 (N,); `NO_OUTCOME` where the pair stands for nothing.

    Raises:
        ValueError: The shape is another, or a class is outside 0 to 10.
    """
    pairs = np.asarray(codes)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not np.issubdtype(pairs.dtype, np.integer):
        raise ValueError(f"codes are {pairs.dtype} {pairs.shape}, expected whole numbers (N, 2)")
    if pairs.size and (pairs.min() < 0 or pairs.max() >= CLASSES_PER_DIGIT):
        raise ValueError(f"codes reach from {pairs.min()} to {pairs.max()}; allowed are 0 to {CLASSES_PER_DIGIT - 1}")
    return np.asarray(_OUTCOME_OF[pairs[:, 0], pairs[:, 1]], np.int64)


def accuracy(tens_logp: ArrayLike, units_logp: ArrayLike, codes: ArrayLike) -> Accuracy:
    """How many windows are read right.

    Args:
        tens_logp: (N, 11) log-probabilities of the tens digit; N at least 1.
        units_logp: (N, 11) log-probabilities of the units digit.
        codes: int (N, 2), the true tens and units class.

    Returns:
        Shares and their count.

    Raises:
        ValueError: The lengths differ, or there is no window.
    """
    tens, units, truth = np.asarray(tens_logp), np.asarray(units_logp), np.asarray(codes)
    _require_some(len(tens), len(units), len(truth))
    tens_right, units_right = tens.argmax(-1) == truth[:, 0], units.argmax(-1) == truth[:, 1]
    number_right = number_log_probs(tens, units).argmax(-1) == outcomes_of(truth)
    return Accuracy(
        number=float(number_right.mean()),
        both_digits=float((tens_right & units_right).mean()),
        tens=float(tens_right.mean()),
        units=float(units_right.mean()),
        count=len(truth),
    )


def reliability(confidence: ArrayLike, correct: ArrayLike, bins: int = 15) -> Reliability:
    """Compare what predictions claim with what they keep.

    Args:
        confidence: (N,) 0 to 1; N at least 1.
        correct: bool (N,).
        bins: How many bins of equal width, at least 1.

    Returns:
        The bins, and the expected calibration error: the mean over predictions of the distance between their bin's
        mean confidence and its accuracy (Guo et al. 2017, "On calibration of modern neural networks").

    Raises:
        ValueError: The lengths differ, there is no prediction, or a confidence is outside 0 to 1.
    """
    claimed, right = _claims(confidence, correct)
    if bins < 1:
        raise ValueError(f"bins is {bins}; allowed is a whole number from 1")
    edges = np.linspace(0.0, 1.0, bins + 1)
    place = np.clip(np.searchsorted(edges, claimed, side="left") - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(place, claimed, bins) / count
        share = np.bincount(place, right, bins) / count
    error = float(np.nansum(np.abs(mean - share) * count) / len(claimed))
    return Reliability(edges, count.astype(np.int64), mean, share, error)


def risk_coverage(confidence: ArrayLike, correct: ArrayLike) -> RiskCoverage:
    """What answering only the confident predictions costs in coverage and saves in errors.

    Predictions of equal confidence are answered together. The area is the mean over predictions of the risk at the
    coverage at which they join (Geifman and El-Yaniv 2017, "Selective classification for deep neural networks").

    >>> risk_coverage([0.9, 0.5], [True, False]).area
    0.25

    Args:
        confidence: (N,) 0 to 1; N at least 1.
        correct: bool (N,).

    Raises:
        ValueError: The lengths differ, there is no prediction, or a confidence is outside 0 to 1.
    """
    claimed, right = _claims(confidence, correct)
    order = np.argsort(-claimed, kind="stable")
    ranked = claimed[order]
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)
    answered = np.arange(1, len(ranked) + 1)[last_of_tie]
    risk = np.cumsum(1.0 - right[order])[last_of_tie] / answered
    area = float((risk * np.diff(answered, prepend=0)).sum() / len(ranked))
    return RiskCoverage(answered / len(ranked), risk, ranked[last_of_tie], area)


def coverage_at_risk(curve: RiskCoverage, risk: float) -> float:
    """The largest share that can be answered with at most this share of errors among it; 0 where none can.

    >>> coverage_at_risk(risk_coverage([0.9, 0.5], [True, False]), 0.1)
    0.5
    """
    allowed = curve.coverage[curve.risk <= risk + 1e-12]
    return float(allowed.max()) if allowed.size else 0.0


def confusion(truth: ArrayLike, predicted: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Count what was taken for what.

    >>> confusion([0, 0, 1], [0, 1, 1], 2).tolist()
    [[1, 1], [0, 1]]

    Args:
        truth: int (N,), 0 to classes - 1.
        predicted: int (N,), likewise.
        classes: How many there are.

    Returns:
        int64 (classes, classes): truth in rows, predictions in columns.

    Raises:
        ValueError: The lengths differ, or a class is outside the range.
    """
    rows, columns = np.asarray(truth, np.int64), np.asarray(predicted, np.int64)
    if rows.shape != columns.shape or rows.ndim != 1:
        raise ValueError(f"truth has shape {rows.shape} and predictions {columns.shape}; both must be (N,)")
    if rows.size and (min(rows.min(), columns.min()) < 0 or max(rows.max(), columns.max()) >= classes):
        raise ValueError(f"a class is outside 0 to {classes - 1}")
    counts = np.bincount(rows * classes + columns, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)


def per_class(truth: ArrayLike, correct: ArrayLike, confidence: ArrayLike) -> list[ClassFigures]:
    """Accuracy and mean confidence of each true outcome that occurs, in the order of `OUTCOMES`.

    Args:
        truth: int (N,), places in `OUTCOMES`.
        correct: bool (N,).
        confidence: (N,) of the predictions, 0 to 1.

    Raises:
        ValueError: The lengths differ, there is no prediction, or a confidence is outside 0 to 1.
    """
    claimed, right = _claims(confidence, correct)
    outcome = np.asarray(truth, np.int64)
    _require_some(len(outcome), len(claimed))
    figures = []
    for place in np.unique(outcome).tolist():
        here = outcome == place
        count, hits = int(here.sum()), int(right[here].sum())
        low, high = wilson_interval(hits, count)
        figures.append(ClassFigures(place, count, hits, hits / count, low, high, float(claimed[here].mean())))
    return figures


def wilson_interval(right: int, count: int, z: float = 1.959964) -> tuple[float, float]:
    """Where a share measured on `count` cases plausibly lies (Wilson 1927), 95 % by default.

    >>> [round(end, 3) for end in wilson_interval(9, 10)]
    [0.596, 0.982]

    Args:
        right: Successes, 0 to count.
        count: Cases; 0 gives (0, 1): nothing is known.
        z: Quantile of the normal distribution; 1.959964 for 95 %.

    Raises:
        ValueError: `right` is outside 0 to `count`.
    """
    if not 0 <= right <= count:
        raise ValueError(f"right is {right}; allowed is 0 to {count}")
    if count == 0:
        return 0.0, 1.0
    share, spread = right / count, z * z / count
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread)
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def _claims(confidence: ArrayLike, correct: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Checked confidences and, as 0 or 1, whether each is right."""
    claimed, right = np.asarray(confidence, np.float64), np.asarray(correct, bool)
    if claimed.ndim != 1 or right.shape != claimed.shape:
        raise ValueError(f"confidence has shape {claimed.shape} and correct {right.shape}; both must be (N,)")
    _require_some(len(claimed))
    if not bool(((claimed >= 0.0) & (claimed <= 1.0 + 1e-6)).all()):
        raise ValueError(f"confidence reaches from {claimed.min()} to {claimed.max()}; allowed is 0 to 1")
    return np.minimum(claimed, 1.0), right.astype(np.float64)


def _require_some(*lengths: int) -> None:
    if len(set(lengths)) > 1:
        raise ValueError(f"the lengths {', '.join(map(str, lengths))} differ")
    if lengths[0] == 0:
        raise ValueError("there is nothing to measure: no window was given")
