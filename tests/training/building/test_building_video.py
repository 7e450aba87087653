"""From a video with labels to sequences."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from building_media import (
    BOTH,
    FRAMES,
    PLAYERS,
    SETTINGS,
    SceneDetector,
    boxes_at,
    build,
    manifest_rows,
    pictures,
    scene_picture,
    write_csv,
    write_labels,
)
from PIL import Image

from pipeline.crops import CropSettings, cut_square, jersey_regions
from pipeline.detection.detector import DetectorSettings, PlayerDetector
from pipeline.tracking.tracker import TrackerSettings
from recognizer.errors import InputError
from training.building.progress import BuildProgress
from training.building.tree import DatasetTree
from training.building.video import build_video, open_labelled_video
from training.building.writer import Cutting
from training.data.layout import parse_frame_name, scan


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


def test_a_long_track_stays_one_sequence_of_short_sub_folders(video: Path, tmp_path: Path) -> None:
    root, cutting = tmp_path / "root", Cutting(max_seconds=0.4, min_pictures=3)
    write_labels(video, BOTH)
    build(root, video)
    with pytest.raises(InputError, match="give --replace to build it anew"):
        build(root, video, cutting=cutting)
    build(root, video, cutting=cutting, replaces=True)
    items = scan(root).items
    assert [(item.number, item.subdir, len(item.frames)) for item in items] == [
        (number, subdir, 10) for number in ("7", "46") for subdir in "012"
    ]
    assert len({item.key for item in items}) == len(PLAYERS)
    assert all(item.anchor is not None for item in items)
    again = build(root, video, cutting=cutting)
    assert (again.sequences, again.there_already) == (0, 2)


def test_building_again_does_not_search_the_video_again(video: Path, tmp_path: Path) -> None:
    write_labels(video, BOTH)
    first = build(tmp_path / "root", video)
    before = pictures(tmp_path / "root")
    detector = SceneDetector()
    again = build(tmp_path / "root", video, detector)
    assert detector.frames_seen == 0
    assert (again.sequences, again.there_already) == (0, first.sequences)
    assert pictures(tmp_path / "root") == before


def test_settings_that_change_no_picture_do_not_make_another_form(video: Path, tmp_path: Path) -> None:
    write_labels(video, BOTH)
    first = build(tmp_path / "root", video)
    settings = replace(SETTINGS, detector=DetectorSettings(batch_size=1, every=3))
    again = build(tmp_path / "root", video, settings=settings)
    assert (again.sequences, again.there_already) == (0, first.sequences)


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


def test_an_interrupted_replacement_leaves_the_old_sequences(video: Path, tmp_path: Path) -> None:
    root, settings = tmp_path / "root", replace(SETTINGS, tracker=TrackerSettings(buffer_seconds=0.1))
    write_labels(video, BOTH)
    build(root, video, SceneDetector(second_until=8), settings=settings)
    before = pictures(root), manifest_rows(root)
    write_labels(video, [(1, 0, 29, "8", "player", "legible"), BOTH[1]])
    labelled = open_labelled_video(video, None, None, settings, Cutting())

    def stop(update: BuildProgress) -> None:
        if update.done == 25:
            assert update.sequences == 1, "one of the new ones is done"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), DatasetTree(root, replace=True) as tree:
        build_video(tree, labelled, cast(PlayerDetector, SceneDetector(second_until=8)), settings, Cutting(), stop)
    assert (pictures(root), manifest_rows(root)) == before
    build(root, video, SceneDetector(second_until=8), replaces=True, settings=settings)
    assert sorted((row["number"], row["frames"]) for row in manifest_rows(root)) == [("46", "8"), ("8", "30")]
    assert len(pictures(root)) == 38


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda video: video.unlink(), r"scene\.mp4 does not exist"),
        (lambda video: video.with_name("scene.labels.csv").unlink(), "expected in .*scene.labels.csv, which does not"),
        (lambda video: video.with_name("scene.boxes.csv").unlink(), "need their boxes in .*scene.boxes.csv"),
        (lambda video: write_csv(video.with_name("scene.labels.csv"), ["track"], []), "lacks the column 'first_frame'"),
        (lambda video: write_csv(video.with_name("scene.boxes.csv"), ["frame"], []), "lacks the column 'track'"),
        (lambda video: write_labels(video, [(1, 0, 9, "7", "player", "")]), "teaches nothing: no note says 'legible'"),
    ],
)
def test_videos_and_labels_that_cannot_be_used(video: Path, tmp_path: Path, spoil: object, message: str) -> None:
    write_labels(video, BOTH)
    spoil(video)  # type: ignore[operator]  # one of the lambdas above
    with pytest.raises(InputError, match=message):
        build(tmp_path / "root", video)
    assert not (tmp_path / "root").exists()
