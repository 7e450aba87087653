"""The command `python -m training.build_dataset`."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from building_media import manifest_rows, pictures, write_csv, write_labels, write_run, write_scene
from factories import write_video
from PIL import Image

import training.build_dataset
from pipeline.crops import CropSettings
from pipeline.detection.detector import DetectorSettings, PlayerDetector
from pipeline.media.video import open_source
from pipeline.types import Frame
from pipeline.vendor import vendor_import
from training.build_dataset import main
from training.data.geometry import geometry_of, read_geometry
from training.data.layout import scan

BOTH = [(1, 0, 5, "7", "player", "legible"), (2, 0, 5, "46", "player", "legible")]


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a labelled video, a run of it and a folder of number crops."""
    monkeypatch.chdir(tmp_path)
    write_labels(write_scene(Path("scene.mp4"), 6), BOTH, 6)
    write_run(Path("run"), Path("scene.mp4"), {1: ("7", "read"), 2: ("", "unreadable")}, 6)
    for name in ("7/a/1.png", "46/b/1.png"):
        path = Path("numbers", name)
        path.parent.mkdir(parents=True)
        Image.fromarray(np.full((30, 24, 3), 90, np.uint8)).save(path)
    return tmp_path


def test_runs_and_crops_go_into_one_tree_and_again_add_nothing(
    at_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_csv(Path("fix.csv"), ["track_id", "jersey_number"], [(2, "-1")])
    commands = [["run", "run", "--corrections", "fix.csv", "-o", "data"], ["crops", "numbers", "-o", "data"]]
    for command in commands:
        assert main(command) == 0
    assert [item.number for item in scan(Path("data")).items] == ["7", "7", "46", None]
    assert "data: 2 sequences with 2 pictures added, 0 were there already." in capsys.readouterr().out
    assert read_geometry(Path("data")) == geometry_of(CropSettings())
    before = pictures(Path("data"))
    for command in commands:
        assert main(command) == 0
        assert "data: 0 sequences with 0 pictures added, 2 were there already." in capsys.readouterr().out
    assert pictures(Path("data")) == before


def test_tracks_are_cut_to_a_second_unless_told_otherwise(at_home: Path) -> None:
    write_run(Path("long"), write_scene(Path("long.mp4"), 30), {1: ("7", "read")})
    assert main(["run", "long", "-o", "short", "-q"]) == 0
    assert main(["run", "long", "-o", "whole", "-q", "--max-seconds", "60"]) == 0
    frames = [[row["frames"] for row in manifest_rows(Path(root))] for root in ("short", "whole")]
    assert frames == [["25", "5"], ["30"]]


def test_two_videos_of_one_name_are_told_to_count_as_one_match(at_home: Path, caplog: pytest.LogCaptureFixture) -> None:
    for length, name in enumerate(("other", "twin"), 3):
        Path(name).mkdir()
        write_run(Path(name, "run"), write_scene(Path(name, "scene.mp4"), length), {1: ("7", "read")}, length)
    for command in (["run"], ["run"], ["other/run", "--match", "other"]):
        assert main(["run", *command, "-o", "data", "-q"]) == 0
    assert caplog.messages == []
    assert main(["run", "twin/run", "-o", "data", "-q"]) == 0
    [said] = caplog.messages
    assert re.match(r"scene\.mp4@\w+ and scene\.mp4@\w+ count as one match, 'scene', .* with its own --match\.", said)


def test_a_video_goes_through_the_real_detector(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with vendor_import():
        from ultralytics.utils import ASSETS
    with Image.open(ASSETS / "bus.jpg") as image:
        street = np.asarray(image.resize((324, 432)))[16:416, :300, ::-1]
    video = write_video(tmp_path / "street.mp4", [np.ascontiguousarray(street)] * 5)
    settings, threads = DetectorSettings(image_size=320), torch.get_num_threads()
    torch.set_num_threads(1)
    frame: Frame = next(iter(open_source(video).frames()))
    found = PlayerDetector(settings, torch.device("cpu")).detect([frame])[0]
    assert len(found) >= 2
    people = [(index, track, *box) for index in range(5) for track, box in enumerate(found.xyxy[:2].tolist(), 1)]
    write_labels(video, [(1, 0, 4, "7", "player", "legible"), (2, 0, 4, "unknown", "referee", "")])
    write_csv(tmp_path / "street.boxes.csv", ["frame", "track", "x1", "y1", "x2", "y2"], people)
    arguments = ["--set", "detector.image_size=320", "--set", "windows.min_quality=0", "--device", "cpu"]
    assert main(["video", str(video), "-o", str(tmp_path / "data"), "--match", "street", *arguments]) == 0
    torch.set_num_threads(threads)
    rows = manifest_rows(tmp_path / "data")
    assert sorted((row["number"], row["match"], row["frames"]) for row in rows) == [
        ("-1", "street", "5"),
        ("7", "street", "5"),
    ]
    assert "2 sequences with 10 pictures added" in capsys.readouterr().out


def test_an_interrupt_keeps_what_is_whole(
    at_home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    assert main(["crops", "numbers", "-o", "data", "-q"]) == 0
    monkeypatch.setattr(training.build_dataset, "build_run", interrupted)
    assert main(["run", "run", "-o", "data"]) == 130
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("Interrupted; what was finished is kept")
    assert len(pictures(Path("data"))) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["video", "missing.mp4"], r"missing\.mp4 does not exist"),
        (
            ["video", "scene.mp4", "--labels", "numbers"],
            r"expected in numbers/scene\.labels\.csv, which does not exist",
        ),
        (["video", "scene.mp4", "--labels", "wrong.csv"], r"wrong\.csv need their boxes in wrong\.boxes\.csv"),
        (["video", "scene.mp4", "--device", "tpu"], "The device 'tpu' is unknown"),
        (["video", "scene.mp4", "--set", "detector.weights=no.safetensors"], r"no\.safetensors does not exist"),
        (["video", "scene.mp4", "--set", "crops.min_side=0"], r"crops\.min_side is 0; allowed is 1 to 4096"),
        (["video", "scene.mp4", "-o", "wrong.csv"], r"wrong\.csv is a file, but a folder is needed"),
        (
            ["video", "scene.mp4", "other.mp4", "--labels", "scene.labels.csv"],
            r"scene\.mp4 and other\.mp4 would take the same labels, .*scene\.boxes\.csv; add them one at a time",
        ),
        (
            ["video", "scene.mp4", "away/scene.mp4", "--labels", "."],
            r"scene\.mp4 and away/scene\.mp4 would take the same labels",
        ),
        (["run", "numbers"], r"numbers holds no finished run \(run\.json is missing\)"),
        (["run", "run", "--corrections", "fix.csv"], r"fix\.csv, line 2: jersey_number is '123', allowed are 0 to 99"),
        (["run", "run", "--corrections", "wrong.csv"], r"wrong\.csv lacks the column 'track_id'"),
        (["run", "run", "--config", "no.yaml"], r"settings file no\.yaml does not exist"),
        (["soccernet", "numbers"], "numbers holds no folder 'images'"),
        (["photos", "numbers"], r"numbers/boxes\.csv does not exist"),
        (["crops", "nowhere"], "nowhere is no folder"),
        (["crops", "run"], "run holds no jpg or png picture under a jersey number"),
    ],
)
def test_what_cannot_be_used_is_one_sentence_and_leaves_nothing(
    arguments: list[str], message: str, at_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_csv(Path("wrong.csv"), ["a", "b"], [])
    write_csv(Path("fix.csv"), ["track_id", "jersey_number"], [(1, "123")])
    Path("away").mkdir()
    for length, other in enumerate(("other.mp4", "away/scene.mp4"), 3):
        write_scene(Path(other), length)
    before = sorted(at_home.rglob("*"))
    assert main([arguments[0], "-o", "data", *arguments[1:]]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.strip().splitlines()) == 1
    assert re.search(message, printed.err)
    assert sorted(at_home.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: SOURCE"),
        (["films", "x.mp4", "-o", "data"], "invalid choice: 'films'"),
        (["video", "x.mp4"], "the following arguments are required: -o/--output"),
        (["video", "x.mp4", "-o", "data", "--gap-seconds", "0"], "argument --gap-seconds: 0 is not from 0.001 to 3600"),
        (["video", "x.mp4", "-o", "d", "--gap-frames", "5", "--gap-seconds", "1"], "not allowed with argument --gap-"),
        (["run", "run", "-o", "data", "--min-pictures", "few"], "invalid _?count value: 'few'"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    sentence = capsys.readouterr().err
    assert len(sentence.splitlines()) == 1
    assert re.search(message, sentence)
