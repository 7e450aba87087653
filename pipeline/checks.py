"""Checks that settings share; each refuses a value with one sentence."""

from collections.abc import Sequence


def require_range(name: str, value: float, low: float, high: float) -> None:
    """The value lies between `low` and `high`.

    >>> require_range("every", 10, 1, 10)
    >>> require_range("every", 11, 1, 10)
    Traceback (most recent call last):
    ValueError: every is 11, expected 1 to 10
    """
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}, expected {low} to {high}")


def require_one_of(name: str, value: str, allowed: Sequence[str]) -> None:
    """The value is one of those allowed.

    >>> require_one_of("kind", "sort", ("botsort", "ocsort"))
    Traceback (most recent call last):
    ValueError: kind is 'sort', expected one of botsort, ocsort
    """
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}, expected one of {', '.join(allowed)}")
