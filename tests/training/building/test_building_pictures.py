"""From SoccerNet folders, photos and cut-out numbers to sequences."""

import json
from pathlib import Path

import numpy as np
import pytest
from building_media import manifest_rows, pictures, scene_picture, write_csv
from PIL import Image

from pipeline.crops import CropSettings, jersey_regions
from recognizer.errors import InputError
from training.building.number_crops import build_crops, on_cloth, open_crop_folder
from training.building.photos import build_photos, number_region, open_photo_folder
from training.building.pictures import crop_of_player, frame_of, picture_files
from training.building.progress import BuildProgress
from training.building.soccernet import build_jersey_folder, open_jersey_folder
from training.building.tree import DatasetTree, Tally
from training.building.writer import Cutting
from training.data.layout import scan
from training.data.photos import PHOTO_COLUMNS

PLAYER = scene_picture(0)[20:140, 20:70, ::-1]
"""A player in a number 7 shirt, uint8 (120, 50, 3) RGB."""


def save(path: Path, rgb: np.ndarray = PLAYER) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(rgb)).save(path)
    return path


def ignore(update: BuildProgress) -> None:
    """No progress shown."""


def write_jersey_folder(folder: Path, numbers: dict[str, object], frames: int = 3) -> Path:
    for tracklet in numbers:
        for index in range(frames):
            save(folder / "images" / tracklet / f"{tracklet}_{index + 1}.jpg")
    (folder / "train_gt.json").write_text(json.dumps(numbers))
    return folder


def build_soccernet(root: Path, folder: Path) -> Tally:
    data = open_jersey_folder(folder, None, None, None)
    with DatasetTree(root) as tree:
        build_jersey_folder(tree, data, CropSettings(), Cutting(), ignore)
    return tree.tally


def test_soccernet_tracklets_become_sequences(tmp_path: Path) -> None:
    folder = write_jersey_folder(tmp_path / "train", {"0": 10, "1": -1, "12": 7})
    save(folder / "images" / "12" / "12_200.jpg")
    (folder / "images" / "0" / "0_2.jpg").write_bytes(b"no picture")
    tally = build_soccernet(tmp_path / "root", folder)
    spans = [
        (r["number"], r["source"], r["subdir"], int(r["first_frame"]), int(r["last_frame"]), int(r["frames"]))
        for r in manifest_rows(tmp_path / "root")
    ]
    assert spans == [
        ("10", "train/0", "0", 1, 3, 2),
        ("-1", "train/1", "0", 1, 3, 3),
        ("7", "train/12", "0", 1, 3, 3),
        ("7", "train/12", "1", 200, 200, 1),
    ]
    assert tally.left_out == {"cannot be decoded": 1}
    items = scan(tmp_path / "root").items
    assert all(item.anchor is not None and item.match == item.key for item in items)
    again = build_soccernet(tmp_path / "root", folder)
    assert (again.sequences, again.there_already) == (0, 3)
    assert len(manifest_rows(tmp_path / "root")) == 4


def test_the_jersey_region_of_a_player_picture_is_that_of_a_box() -> None:
    crop = crop_of_player(np.ascontiguousarray(PLAYER), 25, CropSettings())
    assert crop is not None
    region = jersey_regions(np.array([[0, 0, 50, 120]], np.float32), CropSettings())[0]
    left, top = np.round(region[:2]).astype(int)
    side = round(float(region[2] - region[0]))
    assert np.array_equal(crop.rgb, PLAYER[top : top + side, left : left + side])
    assert (crop.frame_index, crop.time_seconds) == (25, 1.0)


