"""Scoring the product on labelled clips."""

from pathlib import Path

import pytest

from training.benchmark import main
from training.evaluation.clips import BenchmarkError, ClipRun, labelled_clips, score_clips
from training.evaluation.scoring import read_truth

LABELS = "track,first_frame,last_frame,number,team,role,sure,note\n1,0,1,7,red,player,2,legible\n"
BOXES = "frame,track,x1,y1,x2,y2,conf\n0,1,10,10,50,110,1\n1,1,12,10,52,110,1\n"
MOT = "1,4,10.0,10.0,40.0,100.0,0.9,-1,-1,-1\n2,4,12.0,10.0,40.0,100.0,0.9,-1,-1,-1\n"
COLUMNS = "track_id,jersey_number,confidence,likeliest,likeliest_confidence\n"


def make_clip(folder: Path) -> Path:
    (folder / "a.mp4").write_bytes(b"")
    (folder / "a.labels.csv").write_text(LABELS)
    (folder / "a.boxes.csv").write_text(BOXES)
    return folder / "a.mp4"


def make_run(folder: Path, row: str) -> ClipRun:
    (folder / "tracks.mot.txt").write_text(MOT)
    (folder / "tracks.csv").write_text(COLUMNS + row + "\n")
    return ClipRun(folder, 4.25)


def test_only_clips_with_labels_count(tmp_path: Path) -> None:
    clip = make_clip(tmp_path)
    (tmp_path / "b.mp4").write_bytes(b"")
    assert labelled_clips(tmp_path) == [clip]


def test_a_folder_without_labelled_clips_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"holds no NAME\.mp4 with NAME\.boxes\.csv"):
        labelled_clips(tmp_path)


def test_clips_are_scored_each_and_all_together(tmp_path: Path) -> None:
    text, record = score_clips({"a": read_truth(make_clip(tmp_path))}, {"a": make_run(tmp_path, "4,8,0.9,8,0.9")})
    assert text.splitlines()[2:] == [
        "| a | 0.000 | 0.000 | 0/1 | 0.000 | 0.000 | 4.2 |",
        "| all | 0.000 | 0.000 | 0/1 | 0.000 | 0.000 |  |",
        "",
        "- expected calibration error of the numbers given: 0.900 (2 boxes, 1 tracks)",
        "- expected calibration error of the likeliest numbers, given or withheld: 0.900 (2 boxes, 1 tracks)",
        "- referees and bystanders given a number: 0 of 0 tracks",
    ]
    assert record["all"]["wrong"] == record["a"]["legible"]["wrong"] == 2


def test_a_clip_without_a_number_given_shows_a_dash(tmp_path: Path) -> None:
    text, record = score_clips({"a": read_truth(make_clip(tmp_path))}, {"a": make_run(tmp_path, "4,,,7,0.4")})
    assert "| a | – | 0.000 | 0/1 | – | 0.000 | 4.2 |" in text.splitlines()
    assert record["a"]["precision"] is None


def test_labels_that_cannot_be_used_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_clip(tmp_path).with_suffix(".labels.csv").write_text(LABELS.replace(",7,", ",107,"))
    assert main([str(tmp_path), "--device", "cpu"]) == 2
    assert "number is '107', allowed are 0 to 99" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_an_output_folder_that_is_taken_is_refused_before_a_network_is_opened(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_clip(tmp_path)
    output = tmp_path / "out"
    output.mkdir() if kind == "folder" else output.write_bytes(b"")
    arguments = [str(tmp_path), "--device", "cpu", "--weights", str(tmp_path / "none.safetensors")]
    assert main([*arguments, "--output", str(output)]) == 2
    assert capsys.readouterr().err == f"{output} exists already; give a new folder as --output.\n"
    assert main([*arguments, "--output", str(tmp_path / "other")]) == 2
    assert "none.safetensors does not exist" in capsys.readouterr().err
