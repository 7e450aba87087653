"""The tables: columns and blanks of tracks.csv, MOTChallenge rows, the log of reads."""

import csv
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rows import row

from pipeline.identity import Status
from pipeline.passes import with_boxes
from pipeline.results.outputs import ReadLog, TrackLog, mot_rows, read_mot, track_status, write_tracks
from pipeline.results.report import table
from pipeline.types import Frame, TrackedBoxes, WindowRead

REQUIRED_COLUMNS = (
    "track_id,team,jersey_number,confidence,status,n_frames,n_reads,first_frame,last_frame,first_time_s,last_time_s"
)


def frame(index: int, seconds: float | None = None) -> Frame:
    return Frame(index, Fraction(index, 25) if seconds is None else Fraction(seconds), np.zeros((4, 4, 3), np.uint8))


def boxes(*track_ids: int) -> TrackedBoxes:
    count = len(track_ids)
    xyxy = np.arange(4 * count, dtype=np.float32).reshape(count, 4) + np.array([0, 0, 10, 20], np.float32)
    return TrackedBoxes(xyxy, np.full(count, 0.5, np.float32), np.array(track_ids, np.int64))


def test_tracks_csv_has_the_agreed_columns_first(tmp_path: Path) -> None:
    write_tracks(tmp_path / "t.csv", [row(3, "07"[1:])])
    header, line = (tmp_path / "t.csv").read_text().splitlines()
    assert header.startswith(REQUIRED_COLUMNS + ",")
    assert line.startswith("3,red,7,0.9000,read,25,4,10,40,0.400,1.600,1.200,#c81000,7,0.9000,8,0.0500,12")


def test_tracks_csv_is_blank_where_nothing_is_known(tmp_path: Path) -> None:
    write_tracks(tmp_path / "t.csv", [row(3, None, team=None, status="too_short")])
    with (tmp_path / "t.csv").open(newline="") as file:
        [found] = csv.DictReader(file)
    known = {"track_id", "status", "n_frames", "n_reads", "first_frame", "last_frame", "first_time_s", "last_time_s"}
    assert {key for key, value in found.items() if value} == known | {"seconds_seen"}
    assert found["status"] == "too_short"


@pytest.mark.parametrize(
    ("status", "seen", "expected"),
    [
        ("too_short", 0.2, "too_short"),
        ("too_short", 1.49, "too_short"),
        ("too_short", 1.5, "unreadable"),
        ("too_short", 60.0, "unreadable"),
        ("conflicting", 60.0, "conflicting"),
        ("unreadable", 0.2, "unreadable"),
        ("read", 0.2, "read"),
    ],
)
def test_a_track_seen_long_is_not_too_short(status: Status, seen: float, expected: str, tmp_path: Path) -> None:
    assert track_status(status, seen) == expected
    given_row = row(3, "7" if status == "read" else None, status=status, lasts=seen)
    write_tracks(tmp_path / "t.csv", [given_row])
    with (tmp_path / "t.csv").open(newline="") as file:
        assert [found["status"] for found in csv.DictReader(file)] == [expected]
    if expected == "unreadable":
        assert table([], [given_row]) == "1 track got no number: none could be read (1)."


def test_numbers_stay_text(tmp_path: Path) -> None:
    write_tracks(tmp_path / "t.csv", [row(1, "0"), row(2, "00")])
    with (tmp_path / "t.csv").open(newline="") as file:
        assert [found["jersey_number"] for found in csv.DictReader(file)] == ["0", "00"]


def test_mot_rows_are_one_based_left_top_width_height() -> None:
    assert list(mot_rows(0, boxes(7))) == ["1,7,0.00,1.00,12.00,22.00,0.5000,-1,-1,-1\n"]


