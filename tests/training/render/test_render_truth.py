"""The truth written beside a rendered match, and the sample that ships."""

import csv
import dataclasses
import importlib.util
import itertools
import math
import shutil
from pathlib import Path

import av
import matplotlib
import numpy as np
import pytest
from PIL import Image

from pipeline.config import load
from training import render_match
from training.render.actors import Actor, make_actors
from training.render.camera import View
from training.render.settings import (
    BallSettings,
    PersonSettings,
    PictureSettings,
    RenderSettings,
    ShotSettings,
    TeamSettings,
)
from training.render.truth import Sighting, sightings, steady, stretches, write_boxes, write_labels
from training.render_match import _digest, main, write_truth

REPOSITORY = Path(__file__).parents[3]
VIEW = View(np.array([0.0, -40.0, 9.0]), np.array([0.0, 0.0, 1.0]), math.radians(7.0), 1280, 720)
FORM = ["track", "first_frame", "last_frame", "number", "team", "role", "sure", "note"]


def person(number: str | None, x: float, y: float, degrees: float) -> PersonSettings:
    return PersonSettings(number=number, path=((0.0, x, y), (1.0, x, y + 0.01)), face=((0.0, degrees), (1.0, degrees)))


@pytest.fixture(scope="module")
def cast() -> list[Actor]:
    """One with its back to the camera, one facing it, one hidden behind the first, one out of the picture."""
    people = (person("7", 0, 0, 90), person("8", 2, 0, -90), person("9", 0.05, 0.8, 90), person("10", 60, 0, 90))
    settings = RenderSettings(picture=PictureSettings(duration_seconds=1.0), people=people, ball=BallSettings())
    return make_actors(settings)


@pytest.fixture(scope="module")
def seen(cast: list[Actor]) -> dict[int, Sighting]:
    return {s.track: s for s in sightings(cast, VIEW, 0.5, 12)}


def test_only_a_free_back_is_legible(seen: dict[int, Sighting]) -> None:
    assert seen[1].legible
    assert seen[1].angle < math.radians(25)
    assert not seen[2].legible
    assert seen[2].angle > math.radians(150)
    assert 3 not in seen or not seen[3].legible
    assert 4 not in seen


def test_boxes_hold_the_person_within_the_picture(cast: list[Actor], seen: dict[int, Sighting]) -> None:
    for track in (1, 2):
        pixels, _ = VIEW.project(cast[track - 1].vertices(0.5))
        expected = [*pixels.min(axis=0), *pixels.max(axis=0)]
        assert seen[track].xyxy == pytest.approx(expected, abs=6)
    assert seen[1].xyxy[3] - seen[1].xyxy[1] == pytest.approx(1.8 / 41 * VIEW.focal_pixels, rel=0.1)
    assert 15 < seen[1].digit_pixels < 50


def test_hidden_people_are_seen_less(seen: dict[int, Sighting]) -> None:
    assert seen[1].seen > 0.95
    assert 3 not in seen or seen[3].seen < 0.6


