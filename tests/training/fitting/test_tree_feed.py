"""Feeding a training from a data-set tree."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from trees import make_tree

import training.fitting.mixture_feed
import training.fitting.tree_feed
from pipeline.config import as_plain
from pipeline.crops import CropSettings
from recognizer.checkpoint import CheckpointInfo
from recognizer.errors import InputError
from training.data.batch import Batch
from training.data.geometry import geometry_of
from training.data.layout import CROPS, scan
from training.data.splits import SplitKey
from training.evaluation.select import recorded_selection, select, trained_keys
from training.fitting.augment_batch import AugmentSettings
from training.fitting.distributed import Team
from training.fitting.feed import TREE_CROPS
from training.fitting.mixture_feed import StreamBatches
from training.fitting.settings import DataSettings, FitSettings, PreprocessSettings, TrainSettings, WindowSampling
from training.fitting.tree_feed import TooFewClassesError, choose_items, tree_data
from training.mixture.drawn import DrawSource
from training.mixture.stream import Ingredient


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tree(tmp_path_factory.mktemp("data") / "tree", {"1": 8, "7": 8, "46": 8, "-1": 4}, side=16, frames=5)


def settings(tree: Path, **fit: int) -> TrainSettings:
    return TrainSettings(
        data=DataSettings(root=str(tree), workers=0, split_by="sequence", validation_share=0.25),
        sampling=WindowSampling(length=3),
        preprocess=PreprocessSettings(size=16),
        fit=FitSettings(**{"batch_size": 4, **fit}),  # type: ignore[arg-type]  # values by name
    )


class NoLoader:
    """Stands in for a DataLoader and gives no batches."""

    made: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, *_given: object, **options: object) -> None:
        self.made.append(options)

    def __iter__(self) -> Iterator[Batch]:
        return iter(())


@pytest.mark.parametrize("device", ["cpu", "cuda:1"])
def test_memory_is_pinned_for_cuda_alone(tree: Path, monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    """On a machine that has CUDA devices."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for module in (training.fitting.tree_feed, training.fitting.mixture_feed):
        monkeypatch.setattr(module, "DataLoader", NoLoader)
    given = replace(settings(tree), device=device)
    NoLoader.made.clear()
    tree_data(given, Team())
    source = DrawSource([np.zeros((60, 60, 3), np.uint8)])
    list(StreamBatches([Ingredient("drawn", source, 1.0, plain=True)], given, Team())(0))
    assert [options["pin_memory"] for options in NoLoader.made] == [device == "cuda:1"] * 2


def prints(batches: list[Batch]) -> list[bytes]:
    """What tells each window from others."""
    return [rgb.numpy().tobytes() for batch in batches for rgb in batch.rgb]


def test_an_epoch_shows_every_window_once_in_another_order(tree: Path) -> None:
    data = tree_data(settings(tree), Team())
    assert data.steps == 5
    first, again, second = (list(data.batches(epoch)) for epoch in (0, 0, 1))
    assert prints(first) == prints(again)
    assert prints(first) != prints(second)
    assert len(set(prints(first))) == 20
    assert data.codes is not None
    assert len(data.codes) == 21
    assert first[0].rgb.shape == (4, 3, 16, 16, 3)


def test_workers_give_the_same_batches(tree: Path) -> None:
    given = settings(tree)
    alone = list(tree_data(given, Team()).batches(1))
    helped = list(tree_data(replace(given, data=replace(given.data, workers=1)), Team()).batches(1))
    assert prints(alone) == prints(helped)


def test_an_epoch_may_be_longer_or_shorter_than_the_data(tree: Path) -> None:
    longer = tree_data(settings(tree, steps_per_epoch=12), Team())
    assert longer.steps == 12
    batches = list(longer.batches(0))
    assert len(batches) >= 12
    assert prints(batches[:5]) != prints(batches[5:10])
    assert tree_data(settings(tree, steps_per_epoch=2), Team()).steps == 2


def test_processes_share_the_windows(tree: Path) -> None:
    parts = [tree_data(settings(tree), Team(rank, 2)) for rank in range(2)]
    assert parts[0].steps == parts[1].steps == 2
    first, second = (set(prints(list(part.batches(0)))) for part in parts)
    assert not first & second
    whole = prints(list(tree_data(settings(tree), Team()).validation["validation"]()))
    halves = [prints(list(part.validation["validation"]())) for part in parts]
    assert sorted(whole) == sorted(halves[0] + halves[1])


def test_validation_windows_stay_the_same_and_are_of_other_sequences(tree: Path) -> None:
    data = tree_data(settings(tree), Team())
    read = data.validation["validation"]
    assert prints(list(read())) == prints(list(read()))
    trained, held_out = choose_items(scan(tree), settings(tree).data, 0)
    assert not {item.key for item in trained} & {item.key for item in held_out}
    assert sum(len(batch.valid) for batch in read()) == len(held_out) == 7


