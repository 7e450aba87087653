"""Places for tags and ids around a player's box, and what each of them would hide: pure functions on arrays.

Boxes are float32 (N, 4), x1, y1, x2, y2 in pixels; a cost of 0 is a free place over the head.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

TAG_RANKS: Final = np.array([0.0, 0.1, 0.1, 0.35, 0.35, 0.5, 0.5, 0.25, 0.45, 0.55, 0.65, 0.65], np.float32)
"""What the places of `tag_spots` cost in themselves."""
ID_RANKS: Final = np.array([0.0, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4, 0.5], np.float32)
"""What the places of `id_spots` cost in themselves."""
_HIDES: Final = (3.0, 1.2, 1.0)  # hiding another player's upper half, lower half, lying close enough to seem theirs
_HIDES_OWN: Final = (0.8, 0.2, 0.0)


def tag_spots(boxes: Array, sizes: Array, gap: float, frame: tuple[int, int]) -> Array:
    """Places for number tags: over the head (3), beside it (2), beside the feet (2), under and on them, higher (3).

    Args:
        boxes: (N, 4).
        sizes: (N, 2), width and height of each one's tag, pixels.
        gap: Pixels between box and tag.
        frame: Width and height of the picture; places are moved inside.

    Returns:
        (N, 12, 4).
    """
    x1, y1, x2, y2 = boxes.T
    width, height = sizes.T
    middle, left, right = (x1 + x2 - width) / 2, x1 - gap - width, x2 + gap
    above, higher = y1 - height - gap, y1 - 2.05 * height - gap
    corners = [(middle, above), (np.minimum(x2 - width, x1), above), (np.maximum(x1, x2 - width), above)]
    corners += [(left, y1), (right, y1), (left, y2 - height), (right, y2 - height)]
    corners += [(middle, y2 + gap), (middle, y2 - height), (middle, higher), (left, higher), (right, higher)]
    return _inside(corners, sizes, frame)


def id_spots(boxes: Array, sizes: Array, gap: float, frame: tuple[int, int]) -> Array:
    """Places for track ids: under the feet (2), beside them (2), over the head (2), beside it (2), on the feet.

    Takes what `tag_spots` takes; gives (N, 9, 4).
    """
    x1, y1, x2, y2 = boxes.T
    width, height = sizes.T
    middle, left, right = (x1 + x2 - width) / 2, x1 - gap - width, x2 + gap
    near_left, near_right = np.minimum(x1, middle), np.maximum(x2 - width, middle)
    corners = [(near_left, y2), (near_right, y2), (left, y2 - height), (right, y2 - height)]
    corners += [(near_left, y1 - height), (near_right, y1 - height), (left, y1), (right, y1), (near_left, y2 - height)]
    return _inside(corners, sizes, frame)


def hidden(spots: Array, areas: Array) -> Array:
    """How much of each area each spot covers, as a share of the smaller of both.

    Args:
        spots: (..., 4).
        areas: (M, 4).

    Returns:
        (..., M), 0 to 1.
    """
    x1, y1, x2, y2 = (spots[..., i, None] for i in range(4))
    left, top, right, bottom = areas.T
    width = np.minimum(x2, right) - np.maximum(x1, left)
    height = np.minimum(y2, bottom) - np.maximum(y1, top)
    smaller = np.minimum((x2 - x1) * (y2 - y1), (right - left) * (bottom - top))
    return np.asarray(np.maximum(width, 0.0) * np.maximum(height, 0.0) / np.maximum(smaller, 1.0), np.float32)


def crowding(spots: Array, owners: NDArray[np.int64], boxes: Array) -> Array:
    """What each place hides of the players, another's upper half being worst.

    Args:
        spots: (N, P, 4).
        owners: (N,), whose they are: an index into `boxes`.
        boxes: (M, 4), everybody in the picture.

    Returns:
        (N, P).
    """
    x1, y1, x2, y2 = boxes.T
    middle, tall = (y1 + y2) / 2, y2 - y1
    upper, lower = np.stack([x1, y1, x2, middle], axis=1), np.stack([x1, middle, x2, y2], axis=1)
    around = np.stack([x1 - 0.15 * tall, y1 - 0.25 * tall, x2 + 0.15 * tall, y2 + 0.1 * tall], axis=1)
    mine = np.arange(len(boxes)) == owners[:, None]
    cost = np.zeros(spots.shape[:2], np.float32)
    for part, others, own in zip((upper, lower, around), _HIDES, _HIDES_OWN, strict=True):
        weight = np.where(mine, np.float32(own), np.float32(others))
        cost += (hidden(spots, part) * weight[:, None, :]).sum(axis=2)
    return cost


def apart(spot: Array, box: Array) -> float:
    """Pixels between a spot and a box, the longer of across and down; 0 if they touch."""
    return float(np.maximum(np.maximum(box[:2] - spot[2:], spot[:2] - box[2:]), 0.0).max())


def _inside(corners: list[tuple[Array, Array]], sizes: Array, frame: tuple[int, int]) -> Array:
    """The rectangles (N, P, 4) of these sizes at P top left corners, moved into the picture."""
    corner = np.array(corners, np.float32).transpose(2, 0, 1)
    room = np.array(frame, np.float32) - sizes
    corner = np.maximum(np.minimum(corner, room[:, None, :]), 0.0)
    return np.concatenate([corner, corner + sizes[:, None, :]], axis=2)
