"""Cuts players' regions as the recognizer is shown them in the pipeline: at the number, where one is found."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from pipeline.config import as_plain
from pipeline.crops import cut_crops
from pipeline.locating import RegionFinder
from pipeline.results.report import file_record
from pipeline.settings import Settings
from pipeline.types import Crop, Frame, TrackedBoxes, UInt8Image, WindowCrop
from recognizer.localizer import default_localizer
from training.building.origin import digest


class RegionCutter:
    """Cuts the regions of players out of frames, and moves them to their numbers if `reader.locate` says so.

    Args:
        settings: how the pipeline works; `crops`, `reader.locate` and `reader.localizer` count.
        device: where the localizer runs.

    Raises:
        WeightsError: The localizer's weights are missing or unusable.
    """

    def __init__(self, settings: Settings, device: torch.device) -> None:
        self.crops = settings.crops
        """How regions are cut where nothing is looked for."""
        self.recipe = regions_recipe(settings)
        self._finder = RegionFinder(_localizer(settings), device) if settings.reader.locate else None

    @property
    def locates(self) -> bool:
        """Whether crops need their surroundings."""
        return self._finder is not None

    def cut(self, frame: Frame, boxes: TrackedBoxes) -> list[Crop]:
        """The regions of a frame where the boxes say, for `moved`; as `pipeline.crops.cut_crops`."""
        return cut_crops(frame, boxes, self.crops, surroundings=self.locates)

    def moved(self, crops: Sequence[Crop]) -> list[Crop]:
        """The same crops with the regions that are read; one in which no number is found stays as it is."""
        if self._finder is None:
            return list(crops)
        regions = self._finder.cut([WindowCrop(crop, _as_it_is) for crop in crops])
        return [replace(crop, rgb=region, surroundings=None) for crop, region in zip(crops, regions, strict=True)]


def regions_recipe(settings: Settings) -> str:
    """A digest of all that decides what the regions of players show."""
    weights = _localizer(settings)
    known = settings.reader.locate and weights.is_file()
    return digest(as_plain(settings.crops), file_record(weights, [weights])["sha256"] if known else "")


def _localizer(settings: Settings) -> Path:
    return Path(settings.reader.localizer) if settings.reader.localizer else default_localizer()


def _as_it_is(region: UInt8Image) -> UInt8Image:
    return region
