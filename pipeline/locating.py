"""Moves the regions of crops to where the number is, just before they are read."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from pipeline.crops import cut_square, whole_pixels
from pipeline.patches import Patch
from pipeline.types import FloatArray, UInt8Image, WindowCrop
from pipeline.workers import Spread, in_parts, in_turn
from recognizer.device_preprocess import DevicePreprocess
from recognizer.localizer import INPUT, default_localizer, load_localizer, prepare_squares

ABSENT = 0.5
"""Where the localizer is as sure as this that there is no number, a region stays where it is."""


def crops_together(device: torch.device) -> int:
    """Crops in one pass of a network: on a CPU more are no faster, take more memory and keep fewer cores busy."""
    return 16 if device.type == "cpu" else 64


class _Found(NamedTuple):
    square: FloatArray
    """float32 (4,) xyxy in pixels of the surroundings."""
    absent: float


class RegionFinder:
    """Looks for the number round crops, once for each, and cuts them there.

    Args:
        weights: The localizer's file; None takes the one that ships.
        device: Where it runs.
        spread: Has several passes of the network computed at a time; for a CPU.

    Raises:
        WeightsError: The file is missing or unusable.
    """

    def __init__(self, weights: Path | None, device: torch.device, spread: Spread = in_turn) -> None:
        self._network = load_localizer(weights or default_localizer(), device)
        self._prepare = DevicePreprocess(INPUT, device)
        self._spread, self._together = spread, crops_together(device)
        self._found: WeakKeyDictionary[WindowCrop, _Found] = WeakKeyDictionary()

    def look(self, crops: Iterable[WindowCrop]) -> None:
        """Look round crops, once round each; the other methods do so by themselves.

        They may be called from the threads of `spread` for crops that were looked round before, and for no others.
        """
        new = [crop for crop in dict.fromkeys(crops) if crop.surroundings is not None and crop not in self._found]
        for part, found in in_parts(self._spread, self._find, new, self._together):
            self._found.update(zip(part, found, strict=True))

    def absent(self, crops: Sequence[WindowCrop]) -> list[float]:
        """How sure it is of each crop that no number is there to be seen, 0 to 1; 0 of one without surroundings."""
        self.look(crops)
        return [self._found[crop].absent if crop in self._found else 0.0 for crop in crops]

    def found(self, crops: Sequence[WindowCrop]) -> list[bool]:
        """Whether each crop shows a number, so that its region is moved."""
        self.look(crops)
        return [self._square(crop, 1.0) is not None for crop in crops]

    def inputs(self, crops: Sequence[WindowCrop], zoom: float = 1.0) -> UInt8Image:
        """The recognizer's input of crops, uint8 (N, S, S, 3); one without a number shows its region as it is.

        Args:
            crops: The crops.
            zoom: Side of the region round a number, as a share of what the localizer gives.
        """
        self.look(crops)
        return np.stack([self._input(crop, zoom) for crop in crops])

    def regions(self, crops: Sequence[WindowCrop], zoom: float = 1.0) -> list[Tensor]:
        """The regions of crops that lie on the device, uint8 (s, s, 3) each; as `inputs`."""
        self.look(crops)
        images = {crop: crop.on_device for crop in crops if crop.on_device is not None}
        return [Patch.of(image, *self._place(crop, image.shape[0], zoom)).copy() for crop, image in images.items()]

    def _input(self, crop: WindowCrop, zoom: float) -> UInt8Image:
        square = self._square(crop, zoom)
        if square is None or crop.surroundings is None:
            return crop.rgb
        return crop.prepare(cut_square(crop.surroundings, square))

    def _place(self, crop: WindowCrop, side: int, zoom: float) -> tuple[int, int, int]:
        """Left, top and side of the region to cut out of a square on the device."""
        square = self._square(crop, zoom)
        start = (side - crop.side) // 2
        return (start, start, crop.side) if square is None else whole_pixels(square)

    def _square(self, crop: WindowCrop, zoom: float) -> FloatArray | None:
        """Where its number is; None where there is none, or nobody looked."""
        found = self._found.get(crop)
        if found is None or found.absent >= ABSENT:
            return None
        centre, half = (found.square[:2] + found.square[2:]) / 2, zoom * (found.square[2:] - found.square[:2]) / 2
        return np.concatenate([centre - half, centre + half])

    def _find(self, crops: list[WindowCrop]) -> list[_Found]:
        inputs = self._squares(crops)
        places = self._network.find(inputs, torch.tensor([crop.own for crop in crops], device=inputs.device))
        offsets, sides, absent = (part.cpu().numpy() for part in places)
        regions = np.array([[crop.side] for crop in crops], np.float32)
        middles = np.array([[_side(crop) / 2] for crop in crops], np.float32)
        centres, halves = middles + offsets * regions, sides[:, None] * regions / 2
        squares = np.concatenate([centres - halves, centres + halves], axis=1).astype(np.float32)
        return [_Found(*each) for each in zip(squares, absent.tolist(), strict=True)]

    def _squares(self, crops: list[WindowCrop]) -> Tensor:
        """The localizer's input of crops with surroundings: uint8 (N, 96, 96, 3)."""
        on_device = [crop.on_device for crop in crops if crop.on_device is not None]
        if len(on_device) == len(crops):
            return self._prepare(on_device)
        return prepare_squares([crop.surroundings for crop in crops if crop.surroundings is not None])


def _side(crop: WindowCrop) -> int:
    return crop.side if crop.surroundings is None else len(crop.surroundings)
