"""From a finished run with corrections to sequences."""

import json
from collections.abc import Sequence
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
    write_record,
    write_run,
    write_scene,
)
from factories import write_video
from numpy.typing import NDArray

from pipeline.clock import StageClock
from pipeline.detection.detector import DetectorSettings, PlayerDetector
from pipeline.media.video import open_source
from pipeline.passes import Models, find
from pipeline.reading import WindowReader
from pipeline.results.outputs import read_mot, write_tracks
from pipeline.settings import Settings
from pipeline.tracking.tracker import TrackerSettings
from pipeline.types import Crop
from recognizer.errors import InputError
from recognizer.reader import default_weights
from training.building.runs import build_run, open_run
from training.building.sight import READ_TOGETHER, NumberSight
from training.building.tree import DatasetTree, Tally
from training.building.writer import Cutting
from training.data.layout import parse_frame_name, scan


def corrected(tmp_path: Path, *rows: tuple[object, ...]) -> Path:
    columns = ["track_id", "jersey_number", "first_frame", "last_frame"]
    return write_csv(tmp_path / "corrections.csv", columns[: max([2, *map(len, rows)])], rows)


def sees_all(crops: Sequence[Crop]) -> NDArray[np.bool_]:
    """A number is seen everywhere."""
    return np.ones(len(crops), np.bool_)


def build_from_run(
    root: Path, run: Path, corrections: Path | None = None, video: Path | None = None, sees: NumberSight = sees_all
) -> Tally:
    finished = open_run(run, corrections, video, None, SETTINGS, Cutting())
    with DatasetTree(root) as tree:
        build_run(tree, finished, sees, SETTINGS, Cutting(), lambda update: None)
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


def test_pictures_of_the_runs_own_numbers_are_kept_where_a_number_is_seen(video: Path, tmp_path: Path) -> None:
    asked: list[int] = []

    def sees(crops: Sequence[Crop]) -> NDArray[np.bool_]:
        asked.append(len(crops))
        return np.array([crop.frame_index < 20 for crop in crops])

    run = write_run(tmp_path / "run", video, {1: ("7", "read"), 2: ("46", "read")})
    tally = build_from_run(tmp_path / "own", run, sees=sees)
    spans = [(row["number"], row["first_frame"], row["last_frame"]) for row in manifest_rows(tmp_path / "own")]
    assert sorted(spans) == [("46", "0", "19"), ("7", "0", "19")]
    assert tally.left_out == {"number not seen": 2 * (FRAMES - 20)}
    assert sum(asked) == 2 * FRAMES <= READ_TOGETHER
    tally = build_from_run(tmp_path / "corrected", run, corrected(tmp_path, (2, "46")), sees=sees)
    frames = {row["number"]: row["frames"] for row in manifest_rows(tmp_path / "corrected")}
    assert frames == {"7": "20", "46": str(FRAMES)}


