"""The localizer's examples, views and training."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from pipeline.crops import CropSettings
from recognizer.labels import encode
from recognizer.localizer import INPUT, SURROUNDINGS, NumberLocalizer, places
from recognizer.networks import ReaderOutput
from recognizer.preprocess import Preprocess
from training.data.clip_labels import Verdict
from training.localizing.examples import (
    REACH,
    SIDE,
    Examples,
    drawn_examples,
    find_number,
    joined,
    real_examples,
    wide,
)
from training.localizing.loop import LocalizerTraining, localizer_loss, train_localizer
from training.localizing.views import draw_views
from training.mixture.drawn import DrawSource
from training.mixture.players import Track
from training.mixture.stream import Ingredient
from training.synthesis.shirts import torso_share

REGION = np.array([80, 80, 120, 120], np.float32)


class BrightReader:
    """Reads a 7 in a region as surely as a bright square of 20 pixels lies in its middle."""

    preprocess = Preprocess(size=32, sharpness=1.0, upscale_below=0)

    def read(self, rgb: np.ndarray, valid: np.ndarray) -> ReaderOutput:  # type: ignore[type-arg]
        pictures = rgb[:, 0].astype(float).mean(axis=3) / 255
        weights = np.exp(-((np.arange(32) - 15.5) ** 2) / 60)
        window = weights[:, None] * weights
        share = (pictures * window).sum(axis=(1, 2)) / window.sum()
        seven = np.clip(share, 1e-3, 1 - 1e-3)
        tens, units = np.full((len(rgb), 11), -30.0, np.float32), np.full((len(rgb), 11), -30.0, np.float32)
        tens[:, 10] = 0.0
        units[:, encode("7")[1]], units[:, 10] = np.log(seven), np.log(1 - seven)
        return ReaderOutput(tens, units, np.ones(valid.shape, np.float32))


def scene(x: int, y: int) -> np.ndarray:  # type: ignore[type-arg]
    """A dark picture with a bright square about a place, uint8 (200, 200, 3)."""
    image = np.zeros((200, 200, 3), np.uint8)
    image[y - 12 : y + 12, x - 12 : x + 12] = 255
    return image


@pytest.mark.parametrize(("x", "y"), [(100, 100), (112, 94), (86, 118)])
def test_a_number_is_found_where_the_reader_reads_it(x: int, y: int) -> None:
    place = find_number(BrightReader(), scene(x, y), REGION, "7")  # type: ignore[arg-type]
    assert place is not None
    assert place[:2] == pytest.approx([(x - 100) / 40, (y - 100) / 40], abs=0.12)


def test_a_number_that_is_nowhere_read_is_not_found() -> None:
    assert find_number(BrightReader(), scene(100, 100), REGION, "8") is None  # type: ignore[arg-type]
    assert find_number(BrightReader(), scene(100, 100) // 4, REGION, "7") is None  # type: ignore[arg-type]


def test_labelled_players_become_examples() -> None:
    track, box = Track("match"), np.array([86, 56, 114, 166], np.float32)
    track.add(scene(100, 91), box, Verdict.LEGIBLE, "7")
    track.add(scene(100, 91), box, Verdict.LEGIBLE, "8")
    track.add(scene(100, 91) // 4, box, Verdict.UNREADABLE, None)
    track.add(scene(100, 91), box, Verdict.SKIP, "7")
    found = real_examples([track], BrightReader(), CropSettings(), (5, 5), 0)  # type: ignore[arg-type]
    assert found.pictures.shape == (2, SIDE, SIDE, 3)
    assert len(found.of(present=True).places) == len(found.of(present=False).places) == 1
    assert found.of(present=True).places[0, :2] == pytest.approx([0.0, 0.0], abs=0.05)
    assert found.of(present=False).pictures.max() < 80


def test_drawn_numbers_are_where_they_are_said_to_be() -> None:
    crops = wide(CropSettings())
    torsos = [np.full((100, 100, 3), grey, np.uint8) for grey in (40, 90)]
    source = DrawSource(torsos, torso_share=torso_share(crops), tight_share=0.0)
    found = drawn_examples([Ingredient("drawn", source, 1.0, plain=True)], crops, 100, 0)
    assert found.pictures.shape[1:] == (SIDE, SIDE, 3) and 64 < len(found.pictures) <= 128
    present, absent = found.of(present=True), found.of(present=False)
    assert len(present.places) > len(absent.places) > 0
    assert np.abs(present.places[:, :2]).max() < 0.4
    assert (present.places[:, 2] * REACH > 0.3).all() and (present.places[:, 2] * REACH < 2.2).all()
    beside = present.places + present.places[:, 2:] * np.float32([1, 0, 0])
    there, elsewhere = (
        np.median([spread(picture, place) for picture, place in zip(present.pictures, places, strict=True)])
        for places in (present.places, beside)
    )
    assert there > 1.5
    assert elsewhere < 0.5


def spread(picture: np.ndarray, place: np.ndarray) -> float:  # type: ignore[type-arg]
    """How much more the pixels vary where a number is than in all of the picture."""
    x, y = ((place[:2] + 0.5) * SIDE).astype(int)
    reach = max(3, int(place[2] * SIDE / 4))
    patch = picture[max(0, y - reach) : y + reach, max(0, x - reach) : x + reach].astype(float)
    return float(patch.std() / max(picture.astype(float).std(), 1e-6))


def test_wide_regions_have_the_same_middle() -> None:
    crops = wide(CropSettings())
    assert crops.side_of_height == pytest.approx(0.35 * REACH) and crops.centre_y == CropSettings().centre_y


def bright_examples(count: int, seed: int, *, present: bool = True) -> Examples:
    """Squares with a bright patch, the number, somewhere about the middle, or without one."""
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 60, (count, SIDE, SIDE, 3)).astype(np.uint8)
    offsets = rng.uniform(-0.12, 0.12, (count, 2))
    if present:
        for picture, (x, y) in zip(pictures, (offsets + 0.5) * SIDE, strict=True):
            picture[int(y) - 10 : int(y) + 10, int(x) - 10 : int(x) + 10] = 240
    places_of = np.column_stack((offsets, np.full(count, 1 / REACH))) if present else np.full((count, 3), np.nan)
    return Examples(pictures, places_of.astype(np.float32))


def brightest(pictures: torch.Tensor) -> torch.Tensor:
    """The middle of what is brightest, as shares of the side: (N, 2)."""
    grey = pictures.float().mean(dim=3)
    weight = (grey > 0.7 * grey.amax(dim=(1, 2), keepdim=True)).float()
    middles = (torch.arange(grey.shape[1]) + 0.5) / grey.shape[1]
    total = weight.sum(dim=(1, 2))
    return torch.stack([(weight.sum(1) @ middles) / total, (weight.sum(2) @ middles) / total], dim=1)


def test_a_view_shows_the_number_where_it_says() -> None:
    examples = bright_examples(48, 0)
    generator = torch.Generator().manual_seed(0)
    views = draw_views(torch.from_numpy(examples.pictures), torch.from_numpy(examples.places), generator)
    assert views.rgb.shape == (48, INPUT.size, INPUT.size, 3) and views.rgb.dtype == torch.uint8
    contrast = views.rgb.float().amax(dim=(1, 2, 3)) - views.rgb.float().mean(dim=(1, 2, 3))
    plain = views.counts & (contrast > 90)  # and no negative, in which the number is the darkest
    off = (brightest(views.rgb[plain]) - views.places[plain, :2]).norm(dim=1)
    assert len(off) > 20
    assert off.median() < 0.02
    assert views.places[:, 2].median() == pytest.approx(1 / SURROUNDINGS, rel=0.2)


def test_the_loss_is_least_where_the_number_is() -> None:
    torch.manual_seed(0)
    examples = bright_examples(4, 0)
    views = draw_views(
        torch.from_numpy(examples.pictures), torch.from_numpy(examples.places), torch.Generator().manual_seed(1)
    )
    heat = NumberLocalizer(width=8).eval()(views.rgb)
    wrong = views._replace(places=views.places.clone())
    wrong.places[:] = torch.nan
    sure = heat._replace(absent=torch.zeros(4), cells=heat.cells - 9.0)
    assert localizer_loss(sure, wrong) < localizer_loss(heat, wrong) < localizer_loss(sure, views)


def small_training(steps: int) -> LocalizerTraining:
    return LocalizerTraining(steps=steps, real=12, bare=8, drawn=8, ema=0.9, learning_rate=5e-3, drawn_examples=64)


def found_in(network: NumberLocalizer, parts: Sequence[Examples]) -> torch.Tensor:
    examples = joined(parts)
    start = round((1 - SURROUNDINGS / REACH) / 2 * SIDE)
    middle = examples.pictures[:, start:-start, start:-start]
    return places(network(torch.from_numpy(np.stack([INPUT.apply(one) for one in middle])))).absent


def test_a_localizer_learns_where_numbers_are_and_where_there_are_none() -> None:
    real = joined([bright_examples(64, 1), bright_examples(64, 2, present=False)])
    network = train_localizer(real, bright_examples(64, 3), small_training(60))
    assert not network.training
    with torch.no_grad():
        present, absent = (found_in(network, [bright_examples(16, 9, present=one)]) for one in (True, False))
    assert present.median() < 0.5 < absent.median()


def test_the_same_seed_gives_the_same_localizer() -> None:
    real = joined([bright_examples(8, 1), bright_examples(8, 2, present=False)])
    one, two = (train_localizer(real, bright_examples(8, 3), small_training(2)).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)
