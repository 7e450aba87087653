"""Jersey numbers as text, and their two digit classes; the only place that knows the code.

Each of the two digit heads has eleven classes: the digits 0 to 9 and `EMPTY`.
"""

from typing import Final

from recognizer.errors import InputError

EMPTY: Final = 10
"""The class of both heads that means 'no digit here'."""

CLASSES_PER_DIGIT: Final = 11
"""Digits 0 to 9 and `EMPTY`."""

NUMBERS: Final[tuple[str, ...]] = (*(str(number) for number in range(100)), "00")
"""All 101 jersey numbers: '0' to '99', then '00'."""

_KNOWN: Final = frozenset(NUMBERS)


class LabelError(InputError):
    """A text or a pair of digit classes that stands for no jersey number."""


def encode(number: str | None) -> tuple[int, int]:
    """Turn a jersey number into its (tens, units) classes.

    Args:
        number: '0' to '99' or '00'; None where no number can be read.

    Returns:
        Tens and units class, each 0 to 10: `encode('7') == (10, 7)`, `encode('46') == (4, 6)`,
        `encode('00') == (0, 0)`, `encode(None) == (10, 10)`.

    Raises:
        LabelError: The text is no jersey number, for example '07', '100' or ''.
    """
    if number is None:
        return EMPTY, EMPTY
    if number not in _KNOWN:
        raise LabelError(f"{number!r} is no jersey number; allowed are '0' to '99' without a leading zero, and '00'.")
    if len(number) == 1:
        return EMPTY, int(number)
    return int(number[0]), int(number[1])


def decode(tens: int, units: int) -> str | None:
    """Turn (tens, units) classes into a jersey number.

    Args:
        tens: Tens class, 0 to 10.
        units: Units class, 0 to 10.

    Returns:
        The number as text, or None where the pair stands for none: (10, 10), a tens digit without a units
        digit such as (4, 10), and a leading zero such as (0, 7).

    Raises:
        LabelError: A class is outside 0 to 10.
    """
    for name, value in (("tens", tens), ("units", units)):
        if not 0 <= value < CLASSES_PER_DIGIT:
            raise LabelError(f"The {name} class is {value}; allowed are 0 to {EMPTY}, where {EMPTY} means no digit.")
    if units == EMPTY:
        return None
    if tens == EMPTY:
        return str(units)
    number = f"{tens}{units}"
    return number if number in _KNOWN else None
