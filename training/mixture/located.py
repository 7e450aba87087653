"""Real players cut where the localizer finds their number, as the pipeline cuts them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import torch

from pipeline.crops import CropSettings, cut_square, edges_within, jersey_regions, surroundings_of
from pipeline.locating import ABSENT
from pipeline.types import FloatArray, UInt8Image
from recognizer.localizer import NumberLocalizer, prepare_squares
from training.mixture.players import Track
from training.synthesis.looks import Rng

_TOGETHER: Final = 128
"""Squares in one pass of the network."""
_WIDTH: Final = 0.4
"""Of a box that stands for a region, as a share of its height: narrow enough not to count."""


def located(
    tracks: Iterable[Track], network: NumberLocalizer, crops: CropSettings, share: float, rng: Rng
) -> list[Track]:
    """The same players with boxes whose regions lie where their numbers are found.

    Args:
        tracks: Labelled players.
        network: Finds the numbers, of players without one too.
        crops: How regions are cut.
        share: Of the pictures in which a number is found that are changed, 0 to 1; the others stay.
        rng: Chooses them.
    """
    return [replace(track, boxes=list(_moved(track, network, crops, share, rng))) for track in tracks]


def _moved(track: Track, network: NumberLocalizer, crops: CropSettings, share: float, rng: Rng) -> Iterator[FloatArray]:
    for start in range(0, len(track.images), _TOGETHER):
        part = slice(start, start + _TOGETHER)
        regions = [jersey_regions(box[None], crops)[0] for box in track.boxes[part]]
        pairs = zip(track.boxes[part], regions, strict=True)
        own = [edges_within(box, surroundings_of(region)) for box, region in pairs]
        places = network.find(_inputs(track.images[part], regions), torch.tensor(own))
        for box, region, offset, side, absent in zip(
            track.boxes[part], regions, *(each.cpu().numpy() for each in places), strict=True
        ):
            if absent >= ABSENT or rng.random() >= share:
                yield box
                continue
            extent = region[2] - region[0]
            yield box_of(((region[:2] + region[2:]) / 2 + offset * extent), float(side * extent), crops)


def _inputs(images: Sequence[UInt8Image], regions: Sequence[FloatArray]) -> torch.Tensor:
    pairs = zip(images, regions, strict=True)
    return prepare_squares([cut_square(image, surroundings_of(region)) for image, region in pairs])


def box_of(centre: FloatArray, side: float, crops: CropSettings) -> FloatArray:
    """The box whose region has this centre and side: float32 (4,) xyxy.

    >>> box = box_of(np.array([50.0, 40.0], np.float32), 20.0, CropSettings())
    >>> jersey_regions(box[None], CropSettings())[0].round(3).tolist()
    [40.0, 30.0, 60.0, 50.0]
    """
    height = side / crops.side_of_height
    left, top = centre[0] - _WIDTH * height / 2, centre[1] - crops.centre_y * height
    return np.array([left, top, left + _WIDTH * height, top + height], np.float32)
