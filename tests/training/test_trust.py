"""Whether a run's numbers can be trusted."""

from pathlib import Path

import numpy as np
import pytest
from factories import SHARED

from training.evaluation.clips import Trust, load_scorer, trust_lines
from training.evaluation.trust import (
    Bin,
    Claim,
    calibration_bins,
    expected_calibration_error,
    numbered_referees,
    read_claims,
)

SCORER = SHARED / "score_tracks.py"
pytestmark = pytest.mark.skipif(not SCORER.is_file(), reason="the scorer is not here")

PLAYER, REFEREE = np.array([10.0, 10, 50, 110]), np.array([200.0, 10, 240, 110])
TRUTH = {frame: [(PLAYER, "7", "red", "player", True), (REFEREE, None, "", "referee", False)] for frame in range(4)}
BOXES = {frame: [(1, PLAYER + 1), (2, REFEREE + 1)] for frame in range(4)}


def test_a_right_number_and_one_on_a_referee_are_told_apart() -> None:
    scorer = load_scorer(SCORER)
    claims = {1: Claim("7", 0.9, True), 2: Claim("3", 0.6, False)}
    assert calibration_bins(scorer, TRUTH, BOXES, claims) == [Bin(4, 4, 0.9), Bin(4, 0, 0.6)]


def test_only_published_numbers_count_against_referees() -> None:
    scorer = load_scorer(SCORER)
    assert numbered_referees(scorer, TRUTH, BOXES, {1: Claim("7", 0.9, True)}) == (0, 1)
    assert numbered_referees(scorer, TRUTH, BOXES, {2: Claim("3", 0.6, False)}) == (0, 1)
    assert numbered_referees(scorer, TRUTH, BOXES, {2: Claim("3", 0.9, True)}) == (1, 1)


def test_the_calibration_error_weighs_bins_by_their_boxes() -> None:
    bins = [Bin(30, 30, 0.95), Bin(10, 0, 0.55)]
    assert expected_calibration_error(bins) == pytest.approx((30 * 0.05 + 10 * 0.55) / 40, abs=1e-4)
    assert expected_calibration_error([]) is None


def test_claims_come_from_the_table(tmp_path: Path) -> None:
    table = tmp_path / "tracks.csv"
    table.write_text(
        "track_id,jersey_number,confidence,likeliest,likeliest_confidence\n1,7,0.9,7,0.9\n2,,,3,0.4\n3,,,,\n"
    )
    assert read_claims(table) == {1: Claim("7", 0.9, True), 2: Claim("3", 0.4, False)}


def test_the_benchmark_states_them_in_words(tmp_path: Path) -> None:
    clip = tmp_path / "a.mp4"
    clip.with_suffix(".labels.csv").write_text(
        "track,first_frame,last_frame,number,team,role,sure,note\n1,0,1,7,red,player,2,legible\n"
    )
    clip.with_suffix(".boxes.csv").write_text("frame,track,x1,y1,x2,y2,conf\n0,1,10,10,50,110,1\n1,1,12,10,52,110,1\n")
    (tmp_path / "tracks.mot.txt").write_text(
        "1,4,10.0,10.0,40.0,100.0,0.9,-1,-1,-1\n2,4,12.0,10.0,40.0,100.0,0.9,-1,-1,-1\n"
    )
    (tmp_path / "tracks.csv").write_text(
        "track_id,jersey_number,confidence,likeliest,likeliest_confidence\n4,8,0.9,8,0.9\n"
    )
    trust = Trust()
    trust.add(load_scorer(SCORER), clip, tmp_path)
    assert trust_lines(trust.record()) == [
        "- expected calibration error of the numbers given: 0.900 (2 boxes, 1 tracks)",
        "- expected calibration error of the likeliest numbers, given or withheld: 0.900 (2 boxes, 1 tracks)",
        "- referees and bystanders given a number: 0 of 0 tracks",
    ]
