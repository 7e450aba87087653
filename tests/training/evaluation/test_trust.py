"""Whether a run's numbers can be trusted."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.types import TrackedBoxes
from training.evaluation.scoring import Labelled, match
from training.evaluation.trust import (
    Bin,
    Claim,
    calibration_bins,
    expected_calibration_error,
    numbered_referees,
    read_claims,
)

PLAYER, REFEREE = np.array([10, 10, 50, 110], np.float32), np.array([200, 10, 240, 110], np.float32)
TRUTH = {
    frame: [Labelled(PLAYER, "7", "red", "player", True), Labelled(REFEREE, None, "", "referee", False)]
    for frame in range(4)
}
BOXES = {
    frame: TrackedBoxes(np.stack([PLAYER, REFEREE]) + 1, np.ones(2, np.float32), np.array([1, 2])) for frame in range(4)
}


def test_a_right_number_and_one_on_a_referee_are_told_apart() -> None:
    claims = {1: Claim("7", 0.9, True), 2: Claim("3", 0.6, False)}
    assert calibration_bins(match(TRUTH, BOXES), claims) == {1: Bin(4, 4, 0.9), 2: Bin(4, 0, 0.6)}


def test_only_published_numbers_count_against_referees() -> None:
    assert numbered_referees(TRUTH, BOXES, {1: Claim("7", 0.9, True)}) == (0, 1)
    assert numbered_referees(TRUTH, BOXES, {2: Claim("3", 0.6, False)}) == (0, 1)
    assert numbered_referees(TRUTH, BOXES, {2: Claim("3", 0.9, True)}) == (1, 1)


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
