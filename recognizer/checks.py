"""A check that settings and arguments share."""

from collections.abc import Sequence


def require_choice(name: str, value: object, allowed: Sequence[object]) -> None:
    """The value is one of those allowed; only texts may be equal copies, so that 1 does not pass for True.

    >>> require_choice("lstm", 1, (True, False))
    Traceback (most recent call last):
    ValueError: lstm is 1; allowed are True, False
    """
    if not any(value is choice or (isinstance(choice, str) and value == choice) for choice in allowed):
        raise ValueError(f"{name} is {value!r}; allowed are {', '.join(map(str, allowed))}")
