"""From a video with labels, and from a finished run with corrections, to sequences."""

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from building_media import (
    FRAMES,
    PLAYERS,
    SceneDetector,
    boxes_at,
    manifest_rows,
    pictures,
    scene_picture,
    write_csv,
    write_labels,
    write_run,
    write_scene,
)
from factories import write_video
from PIL import Image

from pipeline.clock import StageClock
from pipeline.crops import CropSettings, cut_square, jersey_regions
from pipeline.detector import PlayerDetector
from pipeline.outputs import write_tracks
from pipeline.passes import Models, find
from pipeline.reading import WindowReader
from pipeline.report import input_record
from pipeline.settings import Settings
from pipeline.tracker import TrackerSettings
from pipeline.video import open_source
from pipeline.windows import WindowSettings
from recognizer.errors import InputError
from training.building.progress import BuildProgress
from training.building.runs import build_run, open_run
from training.building.tree import DatasetTree, Tally
from training.building.video import build_video, open_labelled_video
from training.building.writer import Cutting
from training.layout import parse_frame_name, scan

SETTINGS = Settings(windows=WindowSettings(min_quality=0.0))
BOTH = [(1, 0, 29, "7", "player", "legible"), (2, 0, 29, "46", "player", "legible")]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scene(tmp_path_factory.mktemp("scene") / "scene.mp4")


@pytest.fixture
def video(scene: Path, tmp_path: Path) -> Path:
    """The scene in a folder of its own."""
    path = tmp_path / "media" / "scene.mp4"
    path.parent.mkdir()
    path.symlink_to(scene)
    return path


def build(
    root: Path,
    video: Path,
    detector: SceneDetector | None = None,
    cutting: Cutting | None = None,
    replaces: bool = False,
    told: list[BuildProgress] | None = None,
    settings: Settings = SETTINGS,
) -> Tally:
    cutting = cutting or Cutting()
    labelled = open_labelled_video(video, None, None, settings, cutting)
    network = cast(PlayerDetector, detector or SceneDetector())
    with DatasetTree(root, replaces) as tree:
        build_video(tree, labelled, network, settings, cutting, (told if told is not None else []).append)
    return tree.tally


def test_tracks_take_the_numbers_of_their_stretches(video: Path, tmp_path: Path) -> None:
    stretches = [
        (1, 0, 9, "7", "player", "legible"),
        (1, 10, 19, "7", "player", "inferred: side view"),
        (1, 20, 29, "unknown", "player", ""),
        (2, 0, 14, "46", "player", "legible"),
        (2, 15, 29, "unknown", "ignore", "two men in the box"),
    ]
    write_labels(video, stretches)
    told: list[BuildProgress] = []
    tally = build(tmp_path / "root", video, told=told)
    rows = manifest_rows(tmp_path / "root")
    spans = sorted((r["number"], int(r["first_frame"]), int(r["last_frame"]), int(r["frames"])) for r in rows)
    assert spans == [("-1", 10, 19, 10), ("46", 0, 14, 15), ("7", 0, 9, 10)]
    assert {row["match"] for row in rows} == {"scene"}
    assert {row["source"].split("@")[0] for row in rows} == {"scene.mp4"}
    assert tally.left_out["not labelled, or doubtful"] == 25
    assert [update.done for update in told] == list(range(1, FRAMES + 1))


def test_crops_are_those_of_the_pipeline_and_the_frame_is_in_the_name(video: Path, tmp_path: Path) -> None:
    write_labels(video, BOTH)
    build(tmp_path / "root", video)
    for item in scan(tmp_path / "root").items:
        assert len(item.frames) == FRAMES
        assert item.anchor is not None
        player = {number: track - 1 for track, number in PLAYERS.items()}[str(item.number)]
        for path in item.frames[::7]:
            named = parse_frame_name(path.name)
            assert named is not None
            region = jersey_regions(boxes_at(named.frame_index), CropSettings())[player]
            drawn = cut_square(scene_picture(named.frame_index), region)[:, :, ::-1]
            saved = np.asarray(Image.open(path), int)
            assert saved.shape == drawn.shape
            assert np.abs(saved - drawn.astype(int)).mean() < 12  # the video is coded with loss


