"""The trackers on moving boxes and on real footage: ids, gaps, frame rates, fresh state."""

import importlib.util
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from typing import get_args

import cv2
import numpy as np
import pytest
import torch
from factories import SHARED

from pipeline.detection.detector import DetectorSettings, PlayerDetector
from pipeline.tracking.tracker import CameraMotion, PlayerTracker, TrackerError, TrackerKind, TrackerSettings
from pipeline.types import Detections, Frame, TrackedBoxes

CLIPS = SHARED / "clips"
BACKGROUND = cv2.GaussianBlur(np.random.default_rng(7).integers(0, 255, (180, 320, 3), np.uint8), (9, 9), 0)


def frame(index: int, bgr: np.ndarray = BACKGROUND) -> Frame:
    return Frame(index, Fraction(index, 25), np.ascontiguousarray(bgr, np.uint8))


def people(*boxes: tuple[float, float, float, float], confidence: float = 0.9) -> Detections:
    return Detections(np.array(boxes, np.float32).reshape(-1, 4), np.full(len(boxes), confidence, np.float32))


def walkers(index: int) -> Detections:
    """Three people walking; the second and third cross."""
    x = 3.0 * index
    return people((20 + x, 20, 40 + x, 70), (40 + x, 100, 60 + x, 150), (250 - x, 130, 270 - x, 178))


def run(tracker: PlayerTracker, detections: Iterable[Detections]) -> list[TrackedBoxes]:
    return [tracker.update(frame(index), found) for index, found in enumerate(detections)]


@pytest.mark.parametrize("kind", get_args(TrackerKind))
def test_every_kind_follows_people(kind: TrackerKind) -> None:
    results = run(PlayerTracker(TrackerSettings(kind=kind), 25.0), map(walkers, range(20)))
    assert results[-1].track_id.dtype == np.int64
    settled = results[5:]
    assert all(sorted(result.track_id) == sorted(settled[0].track_id) for result in settled)
    first = {int(i): box for i, box in zip(settled[0].track_id, settled[0].xyxy, strict=True)}
    for track, box in zip(settled[-1].track_id, settled[-1].xyxy, strict=True):
        assert first[int(track)][1] == box[1]  # every person keeps walking along a line


@pytest.mark.parametrize("kind", get_args(TrackerKind))
def test_boxes_are_the_detections_of_this_very_frame(kind: TrackerKind) -> None:
    tracker = PlayerTracker(TrackerSettings(kind=kind), 25.0)
    for index in range(12):
        found = walkers(index) if index != 8 else people((24 + 20, 20, 44 + 20, 70))
        result = tracker.update(frame(index), found)
        given = {tuple(box) for box in found.xyxy.tolist()}
        assert all(tuple(box) in given for box in result.xyxy.tolist())


@pytest.mark.parametrize("kind", get_args(TrackerKind))
def test_frames_without_people(kind: TrackerKind) -> None:
    tracker = PlayerTracker(TrackerSettings(kind=kind), 25.0)
    nobody = Detections.empty()
    assert all(len(result) == 0 for result in run(tracker, [nobody, nobody, nobody]))
    assert any(len(result) for result in run(tracker, map(walkers, range(5))))
    assert len(tracker.update(frame(5), nobody)) == 0


def test_ids_start_at_one_for_every_video_also_side_by_side() -> None:
    one, two = PlayerTracker(TrackerSettings(), 25.0), PlayerTracker(TrackerSettings(), 25.0)
    for index in range(3):
        a, b = one.update(frame(index), walkers(index)), two.update(frame(index), walkers(index))
        assert sorted(a.track_id) == sorted(b.track_id) == [1, 2, 3]


