"""Regions of a data set show what the recognizer is shown in the pipeline."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from building_media import boxes_at, scene_picture

from pipeline.crops import CropSettings, cut_crops
from pipeline.locating import RegionFinder
from pipeline.reading import ReaderSettings
from pipeline.settings import Settings
from pipeline.types import Frame, TrackedBoxes, WindowCrop
from training.building.regions import RegionCutter, regions_recipe

CPU = torch.device("cpu")


def scene() -> tuple[Frame, TrackedBoxes]:
    boxes = TrackedBoxes(boxes_at(0).astype(np.float32), np.ones(2, np.float32), np.array([1, 2]))
    return Frame(0, Fraction(0), scene_picture(0)), boxes


def test_regions_are_moved_to_the_number_as_the_pipeline_moves_them() -> None:
    frame, boxes = scene()
    cutter = RegionCutter(Settings(), CPU)
    moved = cutter.moved(cutter.cut(frame, boxes))
    whole = [WindowCrop(crop, np.copy) for crop in cut_crops(frame, boxes, CropSettings(), surroundings=True)]
    finder = RegionFinder(None, CPU)
    found = finder.found(whole)
    assert any(found), "the 46 is plain"
    plain = cut_crops(frame, boxes, CropSettings())
    for crop, shown, there, was in zip(moved, whole, found, plain, strict=True):
        assert np.array_equal(crop.rgb, finder.inputs([shown])[0])
        assert np.array_equal(crop.rgb, was.rgb) != there
        assert (crop.quality, crop.surroundings) == (was.quality, None)


def test_regions_stay_where_the_boxes_say_if_nothing_is_to_be_looked_for() -> None:
    frame, boxes = scene()
    cutter = RegionCutter(Settings(reader=ReaderSettings(locate=False)), CPU)
    for crop, plain in zip(
        cutter.moved(cutter.cut(frame, boxes)), cut_crops(frame, boxes, CropSettings()), strict=True
    ):
        assert np.array_equal(crop.rgb, plain.rgb)


@pytest.mark.parametrize(
    ("settings", "alike"),
    [
        (Settings(), True),
        (Settings(reader=ReaderSettings(batch_size=4)), True),
        (Settings(reader=ReaderSettings(locate=False)), False),
        (Settings(crops=CropSettings(centre_y=0.4)), False),
    ],
)
def test_what_changes_regions_changes_their_recipe(settings: Settings, alike: bool) -> None:
    assert (regions_recipe(settings) == regions_recipe(Settings())) == alike
