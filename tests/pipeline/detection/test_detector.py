"""The detector on a real picture: order, batches, sizes, weights that cannot be used, silence."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from scenes import street

from pipeline.clock import StageClock
from pipeline.detection.detector import DetectorError, DetectorSettings, PlayerDetector, default_weights, load_network
from pipeline.detection.yolo import decode_boxes, fit, grid, letterbox
from pipeline.types import Detections, Frame
from pipeline.uploads import upload
from pipeline.vendor import vendor_import
from pipeline.workers import EngineSettings, Workers
from recognizer.weights_file import WeightsError

CPU = torch.device("cpu")
SMALL = DetectorSettings(image_size=320, confidence=0.25)


def frame(bgr: np.ndarray, index: int = 0) -> Frame:
    return Frame(index, Fraction(index, 25), np.ascontiguousarray(bgr, np.uint8))


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    """Five different pictures of one size, then two of another."""
    picture = street()
    moved = [np.roll(picture, 40 * step, axis=1) for step in range(5)]
    return [frame(bgr, i) for i, bgr in enumerate([*moved, picture[:, :600], picture[:, 100:700]])]


def same(a: Detections, b: Detections) -> bool:
    return np.array_equal(a.xyxy, b.xyxy) and np.array_equal(a.confidence, b.confidence)


def test_finds_the_people_of_a_real_picture() -> None:
    (found,) = PlayerDetector(DetectorSettings(image_size=640, confidence=0.4), CPU).detect([frame(street())])
    by_left = found.xyxy[np.argsort(found.xyxy[:, 0])]
    for expected in ((50, 400, 245, 903), (222, 405, 344, 857), (668, 390, 809, 880)):
        corner = np.minimum(by_left[:, 2:], expected[2:]) - np.maximum(by_left[:, :2], expected[:2])
        overlap = corner.clip(0).prod(1) / np.prod(np.array(expected[2:]) - expected[:2])
        assert overlap.max() > 0.85, expected
    assert np.all(np.diff(found.confidence) <= 0)
    assert found.xyxy.dtype == np.float32
    assert found.confidence.dtype == np.float32


@pytest.mark.parametrize("batch_size", [2, 4, 32])
def test_the_batch_size_changes_nothing(frames: list[Frame], batch_size: int) -> None:
    alone = PlayerDetector(SMALL, CPU)
    expected = [alone.detect([one])[0] for one in frames]
    together = PlayerDetector(DetectorSettings(image_size=320, confidence=0.25, batch_size=batch_size), CPU).detect(
        frames
    )
    assert len(together) == len(frames)
    assert sum(map(len, together)) > len(frames)
    assert all(same(a, b) for a, b in zip(expected, together, strict=True))


def test_no_frames_and_frames_without_people() -> None:
    detector = PlayerDetector(SMALL, CPU)
    assert detector.detect([]) == []
    (nothing,) = detector.detect([frame(np.full((90, 160, 3), 60, np.uint8))])
    assert len(nothing) == 0
    (tiny,) = detector.detect([frame(np.zeros((1, 1, 3), np.uint8))])
    assert tiny.xyxy.shape == (0, 4)


def test_boxes_stay_inside_the_frame_and_under_the_limits(frames: list[Frame]) -> None:
    settings = DetectorSettings(image_size=320, confidence=0.05, max_detections=2)
    for one, found in zip(frames, PlayerDetector(settings, CPU).detect(frames), strict=True):
        width, height = one.size
        assert len(found) <= 2
        assert np.all(found.confidence >= 0.05)
        assert np.all(found.xyxy >= 0)
        assert np.all(found.xyxy <= np.array([width, height, width, height]))
        assert np.all(found.xyxy[:, 2:] > found.xyxy[:, :2])


def test_uploaded_frames_give_the_same_boxes(frames: list[Frame]) -> None:
    detector = PlayerDetector(replace(SMALL, precision="float32"), CPU)
    uploaded = [group[-1] for group in upload(([one] for one in frames), CPU, StageClock())]
    assert [one.index for one in uploaded] == [one.index for one in frames]
    for here, there in zip(detector.detect(frames), detector.detect(uploaded), strict=True):
        assert len(here) > 0
        np.testing.assert_allclose(here.xyxy, there.xyxy, atol=2.0)  # of the frame: 0.6 of the input
        np.testing.assert_allclose(here.confidence, there.confidence, atol=0.01)


def test_a_small_frame_is_not_enlarged_beyond_the_limit() -> None:
    small = frame(cv2.resize(street(), (240, 320)))
    large, limit = (
        PlayerDetector(DetectorSettings(image_size=size, max_upscale=1.5), CPU).detect([small])[0]
        for size in (1280, 480)
    )
    assert len(large) > 0
    assert same(large, limit)


def test_decoding_is_the_networks_own(frames: list[Frame]) -> None:
    network, _ = load_network(default_weights())
    place = fit(frames[0].size, 320)
    batch = torch.from_numpy(letterbox(frames[0].bgr, place)[None]).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        decoded, raw = network(batch)
    boxes = decode_boxes(raw["boxes"][0], *grid(*reversed(place.outer), batch.device))
    centre, size = decoded[0, :2].T, decoded[0, 2:4].T
    torch.testing.assert_close(boxes, torch.cat((centre - size / 2, centre + size / 2), 1), atol=1e-2, rtol=1e-4)
    torch.testing.assert_close(raw["scores"][0].sigmoid(), decoded[0, 4:])


def test_the_shipped_weights_are_one_small_safetensors_file() -> None:
    assert default_weights().stat().st_size < 7_000_000
    network, classes = load_network(default_weights())
    assert classes == ["player"]
    assert not network.training


def test_any_other_model_of_ultralytics_works_and_ignores_the_batch_size(frames: list[Frame], tmp_path: Path) -> None:
    with vendor_import():
        from ultralytics import YOLO
    torch.manual_seed(0)
    model = YOLO("yolo11n.yaml")
    model.model.names |= {0: "person", 5: "bus"}
    model.save(str(tmp_path / "other.pt"))
    settings = [
        DetectorSettings(
            weights=str(tmp_path / "other.pt"),
            image_size=160,
            confidence=0.0,
            batch_size=size,
            max_detections=5,
            classes=("person", "bus"),
        )
        for size in (1, 4)
    ]
    one, four = (PlayerDetector(each, CPU).detect(frames) for each in settings)
    assert len(one) == len(four) == len(frames)
    for a, b in zip(one, four, strict=True):
        np.testing.assert_allclose(a.confidence, b.confidence, atol=1e-5)


class Intruder:
    """Unpickling this writes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return os.system, (f"touch {self.mark}",)  # type: ignore[return-value]


