"""What is printed inside digits."""

from collections.abc import Callable

import numpy as np
import pytest

from pipeline.types import FloatArray
from training.synthesis.fills import Printed, badge, bands, bend, draw_fill, gradient, halves, inline, slit
from training.synthesis.looks import Rng
from training.synthesis.numerals import Numerals, numerals_mask

EIGHT = numerals_mask("8", Numerals(), 0.1)


@pytest.mark.parametrize("fill", [gradient, halves, inline, badge])
def test_the_second_colour_stays_inside_the_digits(fill: Callable[[Rng, FloatArray], Printed]) -> None:
    for seed in range(5):
        printed = fill(np.random.default_rng(seed), EIGHT)
        assert np.array_equal(printed.digits, EIGHT)
        assert printed.second is not None
        assert printed.second.max() > 0.3
        assert float((printed.second - EIGHT).max()) <= 1e-6
        assert printed.second.sum() < 0.98 * EIGHT.sum()


@pytest.mark.parametrize("fill", [bands, slit])
def test_cuts_take_ink_away_and_add_none(fill: Callable[[Rng, FloatArray], Printed]) -> None:
    kept = [fill(np.random.default_rng(seed), EIGHT).digits for seed in range(8)]
    assert all((digits <= EIGHT + 1e-6).all() for digits in kept)
    assert min(digits.sum() for digits in kept) > 0.5 * EIGHT.sum()
    assert min(digits.sum() for digits in kept) < 0.99 * EIGHT.sum()


def test_a_badge_is_one_small_spot_in_the_lower_part() -> None:
    second = badge(np.random.default_rng(1), EIGHT).second
    assert second is not None
    rows = np.flatnonzero(second.max(axis=1) > 0.5)
    assert rows[0] > 0.45 * EIGHT.shape[0]
    assert second.sum() < 0.2 * EIGHT.sum()


def test_bent_digits_keep_their_size_and_most_of_their_ink() -> None:
    bent = bend(np.random.default_rng(0), EIGHT)
    assert bent.shape == EIGHT.shape
    assert not np.array_equal(bent, EIGHT)
    assert bent.sum() == pytest.approx(EIGHT.sum(), rel=0.15)


def test_every_kind_of_fill_is_drawn_and_one_colour_most_often() -> None:
    rng = np.random.default_rng(0)
    printed = [draw_fill(rng, EIGHT) for _ in range(200)]
    plain = sum(p.second is None and np.array_equal(p.digits, EIGHT) for p in printed)
    assert 110 < plain < 165
    assert sum(p.second is not None for p in printed) > 25
    assert sum(not np.array_equal(p.digits, EIGHT) for p in printed) > 4
