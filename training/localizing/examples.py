"""Squares round jersey regions and where their numbers are: of real players, found by a reader, and of drawn ones."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.crops import CropSettings, cut_square, jersey_regions
from pipeline.types import FloatArray, UInt8Image
from recognizer.decode import OUTCOMES, number_log_probs
from recognizer.labels import EMPTY
from recognizer.preprocess import Preprocess
from recognizer.reader import JerseyReader
from training.data.clip_labels import Verdict
from training.mixture.placing import square_round, square_to
from training.mixture.players import Track
from training.mixture.stream import Ingredient, WindowStream
from training.synthesis.looks import Rng
from training.synthesis.shirts import torso_share

logger = logging.getLogger(__name__)

REACH: Final = 3.2
"""Side of the squares, in sides of the region in their middle: the localizer's surroundings and room to move them."""
SIDE: Final = 144
"""Of the pictures, pixels."""
_STEPS: Final = np.arange(-3, 4) * 0.3
_OFFSETS: Final = np.array([(x, y) for y in _STEPS for x in _STEPS], np.float32)
"""Where a reader looks for a number that it is told, in sides of the region from its middle."""
_TRIED_SIDE: Final = 0.9
_SIDES: Final = np.array([0.5, 0.65, 0.85, 1.1, 1.45, 1.9], np.float32)
"""How large a region it then reads there."""
_LEAST_CHANCE: Final = 0.5
_LEAST_REGION: Final = 14.0
"""Side of the smallest regions taken, pixels."""
_HEIGHT_SHARE, _WIDTH_SHARE = 0.5, 0.7
"""How much of the region round it a drawn number fills at the most, in height and width."""
_LEAST_DRAWN, _LARGEST_DRAWN = 0.3, 2.2
"""Side of the region round a drawn number, in sides of the region in the middle; others are left out."""
_BATCH: Final = 64


class Examples(NamedTuple):
    """Squares and the numbers in them."""

    pictures: NDArray[np.uint8]
    """uint8 (N, SIDE, SIDE, 3) RGB."""
    places: FloatArray
    """float32 (N, 3): x and y from the middle and the side of the region round the number, as shares of the picture's
    side; not a number where there is none."""

    def of(self, *, present: bool) -> "Examples":
        """Those with a number, or those without."""
        chosen = np.isnan(self.places[:, 0]) != present
        return Examples(self.pictures[chosen], self.places[chosen])


def real_examples(
    tracks: Iterable[Track], reader: JerseyReader, crops: CropSettings, most: tuple[int, int], seed: int
) -> Examples:
    """Players whose number a person reads, where a reader that knows it finds it, and players without one.

    The place of a number is the mean of where the reader reads it, weighted by how sure it is. Pictures in which
    it reads the number nowhere are left out.

    Args:
        tracks: Labelled players.
        reader: Reads most of them; one that was trained on them does.
        crops: How regions are cut.
        most: Pictures of a track that are taken at the most, with a number and without.
        seed: Chooses the pictures.
    """
    rng = np.random.default_rng(seed)
    pictures, places = [], []
    for track in tracks:
        for index in _chosen(track, most, rng):
            image, region = track.images[index], jersey_regions(track.boxes[index][None], crops)[0]
            if region[2] - region[0] < _LEAST_REGION:
                continue
            place = find_number(reader, image, region, number) if (number := track.numbers[index]) else None
            if number is None or place is not None:
                pictures.append(square_to(cut_square(image, square_round(region, REACH)), SIDE))
                places.append(np.full(3, np.nan) if place is None else place / REACH)
    found = Examples(
        np.array(pictures, np.uint8).reshape(-1, SIDE, SIDE, 3), np.array(places, np.float32).reshape(-1, 3)
    )
    counts = len(found.places), len(found.of(present=True).places)
    logger.info("%d pictures of real players, %d with their number", *counts)
    return found


