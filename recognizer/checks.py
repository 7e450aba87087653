"""Checks that settings and arguments share."""

from collections.abc import Sequence


def require_choice(name: str, value: object, allowed: Sequence[object]) -> None:
    """The value is one of those allowed; only texts may be equal copies, so that 1 does not pass for True.

    >>> require_choice("lstm", 1, (True, False))
    Traceback (most recent call last):
    ValueError: lstm is 1; allowed are True, False
    """
    if not any(value is choice or (isinstance(choice, str) and value == choice) for choice in allowed):
        raise ValueError(f"{name} is {value!r}; allowed are {', '.join(map(str, allowed))}")


def require_range(name: str, value: float, low: float, high: float) -> None:
    """The value lies between `low` and `high`; nan does not.

    >>> require_range("every", 10, 1, 10)
    >>> require_range("every", 11, 1, 10)
    Traceback (most recent call last):
    ValueError: every is 11; allowed is 1 to 10
    """
    if not low <= value <= high:
        shown = f"{value:g}" if isinstance(value, float) else value
        raise ValueError(f"{name} is {shown}; allowed is {low:g} to {high:g}")
