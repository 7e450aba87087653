"""Pictures of the mixture's data sets that cannot be decoded: counted and named once, never dropped in silence."""

import logging
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from training.mixture.number_crops import load_number_crops, load_scene_digits, load_turned_crops
from training.mixture.pictures import PictureError
from training.mixture.players import load_crop_folders, load_photos, load_player_crops

LABELS = "track,first_frame,last_frame,number,team,role,sure,note\n3,0,9,7,red,player,2,legible\n"


def write_pictures(folder: Path, good: int, *, broken: int = 2) -> None:
    """`good` pictures and `broken` empty files, named 0.jpg, 1.jpg and so on."""
    folder.mkdir(parents=True)
    for number in range(good + broken):
        cv2.imwrite(str(folder / f"{number}.jpg"), np.full((40, 30, 3), 20 * number, np.uint8))
    for number in range(good, good + broken):
        (folder / f"{number}.jpg").write_bytes(b"")


def count_tracklets(folder: Path, good: int) -> int:
    write_pictures(folder / "7" / "t", good)
    (folder / "tracklets.csv").write_text("game,number,tracklet\nA,7,t\n")
    return sum(len(one) for tracklets in load_number_crops(folder).values() for one in tracklets)


def count_turned(folder: Path, good: int) -> int:
    write_pictures(folder / "7", good)
    rows = [f"7/{number}.jpg,7,1,3\n" for number in range(good + 2)]
    (folder / "t.csv").write_text("file,number,mirrored,quarter_turns\n" + "".join(rows))
    return sum(len(pictures) for pictures in load_turned_crops(folder, folder / "t.csv").values())


def count_digits(folder: Path, good: int) -> int:
    write_pictures(folder / "7", good)
    digits = load_scene_digits(folder)
    assert all(picture.shape == (40, 25, 3) for tracklet in digits.get("7", []) for picture in tracklet)
    return len(digits.get("7", []))


def count_player_crops(folder: Path, good: int) -> int:
    write_pictures(folder / "p", good)
    rows = [f"p/{number}.jpg,7,t,0\n" for number in range(good + 2)]
    (folder / "t.csv").write_text("file,number,track,box_drawn\n" + "".join(rows))
    return sum(len(track.images) for track in load_player_crops(folder, folder / "t.csv"))


def count_crop_folders(folder: Path, good: int) -> int:
    write_pictures(folder / "3", good)
    (folder / "t.csv").write_text(LABELS)
    return sum(len(track.images) for track in load_crop_folders(folder, folder / "t.csv"))


def count_photos(folder: Path, good: int) -> int:
    write_pictures(folder / "images", good)
    rows = [f"{number}.jpg,s,7,10,10,20,30\n" for number in range(good + 2)]
    (folder / "boxes.csv").write_text("image,source,number,x1,y1,x2,y2\n" + "".join(rows))
    return len(load_photos(folder))


Loader = Callable[[Path, int], int]
LOADERS = (count_tracklets, count_turned, count_digits, count_player_crops, count_crop_folders, count_photos)


@pytest.mark.parametrize("load", LOADERS)
def test_broken_pictures_are_counted_and_named_once(
    load: Loader, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert load(tmp_path / "data", 3) == 3
    (record,) = caplog.records
    text = record.getMessage()
    assert text.startswith(f"{tmp_path / 'data'}: 2 of 5 pictures cannot be decoded and are left out, such as ")
    assert text.endswith("3.jpg")


@pytest.mark.parametrize("load", LOADERS)
def test_a_data_set_without_a_sound_picture_is_refused(load: Loader, tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"data: none of its 2 pictures can be decoded, such as .*0\.jpg; unpack"):
        load(tmp_path / "data", 0)


def test_pictures_that_are_not_wanted_are_not_missed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_pictures(tmp_path / "p", 1, broken=1)
    table = tmp_path / "t.csv"
    table.write_text("file,number,track,box_drawn\np/0.jpg,7,t,0\np/1.jpg,unknown,t,0\nnone.jpg,8,t,1\n")
    assert len(load_player_crops(tmp_path, table)) == 1
    assert not caplog.records
