"""Checks that settings share."""

import math

import pytest

from recognizer.checks import require_choice, require_range


@pytest.mark.parametrize("value", [0, 0.5, 1])
def test_bounds_belong_to_the_range(value: float) -> None:
    require_range("iou", value, 0, 1)


@pytest.mark.parametrize("value", [-0.1, 1.5, math.inf, math.nan])
def test_values_out_of_range_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match=rf"^iou is {value}; allowed is 0 to 1$"):
        require_range("iou", value, 0, 1)


def test_texts_may_be_equal_copies() -> None:
    require_choice("kind", "".join(("byte", "track")), ("botsort", "bytetrack"))


@pytest.mark.parametrize(("value", "shown"), [(1, "1"), ("yes", "'yes'")])
def test_other_values_are_refused(value: object, shown: str) -> None:
    with pytest.raises(ValueError, match=f"^lstm is {shown}; allowed are True, False$"):
        require_choice("lstm", value, (True, False))
