"""The packed crops: exact, whole, rebuilt when anything changed."""

import json
import logging
import multiprocessing
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from trees import make_tree, number_picture

from recognizer.preprocess import Preprocess
from training.data import crop_cache
from training.data.crop_cache import CACHE_FOLDER, CacheError, CropCache, open_cache, read_rgb
from training.data.layout import scan

SMALL = Preprocess(size=16)


def tree(folder: Path) -> Path:
    return make_tree(folder / "tree", {"7": 1, "-1": 1}, frames=3)


def picture(root: Path) -> Path:
    return sorted(root.glob("7/*/0/*.jpg"))[0]


def names(folder: Path) -> list[str]:
    return sorted(file.suffix for file in folder.iterdir())


def builds(caplog: pytest.LogCaptureFixture) -> int:
    return sum(record.message.startswith("Packed") for record in caplog.records)


def test_crops_are_the_preprocessed_pictures(tmp_path: Path) -> None:
    layout = scan(tree(tmp_path))
    cache = open_cache(layout, Preprocess())
    assert (cache.crops.shape, cache.crops.dtype, len(cache)) == ((6, 64, 64, 3), np.uint8, 6)
    assert isinstance(cache.crops, np.memmap)
    assert not cache.crops.flags.writeable
    for item in layout.items:
        for path in item.frames:
            with Image.open(path) as image:
                expected = Preprocess().apply(np.array(image.convert("RGB")))
            np.testing.assert_array_equal(cache.crops[cache.row_of[path]], expected)


def test_blocks_and_threads_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = scan(make_tree(tmp_path / "tree", {"7": 2, "46": 2}, frames=5))
    whole = open_cache(layout, SMALL, tmp_path / "a", threads=1)
    monkeypatch.setattr(crop_cache, "_BLOCK", 3)
    blocks = open_cache(layout, SMALL, tmp_path / "b", threads=4)
    np.testing.assert_array_equal(whole.crops, blocks.crops)
    assert whole.row_of == blocks.row_of


def test_grey_palette_and_turned_pictures_are_read(tmp_path: Path) -> None:
    rgb = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by a quarter
    Image.fromarray(rgb).save(tmp_path / "turned.png", exif=exif)
    Image.fromarray(rgb[..., 0]).save(tmp_path / "grey.png")
    Image.fromarray(rgb[..., 0].astype(np.uint16) << 8).save(tmp_path / "deep.png")
    Image.fromarray(rgb).quantize(16).save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read_rgb(tmp_path / "turned.png"), np.rot90(rgb, -1))
    np.testing.assert_array_equal(read_rgb(tmp_path / "grey.png"), np.repeat(rgb[..., :1], 3, axis=2))
    np.testing.assert_array_equal(read_rgb(tmp_path / "deep.png"), np.repeat(rgb[..., :1], 3, axis=2))
    assert read_rgb(tmp_path / "palette.png").shape == (4, 6, 3)


def test_a_second_opening_builds_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    root = tree(tmp_path)
    first = open_cache(scan(root), SMALL)
    second = open_cache(scan(root), SMALL)
    assert first.file == second.file
    assert builds(caplog) == 1
    assert names(root / CACHE_FOLDER) == [".json", ".lock", ".npy"]
    assert scan(root).rejected == ()


def change_pixels(root: Path) -> None:
    path = picture(root)
    Image.fromarray(number_picture("8", 40, seed=99)).save(path)


def change_time(root: Path) -> None:
    path = picture(root)
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1))


def add(root: Path) -> None:
    Image.fromarray(number_picture("7", 40)).save(picture(root).with_name("1_2000_0.jpg"))


def remove(root: Path) -> None:
    picture(root).unlink()


def rename(root: Path) -> None:
    path = picture(root)
    path.rename(path.with_name("1_2000_0.jpg"))


@pytest.mark.parametrize("change", [change_pixels, change_time, add, remove, rename])
def test_a_changed_tree_is_packed_anew_and_the_old_pack_removed(tmp_path: Path, change: object) -> None:
    root = tree(tmp_path)
    old = open_cache(scan(root), SMALL)
    change(root)  # type: ignore[operator]
    layout = scan(root)
    new = open_cache(layout, SMALL)
    assert new.file != old.file
    assert not old.file.exists()
    assert names(root / CACHE_FOLDER) == [".json", ".lock", ".npy"]
    assert old.crops.shape == (6, 16, 16, 3), "who has it mapped keeps it"
    for path, row in new.row_of.items():
        np.testing.assert_array_equal(new.crops[row], SMALL.apply(read_rgb(path)))


@pytest.mark.parametrize(
    "other", [Preprocess(size=24), Preprocess(size=16, sharpness=1.0), Preprocess(size=16, upscale_below=0)]
)
def test_another_preprocessing_has_a_pack_of_its_own(tmp_path: Path, other: Preprocess) -> None:
    layout = scan(tree(tmp_path))
    one, two = open_cache(layout, SMALL), open_cache(layout, other)
    assert one.file != two.file
    assert one.file.exists()
    assert two.crops.shape[1] == other.size


