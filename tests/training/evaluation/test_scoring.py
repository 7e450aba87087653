"""Scoring a run against boxes labelled by eye."""

import csv
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from factories import SHARED

from pipeline.results.outputs import TRACKS, mot_rows
from pipeline.types import TrackedBoxes
from training.data.tables import TableError
from training.evaluation.scoring import Labelled, Score, judge, match, read_run, read_truth, score

SAMPLE = Path(__file__).parents[3] / "sample_videos" / "match.mp4"
HERE = np.array([10, 10, 50, 110], np.float32)
AWAY = HERE + 300


def labelled(number: str | None = "7", role: str = "player", box: np.ndarray = HERE) -> Labelled:
    return Labelled(box, number, "red", role, True)


def boxes(*xyxy: np.ndarray) -> TrackedBoxes:
    """Tracks 1, 2, ..."""
    return TrackedBoxes(np.stack(xyxy), np.ones(len(xyxy), np.float32), np.arange(1, len(xyxy) + 1))


@pytest.mark.parametrize(
    ("given", "box", "result"),
    [("7", HERE, "right"), ("17", HERE, "wrong"), (None, HERE, "abstained"), ("7", AWAY, "missed")],
)
def test_a_players_box_has_one_of_four_results(given: str | None, box: np.ndarray, result: str) -> None:
    outcomes = list(judge(match({0: [labelled()]}, {0: boxes(box)}), {1: given} if given else {}))
    assert [(one.result, one.number, one.legible) for one in outcomes] == [(result, "7", True)]


def test_a_number_on_a_referee_is_wrong_and_no_number_is_no_matter() -> None:
    matched = match({0: [labelled(None, "referee")]}, {0: boxes(HERE)})
    assert [one.result for one in judge(matched, {1: "7"})] == ["wrong"]
    assert list(judge(matched, {})) == []


def test_players_of_unknown_number_and_frames_without_labels_do_not_count() -> None:
    matched = match({0: [labelled(None)]}, {0: boxes(HERE), 1: boxes(HERE)})
    assert list(judge(matched, {1: "7"})) == []


def test_of_two_boxes_on_a_player_the_closer_one_counts() -> None:
    matched = match({0: [labelled()]}, {0: boxes(HERE + 8, HERE + 1)})
    assert [one.track for one in matched] == [2]


def test_figures_over_outcomes() -> None:
    truth = {
        frame: [labelled("7"), labelled("8", box=AWAY), labelled(None, "referee", AWAY + 300)] for frame in range(4)
    }
    run = {frame: boxes(HERE, AWAY, AWAY + 300) for frame in range(3)}
    outcomes = list(judge(match(truth, run), {1: "7", 2: "9", 3: "4"}))
    assert score(outcomes) == Score(right=3, wrong=6, abstained=0, missed=2, found=1, people=2, scored=8)
    assert (score(outcomes).precision, score(outcomes).coverage) == (3 / 9, 3 / 8)
    assert (score([]).precision, score([]).coverage) == (None, None)


def test_truth_holds_the_boxes_of_labelled_stretches(tmp_path: Path) -> None:
    clip = tmp_path / "a.mp4"
    clip.with_suffix(".labels.csv").write_text(
        "track,first_frame,last_frame,number,team,role,sure,note\n"
        "1,1,1,7,red,player,2,legible\n1,2,2,7,red,player,0,legible\n2,0,9,unknown,,referee,0,\n"
    )
    clip.with_suffix(".boxes.csv").write_text(
        "frame,track,x1,y1,x2,y2,conf\n" + "".join(f"{frame},1,10,10,50,110,1\n" for frame in range(4))
    )
    truth = read_truth(clip)
    assert {frame: [(one.number, one.legible) for one in there] for frame, there in truth.items()} == {
        1: [("7", True)],
        2: [(None, True)],
    }
    clip.with_suffix(".labels.csv").write_text("track,number\n1,7\n")
    with pytest.raises(TableError, match="lacks the column 'first_frame'"):
        read_truth(clip)


@pytest.mark.shared
@pytest.mark.parametrize("seed", range(3))
def test_figures_are_those_of_the_scorer_that_judges_releases(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = importlib.util.spec_from_file_location("score_tracks", SHARED / "score_tracks.py")
    assert spec is not None
    assert spec.loader is not None
    judging = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(judging)
    truth, rng = read_truth(SAMPLE), np.random.default_rng(seed)
    tracks, lines = range(1, 60), []
    for frame, there in truth.items():
        shown = [one.xyxy + rng.normal(0, 0.15, 4) * np.tile(one.xyxy[2:] - one.xyxy[:2], 2) for one in there]
        shown = [box for box in shown if rng.random() < 0.9]
        ids = rng.permutation(len(shown)) + 1
        lines += mot_rows(frame, TrackedBoxes(np.array(shown, np.float32), np.ones(len(ids), np.float32), ids))
    (tmp_path / "tracks.mot.txt").write_text("".join(lines))
    numbers = {track: str(rng.integers(1, 12)) for track in tracks if rng.random() < 0.7}
    with (tmp_path / TRACKS).open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["track_id", "jersey_number"])
        table.writerows([track, numbers.get(track, "")] for track in tracks)
    judging.main(
        [
            "",
            *(str(SAMPLE.with_suffix(f".{name}.csv")) for name in ("labels", "boxes")),
            str(tmp_path / "tracks.mot.txt"),
            str(tmp_path / TRACKS),
        ]
    )
    outcomes = list(judge(match(truth, read_run(tmp_path)), numbers))
    own = {**score(outcomes).record(), "legible": score(one for one in outcomes if one.legible).record()}
    assert own == json.loads(capsys.readouterr().out)
