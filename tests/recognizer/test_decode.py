"""From two digits to a number."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from recognizer.decode import NONE_INDEX, OUTCOMES, number_log_probs, top_candidates
from recognizer.labels import EMPTY, NUMBERS, decode, encode

LOGITS = arrays(np.float64, (2, 11), elements=st.floats(-30, 30))


def log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def test_outcomes_are_the_numbers_then_none() -> None:
    assert OUTCOMES[:NONE_INDEX] == NUMBERS
    assert OUTCOMES[NONE_INDEX] is None
    assert len(OUTCOMES) == 102


@given(LOGITS)
def test_agrees_with_brute_force(logits: NDArray[np.float64]) -> None:
    tens, units = log_softmax(logits)
    joint = number_log_probs(tens, units)
    assert np.exp(joint).sum() == pytest.approx(1.0)
    scores: dict[str | None, float] = {}
    for t in range(11):
        for u in range(11):
            number = decode(t, u)
            if encode(number) == (t, u):
                scores[number] = float(np.exp(tens[t] + units[u]))
    total = sum(scores.values())
    expected = [scores[outcome] / total for outcome in OUTCOMES]
    np.testing.assert_allclose(np.exp(joint), expected, rtol=1e-6, atol=1e-12)
    best = top_candidates(joint, 1)[0]
    assert best.probability == pytest.approx(max(expected))


@given(arrays(np.float32, (2, 3, 4, 11), elements=st.floats(-30, 0, width=32)))
def test_works_on_any_leading_shape(logp: NDArray[np.float32]) -> None:
    joint = number_log_probs(logp[0], logp[1])
    assert joint.shape == (3, 4, 102)
    np.testing.assert_allclose(joint[1, 2], number_log_probs(logp[0, 1, 2], logp[1, 1, 2]), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("number", [*NUMBERS, None])
def test_a_sure_read_gives_its_number(number: str | None) -> None:
    logits = np.zeros((2, 11))
    logits[(0, 1), encode(number)] = 12.0
    best = top_candidates(number_log_probs(*log_softmax(logits)))[0]
    assert best.number == number
    assert best.probability > 0.99


def test_impossible_pairs_give_way_to_the_best_number() -> None:
    logits = np.zeros((2, 11))
    logits[0, 0], logits[0, EMPTY], logits[1, 7] = 9.0, 6.0, 9.0
    assert top_candidates(number_log_probs(*log_softmax(logits)))[0].number == "7"


def test_impossible_log_probabilities_stay_finite() -> None:
    hopeless = np.full(11, -np.inf)
    assert np.isfinite(number_log_probs(hopeless, hopeless)).all()
    sure = hopeless.copy()
    sure[4] = 0.0
    assert top_candidates(number_log_probs(sure, sure), 1)[0] == ("44", 1.0)


def test_candidates_fall_in_probability() -> None:
    rng = np.random.default_rng(0)
    joint = number_log_probs(*log_softmax(rng.normal(size=(2, 11))))
    found = top_candidates(joint, 200)
    assert len(found) == 102
    assert all(a.probability >= b.probability for a, b in itertools.pairwise(found))
    assert sum(candidate.probability for candidate in found) == pytest.approx(1.0)
    assert top_candidates(joint, 3) == found[:3]


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected \(\.\.\., 11\)"):
        number_log_probs(np.zeros(10), np.zeros(11))
    with pytest.raises(ValueError, match=r"expected \(102,\)"):
        top_candidates(np.zeros(101))
    with pytest.raises(ValueError, match="k is 0"):
        top_candidates(np.zeros(102), 0)
