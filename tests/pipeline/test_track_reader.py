"""From boxes to reads: what reaches the network, and when a track is read."""

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise
from typing import cast

import numpy as np
import pytest

from pipeline.clock import StageClock
from pipeline.config import load
from pipeline.reading import WindowReader
from pipeline.settings import Settings
from pipeline.track_reader import TrackReader
from pipeline.types import CropWindow, Frame, TrackedBoxes, UInt8Image, WindowRead
from recognizer.labels import encode
from recognizer.preprocess import Preprocess

RATE = 25
BOX = (100.0, 40.0, 180.0, 240.0)
SURE = ["identity.min_reads=1", "windows.min_quality=0.05"]


def textured(seed: int = 0) -> UInt8Image:
    return np.random.default_rng(seed).integers(0, 255, (360, 640, 3), np.uint8)


def boxes(*xyxy: tuple[float, float, float, float]) -> TrackedBoxes:
    count = len(xyxy)
    return TrackedBoxes(np.array(xyxy, np.float32), np.ones(count, np.float32), np.arange(1, count + 1))


class StubReader:
    """Names the number that stands for a window's first frame; delivers in batches as the real one does."""

    preprocess = Preprocess(size=8, sharpness=1.0)
    locates = False

    def __init__(self, numbers: dict[int, str], batch_size: int = 32) -> None:
        self._numbers = numbers
        self._batch_size = batch_size
        self._waiting: list[CropWindow] = []
        self.windows: list[CropWindow] = []

    def push(self, windows: Iterable[CropWindow]) -> list[WindowRead]:
        self._waiting += windows
        whole = len(self._waiting) // self._batch_size * self._batch_size
        ready, self._waiting = self._waiting[:whole], self._waiting[whole:]
        return [self._read(window) for window in ready]

    def flush(self) -> list[WindowRead]:
        ready, self._waiting = self._waiting, []
        return [self._read(window) for window in ready]

    def _read(self, window: CropWindow) -> WindowRead:
        self.windows.append(window)
        first = int(window.frame_indices[0])
        number = next(number for start, number in sorted(self._numbers.items(), reverse=True) if start <= first)
        tens, units = (np.full(11, -9.0, np.float32) for _ in range(2))
        tens[encode(number)[0]], units[encode(number)[1]] = 0.0, 0.0
        weights = window.valid / np.float32(window.valid.sum())
        return WindowRead(window.track_id, window.frame_indices, tens, units, weights, first, window.quality)


def follow(
    reader: StubReader, seconds: float, overrides: list[str], tracked: TrackedBoxes, picture: UInt8Image
) -> TrackReader:
    track_reader = TrackReader(load(Settings, None, [*SURE, *overrides]), cast(WindowReader, reader), StageClock())
    for index in range(round(seconds * RATE)):
        track_reader.push(Frame(index, Fraction(index, RATE), picture), tracked)
    track_reader.flush()
    return track_reader


def starts(reader: StubReader) -> list[int]:
    return [int(window.frame_indices[0]) for window in reader.windows]


def test_a_settled_track_is_read_rarely_and_still_gets_its_number() -> None:
    every, rare = StubReader({0: "7"}), StubReader({0: "7"})
    follow(every, 20, ["effort.settled_every=1"], boxes(BOX), textured())
    found = follow(rare, 20, ["effort.settled_every=4"], boxes(BOX), textured())
    assert found.fuser.identity(1).number == "7"
    assert len(every.windows) > 30
    assert len(every.windows) / 4 < len(rare.windows) < len(every.windows) / 2
    assert starts(rare)[:3] == starts(every)[:3]
    expected = [window.expected for window in rare.windows]
    assert expected == [None] * expected.index("7") + ["7"] * expected.count("7")


def test_a_read_that_disagrees_has_the_track_read_in_full() -> None:
    reader = StubReader({0: "7", 250: "46"})
    found = follow(reader, 20, ["effort.settled_every=4"], boxes(BOX), textured())
    before = [later - start for start, later in pairwise(starts(reader)) if later < 250]
    after = [later - start for start, later in pairwise(starts(reader)) if start >= 310]
    assert before[-2:] == [60, 60]
    assert after[:4] == [15] * 4
    assert found.fuser.identity(1).number != "7"


@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_what_is_read_does_not_depend_on_batches(batch_size: int) -> None:
    tracked = boxes(BOX, (300.0, 40.0, 380.0, 240.0), (480.0, 60.0, 560.0, 260.0))
    reference, reader = StubReader({0: "7"}), StubReader({0: "7"}, batch_size)
    expected = follow(reference, 12, [], tracked, textured())
    found = follow(reader, 12, [], tracked, textured())
    assert [(w.track_id, *w.frame_indices) for w in reader.windows] == [
        (w.track_id, *w.frame_indices) for w in reference.windows
    ]
    assert [found.fuser.identity(track) for track in (1, 2, 3)] == [expected.fuser.identity(i) for i in (1, 2, 3)]


def test_an_unreadable_track_is_read_in_full() -> None:
    class Unreadable(StubReader):
        def _read(self, window: CropWindow) -> WindowRead:
            read = super()._read(window)
            read.tens[:], read.units[:] = -9.0, -9.0
            read.tens[10], read.units[10] = 0.0, 0.0
            return read

    reader = Unreadable({0: "7"})
    found = follow(reader, 10, ["effort.settled_every=100"], boxes(BOX), textured())
    assert found.fuser.identity(1).status == "unreadable"
    assert len(reader.windows) > 15


@pytest.mark.parametrize(
    ("tracked", "picture"),
    [
        pytest.param(boxes((100.0, 40.0, 112.0, 70.0)), textured(), id="too small"),
        pytest.param(boxes(BOX), np.full((360, 640, 3), 128, np.uint8), id="blurred"),
        pytest.param(boxes(BOX, (80.0, 30.0, 200.0, 250.0)), textured(), id="hidden"),
        pytest.param(boxes((-75.0, 40.0, 5.0, 240.0)), textured(), id="outside"),
    ],
)
def test_a_crop_that_shows_nothing_never_reaches_the_network(tracked: TrackedBoxes, picture: UInt8Image) -> None:
    reader = StubReader({0: "7"})
    follow(reader, 2, [], tracked, picture)
    assert not Counter(window.track_id for window in reader.windows)[1]
