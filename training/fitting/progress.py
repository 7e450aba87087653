"""A progress bar on a terminal."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from tqdm import tqdm

T = TypeVar("T")


class ShowProgress(Protocol):
    """Passes items on and shows how far they are."""

    def __call__(self, items: Iterable[T], count: int, name: str, /) -> Iterable[T]:
        """Items, how many are expected, and what for."""
        ...


def show_progress(items: Iterable[T], count: int, name: str, /) -> Iterable[T]:
    """A bar, or nothing where stderr is no terminal."""
    bar: Iterable[T] = tqdm(items, name, count, leave=False, disable=None)
    return bar


def show_nothing(items: Iterable[T], _count: int, _name: str, /) -> Iterable[T]:
    """Nothing."""
    return items