def test_a_model_file_that_runs_code_is_refused(tmp_path: Path) -> None:
    torch.save({"model": Intruder(tmp_path / "ran")}, tmp_path / "evil.pt")
    with pytest.raises(DetectorError, match=r"evil\.pt cannot be loaded"):
        PlayerDetector(DetectorSettings(weights=str(tmp_path / "evil.pt")), CPU)
    assert not (tmp_path / "ran").exists()


def test_weights_that_are_missing(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match=r"none\.pt.*detector\.weights"):
        PlayerDetector(DetectorSettings(weights=str(tmp_path / "none.pt")), CPU)
    with pytest.raises(WeightsError, match=r"none\.safetensors does not exist"):
        PlayerDetector(DetectorSettings(weights=str(tmp_path / "none.safetensors")), CPU)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": ["a", "b"]}, r"another architecture.*cv3\.0\.2\.bias is \(1,\) instead of \(2,\)"),
        ({"classes": []}, "lists no classes"),
        ({"classes": None}, "lists no classes"),
    ],
)
def test_descriptions_that_do_not_fit(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    path = tmp_path / "players.safetensors"
    shutil.copy(default_weights(), path)
    card = json.loads(default_weights().with_suffix(".json").read_text("utf-8"))
    path.with_suffix(".json").write_text(json.dumps(card | changes))
    with pytest.raises(WeightsError, match=message):
        PlayerDetector(DetectorSettings(weights=str(path)), CPU)


@pytest.mark.parametrize("content", [b"", b"not a model"])
def test_a_model_file_that_is_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.pt").write_bytes(content)
    with pytest.raises(DetectorError, match=r"bad\.pt cannot be loaded"):
        PlayerDetector(DetectorSettings(weights=str(tmp_path / "bad.pt")), CPU)


@pytest.mark.parametrize(("kind", "task"), [("cls", "classify"), ("obb", "obb")])
def test_a_model_without_upright_boxes(kind: str, task: str) -> None:
    message = rf"yolo11n-{kind}\.yaml is made for another task \({task}\); .* detect, segment or pose\."
    with pytest.raises(DetectorError, match=message):
        PlayerDetector(DetectorSettings(weights=f"yolo11n-{kind}.yaml"), CPU)


@pytest.mark.parametrize("kind", ["seg", "pose"])
def test_a_model_that_gives_boxes_among_other_things(kind: str, frames: list[Frame]) -> None:
    settings = DetectorSettings(weights=f"yolo11n-{kind}.yaml", classes=("0",), image_size=160, confidence=0.0)
    detector = PlayerDetector(settings, CPU)
    assert detector.backend == "ultralytics"
    (found,) = detector.detect(frames[:1])
    assert len(found) <= settings.max_detections


def test_ultralytics_leaves_threads_alone(frames: list[Frame], monkeypatch: pytest.MonkeyPatch) -> None:
    detector = PlayerDetector(DetectorSettings(weights="yolo11n.yaml", classes=("0",), image_size=160), CPU)
    monkeypatch.setattr("ultralytics.utils.torch_utils.NUM_THREADS", 3)
    before = torch.get_num_threads()
    detector.detect(frames[:1])
    assert (torch.get_num_threads(), detector.side_by_side) == (before, False)


def test_a_class_the_model_does_not_have() -> None:
    with pytest.raises(DetectorError, match=r"no class 'horse'; detector\.classes may name: player"):
        PlayerDetector(DetectorSettings(classes=("horse",)), CPU)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image_size", 100),
        ("image_size", 1000),
        ("confidence", 1.5),
        ("max_upscale", 0.5),
        ("precision", "float64"),
        ("iou", -0.1),
        ("batch_size", 0),
        ("max_detections", 0),
        ("classes", "player"),
        ("confidence", float("nan")),
    ],
)
def test_settings_out_of_range(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"{name} is .*(expected|allowed)"):
        DetectorSettings(**{name: value})  # type: ignore[arg-type]  # that is the point


