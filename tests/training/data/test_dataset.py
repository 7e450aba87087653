"""Windows of a data set: the pipeline's own, to the pixel and the index."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from factories import window_pixels
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import DataLoader
from trees import make_tree, number_picture

from pipeline.types import Crop, CropWindow
from pipeline.windows import WindowBuffer, WindowSettings
from recognizer.preprocess import Preprocess
from recognizer.sampling import SamplingMode, sample_indices
from training.data.batch import Batch
from training.data.crop_cache import open_cache
from training.data.dataset import DatasetError, SamplingSettings, Window, WindowDataset, collate
from training.data.layout import frame_name, parse_frame_name, scan

SMALL = Preprocess(size=16)


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Equal to the bit; unknown boxes are equal to one another."""
    return torch.allclose(one, other, rtol=0.0, atol=0.0, equal_nan=True)


def dataset(root: Path, sampling: SamplingSettings | None = None, seed: int = 0) -> WindowDataset:
    layout = scan(root)
    return WindowDataset(layout.items, open_cache(layout, SMALL), sampling or SamplingSettings(), seed)


def crops_of(count: int) -> list[Crop]:
    """Crops of one track, small and large, some clipped at the frame's border, with gaps between their frames."""
    rng = np.random.default_rng(count)
    crops = []
    for place in range(count):
        side = int(rng.integers(14, 110))
        rgb = number_picture("46", side, seed=place)[:, : side - int(rng.integers(0, 4))]
        frame = 40 + 3 * place + int(rng.integers(0, 3))
        crops.append(Crop(5, frame, frame / 25, np.ascontiguousarray(rgb), float(rng.uniform(0.2, 1.0))))
    return crops


def pipeline_windows(crops: list[Crop], preprocess: Preprocess) -> list[CropWindow]:
    buffer = WindowBuffer(WindowSettings(spacing_seconds=0.0, min_quality=0.0), preprocess)
    return [window for crop in crops for window in buffer.push(crop)] + buffer.flush()


@pytest.mark.parametrize("count", [1, 2, 4, 5, 6, 12, 15])
def test_training_windows_are_the_pipelines(tmp_path: Path, count: int) -> None:
    crops = crops_of(count)
    served = pipeline_windows(crops, Preprocess())
    assert served
    for place, window in enumerate(served):  # the crops of each window as a sub-folder, as the builder writes them
        folder = tmp_path / "46" / "player_5_seq_1" / str(place)
        folder.mkdir(parents=True)
        for crop in crops:
            if crop.frame_index in window.frame_indices:
                best = crop.frame_index == window.frame_indices[window.anchor]
                Image.fromarray(crop.rgb).save(folder / frame_name("5", crop.frame_index, 0, best, ".png"))
    layout = scan(tmp_path)
    trained = WindowDataset(layout.items, open_cache(layout, Preprocess()), SamplingSettings())
    batch = trained.__getitems__(range(len(trained)))
    assert len(trained) == len(served)
    for i, expected in enumerate(served):
        for rgb, valid in ((trained[i].rgb, trained[i].valid), (batch.rgb[i].numpy(), batch.valid[i].numpy())):
            np.testing.assert_array_equal(rgb, window_pixels(expected))
            np.testing.assert_array_equal(valid, expected.valid)
        names = [parse_frame_name(path.name) for path in trained.items[i].frames]
        frames = [names[p].frame_index if p >= 0 else -1 for p in trained[i].places]  # type: ignore[union-attr]
        assert frames == expected.frame_indices.tolist()
        assert trained[i].places[expected.anchor] == trained.items[i].anchor


@pytest.fixture(scope="module")
def long_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("long")
    for frames, number in ((1, "7"), (3, "46"), (5, "00"), (8, "-1"), (19, "99")):
        make_tree(root, {number: 1}, frames=frames, side=20)
    return root


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.sampled_from(["uniform", "random", "center"]), st.booleans(), st.integers(1, 8), st.integers(0, 5))
def test_places_are_those_of_the_one_sampling_function(
    long_tree: Path, mode: SamplingMode, first: bool, length: int, epoch: int
) -> None:
    data = dataset(long_tree, SamplingSettings(mode, first, length), seed=3)
    data.set_epoch(epoch)
    for i, item in enumerate(data.items):
        rng = np.random.default_rng([3, epoch, i])
        expected = sample_indices(len(item.frames), length, mode, item.anchor, first, rng)
        window = data[i]
        np.testing.assert_array_equal(window.places, expected)
        np.testing.assert_array_equal(window.valid, expected >= 0)
        for place, rgb in zip(expected.tolist(), window.rgb, strict=True):
            want = data.cache.crops[data.cache.row_of[item.frames[place]]] if place >= 0 else np.zeros_like(rgb)
            np.testing.assert_array_equal(rgb, want)


@pytest.mark.parametrize("mode", ["uniform", "random", "center"])
def test_the_fast_path_equals_single_windows(long_tree: Path, mode: SamplingMode) -> None:
    data = dataset(long_tree, SamplingSettings(mode, anchor_first=True))
    data.set_epoch(2)
    order = [4, 0, 3, 3, 1, 2]
    fast, slow = data.__getitems__(order), collate([data[i] for i in order])
    for one, other in zip(fast, slow, strict=True):
        assert one.dtype == other.dtype
        assert same(one, other)


