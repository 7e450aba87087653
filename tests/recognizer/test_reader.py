"""The batched reader."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from recognizer.checkpoint import CheckpointError, CheckpointInfo, save_checkpoint
from recognizer.model import JerseyTemporalNet, ModelConfig
from recognizer.preprocess import Preprocess, normalize
from recognizer.reader import JerseyReader, ReaderOutput, default_weights

SIDE = 32
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def net() -> JerseyTemporalNet:
    torch.manual_seed(0)
    return JerseyTemporalNet(ModelConfig(hidden_size=16, head_size=16)).eval()


@pytest.fixture(scope="module")
def checkpoint(net: JerseyTemporalNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reader") / "net.safetensors"
    save_checkpoint(path, net, CheckpointInfo(preprocess=Preprocess(size=SIDE), temperature=2.0))
    return path


@pytest.fixture(scope="module")
def reader(checkpoint: Path) -> JerseyReader:
    return JerseyReader(checkpoint, CPU, batch_size=4)


def windows(count: int, length: int = 5, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    rng = np.random.default_rng(seed)
    rgb = rng.integers(0, 256, (count, length, SIDE, SIDE, 3), dtype=np.uint8)
    return rgb, np.arange(length)[None] < rng.integers(1, length + 1, (count, 1))


def assert_equal(left: ReaderOutput, right: ReaderOutput) -> None:
    for ours, theirs in zip(left, right, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


def test_output_is_log_probabilities_at_the_temperature(reader: JerseyReader, net: JerseyTemporalNet) -> None:
    rgb, valid = windows(6)
    output = reader.read(rgb, valid)
    assert [part.shape for part in output] == [(6, 11), (6, 11), (6, 5)]
    assert {part.dtype for part in output} == {np.dtype(np.float32)}
    with torch.inference_mode():
        direct = net(normalize(torch.from_numpy(rgb)), torch.from_numpy(valid))
    np.testing.assert_allclose(output.tens, torch.log_softmax(direct.tens / 2.0, dim=1), atol=1e-5)
    np.testing.assert_allclose(output.units, torch.log_softmax(direct.units / 2.0, dim=1), atol=1e-5)
    np.testing.assert_allclose(output.frame_weights, direct.frame_weights, atol=1e-5)
    assert (output.frame_weights[~valid] == 0).all()


def test_a_window_reads_the_same_in_any_batch(reader: JerseyReader, checkpoint: Path) -> None:
    rgb, valid = windows(9)
    together = reader.read(rgb, valid)
    alone = [reader.read(rgb[i : i + 1], valid[i : i + 1]) for i in range(9)]
    assert_equal(together, ReaderOutput(*(np.concatenate(parts) for parts in zip(*alone, strict=True))))
    assert_equal(together, JerseyReader(checkpoint, CPU, batch_size=100).read(rgb, valid))
    assert_equal(ReaderOutput(*(part[::-1] for part in together)), reader.read(rgb[::-1], valid[::-1]))


def test_padded_frames_do_not_matter(reader: JerseyReader) -> None:
    rgb, valid = windows(5)
    other = rgb.copy()
    other[~valid] = 255 - other[~valid]
    for ours, theirs in zip(reader.read(rgb, valid), reader.read(other, valid), strict=True):
        assert (ours == theirs).all()


def test_kept_features_read_as_whole_windows(reader: JerseyReader) -> None:
    rgb, _ = windows(3)
    valid = np.ones((3, 5), np.bool_)
    features = torch.cat([reader.encode(window) for window in rgb]).view(3, 5, -1)
    assert_equal(reader.read(rgb, valid), reader.read_features(features, torch.from_numpy(valid)))


def test_no_windows_and_windows_without_frames(reader: JerseyReader) -> None:
    rgb, valid = windows(2)
    empty = reader.read(rgb[:0], valid[:0])
    assert [part.shape for part in empty] == [(0, 11), (0, 11), (0, 5)]
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
    with pytest.raises(CheckpointError, match="does not exist"):
        JerseyReader(tmp_path / "none.safetensors", CPU)


def test_default_weights_lie_in_the_package() -> None:
    assert default_weights().parts[-3:] == ("recognizer", "weights", "jersey_reader.safetensors")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_half_precision_on_cuda_reads_as_the_cpu_does(reader: JerseyReader, checkpoint: Path) -> None:
    rgb, valid = windows(9)
    for ours, theirs in zip(
        reader.read(rgb, valid), JerseyReader(checkpoint, torch.device("cuda")).read(rgb, valid), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=0.05)
