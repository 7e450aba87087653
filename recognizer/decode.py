"""From the log-probabilities of two digits to those of whole numbers."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recognizer.labels import CLASSES_PER_DIGIT, NUMBERS, encode

OUTCOMES: Final[tuple[str | None, ...]] = (*NUMBERS, None)
"""What a read can come to: the 101 numbers, then None (no readable number)."""

NONE_INDEX: Final = len(NUMBERS)
"""Place of None among the outcomes."""

_CODES: Final = np.array([encode(outcome) for outcome in OUTCOMES], dtype=np.int64)
_FLOOR: Final = -1e4


class Candidate(NamedTuple):
    """An outcome and how likely it is."""

    number: str | None
    """Jersey number; None means no readable number."""
    probability: float
    """0 to 1."""


def number_log_probs(tens_logp: ArrayLike, units_logp: ArrayLike) -> NDArray[np.float64]:
    """Join the two digits: P(number) is proportional to P(its tens class) x P(its units class).

    Pairs that stand for no outcome (a leading zero, a tens digit without a units digit) are left out, and the rest
    is scaled to sum to 1.

    Args:
        tens_logp: (..., 11) log-probabilities of the tens digit; values under -10 000 count as -10 000.
        units_logp: (..., 11) log-probabilities of the units digit.

    Returns:
        float64 (..., 102) log-probabilities over `OUTCOMES`: the 101 numbers, then none.

    Raises:
        ValueError: An input does not have 11 classes.
    """
    tens, units = np.asarray(tens_logp, np.float64), np.asarray(units_logp, np.float64)
    if tens.shape[-1:] != (CLASSES_PER_DIGIT,) or units.shape[-1:] != (CLASSES_PER_DIGIT,):
        raise ValueError(f"log-probabilities have shapes {tens.shape} and {units.shape}, expected (..., 11)")
    joint = np.maximum(tens, _FLOOR)[..., _CODES[:, 0]] + np.maximum(units, _FLOOR)[..., _CODES[:, 1]]
    joint = joint - joint.max(axis=-1, keepdims=True)
    return np.asarray(joint - np.log(np.exp(joint).sum(axis=-1, keepdims=True)), np.float64)


def split_readable(log_probs: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Split a read into how readable it is and what it says if so.

    Args:
        log_probs: float64 (102,) over `OUTCOMES`.

    Returns:
        Probability that a number can be read, and float64 (101,) probabilities over `NUMBERS` given that it can.
    """
    probability = np.exp(log_probs)
    readable = float(1.0 - probability[NONE_INDEX])
    numbers = np.exp(log_probs[:NONE_INDEX] - log_probs[:NONE_INDEX].max())
    return max(0.0, readable), numbers / numbers.sum()


def top_candidates(logp: ArrayLike, k: int = 3) -> list[Candidate]:
    """The likeliest outcomes of one read, likeliest first.

    Args:
        logp: (102,) log-probabilities from `number_log_probs`.
        k: How many, at least 1; at most 102 come back. Ties stand in the order of `OUTCOMES`.

    Returns:
        Candidates in falling probability.

    Raises:
        ValueError: The input is not (102,), or k is under 1.
    """
    values = np.asarray(logp, np.float64)
    if values.shape != (len(OUTCOMES),):
        raise ValueError(f"log-probabilities have shape {values.shape}, expected ({len(OUTCOMES)},)")
    if k < 1:
        raise ValueError(f"k is {k}; allowed is a whole number from 1")
    order = np.argsort(-values, kind="stable")[:k]
    return [Candidate(OUTCOMES[place], float(np.exp(values[place]))) for place in order]
