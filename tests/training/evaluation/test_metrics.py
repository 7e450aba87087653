"""Figures of reading: each against a value worked out by hand or by another road."""

import doctest
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognizer.decode import NONE_INDEX, OUTCOMES
from recognizer.labels import encode
from training.evaluation import metrics
from training.evaluation.metrics import (
    NO_OUTCOME,
    accuracy,
    confusion,
    coverage_at_risk,
    outcomes_of,
    per_class,
    reliability,
    risk_coverage,
    wilson_interval,
)


def digit(*shares: tuple[int, float]) -> list[float]:
    """Log-probabilities of 11 classes; what is not named shares the rest."""
    given = dict(shares)
    rest = (1.0 - sum(given.values())) / (11 - len(given))
    return [math.log(max(given.get(place, rest), 1e-12)) for place in range(11)]


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(metrics).failed == 0


def test_every_outcome_has_its_place() -> None:
    codes = np.array([encode(outcome) for outcome in OUTCOMES])
    assert outcomes_of(codes).tolist() == list(range(len(OUTCOMES)))


def test_pairs_without_meaning_have_no_outcome() -> None:
    assert outcomes_of(np.array([[0, 7], [4, 10]])).tolist() == [NO_OUTCOME, NO_OUTCOME]


@pytest.mark.parametrize("codes", [[[11, 0]], [[0, -1]]])
def test_codes_out_of_range_are_refused(codes: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="allowed are 0 to 10"):
        outcomes_of(codes)


def test_codes_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected whole numbers \(N, 2\)"):
        outcomes_of([1, 2])


def test_accuracy_counts_digits_apart_and_together() -> None:
    tens = [digit((4, 0.9)), digit((4, 0.9)), digit((10, 0.9)), digit((10, 0.9))]
    units = [digit((6, 0.9)), digit((8, 0.9)), digit((6, 0.9)), digit((10, 0.9))]
    codes = np.array([encode("46"), encode("46"), encode("46"), encode(None)])
    found = accuracy(tens, units, codes)
    assert found == (0.5, 0.5, 0.75, 0.75, 4)


def test_number_is_the_joint_decoders_even_where_both_digits_alone_are_no_number() -> None:
    # Alone: tens 0, units 7, which is no number; together the likeliest that is one is '7'.
    found = accuracy([digit((0, 0.55), (10, 0.44))], [digit((7, 0.98))], [encode("7")])
    assert found.number == 1.0
    assert found.both_digits == 0.0


def test_accuracy_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no window was given"):
        accuracy(np.zeros((0, 11)), np.zeros((0, 11)), np.zeros((0, 2), int))


def test_accuracy_of_other_lengths_is_refused() -> None:
    with pytest.raises(ValueError, match="lengths 1, 1, 2 differ"):
        accuracy(np.zeros((1, 11)), np.zeros((1, 11)), np.zeros((2, 2), int))


def test_calibration_error_by_hand() -> None:
    # One bin claims 0.95 and keeps 0.5 (2 of 4), one claims 0.35 and keeps 1 (1 of 1).
    confidence, correct = [0.95] * 4 + [0.35], [True, True, False, False, True]
    found = reliability(confidence, correct, bins=10)
    assert found.error == pytest.approx(0.8 * 0.45 + 0.2 * 0.65)
    assert found.counts.sum() == 5
    assert found.accuracy[9] == 0.5
    assert np.isnan(found.confidence[0])


def test_borders_belong_to_the_bin_below() -> None:
    assert reliability([0.0, 0.5, 1.0], [True] * 3, bins=2).counts.tolist() == [2, 1]


@pytest.mark.parametrize("bad", [[1.2], [-0.1], [float("nan")]])
def test_confidence_outside_its_range_is_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="allowed is 0 to 1"):
        reliability(bad, [True])


def test_risk_coverage_by_hand() -> None:
    curve = risk_coverage([0.9, 0.8, 0.7, 0.6], [True, False, True, True])
    assert curve.coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert curve.risk.tolist() == pytest.approx([0, 1 / 2, 1 / 3, 1 / 4])
    assert curve.threshold.tolist() == [0.9, 0.8, 0.7, 0.6]
    assert curve.area == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert coverage_at_risk(curve, 0.3) == 1.0
    assert coverage_at_risk(curve, 0.2) == 0.25
    assert coverage_at_risk(risk_coverage([0.5], [False]), 0.1) == 0.0


def test_equal_confidences_are_answered_together() -> None:
    curve = risk_coverage([0.5] * 4, [False, True, True, True])
    assert curve.coverage.tolist() == [1.0]
    assert curve.area == pytest.approx(0.25)


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.9]), st.booleans()), min_size=1))
def test_risk_coverage_does_not_depend_on_the_order(cases: list[tuple[float, bool]]) -> None:
    shuffled = sorted(cases, key=lambda case: (case[1], case[0]))
    first = risk_coverage(*zip(*cases, strict=True))
    second = risk_coverage(*zip(*shuffled, strict=True))
    assert first.area == pytest.approx(second.area)
    assert first.risk[-1] == pytest.approx(1 - np.mean([right for _, right in cases]))


def test_confusion_has_truth_in_rows() -> None:
    assert confusion([2, 2, 0], [2, 1, 0], 3).tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 1]]
    with pytest.raises(ValueError, match="outside 0 to 2"):
        confusion([3], [0], 3)


def test_per_class_in_the_order_of_numbers() -> None:
    figures = per_class([NONE_INDEX, 10, 9, 9], [True, False, True, False], [0.5, 0.4, 0.9, 0.7])
    assert [(f.outcome, f.windows, f.right) for f in figures] == [(9, 2, 1), (10, 1, 0), (NONE_INDEX, 1, 1)]
    assert figures[0].mean_confidence == pytest.approx(0.8)
    assert figures[0].low < 0.5 < figures[0].high


@given(st.integers(1, 500), st.data())
def test_wilson_interval_holds_the_share(count: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, count))
    low, high = wilson_interval(right, count)
    assert 0.0 <= low <= right / count <= high <= 1.0


def test_wilson_interval_of_nothing_and_of_nonsense() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match="allowed is 0 to 3"):
        wilson_interval(4, 3)
