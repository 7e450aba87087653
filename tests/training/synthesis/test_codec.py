"""What compression leaves of a picture."""

import numpy as np
import pytest

from pipeline.types import UInt8Image
from training.synthesis.codec import as_h264, as_jpeg


@pytest.fixture
def disc() -> UInt8Image:
    """A red disc with a hole on dark green, 40 pixels."""
    rows, columns = np.mgrid[0:40, 0:40] - 19.5
    radius = np.hypot(rows, columns)
    ring = (radius < 14) & (radius > 6)
    return np.where(ring[:, :, None], (200, 30, 40), (20, 70, 30)).astype(np.uint8)


def distance(first: UInt8Image, second: UInt8Image) -> float:
    return float(np.abs(first.astype(int) - second.astype(int)).mean())


def test_nothing_asked_for_changes_nothing(disc: UInt8Image) -> None:
    assert as_jpeg(disc, 100) is disc
    assert as_h264(np.random.default_rng(0), disc, 0) is disc


@pytest.mark.parametrize("seed", range(6))
def test_the_shown_frame_is_the_picture_where_it_was(disc: UInt8Image, seed: int) -> None:
    shown = as_h264(np.random.default_rng(seed), disc, 14)
    assert shown.shape == disc.shape
    moved = min(distance(shown, np.roll(disc, shift, axis)) for shift in (-2, 2) for axis in (0, 1))
    assert distance(shown, disc) < min(8.0, 0.6 * moved)


def test_a_greater_rate_factor_loses_more(disc: UInt8Image) -> None:
    losses = [distance(as_h264(np.random.default_rng(3), disc, crf), disc) for crf in (16, 28, 40)]
    assert losses == sorted(losses)
    assert losses[2] > 2 * losses[0]


def test_a_lower_quality_loses_more(disc: UInt8Image) -> None:
    assert distance(as_jpeg(disc, 90), disc) < distance(as_jpeg(disc, 20), disc)


@pytest.mark.parametrize("side", [13, 31, 90])
def test_sides_need_not_fit_macroblocks(side: int) -> None:
    image = np.random.default_rng(1).integers(0, 256, (side, side, 3)).astype(np.uint8)
    assert as_h264(np.random.default_rng(2), image, 30).shape == (side, side, 3)


def test_the_same_chance_gives_the_same_picture(disc: UInt8Image) -> None:
    first, second = (as_h264(np.random.default_rng(5), disc, 30) for _ in range(2))
    assert np.array_equal(first, second)
