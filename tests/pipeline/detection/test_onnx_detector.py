"""The detector in ONNX Runtime and in half precision: the same people as PyTorch finds in float32."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from scenes import street_pictures

from pipeline.detection import onnx_detector
from pipeline.detection.detector import DetectorSettings, PlayerDetector, default_weights, load_network
from pipeline.detection.forward import TorchForward, choose_forward
from pipeline.detection.onnx_detector import open_onnx
from pipeline.types import Detections, Frame, UInt8Image
from recognizer.graphs import ExportError
from recognizer.onnx_cache import CacheError
from recognizer.onnx_network import missing_packages
from recognizer.precision import BackendError

CPU = torch.device("cpu")
PICTURES = street_pictures(3)
needs_onnx = pytest.mark.skipif(bool(missing_packages()), reason="needs the extra 'cpu' (onnx, onnxruntime)")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch, few_threads: None) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


def found(backend: str, image_size: int = 320, pictures: Sequence[UInt8Image] = PICTURES) -> list[Detections]:
    settings = DetectorSettings(image_size=image_size, backend=backend, precision="float32", confidence=0.2)
    frames = [Frame(i, Fraction(i), picture) for i, picture in enumerate(pictures)]
    return PlayerDetector(settings, CPU).detect(frames)


def network() -> torch.nn.Module:
    plain, _ = load_network(default_weights())
    return plain.fuse(verbose=False)  # type: ignore[operator, no-any-return]


@needs_onnx
@pytest.mark.parametrize("image_size", [160, 320, 640])
def test_it_finds_what_pytorch_finds(image_size: int) -> None:
    pictures = [*PICTURES, np.rot90(PICTURES[0]).copy(), PICTURES[1][:101, :203].copy()]
    ours, theirs = found("onnx", image_size, pictures), found("torch", image_size, pictures)
    assert sum(len(each) for each in ours) > 4 or image_size == 160
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.xyxy, other.xyxy, atol=0.02)
        np.testing.assert_allclose(one.confidence, other.confidence, atol=1e-3)


@needs_onnx
@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_it_says_what_it_runs_in(backend: str) -> None:
    settings = DetectorSettings(backend=backend, precision="float32")
    assert PlayerDetector(settings, CPU).backend == f"{backend} float32"


@needs_onnx
def test_it_is_what_auto_takes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    monkeypatch.setattr(onnx_detector, "open_onnx", lambda weights, network: opened.append(weights))
    choose_forward(default_weights(), network(), "auto", "float32", CPU)
    assert opened == [default_weights()]
    choose_forward(default_weights(), network(), "torch", "float32", CPU)
    assert len(opened) == 1


@needs_onnx
def test_it_is_exported_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found("onnx")
    [export] = (cache / "jersey-numbers" / "detector").iterdir()
    monkeypatch.setattr(onnx_detector, "_export", lambda *_: pytest.fail("exported again"))
    assert found("onnx")
    export.write_bytes(b"damaged")
    with pytest.raises(pytest.fail.Exception, match="exported again"):
        found("onnx")
    assert not export.exists()


@needs_onnx
def test_an_export_that_computes_something_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(onnx_detector, "_TOLERANCE", 0.0)
    with pytest.raises(ExportError, match=r"does not compute what PyTorch does; use detector\.backend torch"):
        open_onnx(default_weights(), network())
    assert not list((tmp_path / "jersey-numbers" / "detector").iterdir())


@needs_onnx
def test_without_a_cache_auto_goes_on_with_pytorch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(CacheError, match=r"cannot be used .*; set XDG_CACHE_HOME"):
        found("onnx")
    assert len(found("auto")[0]) == len(found("torch")[0])
    assert "ONNX Runtime is not used for the detector." in caplog.text


def test_without_the_packages_auto_takes_pytorch_and_onnx_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_detector, "missing_packages", lambda: ["onnxruntime"])
    assert len(found("auto")[0]) == len(found("torch")[0])
    with pytest.raises(BackendError, match="needs onnxruntime, which the extra 'cpu' brings; use auto or torch"):
        found("onnx")


def test_onnx_is_for_the_cpu() -> None:
    with pytest.raises(BackendError, match="runs on the CPU, not on meta; use auto or torch"):
        choose_forward(default_weights(), network(), "onnx", "float32", torch.device("meta"))


def test_half_precision_stays_near() -> None:
    picture = torch.from_numpy(PICTURES[0][None, :192, :192].copy())
    forwards = [TorchForward(network(), CPU, dtype, None) for dtype in (torch.float32, torch.float16)]
    assert [forward.backend for forward in forwards] == ["torch float32", "torch float16"]
    with torch.inference_mode():
        exact, half = (forward(picture) for forward in forwards)
    assert half[1].dtype == torch.float32
    torch.testing.assert_close(half[1], exact[1], atol=0.01, rtol=0.05)
    torch.testing.assert_close(half[0], exact[0], atol=0.15, rtol=0.05)


def test_unknown_backends_are_named() -> None:
    with pytest.raises(ValueError, match="backend is 'tensorrt'; allowed are auto, torch, onnx"):
        DetectorSettings(backend="tensorrt")
