"""Tracks that pass from one player to another."""

from fractions import Fraction

import numpy as np
import pytest

from pipeline.swaps import SwapSettings, SwapSplitter, torso_colours
from pipeline.types import Frame, TrackedBoxes

RED, BLUE, DARK_RED = (30, 30, 200), (200, 60, 30), (20, 20, 150)
BOX = (40.0, 20.0, 70.0, 90.0)
OTHER = (120.0, 20.0, 150.0, 90.0)


def frame(index: int, *shirts: tuple[tuple[float, float, float, float], tuple[int, int, int]]) -> Frame:
    bgr = np.full((120, 200, 3), (60, 150, 70), np.uint8)
    for (left, top, right, bottom), colour in shirts:
        bgr[int(top) : int(bottom), int(left) : int(right)] = colour
    return Frame(index, Fraction(index, 10), bgr)


def tracked(*boxes: tuple[float, float, float, float], first: int = 1) -> TrackedBoxes:
    ids = np.arange(first, first + len(boxes), dtype=np.int64)
    return TrackedBoxes(np.array(boxes, np.float32).reshape(-1, 4), np.ones(len(boxes), np.float32), ids)


def ids_of_one(colours: list[tuple[int, int, int]], settings: SwapSettings | None = None) -> list[int]:
    splitter = SwapSplitter(settings or SwapSettings())
    given = [splitter.split(frame(i, (BOX, colour)), tracked(BOX, first=7)) for i, colour in enumerate(colours)]
    return [int(boxes.track_id[0]) for boxes in given]


def test_a_lasting_change_of_kit_ends_the_track() -> None:
    ids = ids_of_one([RED] * 10 + [BLUE] * 10)
    assert ids[:10] == [1] * 10
    assert ids[-5:] == [2] * 5
    assert ids == sorted(ids)


def test_a_short_change_does_not() -> None:
    assert set(ids_of_one([RED] * 10 + [BLUE] * 3 + [RED] * 10)) == {1}


def test_shadow_does_not() -> None:
    assert set(ids_of_one([RED] * 10 + [DARK_RED] * 10)) == {1}


def test_turning_the_numbered_back_does_not() -> None:
    splitter, ids = SwapSplitter(SwapSettings()), set()
    for index in range(30):
        picture = frame(index, (BOX, RED))
        if index >= 12:  # a number that covers most of the middle of the torso
            picture.bgr[30:60, 52:61] = (240, 240, 240)
        ids |= set(splitter.split(picture, tracked(BOX)).track_id.tolist())
    assert ids == {1}


def test_a_player_can_be_lost_and_found_and_lost_again() -> None:
    assert sorted(set(ids_of_one([RED] * 10 + [BLUE] * 10 + [RED] * 10))) == [1, 2, 3]


def test_the_largest_distance_never_ends_a_track() -> None:
    assert set(ids_of_one([RED] * 10 + [BLUE] * 10, SwapSettings(kit_distance=200.0))) == {1}


def test_a_player_behind_another_is_not_looked_at() -> None:
    splitter, in_front = SwapSplitter(SwapSettings()), (38.0, 25.0, 72.0, 100.0)
    for index in range(10):
        splitter.split(frame(index, (BOX, RED)), tracked(BOX))
    ids = [
        splitter.split(frame(index, (BOX, RED), (in_front, BLUE)), tracked(BOX, in_front)).track_id.tolist()
        for index in range(10, 30)
    ]
    assert ids == [[1, 2]] * 20


def test_ids_count_in_order_of_appearance_and_never_repeat() -> None:
    splitter = SwapSplitter(SwapSettings())
    shirts = [((BOX, RED), (OTHER, BLUE))] * 8 + [((BOX, BLUE), (OTHER, RED))] * 8
    given = [splitter.split(frame(i, *pair), tracked(BOX, OTHER, first=3)) for i, pair in enumerate(shirts)]
    assert given[0].track_id.tolist() == [1, 2]
    assert given[-1].track_id.tolist() == [3, 4]


def test_a_track_unseen_for_minutes_keeps_its_id_and_nothing_else() -> None:
    splitter = SwapSplitter(SwapSettings())
    for index in range(10):
        splitter.split(frame(index, (BOX, RED)), tracked(BOX, first=7))
    later = frame(2000, (BOX, BLUE))
    splitter.split(later, TrackedBoxes.empty())
    assert not splitter._wearers
    assert splitter.split(later, tracked(BOX, first=7)).track_id.tolist() == [1]


def test_boxes_without_a_torso_in_the_picture_have_no_colour() -> None:
    picture = frame(0).bgr
    assert torso_colours(picture, np.array([-80, 0, -40, 90], np.float32)) is None
    assert torso_colours(picture, np.array([10, 10, 16, 22], np.float32)) is None
    assert SwapSplitter(SwapSettings()).split(frame(0), TrackedBoxes.empty()).track_id.tolist() == []


@pytest.mark.parametrize(("key", "value"), [("kit_distance", -1.0), ("looks", 1), ("interval_seconds", 11.0)])
def test_settings_out_of_range_are_refused(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{key} is {value}"):
        SwapSettings(**{key: value})  # type: ignore[arg-type]  # one of three fields