def test_every_track_ends_at_a_cut_and_no_id_comes_back() -> None:
    tracker = PlayerTracker(TrackerSettings(), 25.0)
    before = [tracker.update(frame(index), walkers(index)) for index in range(5)]
    after = [tracker.update(frame(index), walkers(index), begins_shot=index == 5) for index in range(5, 10)]
    assert {int(i) for boxes in before for i in boxes.track_id} == {1, 2, 3}
    assert {int(i) for boxes in after for i in boxes.track_id} == {4, 5, 6}


@pytest.mark.parametrize(("frames_per_second", "found_again"), [(50.0, True), (10.0, False)])
def test_the_buffer_is_in_seconds(frames_per_second: float, found_again: bool) -> None:
    tracker = PlayerTracker(TrackerSettings(buffer_seconds=0.5, camera_motion="none"), frames_per_second)
    person, nobody = people((100, 50, 130, 120)), Detections.empty()
    results = run(tracker, [person] * 5 + [nobody] * 15 + [person] * 3)
    assert (results[-1].track_id.tolist() == results[4].track_id.tolist()) is found_again


def test_a_weak_detection_continues_a_track_but_starts_none() -> None:
    weak = people((100, 50, 130, 120), confidence=0.15)
    strong = people((100, 50, 130, 120))
    assert not any(len(result) for result in run(PlayerTracker(TrackerSettings(), 25.0), [weak] * 4))
    assert len(run(PlayerTracker(TrackerSettings(), 25.0), [strong] * 3 + [weak])[-1]) == 1


@pytest.mark.parametrize(
    ("rate", "seconds", "kept"),
    [(25.0, 0.4, True), (25.0, 0.6, False), (1.0, 0.5, True), (1.0, 3.0, False)],
)
def test_every_track_ends_at_a_gap_in_the_video(rate: float, seconds: float, kept: bool) -> None:
    tracker = PlayerTracker(TrackerSettings(buffer_seconds=0.5, camera_motion="none"), rate)
    person, ids = people((100, 50, 130, 120)), []
    for index in range(10):
        time = Fraction(index) / Fraction(rate) + (Fraction(seconds) if index >= 5 else 0)
        ids += tracker.update(Frame(index, time, BACKGROUND), person).track_id.tolist()
    assert sorted(set(ids)) == ([1] if kept else [1, 2])


@pytest.mark.parametrize("colours", [True, False])
def test_shirts_tell_apart_two_who_meet_and_turn_back(colours: bool) -> None:
    tracker = PlayerTracker(TrackerSettings(shirt_colours=colours, camera_motion="none"), 25.0)
    shirts = {"red": (40, 30, 200), "white": (240, 240, 240)}
    followed: dict[str, list[int]] = {"red": [], "white": []}
    for index in range(30):
        apart = abs(index - 14.5) * 4  # they run into each other and, behind one another for a moment, back again
        places = {"red": 150 - apart, "white": 155 + apart}
        bgr = np.full_like(BACKGROUND, (60, 130, 70))
        for name in ("white", "red"):
            x = round(places[name])
            bgr[50:110, x : x + 24] = shirts[name]
        visible = [name for name in ("red", "white") if name == "red" or apart > 8]
        boxes = [(places[name], 30.0, places[name] + 24, 140.0) for name in visible]
        result = tracker.update(frame(index, bgr), people(*boxes))
        for name, box in zip(visible, boxes, strict=True):
            mine = np.abs(result.xyxy[:, 0] - box[0]) < 1
            followed[name] += result.track_id[mine].tolist()
    kept = all(ids[0] == ids[-1] for ids in followed.values())
    assert kept is colours


def test_at_few_frames_a_second_people_are_followed_at_once() -> None:
    late = [Detections.empty(), *[people((100, 50, 130, 120))] * 3]
    assert [len(boxes) for boxes in run(PlayerTracker(TrackerSettings(), 3.0), late)] == [0, 1, 1, 1]
    assert [len(boxes) for boxes in run(PlayerTracker(TrackerSettings(), 25.0), late)] == [0, 0, 0, 1]


