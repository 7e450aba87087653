"""The jersey region of a box and how good a cut of it is."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.crops import (
    NUMBER_ZONE,
    CropSettings,
    complete_cut_off,
    cut_crops,
    cut_square,
    hidden_shares,
    jersey_regions,
    patch_of,
    sharpness,
)
from pipeline.types import Frame, TrackedBoxes, UInt8Image


def boxes(*xyxy: tuple[float, float, float, float]) -> TrackedBoxes:
    return TrackedBoxes(np.array(xyxy, np.float32), np.ones(len(xyxy), np.float32), np.arange(1, len(xyxy) + 1))


def noise(height: int, width: int) -> UInt8Image:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


@given(st.floats(0, 500), st.floats(0, 500), st.floats(20, 200), st.floats(40, 400))
def test_the_region_holds_the_middle_of_a_standing_players_number(
    left: float, top: float, width: float, height: float
) -> None:
    width = min(width, height)
    region = jersey_regions(np.array([[left, top, left + width, top + height]], np.float32), CropSettings())[0]
    x = left + width * (NUMBER_ZONE[0] + NUMBER_ZONE[2]) / 2
    y = top + height * (NUMBER_ZONE[1] + NUMBER_ZONE[3]) / 2
    assert region[0] < x < region[2]
    assert region[1] < y < region[3]
    assert region[2] - region[0] == pytest.approx(region[3] - region[1], rel=1e-3)


def test_a_player_cut_off_below_is_read_where_the_jersey_is() -> None:
    whole = np.array([[100, 40, 145, 140]], np.float32)
    chest_up = np.array([[100, 40, 145, 90]], np.float32)
    completed = complete_cut_off(chest_up, 90)
    assert np.allclose(completed, whole)
    assert np.allclose(jersey_regions(completed, CropSettings()), jersey_regions(whole, CropSettings()))


@pytest.mark.parametrize("box", [(100, 40, 145, 80), (10, 10, 40, 90)])
def test_other_boxes_keep_their_height(box: tuple[float, float, float, float]) -> None:
    xyxy = np.array([box], np.float32)
    assert np.array_equal(complete_cut_off(xyxy, 90), xyxy)


@given(st.floats(-30, 90), st.floats(-30, 60), st.floats(0.6, 120))
def test_a_region_of_an_uploaded_frame_is_the_one_cut_here(left: float, top: float, side: float) -> None:
    image, square = noise(50, 80), np.array([left, top, left + side, top + side], np.float32)
    patch = patch_of(Frame(0, Fraction(0), image, torch.from_numpy(image)), square)
    assert patch is not None
    assert np.array_equal(patch.copy_rgb().numpy(), cut_square(image, square)[:, :, ::-1])


def test_crops_of_an_uploaded_frame_are_there_too() -> None:
    image = noise(100, 200)
    here, there = (
        cut_crops(frame, boxes((-5, 10, 35, 95), (100, -20, 160, 60)), CropSettings())
        for frame in (Frame(0, Fraction(0), image), Frame(0, Fraction(0), image, torch.from_numpy(image)))
    )
    assert [crop.patch for crop in here] == [None, None]
    for crop in there:
        assert crop.patch is not None
        assert np.array_equal(crop.patch.copy_rgb().numpy(), crop.rgb)


def test_outside_the_picture_is_black() -> None:
    cut = cut_square(np.full((20, 20, 3), 200, np.uint8), np.array([-5, -5, 5, 5], np.float32))
    assert cut.shape == (10, 10, 3)
    assert not cut[:5].any()
    assert (cut[5:, 5:] == 200).all()


def test_a_player_in_front_hides_more_than_one_behind() -> None:
    target, covering = (10, 10, 50, 110), (20, 15, 60, 115)
    in_front = hidden_shares(np.array([target, covering], np.float32))[0]
    behind = hidden_shares(np.array([target, (20, 5, 60, 105)], np.float32))[0]
    assert in_front > 2 * behind > 0
    assert hidden_shares(np.array([target, (200, 10, 240, 110)], np.float32))[0] == 0


def test_detail_is_sharper_than_a_plain_surface() -> None:
    assert sharpness(np.full((40, 40, 3), 90, np.uint8)) == 0
    assert sharpness(noise(40, 40)) > 0.3


def test_crops_are_rgb_and_small_players_give_none() -> None:
    bgr = np.zeros((200, 300, 3), np.uint8)
    bgr[:, :, 0] = 255  # blue
    frame = Frame(3, Fraction(3, 25), bgr)
    crops = cut_crops(frame, boxes((50, 20, 100, 140), (200, 20, 210, 45)), CropSettings())
    assert [crop.track_id for crop in crops] == [1]
    assert crops[0].rgb[0, 0].tolist() == [0, 0, 255]
    assert (crops[0].frame_index, crops[0].time_seconds) == (3, 0.12)


def test_quality_falls_with_size_and_hiding() -> None:
    frame = Frame(0, Fraction(0), noise(400, 600))
    near, far = cut_crops(frame, boxes((50, 20, 120, 180), (300, 20, 330, 90)), CropSettings())
    alone = near.quality
    hidden = cut_crops(frame, boxes((50, 20, 120, 180), (60, 30, 130, 190)), CropSettings())[0].quality
    assert alone > far.quality > 0
    assert hidden < alone / 2
