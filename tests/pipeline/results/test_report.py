"""What run.json says of its input."""

import hashlib
import json
from pathlib import Path

import pytest
from factories import write_images

from pipeline.media.video import open_source
from pipeline.results.report import bottleneck, input_record, write_record


def test_a_folder_of_images_is_known_by_its_images(tmp_path: Path) -> None:
    write_images(tmp_path / "a", 3)
    write_images(tmp_path / "b", 3)
    one, same = (input_record(open_source(tmp_path / name).info) for name in "ab")
    assert one["sha256"] == same["sha256"]
    assert one["bytes"] == sum(path.stat().st_size for path in (tmp_path / "a").iterdir())
    assert (one["files"], one["rate_assumed"]) == (3, True)
    (tmp_path / "b" / "frame1.png").rename(tmp_path / "b" / "frame9.png")
    assert input_record(open_source(tmp_path / "b").info)["sha256"] != one["sha256"]


def test_a_glob_is_known_by_the_images_it_matches(tmp_path: Path) -> None:
    write_images(tmp_path / "a", 3)
    write_images(tmp_path / "b", 4)
    (tmp_path / "b" / "notes.txt").write_text("")
    whole = input_record(open_source(tmp_path / "a").info)
    part = input_record(open_source(pattern := str(tmp_path / "b" / "frame[0-2].png")).info)
    assert part.pop("glob") == pattern
    assert {**whole, "path": ""} == {**part, "path": ""}
    assert part["path"] == str(tmp_path / "b")
    one = input_record(open_source(tmp_path / "a" / "frame1.png").info)
    assert one["sha256"] == hashlib.sha256((tmp_path / "a" / "frame1.png").read_bytes()).hexdigest()


def test_an_image_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    source = open_source(write_images(tmp_path / "a", 3))
    whole = input_record(source.info)
    (tmp_path / "a" / "frame1.png").unlink()
    (tmp_path / "a" / "frame1.png").symlink_to("nowhere")
    record = input_record(source.info)
    assert [frame.index for frame in source.frames()] == [0, 1]
    assert source.frames_lost == 1
    assert (record["files"], record["unreadable"]) == (3, ["frame1.png"])
    assert record["bytes"] == sum((tmp_path / "a" / f"frame{index}.png").stat().st_size for index in (0, 2))
    assert record["sha256"] != whole["sha256"]


def test_the_record_says_which_part_was_read(street: Path) -> None:
    record = input_record(open_source(street, 0.2, 0.3).info)
    assert (record["start_seconds"], record["end_seconds"]) == (0.2, 0.5)


def test_a_name_that_is_no_text_does_not_cost_the_record(tmp_path: Path) -> None:
    name = "match\udcff.mp4"  # how Python holds a byte that is no UTF-8
    write_record(tmp_path / "run.json", {"input": {"path": name}})
    assert json.loads((tmp_path / "run.json").read_text())["input"]["path"] == name


@pytest.mark.parametrize(
    ("seconds", "stage"),
    [
        ({"decode": 1.0, "detect": 5.0, "track": 4.0, "read": 2.0}, "detect"),
        ({"detect": 5.0, "crop": 2.0, "team": 1.5, "read": 3.0}, "read"),
        ({"load": 60.0, "hash": 50.0, "decode": 1.0, "encode": 2.0}, "encode"),
        ({"decode": 1.0, "upload": 3.0, "detect": 2.0}, "upload"),
        ({}, None),
    ],
)
def test_the_bottleneck_is_the_longest_of_the_busiest_thread(seconds: dict[str, float], stage: str | None) -> None:
    assert bottleneck(seconds, cores=2) == stage


def test_on_one_core_all_stages_share_a_thread() -> None:
    assert bottleneck({"decode": 1.0, "detect": 6.0, "crop": 4.0, "read": 3.0}, cores=1) == "detect"
