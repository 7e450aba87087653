"""The mixture that teaches the shipped recognizer, put together from small data sets in their own forms."""

import csv
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from factories import even_times, write_video

import training.fitting.mixture_feed
from recognizer.labels import EMPTY
from training.data.batch import Batch
from training.fitting.distributed import Team
from training.fitting.mixture_feed import mixture_data
from training.fitting.settings import FitSettings, MixtureSettings, PreprocessSettings, TrainSettings, WindowSampling
from training.mixture.recipe import LABELS, MixtureError

FRAMES, SIDE = 12, 24
CLOTH = {1: (40, 40, 180), 2: (170, 60, 30)}
"""BGR of the shirts of the two people of a clip; the first wears a number."""


def write_rows(path: Path, header: str, *rows: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def write_number(path: Path, number: str) -> None:
    """A picture of a number on red cloth."""
    picture = np.full((120, 90, 3), CLOTH[1], np.uint8)
    cv2.putText(picture, number, (8, 90), cv2.FONT_HERSHEY_SIMPLEX, 2.0, (255, 255, 255), 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture)


def write_clip(folder: Path, name: str, number: str, second: str = "unknown,player,2,unreadable") -> None:
    """Two people side by side, one with a number and one without."""
    picture = np.full((240, 320, 3), (60, 130, 60), np.uint8)
    boxes = {track: (20 + 120 * track, 20, 90 + 120 * track, 220) for track in CLOTH}
    for track, (left, top, right, bottom) in boxes.items():
        cv2.rectangle(picture, (left, top), (right, bottom), CLOTH[track], -1)
    cv2.putText(picture, number, (boxes[1][0] + 5, 110), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (255, 255, 255), 6)
    write_video(folder / f"{name}.mp4", [picture] * FRAMES, even_times(FRAMES))
    corners = [f"{frame},{track},{','.join(map(str, boxes[track]))}" for frame in range(FRAMES) for track in boxes]
    write_rows(folder / f"{name}.boxes.csv", "frame,track,x1,y1,x2,y2", *corners)
    stretches = [f"1,0,{FRAMES - 1},{number},player,2,legible", f"2,0,{FRAMES - 1},{second}"]
    write_rows(folder / f"{name}.labels.csv", "track,first_frame,last_frame,number,role,sure,note", *stretches)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All data sets of the recipe, a picture or two each, and two labelled clips."""
    root = tmp_path_factory.mktemp("mixture")
    (root / "clips").mkdir()
    for name, number in (("home", "10"), ("away", "7")):
        write_clip(root / "clips", name, number)
    write_number(root / "player_crops" / "hockey" / "a.jpg", "4")
    write_rows(root / "player_crops" / "hockey.csv", "file,number,track,index,box_drawn", "a.jpg,4,1,0,0")
    write_number(root / "jersey_photos" / "images" / "a.jpg", "23")
    write_rows(root / "jersey_photos" / "boxes.csv", "image,source,number,x1,y1,x2,y2", "a.jpg,a,23,8,40,80,95")
    for number in ("8", "9"):
        for frame in range(3):
            write_number(root / "soccernet_numbers" / number / "0" / f"{frame}.jpg", number)
    write_rows(root / "soccernet_numbers" / "tracklets.csv", "game,number,tracklet,frames", "A,8,0,3", "C,9,0,3")
    for name, folder in (("basketball_numbers", "basketball_numbers"), ("short_sequences", "player_crops")):
        with (LABELS / f"{name}.csv").open(newline="", encoding="utf-8") as table:
            for row in islice(csv.DictReader(table), 2):
                write_number(root / folder / row["file"], row["number"])
    for digit in "38":
        write_number(root / "scene_digits" / digit / "a.jpg", digit)
    return root


@pytest.fixture(autouse=True)
def _few_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure on one batch of each kind, in a moment."""
    for name in ("_HELD_OUT_BATCHES", "_DRAWN_BATCHES"):
        monkeypatch.setattr(training.fitting.mixture_feed, name, 1)


def settings(folder: Path, **mixture: object) -> TrainSettings:
    chosen = {"data": str(folder), "clips": str(folder / "clips"), "held_out": ("away",), "smallest": 8, **mixture}
    return TrainSettings(
        source="mixture",
        sampling=WindowSampling(length=2),
        preprocess=PreprocessSettings(size=SIDE),
        fit=FitSettings(steps_per_epoch=2, batch_size=16),
        mixture=MixtureSettings(**chosen),  # type: ignore[arg-type]  # values by name
    )


def same(one: Batch, other: Batch) -> bool:
    return torch.equal(one.rgb, other.rgb) and torch.equal(one.tens, other.tens) and torch.equal(one.units, other.units)


def test_every_data_set_is_mixed_and_matches_are_held_out(data: Path) -> None:
    found = mixture_data(settings(data, scene_digits=0.1), Team())
    assert (found.steps, set(found.validation)) == (2, {"held_out", "drawn"})
    assert found.description == {"tracks": 2, "matches": ["home"], "held_out_matches": ["away"]}
    batch = next(iter(found.batches(0)))
    assert (batch.rgb.shape, batch.rgb.dtype) == ((16, 2, SIDE, SIDE, 3), torch.uint8)
    held_out = next(iter(found.validation["held_out"]()))
    shown = set(zip(held_out.tens.tolist(), held_out.units.tolist(), strict=True))
    assert shown == {(EMPTY, EMPTY), (EMPTY, 7)}


def test_an_epoch_is_the_same_again_and_another_one_is_not(data: Path) -> None:
    batches = mixture_data(settings(data), Team()).batches
    first, again, next_one = (next(iter(batches(epoch))) for epoch in (0, 0, 1))
    assert same(first, again)
    assert not same(first, next_one)


@pytest.mark.parametrize(
    ("shares", "numbers"),
    [
        ({"soccer_crops": 1.0, "composed": 0.0, "games": ("A",)}, {"8"}),
        ({"soccer_crops": 1.0, "composed": 0.0}, {"8", "9"}),
        ({"photos": 1.0}, {"23"}),
        ({"photo_crops": 1.0, "composed": 0.0}, {"23"}),
    ],
)
def test_a_share_of_one_shows_one_data_set(data: Path, shares: dict[str, object], numbers: set[str]) -> None:
    none = dict.fromkeys(("tracks", "photos", "soccer_crops", "basketball_crops", "photo_crops", "drawn"), 0.0)
    batch = next(iter(mixture_data(settings(data, **{**none, **shares}), Team()).batches(0)))
    pairs = zip(batch.tens.tolist(), batch.units.tolist(), strict=True)
    shown = {f"{tens if tens != EMPTY else ''}{units}" for tens, units in pairs if (tens, units) != (EMPTY, EMPTY)}
    assert shown == numbers


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"held_out": ("home", "away")}, "every clip that is there"),
        ({"held_out": ("cup_final",)}, "names cup_final; name some of the clips that are there: .*home"),
        ({"games": ("X",)}, "holds nothing of the games X"),
        ({"data": "nowhere"}, "nowhere/jersey_photos does not exist"),
    ],
)
def test_what_cannot_be_mixed_is_said(data: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(MixtureError, match=said):
        mixture_data(settings(data, **changes), Team())


def test_numbers_need_a_player_to_stand_on(data: Path, tmp_path: Path) -> None:
    write_clip(tmp_path, "home", "10", second="12,player,2,legible")
    with pytest.raises(MixtureError, match=r"No picture of a player without .* label some as unreadable"):
        mixture_data(settings(data, clips=str(tmp_path), held_out=()), Team())