QUIET = """
import socket
def refuse(*a, **k): raise AssertionError("network")
socket.getaddrinfo = socket.create_connection = socket.socket.connect = refuse
import torch, os
from pipeline.detection.detector import DetectorSettings, PlayerDetector
from pipeline.tracking.tracker import PlayerTracker, TrackerSettings
PlayerDetector(DetectorSettings(), torch.device("cpu"))
PlayerTracker(TrackerSettings(), 25.0)
from ultralytics.utils import AUTOINSTALL, ONLINE, SAFE_LOAD
from ultralytics.utils.events import events
assert (AUTOINSTALL, ONLINE, SAFE_LOAD, events.enabled) == (False, False, True, False)
assert "OMP_NUM_THREADS" not in os.environ
"""


LOUD = {"YOLO_OFFLINE": "false", "YOLO_AUTOINSTALL": "true", "ULTRALYTICS_SAFE_LOAD": "0"}
"""What a user's shell may say, in vain."""


def test_nothing_is_printed_sent_or_left_behind(tmp_path: Path) -> None:
    home, scratch = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    scratch.mkdir()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("YOLO_", "ULTRALYTICS_", "OMP_", "XDG_"))}
    root = Path(__file__).parents[3]
    environment = kept | {"HOME": str(home), "TMPDIR": str(scratch), "PYTHONPATH": str(root)} | LOUD
    done = subprocess.run(
        [sys.executable, "-c", QUIET], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(home.rglob("*")) == []
    assert [p for p in scratch.iterdir() if p.name.startswith(("jersey-numbers", "Ultralytics"))] == []


def test_frames_detected_at_the_same_time_give_the_same(frames: list[Frame], few_threads: None) -> None:
    expected = (detector := PlayerDetector(SMALL, CPU)).detect(frames)
    with Workers(EngineSettings(threads=4)) as workers:
        found = [result() for _, result in workers.spread(lambda one: detector.detect([one])[0], frames, most=4)]
    assert all(same(a, b) for a, b in zip(expected, found, strict=True))