def test_every_track_in_the_mot_file_has_a_span(tmp_path: Path) -> None:
    with TrackLog(tmp_path / "m.txt", 0.04) as log:
        for index, ids in enumerate([(1,), (1, 2), (), (2,)]):
            log.add(frame(index), boxes(*ids))
    written = list(read_mot(tmp_path / "m.txt"))
    assert [(index, found.track_id.tolist()) for index, found in written] == [(0, [1]), (1, [1, 2]), (3, [2])]
    assert {track_id for _, found in written for track_id in found.track_id.tolist()} == set(log.spans)
    first, second = log.spans[1], log.spans[2]
    assert (first.n_frames, first.first_frame, first.last_frame) == (2, 0, 1)
    assert (second.n_frames, second.first_frame, second.last_frame) == (2, 1, 3)
    assert second.last_time_seconds == pytest.approx(0.12)


def test_seconds_seen_follow_the_stream_s_time_and_do_not_count_gaps(tmp_path: Path) -> None:
    with TrackLog(tmp_path / "m.txt", 0.04) as log:
        for index, seconds in enumerate([0.0, 0.05, 0.06, 9.0]):
            log.add(frame(index, seconds), boxes(1))
    assert log.spans[1].seconds_seen == pytest.approx(0.04 + 0.05 + 0.01 + 0.25)


@given(
    st.lists(
        st.lists(
            st.tuples(st.integers(1, 99), st.floats(-50, 4000, width=32), st.floats(1, 900, width=32)),
            unique_by=lambda box: box[0],
            max_size=4,
        ),
        max_size=6,
    )
)
def test_boxes_come_back_from_disk(
    tmp_path_factory: pytest.TempPathFactory, stream: list[list[tuple[int, float, float]]]
) -> None:
    path = tmp_path_factory.mktemp("mot") / "m.txt"
    given_boxes = [
        TrackedBoxes(
            np.array([[at, at, at + side, at + 2 * side] for _, at, side in found], np.float32).reshape(-1, 4),
            np.full(len(found), 0.25, np.float32),
            np.array([track_id for track_id, _, _ in found], np.int64),
        )
        for found in stream
    ]
    frames = [frame(index) for index in range(len(stream))]
    with TrackLog(path, 0.04) as log:
        for one, found in zip(frames, given_boxes, strict=True):
            log.add(one, found)
    back = list(with_boxes(frames, read_mot(path)))
    assert [one.index for one, _ in back] == list(range(len(stream)))
    for (_, found), expected in zip(back, given_boxes, strict=True):
        assert found.track_id.tolist() == expected.track_id.tolist()
        assert np.allclose(found.xyxy, expected.xyxy, atol=0.02)
        assert np.allclose(found.confidence, expected.confidence)


def test_boxes_of_frames_that_are_not_decoded_again_are_passed_over() -> None:
    stored = iter([(0, boxes(1)), (1, boxes(2)), (3, boxes(3))])
    found = [
        (one.index, b.track_id.tolist()) for one, b in with_boxes([frame(1), frame(2), frame(3), frame(4)], stored)
    ]
    assert found == [(1, [2]), (2, []), (3, [3]), (4, [])]


def test_reads_are_logged_with_candidates_and_weights(tmp_path: Path) -> None:
    tens, units = np.full(11, -9.0, np.float32), np.full(11, -9.0, np.float32)
    tens[4] = units[6] = np.log(0.9)
    weights = np.array([0.5, 0.5, 0, 0, 0], np.float32)
    read = WindowRead(7, np.array([3, 8, -1, -1, -1]), tens, units, weights, anchor_frame=8, quality=0.7)
    with ReadLog(tmp_path / "r.jsonl") as log:
        assert log.add([read, read]) == 2
    first, _ = (json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines())
    assert (first["track_id"], first["frames"], first["anchor_frame"]) == (7, [3, 8, -1, -1, -1], 8)
    assert first["candidates"][0]["number"] == "46"
    assert first["candidates"][0]["probability"] > 0.9
    assert len(first["candidates"]) == 3
    assert first["frame_weights"] == [0.5, 0.5, 0, 0, 0]
    assert np.allclose(first["tens"], tens, atol=1e-3)