def test_a_graphic_hides_what_is_behind_it(cast: list[Actor], seen: dict[int, Sighting]) -> None:
    left, top, right, bottom = (round(v) for v in seen[1].xyxy)
    chest = (left - 4, top + (bottom - top) // 6, right + 4, (top + bottom) // 2)
    behind = {s.track: s for s in sightings(cast, VIEW, 0.5, 12, chest)}
    assert behind[1].digits_seen < 0.1
    assert not behind[1].legible
    assert behind[2] == seen[2]
    whole = {s.track for s in sightings(cast, VIEW, 0.5, 12, (left - 9, top - 9, right + 9, bottom + 9))}
    assert 1 not in whole


def test_a_person_is_one_track_before_and_after_a_cut(cast: list[Actor], tmp_path: Path) -> None:
    wide = ShotSettings(position=(0.0, -40.0, 9.0), target=((0.0, 0.0, 0.0, 1.0),), field_degrees=((0.0, 9.0),))
    close = dataclasses.replace(wide, start_seconds=0.24, position=(20.0, -30.0, 3.0), field_degrees=((0.0, 5.0),))
    people = tuple(actor.person for actor in cast[:2])
    settings = RenderSettings(
        picture=PictureSettings(duration_seconds=0.48), people=people, shots=(wide, close), ball=BallSettings()
    )
    write_truth(settings, cast[:2], tmp_path)
    with (tmp_path / "match.boxes.csv").open(newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["track"] == "1"]
    heights = [float(row["y2"]) - float(row["y1"]) for row in rows]
    assert [int(row["frame"]) for row in rows] == list(range(12))
    assert np.ptp(heights[:6]) < 5
    assert np.ptp(heights[6:]) < 5
    assert min(heights[6:]) > 1.5 * max(heights[:6])
    rows_of_labels = (tmp_path / "match.labels.csv").read_text().splitlines()
    assert rows_of_labels[1:3] == ["1,0,5,7,red,player,2,legible", "1,6,11,7,red,player,2,legible"]


def test_steady_passes_over_short_interruptions() -> None:
    flags = np.array([0, 1, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 0, 1, 0], bool)
    assert steady(flags, 2).astype(int).tolist() == [0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]


def test_labels_follow_what_can_be_read(cast: list[Actor], seen: dict[int, Sighting], tmp_path: Path) -> None:
    turned = dataclasses.replace(seen[1], angle=2.0)
    story = [dataclasses.replace(seen[1] if frame < 10 else turned, frame=frame) for frame in range(20)]
    rows = stretches(cast[0], story, 20)
    assert [(r.first, r.last, r.number, r.sure, r.note) for r in rows] == [
        (0, 9, "7", 2, "legible"),
        (10, 19, "7", 2, "inferred"),
    ]
    parts = stretches(cast[0], story, 20, cuts=[4])
    assert [(r.first, r.last, r.note) for r in parts] == [(0, 3, "inferred"), (4, 9, "legible"), (10, 19, "inferred")]
    (never,) = stretches(cast[1], [dataclasses.replace(seen[2], frame=f) for f in range(20)], 20)
    assert (never.number, never.sure) == ("unknown", 0)
    write_labels(tmp_path / "a.labels.csv", rows)
    write_boxes(tmp_path / "a.boxes.csv", story)
    assert (tmp_path / "a.labels.csv").read_text().splitlines()[:2] == [",".join(FORM), "1,0,9,7,red,player,2,legible"]
    assert (tmp_path / "a.boxes.csv").read_text().startswith("frame,track,x1,y1,x2,y2,conf\n0,1,")


def test_the_shipped_config_loads_and_names_both_teams_and_a_referee() -> None:
    settings = load(RenderSettings, REPOSITORY / "configs" / "render.yaml")
    worn = {(p.team, p.number) for p in settings.people if p.number is not None}
    assert len(worn) == sum(p.number is not None for p in settings.people)
    assert len({number for _, number in worn}) < len(worn)  # one number is worn by both teams
    assert {"1", "7", "11", "17", "6", "8", "9"} <= {number for _, number in worn}
    sides = [[p for p in settings.people if p.team.startswith(team)] for team in ("red", "white")]
    assert all(len(side) >= 8 and sum(p.role == "goalkeeper" for p in side) == 1 for side in sides)
    assert len(settings.shots) > 1
    assert [p.number for p in settings.people if p.role == "referee"] == [None]


def test_an_unknown_team_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    config = tmp_path / "render.yaml"
    config.write_text("people:\n  - team: blue\n")
    assert main(["--config", str(config), "-o", str(tmp_path), "--work", str(tmp_path)]) == 2
    assert "'blue'; allowed are red" in capsys.readouterr().err


@pytest.mark.skipif(importlib.util.find_spec("bpy") is not None, reason="bpy is installed here")
def test_without_blender_the_command_says_what_to_install(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--config", _small(tmp_path), "-o", str(tmp_path), "--work", str(tmp_path), "--only", "0"]) == 2
    assert "pip install bpy" in capsys.readouterr().err


@pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="bpy (the extra 'render') is not installed")
def test_a_small_match_is_rendered_and_resumed(tmp_path: Path) -> None:
    arguments = ["--config", _small(tmp_path), "-o", str(tmp_path / "out"), "--work", str(tmp_path / "work")]
    assert main([*arguments, "--only", "1"]) == 0
    (picture,) = (tmp_path / "work").rglob("*.png")
    written = picture.stat().st_mtime_ns
    assert main(arguments) == 0
    assert picture.stat().st_mtime_ns == written
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["tiny.boxes.csv", "tiny.labels.csv", "tiny.mp4", "tiny.visibility.csv"]


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a tiny match whose pictures are made without Blender, one flat green each."""

    class Painter:
        def __init__(self, settings: RenderSettings, actors: list[Actor]) -> None: ...

        def render(self, frame: int, path: Path) -> None:
            Image.new("RGB", (160, 96), (60, 110 + frame, 50)).save(path)

    monkeypatch.setattr(render_match, "Scene", Painter)
    monkeypatch.setattr(render_match, "load_blender", lambda: None)
    return tmp_path


def _run(folder: Path, *more: str) -> int:
    return main(["--config", _small(folder), "-o", str(folder / "out"), "--work", str(folder / "work"), *more])


def test_a_broken_picture_is_rendered_anew(pictures: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert _run(pictures) == 0
    whole, broken, *_ = sorted((pictures / "work").rglob("*.png"))
    written, right = whole.stat().st_mtime_ns, broken.read_bytes()
    broken.write_bytes(right[: len(right) // 2])
    with caplog.at_level("WARNING"):
        assert _run(pictures) == 0
    assert f"{broken} is a broken picture" in caplog.text
    assert broken.read_bytes() == right
    assert whole.stat().st_mtime_ns == written


def test_video_and_truth_take_their_places_together(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _run(pictures) == 0
    before = {path.name: path.read_bytes() for path in (pictures / "out").iterdir()}
    assert sorted(before) == ["tiny.boxes.csv", "tiny.labels.csv", "tiny.mp4", "tiny.visibility.csv"]

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "tiny.mp4")

    monkeypatch.setattr(render_match, "write_video", full)
    assert _run(pictures, "--set", "people=[{number: '9', path: [[0.0, 31.0, 5.0]]}]") == 2
    assert {path.name: path.read_bytes() for path in (pictures / "out").iterdir()} == before


def test_resuming_knows_settings_code_and_fonts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    font = tmp_path / "club.ttf"
    shutil.copy(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf", font)
    settings = RenderSettings(teams=(TeamSettings(typeface=str(font)),))
    keys = [_digest(settings), _digest(dataclasses.replace(settings, seed=3))]
    shutil.copy(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", font)
    keys.append(_digest(settings))
    (tmp_path / "gait.py").write_text("STRIDE = 1\n")
    monkeypatch.setattr(render_match, "MODELLING", tmp_path)
    keys.append(_digest(settings))
    assert len(set(keys)) == 4
    coded = dataclasses.replace(settings, picture=dataclasses.replace(settings.picture, crf=30))
    assert _digest(coded) == keys[-1]  # the coding changes no picture


def _small(folder: Path) -> str:
    config = folder / "tiny.yaml"
    config.write_text("name: tiny\npicture: {width: 160, height: 96, samples: 1, duration_seconds: 0.12}\n")
    return str(config)


@pytest.mark.skipif(not (REPOSITORY / "sample_videos" / "match.mp4").exists(), reason="the sample is not rendered yet")
def test_the_sample_and_its_truth_belong_together() -> None:
    folder = REPOSITORY / "sample_videos"
    with av.open(str(folder / "match.mp4")) as container:
        video, has_sound = container.streams.video[0], bool(container.streams.audio)
        size = (video.codec_context.width, video.codec_context.height)
        frames = sum(1 for _ in container.decode(video=0))
    assert has_sound
    assert (folder / "match.mp4").stat().st_size <= 5_000_000
    with (folder / "match.boxes.csv").open(newline="") as handle:
        boxes = list(csv.DictReader(handle))
    assert max(int(row["frame"]) for row in boxes) == frames - 1
    for row in boxes:
        assert 0 <= float(row["x1"]) < float(row["x2"]) <= size[0]
        assert 0 <= float(row["y1"]) < float(row["y2"]) <= size[1]
    with (folder / "match.labels.csv").open(newline="") as handle:
        reader = csv.DictReader(handle)
        labels = list(reader)
        assert reader.fieldnames == FORM
    assert {row["track"] for row in labels} == {row["track"] for row in boxes}
    spans = sorted((int(r["track"]), int(r["first_frame"]), int(r["last_frame"])) for r in labels)
    assert all(a[0] != b[0] or a[2] < b[1] for a, b in itertools.pairwise(spans))
