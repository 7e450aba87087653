"""The command that puts a person's word into a run."""

import csv
from pathlib import Path

import pytest
from building_media import FRAMES, pictures, write_run

import training.build_dataset
from pipeline.results.outputs import READS, TRACKS
from training.correct_run import main

STATUSES = {1: ("7", "read"), 2: ("", "conflicting")}


@pytest.fixture
def run(video: Path, tmp_path: Path) -> Path:
    folder = write_run(tmp_path / "run", video, {})
    row = dict.fromkeys(("first_frame", "last_frame", "n_frames", "n_reads"), "1")
    with (folder / TRACKS).open(newline="") as file:
        columns = next(csv.reader(file))
    with (folder / TRACKS).open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        for track, (number, status) in STATUSES.items():
            known = {"likeliest": "7", "likeliest_confidence": "0.9"} if number else {}
            writer.writerow(row | known | {"track_id": track, "jersey_number": number, "status": status})
    (folder / READS).write_text("")
    (tmp_path / "corrections.csv").write_text("track_id,jersey_number\n2,46\n")
    return folder


def test_a_corrected_run_lies_beside_the_run(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(run), str(tmp_path / "corrections.csv")]) == 0
    said = capsys.readouterr().out
    assert "46       0.99" in said and str(tmp_path / "run-corrected" / "annotated.mp4") in said
    with (tmp_path / "run-corrected" / TRACKS).open(newline="") as file:
        assert [row["jersey_number"] for row in csv.DictReader(file)] == ["7", "46"]


def test_a_corrected_run_may_be_corrected_in_its_place(run: Path, tmp_path: Path) -> None:
    words = [str(run), str(tmp_path / "corrections.csv"), "--no-video"]
    assert main([*words, "-o", str(run)]) == 2
    assert main([*words, "-o", str(run), "--overwrite"]) == 0
    (tmp_path / "corrections.csv").write_text("track_id,jersey_number\n1,-1\n")
    assert main([*words, "-o", str(run), "--overwrite"]) == 0
    with (run / TRACKS).open(newline="") as file:
        assert [(row["jersey_number"], row["status"]) for row in csv.DictReader(file)] == [
            ("", "corrected"),
            ("46", "corrected"),
        ]


def test_a_corrected_run_builds_a_data_set_by_a_persons_word(run: Path, tmp_path: Path) -> None:
    (tmp_path / "corrections.csv").write_text("track_id,jersey_number\n1,-1\n2,46\n")
    assert main([str(run), str(tmp_path / "corrections.csv"), "--no-video", "-o", str(tmp_path / "corrected")]) == 0
    words = ["run", str(tmp_path / "corrected"), "-o", str(tmp_path / "root"), "--set", "windows.min_quality=0"]
    assert training.build_dataset.main(words) == 0
    assert {path.split("/")[0] for path in pictures(tmp_path / "root")} == {"46", "-1"}
    assert len(pictures(tmp_path / "root")) == 2 * FRAMES


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("track_id,jersey_number\n2,?\n", "corrects no track"),
        (
            "track_id,jersey_number,last_frame\n2,7,0\n",
            "speaks of track 2 until frame 0, but it is seen in",
        ),
        ("track_id,jersey_number,status\n2,7,read\n", "is a run's own table; list only tracks to correct"),
        ("track_id,jersey_number\n5,7\n", "track_id is '5', a track of"),
        ("track_id,jersey_number\n2,107\n", "jersey_number is '107'"),
        ("track,number\n2,7\n", "lacks the column 'track_id'"),
    ],
)
def test_a_table_that_cannot_be_used_leaves_nothing(
    table: str, said: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "corrections.csv").write_text(table)
    before = sorted(tmp_path.rglob("*"))
    assert main([str(run), str(tmp_path / "corrections.csv")]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_without_its_reads_is_refused(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / READS).unlink()
    assert main([str(run), str(tmp_path / "corrections.csv")]) == 2
    assert "lacks reads.jsonl; make it again" in capsys.readouterr().err
    assert not (tmp_path / "run-corrected").exists()
