"""The label codec."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognizer.labels import CLASSES_PER_DIGIT, EMPTY, NUMBERS, LabelError, decode, encode


def test_there_are_101_numbers() -> None:
    assert len(NUMBERS) == len(set(NUMBERS)) == 101
    assert NUMBERS[0] == "0"
    assert NUMBERS[99] == "99"
    assert NUMBERS[100] == "00"


@pytest.mark.parametrize(
    ("number", "classes"),
    [("7", (10, 7)), ("0", (10, 0)), ("46", (4, 6)), ("10", (1, 0)), ("00", (0, 0)), (None, (10, 10))],
)
def test_codes_are_the_agreed_ones(number: str | None, classes: tuple[int, int]) -> None:
    assert encode(number) == classes


@pytest.mark.parametrize("number", [*NUMBERS, None])
def test_every_number_survives_the_round_trip(number: str | None) -> None:
    assert decode(*encode(number)) == number


def test_no_two_numbers_share_a_code() -> None:
    assert len({encode(number) for number in (*NUMBERS, None)}) == 102


@given(st.integers(0, EMPTY), st.integers(0, EMPTY))
def test_every_pair_decodes_to_its_number_or_to_none(tens: int, units: int) -> None:
    number = decode(tens, units)
    assert number is None or encode(number) == (tens, units)


@pytest.mark.parametrize(("tens", "units"), [(0, 1), (0, 9), (0, 10), (4, 10), (9, 10)])
def test_pairs_that_are_no_number(tens: int, units: int) -> None:
    assert decode(tens, units) is None


@given(st.text(max_size=4).filter(lambda text: text not in NUMBERS))
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(LabelError, match="is no jersey number"):
        encode(text)


@pytest.mark.parametrize("text", ["07", "100", "-1", "", " 7", "7 ", "٧"])
def test_lookalikes_are_refused(text: str) -> None:
    with pytest.raises(LabelError, match="allowed are '0' to '99' without a leading zero"):
        encode(text)


@pytest.mark.parametrize(("tens", "units", "name"), [(CLASSES_PER_DIGIT, 0, "tens"), (0, -1, "units")])
def test_classes_outside_the_range_are_refused(tens: int, units: int, name: str) -> None:
    with pytest.raises(LabelError, match=f"The {name} class is"):
        decode(tens, units)
