"""Both passes over a small real scene, with the real detector, tracker and recognizer network."""

import hashlib
import platform
import time
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from running import ANY_NUMBER, CPU, ListedSource, Run
from scenes import STREET_FRAMES, STREET_SIZE

import pipeline.passes
import pipeline.results.players
from pipeline.clock import StageClock
from pipeline.config import as_plain, load
from pipeline.crops import CropSettings
from pipeline.drawing.annotate import Annotator, Label
from pipeline.engine import process
from pipeline.identity import IdentityFuser
from pipeline.kits.teams import Team, TeamAssigner
from pipeline.media.video import VideoError, open_source
from pipeline.passes import BRIDGED_SECONDS, Findings, draw, with_boxes
from pipeline.reading import differences
from pipeline.settings import Settings
from pipeline.tracking.bridging import bridge_gaps
from pipeline.workers import cores
from recognizer.checkpoint import CheckpointInfo, load_checkpoint, save_checkpoint
from recognizer.model import JerseyTemporalNet, ModelConfig
from recognizer.precision import cpu_has_bfloat16
from recognizer.preprocess import Preprocess
from recognizer.reader import default_weights


def test_all_people_of_the_scene_are_followed(run: Run) -> None:
    assert sorted(run.boxes) == list(range(STREET_FRAMES))
    assert min(len(boxes) for boxes in run.boxes.values()) >= 2


def test_every_track_has_a_row_that_agrees_with_its_boxes(run: Run) -> None:
    frames: dict[int, list[int]] = {}
    for index, boxes in run.boxes.items():
        for track_id in boxes.track_id.tolist():
            frames.setdefault(track_id, []).append(index)
    assert [int(row["track_id"]) for row in run.tracks] == sorted(frames)
    for row in run.tracks:
        seen = frames[int(row["track_id"])]
        assert (int(row["first_frame"]), int(row["last_frame"]), int(row["n_frames"])) == (seen[0], seen[-1], len(seen))


def test_times_are_the_stream_s(run: Run, street: Path) -> None:
    times = [frame.time_seconds for frame in open_source(street).frames()]
    for row in run.tracks:
        assert float(row["first_time_s"]) == pytest.approx(times[int(row["first_frame"])], abs=1e-3)
        assert float(row["last_time_s"]) == pytest.approx(times[int(row["last_frame"])], abs=1e-3)


def test_reads_are_of_frames_in_which_the_track_was_seen(run: Run) -> None:
    assert run.reads
    for read in run.reads:
        for index in (frame for frame in read["frames"] if frame >= 0):
            assert read["track_id"] in run.boxes[index].track_id
        assert read["anchor_frame"] in read["frames"]
        assert sum(read["frame_weights"]) == pytest.approx(1, abs=1e-3)
    counted = {int(row["track_id"]): int(row["n_reads"]) for row in run.tracks}
    assert {track: n for track, n in counted.items() if n} == {
        track: sum(read["track_id"] == track for read in run.reads)
        for track in {read["track_id"] for read in run.reads}
    }


def test_every_track_has_a_team_where_it_was_seen_well(run: Run) -> None:
    assert all(row["team"] and row["team_rgb"].startswith("#") for row in run.tracks if int(row["n_reads"]))


def test_the_video_shows_each_track_s_final_number_from_its_first_frame_on(run: Run, street: Path) -> None:
    assert any(row["jersey_number"] for row in run.tracks)
    source, drawn = open_source(street), open_source(run.folder / "annotated.mp4")
    labels = {
        row.span.track_id: Label(row.identity.number, row.identity.confidence, row.team.rgb if row.team else None)
        for row in run.summary.rows
    }
    annotator = Annotator((source.info.width, source.info.height))
    bridged = bridge_gaps(run.boxes.items(), round(BRIDGED_SECONDS * source.info.frames_per_second))
    pairs = zip(with_boxes(source.frames(), bridged), drawn.frames(), strict=True)
    for (frame, boxes), found in pairs:
        expected = annotator.draw(frame.bgr, boxes, labels)
        assert np.abs(expected.astype(int) - found.bgr).mean() < 6
        assert np.abs(frame.bgr.astype(int) - found.bgr).mean() > np.abs(expected.astype(int) - found.bgr).mean()


def test_the_video_keeps_times_size_and_sound(run: Run, street: Path) -> None:
    source, drawn = open_source(street), open_source(run.folder / "annotated.mp4")
    assert [frame.time for frame in drawn.frames()] == [frame.time for frame in source.frames()]
    assert (drawn.info.width, drawn.info.height) == (source.info.width, source.info.height)
    assert drawn.info.has_audio


