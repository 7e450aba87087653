"""Matches drawn from a seed, and rendered people as training windows."""

import csv
import doctest
import importlib.util
import math
from collections import Counter
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from pipeline.config import load
from recognizer.labels import NUMBERS
from training.data.clip_labels import Verdict
from training.mixture.players import Track
from training.mixture.recipe import MixtureError, MixtureSettings, require_folders
from training.mixture.rendered import load_rendered_clip, verdict_of_sighting
from training.render import gait, ranges
from training.render.actors import view_at
from training.render.invent import apart, invent
from training.render.settings import PictureSettings, RenderSettings, TeamSettings
from training.render_match import as_yaml, main

SAMPLE = Path(__file__).parents[3] / "sample_videos" / "match.mp4"
PICTURE = PictureSettings(duration_seconds=12.0)
SEEDS = range(12)


def test_a_seed_is_a_match() -> None:
    assert invent(3, PICTURE) == invent(3, PICTURE)
    assert invent(3, PICTURE).people != invent(4, PICTURE).people


@pytest.mark.parametrize("seed", SEEDS)
def test_people_can_be_told_apart(seed: int) -> None:
    match = invent(seed, PICTURE)
    sides = Counter((p.team.split()[0], p.number) for p in match.people if p.role != "referee")
    assert len(sides) == sum(sides.values()) == 18
    assert {number for _, number in sides} <= set(NUMBERS)
    assert [p.number for p in match.people if p.role == "referee"] == [None]
    shirts = [team.shirt for team in match.teams]
    assert min(apart(a, b) for k, a in enumerate(shirts) for b in shirts[:k]) > 90
    assert all(apart(team.shirt, team.digits) > 200 for team in match.teams[:4])


@pytest.mark.parametrize("seed", SEEDS)
def test_cameras_show_the_play_at_a_readable_size(seed: int) -> None:
    match = invent(seed, PICTURE)
    for shot in match.shots:
        at = shot.start_seconds + 1.0
        view = view_at(shot, at, (1280, 720))
        places = np.array([[*(np.interp(at, *np.array(p.path).T[[0, k]]) for k in (1, 2)), 0.0] for p in match.people])
        feet, depth = view.project(places)
        heads, _ = view.project(places + np.array([0.0, 0.0, 1.8]))
        inside = (feet[:, 0] > 0) & (feet[:, 0] < 1280) & (heads[:, 1] > 0) & (feet[:, 1] < 720) & (depth > 0)
        assert inside.sum() >= 3
        tall = np.median((feet - heads)[inside, 1])
        assert 50 < tall < 300


def test_sides_may_be_larger() -> None:
    roles = Counter(person.role for person in invent(2, PICTURE, side=10).people)
    assert roles == {"player": 20, "goalkeeper": 2, "referee": 1}


