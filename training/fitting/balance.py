"""Weights of the digit classes against a data set's imbalance."""

from typing import Final, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from recognizer.labels import CLASSES_PER_DIGIT, EMPTY

WeightScheme = Literal["none", "balanced", "effective_number"]

DEFAULT_BETA: Final = 0.9999


class ClassWeights(NamedTuple):
    """Weights of both digits' classes for a cross-entropy: 1 on average over the classes present, 0 for absent ones."""

    tens: NDArray[np.float32]
    """float32 (11,); class 10 means no tens digit."""
    units: NDArray[np.float32]
    """float32 (11,); class 10 means no readable digit."""


def effective_number(counts: NDArray[np.int64], beta: float = DEFAULT_BETA) -> NDArray[np.float64]:
    """How many distinct windows a class is worth: (1 - beta^n) / (1 - beta) (Cui et al. 2019, "Class-balanced loss").

    >>> effective_number(np.array([0, 1, 10]), beta=0.5).round(4).tolist()
    [0.0, 1.0, 1.998]

    Args:
        counts: int, windows of each class.
        beta: 0 (every class is worth 1) up to, but not including, 1 (every window counts).

    Raises:
        ValueError: `beta` is out of range.
    """
    if not 0.0 <= beta < 1.0:
        raise ValueError(f"beta is {beta}; allowed is 0 up to, but not including, 1")
    if beta == 0.0:
        return (counts > 0).astype(np.float64)
    return np.asarray(-np.expm1(counts * np.log(beta)) / (1.0 - beta), np.float64)


def digit_weights(
    codes: NDArray[np.int64],
    scheme: WeightScheme,
    beta: float = DEFAULT_BETA,
    empty_tens_factor: float = 1.0,
    square_root: bool = False,
) -> ClassWeights:
    """Class weights of both digits from the windows to train on.

    For a class of n windows among N in C classes: `none` gives 1, `balanced` N / (C n), `effective_number` the
    inverse of `effective_number`, (1 - beta) / (1 - beta^n). Then the square root is taken (if asked), then the
    weight of the empty tens class is multiplied, and last all are scaled to average 1.

    Args:
        codes: int (N, 2) tens and units classes of the windows, N at least 1.
        scheme: How a class's weight follows from its count.
        beta: Of `effective_number`; 0 up to, but not including, 1.
        empty_tens_factor: Factor of the empty tens class, above 0 up to 10; under 1 holds back the answer
            'no tens digit'. Windows without a readable number are of that class too.
        square_root: Whether the weights are softened by their square root.

    Raises:
        ValueError: An argument is out of range.
    """
    if codes.ndim != 2 or codes.shape[1] != 2 or len(codes) == 0:
        raise ValueError(f"codes have shape {codes.shape}, expected (N, 2) with N >= 1")
    if not 0.0 < empty_tens_factor <= 10.0:
        raise ValueError(f"empty_tens_factor is {empty_tens_factor}; allowed is above 0 up to 10")
    tens, units = (_raw_weights(counts, scheme, beta) for counts in _counts(codes))
    if square_root:
        tens, units = np.sqrt(tens), np.sqrt(units)
    tens[EMPTY] *= empty_tens_factor
    return ClassWeights(_to_mean_one(tens), _to_mean_one(units))


def weights_table(codes: NDArray[np.int64], weights: ClassWeights) -> str:
    """A table of count, share and weight of every class of both digits; `-` stands for the empty class.

    Args:
        codes: int (N, 2) the weights were made from.
        weights: From `digit_weights`.
    """
    tens, units = _counts(codes)
    lines = [f"{'digit':>5} | {'tens':>8} {'share':>6} {'weight':>8} | {'units':>8} {'share':>6} {'weight':>8}"]
    for digit in range(CLASSES_PER_DIGIT):
        cells = [
            f"{counts[digit]:>8} {counts[digit] / len(codes):>6.1%} {column[digit]:>8.4f}"
            for counts, column in ((tens, weights.tens), (units, weights.units))
        ]
        lines.append(f"{'-' if digit == EMPTY else digit:>5} | {cells[0]} | {cells[1]}")
    return "\n".join(lines)


def _counts(codes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Windows of each tens and of each units class, int64 (11,) each."""
    tens, units = (np.bincount(column, minlength=CLASSES_PER_DIGIT).astype(np.int64) for column in codes.T)
    if len(tens) > CLASSES_PER_DIGIT or len(units) > CLASSES_PER_DIGIT:
        raise ValueError(f"a class is {codes.max()}; allowed are 0 to {EMPTY}")
    return tens, units


def _raw_weights(counts: NDArray[np.int64], scheme: WeightScheme, beta: float) -> NDArray[np.float64]:
    """float64 (11,), 0 for absent classes."""
    present = counts > 0
    if scheme == "none":
        return present.astype(np.float64)
    if scheme == "balanced":
        worth = counts * (present.sum() / counts.sum())
    elif scheme == "effective_number":
        worth = effective_number(counts, beta)
    else:
        raise ValueError(f"scheme is {scheme!r}; allowed are {', '.join(get_args(WeightScheme))}")
    return np.asarray(np.divide(1.0, worth, out=np.zeros(len(counts)), where=present), np.float64)


def _to_mean_one(weights: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(weights * (np.count_nonzero(weights) / weights.sum()), np.float32)
