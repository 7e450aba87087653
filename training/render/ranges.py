"""Ranges that the settings of a match must keep; every function refuses with one sentence."""

import itertools
import math
from collections.abc import Sequence

MOST_FIELD = 120.0
"""Degrees."""
LEAST_ASIDE = 0.1
"""Metres a camera must stand aside of what it looks at: straight up and down no side of the picture is up."""


def require_colours(**colours: Sequence[int] | None) -> None:
    """Every colour that is given lies on a screen.

    >>> require_colours(shirt=(0, 128, 255), outline=None)
    >>> require_colours(shirt=(0, 128, 256))
    Traceback (most recent call last):
    ValueError: shirt is [0, 128, 256], expected red, green and blue from 0 to 255
    """
    for name, colour in colours.items():
        if colour is not None and not all(0 <= part <= 255 for part in colour):
            raise ValueError(f"{name} is {list(colour)}, expected red, green and blue from 0 to 255")


def require_rising(name: str, rows: Sequence[Sequence[float]], least: int = 1) -> None:
    """The times that begin the rows of a table rise, and there are at least so many rows.

    >>> require_rising("face", [(1.0, 20.0), (1.0, 30.0)])
    Traceback (most recent call last):
    ValueError: face: times are [1.0, 1.0], expected one or more that rise
    """
    times = [row[0] for row in rows]
    if len(times) < least or any(b <= a for a, b in itertools.pairwise(times)):
        raise ValueError(f"{name}: times are {times}, expected one or more that rise")


def require_camera(
    position: Sequence[float], targets: Sequence[Sequence[float]], fields: Sequence[tuple[float, float]]
) -> None:
    """A camera stands above the ground and aside of its targets, and sees an angle that a lens can have."""
    require_rising("target", targets)
    require_rising("field_degrees", fields)
    if position[2] <= 0:
        raise ValueError(f"position is {list(position)}, expected a camera above the ground (its third value above 0)")
    for _, x, y, z in targets:
        if math.dist(position[:2], (x, y)) < LEAST_ASIDE:
            raise ValueError(
                f"target is {[x, y, z]} for a camera at {list(position)}, expected a place at least {LEAST_ASIDE:g} m "
                "to its side"
            )
    for _, degrees in fields:
        if not 0 < degrees <= MOST_FIELD:
            raise ValueError(f"field_degrees is {degrees:g}, expected an angle above 0 and up to {MOST_FIELD:g}")


def require_different(name: str, texts: Sequence[str]) -> None:
    """No text stands twice.

    >>> require_different("teams: name", ["red", "red"])
    Traceback (most recent call last):
    ValueError: teams: name is 'red' twice, expected a different one for each
    """
    for text in texts:
        if texts.count(text) > 1:
            raise ValueError(f"{name} is {text!r} twice, expected a different one for each")
