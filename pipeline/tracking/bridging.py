"""Fills the short gaps in tracks, so that a detection missed for a moment does not make a drawn box blink."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from pipeline.types import FloatArray, TrackedBoxes


class _Row(NamedTuple):
    frame_index: int
    values: FloatArray
    """float32 (5,): xyxy and confidence."""


def bridge_gaps(boxes: Iterable[tuple[int, TrackedBoxes]], longest: int) -> Iterator[tuple[int, TrackedBoxes]]:
    """Give a track its box in frames it was missed in, on the straight way from the box before to the box after.

    Looks `longest` frames ahead and holds the boxes of no more than those.

    Args:
        boxes: (0-based frame index, boxes), in order of frames; frames without boxes may be left out.
        longest: Most frames in a row that are filled, 0 or more.

    Yields:
        The same in the same order, with the boxes added behind those that were tracked, and with the frames in
        between that now hold boxes.
    """
    waiting: dict[int, list[TrackedBoxes]] = {}
    last_seen: dict[int, _Row] = {}
    for index, found in boxes:
        rows = np.column_stack((found.xyxy, found.confidence)).astype(np.float32)
        waiting[index] = [found]
        for track, values in zip(found.track_id.tolist(), rows, strict=True):
            before = last_seen.get(track)
            if before is not None and index - before.frame_index <= longest + 1:
                _fill(waiting, track, before, _Row(index, values))
            last_seen[track] = _Row(index, values)
        last_seen = {track: row for track, row in last_seen.items() if index - row.frame_index <= longest}
        for ready in sorted(key for key in waiting if key <= index - longest):
            yield ready, _joined(waiting.pop(ready))
    for ready in sorted(waiting):
        yield ready, _joined(waiting[ready])


def _fill(waiting: dict[int, list[TrackedBoxes]], track: int, before: _Row, after: _Row) -> None:
    for index in range(before.frame_index + 1, after.frame_index):
        share = (index - before.frame_index) / (after.frame_index - before.frame_index)
        values = _mixed(before.values, after.values, share)
        waiting.setdefault(index, []).append(TrackedBoxes(values[None, :4], values[4:], np.array([track], np.int64)))


def _joined(parts: list[TrackedBoxes]) -> TrackedBoxes:
    if len(parts) == 1:
        return parts[0]
    return TrackedBoxes(
        np.concatenate([part.xyxy for part in parts]),
        np.concatenate([part.confidence for part in parts]),
        np.concatenate([part.track_id for part in parts]),
    )


def between(before: TrackedBoxes, after: TrackedBoxes, share: float) -> TrackedBoxes:
    """The boxes of the tracks that stand in both, on the straight way from one to the other, in the order of `after`.

    >>> a = TrackedBoxes(np.array([[0, 0, 10, 20]], np.float32), np.ones(1, np.float32), np.array([4]))
    >>> b = TrackedBoxes(np.array([[4, 8, 14, 28]], np.float32), np.ones(1, np.float32), np.array([4]))
    >>> between(a, b, 0.25).xyxy.tolist()
    [[1.0, 2.0, 11.0, 22.0]]

    Args:
        before: Boxes at share 0.
        after: Boxes at share 1.
        share: How much of the way, 0 to 1.
    """
    _, first, second = np.intersect1d(before.track_id, after.track_id, assume_unique=True, return_indices=True)
    first, second = first[np.argsort(second)], np.sort(second)
    return TrackedBoxes(
        _mixed(before.xyxy[first], after.xyxy[second], share),
        _mixed(before.confidence[first], after.confidence[second], share),
        after.track_id[second],
    )


def _mixed(first: FloatArray, second: FloatArray, share: float) -> FloatArray:
    return (first + (second - first) * share).astype(np.float32)