def test_a_player_too_small_to_be_read_gives_no_crop() -> None:
    assert crop_of_player(np.zeros((20, 9, 3), np.uint8), 0, CropSettings()) is None


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"0": 100}, "the number of tracklet '0' is 100; allowed are 0 to 99, and -1"),
        ({"0": "seven"}, "tracklet '0' is 'seven'"),
        ({"0": True}, "tracklet '0' is True"),
        ({"0": None}, "tracklet '0' is None"),
    ],
)
def test_soccernet_numbers_that_cannot_be_used(tmp_path: Path, numbers: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build_soccernet(tmp_path / "root", write_jersey_folder(tmp_path / "train", numbers))


def test_soccernet_folders_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no folder 'images'"):
        build_soccernet(tmp_path / "root", tmp_path)
    folder = write_jersey_folder(tmp_path / "train", {"0": 1})
    (folder / "train_gt.json").write_text('{"5": 1}')
    with pytest.raises(InputError, match=r"None of the 1 folders in .*images is named in .*train_gt.json"):
        build_soccernet(tmp_path / "root", folder)
    (folder / "train_gt.json").write_text("[]")
    with pytest.raises(InputError, match="holds no table of tracklets"):
        build_soccernet(tmp_path / "root", folder)
    (folder / "train_gt.json").write_text("{")
    with pytest.raises(InputError, match="is no valid JSON"):
        build_soccernet(tmp_path / "root", folder)
    (folder / "train_gt.json").unlink()
    with pytest.raises(InputError, match=r"holds 0 files \*_gt.json, expected one; name it by --truth"):
        build_soccernet(tmp_path / "root", folder)
    assert not (tmp_path / "root").exists()


def write_photos(folder: Path, *rows: tuple[object, ...]) -> Path:
    for row in rows:
        save(folder / "images" / str(row[0]), scene_picture(0)[:, :, ::-1])
    write_csv(folder / "boxes.csv", PHOTO_COLUMNS, rows)
    return folder


def test_photos_become_sequences_of_one_picture(tmp_path: Path) -> None:
    boxes = [("a.jpg", "shop", "7", 34, 45, 56, 72), ("a.jpg", "shop", "46", 125, 48, 160, 76)]
    folder = write_photos(tmp_path / "shirts", *boxes, ("b.jpg", "fan", "", "", "", "", ""))
    for _ in range(2):
        data = open_photo_folder(folder, None)
        with DatasetTree(tmp_path / "root") as tree:
            build_photos(tree, data, CropSettings(), ignore)
    assert (tree.tally.sequences, tree.tally.there_already) == (0, 2)
    rows = manifest_rows(tmp_path / "root")
    assert [(row["number"], row["match"], row["source"], row["frames"]) for row in rows] == [
        ("7", "shop", "shirts/a.jpg", "1"),
        ("46", "shop", "shirts/a.jpg", "1"),
    ]
    assert all(path.endswith("_anchor.jpg") for path in pictures(tmp_path / "root"))


def test_a_number_stands_in_the_middle_of_its_region_with_shirt_around_it() -> None:
    photo = np.zeros((400, 400, 3), np.uint8)
    photo[180:220, 190:210] = 255
    for seed in range(20):
        region = number_region(photo, np.array([190, 180, 210, 220], np.float32), f"{seed:x}")
        rows = np.flatnonzero(region[:, :, 0].max(axis=1) > 127)
        height, centre = (rows[-1] - rows[0] + 1) / len(region), (rows[0] + rows[-1]) / 2 / len(region)
        assert 0.25 < height < 0.8
        assert 0.2 < centre < 0.65
        assert region.shape[0] == region.shape[1] <= 96
    again = number_region(photo, np.array([190, 180, 210, 220], np.float32), "13")
    assert np.array_equal(again, region)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("a.jpg", "s", "123", 1, 1, 9, 9), "line 2: number is '123'"),
        (("a.jpg", "s", "7", 9, 1, 9, 9), "x2 is '9', more than the other edge"),
        (("../a.jpg", "s", "7", 1, 1, 9, 9), "image is '../a.jpg', the name of a file in 'images'"),
        (("a.jpg", "s", "7", "", "", "", ""), "names no number"),
    ],
)
def test_photo_tables_that_cannot_be_used(tmp_path: Path, row: tuple[object, ...], message: str) -> None:
    (tmp_path / "images").mkdir()
    write_csv(tmp_path / "boxes.csv", PHOTO_COLUMNS, [row])
    with pytest.raises(InputError, match=message):
        open_photo_folder(tmp_path, None)


def test_photos_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"boxes\.csv does not exist"):
        open_photo_folder(tmp_path, None)
    write_csv(tmp_path / "boxes.csv", PHOTO_COLUMNS, [("a.jpg", "s", "7", 1, 1, 9, 9)])
    with pytest.raises(InputError, match="None of the photos"):
        open_photo_folder(tmp_path, None)


