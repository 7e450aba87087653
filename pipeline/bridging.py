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
        values = (before.values + (after.values - before.values) * share).astype(np.float32)
        waiting.setdefault(index, []).append(TrackedBoxes(values[None, :4], values[4:], np.array([track], np.int64)))


def _joined(parts: list[TrackedBoxes]) -> TrackedBoxes:
    if len(parts) == 1:
        return parts[0]
    return TrackedBoxes(
        np.concatenate([part.xyxy for part in parts]),
        np.concatenate([part.confidence for part in parts]),
        np.concatenate([part.track_id for part in parts]),
    )
