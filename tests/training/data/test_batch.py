"""The batch that every source of training data hands out."""

from pathlib import Path

import numpy as np
import torch
from trees import make_tree

from recognizer.preprocess import Preprocess
from training.data.batch import Batch
from training.data.crop_cache import open_cache
from training.data.dataset import SamplingSettings, WindowDataset
from training.data.layout import scan
from training.fitting.mixture_feed import drawn_batches
from training.fitting.settings import PreprocessSettings, TrainSettings, WindowSampling
from training.mixture.drawn import DrawSource
from training.mixture.stream import Ingredient, WindowStream


def from_stream(_: Path) -> Batch:
    torsos = [np.random.default_rng(0).integers(0, 255, (60, 60, 3)).astype(np.uint8)]
    ingredient = Ingredient("drawn", DrawSource(torsos), 1.0, plain=True)
    return WindowStream([ingredient], Preprocess(size=32), 5, 3, seed=0).batch(np.random.default_rng(0))


def from_tree(folder: Path) -> Batch:
    layout = scan(make_tree(folder, {"7": 1, "46": 1, "-1": 1}, frames=3))
    cache = open_cache(layout, Preprocess(size=32))
    return WindowDataset(layout.items, cache, SamplingSettings()).__getitems__([0, 1, 2])


def test_both_sources_hand_out_the_same_form(tmp_path: Path) -> None:
    for batch in (from_stream(tmp_path), from_tree(tmp_path / "tree")):
        assert isinstance(batch, Batch)
        assert (batch.rgb.dtype, batch.rgb.shape) == (torch.uint8, (3, 5, 32, 32, 3))
        assert (batch.valid.dtype, batch.valid.shape) == (torch.bool, (3, 5))
        for classes in (batch.tens, batch.units):
            assert (classes.dtype, classes.shape) == (torch.int64, (3,))
            assert 0 <= int(classes.min()) <= int(classes.max()) <= 10
        assert batch.valid.any(dim=1).all()
        assert not batch.rgb[~batch.valid].any(), "padding is black"
        assert all(part.is_contiguous() for part in batch)


def test_drawn_numbers_are_measured_on_wherever_they_stand_and_if_none_are_trained_on() -> None:
    torsos = [np.random.default_rng(0).integers(0, 255, (60, 60, 3)).astype(np.uint8)]
    drawn = Ingredient("drawn", DrawSource(torsos, empty_share=0.0), 0.0, plain=True)
    empty = Ingredient("rendered", DrawSource(torsos, empty_share=1.0), 1.0, plain=False)
    settings = TrainSettings(preprocess=PreprocessSettings(size=32), sampling=WindowSampling(length=1))
    batches = drawn_batches([drawn, empty], settings)
    assert all(
        torch.equal(one.rgb, two.rgb) for one, two in zip(batches, drawn_batches([drawn], settings), strict=True)
    )
    assert np.mean([float((batch.units < 10).float().mean()) for batch in batches]) > 0.8