def build_number_crops(root: Path, folder: Path, tight: bool = False, match: str | None = None) -> Tally:
    data = open_crop_folder(folder, None, match)
    with DatasetTree(root) as tree:
        build_crops(tree, data, CropSettings(), Cutting(), tight, ignore)
    return tree.tally


def test_number_crops_become_sequences_by_tracklet_and_game(tmp_path: Path) -> None:
    folder, patch = tmp_path / "numbers", np.full((24, 20, 3), 180, np.uint8)
    for name in ("7/3/0/00001.jpg", "7/3/0/00002.jpg", "7/3/1/00001.jpg", "7/03/1.jpg", "00/x.png", "-1/y.jpg"):
        save(folder / name, patch)
    save(folder / "seven" / "1.jpg", patch)
    write_csv(folder / "tracklets.csv", ["game", "number", "tracklet", "frames"], [("A", 7, 3, 3)])
    build_number_crops(tmp_path / "root", folder)
    rows = sorted(
        (r["number"], r["source"], r["subdir"], r["match"], r["frames"]) for r in manifest_rows(tmp_path / "root")
    )
    assert rows == [
        ("-1", "numbers/-1/y.jpg", "0", "numbers", "1"),
        ("00", "numbers/00/x.png", "0", "numbers", "1"),
        ("7", "numbers/7/03", "0", "numbers", "1"),
        ("7", "numbers/7/3", "0", "numbers A", "2"),
        ("7", "numbers/7/3", "1", "numbers A", "1"),
    ]
    assert scan(tmp_path / "root").rejected == ()
    again = build_number_crops(tmp_path / "root", folder)
    assert (again.sequences, again.there_already) == (0, 4)


def test_a_changed_folder_is_noticed(tmp_path: Path) -> None:
    save(tmp_path / "numbers" / "7" / "3" / "1.jpg")
    build_number_crops(tmp_path / "root", tmp_path / "numbers")
    save(tmp_path / "numbers" / "7" / "3" / "2.jpg")
    with pytest.raises(InputError, match=r"numbers/7/3 is in .* already"):
        build_number_crops(tmp_path / "root", tmp_path / "numbers")


def test_tight_crops_stay_as_they_are(tmp_path: Path) -> None:
    save(tmp_path / "numbers" / "7" / "1.jpg", np.full((24, 9, 3), 180, np.uint8))
    build_number_crops(tmp_path / "root", tmp_path / "numbers", tight=True, match="all")
    with Image.open(tmp_path / "root" / pictures(tmp_path / "root")[0]) as image:
        assert image.size == (9, 24)
    assert manifest_rows(tmp_path / "root")[0]["match"] == "all"


@pytest.mark.parametrize("size", [(24, 20), (20, 60), (60, 10), (1, 1)])
def test_cloth_takes_the_colour_of_the_border_and_the_number_the_place_of_the_pipelines(size: tuple[int, int]) -> None:
    patch = np.full((*size, 3), (200, 30, 40), np.uint8)
    patch[size[0] // 4 : -size[0] // 4 or None, size[1] // 4 : -size[1] // 4 or None] = (10, 10, 250)
    region = on_cloth(patch, CropSettings())
    assert region.shape[0] == region.shape[1] >= max(size)
    if min(size) > 5:
        assert region[0, 0].tolist() == [200, 30, 40]
        rows = np.flatnonzero((region[:, :, 2] > 200).any(axis=1))
        assert abs((rows[0] + rows[-1]) / 2 / region.shape[0] - 0.47) < 0.05


def test_crop_folders_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing is no folder"):
        open_crop_folder(tmp_path / "missing", None, None)
    (tmp_path / "7").mkdir()
    with pytest.raises(InputError, match="holds no jpg or png picture under a jersey number"):
        open_crop_folder(tmp_path, None, None)


def test_pictures_are_listed_in_natural_order_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("10.jpg", "9.PNG", ".hidden/1.jpg", ".2.jpg", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in picture_files(tmp_path)] == ["9.PNG", "10.jpg"]
    assert [frame_of(path, 5) for path in picture_files(tmp_path)] == [9, 10]