def test_a_correction_may_name_stretches_of_frames(video: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", video, {1: ("7", "read"), 2: ("", "unreadable")})
    rows = [(1, "8", "", 4), (1, "-1", 5, 9), (1, "9", 20, ""), (2, "46", "", "")]
    tally = build_from_run(tmp_path / "root", run, corrected(tmp_path, *rows))
    spans = [
        (row["sequence"].split("_")[1], row["number"], int(row["first_frame"]), int(row["last_frame"]))
        for row in manifest_rows(tmp_path / "root")
    ]
    assert sorted(spans) == [("1", "-1", 5, 9), ("1", "8", 0, 4), ("1", "9", 20, 29), ("2", "46", 0, 29)]
    assert tally.left_out == {"outside the corrections' frames": 10}


def test_the_runs_recognizer_looks_again_as_long_as_it_is_there(video: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", video, {1: ("7", "read")})
    own = tmp_path / "own.safetensors"
    own.write_bytes(b"weights")
    builders = set()
    for content in (b"weights", b"others", None):
        change_record(run, weights={"reader": {"path": str(own)}})
        own.unlink() if content is None else own.write_bytes(content)
        finished = open_run(run, None, None, None, SETTINGS, Cutting())
        assert finished.run.weights == (default_weights() if content is None else own)
        builders.add(finished.origin.builder)
    assert len(builders) == 3


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


def real_run(folder: Path, video: Path, settings: Settings, second_until: int = FRAMES) -> list[int]:
    """The pipeline's first pass over a video of the scene, and what it leaves; returns the tracks."""
    folder.mkdir()
    detector = cast(PlayerDetector, SceneDetector(second_until=second_until))
    models = Models(detector, WindowReader(settings.reader, torch.device("cpu")))
    findings = find(open_source(video), settings, models, folder, StageClock(), lambda update: None)
    write_tracks(folder / "tracks.csv", findings.rows)
    write_record(folder, video, findings.frames, settings)
    return [row.span.track_id for row in findings.rows]


@pytest.mark.parametrize("cut_distance", [0.5, 1.0])
def test_tracks_are_those_of_a_real_run_of_the_pipeline(tmp_path: Path, cut_distance: float) -> None:
    """Two players change shirts, then comes another shot, which ends tracks but at a cut distance of 1."""
    settings = replace(SETTINGS, tracker=TrackerSettings(cut_distance=cut_distance, camera_motion="none"))
    cut = [np.roll(255 - scene_picture(index), 40, axis=0) for index in range(34, 40)]
    shirts = [scene_picture(index % 34, swapped=index >= 16) for index in range(34)]
    video = write_video(tmp_path / "swap.mp4", [*shirts, *cut])
    write_labels(video, [(1, 0, 39, "7", "player", "legible"), (2, 0, 39, "46", "player", "legible")], 40)
    build(tmp_path / "a", video, SceneDetector(second_until=40), settings=settings)
    tracks = real_run(tmp_path / "run", video, settings, 40)
    assert (len(tracks) > len(PLAYERS)) == (cut_distance < 1.0)
    build_from_run(tmp_path / "b", tmp_path / "run", corrected(tmp_path, *((track, "7") for track in tracks)))
    assert crops_by_track_and_frame(tmp_path / "a") == crops_by_track_and_frame(tmp_path / "b")


def test_only_frames_in_which_the_run_looked_for_people_are_cut_from(video: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, detector=DetectorSettings(every=3), tracker=TrackerSettings(camera_motion="none"))
    tracks = real_run(tmp_path / "run", video, settings)
    boxes = dict(read_mot(tmp_path / "run" / "tracks.mot.txt"))
    assert set(boxes) == set(range(FRAMES)), "boxes of the frames in between are there, to be drawn"
    build_from_run(tmp_path / "root", tmp_path / "run", corrected(tmp_path, *((track, "7") for track in tracks)))
    cut_from = {frame for _, frame in crops_by_track_and_frame(tmp_path / "root")}
    assert cut_from == {*range(0, FRAMES, 3), FRAMES - 1}


def test_building_a_run_again_adds_nothing(video: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", video, {1: ("7", "read"), 2: ("46", "read")})
    build_from_run(tmp_path / "root", run)
    moved = video.rename(tmp_path / "scene.mp4")
    again = build_from_run(tmp_path / "root", run, video=moved)
    assert (again.sequences, again.there_already) == (0, 2)


def test_a_part_of_a_video_is_not_added_beside_the_whole(video: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    part = write_run(tmp_path / "part", video, {1: ("7", "read")})
    change_record(part, input={"end_seconds": 1000.0})
    build_from_run(root, part)
    run = write_run(tmp_path / "run", video, {1: ("7", "read")})
    with pytest.raises(InputError, match=r"is in .*root already and shares frames with .*; give --replace to have"):
        build_from_run(root, run)
    assert len({row["source"] for row in manifest_rows(root)}) == 1
    with DatasetTree(root, replace=True) as tree:
        finished = open_run(run, None, None, None, SETTINGS, Cutting())
        build_run(tree, finished, sees_all, SETTINGS, Cutting(), lambda _: None)
    [source] = {row["source"] for row in manifest_rows(root)}
    assert " from " not in source


def test_a_run_that_does_not_fit_its_video_replaces_nothing(video: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    run = write_run(tmp_path / "run", video, {1: ("7", "read"), 2: ("46", "read")})
    build_from_run(root, run)
    before = crops_by_track_and_frame(root), manifest_rows(root)
    patched_up_frames(run)
    corrections = corrected(tmp_path, (1, "8"))
    finished = open_run(run, corrections, None, None, SETTINGS, Cutting())
    with pytest.raises(InputError, match="but into 32 in the run"), DatasetTree(root, replace=True) as tree:
        build_run(tree, finished, sees_all, SETTINGS, Cutting(), lambda update: None)
    assert (crops_by_track_and_frame(root), manifest_rows(root)) == before


def test_a_renamed_copy_of_a_video_is_not_added_as_another(video: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    build_from_run(root, write_run(tmp_path / "run", video, {1: ("7", "read")}))
    run = write_run(tmp_path / "again", video.rename(tmp_path / "copy.mp4"), {1: ("7", "read")})
    with pytest.raises(
        InputError, match=r"scene\.mp4@\w+ is in .*root already and shares frames with copy\.mp4@\w+, wh"
    ):
        build_from_run(root, run)
    assert {row["match"] for row in manifest_rows(root)} == {"scene"}


def change_record(run: Path, **changes: dict[str, object]) -> None:
    record = json.loads((run / "run.json").read_text())
    for part, values in changes.items():
        record[part] = record.get(part, {}) | values
    (run / "run.json").write_text(json.dumps(record))


def forget_video(run: Path) -> None:
    change_record(run, input={"path": str(run / "gone.mp4")})


def other_regions(run: Path) -> None:
    change_record(run, settings={"crops": {"centre_y": 0.3, "min_side": 9.0}})


def patched_up_frames(run: Path) -> None:
    """A hardware decoder took two patched-up pictures for whole ones."""
    change_record(run, input={"decoder": "hardware"}, counts={"frames_decoded": FRAMES + 2})


def lost_frames(run: Path) -> None:
    change_record(run, input={"decoder": "hardware"}, counts={"frames_lost": 2})


def unknown_frames(run: Path) -> None:
    change_record(run, settings={"detector": {"every": 0}})


def another_video(run: Path) -> None:
    forget_video(run)
    write_scene(run / "gone.mp4", 3)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda run: (run / "run.json").unlink(), "holds no finished run .run.json is missing"),
        (lambda run: (run / "run.json").write_text("{}"), "is no record of a run"),
        (lambda run: (run / "tracks.csv").unlink(), "tracks.csv does not exist"),
        (lambda run: (run / "tracks.mot.txt").unlink(), "lacks tracks.mot.txt"),
        (lambda run: (run / "tracks.mot.txt").write_text("1,x\n"), "is no MOTChallenge table"),
        (forget_video, "The video of the run .*gone.mp4, is not there; say where it lies now with --video"),
        (another_video, "gone.mp4 is not the video the run"),
        (
            patched_up_frames,
            "scene.mp4 decodes into 30 frames here, but into 32 in the run .*engine.decoder=software",
        ),
        (lost_frames, "The run .* lost 2 frames in a hardware decoder, .*engine.decoder=software"),
        (
            other_regions,
            "The run .* read regions cut with crops.centre_y=0.3, and these would be cut with crops.centre_y=0.32; "
            "give --set crops.centre_y=0.3",
        ),
        (unknown_frames, "does not say which frames were read"),
    ],
)
def test_runs_that_cannot_be_used(video: Path, tmp_path: Path, spoil: object, message: str) -> None:
    run = write_run(tmp_path / "run", video, {1: ("7", "read"), 2: ("", "unreadable")})
    spoil(run)  # type: ignore[operator]  # one of the functions above
    with pytest.raises(InputError, match=message):
        build_from_run(tmp_path / "root", run)
    assert not (tmp_path / "root").exists()
