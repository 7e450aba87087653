"""Games and photos that training never saw."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from nets import save_small_net

from pipeline.config import load
from pipeline.types import UInt8Image
from recognizer.reader import JerseyReader
from training.evaluation.number_sets import SHOWN, Tally, both, score_photos, score_tracklets
from training.held_out import FOLDS, HeldOutSettings, fold_settings, main, start_settings, table
from training.mixture.number_crops import Tracklet, load_number_crops, load_tracklets
from training.mixture.players import NumberPhoto
from training.mixture.recipe import choose_photos


def picture(height: int, width: int, seed: int) -> UInt8Image:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3)).astype(np.uint8)


def photo(source: str, number: str = "7") -> NumberPhoto:
    return NumberPhoto(source, picture(192, 192, len(source)), np.array([60, 60, 130, 130], np.float32), number)


def write_games(folder: Path) -> Path:
    rows = [("A", "7", "1", 6), ("C", "7", "2", 3), ("C", "00", "3", 5)]
    for _, number, tracklet, count in rows:
        place = folder / number / tracklet / "0"
        place.mkdir(parents=True)
        for frame in range(count):
            cv2.imwrite(str(place / f"{frame:03d}.jpg"), picture(24, 20, frame))
    with (folder / "tracklets.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows([("game", "number", "tracklet", "frames"), *rows])
    return folder


def reader(folder: Path) -> JerseyReader:
    return JerseyReader(save_small_net(folder / "net.safetensors"), torch.device("cpu"), backend="torch")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("start_smallest=2", "start_smallest is 2; allowed is 8 to 90."),
        ("seed=-1", "seed is -1; allowed is 0 to "),
        ("windows.steps_per_epoch=0", "windows.steps_per_epoch is 0; the mixture has no end"),
        (
            "mixture={tracks: 0, basketball_crops: 0, drawn: 0}",
            "mixture.tracks, basketball_crops, drawn, rendered are all 0; the start sees nothing else and needs one.",
        ),
    ],
)
def test_settings_out_of_range_are_one_sentence(capsys: pytest.CaptureFixture[str], wrong: str, message: str) -> None:
    assert main(["--set", wrong]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_games_are_loaded_apart(tmp_path: Path) -> None:
    folder = write_games(tmp_path)
    assert [(one.game, one.number, len(one.pictures)) for one in load_tracklets(folder, ["C"])] == [
        ("C", "7", 3),
        ("C", "00", 5),
    ]
    crops = load_number_crops(folder, every=2)
    assert {number: [len(one) for one in tracklets] for number, tracklets in crops.items()} == {"7": [3, 2], "00": [3]}


def test_halves_of_the_photos_share_no_source() -> None:
    photos = [photo(source) for source in ("a", "bb", "bb", "ccc", "dddd")]
    even, odd = (choose_photos(photos, part) for part in ("even", "odd"))
    assert [one.source for one in even] == ["a", "ccc"]
    assert [one.source for one in odd] == ["bb", "bb", "dddd"]
    assert choose_photos(photos, "all") == photos


def test_each_network_is_measured_on_what_it_did_not_see() -> None:
    assert {fold.game for fold in FOLDS} == {fold.other_game for fold in FOLDS}
    assert {fold.photos for fold in FOLDS} == {fold.other_photos for fold in FOLDS}
    assert all(fold.game != fold.other_game and fold.photos != fold.other_photos for fold in FOLDS)


def test_the_start_sees_no_game_and_no_photo() -> None:
    wanted = start_settings(HeldOutSettings())
    assert (wanted.mixture.soccer_crops, wanted.mixture.photos, wanted.mixture.smallest) == (0.0, 0.0, 40)
    assert wanted.sampling.length == 1
    assert wanted.start_from == ""


def test_a_fold_sees_one_game_and_half_of_the_photos() -> None:
    for fold in FOLDS:
        for length, name in ((1, f"without_{fold.other_game}_pictures"), (5, f"without_{fold.other_game}")):
            wanted = fold_settings(HeldOutSettings(), fold, Path("start.safetensors"), length)  # type: ignore[arg-type]
            assert (wanted.mixture.games, wanted.mixture.photo_sources) == ((fold.game,), fold.photos)
            assert Path(wanted.output).name == name
            assert (wanted.sampling.length, wanted.start_from) == (length, "start.safetensors")


@pytest.mark.parametrize("shown", SHOWN)
def test_tracklets_of_five_pictures_count_once(tmp_path: Path, shown: str) -> None:
    pictures = [picture(24, 20, seed) for seed in range(12)]
    tracklets = [Tracklet("A", "7", pictures), Tracklet("A", "8", pictures), Tracklet("A", "9", pictures[:4])]
    tally = score_tracklets(reader(tmp_path), tracklets, shown)  # type: ignore[arg-type]  # one of SHOWN
    assert tally.total == 2
    assert {read for _, read in tally.errors}.isdisjoint({None})
    assert tally.right + len(tally.errors) == 2


def test_the_number_that_is_read_counts_as_right(tmp_path: Path) -> None:
    small, pictures = reader(tmp_path), [picture(24, 20, seed) for seed in range(7)]
    read = score_tracklets(small, [Tracklet("A", "none", pictures)], "tight").errors[0][1]
    assert score_tracklets(small, [Tracklet("A", read, pictures)], "tight") == Tally(1, 1, ())


@pytest.mark.parametrize("shown", SHOWN)
def test_every_photo_counts(tmp_path: Path, shown: str) -> None:
    tally = score_photos(reader(tmp_path), [photo("a"), photo("bb")], shown)  # type: ignore[arg-type]  # one of SHOWN
    assert tally.total == 2


def test_tallies_add_up() -> None:
    assert both(Tally(1, 2, (("7", "1"),)), Tally(1, 1, ())) == Tally(2, 3, (("7", "1"),))


def test_the_table_names_frequent_errors() -> None:
    row = table({"game C, tight": Tally(8, 10, (("28", "26"), ("28", "26")))}).splitlines()[-1]
    assert row == "| game C, tight | 0.800 (8 of 10, 95 % interval 0.490–0.943) | 28 as 26 (2) |"


def test_the_shipped_configuration_is_the_default() -> None:
    assert load(HeldOutSettings, Path("configs/held_out.yaml")) == HeldOutSettings()


def test_missing_data_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--set", f"mixture.data={tmp_path}/none", "--set", f"output={tmp_path}/out"]) == 2
    error = capsys.readouterr().err
    assert "does not exist; set mixture.data and mixture.clips" in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "out").exists()
