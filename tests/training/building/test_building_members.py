"""What a data set does not hold any more leaves the tree when told to, and only what was its own."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from building_media import manifest_rows, pictures, write_csv
from PIL import Image

from pipeline.crops import CropSettings
from training.building.number_crops import build_crops, open_crop_folder
from training.building.photos import build_photos, open_photo_folder
from training.building.progress import BuildProgress
from training.building.soccernet import build_jersey_folder, open_jersey_folder
from training.building.store import Store
from training.building.tree import BuildError, DatasetTree
from training.building.writer import Cutting
from training.data.layout import scan
from training.data.photos import PHOTO_COLUMNS

Build = Callable[[DatasetTree, Path, str | None], None]


def ignore(update: BuildProgress) -> None:
    """No progress shown."""


def save(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shade = np.random.default_rng(len(path.name)).integers(0, 255, (120, 50, 3), np.uint8)
    Image.fromarray(shade).save(path)


def from_crops(tree: DatasetTree, folder: Path, name: str | None = None) -> None:
    build_crops(tree, open_crop_folder(folder, name, None), CropSettings(), Cutting(), False, ignore)


def from_photos(tree: DatasetTree, folder: Path, name: str | None = None) -> None:
    build_photos(tree, open_photo_folder(folder, name), CropSettings(), ignore)


def from_jerseys(tree: DatasetTree, folder: Path, name: str | None = None) -> None:
    build_jersey_folder(tree, open_jersey_folder(folder, None, name, None), CropSettings(), Cutting(), ignore)


def write_crops(folder: Path) -> None:
    for name in ("7/ta/1.png", "7/x.png", "46/y.png"):
        save(folder / name)


def move_a_picture(folder: Path) -> None:
    (folder / "1").mkdir()
    (folder / "7" / "x.png").rename(folder / "1" / "x.png")


def move_a_tracklet(folder: Path) -> None:
    (folder / "1").mkdir()
    (folder / "7" / "ta").rename(folder / "1" / "ta")


def write_photos(folder: Path, images: tuple[str, ...] = ("a.png", "b.png")) -> None:
    for image in images:
        save(folder / "images" / image)
    write_csv(folder / "boxes.csv", PHOTO_COLUMNS, [(image, "shop", "7", 10, 20, 30, 60) for image in images])


def delete_a_photo(folder: Path) -> None:
    write_photos(folder, ("a.png",))


def write_jerseys(folder: Path) -> None:
    for tracklet in ("0", "1"):
        save(folder / "images" / tracklet / "1.png")
    (folder / "train_gt.json").write_text('{"0": 7, "1": 46}')


def forget_a_tracklet(folder: Path) -> None:
    (folder / "train_gt.json").write_text(json.dumps({"0": 7}))


def listed(root: Path) -> list[tuple[str, str]]:
    """Numbers and sources of the manifest, beside which nothing stands in the tree."""
    rows = manifest_rows(root)
    there = {(item.folder, item.sequence) for item in scan(root).items}
    assert there == {(row["number"], row["sequence"]) for row in rows}
    return sorted((row["number"], row["source"]) for row in rows)


CORRECTIONS = [
    (
        write_crops,
        from_crops,
        move_a_picture,
        "data/7/x.png",
        [("1", "data/1/x.png"), ("46", "data/46/y.png"), ("7", "data/7/ta")],
    ),
    (
        write_crops,
        from_crops,
        move_a_tracklet,
        "data/7/ta",
        [("1", "data/1/ta"), ("46", "data/46/y.png"), ("7", "data/7/x.png")],
    ),
    (write_photos, from_photos, delete_a_photo, "data/b.png", [("7", "data/a.png")]),
    (write_jerseys, from_jerseys, forget_a_tracklet, "data/1", [("7", "data/0")]),
]


@pytest.mark.parametrize(("write", "build", "correct", "lost", "left"), CORRECTIONS)
def test_what_was_moved_or_deleted_is_taken_out_when_told_to(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    write: Callable[[Path], None],
    build: Build,
    correct: Callable[[Path], None],
    lost: str,
    left: list[tuple[str, str]],
) -> None:
    folder, root = tmp_path / "data", tmp_path / "root"
    write(folder)
    with DatasetTree(root) as tree:
        build(tree, folder, None)
    before = listed(root), pictures(root)
    correct(folder)
    with (
        pytest.raises(
            BuildError,
            match=rf"^{lost} is in .*root, but not in .*data any more; give --repl.*\(1 in all\), or another --name",
        ),
        DatasetTree(root) as tree,
    ):
        build(tree, folder, None)
    assert (listed(root), pictures(root)) == before
    with DatasetTree(root, replace=True) as tree:
        build(tree, folder, None)
    assert listed(root) == left
    [said] = [message for message in caplog.messages if "are left out" not in message]
    assert said.startswith(f"{lost} and what else")
    with DatasetTree(root) as tree:
        build(tree, folder, None)
    assert (tree.tally.sequences, tree.tally.there_already) == (0, len(left))


def test_nothing_is_taken_out_before_all_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, root = tmp_path / "data", tmp_path / "root"
    write_crops(folder)
    with DatasetTree(root) as tree:
        from_crops(tree, folder)
    before = listed(root)
    move_a_picture(folder)
    save(folder / "46" / "z.png")

    def interrupted(self: Store, part: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt), DatasetTree(root, replace=True) as tree:
        patch.setattr(Store, "put", interrupted)
        from_crops(tree, folder)
    assert set(before) <= set(listed(root))
    with DatasetTree(root, replace=True) as tree:
        from_crops(tree, folder)
    assert [source for _, source in listed(root)] == ["data/1/x.png", "data/46/y.png", "data/46/z.png", "data/7/ta"]


def test_another_data_set_of_the_name_is_not_taken_for_a_corrected_one(tmp_path: Path) -> None:
    root, other = tmp_path / "root", tmp_path / "away" / "data"
    write_crops(tmp_path / "data")
    save(other / "7" / "other.png")
    with DatasetTree(root) as tree:
        from_crops(tree, tmp_path / "data")
    with pytest.raises(BuildError, match=r"not in .*away/data any more; .*\(3 in all\)"), DatasetTree(root) as tree:
        from_crops(tree, other)
    with DatasetTree(root) as tree:
        from_crops(tree, other, "others")
    assert len(listed(root)) == 4


def test_data_sets_of_like_names_and_other_kinds_stay(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write_crops(tmp_path / "crops")
    write_photos(tmp_path / "photos")
    write_jerseys(tmp_path / "jerseys")
    builds: list[tuple[Build, Path, str]] = [
        (from_crops, tmp_path / "crops", "data"),
        (from_photos, tmp_path / "photos", "data"),
        (from_jerseys, tmp_path / "jerseys", "data"),
        (from_photos, tmp_path / "photos", "data/7"),
        (from_photos, tmp_path / "photos", "database"),
        (from_crops, tmp_path / "crops", "data/46"),
    ]
    for replace in (False, True):
        for build, folder, name in builds:
            with DatasetTree(root, replace) as tree:
                build(tree, folder, name)
    assert len(listed(root)) == 3 + 2 + 2 + 2 + 2 + 3