def test_the_anchor_stands_first_only_when_asked(long_tree: Path) -> None:
    in_order, first = (dataset(long_tree, SamplingSettings(anchor_first=f)) for f in (False, True))
    for i, item in enumerate(in_order.items):
        chosen = in_order[i].places[in_order[i].valid]
        assert (np.diff(chosen) > 0).all(), "order of time"
        assert first[i].places[0] == item.anchor
        assert sorted(first[i].places.tolist()) == sorted(in_order[i].places.tolist())


def test_short_sub_folders_are_padded_and_masked_not_repeated(long_tree: Path) -> None:
    window = dataset(long_tree)[1]
    assert window.valid.tolist() == [True, True, True, False, False]
    assert window.places.tolist() == [0, 1, 2, -1, -1]
    assert not window.rgb[3:].any()


def test_codes_are_the_label_codecs(long_tree: Path) -> None:
    data = dataset(long_tree)
    assert [item.number for item in data.items] == ["7", "46", "99", "00", None]
    assert data.codes.tolist() == [[10, 7], [4, 6], [9, 9], [0, 0], [10, 10]]
    assert data.codes.dtype == np.int64
    batch = data.__getitems__([1, 4])
    assert (batch.tens.tolist(), batch.units.tolist()) == ([4, 10], [6, 10])
    assert data.numbers() == {"7": 1, "46": 1, "99": 1, "00": 1, None: 1}


def test_random_windows_depend_on_seed_and_epoch_only(long_tree: Path) -> None:
    data = dataset(long_tree, SamplingSettings("random"), seed=1)
    first = data[2].places.tolist()
    assert data[2].places.tolist() == first
    draws = set()
    for epoch in range(10):
        data.set_epoch(epoch)
        draws.add(tuple(data[2].places.tolist()))
    assert len(draws) > 5
    data.set_epoch(0)
    assert data[2].places.tolist() == first
    assert dataset(long_tree, SamplingSettings("random"), seed=2)[2].places.tolist() != first


def test_a_loader_with_workers_gives_the_same_batches_and_follows_the_epoch(long_tree: Path) -> None:
    data = dataset(long_tree, SamplingSettings("random"))
    loader = DataLoader(data, batch_size=2, num_workers=1, collate_fn=collate, persistent_workers=True)
    epochs = []
    for epoch in (0, 1):
        data.set_epoch(epoch)
        batches = list(loader)
        assert [len(batch.tens) for batch in batches] == [2, 2, 1]
        for batch, indices in zip(batches, ([0, 1], [2, 3], [4]), strict=True):
            assert isinstance(batch, Batch)
            assert all(same(a, b) for a, b in zip(batch, data.__getitems__(indices), strict=True))
        epochs.append(batches[1].rgb)
    assert not torch.equal(*epochs)


def test_batches_may_be_written_to_without_touching_the_cache(long_tree: Path) -> None:
    data = dataset(long_tree)
    before = data.__getitems__([0, 1])
    data.__getitems__([0, 1]).rgb.zero_()
    data[0].rgb[:] = 0
    data[0].code[:] = 0
    after = data.__getitems__([0, 1])
    assert all(same(a, b) for a, b in zip(before, after, strict=True))


def test_unreadable_pictures_are_skipped_and_the_anchor_keeps_its_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = make_tree(tmp_path, {"7": 1, "8": 1, "9": 1}, frames=7)
    for path in (*root.glob("7/*/0/*_96_0.jpg"), *root.glob("8/*/0/*_anchor.jpg"), *root.glob("9/*/0/*.jpg")):
        path.write_bytes(b"no picture")
    caplog.set_level(logging.WARNING)
    data = dataset(root, SamplingSettings(anchor_first=True))
    assert [item.number for item in data.items] == ["7", "8"]
    assert [record.getMessage().partition(" in ")[0] for record in caplog.records] == [
        "9 of 21 pictures",
        "1 of 3 sub-folders hold no readable picture",
    ]
    assert data[0].places.tolist() == [3, 0, 2, 4, 6]
    assert data[1].places.tolist() == [0, 1, 2, 4, 6], "an unreadable anchor is none"
    assert data[0].valid.all()


def test_a_data_set_without_a_readable_picture_is_named(tmp_path: Path) -> None:
    root = make_tree(tmp_path, {"7": 1}, frames=2)
    for path in root.rglob("*.jpg"):
        path.write_bytes(b"")
    with pytest.raises(DatasetError, match="None of the 2 pictures in 1 sub-folders can be read"):
        dataset(root)


@pytest.mark.parametrize(("field", "value"), [("mode", "first"), ("length", 0), ("length", 65)])
def test_sampling_settings_out_of_range_are_named(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{field} is {value!r}; allowed"):
        SamplingSettings(**{field: value})  # type: ignore[arg-type]


def test_collate_joins_windows_to_a_batch() -> None:
    windows = [
        Window(np.full((2, 8, 8, 3), i, np.uint8), np.array([True, False]), np.array([i, 10]), np.array([0, -1]))
        for i in (1, 2)
    ]
    batch = collate(windows)
    assert batch.rgb.shape == (2, 2, 8, 8, 3)
    assert (batch.tens.tolist(), batch.units.tolist()) == ([1, 2], [10, 10])
    assert collate(batch) is batch