def test_a_player_out_of_sight_begins_another_sub_folder(video: Path, tmp_path: Path) -> None:
    write_labels(video, BOTH)
    build(tmp_path / "root", video, SceneDetector(hidden=range(8, 16)), Cutting(gap_seconds=0.2))
    spans = [(r["subdir"], r["first_frame"], r["last_frame"]) for r in manifest_rows(tmp_path / "root")]
    assert {("0", "0", "7"), ("1", "16", "29")} <= set(spans)


def test_building_again_does_not_search_the_video_again(video: Path, tmp_path: Path) -> None:
    write_labels(video, BOTH)
    first = build(tmp_path / "root", video)
    before = pictures(tmp_path / "root")
    detector = SceneDetector()
    again = build(tmp_path / "root", video, detector)
    assert detector.frames_seen == 0
    assert (again.sequences, again.there_already) == (0, first.sequences)
    assert pictures(tmp_path / "root") == before


def test_an_interrupted_video_keeps_the_tracks_that_were_over(video: Path, tmp_path: Path) -> None:
    write_labels(video, BOTH)
    root, cutting = tmp_path / "root", Cutting()
    settings = replace(SETTINGS, tracker=TrackerSettings(buffer_seconds=0.1))
    labelled = open_labelled_video(video, None, None, settings, cutting)

    def stop(update: BuildProgress) -> None:
        if update.done == stops_at:
            raise KeyboardInterrupt

    for stops_at, error, there, added in [
        (5, KeyboardInterrupt, 0, 0),
        (25, KeyboardInterrupt, 0, 1),
        (99, None, 1, 1),
    ]:
        with nullcontext() if error is None else pytest.raises(error), DatasetTree(root) as tree:
            detector = cast(PlayerDetector, SceneDetector(second_until=8))
            build_video(tree, labelled, detector, settings, cutting, stop)
        assert (tree.tally.there_already, tree.tally.sequences) == (there, added)
        assert root.exists() == (stops_at > 5)
    assert sorted((row["number"], row["frames"]) for row in manifest_rows(root)) == [("46", "8"), ("7", "30")]
    assert len(pictures(root)) == 38


def test_corrected_labels_replace_the_old_ones_when_told_to(video: Path, tmp_path: Path) -> None:
    write_labels(video, BOTH)
    build(tmp_path / "root", video)
    write_labels(video, [BOTH[0], (2, 0, 29, "48", "player", "legible")])
    with pytest.raises(InputError, match=r"scene\.mp4@.* is in .* already.*give --replace"):
        build(tmp_path / "root", video)
    build(tmp_path / "root", video, replaces=True)
    assert sorted({row["number"] for row in manifest_rows(tmp_path / "root")}) == ["48", "7"]
    assert not (tmp_path / "root" / "46").exists()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda video: video.unlink(), r"scene\.mp4 does not exist"),
        (lambda video: video.with_name("scene.labels.csv").unlink(), "expected in .*scene.labels.csv, which does not"),
        (lambda video: video.with_name("scene.boxes.csv").unlink(), "need their boxes in .*scene.boxes.csv"),
        (lambda video: write_csv(video.with_name("scene.labels.csv"), ["track"], []), "lacks the column 'first_frame'"),
        (lambda video: write_csv(video.with_name("scene.boxes.csv"), ["frame"], []), "lacks the column 'track'"),
    ],
)
def test_videos_and_labels_that_cannot_be_used(video: Path, tmp_path: Path, spoil: object, message: str) -> None:
    write_labels(video, BOTH)
    spoil(video)  # type: ignore[operator]  # one of the lambdas above
    with pytest.raises(InputError, match=message):
        build(tmp_path / "root", video)
    assert not (tmp_path / "root").exists()


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
