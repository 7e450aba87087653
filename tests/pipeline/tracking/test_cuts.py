"""Hard cuts."""

from fractions import Fraction

import numpy as np
import pytest

from pipeline.clock import StageClock
from pipeline.tracking.cuts import colours, find_cuts, hellinger
from pipeline.tracking.following import in_groups
from pipeline.types import Frame, UInt8Image


def picture(colour: tuple[int, int, int], block: int) -> UInt8Image:
    """A plain picture with a block somewhere in it."""
    image = np.full((90, 160, 3), colour, np.uint8)
    image[20:50, block : block + 20] = (240, 240, 240)
    return image


def shown(
    pictures: list[UInt8Image], distance: float = 0.5, every: int = 1, rate: int = 25
) -> list[tuple[list[int], bool]]:
    """For each group its frames, and whether a shot begins with the last one; what was found is the frame itself."""
    frames = [Frame(index, Fraction(index, rate), image) for index, image in enumerate(pictures)]
    groups = ((group, group[-1].index) for group in in_groups(frames, every))
    found = list(find_cuts(groups, distance, StageClock()))
    assert all(one.found == one.frames[-1].index for one in found)
    assert [frame.index for one in found for frame in one.frames] == list(range(len(pictures)))
    return [([frame.index for frame in one.frames], one.begins_shot) for one in found]


def cuts(pictures: list[UInt8Image], distance: float = 0.5) -> list[int]:
    return [frames[-1] for frames, begins_shot in shown(pictures, distance) if begins_shot]


PITCH = [picture((40, 140, 50), 10 * i) for i in range(8)]
CLOSER = [picture((90, 60, 40), 5 * i) for i in range(8)]
FLASH = picture((250, 250, 250), 0)


def test_a_cut_is_found_where_it_is_and_movement_is_none() -> None:
    assert cuts(PITCH + CLOSER) == [8]


@pytest.mark.parametrize("lit", [1, 2])
def test_a_flash_is_no_cut_and_nobody_looks_at_it(lit: int) -> None:
    found = shown([*PITCH[:3], *[FLASH] * lit, *PITCH[3:]])
    assert found[:3] == [([0], False), ([1], False), ([2], False)]
    assert found[3] == (list(range(3, 4 + lit)), False)
    assert not any(begins_shot for _, begins_shot in found)


def test_a_flash_among_frames_of_which_some_are_looked_at() -> None:
    found = shown([*PITCH[:4], FLASH, *PITCH[4:]], every=2, rate=50)
    assert found == [([0], False), ([1, 2], False), ([3, 4, 5, 6], False), ([7, 8], False)]


@pytest.mark.parametrize(("every", "rate"), [(2, 25), (10, 50), (1, 12)])
def test_what_may_be_a_short_shot_is_no_flash(every: int, rate: int) -> None:
    """With frames so far apart a cut away and back looks like a flash."""
    found = shown([*PITCH[: every + 1], *[CLOSER[0]] * every, *PITCH, *PITCH], every=every, rate=rate)
    assert sum(begins_shot for _, begins_shot in found) == 2


def test_what_stays_bright_or_ends_bright_is_a_cut() -> None:
    assert cuts([*PITCH, FLASH, FLASH, FLASH, *PITCH]) == [8, 11]
    assert cuts([*PITCH, FLASH]) == [8]


def test_a_flash_that_hides_a_cut_leaves_it_one() -> None:
    assert cuts([*PITCH, FLASH, *CLOSER]) == [8, 9]


def test_cuts_right_behind_one_another_are_all_found() -> None:
    assert cuts([*PITCH, CLOSER[0], FLASH, *[picture((0, 0, 0), 0)] * 3]) == [8, 9, 10]


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