def _chosen(track: Track, most: tuple[int, int], rng: Rng) -> Iterator[int]:
    """Places of some legible and some unreadable pictures of a track."""
    for verdict, count in zip((Verdict.LEGIBLE, Verdict.UNREADABLE), most, strict=True):
        indices = [place for place, one in enumerate(track.verdicts) if one is verdict]
        yield from rng.choice(indices, min(count, len(indices)), replace=False).tolist() if indices else ()


def find_number(reader: JerseyReader, image: UInt8Image, region: FloatArray, number: str) -> FloatArray | None:
    """Where a reader reads a number that it is told.

    Args:
        reader: The reader.
        image: uint8 (h, w, 3) RGB.
        region: float32 (4,) xyxy, the square that is looked round, pixels.
        number: What is worn.

    Returns:
        float32 (3,), x and y from the region's middle and the side of the region to cut, in sides of the given one;
        None where the number is nowhere more likely than not.
    """
    side, centre = region[2] - region[0], (region[:2] + region[2:]) / 2
    tried = centre + _OFFSETS * side
    chances = _chances(reader, image, tried, np.full(len(tried), _TRIED_SIDE * side), number)
    if chances.max() < _LEAST_CHANCE:
        return None
    weights = chances * (chances > chances.max() / 2)
    offset = weights @ _OFFSETS / weights.sum()
    chances = _chances(reader, image, np.tile(centre + offset * side, (len(_SIDES), 1)), _SIDES * side, number)
    if chances.max() < _LEAST_CHANCE:
        return None
    weights = chances * (chances > chances.max() / 2)
    return np.array([*offset, np.exp(weights @ np.log(_SIDES) / weights.sum())], np.float32)


def drawn_examples(ingredients: Sequence[Ingredient], crops: CropSettings, count: int, seed: int) -> Examples:
    """Drawn numbers and number crops on players, and players who are shown without: about `count`.

    Args:
        ingredients: Of a mixture whose regions are as large as the squares (`wide`); all know where their numbers are.
        crops: That geometry.
        count: How many are drawn; those whose number is far too large or small for its place are left out.
        seed: Draws them.
    """
    preprocess = Preprocess(size=SIDE, sharpness=1.0, upscale_below=0)
    stream = WindowStream(ingredients, preprocess, 1, _BATCH, seed, torso_share(crops))
    rng, parts = np.random.default_rng(seed), []
    for _ in range(-(-count // _BATCH)):
        batch = stream.batch(rng)
        boxes = batch.boxes[:, 0].numpy()
        centres, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2 - 0.5, boxes[:, 2:] - boxes[:, :2]
        sides = np.maximum(sizes[:, 1] / _HEIGHT_SHARE, sizes[:, 0] / _WIDTH_SHARE)
        shown = (batch.units != EMPTY).numpy()
        usable = ~shown | ((sides * REACH > _LEAST_DRAWN) & (sides * REACH < _LARGEST_DRAWN))
        places = np.where(shown[:, None], np.column_stack((centres, sides)), np.nan).astype(np.float32)
        parts.append(Examples(batch.rgb[usable, 0].numpy(), places[usable]))
    return joined(parts)


def joined(parts: Sequence[Examples]) -> Examples:
    """All of some examples."""
    return Examples(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def wide(crops: CropSettings) -> CropSettings:
    """Crop settings whose regions are the squares."""
    return replace(
        crops,
        side_of_height=crops.side_of_height * REACH,
        side_of_width=crops.side_of_width * REACH,
        top_slack=1.0,
    )


def _chances(
    reader: JerseyReader, image: UInt8Image, centres: FloatArray, sides: FloatArray, number: str
) -> NDArray[np.float64]:
    """How likely a reader takes each of some squares to show a number: (N,)."""
    squares = np.concatenate([centres - sides[:, None] / 2, centres + sides[:, None] / 2], axis=1).astype(np.float32)
    rgb = np.stack([reader.preprocess.apply(cut_square(image, square)) for square in squares])
    output = reader.read(rgb[:, None], np.ones((len(rgb), 1), np.bool_))
    chances: NDArray[np.float64] = np.exp(number_log_probs(output.tens, output.units))
    return chances[:, OUTCOMES.index(number)]
