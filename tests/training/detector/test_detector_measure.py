"""Scores of a player detector, on boxes written by hand."""

import numpy as np
import pytest

from pipeline.types import Detections, FloatArray
from training.detector.data import overlaps
from training.detector.measure import average_precision, match


def boxes(*rows: tuple[float, float, float, float]) -> FloatArray:
    return np.array(rows, np.float32)


def test_matching_is_one_to_one_surest_first() -> None:
    rows = boxes((0, 0, 10, 20), (1, 0, 11, 20), (50, 0, 60, 20), (90, 0, 99, 20))
    seen = Detections(rows, np.array([0.6, 0.9, 0.5, 0.4], np.float32))
    right, counts, taken = match(seen, boxes((1, 0, 11, 20), (200, 0, 210, 20)), boxes((50, 0, 60, 20)))
    assert right.tolist() == [False, True, False, False]
    assert counts.tolist() == [True, True, False, True]
    assert taken.tolist() == [True, False]


def test_average_precision_of_known_curves() -> None:
    confidence = np.array([0.9, 0.8, 0.7, 0.6], np.float32)
    assert average_precision(confidence, np.array([True, True, False, False]), 2) == pytest.approx(1.0)
    assert average_precision(confidence, np.array([False, True, False, True]), 4) == pytest.approx(0.25)
    assert average_precision(np.zeros(0, np.float32), np.zeros(0, bool), 3) == 0


def test_overlap_of_boxes() -> None:
    shared = overlaps(boxes((0, 0, 10, 10)), boxes((0, 0, 10, 10), (5, 0, 15, 10), (20, 0, 30, 10)))
    np.testing.assert_allclose(shared, [[1, 1 / 3, 0]], atol=1e-6)