@pytest.mark.parametrize("split_by", ["sequence", "match"])
@pytest.mark.parametrize("matches", [0, 4])
def test_evaluation_finds_the_part_that_was_held_out(tmp_path: Path, split_by: SplitKey, matches: int) -> None:
    """From the settings a checkpoint records; the two sides divide by code of their own."""
    items = scan(make_tree(tmp_path / "tree", {"1": 8, "7": 8, "46": 8}, side=8, frames=1, matches=matches)).items
    given = TrainSettings(data=DataSettings(split_by=split_by, test_numbers=("46",), validation_share=0.3), seed=3)
    info = CheckpointInfo(training_data={"settings": as_plain(given)})
    trained, held_out = choose_items(scan(tmp_path / "tree"), given.data, given.seed)
    assert select(items, recorded_selection(info, "held_out")) == held_out
    assert trained_keys(items, info) == {item.key for item in trained}


@pytest.mark.parametrize(("matches", "warned"), [(0, True), (4, False)])
def test_training_says_where_no_whole_match_is_held_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, matches: int, warned: bool
) -> None:
    made = make_tree(tmp_path / "tree", {"1": 8, "7": 8}, side=16, frames=1, matches=matches)
    by_match = replace(settings(made), data=replace(settings(made).data, split_by="match"))
    tree_data(by_match, Team())
    assert ("No whole match is held out, since none is known" in caplog.text) == warned


def test_test_numbers_are_in_neither_part(tree: Path) -> None:
    chosen = replace(settings(tree).data, test_numbers=("46",))
    numbers = {item.number for part in choose_items(scan(tree), chosen, 0) for item in part}
    assert numbers == {"1", "7", None}
    everything, nothing = choose_items(scan(tree), replace(chosen, validation_share=0.0), 0)
    assert (len(everything), len(nothing)) == (20, 0)


def test_one_class_alone_is_refused(tree: Path) -> None:
    with pytest.raises(TooFewClassesError, match=r"All 6 sub-folders to train on are of the one class 7; give"):
        choose_items(scan(tree), replace(settings(tree).data, train_numbers=("7",)), 0)


def test_filmed_windows_repeat_and_differ_from_epoch_to_epoch(tree: Path) -> None:
    given = replace(settings(tree), augment=AugmentSettings(film=True), sampling=WindowSampling("uniform", length=3))
    plain = replace(given, augment=AugmentSettings())
    first, again, second = (list(tree_data(given, Team()).batches(epoch)) for epoch in (0, 0, 1))
    assert prints(first) == prints(again)
    assert not set(prints(first)) & set(prints(second))
    assert not set(prints(first)) & set(prints(list(tree_data(plain, Team()).batches(0))))
    assert all(torch.equal(a.valid, b.valid) for a, b in zip(first, tree_data(plain, Team()).batches(0), strict=True))


def test_unreadable_pictures_are_counted_and_skipped(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree", {"1": 6, "7": 6}, side=16, frames=2)
    victims = sorted((tree / "1").rglob("*.jpg"))[:3]
    for victim in victims:
        victim.write_bytes(b"no picture")
    data = tree_data(settings(tree), Team())
    assert data.description["unreadable_pictures"] == 3
    assert np.isfinite(data.codes).all() if data.codes is not None else False


def test_the_split_is_told_apart_wherever_the_data_lies(tree: Path, tmp_path: Path) -> None:
    split = tree_data(settings(tree), Team()).description["split"]
    moved = shutil.copytree(tree, tmp_path / "moved")
    assert tree_data(settings(moved), Team(1, 2)).description["split"] == split
    assert tree_data(replace(settings(moved), seed=1), Team()).description["split"] != split
    sorted(moved.rglob("*.jpg"))[0].unlink()
    assert tree_data(settings(moved), Team()).description["split"] != split


def test_how_regions_were_cut_goes_with_the_data(tree: Path, tmp_path: Path) -> None:
    assert tree_data(settings(tree), Team()).description[TREE_CROPS] is None
    told = shutil.copytree(tree, tmp_path / "told")
    (told / CROPS).write_text(json.dumps(geometry_of(CropSettings(centre_y=0.3))))
    data = tree_data(settings(told), Team())
    assert data.description[TREE_CROPS] == geometry_of(CropSettings(centre_y=0.3))
    assert data.description["rejected"] == 0


def test_no_tree(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=str(tmp_path / "nowhere")):
        tree_data(settings(tmp_path / "nowhere"), Team())
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty"):
        tree_data(settings(tmp_path / "empty"), Team())
