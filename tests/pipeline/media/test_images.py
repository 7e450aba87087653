"""Image sequences: which files, in which order, how turned."""

import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from factories import numbered_picture, numbered_pictures, read_index, write_images
from PIL import Image

from pipeline.media.images import image_files
from pipeline.media.video import open_source
from pipeline.vendor import vendor_import


def test_natural_order(tmp_path: Path) -> None:
    source = open_source(write_images(tmp_path / "match", 12))
    assert [read_index(frame.bgr) for frame in source.frames()] == list(range(12))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp", ".tif", ".JPEG"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    source = open_source(write_images(tmp_path / "match", 3, suffix))
    assert [read_index(frame.bgr) for frame in source.frames()] == [0, 1, 2]


def test_other_and_hidden_files_are_left_out(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "match", 2)
    (folder / "notes.txt").write_text("x")
    (folder / ".frame9.png").write_text("x")
    (folder / "sub.png").mkdir()
    assert [path.name for path in image_files(list(folder.iterdir()))] == ["frame0.png", "frame1.png"]


def test_glob_selects_files_and_searches_folders(tmp_path: Path) -> None:
    write_images(tmp_path / "day1", 12)
    write_images(tmp_path / "day2", 3)
    assert sum(1 for _ in open_source(str(tmp_path / "day1" / "frame1*.png")).frames()) == 3
    assert sum(1 for _ in open_source(str(tmp_path / "**" / "*.png")).frames()) == 15


def test_rate_is_assumed_and_said_so(tmp_path: Path) -> None:
    info = open_source(write_images(tmp_path / "match", 5)).info
    assert (info.frames_per_second, info.rate_assumed) == (Fraction(25), True)
    assert (info.duration_seconds, info.has_audio) == (0.2, False)


def test_one_image_is_a_video_of_one_frame(tmp_path: Path) -> None:
    source = open_source(write_images(tmp_path / "match", 3) / "frame2.png")
    assert [read_index(frame.bgr) for frame in source.frames()] == [2]
    assert source.info.name == "frame2"


def test_an_image_that_is_none_is_lost_also_once_ultralytics_is_there(tmp_path: Path) -> None:
    with vendor_import():
        import ultralytics.utils  # noqa: F401  # changes PIL.Image.open
    folder = write_images(tmp_path / "match", 3)
    (folder / "frame1.png").write_text("no picture")
    source = open_source(folder)
    assert [read_index(frame.bgr) for frame in source.frames()] == [0, 2]
    assert source.frames_lost == 1


def test_a_lost_image_is_reported_in_the_first_pass_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write_images(tmp_path / "match", 3)
    (folder / "frame1.png").write_text("no picture")
    source = open_source(folder)
    for _ in range(2):
        assert len(list(source.frames())) == 2
    assert [record.getMessage() for record in caplog.records] == [
        f"{folder / 'frame1.png'} cannot be read: not a picture"
    ]


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_camera_orientation_is_applied(suffix: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to view
    for index, picture in enumerate(numbered_pictures(2)):
        stored = np.ascontiguousarray(np.rot90(picture)[:, :, ::-1])
        Image.fromarray(stored).save(tmp_path / f"{index}.{suffix}", exif=exif)
    source = open_source(tmp_path)
    assert (source.info.width, source.info.height) == (96, 64)
    assert [read_index(frame.bgr) for frame in source.frames()] == [0, 1]


def test_a_photo_with_a_mistyped_tag_is_turned_all_the_same(tmp_path: Path) -> None:
    """Orientation 6, and a resolution unit that is stored as text."""
    entries = struct.pack("<HHI4s", 0x0112, 3, 1, struct.pack("<HH", 6, 0)), struct.pack("<HHI4s", 0x0128, 2, 2, b"2")
    tags = b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries) + struct.pack("<I", 0)
    picture = np.zeros((40, 64, 3), np.uint8)
    picture[:, :32, 0] = 255
    Image.fromarray(picture).save(tmp_path / "photo.jpg", exif=b"Exif\0\0" + tags, quality=95)
    (frame,) = open_source(tmp_path / "photo.jpg").frames()
    assert frame.bgr.shape == (64, 40, 3)
    assert (frame.bgr[:28, :, 2] > 200).all() and (frame.bgr[36:, :, 2] < 60).all()


def test_an_orientation_that_does_not_exist_is_passed_over(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 9
    for index, picture in enumerate(numbered_pictures(2)):
        Image.fromarray(np.ascontiguousarray(picture[:, :, ::-1])).save(tmp_path / f"{index}.jpg", exif=exif)
    source = open_source(tmp_path)
    assert (source.info.width, source.info.height) == (96, 64)
    assert [read_index(frame.bgr) for frame in source.frames()] == [0, 1]
    assert source.frames_lost == 0


@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
def test_grey_images_of_16_bits_keep_their_levels(dtype: str, tmp_path: Path) -> None:
    levels = np.array([[0, 255, 256], [30_000, 40_000, 65_535]], dtype)
    Image.fromarray(levels).save(tmp_path / "0.tif")
    frame = next(open_source(tmp_path).frames())
    assert frame.bgr[:, :, 0].tolist() == [[0, 0, 1], [117, 156, 255]]
    assert (frame.bgr == frame.bgr[:, :, :1]).all()


def test_a_grey_png_of_16_bits_keeps_its_levels_and_is_turned(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.array([[30_000, 512]], np.uint16)).save(tmp_path / "0.png", exif=exif)
    assert next(open_source(tmp_path).frames()).bgr[:, :, 2].tolist() == [[117], [2]]


def test_grey_and_transparent_images_become_bgr(tmp_path: Path) -> None:
    rgb = Image.fromarray(numbered_picture(4))
    rgb.convert("L").save(tmp_path / "0.png")
    rgb.convert("RGBA").save(tmp_path / "1.png")
    rgb.convert("P").save(tmp_path / "2.png")
    assert [read_index(frame.bgr) for frame in open_source(tmp_path).frames()] == [4, 4, 4]


def test_channels_are_blue_green_red(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), (255, 128, 0)).save(tmp_path / "0.png")
    assert next(open_source(tmp_path).frames()).bgr[0, 0].tolist() == [0, 128, 255]
