"""The batched reader, on every backend."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from recognizer import precision as precision_module
from recognizer import reader as reader_module
from recognizer.graphs import ExportError
from recognizer.model import JerseyTemporalNet
from recognizer.onnx_network import missing_packages
from recognizer.precision import BackendError, Precision, resolve_precision
from recognizer.preprocess import normalize
from recognizer.reader import JerseyReader, ReaderOutput, default_weights
from recognizer.weights_file import WeightsError

SIDE = 32
CPU = torch.device("cpu")


needs_onnx = pytest.mark.skipif(bool(missing_packages()), reason="needs the extra 'cpu'")


@pytest.fixture(params=["torch", pytest.param("onnx", marks=needs_onnx)])
def reader(checkpoint: Path, request: pytest.FixtureRequest) -> JerseyReader:
    return JerseyReader(checkpoint, CPU, batch_size=4, backend=request.param, precision="float32")


def windows(count: int, length: int = 5, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    rng = np.random.default_rng(seed)
    rgb = rng.integers(0, 256, (count, length, SIDE, SIDE, 3), dtype=np.uint8)
    return rgb, np.arange(length)[None] < rng.integers(1, length + 1, (count, 1))


def assert_equal(left: ReaderOutput, right: ReaderOutput) -> None:
    for ours, theirs in zip(left, right, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


def pooled(net: JerseyTemporalNet, rgb: NDArray[np.uint8], valid: NDArray[np.bool_]) -> ReaderOutput:
    """Whole windows and their frames one by one through the network, averaged, at a temperature of 2."""
    pictures, there = normalize(torch.from_numpy(rgb)), torch.from_numpy(valid)
    with torch.inference_mode():
        whole = net(pictures, there)
        digits = []
        for part in ("tens", "units"):
            rows = [
                [getattr(whole, part)[row]]
                + [
                    getattr(net(pictures[row, place][None, None], torch.ones(1, 1, dtype=torch.bool)), part)[0]
                    for place in there[row].nonzero().flatten().tolist()
                ]
                for row in range(len(rgb))
            ]
            means = [torch.log_softmax(torch.stack(row) / 2.0, dim=1).mean(dim=0) for row in rows]
            digits.append(torch.log_softmax(torch.stack(means), dim=1).numpy())
    return ReaderOutput(digits[0], digits[1], whole.frame_weights.numpy())


def test_output_pools_whole_windows_and_their_frames_at_the_temperature(
    reader: JerseyReader, net: JerseyTemporalNet
) -> None:
    rgb, valid = windows(6)
    output = reader.read(rgb, valid)
    assert [part.shape for part in output] == [(6, 11), (6, 11), (6, 5)]
    assert {part.dtype for part in output} == {np.dtype(np.float32)}
    assert_equal(output, pooled(net, rgb, valid))
    assert (output.frame_weights[~valid] == 0).all()


def test_a_window_reads_the_same_in_any_batch(reader: JerseyReader, checkpoint: Path) -> None:
    rgb, valid = windows(9)
    together = reader.read(rgb, valid)
    alone = [reader.read(rgb[i : i + 1], valid[i : i + 1]) for i in range(9)]
    assert_equal(together, ReaderOutput(*(np.concatenate(parts) for parts in zip(*alone, strict=True))))
    larger = JerseyReader(checkpoint, CPU, batch_size=100, backend=reader.backend, precision="float32")
    assert_equal(together, larger.read(rgb, valid))
    assert_equal(ReaderOutput(*(part[::-1] for part in together)), reader.read(rgb[::-1], valid[::-1]))


def test_padded_frames_do_not_matter(reader: JerseyReader) -> None:
    rgb, valid = windows(5)
    other = rgb.copy()
    other[~valid] = 255 - other[~valid]
    for ours, theirs in zip(reader.read(rgb, valid), reader.read(other, valid), strict=True):
        assert (ours == theirs).all()


def test_kept_features_read_as_whole_windows(reader: JerseyReader) -> None:
    rgb, valid = windows(3)
    features = torch.cat([reader.encode(window) for window in rgb]).view(3, 5, -1)
    assert_equal(reader.read(rgb, valid), reader.read_features(features, torch.from_numpy(valid)))


def test_no_windows_and_windows_without_frames(reader: JerseyReader) -> None:
    rgb, valid = windows(2)
    empty = reader.read(rgb[:0], valid[:0])
    assert [part.shape for part in empty] == [(0, 11), (0, 11), (0, 5)]
    assert reader.encode(rgb[0, :0]).shape == (0, 512)
    blank = reader.read(rgb, np.zeros_like(valid))
    assert (blank.frame_weights == 0).all()
    assert np.isfinite(blank.tens).all()


def test_single_frames_of_any_region(reader: JerseyReader) -> None:
    region = np.random.default_rng(0).integers(0, 256, (40, 23, 3), dtype=np.uint8)
    output = reader.read(reader.preprocess.apply(region)[None, None], np.ones((1, 1), np.bool_))
    assert output.frame_weights.tolist() == [[1.0]]
    assert np.exp(output.tens).sum() == pytest.approx(1.0, abs=1e-5)


def test_wrong_input_is_refused(reader: JerseyReader, checkpoint: Path, tmp_path: Path) -> None:
    rgb, valid = windows(2)
    with pytest.raises(ValueError, match=r"expected uint8 \(B, T, 32, 32, 3\)"):
        reader.read(rgb[:, :, :16], valid)
    with pytest.raises(ValueError, match=r"expected bool \(2, 5\)"):
        reader.read(rgb, valid[:, :4])
    with pytest.raises(ValueError, match="batch_size is 0"):
        JerseyReader(checkpoint, CPU, batch_size=0)
    with pytest.raises(WeightsError, match="does not exist"):
        JerseyReader(tmp_path / "none.safetensors", CPU)


@pytest.mark.parametrize("length", [1, 3, 8])
def test_windows_of_other_lengths_than_trained_on(reader: JerseyReader, net: JerseyTemporalNet, length: int) -> None:
    rgb, _ = windows(4, length)
    valid = np.random.default_rng(1).random((4, length)) < 0.7
    for ours, expected in zip(reader.read(rgb, valid), pooled(net, rgb, valid), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-4)


@needs_onnx
def test_backends_agree_with_padding_anywhere(checkpoint: Path) -> None:
    rgb, _ = windows(40)
    valid = np.random.default_rng(2).random((40, 5)) < 0.5
    assert not valid.any(axis=1).all()
    torch_reader = JerseyReader(checkpoint, CPU, backend="torch", precision="float32")
    onnx_reader = JerseyReader(checkpoint, CPU, backend="onnx")
    for ours, theirs in zip(torch_reader.read(rgb, valid), onnx_reader.read(rgb, valid), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


@needs_onnx
@pytest.mark.parametrize(("faster", "chosen"), [(True, "onnx"), (False, "torch")])
def test_auto_takes_the_faster_backend(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, faster: bool, chosen: str
) -> None:
    open_cached = reader_module.open_cached
    monkeypatch.setattr(reader_module, "open_cached", lambda *given: (open_cached(*given)[0], faster))
    assert JerseyReader(checkpoint, CPU, precision="float32").backend == chosen
    assert JerseyReader(checkpoint, CPU, backend="onnx").backend == "onnx"
    assert JerseyReader(checkpoint, CPU, backend="torch").backend == "torch"


@needs_onnx
def test_auto_falls_back_where_the_export_fails(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ExportError("It differs.")

    monkeypatch.setattr(reader_module, "open_cached", fail)
    assert JerseyReader(checkpoint, CPU, precision="float32").backend == "torch"
    assert [record.message for record in caplog.records] == ["ONNX Runtime is not used. It differs."]
    with pytest.raises(ExportError, match="differs"):
        JerseyReader(checkpoint, CPU, backend="onnx")


def test_without_the_extra_auto_is_torch_and_onnx_says_what_to_install(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert JerseyReader(checkpoint, CPU).backend == "torch"
    assert not caplog.records
    with pytest.raises(BackendError, match=r"onnxruntime.*pip install -e '.\[cpu\]'"):
        JerseyReader(checkpoint, CPU, backend="onnx")


def test_bfloat16_reads_nearly_the_same(checkpoint: Path) -> None:
    rgb, valid = windows(6)
    half = JerseyReader(checkpoint, CPU, precision="bfloat16")
    assert (half.backend, half.precision) == ("torch", "bfloat16")
    assert half.encode(rgb[0]).dtype == torch.float32
    exact = JerseyReader(checkpoint, CPU, precision="float32")
    for ours, theirs in zip(half.read(rgb, valid), exact.read(rgb, valid), strict=True):
        np.testing.assert_allclose(np.exp(ours), np.exp(theirs), rtol=0, atol=0.05)
        assert not (ours == theirs).all()


@needs_onnx
@pytest.mark.parametrize(("instructions", "chosen"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_is_bfloat16_where_the_cpu_has_it(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, instructions: bool, chosen: torch.dtype
) -> None:
    monkeypatch.setattr(precision_module, "cpu_has_bfloat16", lambda: instructions)
    assert resolve_precision("auto", CPU) == chosen
    assert resolve_precision("auto", torch.device("cuda")) == torch.float16
    assert resolve_precision("float32", CPU) == torch.float32
    rgb, valid = windows(6)
    auto = JerseyReader(checkpoint, CPU, backend="torch").read(rgb, valid)
    named: Precision = "bfloat16" if instructions else "float32"
    assert_equal(auto, JerseyReader(checkpoint, CPU, backend="torch", precision=named).read(rgb, valid))
    onnx = JerseyReader(checkpoint, CPU, backend="onnx")
    assert (onnx.backend, onnx.precision) == ("onnx", "float32")


def test_choices_that_exclude_each_other(checkpoint: Path) -> None:
    with pytest.raises(BackendError, match="not on cpu in bfloat16"):
        JerseyReader(checkpoint, CPU, backend="onnx", precision="bfloat16")
    with pytest.raises(BackendError, match="not on cuda in float16"):
        JerseyReader(checkpoint, torch.device("cuda"), backend="onnx")
    with pytest.raises(BackendError, match="float16 needs a CUDA device"):
        JerseyReader(checkpoint, CPU, precision="float16")
    with pytest.raises(ValueError, match="backend is 'tf'; allowed are auto, torch, onnx"):
        JerseyReader(checkpoint, CPU, backend="tf")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="precision is 'int8'; allowed are auto, float32"):
        JerseyReader(checkpoint, CPU, precision="int8")  # type: ignore[arg-type]


def test_default_weights_lie_in_the_package() -> None:
    assert default_weights().parts[-3:] == ("recognizer", "weights", "jersey_reader.safetensors")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_half_precision_on_cuda_reads_as_the_cpu_does(checkpoint: Path, caplog: pytest.LogCaptureFixture) -> None:
    on_cpu, on_cuda = (JerseyReader(checkpoint, torch.device(name)) for name in ("cpu", "cuda"))
    on_cuda.prepare(crops=64, windows=32, length=5)
    for count in (16, 9, 3, 2, 30):  # full, with rows left over from the call before, at other sizes
        rgb, valid = windows(count, seed=count)
        for ours, theirs in zip(on_cpu.read(rgb, valid), on_cuda.read(rgb, valid), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=0.05)
    graphs = [record for record in caplog.records if record.name == "recognizer.cuda_graphs"]
    assert not graphs  # they were used
