"""Compares the settings of two trainings."""

from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

OF_THE_MACHINE: Final = frozenset(
    {
        *("output", "start_from", "data.root", "data.cache", "mixture.data", "mixture.clips"),
        *("device", "tensorboard", "data.workers", "fit.save_every"),
    }
)
"""Settings that say where and with what a training is made, and not which network it gives."""
_SHOWN: Final = 80
"""Characters of a value that are shown."""


class Difference(NamedTuple):
    """A key with two values, as text."""

    key: str
    now: str
    then: str


def first_difference(then: Mapping[str, Any], now: Mapping[str, Any], free: Collection[str]) -> Difference | None:
    """The first key, in the order of `now`, whose values differ.

    >>> first_difference({"a": {"b": 1}, "c": 1}, {"a": {"b": 2}, "c": 2}, free=["c"])
    Difference(key='a.b', now='2', then='1')

    Args:
        then: values by name, also nested.
        now: the same.
        free: dotted names that may differ.
    """
    before, after = _flat(then), _flat(now)
    for key in dict.fromkeys((*after, *before)):
        if key not in free and before.get(key) != after.get(key):
            return Difference(key, _shown(after.get(key)), _shown(before.get(key)))
    return None


def _flat(tree: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested settings by dotted key.

    >>> _flat({"a": {"b": 1}, "c": 2})
    {'a.b': 1, 'c': 2}
    """
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{above}{key}.") if isinstance(value, dict) else {f"{above}{key}": value}
    return flat


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
