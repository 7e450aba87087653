"""The two passes over a video: one finds, follows and reads the players, one draws what was found.

Each stage takes an iterator and gives one; `pipeline.workers` puts a thread and a bounded queue between them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeVar

from pipeline.adaptation import FeatureFile, read_again
from pipeline.clock import StageClock
from pipeline.detection.detector import PlayerDetector
from pipeline.drawing.annotate import Annotator, Label
from pipeline.identity import IdentityFuser
from pipeline.kits.swaps import Swap
from pipeline.kits.teams import Team
from pipeline.media.encoders import SOFTWARE, Encoder
from pipeline.media.video import VideoSource
from pipeline.media.video_writer import VideoWriter
from pipeline.reading import WindowReader
from pipeline.results.outputs import BOXES, READS, VIDEO, ReadLog, TrackLog, TrackRow, read_mot
from pipeline.results.players import keep_one_wearer, second_wearers
from pipeline.results.renaming import Renaming, rename_boxes, rename_reads
from pipeline.results.spans import TrackSpan
from pipeline.settings import Settings
from pipeline.track_reader import TrackReader
from pipeline.tracking.bridging import bridge_gaps
from pipeline.tracking.following import Followed, detect, follow, in_groups
from pipeline.tracking.tracker import PlayerTracker
from pipeline.types import Frame, TrackedBoxes, UInt8Image
from pipeline.uploads import upload
from pipeline.workers import Workers, in_turn

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


@dataclass(frozen=True, slots=True)
class Findings:
    """Outcome of the first pass."""

    rows: list[TrackRow]
    """One per track, by track id."""
    frames: int
    reads: int
    taught_by: Sequence[str] = ()
    """Numbers from whose tracks the recognizer learnt the match's numerals."""


def find(
    source: VideoSource,
    settings: Settings,
    models: Models,
    folder: Path,
    clock: StageClock,
    progress: Progress,
    workers: Workers | None = None,
) -> Findings:
    """First pass: who is where and wears which number.

    Boxes and reads go to disk as they come; at the end windows are read again with what was learnt of the match's
    numerals, and those of tracks that passed to another player are renamed there.

    Args:
        source: The video.
        settings: How each stage works.
        models: The networks.
        folder: Where the files go.
        clock: Counts the stages' seconds.
        progress: Called after every frame.
        workers: Threads for the stages; None runs one stage after another.
    """
    rate = float(source.info.frames_per_second)
    expected = round(source.info.duration_seconds * rate) if source.info.duration_seconds else None
    track_reader = TrackReader(settings, models.reader, clock)
    frames, taught_by = 0, list[str]()
    with closing(FeatureFile(folder)) as features:
        with TrackLog(folder / BOXES, 1.0 / rate) as tracks, ReadLog(folder / READS) as log:
            for frame, boxes, was_detected in _followed(source, settings, models, clock, workers):
                tracks.add(frame, boxes)
                reads = track_reader.push(frame, boxes if was_detected else TrackedBoxes.empty())
                log.add(reads)
                features.add(reads)
                frames += 1
                progress(ProgressUpdate("reading", frames, expected, len(tracks.spans), len(track_reader.known)))
            reads = track_reader.flush()
            log.add(reads)
            features.add(reads)
        with clock.stage("team"):
            swaps = track_reader.teams.swaps(free_id=max(tracks.spans, default=0) + 1)
            teams = track_reader.teams.assign(swaps)
        if settings.adaptation.enabled:
            fuser, doubtful = track_reader.fuser, {swap.track_id for swap in swaps}
            if settings.identity.one_wearer:
                doubtful |= second_wearers(_row(track, span, fuser, teams) for track, span in tracks.spans.items())
            with clock.stage("adapt"):
                track_reader.fuser, taught_by = read_again(
                    folder / READS, features, fuser, models.reader, settings.adaptation, doubtful
                )
        windows = len(features)
    rows, mixed = _rows(track_reader, tracks, swaps, teams, folder, clock)
    rows = keep_one_wearer(rows) if settings.identity.one_wearer else rows
    return Findings(rows, frames, windows - mixed, taught_by)


