"""From a finished run of `python -m pipeline.run` and a person's corrections to sequences."""

import json
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.config import as_plain
from pipeline.crops import CropSettings, cut_crops
from pipeline.media.video import VideoSource, open_source
from pipeline.passes import with_boxes
from pipeline.results.folder import RECORD
from pipeline.results.outputs import BOXES, TRACKS, read_mot
from pipeline.results.report import input_record
from pipeline.settings import Settings
from pipeline.tracking.following import in_groups
from pipeline.types import TrackedBoxes
from training.building.origin import Origin, digest
from training.building.progress import BuildProgress, Progress
from training.building.tracks import TrackSequences
from training.building.tree import BuildError, DatasetTree
from training.building.video import video_name, warn_of_loss
from training.building.writer import Cutting
from training.data.geometry import geometry_of, geometry_options, geometry_text, unlike
from training.data.layout import UNREADABLE_FOLDER
from training.data.tables import TableError, read_table

CORRECTION_COLUMNS: Final = ("track_id", "jersey_number")
_TRACK_COLUMNS: Final = ("track_id", "jersey_number", "status")


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run whose tracks have numbers, all checked."""

    folder: Path
    source: VideoSource
    """The video the run was made of."""
    frames: int
    """Frames the run decoded."""
    every: int
    """People were looked for in one frame of so many; the boxes of the others are too inexact to be cut from."""
    numbers: dict[int, str | None]
    """By track: its number, or None where nobody can read one; the others are left out."""
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
    tracks, numbers = _read_tracks(folder / TRACKS)
    if corrections is not None:
        numbers |= read_corrections(corrections, tracks, folder)
    if not (folder / BOXES).is_file():
        raise BuildError(f"The run {folder} lacks {BOXES}; make it again with python -m pipeline.run.")
    _require_same_regions(folder, record, settings.crops)
    source = _open_video(folder, record, video)
    match = source.info.name if match is None else match
    every = int(record["settings"]["detector"]["every"])
    recipe = digest(
        (folder / BOXES).read_bytes(),
        every,
        sorted(numbers.items()),
        as_plain(settings.crops),
        settings.windows.min_quality,
        as_plain(cutting),
        match,
    )
    origin = Origin(video_name(source), match, f"run {recipe}")
    return FinishedRun(folder, source, int(record["counts"]["frames_decoded"]), every, numbers, origin)


def read_corrections(path: Path, known: Container[int], run: Path) -> dict[int, str | None]:
    """Numbers by track from a corrections table; None where nobody can read one.

    Args:
        path: the table.
        known: the run's tracks.
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

    Only the frames in which the run looked for people are cut from, as it read no others. No sequence is put in its
    place before the end: only then is it known whether the boxes stand beside the frames they were found in.

    Args:
        tree: where the sequences go.
        run: by `open_run`.
        settings: how crops are cut; only crops and `windows.min_quality` count.
        cutting: how sequences are cut into sub-folders.
        progress: called after every frame that is cut from.

    Raises:
        BuildError: The video does not decode into as many frames as the run decoded; nothing of it is added,
            and what it was to replace stays.
    """
    if not tree.begin(run.origin):
        return
    sequences = TrackSequences(tree, run.origin, cutting, settings.windows.min_quality)
    info, frames = run.source.info, 0
    for group in in_groups(with_boxes(run.source.frames(), _boxes(run.folder / BOXES)), run.every):
        frame, boxes = group[-1]
        for crop in cut_crops(frame, boxes, settings.crops):
            if crop.track_id in run.numbers:
                sequences.add(crop, run.numbers[crop.track_id])
            else:
                tree.tally.left_out["of tracks without a number"] += 1
        frames += len(group)
        progress(BuildProgress(info.name, "frames", frames, run.frames, tree.tally.sequences))
    warn_of_loss(run.source)
    if frames != run.frames:
        raise BuildError(
            f"{info.path} decodes into {frames} frames here, but into {run.frames} in the run {run.folder}, so that "
            "its boxes may belong to other frames; make the run again here with engine.decoder=software."
        )
    sequences.flush()
    tree.end(run.origin)


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        named, counts, every = record["input"], record["counts"], record["settings"]["detector"]["every"]
        video, frames, lost, decoder = named["path"], counts["frames_decoded"], counts["frames_lost"], named["decoder"]
    except FileNotFoundError as error:
        raise BuildError(
            f"{folder} holds no finished run ({RECORD} is missing); make one with python -m pipeline.run."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BuildError(f"{path} is no record of a run ({error!r}); make one with python -m pipeline.run.") from error
    if not isinstance(video, str) or not isinstance(named.get("sha256"), str):
        raise BuildError(f"{path} does not name the video it was made of; make the run again.")
    if not isinstance(frames, int) or not isinstance(every, int) or every < 1:
        raise BuildError(f"{path} does not say which frames were read; make the run again.")
    if lost and decoder != "software":
        raise BuildError(
            f"The run {folder} lost {lost} frames in a {decoder} decoder, and each decoder loses others, so that its "
            "boxes may belong to other frames; make the run again with engine.decoder=software."
        )
    return dict(record)


def _require_same_regions(folder: Path, record: dict[str, Any], crops: CropSettings) -> None:
    """Refuse to cut other regions than the run read, as far as its record tells."""
    recorded, here = record["settings"].get("crops"), geometry_of(crops)
    if isinstance(recorded, dict) and (others := unlike(recorded, here)):
        raise BuildError(
            f"The run {folder} read regions cut with {geometry_text(others)}, and these would be cut with "
            f"{geometry_text({name: here[name] for name in others})}; give {geometry_options(others)}."
        )


def _read_tracks(path: Path) -> tuple[set[int], dict[int, str | None]]:
    """The run's tracks, and its own numbers (tracks with status `read` only)."""
    tracks: set[int] = set()
    numbers: dict[int, str | None] = {}
    for row in read_table(path, _TRACK_COLUMNS):
        track = row.whole("track_id")
        tracks.add(track)
        if row.text("status") == "read":
            numbers[track] = row.number("jersey_number")
    return tracks, numbers


def _open_video(folder: Path, record: dict[str, Any], video: Path | None) -> VideoSource:
    """The part of the video that the run read; refuses another video than the run's."""
    named = record["input"]
    start, end = float(named.get("start_seconds") or 0.0), named.get("end_seconds")
    path = Path(named.get("glob") or named["path"]) if video is None else video
    if video is None and not named.get("glob") and not path.exists():
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
