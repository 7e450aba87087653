"""Gives boxes and reads of a track that passed to another player the id of that player's own track."""

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.identity import IdentityFuser
from pipeline.kits.swaps import Swap
from pipeline.results.outputs import read_of_record, rewrite_lines
from pipeline.results.spans import FrameTimes, TrackSpan

_HIS_SHARE: Final = 0.75
"""Of the attention to a window's frames, what must lie on frames of one player for the window to speak of him."""


class Renaming:
    """Knows whose a track is at a frame.

    >>> renaming = Renaming([Swap(track_id=4, frame_index=100, new_id=9)])
    >>> renaming.of(4, 99), renaming.of(4, 100), renaming.of(5, 100)
    (4, 9, 5)

    Args:
        swaps: All that were found.
    """

    def __init__(self, swaps: Iterable[Swap]) -> None:
        self._swaps: dict[int, list[Swap]] = defaultdict(list)
        for swap in sorted(swaps, key=lambda swap: swap.frame_index):
            self._swaps[swap.track_id].append(swap)
        self.tracks = frozenset(self._swaps)
        """Those that passed to another player, by the ids they had."""

    def of(self, track_id: int, frame_index: int) -> int:
        """The id of the player whom a track shows in a frame."""
        swaps = self._swaps.get(track_id)
        if swaps is None:
            return track_id
        place = bisect_right([swap.frame_index for swap in swaps], frame_index)
        return swaps[place - 1].new_id if place else track_id


def rename_boxes(path: Path, renaming: Renaming, times: FrameTimes) -> dict[int, TrackSpan]:
    """Rewrite a file of `TrackLog`.

    Args:
        path: The MOTChallenge file.
        renaming: Whose the tracks are.
        times: Of the frames that were logged.

    Returns:
        The spans of all tracks that come of those renamed, by id.
    """
    spans: dict[int, TrackSpan] = {}

    def renamed(line: str) -> str:
        number, known, rest = line.split(",", 2)
        track_id = int(known)
        if track_id not in renaming.tracks:
            return line
        index = int(number) - 1
        new = renaming.of(track_id, index)
        spans.setdefault(new, TrackSpan.starting(new, index, times)).see(index, times)
        return f"{number},{new},{rest}"

    rewrite_lines(path, renamed)
    return spans


def rename_reads(path: Path, renaming: Renaming, fuser: IdentityFuser) -> int:
    """Rewrite a file of `ReadLog`, and have what was read of each player added up anew.

    A window belongs to the player in its best crop. One that owes much to crops of another player says nothing of
    either, and is left out.

    Args:
        path: The JSON lines.
        renaming: Whose the tracks are.
        fuser: What added the reads up before.

    Returns:
        How many windows were left out.
    """
    mixed = 0
    for track_id in renaming.tracks:
        fuser.forget(track_id)

    def renamed(line: str) -> str:
        nonlocal mixed
        record = json.loads(line)
        if record["track_id"] not in renaming.tracks:
            return line
        known, record["track_id"] = record["track_id"], renaming.of(record["track_id"], record["anchor_frame"])
        read = read_of_record(record)
        his = np.array([frame >= 0 and renaming.of(known, frame) == read.track_id for frame in record["frames"]])
        if read.frame_weights[his].sum() < _HIS_SHARE * read.frame_weights.sum():
            mixed += 1
            return ""
        fuser.add(replace(read, frame_indices=read.frame_indices[his], frame_weights=read.frame_weights[his]))
        return json.dumps(record, separators=(",", ":")) + "\n"

    rewrite_lines(path, renamed)
    return mixed
