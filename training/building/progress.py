"""How far a build is, told to whoever shows it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """How far a build is with one source."""

    name: str
    """The video or data set."""
    unit: str
    """What is counted, such as 'frames'."""
    done: int
    expected: int | None
    """How many there are in all; of a video a guess from its header. None: nobody knows."""
    sequences: int
    """Sequences added so far, of all sources."""


Progress = Callable[[BuildProgress], None]
