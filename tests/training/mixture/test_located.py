"""Real players cut where their number is found."""

import numpy as np
import pytest
import torch

from pipeline.crops import CropSettings, jersey_regions
from recognizer.localizer import NumberLocalizer, Places
from training.data.clip_labels import Verdict
from training.mixture.located import located
from training.mixture.players import Track

CROPS = CropSettings()
BOX = np.array([60, 20, 100, 120], np.float32)


class Told(NumberLocalizer):
    """Finds what it is told, in every square."""

    def __init__(self, absent: float) -> None:
        super().__init__(width=8)
        self.told, self.seen = absent, 0

    def find(self, rgb: torch.Tensor, own: torch.Tensor | None = None) -> Places:
        """Upwards to the right, somewhat smaller."""
        count, self.seen = len(rgb), self.seen + len(rgb)
        return Places(torch.tensor([[0.2, -0.4]] * count), torch.full((count,), 0.8), torch.full((count,), self.told))


def track_of(count: int) -> Track:
    track = Track("match")
    for _ in range(count):
        track.add(np.zeros((160, 160, 3), np.uint8), BOX, Verdict.LEGIBLE, "7")
    return track


def test_the_region_is_where_the_number_is() -> None:
    track = track_of(3)
    [moved] = located([track], Told(0.1), CROPS, 1.0, np.random.default_rng(0))
    before, after = (jersey_regions(boxes.boxes[0][None], CROPS)[0] for boxes in (track, moved))
    side = before[2] - before[0]
    assert after[2] - after[0] == pytest.approx(0.8 * side, rel=1e-4)
    assert (after[:2] + after[2:]) / 2 == pytest.approx((before[:2] + before[2:]) / 2 + np.array([0.2, -0.4]) * side)
    assert np.array_equal(track.boxes[0], BOX)
    assert moved.images is track.images and moved.numbers == track.numbers


def test_without_a_number_the_region_stays() -> None:
    [kept] = located([track_of(2)], Told(0.6), CROPS, 1.0, np.random.default_rng(0))
    assert all(np.array_equal(box, BOX) for box in kept.boxes)


def test_a_share_of_the_pictures_is_changed() -> None:
    network = Told(0.1)
    [mixed] = located([track_of(300)], network, CROPS, 0.5, np.random.default_rng(0))
    changed = sum(not np.array_equal(box, BOX) for box in mixed.boxes)
    assert 120 < changed < 180 and network.seen == 300
