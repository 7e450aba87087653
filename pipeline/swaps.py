"""Ends a track where its box passes to a player in another kit: a tracker that confuses two people is found out."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.crops import hidden_shares
from pipeline.types import FloatArray, Frame, TrackedBoxes, UInt8Image

_TORSO = (0.3, 0.2, 0.7, 0.45)  # left, top, right, bottom as shares of the box: cloth whichever way the player faces
_LEAST_SIDE = 4  # pixels; a smaller torso has no colour of its own
_MOST_HIDDEN = 0.25  # share of the number zone behind other boxes from which a look says nothing
_LIGHTNESS = 0.5  # weight of lightness beside colour: shadow and floodlight change it most
_SIDE = 8  # a look is this many colours a side
_ALIKE = 14.0  # mean distance of looks from the first of them, Lab units, up to which they show one kit
_FORGET_SECONDS = 60.0  # a track unseen for longer keeps its id, its kit is forgotten
_MEMORY = 4  # latest looks that make up the kit of a track


Colours = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SwapSettings:
    """When a track is taken to have passed to another player."""

    kit_distance: float = 28.0
    """Distance of the colours of two torsos (CIE Lab, lightness halved) from which they are different kits; 0 to 200,
    where 200 never ends a track."""
    looks: int = 5
    """Unobstructed looks in a row that must show the other kit, 2 to 100."""
    interval_seconds: float = 0.1
    """Least time between two looks at a track, 0 to 10 s."""

    def __post_init__(self) -> None:
        for name, low, high in (("kit_distance", 0.0, 200.0), ("looks", 2, 100), ("interval_seconds", 0.0, 10.0)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} is {value}, allowed is {low:g} to {high:g}")


@dataclass(slots=True)
class _Wearer:
    """What is known about the kit in one of the tracker's boxes."""

    last_seen: float
    kit: list[Colours] = field(default_factory=list)
    """The latest looks."""
    looks: int = 0
    last_look: float = -np.inf
    strange: list[Colours] = field(default_factory=list)
    """The looks since, if they show another kit."""


class SwapSplitter:
    """Gives a track a new id when its kit changes for good; ids count from 1 in order of appearance.

    The boxes of the moment in which a swap is not yet certain stay with the old id. Of a track that is gone nothing but
    its id stays in memory.
    """

    def __init__(self, settings: SwapSettings) -> None:
        self._settings = settings
        self._wearers: dict[int, _Wearer] = {}
        self._public: dict[int, int] = {}
        """The id given to each of the tracker's."""
        self._ids = 0

    def split(self, frame: Frame, boxes: TrackedBoxes) -> TrackedBoxes:
        """Take in one frame's tracks; returns the same boxes with ids that one kit keeps.

        Args:
            frame: The picture.
            boxes: As the tracker gives them.
        """
        now, hidden = frame.time_seconds, hidden_shares(boxes.xyxy)
        for gone in [i for i, wearer in self._wearers.items() if abs(now - wearer.last_seen) > _FORGET_SECONDS]:
            del self._wearers[gone]
        ids = [
            self._follow(track_id, frame, box, float(share))
            for track_id, box, share in zip(boxes.track_id.tolist(), boxes.xyxy, hidden, strict=True)
        ]
        return TrackedBoxes(boxes.xyxy, boxes.confidence, np.array(ids, np.int64))

    def _follow(self, track_id: int, frame: Frame, box: FloatArray, hidden: float) -> int:
        now, interval = frame.time_seconds, self._settings.interval_seconds
        self._public.setdefault(track_id, self._ids + 1)
        self._ids = max(self._ids, self._public[track_id])
        wearer = self._wearers.setdefault(track_id, _Wearer(now))
        wearer.last_seen = now
        if hidden <= _MOST_HIDDEN and abs(now - wearer.last_look) >= interval - 1e-6:
            look = torso_colours(frame.bgr, box)
            if look is not None:
                wearer.last_look = now
                if self._is_swap(wearer, look):
                    self._ids += 1
                    self._public[track_id] = self._ids
        return self._public[track_id]

    def _is_swap(self, wearer: _Wearer, look: Colours) -> bool:
        """Take in a look; whether it makes certain that another kit is worn."""
        needed = self._settings.looks
        known = wearer.looks < needed or distance(look, np.concatenate(wearer.kit)) <= self._settings.kit_distance
        if known:
            wearer.looks += 1
            wearer.kit = [*wearer.kit, look][-_MEMORY:]
            wearer.strange = []
            return False
        wearer.strange = [*wearer.strange, look][-needed:]
        alike = np.mean([distance(one, wearer.strange[0]) for one in wearer.strange]) <= _ALIKE
        if len(wearer.strange) < needed or not alike:
            return False
        wearer.kit, wearer.strange = wearer.strange[-_MEMORY:], []
        return True


def torso_colours(bgr: UInt8Image, box: FloatArray) -> Colours | None:
    """Colours of a player's torso.

    Args:
        bgr: uint8 (H, W, 3) frame.
        box: float32 (4,) xyxy, pixels.

    Returns:
        float64 (64, 3) CIE Lab with lightness (0 to 100) halved; None where too little of the torso is in the frame.
    """
    left, top = box[:2]
    width, height = box[2:] - box[:2]
    x0, y0 = max(0, int(left + _TORSO[0] * width)), max(0, int(top + _TORSO[1] * height))
    patch = bgr[y0 : max(0, int(top + _TORSO[3] * height)), x0 : max(0, int(left + _TORSO[2] * width))]
    if min(patch.shape[:2]) < _LEAST_SIDE:
        return None
    small = cv2.resize(patch, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
    lab = cv2.cvtColor(small, cv2.COLOR_BGR2LAB).reshape(-1, 3)
    return np.asarray(lab * (_LIGHTNESS, 1.0, 1.0), np.float64)


def distance(first: Colours, second: Colours) -> float:
    """How far two torsos are from being one kit: 0 where the colours of one are among those of the other.

    A shirt has a number on its back and none on its front, so what one side lacks says nothing: the smaller of the
    two directed median distances of the colours to their nearest counterparts counts.

    >>> red, white = np.array([[20.0, 60.0, 40.0]] * 4), np.array([[48.0, 0.0, 0.0]] * 4)
    >>> distance(red, np.concatenate([red[:1], white])), round(distance(red, white))
    (0.0, 77)

    Args:
        first: float64 (N, 3) colours.
        second: float64 (M, 3) colours.
    """
    squared = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1) - 2.0 * first @ second.T
    apart = np.sqrt(np.maximum(squared, 0.0))
    return float(min(np.median(apart.min(axis=1)), np.median(apart.min(axis=0))))
