"""The whole product on the sample clip that ships: real weights, real numbers."""

import csv
import json
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from pipeline.run import main

SAMPLE = Path(__file__).parents[1] / "sample_videos" / "match.mp4"
SECONDS = 3.0
CUT = 200
"""Frame with which the second camera comes on air."""
BEFORE, AFTER = 40, 45
"""Frames before and after the cut that are read to see who comes back."""

Boxes = dict[int, list[tuple[int, np.ndarray]]]


def truth_boxes() -> Boxes:
    """(track, xyxy) by 0-based frame."""
    boxes: Boxes = defaultdict(list)
    with SAMPLE.with_suffix(".boxes.csv").open(newline="") as handle:
        for row in csv.DictReader(handle):
            corners = np.array([float(row[k]) for k in ("x1", "y1", "x2", "y2")])
            boxes[int(row["frame"])].append((int(row["track"]), corners))
    return boxes


def truth_numbers() -> dict[int, tuple[str, str]]:
    """(number, team) by track; 'unknown' where there is none."""
    with SAMPLE.with_suffix(".labels.csv").open(newline="") as handle:
        return {int(row["track"]): (row["number"], row["team"]) for row in csv.DictReader(handle)}


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    shared = np.prod(np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None))
    return float(shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared))


def who_is_who(mot: Path, first: int = 0) -> dict[int, int]:
    """The true track behind most boxes of each track of a run that began with frame `first`."""
    truth, votes = truth_boxes(), defaultdict[int, Counter[int]](Counter)
    for line in mot.read_text().splitlines():
        frame, track, left, top, width, height = (float(value) for value in line.split(",")[:6])
        box = np.array([left, top, left + width, top + height])
        for true_track, true_box in truth[int(frame) - 1 + first]:
            if overlap(box, true_box) >= 0.5:
                votes[int(track)][true_track] += 1
    return {track: counter.most_common(1)[0][0] for track, counter in votes.items()}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "run"
    assert main([str(SAMPLE), "-o", str(folder), "--duration", str(SECONDS), "--device", "cpu"]) == 0
    return folder


@pytest.mark.slow
def test_numbers_of_the_sample_are_right(run: Path) -> None:
    people, numbers = who_is_who(run / "tracks.mot.txt"), truth_numbers()
    with (run / "tracks.csv").open(newline="") as handle:
        given = {int(r["track_id"]): r["jersey_number"] for r in csv.DictReader(handle) if r["jersey_number"]}
    right = [number for track, number in given.items() if number == numbers.get(people.get(track, -1), ("", ""))[0]]
    assert len(right) == len(given), f"given {given}, truth {numbers}, match {people}"
    assert len(set(right)) >= 8
    elevens = {numbers[people[track]][1] for track, number in given.items() if number == "11"}
    assert elevens == {"red", "white"}


@pytest.mark.slow
def test_the_run_is_whole(run: Path) -> None:
    record = json.loads((run / "run.json").read_text())
    assert record["whole"] is True
    assert record["counts"]["frames_lost"] == 0
    assert len(record["learnt_from"]) >= 8
    assert record["counts"]["frames_decoded"] == pytest.approx(25 * SECONDS, abs=1)
    assert sorted(path.name for path in run.iterdir()) == sorted(record["files"])


@pytest.mark.slow
def test_players_are_known_again_after_the_cut(tmp_path: Path) -> None:
    first = CUT - BEFORE
    arguments = ["--start", str(first / 25), "--duration", str((BEFORE + AFTER) / 25), "--no-video", "--device", "cpu"]
    assert main([str(SAMPLE), "-o", str(tmp_path / "run"), *arguments]) == 0
    people, numbers = who_is_who(tmp_path / "run" / "tracks.mot.txt", first), truth_numbers()
    with (tmp_path / "run" / "players.csv").open(newline="") as handle:
        players = list(csv.DictReader(handle))
    back = [[people[int(track)] for track in p["tracks"].split()] for p in players if p["n_tracks"] != "1"]
    assert len(back) >= 10, players
    assert all(len(set(tracks)) == 1 for tracks in back), f"{players}, truth {numbers}, match {people}"
