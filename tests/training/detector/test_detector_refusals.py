"""What the player detector's training refuses, in one sentence each."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.torch import save_file

from pipeline.detection.detector import DetectorError
from training.detector.data import (
    NO_BOXES,
    NOTHING_SEEN,
    DetectorDataError,
    LabelledFrame,
    read_yolo_folder,
    write_manifest,
)
from training.detector.weights import start_detector
from training.train_detector import main


@pytest.fixture
def frames(tmp_path: Path) -> list[LabelledFrame]:
    """Two frames of each of two matches; nobody looks at their pictures."""
    names = ("m0", "m1", "m0", "m1")
    return [LabelledFrame(tmp_path / "none.png", name, "hand", NO_BOXES, NO_BOXES, NOTHING_SEEN) for name in names]


def test_training_refuses_a_match_that_is_not_listed(
    tmp_path: Path, frames: list[LabelledFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    write_manifest(tmp_path / "frames.jsonl", frames)
    out = tmp_path / "out.safetensors"
    assert main(["train", "--work", str(tmp_path), "--hold-out", "m0", "M1", "--output", str(out)]) == 2
    assert capsys.readouterr().err.endswith("--hold-out names the match 'M1'; there are m0, m1.\n")
    assert not out.exists()


def test_training_refuses_frames_that_fill_no_batch(
    tmp_path: Path, frames: list[LabelledFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    write_manifest(tmp_path / "frames.jsonl", frames)
    save_file({}, tmp_path / "start.safetensors")
    out = tmp_path / "out.safetensors"
    command = ["train", "--work", str(tmp_path), "--output", str(out), "--set=batch_size=13"]
    assert main(command) == 2
    assert "4 frames to train on give 12 views in an epoch, fewer than batch_size (13); list" in capsys.readouterr().err
    assert main([*command, "--hold-out", "m0", "m1"]) == 2
    assert "0 frames to train on give 0 views in an epoch" in capsys.readouterr().err
    assert not out.exists()


def test_labelling_refuses_a_match_of_a_clip_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wide_a.mp4").write_bytes(b"")
    command = ["label", "--clips", str(tmp_path), "--start", "none.safetensors", "--work", str(tmp_path / "work")]
    assert main([*command, "--set=same_match=[wide_a=a, wide_b=a]"]) == 2
    assert capsys.readouterr().err.endswith("same_match names the clip 'wide_b'; there are wide_a.\n")
    assert not (tmp_path / "work").exists()


def test_labelling_refuses_two_clips_of_one_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, rendered = (tmp_path / part for part in ("clips/a/goal.mp4", "clips/b/goal.mp4", "made/goal.mp4"))
    for clip in (first, second, rendered):
        clip.parent.mkdir(parents=True)
        clip.write_bytes(b"")
    rest = ["--start", "none.safetensors", "--work", str(tmp_path / "work")]
    assert main(["label", "--clips", str(tmp_path / "clips"), *rest]) == 2
    assert capsys.readouterr().err.endswith(f"{first} and {second} have one name; rename one of them and its labels.\n")
    assert main(["label", "--clips", str(first.parent), "--renders", str(rendered.parent), *rest]) == 2
    assert f"{first} and {rendered} have one name" in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("batch_size=0", "batch_size is 0; allowed is 1 to 1024."),
        ("clip_frames=0", "clip_frames is 0; allowed is 1 to 10000."),
        ("average_from=1", "average_from is 1; allowed is 0 to 0.99."),
        ("learning_rate=-1", "learning_rate is -1; allowed is 1e-08 to 1."),
        ("teacher_size=64", "teacher_size is 64; allowed is 256 to 4096."),
        ("view=[960, 540]", "view holds 540; allowed are multiples of 32."),
        ("view=[0, 544]", "view is 0; allowed is 32 to 4096."),
        ("scales=[0, 1]", "scales is 0; allowed is 0.1 to 10."),
        ("scales=[1.6, 0.7]", "scales is [1.6, 0.7]; the smaller one stands first."),
        ("same_match=[x]", "same_match holds 'x'; allowed are texts of the form CLIP=MATCH."),
        ("same_match=[x=a, x=b]", "same_match names a clip twice; a clip is of one match."),
    ],
)
def test_settings_out_of_range_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: str, message: str
) -> None:
    assert main(["folds", "--work", str(tmp_path), "--set", wrong]) == 2
    error = capsys.readouterr().err
    assert error.endswith(f"{message}\n")
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("data.yaml", None, r"data\.yaml is missing; it must list the classes, such as names: \[ball, player\]\."),
        ("data.yaml", "classes: [player]\n", r"data\.yaml cannot be used \('names'\); it must list"),
        ("data.yaml", "names: [player\n", r"data\.yaml cannot be used \(while parsing .*; it must list"),
        ("train/images/a.png", None, r"holds nothing in \*/images; give a folder of the form SPLIT/images/NAME\.jpg"),
        ("train/labels/a.txt", None, r"holds nothing in \*/labels; give a folder of the form SPLIT/images/NAME\.jpg"),
        (
            "train/labels/a.txt",
            "7 0.5 0.5 0.1 0.1\n",
            r"a\.txt cannot be used \(7\); .*of a class that data\.yaml lists\.",
        ),
        ("train/labels/a.txt", "0 0.5 0.5 0.1\n", r"a\.txt cannot be used \(.*CLASS X Y WIDTH HEIGHT are expected"),
        ("train/labels/a.txt", "0 half 0 0 1\n", r"a\.txt cannot be used \(.*'half'\); lines of the form CLASS X"),
        ("train/images/a.png", "no picture", r"The picture .*a\.png cannot be read\."),
    ],
)
def test_hand_labelled_frames_that_cannot_be_used_are_one_sentence(
    tmp_path: Path, file: str, content: str | None, message: str
) -> None:
    for part in ("images", "labels"):
        (tmp_path / "train" / part).mkdir(parents=True)
    (tmp_path / "data.yaml").write_text("names: [player]\n")
    cv2.imwrite(str(tmp_path / "train/images/a.png"), np.zeros((20, 20, 3), np.uint8))
    (tmp_path / "train/labels/a.txt").write_text("0 0.5 0.5 0.1 0.4\n")
    if content is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_text(content)
    with pytest.raises(DetectorDataError, match=message) as caught:
        read_yolo_folder(tmp_path, "a_match")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"not weights"])
def test_starting_weights_that_cannot_be_used_are_refused(content: bytes | None, tmp_path: Path) -> None:
    start = tmp_path / "yolo11n.safetensors"
    if content is not None:
        start.write_bytes(content)
    with pytest.raises(DetectorError, match=r"yolo11n\.safetensors cannot be used \(.*name others with --start"):
        start_detector(start, tmp_path / "work" / "start.safetensors")
    assert not (tmp_path / "work").exists()
