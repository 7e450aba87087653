"""From a finished run of `python -m pipeline.run` and a person's corrections to sequences."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.config import as_plain
from pipeline.crops import cut_crops
from pipeline.folder import RECORD
from pipeline.outputs import BOXES, TRACKS, read_mot
from pipeline.passes import with_boxes
from pipeline.report import input_record
from pipeline.settings import Settings
from pipeline.types import TrackedBoxes
from pipeline.video import VideoSource, open_source
from training.building.origin import Origin, digest
from training.building.progress import BuildProgress, Progress
from training.building.tables import TableError, read_table
from training.building.tracks import TrackSequences
from training.building.tree import BuildError, DatasetTree
from training.building.video import video_name, warn_of_loss
from training.building.writer import Cutting
from training.layout import UNREADABLE_FOLDER

CORRECTION_COLUMNS: Final = ("track_id", "jersey_number")
_TRACK_COLUMNS: Final = ("track_id", "jersey_number", "status", "last_frame")


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run whose tracks have numbers, all checked."""

    folder: Path
    source: VideoSource
    """The video the run was made of."""
    frames: int
    """Frames the run read."""
    numbers: dict[int, str | None]
    """By track: its number, or None where nobody can read one; the others are left out."""
    last_frames: dict[int, int]
    """By track: 0-based frame in which it was last seen."""
    origin: Origin


def open_run(
    folder: Path, corrections: Path | None, video: Path | None, match: str | None, settings: Settings, cutting: Cutting
) -> FinishedRun:
    """Check a run and its corrections, and tell what would be built from them.

    Args:
        folder: the run's folder.
        corrections: CSV with `track_id,jersey_number`; blank or -1 where nobody can read a number. None: no
            corrections.
        video: where the run's video lies now; by default where it was.
        match: key of the match; the video's name by default.
        settings: how crops are cut.
        cutting: how sequences are cut into sub-folders.

    Raises:
        InputError: The run, its video or the corrections cannot be used.
    """
    record = _read_record(folder)
    numbers, last_frames = _read_tracks(folder / TRACKS)
    if corrections is not None:
        numbers |= read_corrections(corrections, last_frames, folder)
    if not (folder / BOXES).is_file():
        raise BuildError(f"The run {folder} lacks {BOXES}; make it again with python -m pipeline.run.")
    source = _open_video(folder, record, video)
    match = source.info.name if match is None else match
    recipe = digest(
        (folder / BOXES).read_bytes(),
        sorted(numbers.items()),
        as_plain(settings.crops),
        settings.windows.min_quality,
        as_plain(cutting),
        match,
    )
    origin = Origin(video_name(source), match, f"run {recipe}")
    return FinishedRun(folder, source, int(record["counts"]["frames_decoded"]), numbers, last_frames, origin)


def read_corrections(path: Path, known: dict[int, int], run: Path) -> dict[int, str | None]:
    """Numbers by track from a corrections table; None where nobody can read one.

    Args:
        path: the table.
        known: the run's tracks, as keys.
        run: its folder, for messages.

    Raises:
        TableError: A track is not the run's or stands twice, or a number is none.
    """
    numbers: dict[int, str | None] = {}
    for row in read_table(path, CORRECTION_COLUMNS):
        track, number = row.whole("track_id"), row.number("jersey_number", (UNREADABLE_FOLDER, ""))
        if track not in known:
            raise row.error("track_id", f"a track of {run / TRACKS} is expected")
        if track in numbers:
            raise row.error("track_id", "one row for each track is expected, not several")
        numbers[track] = None if number in {UNREADABLE_FOLDER, ""} else number
    return numbers


def build_run(tree: DatasetTree, run: FinishedRun, settings: Settings, cutting: Cutting, progress: Progress) -> None:
    """Decode a run's video once more and add the tracks whose number is known, or known to be unreadable.

    Args:
        tree: where the sequences go.
        run: by `open_run`.
        settings: how crops are cut; only crops and `windows.min_quality` count.
        cutting: how sequences are cut into sub-folders.
        progress: called after every frame.
    """
    if not tree.begin(run.origin):
        return
    sequences = TrackSequences(tree, run.origin, cutting, settings.windows.min_quality)
    info = run.source.info
    for frame, boxes in with_boxes(run.source.frames(), _boxes(run.folder / BOXES)):
        for crop in cut_crops(frame, boxes, settings.crops):
            if crop.track_id in run.numbers:
                sequences.add(crop, run.numbers[crop.track_id])
            else:
                tree.tally.left_out["of tracks without a number"] += 1
        sequences.close(t for t in boxes.track_id.tolist() if run.last_frames.get(t, -1) <= frame.index)
        progress(BuildProgress(info.name, "frames", frame.index + 1, run.frames, tree.tally.sequences))
    sequences.flush()
    warn_of_loss(run.source)
    tree.end(run.origin)


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        video, frames = record["input"]["path"], record["counts"]["frames_decoded"]
    except FileNotFoundError as error:
        raise BuildError(
            f"{folder} holds no finished run ({RECORD} is missing); make one with python -m pipeline.run."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BuildError(f"{path} is no record of a run ({error!r}); make one with python -m pipeline.run.") from error
    if not isinstance(video, str) or not isinstance(frames, int) or not isinstance(record["input"].get("sha256"), str):
        raise BuildError(f"{path} does not name the video it was made of; make the run again.")
    return dict(record)


def _read_tracks(path: Path) -> tuple[dict[int, str | None], dict[int, int]]:
    """The run's own numbers (tracks with status `read` only), and the last frame of every track."""
    numbers: dict[int, str | None] = {}
    last_frames: dict[int, int] = {}
    for row in read_table(path, _TRACK_COLUMNS):
        track = row.whole("track_id")
        last_frames[track] = row.whole("last_frame")
        if row.text("status") == "read":
            numbers[track] = row.number("jersey_number")
    return numbers, last_frames


def _open_video(folder: Path, record: dict[str, Any], video: Path | None) -> VideoSource:
    """The part of the video that the run read; refuses another video than the run's."""
    named = record["input"]
    start, end = float(named.get("start_seconds") or 0.0), named.get("end_seconds")
    path = Path(named["path"]) if video is None else video
    if video is None and not path.exists():
        raise BuildError(f"The video of the run {folder}, {path}, is not there; say where it lies now with --video.")
    source = open_source(path, start, None if end is None else float(end) - start)
    if input_record(source.info)["sha256"] != named["sha256"]:
        raise BuildError(
            f"{path} is not the video the run {folder} was made of (its content differs); give it by --video."
        )
    return source


def _boxes(path: Path) -> Iterator[tuple[int, TrackedBoxes]]:
    try:
        yield from read_mot(path)
    except (ValueError, IndexError) as error:
        raise TableError(f"{path} is no MOTChallenge table of a run: {error}.") from error
