"""Scoring the product on labelled clips."""

from pathlib import Path

import pytest
from factories import SHARED

from training.benchmark import main
from training.evaluation.clips import BenchmarkError, labelled_clips, load_scorer, score, table_row

LABELS = "track,first_frame,last_frame,number,team,role,sure,note\n1,0,1,7,red,player,2,legible\n"
BOXES = "frame,track,x1,y1,x2,y2,conf\n0,1,10,10,50,110,1\n1,1,12,10,52,110,1\n"
MOT = "1,4,10.0,10.0,40.0,100.0,0.9,-1,-1,-1\n2,4,12.0,10.0,40.0,100.0,0.9,-1,-1,-1\n"


def make_clip(folder: Path) -> Path:
    (folder / "a.mp4").write_bytes(b"")
    (folder / "a.labels.csv").write_text(LABELS)
    (folder / "a.boxes.csv").write_text(BOXES)
    return folder / "a.mp4"


def make_run(folder: Path, number: str) -> Path:
    (folder / "tracks.mot.txt").write_text(MOT)
    (folder / "tracks.csv").write_text(f"track_id,jersey_number\n4,{number}\n")
    return folder


def test_only_clips_with_labels_count(tmp_path: Path) -> None:
    clip = make_clip(tmp_path)
    (tmp_path / "b.mp4").write_bytes(b"")
    assert labelled_clips(tmp_path) == [clip]


def test_a_folder_without_labelled_clips_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"holds no NAME\.mp4 with NAME\.boxes\.csv"):
        labelled_clips(tmp_path)


def test_a_missing_scorer_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_clip(tmp_path)
    assert main([str(tmp_path), "--scorer", str(tmp_path / "none.py")]) == 2
    assert "is no scorer" in capsys.readouterr().err


@pytest.mark.shared
@pytest.mark.parametrize(("number", "outcome"), [("7", "right"), ("1", "wrong"), ("", "abstained")])
def test_scores_of_the_real_scorer(tmp_path: Path, number: str, outcome: str) -> None:
    pytest.importorskip("scipy")
    scorer = load_scorer(SHARED / "score_tracks.py")
    rows = score(scorer, make_clip(tmp_path), make_run(tmp_path, number))
    assert rows == [(outcome, ("a", "red"), "7", True)] * 2


def test_a_row_shows_blanks_as_dashes() -> None:
    figures = {"precision": None, "coverage": 0.0, "people": [0, 3]}
    row = table_row("a", figures, {"precision": 1.0, "coverage": 0.5}, 4.25)
    assert row == "| a | – | 0.0 | 0/3 | 1.0 | 0.5 | 4.2 |"
