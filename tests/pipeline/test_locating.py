"""Moving regions to where the number is."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.crops import CropSettings, cut_crops
from pipeline.locating import RegionFinder
from pipeline.types import Crop, Frame, TrackedBoxes, UInt8Image, WindowCrop
from recognizer.localizer import NumberLocalizer, Places, save_localizer

CPU = torch.device("cpu")
BOX = (60.0, 20.0, 100.0, 120.0)
SIDE = 35


def frame() -> Frame:
    bgr = np.random.default_rng(0).integers(0, 256, (160, 160, 3)).astype(np.uint8)
    return Frame(0, Fraction(0), bgr, torch.from_numpy(bgr))


def crop_of(shown: Frame, *, surroundings: bool = True) -> Crop:
    boxes = TrackedBoxes(np.array([BOX], np.float32), np.ones(1, np.float32), np.array([7]))
    [crop] = cut_crops(shown, boxes, CropSettings(min_side=1), surroundings=surroundings)
    return crop


def kept(crop: Crop) -> WindowCrop:
    return WindowCrop(crop, lambda rgb: np.array(rgb))


@pytest.fixture
def finder(tmp_path: Path) -> RegionFinder:
    save_localizer(tmp_path / "small.safetensors", NumberLocalizer(width=8), {})
    return RegionFinder(tmp_path / "small.safetensors", CPU)


def say(finder: RegionFinder, x: float, y: float, side: float, absent: float = 0.0) -> None:
    """Have the network find a number there."""

    def find(rgb: torch.Tensor, own: torch.Tensor) -> Places:
        count = len(rgb)
        return Places(torch.tensor([[x, y]] * count), torch.full((count,), side), torch.full((count,), absent))

    finder._network.find = find  # type: ignore[method-assign]


def rgb_of(shown: Frame, left: int, top: int, side: int) -> UInt8Image:
    return shown.bgr[top : top + side, left : left + side, ::-1]


def test_the_region_lies_in_the_middle_of_its_surroundings() -> None:
    shown = frame()
    alone, crop = crop_of(shown, surroundings=False), crop_of(shown)
    assert alone.surroundings is None and crop.surroundings is not None
    assert np.array_equal(alone.rgb, crop.rgb) and alone.quality == crop.quality
    margin = (crop.surroundings.shape[0] - SIDE) // 2
    assert crop.surroundings.shape[0] == SIDE + 2 * margin == pytest.approx(2.4 * SIDE, abs=1)
    assert np.array_equal(crop.surroundings[margin:-margin, margin:-margin], crop.rgb)


def test_a_region_is_cut_where_the_number_is(finder: RegionFinder) -> None:
    shown = frame()
    crop = kept(crop_of(shown))
    say(finder, 0.2, -0.2, 0.8)
    found = finder.inputs([crop])
    left, top = 62 + round(SIDE / 2 + 0.2 * SIDE - 0.4 * SIDE), 34 + round(SIDE / 2 - 0.2 * SIDE - 0.4 * SIDE)
    assert found.shape == (1, 28, 28, 3)
    shifts = [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)]  # for the halves of pixels
    assert any(np.array_equal(found[0], rgb_of(shown, left + x, top + y, 28)) for x, y in shifts)


def test_on_the_device_the_same_is_cut(finder: RegionFinder) -> None:
    crops = [kept(crop_of(frame()))]
    say(finder, 0.9, 0.3, 1.4)
    [on_device], on_cpu = finder.regions(crops), finder.inputs(crops)
    assert np.array_equal(on_device.numpy(), on_cpu[0])


def test_without_a_number_the_region_stays(finder: RegionFinder) -> None:
    crop = kept(crop_of(frame()))
    say(finder, 0.5, 0.5, 0.5, absent=0.5)
    assert np.array_equal(finder.inputs([crop])[0], crop.rgb)
    assert np.array_equal(finder.regions([crop])[0].numpy(), crop.rgb)


def test_crops_without_surroundings_stay_too(finder: RegionFinder) -> None:
    shown = frame()
    crops = [kept(crop_of(shown, surroundings=False)), kept(crop_of(shown))]
    say(finder, 0.0, 0.0, 1.0)
    found = finder.inputs(crops)
    assert np.array_equal(found[0], crops[0].rgb) and found[1].shape == found[0].shape
    assert [len(region) for region in finder.regions(crops)] == [SIDE, SIDE]


def test_each_crop_is_looked_at_once(finder: RegionFinder) -> None:
    crops = [kept(crop_of(frame())) for _ in range(3)]
    seen: list[int] = []

    def find(rgb: torch.Tensor, own: torch.Tensor) -> Places:
        seen.append(len(rgb))
        return Places(torch.zeros(len(rgb), 2), torch.ones(len(rgb)), torch.full((len(rgb),), 0.25))

    finder._network.find = find  # type: ignore[method-assign]
    assert finder.absent(crops[:2]) == [0.25, 0.25]
    finder.inputs(crops)
    finder.regions(crops)
    assert seen == [2, 1]
    assert finder.absent([kept(crop_of(frame(), surroundings=False))]) == [0.0]


def test_a_closer_look_has_the_same_middle(finder: RegionFinder) -> None:
    crops = [kept(crop_of(frame()))]
    say(finder, 0.0, 0.0, 1.0)
    [wide], [close] = finder.inputs(crops), finder.inputs(crops, 0.4)
    assert finder.found(crops) == [True]
    start = (wide.shape[0] - close.shape[0]) // 2
    shifts = [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)]
    parts = [wide[start + y : start + y + len(close), start + x : start + x + len(close)] for x, y in shifts]
    assert len(close) == 14 and any(np.array_equal(close, part) for part in parts)
    assert np.array_equal(finder.regions(crops, 0.4)[0].numpy(), close)
    say(finder, 0.0, 0.0, 1.0, absent=0.9)
    unseen = [kept(crop_of(frame()))]
    assert finder.found(unseen) == [False] and np.array_equal(finder.inputs(unseen, 0.4)[0], unseen[0].rgb)


def test_the_edges_of_the_player_s_box_are_known(finder: RegionFinder) -> None:
    crop = kept(crop_of(frame()))
    told: list[torch.Tensor] = []

    def find(rgb: torch.Tensor, own: torch.Tensor) -> Places:
        told.append(own)
        return Places(torch.zeros(1, 2), torch.ones(1), torch.zeros(1))

    finder._network.find = find  # type: ignore[method-assign]
    finder.absent([crop])
    assert crop.surroundings is not None
    side = crop.surroundings.shape[0]
    left, right = (told[0][0] * side).tolist()
    assert right - left == pytest.approx(40.0) and (left + right) / 2 == pytest.approx(side / 2, abs=1.0)