def test_progress_counts_every_frame_of_both_passes(run: Run) -> None:
    phases = [update.phase for update in run.updates]
    assert phases == ["reading"] * STREET_FRAMES + ["drawing"] * STREET_FRAMES
    assert [update.frames for update in run.updates] == [*range(1, STREET_FRAMES + 1)] * 2
    last = run.updates[-1]
    assert (last.tracks, last.frames_expected) == (len(run.tracks), STREET_FRAMES)
    assert last.numbers == sum(bool(row["jersey_number"]) for row in run.tracks)


def test_the_record_says_what_was_run_on_what(run: Run, street: Path) -> None:
    record = run.record
    assert record["input"] == {
        "path": str(street),
        "bytes": street.stat().st_size,
        "sha256": hashlib.sha256(street.read_bytes()).hexdigest(),
        "files": 1,
        "width": STREET_SIZE[0],
        "height": STREET_SIZE[1],
        "decoder": "software",
        "frames_per_second": float(open_source(street).info.frames_per_second),
        "rate_assumed": False,
        "start_seconds": 0.0,
        "end_seconds": None,
    }
    assert record["counts"] == {
        "frames_decoded": STREET_FRAMES,
        "frames_lost": 0,
        "truncated": False,
        "tracks": len(run.tracks),
        "players": len(run.players),
        "tracks_read": sum(row["status"] == "read" for row in run.tracks),
        "tracks_by_status": Counter(row["status"] for row in run.tracks),
        "reads": len(run.reads),
    }
    assert record["learnt_from"] == []
    assert record["settings"]["detector"]["image_size"] == 320
    assert record["device"] == f"cpu ({platform.machine()}, {cores()} core{'s' if cores() > 1 else ''})"
    number_format = "bfloat16" if cpu_has_bfloat16() else "float32"
    assert record["backends"]["reader"] == f"torch {number_format}"
    assert record["backends"]["detector"] in {f"torch {number_format}", "onnx float32"}
    assert record["encoder"] == "libx264"
    assert {"torch", "ultralytics", "av", "jersey-numbers"} <= set(record["versions"])
    assert set(record["weights"]) == {"detector", "reader", "localizer"}
    assert sorted(record["files"]) == sorted(path.name for path in run.folder.iterdir())
    first = {"load", "hash", "decode", "detect", "track", "crop", "team", "read", "identify", "adapt"}
    assert set(record["seconds"]["stages"]) == first | {"redecode", "draw", "encode"}
    assert max(record["seconds"]["stages"].values()) <= record["seconds"]["total"]
    assert record["seconds"]["bottleneck"] in record["seconds"]["stages"]


def test_the_result_does_not_depend_on_batch_sizes(run: Run, street: Path, quick: list[str], tmp_path: Path) -> None:
    batches = ["detector.batch_size=7", "reader.batch_size=3"]
    settings = load(Settings, None, [*quick, *ANY_NUMBER, *batches])
    process(open_source(street), settings, CPU, tmp_path, video=False)
    for name in ("tracks.mot.txt", "tracks.csv", "players.csv"):
        assert (tmp_path / name).read_text() == (run.folder / name).read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "players.csv",
        "reads.jsonl",
        "run.json",
        "tracks.csv",
        "tracks.mot.txt",
    ]


def test_numbers_need_not_be_looked_for(run: Run, street: Path, quick: list[str], tmp_path: Path) -> None:
    settings = load(Settings, None, [*quick, *ANY_NUMBER, "reader.locate=false"])
    summary = process(open_source(street), settings, CPU, tmp_path, video=False)
    found = Run(tmp_path, summary, [])
    assert found.reads and [read["track_id"] for read in found.reads] == [read["track_id"] for read in run.reads]
    assert [read["candidates"] for read in found.reads] != [read["candidates"] for read in run.reads]
    assert found.record["settings"]["reader"]["locate"] is False


def test_a_match_need_not_teach(run: Run, street: Path, quick: list[str], tmp_path: Path) -> None:
    settings = load(Settings, None, [*quick, *ANY_NUMBER, "adaptation.enabled=false"])
    summary = process(open_source(street), settings, CPU, tmp_path, video=False)
    assert "adapt" not in summary.stage_seconds
    assert (tmp_path / "reads.jsonl").read_text() == (run.folder / "reads.jsonl").read_text()


