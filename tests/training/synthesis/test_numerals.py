"""Invented typefaces."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from pipeline.types import FloatArray
from training.synthesis.numerals import Numerals, draw_numerals, numerals_mask

DIGITS = "0123456789"


def shown(digit: str, style: Numerals) -> FloatArray:
    """A digit at one size for all, so that shapes can be compared."""
    return np.asarray(cv2.resize(numerals_mask(digit, style, 0.1), (40, 60), interpolation=cv2.INTER_AREA), np.float32)


def holes(digit: str, style: Numerals) -> int:
    """Closed counters of a digit: background parts that do not touch the border."""
    mask = np.pad(numerals_mask(digit, style, 0.1) < 0.5, 1, constant_values=True).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    return int((stats[1:, cv2.CC_STAT_AREA] > 8).sum()) - 1


def lean_of_the_foot(style: Numerals) -> float:
    """Pixels by which the foot of a 7 stands to the left of its shank."""
    mask = numerals_mask("7", style, 0.1)
    shank, foot = (float(np.flatnonzero(mask[int(at * len(mask))] > 0.5).mean()) for at in (0.7, 0.95))
    return shank - foot


@pytest.mark.parametrize("seed", range(12))
def test_digits_of_one_typeface_differ_from_one_another(seed: int) -> None:
    style = draw_numerals(np.random.default_rng(seed))
    drawn = {digit: shown(digit, style) for digit in DIGITS}
    for one in DIGITS:
        others = [np.abs(drawn[one] - drawn[other]).mean() for other in DIGITS if other != one]
        assert min(others) > 0.03, one


@pytest.mark.parametrize("seed", range(12))
def test_a_digit_has_the_counters_people_know(seed: int) -> None:
    style = replace(draw_numerals(np.random.default_rng(seed)), width=0.6, weight=0.12, contrast=1.0, four="closed")
    assert {digit: holes(digit, style) for digit in DIGITS} == {
        "0": 1, "1": 0, "2": 0, "3": 0, "4": 1, "5": 0, "6": 1, "7": 0, "8": 2, "9": 1,
    }  # fmt: skip


def test_an_open_four_has_no_counter() -> None:
    assert holes("4", Numerals(four="open", weight=0.14)) == 0
    assert holes("4", Numerals(four="closed", weight=0.14)) == 1


def test_a_nine_is_a_six_upside_down() -> None:
    six, nine = shown("6", Numerals()), shown("9", Numerals())
    assert np.abs(six - nine[::-1, ::-1]).mean() < 0.02


def test_a_square_two_is_a_five_in_a_mirror_more_than_a_sloped_one_is() -> None:
    boxy = Numerals(roundness=9.0, corner=0.0, weight=0.14, terminal=0.0)
    five = shown("5", boxy)[:, ::-1]
    square, sloped = (float(np.abs(shown("2", replace(boxy, two=two)) - five).mean()) for two in ("square", "sloped"))
    assert square < 0.6 * sloped


def test_a_bent_seven_ends_upright() -> None:
    assert abs(lean_of_the_foot(Numerals(seven="bent", weight=0.14))) < 1.0
    assert lean_of_the_foot(Numerals(seven="straight", weight=0.14)) > 5.0


def test_a_heavier_typeface_has_more_ink() -> None:
    light, heavy = (numerals_mask("5", Numerals(weight=w), 0.1).mean() for w in (0.12, 0.24))
    assert heavy > light + 0.1


def test_two_digits_stand_side_by_side_with_room_between() -> None:
    one, seven = (numerals_mask(digit, Numerals(), 0.1) for digit in "17")
    both = numerals_mask("17", Numerals(), 0.25)
    assert both.shape[1] == one.shape[1] + seven.shape[1] + 24
    assert both[:, one.shape[1] : one.shape[1] + 24].max() == 0.0
