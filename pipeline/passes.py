"""The two passes over a video: one finds, follows and reads the players, one draws what was found.

Each stage takes an iterator and gives one, or is an object with `push` and `flush`: a bounded queue and a thread can
stand between any two of them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeVar

from pipeline.annotate import Annotator, Label
from pipeline.bridging import bridge_gaps
from pipeline.clock import StageClock
from pipeline.crops import cut_crops
from pipeline.detector import PlayerDetector
from pipeline.identity import IdentityFuser
from pipeline.outputs import BOXES, READS, VIDEO, ReadLog, TrackLog, TrackRow, read_mot
from pipeline.reading import WindowReader
from pipeline.settings import Settings
from pipeline.swaps import SwapSplitter
from pipeline.teams import TeamAssigner
from pipeline.tracker import PlayerTracker
from pipeline.types import Detections, Frame, TrackedBoxes, WindowRead
from pipeline.video import VideoSource
from pipeline.video_writer import VideoWriter
from pipeline.windows import WindowBuffer

T = TypeVar("T")

BRIDGED_SECONDS: Final = 0.25
"""Longest gap in a track that is drawn as if the player had been found; the tables keep the gap."""


@dataclass(frozen=True, slots=True)
class ProgressUpdate:
    """How far a run is."""

    phase: Literal["reading", "drawing"]
    frames: int
    """Frames done in this phase."""
    frames_expected: int | None
    """Frames in all: while reading a guess from the file's header, which may be wrong; None if it says nothing."""
    tracks: int
    numbers: int
    """Tracks whose number is known so far."""


Progress = Callable[[ProgressUpdate], None]


class Models(NamedTuple):
    """The networks, loaded."""

    detector: PlayerDetector
    reader: WindowReader


class TrackReader:
    """From tracked boxes to reads: cuts crops, gathers windows, has them read, and adds up what they say."""

    def __init__(self, settings: Settings, reader: WindowReader, clock: StageClock) -> None:
        self._crop_settings = settings.crops
        self._windows = WindowBuffer(settings.windows, reader.preprocess)
        self._reader = reader
        self._clock = clock
        self.fuser = IdentityFuser(settings.identity)
        self.teams = TeamAssigner(settings.teams)
        self.known: set[int] = set()
        """Tracks whose number is known so far."""

    def push(self, frame: Frame, boxes: TrackedBoxes) -> list[WindowRead]:
        """Take in one frame; returns the reads it completes."""
        with self._clock.stage("crop"):
            crops = cut_crops(frame, boxes, self._crop_settings)
            windows = [window for crop in crops for window in self._windows.push(crop)]
            windows += self._windows.evict(frame.time_seconds)
        with self._clock.stage("team"):
            self.teams.add(frame, boxes)
        with self._clock.stage("read"):
            reads = self._reader.push(windows)
        return self._fuse(reads)

    def flush(self) -> list[WindowRead]:
        """End of the video: read what is still buffered."""
        with self._clock.stage("read"):
            reads = self._reader.push(self._windows.flush()) + self._reader.flush()
        return self._fuse(reads)

    def _fuse(self, reads: list[WindowRead]) -> list[WindowRead]:
        with self._clock.stage("identify"):
            for read in reads:
                self.fuser.add(read)
            for track_id in {read.track_id for read in reads}:
                if self.fuser.identity(track_id).number is None:
                    self.known.discard(track_id)
                else:
                    self.known.add(track_id)
        return reads


@dataclass(frozen=True, slots=True)
class Findings:
    """Outcome of the first pass."""

    rows: list[TrackRow]
    """One per track, by track id."""
    frames: int
    reads: int


def find(
    source: VideoSource,
    settings: Settings,
    models: Models,
    folder: Path,
    clock: StageClock,
    progress: Progress,
) -> Findings:
    """First pass: who is where and wears which number. Boxes and reads go to disk as they come.

    Args:
        source: The video.
        settings: How each stage works.
        models: The networks.
        folder: Where the files go.
        clock: Counts the stages' seconds.
        progress: Called after every frame.
    """
    rate = float(source.info.frames_per_second)
    expected = round(source.info.duration_seconds * rate) if source.info.duration_seconds else None
    with clock.stage("load"):
        tracker = PlayerTracker(settings.tracker, rate)
    track_reader = TrackReader(settings, models.reader, clock)
    frames = reads = 0
    with TrackLog(folder / BOXES, 1.0 / rate) as tracks, ReadLog(folder / READS) as log:
        decoded = clock.each("decode", source.frames())
        detected = _detect(decoded, models.detector, settings.detector.batch_size, clock)
        for frame, boxes in _follow(detected, tracker, SwapSplitter(settings.swaps), clock):
            tracks.add(frame, boxes)
            reads += log.add(track_reader.push(frame, boxes))
            frames += 1
            progress(ProgressUpdate("reading", frames, expected, len(tracks.spans), len(track_reader.known)))
        reads += log.add(track_reader.flush())
    with clock.stage("team"):
        teams = track_reader.teams.assign()
    identity = track_reader.fuser.identity
    rows = [TrackRow(span, identity(track), teams.get(track)) for track, span in sorted(tracks.spans.items())]
    return Findings(rows, frames, reads)


def draw(source: VideoSource, findings: Findings, folder: Path, clock: StageClock, progress: Progress) -> None:
    """Second pass: decode again and write the video with each track's final identity from its first frame on."""
    labels: Mapping[int, Label] = {
        row.span.track_id: Label(row.identity.number, row.identity.confidence, row.team.rgb if row.team else None)
        for row in findings.rows
    }
    numbers = sum(row.identity.number is not None for row in findings.rows)
    annotator = Annotator((source.info.width, source.info.height))
    decoded = clock.each("decode", source.frames())
    bridged = bridge_gaps(read_mot(folder / BOXES), round(BRIDGED_SECONDS * source.info.frames_per_second))
    with VideoWriter(folder / VIDEO, source.info) as writer:
        for done, (frame, boxes) in enumerate(with_boxes(decoded, bridged), start=1):
            with clock.stage("draw"):
                picture = annotator.draw(frame.bgr, boxes, labels)
            with clock.stage("encode"):
                writer.write(picture, frame.time)
            progress(ProgressUpdate("drawing", done, findings.frames, len(findings.rows), numbers))


def with_boxes(
    frames: Iterable[Frame], boxes: Iterator[tuple[int, TrackedBoxes]]
) -> Iterator[tuple[Frame, TrackedBoxes]]:
    """Bring frames and the boxes of a track file together; both come in order, neither is held in memory."""
    index, upcoming = next(boxes, (None, TrackedBoxes.empty()))
    for frame in frames:
        while index is not None and index < frame.index:
            index, upcoming = next(boxes, (None, TrackedBoxes.empty()))
        yield frame, upcoming if index == frame.index else TrackedBoxes.empty()


def _detect(
    frames: Iterable[Frame], detector: PlayerDetector, batch_size: int, clock: StageClock
) -> Iterator[tuple[Frame, Detections]]:
    for batch in in_batches(frames, batch_size):
        with clock.stage("detect"):
            found = detector.detect(batch)
        yield from zip(batch, found, strict=True)


def _follow(
    detected: Iterable[tuple[Frame, Detections]], tracker: PlayerTracker, splitter: SwapSplitter, clock: StageClock
) -> Iterator[tuple[Frame, TrackedBoxes]]:
    for frame, detections in detected:
        with clock.stage("track"):
            boxes = splitter.split(frame, tracker.update(frame, detections))
        yield frame, boxes


def in_batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Gather items into lists of `size`, the last one shorter.

    >>> list(in_batches("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    batch: list[T] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
