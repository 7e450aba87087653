"""Boxes and reads of a track that passed to another player."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.identity import IdentityFuser, IdentitySettings
from pipeline.kits.swaps import Swap
from pipeline.results.outputs import ReadLog, TrackLog, read_mot
from pipeline.results.renaming import Renaming, rename_boxes, rename_reads
from pipeline.types import Frame, TrackedBoxes, WindowRead
from recognizer.labels import encode

SWAPS = [Swap(4, 20, 9), Swap(4, 10, 8)]


def boxes(*ids: int) -> TrackedBoxes:
    xyxy = np.array([(10.0 * i, 0.0, 10.0 * i + 7.25, 20.5) for i in ids], np.float32)
    return TrackedBoxes(xyxy.reshape(-1, 4), np.full(len(ids), 0.5, np.float32), np.array(ids, np.int64))


def read(track_id: int, frame: int, number: str) -> WindowRead:
    digits = [np.full(11, np.log(0.02), np.float32) for _ in range(2)]
    for digit, code in zip(digits, encode(number), strict=True):
        digit[code] = np.log(0.8)
    frames = np.arange(frame - 2, frame + 3)
    weights = np.full(5, 0.2, np.float32)
    return WindowRead(track_id, frames, digits[0], digits[1], weights, anchor_frame=frame, quality=0.5)


def test_a_track_belongs_to_each_player_in_turn() -> None:
    renaming = Renaming(SWAPS)
    assert [renaming.of(4, frame) for frame in (0, 9, 10, 19, 20, 99)] == [4, 4, 8, 8, 9, 9]
    assert renaming.of(3, 50) == 3
    assert renaming.tracks == {4}


def test_boxes_and_spans_follow(tmp_path: Path) -> None:
    path = tmp_path / "tracks.mot.txt"
    with TrackLog(path, 0.04) as log:
        for index in range(30):
            frame = Frame(index, Fraction(index, 25), np.zeros((4, 4, 3), np.uint8))
            log.add(frame, boxes(3, 4) if index != 15 else boxes(3))
    before = path.read_text().splitlines()
    spans = rename_boxes(path, Renaming(SWAPS), log.times)
    after = path.read_text().splitlines()
    assert [line.split(",")[2:] for line in after] == [line.split(",")[2:] for line in before]
    shown = {index: found.track_id.tolist() for index, found in read_mot(path)}
    assert (shown[9], shown[10], shown[15], shown[20]) == ([3, 4], [3, 8], [3], [3, 9])
    assert {i: (s.first_frame, s.last_frame, s.n_frames) for i, s in spans.items()} == {
        4: (0, 9, 10), 8: (10, 19, 9), 9: (20, 29, 10)
    }  # fmt: skip
    assert spans[8].seconds_seen == pytest.approx(9 * 0.04)
    assert (spans[9].first_time_seconds, spans[9].last_time_seconds) == pytest.approx((0.8, 1.16))
    assert log.spans[3].n_frames == 30
    assert list(tmp_path.iterdir()) == [path]


def test_reads_count_for_the_player_in_their_best_crop(tmp_path: Path) -> None:
    path, fuser = tmp_path / "reads.jsonl", IdentityFuser(IdentitySettings())
    reads = [read(3, frame, "5") for frame in range(0, 30, 2)]
    reads += [read(4, frame, "24" if frame < 10 else "77") for frame in range(2, 18, 2)]
    for one in reads:
        fuser.add(one)
    with ReadLog(path) as log:
        log.add(reads)
    assert fuser.identity(4).status == "conflicting"
    other = fuser.identity(3)
    assert rename_reads(path, Renaming(SWAPS), fuser) == 1
    assert [fuser.identity(track).number for track in (3, 4, 8, 9)] == ["5", "24", "77", None]
    assert fuser.identity(3) == other
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [record["track_id"] for record in records] == [3] * 15 + [4] * 4 + [8] * 3
    assert {record["candidates"][0]["number"] for record in records if record["track_id"] == 8} == {"77"}


@pytest.mark.parametrize(("weights", "track_id", "best"), [((0.6, 0.3, 0.0, 0.1), 4, 8), ((0.1, 0.0, 0.3, 0.6), 8, 11)])
def test_a_track_shows_its_own_frames_alone(
    tmp_path: Path, weights: tuple[float, ...], track_id: int, best: int
) -> None:
    """Frames 8 and 9 show one player, 10 and 11 another; the anchor is not the frame with most attention."""
    path, fuser = tmp_path / "reads.jsonl", IdentityFuser(IdentitySettings())
    with ReadLog(path) as log:
        log.add([straddling(weights, anchor=9 if track_id == 4 else 10)])
    assert rename_reads(path, Renaming([Swap(4, 10, 8)]), fuser) == 0
    assert fuser.identity(track_id).best_frame == best
    assert fuser.identity(12 - track_id).n_reads == 0


@pytest.mark.parametrize("anchor", [9, 10])
def test_a_window_that_shows_both_speaks_for_neither(tmp_path: Path, anchor: int) -> None:
    path, fuser = tmp_path / "reads.jsonl", IdentityFuser(IdentitySettings())
    with ReadLog(path) as log:
        log.add([straddling((0.3, 0.2, 0.2, 0.3), anchor), read(3, 9, "5")])
    assert rename_reads(path, Renaming([Swap(4, 10, 8)]), fuser) == 1
    assert [fuser.identity(track).n_reads for track in (4, 8)] == [0, 0]
    assert [json.loads(line)["track_id"] for line in path.read_text().splitlines()] == [3]


def straddling(weights: tuple[float, ...], anchor: int) -> WindowRead:
    """A window of four crops and a padded one."""
    shares = np.array([*weights, 0.0], np.float32)
    frames = np.array([8, 9, 10, 11, -1])
    return replace(read(4, 9, "7"), frame_indices=frames, frame_weights=shares, anchor_frame=anchor)
