"""The score over the picture, and the cut between two cameras."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.config import load
from recognizer.errors import InputError
from training.render.graphics import clock_text, draw_score, score_box
from training.render.settings import RenderSettings, ScoreSettings, ShotSettings

SIZE = (640, 360)
SCORE = ScoreSettings(goals=(2, 1), clock_seconds=599)


def drawn(score: ScoreSettings, seconds: float) -> np.ndarray:
    picture = Image.new("RGB", SIZE, (60, 110, 50))
    draw_score(picture, score, seconds)
    return np.asarray(picture).astype(int)


def test_score_stays_within_its_box_and_fills_it() -> None:
    changed = (drawn(SCORE, 0.0) != (60, 110, 50)).any(axis=2)
    left, top, right, bottom = score_box(SCORE, SIZE)
    assert changed[top:bottom, left:right].mean() > 0.99
    changed[top:bottom, left:right] = False
    assert not changed.any()


def test_clock_runs_by_the_second_and_goals_are_shown() -> None:
    assert [clock_text(SCORE, t) for t in (0.0, 0.96, 1.0, 61.5)] == ["09:59", "09:59", "10:00", "11:00"]
    assert (drawn(SCORE, 0.0) == drawn(SCORE, 0.96)).all()
    assert (drawn(SCORE, 0.0) != drawn(SCORE, 1.0)).any()
    assert (drawn(SCORE, 0.0) != drawn(dataclasses.replace(SCORE, goals=(3, 1)), 0.0)).any()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("score: {goals: [-1, 0]}", "goals and clock_seconds are"),
        ("score: {height: 0.5}", "height up to 0.2"),
        ("shots: [{start_seconds: 1.0}]", "expected 0 first and then rising times"),
        ("shots: [{}, {start_seconds: 2.0}, {start_seconds: 2.0}]", r"start_seconds are \[0.0, 2.0, 2.0\]"),
        ("shots: []", r"start_seconds are \[\]"),
    ],
)
def test_what_cannot_be_shown_is_refused(text: str, complaint: str, tmp_path: Path) -> None:
    config = tmp_path / "render.yaml"
    config.write_text(text + "\n")
    with pytest.raises(InputError, match=complaint):
        load(RenderSettings, config)


def test_the_cut_falls_on_the_frame_at_its_time() -> None:
    first, second = ShotSettings(), ShotSettings(start_seconds=8.0, exposure=0.4)
    settings = RenderSettings(shots=(first, second))
    shown = [settings.shot(frame / 25) for frame in (0, 199, 200, 300)]
    assert shown == [first, first, second, second]
    assert settings.shot(-0.02) == first  # the shutter of frame 0 opens before it
