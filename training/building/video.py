"""From a video and its labels to sequences, through the pipeline's own detector, tracker and crops."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.clock import StageClock
from pipeline.config import as_plain
from pipeline.crops import cut_crops
from pipeline.detection.detector import PlayerDetector, default_weights
from pipeline.media.video import VideoSource, open_source
from pipeline.passes import with_boxes
from pipeline.results.report import file_record, input_record
from pipeline.settings import Settings
from pipeline.tracking.following import detect, follow, in_groups
from pipeline.tracking.tracker import PlayerTracker
from pipeline.types import Frame, TrackedBoxes
from training.building.labels import numbers_in_frame
from training.building.origin import Origin, digest
from training.building.progress import BuildProgress, Progress
from training.building.tracks import TrackSequences
from training.building.tree import BuildError, DatasetTree
from training.building.writer import Cutting
from training.data.clip_labels import Stretch, Verdict, read_boxes, read_labels

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LabelledVideo:
    """A video with labels, all checked."""

    source: VideoSource
    stretches: dict[int, list[Stretch]]
    """By labelled track."""
    boxes: Path
    """The labelled boxes, sorted by frame."""
    origin: Origin


def find_labels(video: Path, name: str, labels: Path | None) -> tuple[Path, Path]:
    """The tables that belong to a video: `NAME.labels.csv` and, beside it, `NAME.boxes.csv`.

    Args:
        video: the video file.
        name: its `VideoInfo.name`.
        labels: a labels file, a folder that holds `NAME.labels.csv`, or None for the video's own folder.

    Raises:
        BuildError: One of them is missing.
    """
    folder = video.parent if labels is None else labels
    table = folder / f"{name}.labels.csv" if labels is None or labels.is_dir() else labels
    if not table.is_file():
        raise BuildError(f"The labels of {video} are expected in {table}, which does not exist; name them by --labels.")
    boxes = table.with_name(f"{table.name.removesuffix('.csv').removesuffix('.labels')}.boxes.csv")
    if not boxes.is_file():
        raise BuildError(f"The labels {table} need their boxes in {boxes}, which does not exist.")
    return table, boxes


def open_labelled_video(
    video: Path, labels: Path | None, match: str | None, settings: Settings, cutting: Cutting
) -> LabelledVideo:
    """Check a video and its labels, and tell what would be built from them.

    Args:
        video: the video file.
        labels: see `find_labels`.
        match: key of the match; the video's name by default.
        settings: how the pipeline works.
        cutting: how sequences are cut into sub-folders.

    Raises:
        InputError: The video or its labels cannot be used.
    """
    source = open_source(video)
    table, boxes = find_labels(video, source.info.name, labels)
    stretches = read_labels(table)
    if all(one.verdict is Verdict.SKIP for its in stretches.values() for one in its):
        raise BuildError(f"{table} teaches nothing: no note says 'legible' of a number, 'inferred' or 'unreadable'.")
    for _ in read_boxes(boxes):
        pass  # a mistake at its end is to be named before anything is built
    match = source.info.name if match is None else match
    recipe = digest(
        table.read_bytes(),
        boxes.read_bytes(),
        detector_recipe(settings),
        as_plain(settings.tracker),
        as_plain(settings.crops),
        settings.windows.min_quality,
        as_plain(cutting),
        match,
    )
    return LabelledVideo(source, stretches, boxes, Origin(video_name(source), match, f"video {recipe}"))


def require_own_labels(videos: Sequence[LabelledVideo]) -> None:
    """Refuse videos that would take the same labels.

    Raises:
        BuildError: Two of them would.
    """
    first: dict[Path, LabelledVideo] = {}
    for video in videos:
        other = first.setdefault(video.boxes.resolve(), video)
        if other.origin.source != video.origin.source:
            raise BuildError(
                f"{other.source.info.path} and {video.source.info.path} would take the same labels, with the boxes "
                f"{video.boxes}; add them one at a time, each with its own --labels, or name the folder that holds a "
                "NAME.labels.csv for each."
            )


def warn_of_namesake(tree: DatasetTree, origin: Origin) -> None:
    """Log that a video counts as the match of another one, as only their files' names are the same."""
    if other := tree.other_video(origin):
        logger.warning(
            "%s and %s count as one match, %r, by their files' names, and stay on one side of a split; where they are "
            "two matches, add one of them with its own --match.",
            origin.source,
            other,
            origin.match,
        )


