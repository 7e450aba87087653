"""Hard cuts."""

from fractions import Fraction

import numpy as np
import pytest

from pipeline.tracking.cuts import CutDetector, colours, hellinger
from pipeline.types import Frame, UInt8Image


def picture(colour: tuple[int, int, int], block: int) -> UInt8Image:
    """A plain picture with a block somewhere in it."""
    image = np.full((90, 160, 3), colour, np.uint8)
    image[20:50, block : block + 20] = (240, 240, 240)
    return image


def cuts(pictures: list[UInt8Image], distance: float = 0.5) -> list[int]:
    detector = CutDetector(distance)
    frames = [Frame(index, Fraction(index, 25), image) for index, image in enumerate(pictures)]
    return [frame.index for frame in frames if detector.is_cut(frame)]


def test_a_cut_is_found_where_it_is_and_movement_is_none() -> None:
    pitch = [picture((40, 140, 50), 10 * i) for i in range(8)]
    closer = [picture((90, 60, 40), 5 * i) for i in range(8)]
    assert cuts(pitch + closer) == [8]


def test_a_cut_to_a_picture_of_another_size_is_found() -> None:
    small = np.full((50, 60, 3), 200, np.uint8)
    assert cuts([picture((40, 140, 50), 10), small]) == [1]


def test_one_means_never() -> None:
    assert cuts([picture((0, 0, 0), 0), np.full((90, 160, 3), (255, 0, 0), np.uint8)], distance=1.0) == []


def test_distance_is_symmetric_and_zero_for_the_same_picture() -> None:
    first, second = colours(picture((40, 140, 50), 10)), colours(picture((90, 60, 40), 30))
    assert hellinger(first, first) == pytest.approx(0.0, abs=1e-3)
    assert hellinger(first, second) == pytest.approx(hellinger(second, first))
    assert 0.0 < hellinger(first, second) <= 1.0
