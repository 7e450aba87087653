"""The SoccerNet protocol with the recognizer that ships."""

import json
from pathlib import Path

import cv2
import numpy as np
import torch

from pipeline.settings import Settings
from training.evaluation.soccernet import as_int, run_protocol
from training.evaluation.tracklets import Protocol


def test_the_recognizer_that_ships_reads_cut_out_numbers(tmp_path: Path) -> None:
    """One pass with nothing replaced."""
    numbers = {"0": "10", "1": "7", "2": None, "3": "48"}
    for name, number in numbers.items():
        (tmp_path / "images" / name).mkdir(parents=True)
        cloth = np.full((96, 80, 3), (30, 30, 170), np.uint8)
        if number is not None:
            left = 12 if len(number) == 2 else 26
            cv2.putText(cloth, number, (left, 70), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (245, 245, 245), 7, cv2.LINE_AA)
        for frame in range(31):
            cv2.imwrite(str(tmp_path / "images" / name / f"{name}_{frame}.jpg"), np.roll(cloth, frame % 3, axis=1))
    truth = {name: as_int(number) for name, number in numbers.items()}
    (tmp_path / "test_gt.json").write_text(json.dumps(truth), encoding="utf-8")
    found = run_protocol(Protocol(tmp_path, None, "numbers"), Settings(), torch.device("cpu"), lambda count: None)
    assert found.predictions == truth
    assert found.scores()["prediction"].accuracy == 1.0