def _followed(
    source: VideoSource, settings: Settings, models: Models, clock: StageClock, workers: Workers | None
) -> Iterator[Followed]:
    """Every frame with the people followed into it, each stage in a thread of its own where there are workers."""
    ahead, every = workers.ahead if workers else _in_step, settings.detector.every
    with clock.stage("load"):
        tracker = PlayerTracker(settings.tracker, float(source.info.frames_per_second) / every)
    groups = in_groups(ahead("decode", clock.each("decode", source.frames())), every)
    if models.detector.wants_uploads:
        groups = ahead("upload", upload(groups, models.reader.device, clock))
    detected = ahead("detect", detect(groups, models.detector, clock, workers.spread if workers else in_turn))
    return ahead("track", follow(detected, tracker, clock))


def _rows(
    track_reader: TrackReader,
    tracks: TrackLog,
    swaps: Sequence[Swap],
    teams: Mapping[int, Team],
    folder: Path,
    clock: StageClock,
) -> tuple[list[TrackRow], int]:
    """One row per track, those that passed to another player split in the files too; how many reads that cost."""
    spans, mixed = tracks.spans, 0
    if swaps:
        with clock.stage("identify"):
            renaming = Renaming(swaps)
            spans = spans | rename_boxes(folder / BOXES, renaming, tracks.times)
            mixed = rename_reads(folder / READS, renaming, track_reader.fuser)
    return [_row(track, span, track_reader.fuser, teams) for track, span in sorted(spans.items())], mixed


def _row(track: int, span: TrackSpan, fuser: IdentityFuser, teams: Mapping[int, Team]) -> TrackRow:
    return TrackRow(span, fuser.identity(track), teams.get(track))


def draw(
    source: VideoSource,
    findings: Findings,
    folder: Path,
    clock: StageClock,
    progress: Progress,
    workers: Workers | None = None,
    encoder: Encoder = SOFTWARE,
) -> None:
    """Second pass: decode again and write the video with each track's final identity from its first frame on."""
    ahead = workers.ahead if workers else _in_step
    numbers = sum(row.identity.number is not None for row in findings.rows)
    decoded = ahead("redecode", clock.each("redecode", source.frames()))
    bridged = bridge_gaps(read_mot(folder / BOXES), round(BRIDGED_SECONDS * source.info.frames_per_second))
    size = source.info.width, source.info.height
    drawn = ahead("draw", _drawn(with_boxes(decoded, bridged), findings, size, clock))
    threads = workers.coding_threads if workers else 0
    with VideoWriter(folder / VIDEO, source.info, encoder, threads) as writer:
        for done, (picture, time) in enumerate(drawn, start=1):
            with clock.stage("encode"):
                writer.write(picture, time)
            progress(ProgressUpdate("drawing", done, findings.frames, len(findings.rows), numbers))


def _drawn(
    frames: Iterable[tuple[Frame, TrackedBoxes]], findings: Findings, size: tuple[int, int], clock: StageClock
) -> Iterator[tuple[UInt8Image, Fraction]]:
    labels: Mapping[int, Label] = {
        row.span.track_id: Label(row.identity.number, row.identity.confidence, row.team.rgb if row.team else None)
        for row in findings.rows
    }
    annotator = Annotator(size)
    for frame, boxes in frames:
        with clock.stage("draw"):
            picture = annotator.draw(frame.bgr, boxes, labels)
        yield picture, frame.time


def _in_step(name: str, items: Iterable[T]) -> Iterator[T]:
    """A stage that runs when the next one asks."""
    return iter(items)


def with_boxes(
    frames: Iterable[Frame], boxes: Iterator[tuple[int, TrackedBoxes]]
) -> Iterator[tuple[Frame, TrackedBoxes]]:
    """Bring frames and the boxes of a track file together; both come in order, neither is held in memory."""
    index, upcoming = next(boxes, (None, TrackedBoxes.empty()))
    for frame in frames:
        while index is not None and index < frame.index:
            index, upcoming = next(boxes, (None, TrackedBoxes.empty()))
        yield frame, upcoming if index == frame.index else TrackedBoxes.empty()
