"""A check that settings share."""


def require_range(name: str, value: float, low: float, high: float) -> None:
    """The value lies between `low` and `high`.

    >>> require_range("every", 10, 1, 10)
    >>> require_range("every", 11, 1, 10)
    Traceback (most recent call last):
    ValueError: every is 11, expected 1 to 10
    """
    if not low <= value <= high:
        raise ValueError(f"{name} is {value:g}, expected {low:g} to {high:g}")
