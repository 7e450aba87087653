"""Gaps in tracks that drawing fills: which, with what, in which order, and with how much looked ahead."""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.tracking.bridging import bridge_gaps
from pipeline.types import TrackedBoxes


def boxes(**lefts: float) -> TrackedBoxes:
    """A box 10 wide and 20 high for each track: t3=50.0 is track 3 at 50 from the left, its confidence 0.5."""
    left = np.array(list(lefts.values()), np.float32)
    xyxy = np.stack([left, 0 * left, left + 10, 0 * left + 20], axis=1)
    ids = np.array([int(name[1:]) for name in lefts], np.int64)
    return TrackedBoxes(xyxy, np.full(len(left), 0.5, np.float32), ids)


def lefts(stream: Iterator[tuple[int, TrackedBoxes]]) -> dict[int, dict[int, float]]:
    """Left edge by frame and track."""
    return {
        index: dict(zip(found.track_id.tolist(), found.xyxy[:, 0].tolist(), strict=True)) for index, found in stream
    }


def test_a_short_gap_is_filled_on_the_straight_way() -> None:
    stream = [(0, boxes(t1=0.0)), (4, boxes(t1=40.0))]
    assert lefts(bridge_gaps(stream, 3)) == {index: {1: 10.0 * index} for index in range(5)}
    (_, filled) = list(bridge_gaps(stream, 3))[2]
    assert filled.xyxy.tolist() == [[20.0, 0.0, 30.0, 20.0]]
    assert filled.confidence.tolist() == [0.5]


def test_a_longer_gap_stays_open() -> None:
    stream = [(0, boxes(t1=0.0)), (5, boxes(t1=40.0))]
    assert lefts(bridge_gaps(stream, 3)) == {0: {1: 0.0}, 5: {1: 40.0}}
    assert list(bridge_gaps(stream, 0)) == stream


def test_each_track_is_bridged_for_itself_and_others_are_left_alone() -> None:
    stream = [
        (0, boxes(t1=0.0, t2=100.0)),
        (1, boxes(t2=101.0)),
        (2, boxes(t1=20.0, t3=7.0)),
        (3, boxes(t1=30.0, t2=109.0)),
    ]
    assert lefts(bridge_gaps(stream, 2)) == {
        0: {1: 0.0, 2: 100.0},
        1: {2: 101.0, 1: 10.0},
        2: {1: 20.0, 3: 7.0, 2: 105.0},
        3: {1: 30.0, 2: 109.0},
    }


def test_nothing_is_added_before_a_track_begins_or_after_it_ends() -> None:
    assert lefts(bridge_gaps([(3, boxes(t1=0.0)), (4, boxes(t2=0.0))], 9)) == {3: {1: 0.0}, 4: {2: 0.0}}
    assert list(bridge_gaps([], 5)) == []


@pytest.mark.parametrize("longest", [0, 1, 6])
def test_it_looks_no_further_ahead_than_the_longest_gap(longest: int) -> None:
    taken = 0

    def endless() -> Iterator[tuple[int, TrackedBoxes]]:
        nonlocal taken
        for index in range(1000):
            taken = index
            yield index, boxes(t1=float(index))

    for index, _ in bridge_gaps(endless(), longest):
        assert taken <= index + longest


@given(
    st.lists(st.sets(st.integers(1, 4), max_size=4), max_size=24),
    st.integers(0, 5),
)
def test_what_was_tracked_stays_and_only_short_inner_gaps_are_filled(seen: list[set[int]], longest: int) -> None:
    stream = [
        (index, boxes(**{f"t{track}": float(3 * index) for track in sorted(tracks)}))
        for index, tracks in enumerate(seen)
        if tracks
    ]
    bridged = lefts(bridge_gaps(stream, longest))
    assert list(bridged) == sorted(bridged)
    for track in range(1, 5):
        frames = [index for index, tracks in enumerate(seen) if track in tracks]
        expected = set(frames)
        for before, after in itertools.pairwise(frames):
            if after - before - 1 <= longest:
                expected.update(range(before, after))
        found = {index: of_frame[track] for index, of_frame in bridged.items() if track in of_frame}
        assert set(found) == expected
        assert all(left == pytest.approx(3 * index, abs=1e-4) for index, left in found.items())
