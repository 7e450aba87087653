"""Whom a track shows from which frame on, by what a person says of stretches of it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pipeline.kits.swaps import Swap
from training.data.clip_labels import Stretch


class Passage(NamedTuple):
    """From when on a track shows a person."""

    first_frame: int
    """0-based; 0 stands for the track's own beginning."""
    number: str | None
    """What he wears, by a person's word; None where nobody can read a number."""


def passages(stretches: Iterable[Stretch]) -> list[Passage]:
    """Whom a track shows.

    One number counts for the whole track, wherever it was read. Where the stretches show several, the tracker passed
    from one player to another: each counts from the first frame of its stretch on.

    >>> from training.data.clip_labels import Verdict
    >>> passages([Stretch(40, 60, Verdict.LEGIBLE, "7"), Stretch(90, 99, Verdict.LEGIBLE, "10")])
    [Passage(first_frame=0, number='7'), Passage(first_frame=90, number='10')]

    Args:
        stretches: of one track.
    """
    found: list[Passage] = []
    for one in sorted(stretches, key=lambda one: one.first):
        if one.number is not None and (not found or found[-1].number != one.number):
            found.append(Passage(one.first if found else 0, one.number))
    return found or [Passage(0, None)]


def part(said: Mapping[int, Sequence[Passage]], free_id: int) -> tuple[dict[int, str | None], list[Swap]]:
    """Give each player of a track that shows several an id of his own, the first one the track's.

    Args:
        said: whom tracks show, by track.
        free_id: from which on ids are free.

    Returns:
        The numbers, by id, and where the ids change.
    """
    numbers: dict[int, str | None] = {}
    swaps: list[Swap] = []
    for track, (first, *others) in said.items():
        numbers[track] = first.number
        for passage in others:
            swaps.append(Swap(track, passage.first_frame, free_id))
            numbers[free_id] = passage.number
            free_id += 1
    return numbers, swaps