def test_two_roots_may_share_a_folder(tmp_path: Path) -> None:
    layouts = [scan(make_tree(tmp_path / name, {"7": count}, frames=2)) for name, count in (("a", 1), ("b", 2))]
    caches = [open_cache(layout, SMALL, tmp_path / "caches") for layout in layouts]
    assert all(cache.file.exists() for cache in caches)
    assert not (layouts[0].root / CACHE_FOLDER).exists()


def spoil(root: Path) -> list[Path]:
    """Damage three of the pictures of number 7 in different ways."""
    first, second, third = sorted(root.glob("7/*/0/*.jpg"))
    first.write_bytes(b"")
    second.write_bytes(second.read_bytes()[:200])
    third.write_text("no picture")
    return [first, second, third]


def test_unreadable_pictures_are_counted_logged_once_and_skipped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tree(tmp_path)
    damaged = spoil(root)
    cache = open_cache(scan(root), SMALL)
    assert [root / lost.path for lost in cache.unreadable] == damaged
    assert len(cache) == 3
    assert not set(damaged) & set(cache.row_of)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "3 of 6 pictures" in caplog.text
    assert "1_95_0.jpg (no picture)" in caplog.text
    assert open_cache(scan(root), SMALL).unreadable == cache.unreadable


@pytest.mark.parametrize("keep", [0.05, 0.3, 0.6, 0.95])
def test_a_picture_cut_anywhere_never_crashes(tmp_path: Path, keep: float) -> None:
    for suffix in (".jpg", ".png"):
        root = make_tree(tmp_path / suffix, {"7": 1}, frames=2, suffix=suffix)
        path = sorted(root.rglob(f"*{suffix}"))[0]
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * keep)])
        assert len(open_cache(scan(root), SMALL)) == 1


def test_an_interrupted_build_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = scan(tree(tmp_path))

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(crop_cache, "_pack", interrupt)
        with pytest.raises(KeyboardInterrupt):
            open_cache(layout, SMALL)
    assert names(layout.root / CACHE_FOLDER) == [".lock"]
    assert len(open_cache(layout, SMALL)) == 6


@pytest.mark.parametrize("suffix", [".npy", ".json"])
@pytest.mark.parametrize("keep", [0, 60])
def test_a_damaged_pack_is_built_anew(tmp_path: Path, suffix: str, keep: int) -> None:
    layout = scan(tree(tmp_path))
    before = open_cache(layout, SMALL)
    expected, file = np.array(before.crops), before.file.with_suffix(suffix)
    data = file.read_bytes()[:keep]
    file.unlink()
    file.write_bytes(data)
    np.testing.assert_array_equal(open_cache(layout, SMALL).crops, expected)


def test_the_index_can_be_read_by_a_person(tmp_path: Path) -> None:
    cache = open_cache(scan(tree(tmp_path)), SMALL)
    index = json.loads(cache.file.with_suffix(".json").read_text())
    assert index == {"pictures": 6, "preprocess": {"size": 16, "sharpness": 2.0, "upscale_below": 64}, "unreadable": []}


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match=r"crop cache in .*file cannot be used \(.*\); name a folder"):
        open_cache(scan(tree(tmp_path)), SMALL, tmp_path / "file")


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = scan(tree(tmp_path))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(crop_cache.np.lib.format, "write_array_header_2_0", full)
    with pytest.raises(CacheError, match="No space left on device"):
        open_cache(layout, SMALL)
    assert names(layout.root / CACHE_FOLDER) == [".lock"]


def test_a_picture_that_vanished_is_named(tmp_path: Path) -> None:
    layout = scan(tree(tmp_path))
    layout.items[0].frames[0].unlink()
    with pytest.raises(CacheError, match=r"1_95_0\.jpg vanished while the data set was read"):
        open_cache(layout, SMALL)


def test_it_travels_to_workers_by_path(tmp_path: Path) -> None:
    cache = open_cache(scan(tree(tmp_path)), Preprocess())
    data = pickle.dumps(cache)
    copy: CropCache = pickle.loads(data)  # noqa: S301 - made one line above
    assert len(data) < 3_000
    assert isinstance(copy.crops, np.memmap)
    np.testing.assert_array_equal(copy.crops, cache.crops)
    assert copy.row_of == cache.row_of


def _open_and_report(root: Path) -> tuple[int, int]:
    """Whether this process built, and a checksum."""
    packed: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: packed.append(record.getMessage())  # type: ignore[method-assign]
    crop_cache.logger.addHandler(handler)
    crop_cache.logger.setLevel(logging.INFO)
    cache = open_cache(scan(root), Preprocess(), threads=1)
    return sum(message.startswith("Packed") for message in packed), int(np.asarray(cache.crops, np.int64).sum())


def test_of_several_processes_one_builds(tmp_path: Path) -> None:
    root = make_tree(tmp_path / "tree", {"7": 4, "46": 4}, frames=20)
    with multiprocessing.get_context("fork").Pool(3) as pool:
        results = pool.map(_open_and_report, [root] * 3, chunksize=1)
    assert sum(built for built, _ in results) == 1
    assert len({checksum for _, checksum in results}) == 1
