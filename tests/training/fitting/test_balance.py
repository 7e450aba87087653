"""Weights against the imbalance of digit classes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recognizer.labels import encode
from training.fitting.balance import WeightScheme, digit_weights, effective_number, weights_table


def codes_of(**counts: int) -> NDArray[np.int64]:
    """Codes of `n7=3`: three windows of number 7; `none` is the unreadable."""
    pairs = [[encode(None if n == "none" else n[1:])] * count for n, count in counts.items()]
    return np.array([pair for group in pairs for pair in group], np.int64)


SEED = codes_of(n4=300, n6=290, n8=310, n9=39, n49=21, n66=20, n89=20)
"""93.9 % without a tens digit, as in the seed's data."""


def test_balanced_is_inverse_to_the_count() -> None:
    tens, units = digit_weights(codes_of(n7=6, n47=3, n46=1), "balanced")
    # tens: 'none' 6, '4' 4 of 10 in 2 classes; units: '7' 9, '6' 1 of 10 in 2 classes
    raw_tens, raw_units = np.array([10 / (2 * 4), 10 / (2 * 6)]), np.array([10 / (2 * 1), 10 / (2 * 9)])
    np.testing.assert_allclose(tens[[4, 10]], raw_tens / raw_tens.mean(), rtol=1e-6)
    np.testing.assert_allclose(units[[6, 7]], raw_units / raw_units.mean(), rtol=1e-6)
    assert np.count_nonzero(tens) == np.count_nonzero(units) == 2
    assert tens.dtype == units.dtype == np.float32


def test_the_effective_number_follows_its_formula() -> None:
    counts = np.array([0, 1, 20, 1000, 10**7])
    expected = (1 - 0.9999 ** counts.astype(float)) / (1 - 0.9999)
    np.testing.assert_allclose(effective_number(counts, 0.9999), expected, rtol=1e-9)
    assert effective_number(counts, 0.0).tolist() == [0, 1, 1, 1, 1]
    np.testing.assert_allclose(effective_number(counts, 1 - 1e-12)[:4], counts[:4], rtol=1e-3, err_msg="counts all")


def test_effective_number_weights_are_inverse_to_it() -> None:
    tens, _ = digit_weights(SEED, "effective_number", beta=0.99)
    worth = (1 - 0.99 ** np.array([21, 20, 20, 939.0])) / (1 - 0.99)
    np.testing.assert_allclose(tens[[4, 6, 8, 10]], (1 / worth) / (1 / worth).mean(), rtol=1e-6)


def test_suppression_is_exactly_the_factor_against_the_other_tens() -> None:
    for square_root in (False, True):
        plain = digit_weights(SEED, "balanced", square_root=square_root)
        held = digit_weights(SEED, "balanced", empty_tens_factor=0.25, square_root=square_root)
        assert held.tens[10] / held.tens[4] == pytest.approx(0.25 * plain.tens[10] / plain.tens[4])
        assert held.tens[6] / held.tens[4] == pytest.approx(plain.tens[6] / plain.tens[4])
        np.testing.assert_array_equal(held.units, plain.units)


def test_the_square_root_softens() -> None:
    hard, soft = digit_weights(SEED, "balanced").tens, digit_weights(SEED, "balanced", square_root=True).tens
    assert soft[4] / soft[10] == pytest.approx(np.sqrt(hard[4] / hard[10]))


numbers = st.lists(st.sampled_from([None, "00", *map(str, range(100))]), min_size=1, max_size=60)


@given(numbers, st.sampled_from(["none", "balanced", "effective_number"]), st.floats(0, 0.99999), st.booleans())
def test_weights_average_one_and_absent_classes_get_none(
    labels: list[str | None], scheme: WeightScheme, beta: float, square_root: bool
) -> None:
    codes = np.array([encode(label) for label in labels], np.int64)
    weights = digit_weights(codes, scheme, beta, 0.3, square_root)
    for column, weight in zip(codes.T, weights, strict=True):
        present = np.bincount(column, minlength=11) > 0
        np.testing.assert_array_equal(weight > 0, present)
        assert weight[present].mean() == pytest.approx(1.0, rel=1e-5)


@given(numbers, st.sampled_from(["balanced", "effective_number"]))
def test_rarer_classes_never_weigh_less(labels: list[str | None], scheme: WeightScheme) -> None:
    codes = np.array([encode(label) for label in labels], np.int64)
    for column, weight in zip(codes.T, digit_weights(codes, scheme), strict=True):
        counts = np.bincount(column, minlength=11)
        by_count = weight[np.argsort(counts, kind="stable")][np.sort(counts) > 0]
        assert (np.diff(by_count) <= 1e-5).all()


def test_no_scheme_is_one_everywhere() -> None:
    assert set(digit_weights(SEED, "none").tens.tolist()) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scheme": "inverse"}, "scheme is 'inverse'; allowed are none, balanced, effective_number"),
        ({"scheme": "effective_number", "beta": 1.0}, "beta is 1.0; allowed is 0 up to, but not including, 1"),
        ({"scheme": "none", "empty_tens_factor": 0.0}, "empty_tens_factor is 0.0; allowed is above 0 up to 10"),
        ({"scheme": "none", "codes": np.zeros((0, 2), np.int64)}, r"codes have shape \(0, 2\)"),
        ({"scheme": "none", "codes": np.full((1, 2), 11)}, "a class is 11; allowed are 0 to 10"),
    ],
)
def test_arguments_out_of_range_are_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        digit_weights(**({"codes": SEED} | arguments))  # type: ignore[arg-type]


def test_the_table_shows_counts_shares_and_weights() -> None:
    weights = digit_weights(SEED, "balanced")
    lines = weights_table(SEED, weights).splitlines()
    assert len(lines) == 12
    assert lines[0].split() == ["digit", "|", "tens", "share", "weight", "|", "units", "share", "weight"]
    assert lines[-1].split()[:5] == ["-", "|", "939", "93.9%", f"{weights.tens[10]:.4f}"]
    assert lines[10].split() == ["9", "|", "0", "0.0%", "0.0000", "|", "80", "8.0%", f"{weights.units[9]:.4f}"]
