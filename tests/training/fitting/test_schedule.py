"""Learning rate, freezing, averaging and stopping."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.fitting.schedule import EarlyStopping, average_decay_at, frozen_share_at, learning_rate_at


def test_the_learning_rate_rises_then_falls() -> None:
    rates = [learning_rate_at(p, 1.0, 0.1) for p in (0.0, 0.05, 0.1, 0.5, 1.0)]
    assert rates[0] == 0.0
    assert rates[1] == pytest.approx(0.5)
    assert rates[2] == pytest.approx(1.0)
    assert rates[2] > rates[3] > rates[4]


def test_the_cosine_is_half_way_in_the_middle() -> None:
    assert learning_rate_at(0.55, 2.0, 0.1, last=0.1) == pytest.approx(2.0 * 0.55)
    assert learning_rate_at(0.0, 2.0, 0.0) == 2.0


@given(progress=st.floats(0, 1), warmup=st.floats(0, 0.99), last=st.floats(0, 0.99))
def test_the_learning_rate_never_exceeds_its_peak(progress: float, warmup: float, last: float) -> None:
    assert 0.0 <= learning_rate_at(progress, 0.3, warmup, last) <= 0.3 * (1 + 1e-12)


def test_unfreezing_goes_by_the_last_pair_that_has_begun() -> None:
    pairs = [(4, 0.0), (2, 0.3)]  # the order they are written in does not matter
    assert [frozen_share_at(epoch, pairs, 0.6) for epoch in range(6)] == [0.6, 0.6, 0.3, 0.3, 0.0, 0.0]
    assert frozen_share_at(7, [], 0.25) == 0.25


def test_the_average_forgets_its_start_quickly() -> None:
    decays = [average_decay_at(step, 0.99) for step in (0, 1, 10, 100, 1000)]
    assert decays == sorted(decays)
    assert decays[0] == 0.1
    assert decays[-1] == 0.99
    assert average_decay_at(5, 0.0) == 0.0


def test_stopping_waits_for_progress() -> None:
    watch = EarlyStopping(patience=2, min_delta=0.05)
    assert watch.update(0.5, 1.0)
    assert not watch.update(0.54, 1.0)  # better, but by less than min_delta
    assert not watch.exhausted
    assert not watch.update(0.4, 1.0)
    assert watch.exhausted
    assert watch.update(0.6, 1.0)
    assert not watch.exhausted


def test_an_equal_figure_with_a_lower_loss_is_saved_but_is_no_progress() -> None:
    watch = EarlyStopping(patience=2, min_delta=0.0)
    assert [watch.update(1.0, loss) for loss in (0.5, 0.6, 0.4)] == [True, False, True]
    assert watch.exhausted


def test_no_patience_never_stops() -> None:
    watch = EarlyStopping(patience=0, min_delta=0.0)
    for _ in range(50):
        watch.update(-math.inf, 1.0)
    assert not watch.exhausted
