"""Reading windows: crops shared by windows are encoded once, and nothing else changes by it."""

import gc
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from factories import CornerFinder, window_pixels

from pipeline.reading import ReaderSettings, WindowReader
from pipeline.types import Crop, CropWindow, UInt8Image, WindowCrop, WindowRead
from pipeline.windows import WindowBuffer, WindowSettings
from pipeline.workers import EngineSettings, Workers
from recognizer.decode import number_log_probs, split_readable
from recognizer.labels import NUMBERS
from recognizer.localizer import Places
from recognizer.reader import JerseyReader

CPU = torch.device("cpu")
OVERLAPPING = WindowSettings(length=5, stride=1, spacing_seconds=0.0, min_quality=0.0)


def reader_settings(weights: Path, batch_size: int, glance: float = 0.0) -> ReaderSettings:
    return ReaderSettings(str(weights), batch_size=batch_size, glance=glance, backend="torch")


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


def readable_of(read: WindowRead) -> float:
    return split_readable(number_log_probs(read.tens, read.units))[0]


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
    reader = WindowReader(reader_settings(untrained_reader, batch_size), CPU)
    settings = WindowSettings(length=5, stride=stride, spacing_seconds=0.0, min_quality=0.0)
    windows = windows_of(reader, settings, [12, 3, 7])
    reads = read_all(reader, windows)
    whole = JerseyReader(untrained_reader, CPU)
    expected = whole.read(np.stack([window_pixels(w) for w in windows]), np.stack([w.valid for w in windows]))
    assert [read.track_id for read in reads] == [window.track_id for window in windows]
    np.testing.assert_allclose([read.tens for read in reads], expected.tens, atol=1e-5)
    np.testing.assert_allclose([read.units for read in reads], expected.units, atol=1e-5)
    np.testing.assert_allclose([read.frame_weights for read in reads], expected.frame_weights, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_each_crop_passes_the_backbone_once(untrained_reader: Path, batch_size: int) -> None:
    reader = Counting(reader_settings(untrained_reader, batch_size))
    windows = windows_of(reader, OVERLAPPING, [12, 7])
    assert len(read_all(reader, windows)) == 8 + 3
    assert sum(reader.encoded) == 12 + 7


def test_windows_of_all_players_pass_the_network_together(untrained_reader: Path) -> None:
    reader = Counting(reader_settings(untrained_reader, 8))
    windows = windows_of(reader, WindowSettings(spacing_seconds=0.0, min_quality=0.0), [5] * 8)
    assert len(read_all(reader, windows)) == 8
    assert reader.encoded == [16, 16, 8]


def in_surroundings(crop: Crop) -> Crop:
    """The crop in the middle of a square 2.4 times as large."""
    side = crop.rgb.shape[0]
    around = np.random.default_rng(crop.frame_index).integers(0, 255, (round(2.4 * side),) * 2 + (3,), np.uint8)
    return replace(crop, surroundings=around)


def in_every_second(rgb: torch.Tensor, own: torch.Tensor) -> Places:
    """Stands for the localizer's network: half of the squares, by a pixel of theirs, show a number."""
    count = len(rgb)
    return Places(torch.full((count, 2), 0.1), torch.full((count,), 0.8), (rgb[:, 0, 0, 0] > 127).float())


def test_passes_that_run_side_by_side_give_the_same(untrained_reader: Path) -> None:
    settings = replace(reader_settings(untrained_reader, 32), locate=True, zooms=(0.65,))
    one = WindowReader(settings, CPU)
    buffer = WindowBuffer(WindowSettings(spacing_seconds=0.0, min_quality=0.0), one.preprocess)
    offered = [in_surroundings(crop) for track in range(20) for crop in crops(track, 5)]
    windows = [window for crop in offered for window in buffer.push(crop)] + buffer.flush()
    meeting, makers = threading.Barrier(2), set[str]()
    with Workers(EngineSettings(threads=2)) as workers:
        several = WindowReader(settings, CPU, spread=workers.spread)
        encode = several._reader.encode

        def together(rgb: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> torch.Tensor:
            if len(makers) < 2:
                meeting.wait(timeout=20)
                makers.add(threading.current_thread().name)
            return encode(rgb)

        several._reader.encode = together  # type: ignore[method-assign]
        for reader in (one, several):
            reader._finder._network.find = in_every_second  # type: ignore[union-attr, method-assign]
        found = read_all(several, windows)
        alone = read_all(one, windows)
    assert len(makers) == 2
    for read, expected in zip(found, alone, strict=True):
        np.testing.assert_array_equal(read.tens, expected.tens)
        np.testing.assert_array_equal(read.units, expected.units)


def test_features_are_dropped_with_the_window_buffer(untrained_reader: Path) -> None:
    reader = WindowReader(reader_settings(untrained_reader, 1), CPU)
    buffer = WindowBuffer(OVERLAPPING, reader.preprocess)
    most = 0
    for crop in crops(1, 40):
        reader.push(buffer.push(crop))
        most = max(most, len(reader._features[1.0]))
    assert most == 5
    reader.push(buffer.flush())
    gc.collect()
    assert not reader._features[1.0]


@pytest.mark.parametrize("batch_size", [1, 4, 32])
def test_a_window_whose_best_crop_shows_nothing_is_read_from_it_alone(untrained_reader: Path, batch_size: int) -> None:
    reader = Counting(reader_settings(untrained_reader, batch_size, glance=1.0))
    windows = windows_of(reader, WindowSettings(spacing_seconds=0.0, min_quality=0.0), [10, 3, 5])
    reads = read_all(reader, windows)
    best_only = np.stack([np.arange(5) == window.anchor for window in windows])
    expected = JerseyReader(untrained_reader, CPU).read(np.stack([window_pixels(w) for w in windows]), best_only)
    assert sum(reader.encoded) == len(windows)
    np.testing.assert_allclose([read.tens for read in reads], expected.tens, atol=1e-5)
    np.testing.assert_allclose([read.frame_weights for read in reads], best_only, atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 4, 32])
def test_a_window_whose_best_crop_shows_enough_is_read_whole(untrained_reader: Path, batch_size: int) -> None:
    blank = WindowReader(reader_settings(untrained_reader, 32, glance=1.0), CPU)
    windows = windows_of(blank, WindowSettings(spacing_seconds=0.0, min_quality=0.0), [10, 15, 5])
    glances = [readable_of(read) for read in read_all(blank, windows)]
    threshold = float(np.median(glances))
    reads = read_all(WindowReader(reader_settings(untrained_reader, batch_size, threshold), CPU), windows)
    whole = read_all(WindowReader(reader_settings(untrained_reader, batch_size), CPU), windows)
    looked_on = [glance >= threshold for glance in glances]
    assert 0 < sum(looked_on) < len(windows)
    assert [float(read.frame_weights.max()) < 0.999 for read in reads] == looked_on
    for read, full, wanted in zip(reads, whole, looked_on, strict=True):
        assert bool(np.allclose(read.tens, full.tens, atol=1e-5)) == wanted


@pytest.mark.parametrize("glance", [0.6, 1.0])
def test_a_window_whose_best_crop_surely_shows_no_number_never_reaches_the_network(
    untrained_reader: Path, glance: float
) -> None:
    reader = Counting(replace(reader_settings(untrained_reader, 32, glance), locate=True))
    windows = windows_of(reader, WindowSettings(spacing_seconds=0.0, min_quality=0.0), [5, 5, 3])
    assert reader._finder is not None and reader.locates
    sure = {windows[0].best: 0.97, windows[2].best: 0.94}
    reader._finder.absent = lambda crops: [sure.get(crop, 0.0) for crop in crops]  # type: ignore[method-assign]
    reads = read_all(reader, windows)
    assert reader.encoded[0] == 2
    assert readable_of(reads[0]) < 0.1
    assert [int(read.anchor_frame) for read in reads] == [w.best.frame_index for w in windows]
    whole = WindowReader(reader_settings(untrained_reader, 32, glance), CPU)
    np.testing.assert_allclose(reads[2].tens, read_all(whole, [windows[2]])[0].tens, atol=1e-5)


def test_windows_are_read_at_each_zoom_and_the_reads_pooled(untrained_reader: Path) -> None:
    settings = replace(reader_settings(untrained_reader, 32), zooms=(0.5,))
    single = replace(settings, zooms=())
    reader, wide = WindowReader(settings, CPU), WindowReader(single, CPU)
    windows = windows_of(reader, WindowSettings(spacing_seconds=0.0, min_quality=0.0), [5, 3])

    class Close(CornerFinder):
        """The closer zoom alone."""

        def inputs(self, crops: Sequence[WindowCrop], zoom: float = 1.0) -> UInt8Image:
            return super().inputs(crops, 0.5)

    near = WindowReader(single, CPU)
    reader._finder, wide._finder, near._finder = CornerFinder(), CornerFinder(), Close()  # type: ignore[assignment]
    both, far, close = (read_all(one, windows) for one in (reader, wide, near))
    for read, one, other in zip(both, far, close, strict=True):
        mean = (one.units + other.units) / 2
        np.testing.assert_allclose(read.units, mean - np.log(np.exp(mean).sum()), atol=1e-5)
        assert np.exp(read.tens).sum() == pytest.approx(1.0, abs=1e-5)
        np.testing.assert_allclose(read.frame_weights, one.frame_weights, atol=1e-6)


def test_a_window_whose_best_crop_names_the_settled_number_is_read_from_it_alone(untrained_reader: Path) -> None:
    settings = reader_settings(untrained_reader, 32, glance=1e-6)
    reader = Counting(settings)
    windows = windows_of(reader, WindowSettings(spacing_seconds=0.0, min_quality=0.0), [5, 5])
    best_only = np.stack([np.arange(5) == window.anchor for window in windows])
    glances = JerseyReader(untrained_reader, CPU).read(np.stack([window_pixels(w) for w in windows]), best_only)
    named = [
        NUMBERS[int(split_readable(number_log_probs(tens, units))[1].argmax())]
        for tens, units in zip(glances.tens, glances.units, strict=True)
    ]
    other = next(number for number in NUMBERS if number not in named)
    settled = [replace(windows[0], expected=named[0]), replace(windows[1], expected=other)]
    known, doubted = read_all(reader, settled)
    assert sum(reader.encoded) == 5 + 1
    np.testing.assert_allclose(known.tens, glances.tens[0], atol=1e-5)
    assert float(doubted.frame_weights.max()) < 0.999


def test_glance_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"glance is 1\.5; allowed is 0 to 1"):
        ReaderSettings(glance=1.5)
