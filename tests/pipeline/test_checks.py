"""Checks that settings share."""

import pytest

from pipeline.detection.detector import DetectorSettings
from pipeline.tracking.tracker import TrackerSettings


def test_values_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^cut_distance is 1\.5, expected 0 to 1$"):
        TrackerSettings(cut_distance=1.5)
    with pytest.raises(ValueError, match=r"^max_upscale is 9, expected 1 to 8$"):
        DetectorSettings(max_upscale=9)