@pytest.mark.parametrize("motion", [m for m in get_args(CameraMotion) if m not in {"none", "ecc"}])
def test_a_moving_camera_is_compensated(motion: CameraMotion) -> None:
    scene = cv2.resize(BACKGROUND, (1280, 720), interpolation=cv2.INTER_CUBIC)
    scene = cv2.add(scene, np.random.default_rng(3).integers(0, 60, scene.shape, np.uint8))

    def frames_followed(settings: TrackerSettings) -> int:
        tracker, count = PlayerTracker(settings, 25.0), 0
        for index in range(14):
            shift = 22 * max(0, index - 4)  # more than the person is wide
            person = people((500 - shift, 100, 520 - shift, 150))
            result = tracker.update(frame(index, scene[:400, shift : shift + 640]), person)
            count += result.track_id.tolist() == [1]
        return count

    assert frames_followed(TrackerSettings(camera_motion=motion)) == 14
    assert frames_followed(TrackerSettings(camera_motion="none")) == 5


def test_pictures_of_changing_size_do_not_stop_it() -> None:
    tracker = PlayerTracker(TrackerSettings(), 25.0)
    for index in range(10):
        bgr = BACKGROUND if index % 4 < 2 else cv2.resize(BACKGROUND, (200, 120))
        result = tracker.update(frame(index, bgr), people((20, 20, 40, 70)))
    assert len(result) == 1
    assert len(tracker.update(frame(10, np.zeros((1, 1, 3), np.uint8)), Detections.empty())) == 0


@pytest.mark.shared
@pytest.mark.skipif(not CLIPS.is_dir(), reason="needs the real clips")
def test_the_same_tracks_whatever_the_detectors_batch_size() -> None:
    capture = cv2.VideoCapture(str(CLIPS / "foul_bayern.mp4"))
    frames = [frame(index, capture.read()[1]) for index in range(24)]
    settings = DetectorSettings(image_size=320)
    outcomes = []
    for size in (1, 5, 16):
        detector = PlayerDetector(replace(settings, batch_size=size), torch.device("cpu"))
        found = [d for start in range(0, 24, size) for d in detector.detect(frames[start : start + size])]
        tracker = PlayerTracker(TrackerSettings(), 25.0)
        outcomes.append([tracker.update(one, d) for one, d in zip(frames, found, strict=True)])
    assert sum(len(result) for result in outcomes[0]) > 24
    for other in outcomes[1:]:
        for a, b in zip(outcomes[0], other, strict=True):
            assert a.track_id.tolist() == b.track_id.tolist()
            np.testing.assert_array_equal(a.xyxy, b.xyxy)


def test_a_missing_package_is_named_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(TrackerError, match="package 'lap'"):
        PlayerTracker(TrackerSettings(), 25.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "sort"),
        ("camera_motion", "magic"),
        ("high_threshold", 1.1),
        ("low_threshold", 0.9),
        ("match_threshold", -1.0),
        ("buffer_seconds", 61.0),
    ],
)
def test_settings_out_of_range(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"{name} is .*allowed (is|are)"):
        TrackerSettings(**{name: value})  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize("rate", [0.0, -25.0, float("nan"), float("inf")])
def test_a_frame_rate_that_cannot_be(rate: float) -> None:
    with pytest.raises(ValueError, match=r"frames_per_second is .*expected a positive number"):
        PlayerTracker(TrackerSettings(), rate)


def test_the_camera_s_motion_is_found_in_a_small_picture_behind_a_cut_too() -> None:
    tracker = PlayerTracker(TrackerSettings(), 25.0)
    picture = np.full((720, 1280, 3), (0, 0, 200), np.uint8)
    for index in range(3):
        before = tracker._tracker
        tracker.update(Frame(index, Fraction(index, 25), picture), Detections.empty(), begins_shot=index == 2)
        assert tracker._tracker.gmc.downscale == 3
    assert tracker._tracker is not before, "the last picture is another shot"
