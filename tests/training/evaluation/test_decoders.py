"""Three ways from digits to a number, on windows worked out by hand."""

import doctest
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recognizer.decode import NONE_INDEX, OUTCOMES, number_log_probs
from training.evaluation import decoders
from training.evaluation.decoders import (
    JOINT,
    JOINT_ABSTAINING,
    PLAIN,
    SEED,
    abstain,
    compare,
    decode_all,
    decode_joint,
    decode_plain,
    decode_seed,
)

EMPTY = 10


def digit(shares: dict[int, float]) -> NDArray[np.float64]:
    """(1, 11) log-probabilities; what is not named shares the rest."""
    rest = (1.0 - sum(shares.values())) / (11 - len(shares))
    return np.array([[math.log(max(shares.get(place, rest), 1e-12)) for place in range(11)]])


def number(place: NDArray[np.int64]) -> str | None:
    return OUTCOMES[int(place[0])]


def seed(tens: dict[int, float], units: dict[int, float]) -> str | None:
    return number(decode_seed(digit(tens), digit(units)).outcome)


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(decoders).failed == 0


def test_plain_takes_each_digit_alone() -> None:
    found = decode_plain(digit({4: 0.6, EMPTY: 0.4}), digit({8: 0.5, 6: 0.4}))
    assert number(found.outcome) == "48"
    assert found.confidence[0] == pytest.approx(0.3)


@pytest.mark.parametrize(("tens", "units"), [({4: 0.9}, {EMPTY: 0.9}), ({0: 0.9}, {7: 0.9})])
def test_a_pair_that_is_no_number_counts_as_none(tens: dict[int, float], units: dict[int, float]) -> None:
    assert number(decode_plain(digit(tens), digit(units)).outcome) is None


def test_seed_turns_a_doubtful_empty_into_the_next_digit() -> None:
    assert number(decode_plain(digit({EMPTY: 0.54, 4: 0.40}), digit({8: 0.9})).outcome) == "8"
    assert seed({EMPTY: 0.54, 4: 0.40}, {8: 0.9}) == "48"
    assert seed({EMPTY: 0.56, 4: 0.40}, {8: 0.9}) == "8"


def test_seed_does_so_for_the_units_too() -> None:
    assert seed({EMPTY: 0.9}, {EMPTY: 0.5, 3: 0.3}) == "3"
    assert seed({EMPTY: 0.9}, {EMPTY: 0.6, 3: 0.3}) is None


def test_seed_drops_a_faint_tens_digit_beside_a_sure_units_digit() -> None:
    faint = {EMPTY: 0.54, 4: 0.09}
    assert seed(faint, {8: 0.50}) == "8"
    assert seed(faint, {8: 0.49, 3: 0.2}) == "48"
    assert seed({**faint, 4: 0.11}, {8: 0.50}) == "48"


def test_seed_confidence_leaves_a_dropped_digit_out() -> None:
    faint = {EMPTY: 0.54, 4: 0.09}
    assert decode_seed(digit(faint), digit({8: 0.7})).confidence[0] == pytest.approx(0.7)
    assert decode_seed(digit({EMPTY: 0.5, 4: 0.3}), digit({8: 0.7})).confidence[0] == pytest.approx(0.21)


def test_joint_never_gives_a_pair_that_is_no_number() -> None:
    found = decode_joint(digit({4: 0.9, EMPTY: 0.1}), digit({EMPTY: 0.6, 7: 0.4}))
    assert number(found.outcome) == "47"


@given(st.lists(st.floats(-8, 0), min_size=22, max_size=22))
def test_joint_is_the_products_own(values: list[float]) -> None:
    tens, units = np.array([values[:11]]), np.array([values[11:]])
    tens, units = (v - np.log(np.exp(v).sum()) for v in (tens, units))
    logp = number_log_probs(tens, units)
    found = decode_joint(tens, units)
    assert found.outcome[0] == logp[0].argmax()
    assert found.confidence[0] == pytest.approx(math.exp(logp[0].max()))
    plain = decode_plain(tens, units)
    assert plain.confidence[0] <= 1.0
    if plain.outcome[0] == found.outcome[0]:  # leaving impossible pairs out can only raise what is left
        assert found.confidence[0] >= plain.confidence[0] - 1e-9 or plain.outcome[0] == NONE_INDEX


def test_abstaining_keeps_the_confidence() -> None:
    joint = decode_joint(digit({4: 0.6, EMPTY: 0.4}), digit({8: 0.9}))
    held = abstain(joint, 0.7)
    assert number(held.outcome) is None
    assert held.confidence[0] == joint.confidence[0]
    assert number(abstain(joint, 0.5).outcome) == "48"
    with pytest.raises(ValueError, match="allowed is 0 to 1"):
        abstain(joint, 1.01)


def test_all_decoders_stand_side_by_side() -> None:
    found = decode_all(digit({EMPTY: 0.54, 4: 0.4}), digit({8: 0.9}), threshold=0.6)
    assert list(found) == [PLAIN, SEED, JOINT, JOINT_ABSTAINING]
    assert [number(decoded.outcome) for decoded in found.values()] == ["8", "48", "8", None]


def test_changes_are_counted_by_what_they_did() -> None:
    before, after = np.array([1, 2, 3, 4]), np.array([1, 20, 30, 40])
    assert compare(before, after, np.array([1, 20, 3, 0])) == (3, 1, 1)


def test_digits_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected both \(N, 11\)"):
        decode_plain(np.zeros((2, 11)), np.zeros((1, 11)))