def test_what_was_drawn_can_be_kept_and_changed(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(as_yaml(invent(5, PICTURE)))
    again = load(RenderSettings, tmp_path / "m.yaml", ["picture.width=640"])
    assert again.picture.width == 640
    assert [p.number for p in again.people] == [p.number for p in invent(5, PICTURE).people]
    assert math.isclose(again.light.sun, invent(5, PICTURE).light.sun, abs_tol=1e-4)


def test_a_font_file_may_be_a_typeface(tmp_path: Path) -> None:
    font = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"
    kits = [kit for seed in SEEDS for kit in invent(seed, PICTURE, [str(font)]).teams]
    assert {kit.typeface for kit in kits} == {"block", "round", str(font)}
    with pytest.raises(ValueError, match=r"typeface is 'none.ttf', expected block or round or a font file"):
        invent(0, PICTURE, ["none.ttf"] * 50)
    (tmp_path / "club.ttf").write_text("no font")
    with pytest.raises(ValueError, match="is no font file"):
        TeamSettings(typeface=str(tmp_path / "club.ttf"))


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("name=../escaped", "name is '../escaped'"),
        ("seed=-4", "seed is -4"),
        ("picture.crf=-5", "crf is -5"),
        ("picture.duration_seconds=1e12", "duration_seconds is 1"),
        ("picture.duration_seconds=0.01", "duration_seconds is 0.01"),
        ("people=[{number: abc}]", "number is 'abc'"),
        ("people=[{height: 0.0}]", "height is 0"),
        ("people=[{path: []}]", "path: times are"),
        ("people=[{path: [[0.0, 1.0, 1.0], [0.0, 2.0, 2.0]]}]", "path: times are"),
        ("teams=[{digit_height: 0.0}]", "digit_height is 0"),
        ("teams=[{name: red}, {name: red}]", "name is 'red' twice"),
        ("teams=[{shirt: [0, 0, 256]}]", r"shirt is [0, 0, 256], expected red, green and blue from 0 to 255"),
        ("teams=[{outline: [-1, 0, 0]}]", "outline is [-1, 0, 0]"),
        ("people=[{skin: [300, 0, 0]}]", "skin is [300, 0, 0]"),
        ("people=[{face: [[1.0, 9.0], [0.0, 9.0]]}]", "face: times are [1.0, 0.0]"),
        ("score={colours: [[0, 0, 0], [0, 0, 999]]}", "colours is [0, 0, 999]"),
        ("score={teams: [RED, WANDERERS]}", "expected names of up to 4 letters"),
        ("ball.path=[]", "path: times are []"),
        ("light.sun_elevation_degrees=91", "sun_elevation_degrees is 91; allowed is 0 to 90"),
        ("light.sky=-1", "sky is -1; allowed is 0 to 1000"),
        ("shots=[{field_degrees: [[0.0, 0.0]]}]", "field_degrees is 0, expected an angle above 0 and up to 120"),
        ("shots=[{field_degrees: [[0.0, 180.0]]}]", "field_degrees is 180"),
        ("shots=[{field_degrees: []}]", "field_degrees: times are []"),
        ("shots=[{target: [[0.0, -8.0, -40.0, 1.0]]}]", "expected a place at least 0.1 m to its side"),
        ("shots=[{position: [0.0, -40.0, -1.0]}]", "expected a camera above the ground"),
        ("shots=[{exposure: 99}]", "exposure is 99; allowed is -10 to 10"),
        ("picture.width=1000000", "expected even numbers from 64 to 7680"),
        ("picture.frames_per_second=100000", "frames_per_second up to 240"),
    ],
)
def test_what_cannot_be_rendered_is_refused_before_anything_is_made(
    override: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("{}\n")
    folders = ["-o", str(tmp_path / "out"), "--work", str(tmp_path / "work")]
    assert main(["--config", str(config), f"--set={override}", *folders]) == 2
    assert reason in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["c.yaml"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--only", "150"], "--only is 150, expected frames from 0 to 149."),
        (["--only", "-1"], "--only is -1"),
        (["--typefaces", "club.ttf"], "--typefaces is of use only with --invent"),
        (["--side", "3"], "--side is of use only with --invent"),
    ],
)
def test_what_is_asked_for_must_make_sense(
    arguments: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.yaml").write_text("{}\n")
    folders = ["-o", str(tmp_path / "out"), "--work", str(tmp_path / "work")]
    assert main(["--config", str(tmp_path / "c.yaml"), *arguments, *folders]) == 2
    assert capsys.readouterr().err.startswith(reason)
    assert [path.name for path in tmp_path.iterdir()] == ["c.yaml"]


@pytest.mark.skipif(importlib.util.find_spec("bpy") is not None, reason="Blender's package is installed")
def test_without_blender_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--invent", "1", "-o", str(tmp_path / "out"), "--work", str(tmp_path / "work")]) == 2
    assert "bpy" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("angle", "pixels", "seen", "number", "verdict"),
    [
        (20, 15.0, 1.0, "7", Verdict.LEGIBLE),
        (20, 15.0, 0.5, "7", Verdict.SKIP),
        (70, 15.0, 1.0, "7", Verdict.SKIP),
        (20, 6.0, 1.0, "7", Verdict.SKIP),
        (20, 4.0, 1.0, "7", Verdict.UNREADABLE),
        (170, 15.0, 0.0, "7", Verdict.UNREADABLE),
        (20, 15.0, 1.0, None, Verdict.UNREADABLE),
    ],
)
def test_only_clear_cases_are_taught(
    angle: float, pixels: float, seen: float, number: str | None, verdict: Verdict
) -> None:
    assert verdict_of_sighting(angle, pixels, seen, number) is verdict


@pytest.fixture(scope="module")
def sample() -> list[Track]:
    return load_rendered_clip(SAMPLE)


def test_rendered_people_bear_the_numbers_of_the_truth(sample: list[Track]) -> None:
    shown = Counter(number for track in sample for number in set(track.numbers) - {None})
    assert shown == Counter(["1", "2", "3", "5", "6", "7", "8", "9", "10", "11", "11", "12", "17", "18", "23"])
    without = [track for track in sample if not any(track.numbers)]
    assert len(without) == 1  # the referee; white 4 never shows his number and is left out
    assert set(without[0].verdicts) == {Verdict.UNREADABLE}


def test_a_shirt_without_a_number_is_never_legible() -> None:
    def rows(part: str) -> list[dict[str, str]]:
        with SAMPLE.with_suffix(f".{part}.csv").open(newline="") as handle:
            return list(csv.DictReader(handle))

    referees = {row["track"] for row in rows("labels") if row["role"] == "referee"}
    assert {row["legible"] for row in rows("visibility") if row["track"] in referees} == {"0"}


def test_examples() -> None:
    assert doctest.testmod(ranges).failed == doctest.testmod(gait).failed == 0


def test_a_missing_folder_of_renders_is_named() -> None:
    with pytest.raises(MixtureError, match="does not exist"):
        require_folders(MixtureSettings(data="nowhere", clips="nowhere", rendered=0.1, renders="nowhere"))