def video_name(source: VideoSource) -> str:
    """A name by which a video is known wherever it lies: its file name and a digest of its content."""
    record = input_record(source.info)
    span = source.info.span
    part = "" if span.start == 0 and span.end is None else f" {span}"
    return f"{source.info.path.name}@{record['sha256'][:12]}{part}"


def detector_recipe(settings: Settings) -> str:
    """A digest of what decides which people are found.

    How many frames go in at a time does not; `every` does not either, as people are looked for in every frame here.
    """
    plain = {k: v for k, v in as_plain(settings.detector).items() if k not in {"batch_size", "every"}}
    weights = Path(settings.detector.weights or default_weights())
    return digest(plain, file_record(weights, [weights])["sha256"] if weights.is_file() else "")


def build_video(
    tree: DatasetTree,
    video: LabelledVideo,
    detector: PlayerDetector,
    settings: Settings,
    cutting: Cutting,
    progress: Progress,
) -> None:
    """Follow the players of a video and add those whose number is known, or known to be unreadable.

    Memory does not grow with the video's length.

    Args:
        tree: where the sequences go.
        video: by `open_labelled_video`.
        detector: by the same settings.
        settings: how the pipeline works; tracker, crops and `windows.min_quality` count.
        cutting: how sequences are cut into sub-folders.
        progress: called after every frame.
    """
    info = video.source.info
    rate = float(info.frames_per_second)
    tracker = PlayerTracker(settings.tracker, rate)
    if not tree.begin(video.origin):
        return
    expected = round(info.duration_seconds * rate) if info.duration_seconds else None
    sequences = TrackSequences(tree, video.origin, cutting, settings.windows.min_quality)
    lost_after = 2 * max(1, round(settings.tracker.buffer_seconds * rate)) + 2
    last_seen: dict[int, int] = {}
    labelled_frames = with_boxes(video.source.frames(), read_boxes(video.boxes))
    for frame, boxes, labelled in _follow(labelled_frames, detector, tracker):
        numbers = numbers_in_frame(frame.index, boxes, labelled, video.stretches)
        for crop in cut_crops(frame, boxes, settings.crops):
            if crop.track_id in numbers:
                sequences.add(crop, numbers[crop.track_id])
            else:
                tree.tally.left_out["not labelled, or doubtful"] += 1
        last_seen.update(dict.fromkeys(boxes.track_id.tolist(), frame.index))
        over = [track for track, last in last_seen.items() if frame.index - last > lost_after]
        sequences.close(over)
        for track in over:
            del last_seen[track]
        progress(BuildProgress(info.name, "frames", frame.index + 1, expected, tree.tally.sequences))
    sequences.flush()
    warn_of_loss(video.source)
    tree.end(video.origin)


def warn_of_loss(source: VideoSource) -> None:
    """Log what of a video could not be decoded in the pass that has just ended."""
    if source.frames_lost:
        logger.warning("%s: %d frames could not be decoded.", source.info.path, source.frames_lost)
    if source.truncated:
        logger.warning("%s breaks off before its end.", source.info.path)


def _follow(
    labelled: Iterable[tuple[Frame, TrackedBoxes]],
    detector: PlayerDetector,
    tracker: PlayerTracker,
) -> Iterator[tuple[Frame, TrackedBoxes, TrackedBoxes]]:
    """Each frame with the boxes that a run of the pipeline at `detector.every` 1 finds, and the labelled ones."""
    waiting: dict[int, TrackedBoxes] = {}

    def frames() -> Iterator[Frame]:
        for frame, boxes in labelled:
            waiting[frame.index] = boxes
            yield frame

    clock = StageClock()
    for one in follow(detect(in_groups(frames(), 1), detector, clock), tracker, clock):
        yield one.frame, one.boxes if one.detected else TrackedBoxes.empty(), waiting.pop(one.frame.index)
