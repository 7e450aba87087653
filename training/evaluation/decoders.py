"""Ways from the two digits' probabilities to one number, side by side: plain, the seed system's, the product's."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recognizer.decode import NONE_INDEX, number_log_probs
from recognizer.labels import CLASSES_PER_DIGIT, EMPTY
from training.evaluation.metrics import NO_OUTCOME, outcomes_of

PLAIN: Final = "plain argmax"
SEED: Final = "seed rule"
JOINT: Final = "joint"
JOINT_ABSTAINING: Final = "joint, abstaining"

_SEED_EMPTY, _SEED_TENS, _SEED_UNITS = 0.55, 0.10, 0.50
"""Least probabilities of the seed's rule; see `decode_seed`."""

Places = NDArray[np.int64]


class Decoded(NamedTuple):
    """What a decoder makes of N windows."""

    outcome: Places
    """int64 (N,), places in `recognizer.decode.OUTCOMES`; a pair of digits that is no number counts as none."""
    confidence: NDArray[np.float64]
    """(N,) 0 to 1: how likely the decoder takes its outcome to be. An abstaining decoder keeps the confidence of
    the number it held back."""


class Changes(NamedTuple):
    """What a decoder did to the predictions of another."""

    changed: int
    """Windows with another outcome."""
    mended: int
    """Of these, wrong before and right now."""
    spoilt: int
    """Of these, right before and wrong now."""


def decode_plain(tens_logp: ArrayLike, units_logp: ArrayLike) -> Decoded:
    """Take the likeliest class of each digit; the confidence is the product of both probabilities.

    Args:
        tens_logp: (N, 11) log-probabilities.
        units_logp: (N, 11) log-probabilities.

    Raises:
        ValueError: The shapes are others.
    """
    tens, units = _probabilities(tens_logp, units_logp)
    return _pairs(tens, units, tens.argmax(-1), units.argmax(-1))


def decode_seed(tens_logp: ArrayLike, units_logp: ArrayLike) -> Decoded:
    """Decode as the seed system did: it distrusts the empty class, which most of its training windows had.

    Two steps. First, in each head alone, a digit predicted empty with a probability under 0.55 becomes the likeliest of
    the ten digits, with that digit's own probability as its confidence. Then the number is put together: a tens digit
    under 0.10 beside a units digit of at least 0.50 is dropped and the units digit stands alone; every other pair is
    taken as it is (tens empty: the units digit alone; units empty: no number).

    The seed states these three figures but not which digit the last two are asked of. This reading is the one in which
    both can matter: an empty digit that survives the first step has 0.55 and more, so 0.50 cannot be meant for it,
    while the digit put in its place can have any confidence up to 0.50.

    The confidence is the product of the probabilities of the two classes chosen; of a dropped tens digit nothing
    enters it.

    Args:
        tens_logp: (N, 11) log-probabilities.
        units_logp: (N, 11) log-probabilities.

    Raises:
        ValueError: The shapes are others.
    """
    tens, units = _probabilities(tens_logp, units_logp)
    tens_class, units_class = (_distrust_empty(digit, _SEED_EMPTY) for digit in (tens, units))
    tens_sure, units_sure = _chosen(tens, tens_class), _chosen(units, units_class)
    drop = (tens_class != EMPTY) & (tens_sure < _SEED_TENS) & (units_class != EMPTY) & (units_sure >= _SEED_UNITS)
    joined = _pairs(tens, units, np.where(drop, EMPTY, tens_class), units_class)
    return Decoded(joined.outcome, np.where(drop, units_sure, joined.confidence))


def decode_joint(tens_logp: ArrayLike, units_logp: ArrayLike) -> Decoded:
    """Take the likeliest of all 101 numbers and none, as the product does (`number_log_probs`).

    Args:
        tens_logp: (N, 11) log-probabilities.
        units_logp: (N, 11) log-probabilities.

    Raises:
        ValueError: The shapes are others.
    """
    logp = number_log_probs(tens_logp, units_logp)
    return Decoded(logp.argmax(-1).astype(np.int64), np.exp(logp.max(-1)))


def abstain(decoded: Decoded, threshold: float) -> Decoded:
    """Hold back every number that is less likely than the threshold.

    >>> abstain(Decoded(np.array([7, 46]), np.array([0.9, 0.4])), 0.5).outcome.tolist()
    [7, 101]

    Args:
        decoded: What a decoder says.
        threshold: Least confidence of a number that is given, 0 to 1.

    Raises:
        ValueError: The threshold is outside 0 to 1.
    """
    if not 0.0 <= threshold <= 1.0:
        raise ValueError(f"threshold is {threshold}; allowed is 0 to 1")
    return Decoded(np.where(decoded.confidence < threshold, NONE_INDEX, decoded.outcome), decoded.confidence)


def decode_all(tens_logp: ArrayLike, units_logp: ArrayLike, threshold: float) -> Mapping[str, Decoded]:
    """Every decoder on the same windows, by name, in the order of the tables.

    Args:
        tens_logp: (N, 11) log-probabilities.
        units_logp: (N, 11) log-probabilities.
        threshold: Of the abstaining one, 0 to 1.

    Raises:
        ValueError: The shapes are others, or the threshold is outside 0 to 1.
    """
    joint = decode_joint(tens_logp, units_logp)
    return {
        PLAIN: decode_plain(tens_logp, units_logp),
        SEED: decode_seed(tens_logp, units_logp),
        JOINT: joint,
        JOINT_ABSTAINING: abstain(joint, threshold),
    }


def compare(before: Places, after: Places, truth: Places) -> Changes:
    """Count what one decoder changed in the predictions of another.

    >>> compare(np.array([7, 8, 9]), np.array([7, 80, 99]), np.array([7, 80, 9]))
    Changes(changed=2, mended=1, spoilt=1)

    Args:
        before: int64 (N,) outcomes.
        after: int64 (N,) outcomes.
        truth: int64 (N,) outcomes.
    """
    changed = before != after
    return Changes(
        changed=int(changed.sum()),
        mended=int((changed & (after == truth)).sum()),
        spoilt=int((changed & (before == truth)).sum()),
    )


def _probabilities(tens_logp: ArrayLike, units_logp: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    tens, units = np.asarray(tens_logp, np.float64), np.asarray(units_logp, np.float64)
    if tens.ndim != 2 or tens.shape[1] != CLASSES_PER_DIGIT or tens.shape != units.shape:
        raise ValueError(f"log-probabilities have shapes {tens.shape} and {units.shape}, expected both (N, 11)")
    return np.exp(tens), np.exp(units)


def _distrust_empty(probability: NDArray[np.float64], least: float) -> Places:
    """The likeliest class of each window, or the likeliest digit where empty is the likeliest but too unsure."""
    best = probability.argmax(-1)
    doubtful = (best == EMPTY) & (probability[:, EMPTY] < least)
    return np.asarray(np.where(doubtful, probability[:, :EMPTY].argmax(-1), best), np.int64)


def _chosen(probability: NDArray[np.float64], classes: Places) -> NDArray[np.float64]:
    """Probability of one class per window."""
    return np.asarray(np.take_along_axis(probability, classes[:, None], axis=1)[:, 0])


def _pairs(tens: NDArray[np.float64], units: NDArray[np.float64], tens_class: Places, units_class: Places) -> Decoded:
    """Two classes per window as one outcome."""
    outcome = outcomes_of(np.stack([tens_class, units_class], axis=1))
    confidence = _chosen(tens, tens_class) * _chosen(units, units_class)
    return Decoded(np.where(outcome == NO_OUTCOME, NONE_INDEX, outcome), np.minimum(confidence, 1.0))
