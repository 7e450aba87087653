"""Reading windows: crops shared by windows are encoded once, and nothing else changes by it."""

import gc
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.reading import ReaderSettings, WindowReader
from pipeline.types import Crop, CropWindow, WindowRead
from pipeline.windows import WindowBuffer, WindowSettings
from recognizer.reader import JerseyReader

CPU = torch.device("cpu")
OVERLAPPING = WindowSettings(length=5, stride=1, spacing_seconds=0.0, min_quality=0.0)


def crops(track_id: int, count: int) -> list[Crop]:
    rng = np.random.default_rng(track_id)
    return [
        Crop(track_id, i, i / 25, rng.integers(0, 255, (20 + i, 20 + i, 3), np.uint8), float(rng.uniform(0.1, 1.0)))
        for i in range(count)
    ]


def windows_of(reader: WindowReader, settings: WindowSettings, counts: list[int]) -> list[CropWindow]:
    buffer = WindowBuffer(settings, reader.preprocess)
    offered = [crop for track, count in enumerate(counts) for crop in crops(track, count)]
    return [window for crop in offered for window in buffer.push(crop)] + buffer.flush()


def read_all(reader: WindowReader, windows: list[CropWindow]) -> list[WindowRead]:
    return [read for window in windows for read in reader.push([window])] + reader.flush()


class Counting(WindowReader):
    """Counts the crops that pass the backbone."""

    def __init__(self, settings: ReaderSettings) -> None:
        super().__init__(settings, CPU)
        self.encoded: list[int] = []
        encode = self._reader.encode

        def counted(rgb: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> torch.Tensor:
            self.encoded.append(len(rgb))
            return encode(rgb)

        self._reader.encode = counted  # type: ignore[method-assign]


@pytest.mark.parametrize("batch_size", [1, 4, 32])
@pytest.mark.parametrize("stride", [1, 2, 5])
def test_reads_are_those_of_whole_windows(untrained_reader: Path, batch_size: int, stride: int) -> None:
    reader = WindowReader(ReaderSettings(str(untrained_reader), batch_size, "torch"), CPU)
    settings = WindowSettings(length=5, stride=stride, spacing_seconds=0.0, min_quality=0.0)
    windows = windows_of(reader, settings, [12, 3, 7])
    reads = read_all(reader, windows)
    whole = JerseyReader(untrained_reader, CPU)
    expected = whole.read(np.stack([w.rgb for w in windows]), np.stack([w.valid for w in windows]))
    assert [read.track_id for read in reads] == [window.track_id for window in windows]
    np.testing.assert_allclose([read.tens for read in reads], expected.tens, atol=1e-5)
    np.testing.assert_allclose([read.units for read in reads], expected.units, atol=1e-5)
    np.testing.assert_allclose([read.frame_weights for read in reads], expected.frame_weights, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_each_crop_passes_the_backbone_once(untrained_reader: Path, batch_size: int) -> None:
    reader = Counting(ReaderSettings(str(untrained_reader), batch_size, "torch"))
    windows = windows_of(reader, OVERLAPPING, [12, 7])
    assert len(read_all(reader, windows)) == 8 + 3
    assert sum(reader.encoded) == 12 + 7


def test_windows_of_all_players_are_read_in_one_batch(untrained_reader: Path) -> None:
    reader = Counting(ReaderSettings(str(untrained_reader), 8, "torch"))
    windows = windows_of(reader, WindowSettings(spacing_seconds=0.0, min_quality=0.0), [5] * 8)
    assert len(read_all(reader, windows)) == 8
    assert reader.encoded == [40]


def test_features_are_dropped_with_the_window_buffer(untrained_reader: Path) -> None:
    reader = WindowReader(ReaderSettings(str(untrained_reader), 1, "torch"), CPU)
    buffer = WindowBuffer(OVERLAPPING, reader.preprocess)
    most = 0
    for crop in crops(1, 40):
        reader.push(buffer.push(crop))
        most = max(most, len(reader._features))
    assert most == 5
    reader.push(buffer.flush())
    gc.collect()
    assert not reader._features
