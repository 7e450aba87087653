"""From a finished run with corrections to sequences."""

import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from building_media import (
    BOTH,
    FRAMES,
    PLAYERS,
    SETTINGS,
    SceneDetector,
    build,
    manifest_rows,
    pictures,
    scene_picture,
    write_csv,
    write_labels,
    write_run,
    write_scene,
)
from factories import write_video

from pipeline.clock import StageClock
from pipeline.detector import PlayerDetector
from pipeline.outputs import write_tracks
from pipeline.passes import Models, find
from pipeline.reading import WindowReader
from pipeline.report import input_record
from pipeline.tracker import TrackerSettings
from pipeline.video import open_source
from recognizer.errors import InputError
from training.building.runs import build_run, open_run
from training.building.tree import DatasetTree, Tally
from training.building.writer import Cutting
from training.layout import parse_frame_name, scan


def corrected(tmp_path: Path, *rows: tuple[object, object]) -> Path:
    return write_csv(tmp_path / "corrections.csv", ["track_id", "jersey_number"], rows)


def build_from_run(root: Path, run: Path, corrections: Path | None = None, video: Path | None = None) -> Tally:
    finished = open_run(run, corrections, video, None, SETTINGS, Cutting())
    with DatasetTree(root) as tree:
        build_run(tree, finished, SETTINGS, Cutting(), lambda update: None)
    return tree.tally


@pytest.mark.parametrize(
    ("rows", "numbers"),
    [
        ([], {"1": "7"}),
        ([(2, "46")], {"1": "7", "2": "46"}),
        ([(1, ""), (2, "-1")], {"1": "-1", "2": "-1"}),
        ([(1, "00")], {"1": "00"}),
    ],
)
def test_corrections_overrule_the_run(
    video: Path, tmp_path: Path, rows: list[tuple[object, object]], numbers: dict[str, str]
) -> None:
    run = write_run(tmp_path / "run", video, {1: ("7", "read"), 2: ("", "unreadable")})
    build_from_run(tmp_path / "root", run, corrected(tmp_path, *rows))
    found = {row["sequence"].split("_")[1]: row["number"] for row in manifest_rows(tmp_path / "root")}
    assert found == numbers
    assert len(pictures(tmp_path / "root")) == FRAMES * len(numbers)


def test_a_run_and_its_video_give_the_same_crops(video: Path, tmp_path: Path) -> None:
    write_labels(video, BOTH)
    build(tmp_path / "a", video)
    build_from_run(tmp_path / "b", write_run(tmp_path / "run", video, {1: ("7", "read"), 2: ("46", "read")}))
    pairs = zip(scan(tmp_path / "a").items, scan(tmp_path / "b").items, strict=True)
    for a, b in pairs:
        assert [path.name for path in a.frames] == [path.name for path in b.frames]
        assert all(x.read_bytes() == y.read_bytes() for x, y in zip(a.frames, b.frames, strict=True))


def crops_by_track_and_frame(root: Path) -> dict[tuple[str, int], bytes]:
    found = {}
    for path in root.rglob("*.jpg"):
        named = parse_frame_name(path.name)
        assert named is not None
        found[named.track, named.frame_index] = path.read_bytes()
    return found


@pytest.mark.parametrize("cut_distance", [0.5, 1.0])
def test_tracks_are_those_of_a_real_run_of_the_pipeline(tmp_path: Path, cut_distance: float) -> None:
    """Two players change shirts, then comes another shot; at a cut distance of 1 only the shirts end tracks."""
    settings = replace(SETTINGS, tracker=TrackerSettings(cut_distance=cut_distance, camera_motion="none"))
    cut = [np.roll(255 - scene_picture(index), 40, axis=0) for index in range(34, 40)]
    shirts = [scene_picture(index % 34, swapped=index >= 16) for index in range(34)]
    video = write_video(tmp_path / "swap.mp4", [*shirts, *cut])
    write_labels(video, [(1, 0, 39, "7", "player", "legible"), (2, 0, 39, "46", "player", "legible")], 40)
    build(tmp_path / "a", video, SceneDetector(second_until=40), settings=settings)
    models = Models(
        cast(PlayerDetector, SceneDetector(second_until=40)), WindowReader(SETTINGS.reader, torch.device("cpu"))
    )
    run = tmp_path / "run"
    run.mkdir()
    source = open_source(video)
    findings = find(source, settings, models, run, StageClock(), lambda update: None)
    write_tracks(run / "tracks.csv", findings.rows)
    record = {"input": input_record(source.info), "counts": {"frames_decoded": findings.frames}}
    (run / "run.json").write_text(json.dumps(record))
    assert len(findings.rows) > len(PLAYERS)
    everyone = corrected(tmp_path, *((row.span.track_id, "7") for row in findings.rows))
    build_from_run(tmp_path / "b", run, everyone)
    assert crops_by_track_and_frame(tmp_path / "a") == crops_by_track_and_frame(tmp_path / "b")


def test_building_a_run_again_adds_nothing(video: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", video, {1: ("7", "read"), 2: ("46", "read")})
    build_from_run(tmp_path / "root", run)
    moved = video.rename(tmp_path / "scene.mp4")
    again = build_from_run(tmp_path / "root", run, video=moved)
    assert (again.sequences, again.there_already) == (0, 2)


def forget_video(run: Path) -> None:
    record = json.loads((run / "run.json").read_text())
    record["input"]["path"] = str(run / "gone.mp4")
    (run / "run.json").write_text(json.dumps(record))


def another_video(run: Path) -> None:
    forget_video(run)
    write_scene(run / "gone.mp4", 3)


@pytest.mark.parametrize(
    ("spoil", "rows", "message"),
    [
        (lambda run: (run / "run.json").unlink(), [], "holds no finished run .run.json is missing"),
        (lambda run: (run / "run.json").write_text("{}"), [], "is no record of a run"),
        (lambda run: (run / "tracks.csv").unlink(), [], "tracks.csv does not exist"),
        (lambda run: (run / "tracks.mot.txt").unlink(), [], "lacks tracks.mot.txt"),
        (lambda run: (run / "tracks.mot.txt").write_text("1,x\n"), [], "is no MOTChallenge table"),
        (forget_video, [], "The video of the run .*gone.mp4, is not there; say where it lies now with --video"),
        (another_video, [], "gone.mp4 is not the video the run"),
        (lambda run: None, [(1, "123")], "line 2: jersey_number is '123', allowed are 0 to 99 .* 00, -1, blank"),
        (lambda run: None, [(9, "12")], "track_id is '9', a track of .*tracks.csv is expected"),
        (lambda run: None, [(1, "12"), (1, "13")], "line 3: track_id is '1', one row for each track"),
    ],
)
def test_runs_and_corrections_that_cannot_be_used(
    video: Path, tmp_path: Path, spoil: object, rows: list[tuple[object, object]], message: str
) -> None:
    run = write_run(tmp_path / "run", video, {1: ("7", "read"), 2: ("", "unreadable")})
    spoil(run)  # type: ignore[operator]  # one of the functions above
    with pytest.raises(InputError, match=message):
        build_from_run(tmp_path / "root", run, corrected(tmp_path, *rows))
    assert not (tmp_path / "root").exists()
