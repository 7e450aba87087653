"""Which boxes of one set are those of another."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.data.matching import MIN_IOU, overlaps, pair


def test_boxes_are_paired_one_to_one_for_the_greatest_overlap() -> None:
    labelled = np.array([[0, 0, 10, 10], [2, 0, 12, 10]], np.float32)
    boxes = np.array([[1, 0, 11, 10], [0, 0, 10, 10], [50, 0, 60, 10]], np.float32)
    assert pair(boxes, labelled).tolist() == [1, 0, -1]


@given(st.lists(st.tuples(*[st.integers(0, 40)] * 2, *[st.integers(1, 20)] * 2), max_size=6), st.integers(0, 6))
def test_pairs_overlap_enough_and_nobody_is_paired_twice(boxes: list[tuple[int, int, int, int]], split: int) -> None:
    xyxy = np.array([(x, y, x + w, y + h) for x, y, w, h in boxes], np.float32).reshape(-1, 4)
    first, second = xyxy[:split], xyxy[split:]
    chosen = pair(first, second)
    used = [place for place in chosen.tolist() if place >= 0]
    assert len(set(used)) == len(used)
    overlap = overlaps(first, second)
    assert all(overlap[row, place] >= MIN_IOU for row, place in enumerate(chosen.tolist()) if place >= 0)
    assert overlap.size == 0 or (overlap.min() >= 0 and overlap.max() <= 1)
