"""The command that asks a person for numbers."""

import sys
from pathlib import Path

import numpy as np
import pytest
from building_media import write_run
from PIL import Image

from pipeline.results.outputs import READS, ReadLog
from pipeline.types import WindowRead
from recognizer.labels import encode
from training.correction_sheet import main
from training.data.clip_labels import Stretch, Verdict
from training.data.corrections import read_corrections


def half(track: int, anchor: int, number: str) -> WindowRead:
    """A read that is little surer of a number than of none."""
    tens, units = (np.full(11, -4.0, np.float32) for _ in range(2))
    for digits, share in ((encode(number), -0.5), (encode(None), -1.2)):
        tens[digits[0]], units[digits[1]] = share, share
    return WindowRead(track, np.array([anchor]), tens, units, np.ones(1, np.float32), anchor, 0.5)


@pytest.fixture
def run(video: Path, tmp_path: Path) -> Path:
    """A run that knows the first player's number and has a guess at the second's."""
    folder = write_run(tmp_path / "run", video, {1: ("7", "read"), 2: ("", "conflicting")})
    with ReadLog(folder / READS) as log:
        log.add([half(1, 5, "7"), half(2, 5, "48"), half(2, 15, "48")])
    return folder


def test_a_sheet_and_a_table_to_fill_in_are_written(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "to_fill" / "corrections.csv"
    assert main([str(run), "-o", str(table)]) == 0
    assert f"{table.with_suffix('.png')} shows 1 track; write the numbers" in capsys.readouterr().out
    assert table.read_text() == "track_id,jersey_number,first_frame,last_frame\n2,?,,\n"
    with Image.open(table.with_suffix(".png")) as picture:
        assert np.asarray(picture)[10:100, 10:230].std() > 20


def test_what_is_left_open_is_not_corrected(run: Path, tmp_path: Path) -> None:
    table = tmp_path / "corrections.csv"
    assert main([str(run), "-o", str(table)]) == 0
    assert read_corrections(table, {1: range(30), 2: range(30)}, run) == {}
    table.write_text(table.read_text().replace("?", "46"))
    assert read_corrections(table, {1: range(30), 2: range(30)}, run) == {
        2: [Stretch(0, sys.maxsize, Verdict.LEGIBLE, "46")]
    }


@pytest.mark.parametrize("there", ["corrections.csv", "corrections.png"])
def test_a_persons_work_is_not_overwritten(
    there: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / there).write_text("2,46")
    assert main([str(run), "-o", str(tmp_path / "corrections.csv")]) == 2
    assert f"{there} is there already and may hold a person's work" in capsys.readouterr().err
    assert (tmp_path / there).read_text() == "2,46"
    assert len(list(tmp_path.glob("corrections.*"))) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "-o", "corrections.txt"], "--output is corrections.txt; allowed is a file ending in .csv."),
        (["nowhere", "-o", "corrections.csv"], "nowhere holds no finished run"),
        (["run", "-o", "run/run.json/corrections.csv"], "run.json is a file, but a folder is needed"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_sentence(
    words: list[str],
    said: str,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(run.parent)
    before = sorted(tmp_path.rglob("*"))
    assert main(words) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_who_cannot_be_read_by_a_persons_word_is_not_asked_about_again(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_run(tmp_path / "run", video, {1: ("7", "read"), 2: ("", "corrected")})
    with ReadLog(folder / READS) as log:
        log.add([half(2, 5, "48"), half(2, 15, "48")])
    assert main([str(folder), "-o", str(tmp_path / "corrections.csv")]) == 2
    assert "nothing is to be asked" in capsys.readouterr().err


def test_a_run_that_sees_no_other_number_asks_nothing(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_run(tmp_path / "run", video, {1: ("7", "read"), 2: ("", "unreadable")})
    with ReadLog(folder / READS) as log:
        log.add([half(1, 5, "7")])
    assert main([str(folder), "-o", str(tmp_path / "corrections.csv")]) == 2
    assert "nothing is to be asked" in capsys.readouterr().err
