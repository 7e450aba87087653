"""Chooses places for tags and ids, and remembers them from picture to picture so that they do not jump."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.drawing.places import ID_RANKS, TAG_RANKS, Array, crowding, hidden, id_spots, tag_spots

_EASE: Final = 0.3  # share of the way a tag slides to a near place with each picture; it jumps to a far one
_STAY: Final = 15  # pictures a place is kept before one that costs only a little less is taken
_FRESH: Final = 0.3  # weight of the latest picture in what a place is taken to cost
_MUCH: Final = 0.6  # difference in cost for which a place is left at once
_LITTLE: Final = 0.15
_TAG: Final = 5.0  # cost of a place that another tag has
_COVERS: Final = 0.05  # share of another tag for which a place is left at once
_IN_THE_WAY: Final = 0.2  # share of another tag that a sliding tag may lie over
_BARRED: Final = 10.0  # cost of a place where an id may not be
_TOUCHES: Final = 0.05  # share of an id that may lie over another player's box
_FORGET: Final = 250  # pictures after which a track not seen is forgotten


@dataclass(slots=True)
class _Place:
    """Where a track's tag or id hangs."""

    choice: int
    """Index of the place."""
    cost: Array
    """(P,), what each place has cost of late."""
    offset: Array = field(default_factory=lambda: np.zeros(2, np.float32))
    """From the middle of the box's top edge to the tag's top left corner, pixels."""
    settled: int = 0
    """Pictures since the place last changed."""
    last_drawn: int = 0


class Placer:
    """Places the tags and ids of one video's pictures, which come in the order of time."""

    def __init__(self, frame_size: tuple[int, int], gap: float) -> None:
        """Start with nothing remembered.

        Args:
            frame_size: Width and height of the pictures, pixels.
            gap: Pixels between a box and what hangs at it.
        """
        self._frame, self._gap = frame_size, gap
        self._tags: dict[int, _Place] = {}
        self._ids: dict[int, _Place] = {}
        self._picture = 0

    def start_picture(self) -> None:
        """Call before each picture; tracks not seen for long are forgotten."""
        self._picture += 1
        if self._picture % _FORGET == 0:
            oldest = self._picture - _FORGET
            self._tags = {track: place for track, place in self._tags.items() if place.last_drawn > oldest}
            self._ids = {track: place for track, place in self._ids.items() if place.last_drawn > oldest}

    def tags(self, tracks: list[int], owners: NDArray[np.int64], sizes: Array, boxes: Array) -> Array:
        """Where number tags are drawn: (N, 4). The tracks known longest choose first.

        Args:
            tracks: N track ids.
            owners: (N,), their indices into `boxes`.
            sizes: (N, 2), width and height of their tags, pixels.
            boxes: (M, 4), everybody in the picture.
        """
        mine = boxes[owners]
        spots = tag_spots(mine, sizes, self._gap, self._frame)
        costs = crowding(spots, owners, boxes) + TAG_RANKS
        anchors = np.stack([(mine[:, 0] + mine[:, 2]) / 2, mine[:, 1]], axis=1)
        taken, corners = np.empty_like(sizes, shape=(0, 4)), np.empty_like(sizes)
        for i in sorted(range(len(tracks)), key=tracks.__getitem__):
            covered = hidden(spots[i], taken)
            cost = costs[i] + _TAG * covered.sum(axis=1)
            place = _choose(self._tags, tracks[i], cost)
            if covered[place.choice].max(initial=0.0) > _COVERS:
                place.choice, place.settled = int(cost.argmin()), 0
            place.offset = _slid(place, spots[i, place.choice, :2] - anchors[i], anchors[i], sizes[i], taken)
            place.last_drawn = self._picture
            corners[i] = anchors[i] + place.offset
            taken = np.concatenate([taken, _rectangle(corners[i], sizes[i])])
        corners = np.maximum(np.minimum(corners, np.array(self._frame, np.float32) - sizes), 0.0)
        return np.concatenate([corners, corners + sizes], axis=1).round()

    def ids(self, tracks: list[int], owners: NDArray[np.int64], sizes: Array, boxes: Array, tags: Array) -> Array:
        """Where track ids are drawn: (N, 4), not a number where no place is free of other players and tags.

        Takes what `tags` takes, and the places of the tags, (T, 4).
        """
        spots = id_spots(boxes[owners], sizes, self._gap, self._frame)
        costs = crowding(spots, owners, boxes) + ID_RANKS
        theirs = np.arange(len(boxes)) != owners[:, None, None]
        over_others = (hidden(spots, boxes) * theirs).max(axis=2, initial=0.0) > _TOUCHES
        taken, chosen = tags, np.full((len(tracks), 4), np.nan, np.float32)
        for i in sorted(range(len(tracks)), key=tracks.__getitem__):
            barred = over_others[i] | (hidden(spots[i], taken).max(axis=1, initial=0.0) > 0.0)
            cost = costs[i] + _BARRED * barred.astype(np.float32)
            place = _choose(self._ids, tracks[i], cost)
            place.last_drawn = self._picture
            if barred.all():
                continue
            if barred[place.choice]:
                place.choice, place.settled = int(cost.argmin()), 0
            chosen[i] = spots[i, place.choice].round()
            taken = np.concatenate([taken, chosen[i][None]])
        return chosen


def _slid(place: _Place, wanted: Array, anchor: Array, size: Array, taken: Array) -> Array:
    """The next offset of a tag: a part of the way, or all of it if that is far or another tag is in the way."""
    slid = place.offset + _EASE * (wanted - place.offset)
    is_far = not place.last_drawn or np.abs(wanted - place.offset).max() > size.max()
    if is_far or hidden(_rectangle(anchor + slid, size), taken).max(initial=0.0) > _IN_THE_WAY:
        return wanted
    return np.asarray(slid, np.float32)


def _rectangle(corner: Array, size: Array) -> Array:
    """The spot (1, 4) of a tag with this top left corner."""
    return np.concatenate([corner, corner + size])[None]


def _choose(places: dict[int, _Place], track: int, cost: Array) -> _Place:
    """The track's place: the one it had, unless another one costs much less, or for long enough a little less."""
    place = places.get(track)
    if place is None:
        place = places[track] = _Place(int(cost.argmin()), cost)
    place.cost = place.cost + _FRESH * (cost - place.cost)
    place.settled += 1
    best = int(place.cost.argmin())
    worse = float(place.cost[place.choice] - place.cost[best])
    if worse > _MUCH or (worse > _LITTLE and place.settled > _STAY):
        place.choice, place.settled = best, 0
    return place