@pytest.mark.parametrize("one_wearer", [True, False])
def test_who_loses_his_number_to_another_does_not_teach(
    one_wearer: bool, street: Path, quick: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody in the street is a 7, and all are dressed alike."""
    left_out: list[Collection[int]] = []

    def learn_nothing(*given: object) -> tuple[IdentityFuser, list[str]]:
        *_, fuser, _, _, doubtful = given
        left_out.append(cast(Collection[int], doubtful))
        return cast(IdentityFuser, fuser), []

    monkeypatch.setattr(pipeline.passes, "read_again", learn_nothing)
    monkeypatch.setattr(pipeline.results.players, "SHARED_SECONDS", 0.0)
    monkeypatch.setattr(TeamAssigner, "assign", lambda *_: dict.fromkeys(range(1, 100), Team("red", (200, 0, 0))))
    changes = [*quick, *ANY_NUMBER, "identity.numbers=[7]", f"identity.one_wearer={one_wearer}"]
    summary = process(open_source(street), load(Settings, None, changes), CPU, tmp_path, video=False)
    lost = {row.span.track_id for row in summary.rows if row.identity.best and not row.identity.number}
    assert set(left_out[0]) == lost
    assert bool(lost) == one_wearer


def test_a_video_without_a_picture_is_refused(street: Path, quick: list[str], tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"street\.mp4 holds no picture that can be decoded"):
        process(ListedSource(open_source(street), []), load(Settings, None, quick), CPU, tmp_path)


def test_a_player_missed_for_a_moment_keeps_the_drawn_box(brief: Path, tmp_path: Path) -> None:
    source = open_source(brief)
    rows = "".join(f"{number},1,100.00,100.00,80.00,160.00,0.9000,-1,-1,-1\n" for number in (1, 2, 5, 6))
    (tmp_path / "tracks.mot.txt").write_text(rows)
    draw(source, Findings([], 8, 0), tmp_path, StageClock(), lambda update: None)
    assert (tmp_path / "tracks.mot.txt").read_text() == rows
    drawn = open_source(tmp_path / "annotated.mp4").frames()
    changed = [
        float(np.abs(new.bgr[150:210, 99:102].astype(int) - old.bgr[150:210, 99:102]).mean()) > 10
        for new, old in zip(drawn, source.frames(), strict=True)
    ]
    assert changed == [True] * 6 + [False] * 2


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ([], None),
        (["crops.min_side=20"], None),
        (
            ["crops.side_of_height=0.44", "windows.length=4", "windows.stride=4"],
            "is given other regions or windows than it was trained on: crops.side_of_height is 0.44 (trained on 0.38); "
            "windows.length is 4 (trained on 5).",
        ),
    ],
)
def test_a_recognizer_trained_on_other_regions_is_warned_of(
    changes: list[str],
    warning: str | None,
    brief: Path,
    quick: list[str],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    net = JerseyTemporalNet(ModelConfig(hidden_size=16, head_size=16))
    trained = {"settings": {"crops": as_plain(CropSettings(side_of_height=0.38))}}
    save_checkpoint(tmp_path / "r.safetensors", net.eval(), CheckpointInfo(Preprocess(size=32), training_data=trained))
    (out := tmp_path / "out").mkdir()
    small = ["detector.image_size=160", f"reader.weights={tmp_path / 'r.safetensors'}", "crops.side_of_height=0.38"]
    process(open_source(brief, 0.0, 0.1), load(Settings, None, [*quick, *small, *changes]), CPU, out, video=False)
    said = [record.getMessage() for record in caplog.records if "was trained on" in record.getMessage()]
    assert said == ([f"{tmp_path / 'r.safetensors'} {warning}"] if warning else [])


def test_the_shipped_recognizer_was_trained_on_the_regions_that_are_cut() -> None:
    if not default_weights().is_file():
        pytest.skip(f"no recognizer ships yet: {default_weights()} is missing")
    _, info = load_checkpoint(default_weights())
    settings = Settings()
    assert differences(info, settings.crops, settings.windows) == []
    assert "crops" in info.training_data["settings"]


def test_the_clock_adds_up_and_survives_errors() -> None:
    clock = StageClock()
    assert list(clock.each("decode", iter("ab"))) == ["a", "b"]
    with pytest.raises(ValueError, match="broken"), clock.stage("detect"):
        raise ValueError("broken")
    assert list(clock.seconds) == ["decode", "detect"]
    for _ in range(3):
        with clock.stage("detect"):
            time.sleep(0.02)
    assert clock.seconds["detect"] > 0.05
