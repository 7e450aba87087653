"""Where a track passed from a player in one kit to a player in another: a tracker that confuses two people.

The kits of a match are known once it has been seen. A track whose looks are nearest to one kit for a while, and to
another from then on, followed two people.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.kits.cells import Float
from recognizer.checks import require_range


@dataclass(frozen=True, slots=True)
class SwapSettings:
    """When a track is taken to have passed to another player."""

    gain: float = 0.7
    """By how much the distances (Hellinger, of colours) of a track's looks to their kits, added up, must fall for each
    change of player; 0 to 1000, where 1000 never splits a track."""
    margin: float = 0.15
    """By how much the looks of each of the two must be nearer to their own kit than to the other's on average, 0 to
    1."""
    looks: int = 3
    """Least looks at each of the two, 1 to 100."""

    def __post_init__(self) -> None:
        require_range("gain", self.gain, 0, 1000)
        require_range("margin", self.margin, 0, 1)
        require_range("looks", self.looks, 1, 100)


@dataclass(frozen=True, slots=True)
class Swap:
    """A track that passed to another player."""

    track_id: int
    frame_index: int
    """First frame that shows the other player."""
    new_id: int
    """The other player's track."""


def find_swaps(distances: Float, settings: SwapSettings) -> list[int]:
    """Find where the kit changes in the looks of one track.

    Each look costs its distance to the kit that the player of the moment wears, each change of player costs the gain;
    the cheapest course is found by dynamic programming (Viterbi 1967). A stretch too short or too faint to be believed
    goes to its neighbour.

    >>> red, white = [0.2, 0.8], [0.8, 0.2]
    >>> find_swaps(np.array([red, red, white, red, red, white, white, white, white]), SwapSettings())
    [5]

    Args:
        distances: float64 (looks, kits), 0 to 1, in order of time.
        settings: When a change is believed.

    Returns:
        Places of the first looks at another player, ascending.
    """
    if distances.shape[1] < 2 or len(distances) < 2 * settings.looks:
        return []
    worn = _cheapest_course(distances, settings.gain)
    while True:
        starts = [0, *(np.flatnonzero(np.diff(worn)) + 1).tolist(), len(worn)]
        stretches = [slice(first, end) for first, end in itertools.pairwise(starts)]
        doubtful = next(
            (pair for pair in itertools.pairwise(stretches) if not _believed(distances, worn, *pair, settings)), None
        )
        if doubtful is None:
            return starts[1:-1]
        shorter, longer = sorted(doubtful, key=lambda one: one.stop - one.start)
        worn[shorter] = worn[longer.start]


def _cheapest_course(distances: Float, change: float) -> NDArray[np.int64]:
    """The kit worn at each look, (looks,)."""
    count, kits = distances.shape
    cost, came_from = distances[0].copy(), np.empty((count, kits), np.int64)
    for place in range(1, count):
        best = int(cost.argmin())
        came_from[place] = np.where(cost <= cost[best] + change, np.arange(kits), best)
        cost = np.minimum(cost, cost[best] + change) + distances[place]
    worn = np.empty(count, np.int64)
    worn[-1] = cost.argmin()
    for place in range(count - 1, 0, -1):
        worn[place - 1] = came_from[place, worn[place]]
    return worn


def _believed(distances: Float, worn: NDArray[np.int64], before: slice, after: slice, settings: SwapSettings) -> bool:
    """Whether two stretches of looks, one after the other, show players in two kits."""
    old, new = worn[before.start], worn[after.start]
    margins = [
        float((distances[stretch, other] - distances[stretch, own]).mean())
        for stretch, own, other in ((before, old, new), (after, new, old))
    ]
    lengths = [before.stop - before.start, after.stop - after.start]
    return min(margins) >= settings.margin and min(lengths) >= settings.looks
