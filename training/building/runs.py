"""From a finished run of `python -m pipeline.run` and a person's corrections to sequences."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.config import as_plain
from pipeline.crops import CropSettings, cut_crops
from pipeline.media.video import VideoSource, open_source
from pipeline.passes import with_boxes
from pipeline.results.folder import RECORD
from pipeline.results.outputs import BOXES, TRACKS, read_mot
from pipeline.results.report import file_record, input_record
from pipeline.settings import Settings
from pipeline.tracking.following import in_groups
from pipeline.types import Crop, TrackedBoxes
from recognizer.reader import default_weights
from training.building.corrections import read_corrections
from training.building.origin import Origin, digest
from training.building.progress import BuildProgress, Progress
from training.building.sight import READ_TOGETHER, NumberSight
from training.building.tracks import TrackSequences
from training.building.tree import BuildError, DatasetTree, Tally
from training.building.video import video_name, warn_of_loss
from training.building.writer import Cutting
from training.data.clip_labels import Stretch, stretch_at
from training.data.geometry import geometry_of, geometry_options, geometry_text, unlike
from training.data.tables import TableError, read_table

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
    numbers: dict[int, str]
    """What the run itself read, by track; a picture is kept where the number is seen in it."""
    corrections: dict[int, list[Stretch]]
    """What a person says, by track; all pictures of a stretch are kept. Tracks in neither are left out."""
    weights: Path
    """Of the recognizer that looks for the run's own numbers: the run's, or what ships where that is gone."""
    origin: Origin


def open_run(
    folder: Path, corrections: Path | None, video: Path | None, match: str | None, settings: Settings, cutting: Cutting
) -> FinishedRun:
    """Check a run and its corrections, and tell what would be built from them.

    Args:
        folder: the run's folder.
        corrections: see `training.building.corrections.read_corrections`. None: no corrections.
        video: where the run's video lies now; by default where it was.
        match: key of the match; the video's name by default.
        settings: how crops are cut.
        cutting: how sequences are cut into sub-folders.

    Raises:
        InputError: The run, its video or the corrections cannot be used.
    """
    record = _read_record(folder)
    tracks, read = _read_tracks(folder / TRACKS)
    corrected = {} if corrections is None else read_corrections(corrections, tracks, folder)
    numbers = {track: number for track, number in read.items() if track not in corrected}
    if not (folder / BOXES).is_file():
        raise BuildError(f"The run {folder} lacks {BOXES}; make it again with python -m pipeline.run.")
    _require_same_regions(folder, record, settings.crops)
    source = _open_video(folder, record, video)
    match = source.info.name if match is None else match
    every = int(record["settings"]["detector"]["every"])
    weights = _reader_weights(record)
    recipe = digest(
        (folder / BOXES).read_bytes(),
        every,
        sorted(numbers.items()),
        file_record(weights, [weights])["sha256"] if numbers else "",
        sorted(corrected.items()),
        as_plain(settings.crops),
        settings.windows.min_quality,
        as_plain(cutting),
        match,
    )
    origin = Origin(video_name(source), match, f"run {recipe}")
    frames = int(record["counts"]["frames_decoded"])
    return FinishedRun(folder, source, frames, every, numbers, corrected, weights, origin)


def build_run(
    tree: DatasetTree, run: FinishedRun, sees: NumberSight, settings: Settings, cutting: Cutting, progress: Progress
) -> None:
    """Decode a run's video once more and add the tracks whose number is known, or known to be unreadable.

    Of a track whose number the run read, only the pictures in which a number is seen are added: it turns its front to
    the camera too. What a person says holds for all pictures, as the network may just not be able to read them.

    Only the frames in which the run looked for people are cut from, as it read no others. No sequence is put in its
    place before the end: only then is it known whether the boxes stand beside the frames they were found in.

    Args:
        tree: where the sequences go.
        run: by `open_run`.
        sees: tells in which crops a number is seen; by `run.weights`.
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
    seen = _Seen(sequences, run.numbers, sees, tree.tally)
    info, frames = run.source.info, 0
    for group in in_groups(with_boxes(run.source.frames(), _boxes(run.folder / BOXES)), run.every):
        frame, boxes = group[-1]
        for crop in cut_crops(frame, boxes, settings.crops):
            if crop.track_id in run.numbers:
                seen.add(crop)
            elif crop.track_id not in run.corrections:
                tree.tally.left_out["of tracks without a number"] += 1
            elif stretch := stretch_at(run.corrections[crop.track_id], crop.frame_index):
                sequences.add(crop, stretch.number)
            else:
                tree.tally.left_out["outside the corrections' frames"] += 1
        frames += len(group)
        progress(BuildProgress(info.name, "frames", frames, run.frames, tree.tally.sequences))
    warn_of_loss(run.source)
    if frames != run.frames:
        raise BuildError(
            f"{info.path} decodes into {frames} frames here, but into {run.frames} in the run {run.folder}, so that "
            "its boxes may belong to other frames; make the run again here with engine.decoder=software."
        )
    seen.flush()
    sequences.flush()
    tree.end(run.origin)


class _Seen:
    """Passes the crops of the run's own numbers on where the number is seen; reads them a batch at a time."""

    def __init__(self, sequences: TrackSequences, numbers: Mapping[int, str], sees: NumberSight, tally: Tally) -> None:
        self._sequences, self._numbers, self._sees, self._tally = sequences, numbers, sees, tally
        self._waiting: list[Crop] = []

    def add(self, crop: Crop) -> None:
        if self._sequences.accepts(crop):
            self._waiting.append(crop)
        if len(self._waiting) >= READ_TOGETHER:
            self.flush()

    def flush(self) -> None:
        crops, self._waiting = self._waiting, []
        for crop, seen in zip(crops, self._sees(crops) if crops else (), strict=True):
            if seen:
                self._sequences.add(crop, self._numbers[crop.track_id])
            else:
                self._tally.left_out["number not seen"] += 1


def _reader_weights(record: dict[str, Any]) -> Path:
    """The recognizer that the run read with, as far as its record tells and the file is still there."""
    named = record.get("weights", {}).get("reader", {}).get("path")
    path = Path(named) if isinstance(named, str) else default_weights()
    return path if path.is_file() else default_weights()


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


def _read_tracks(path: Path) -> tuple[set[int], dict[int, str]]:
    """The run's tracks, and its own numbers (tracks with status `read` only)."""
    tracks: set[int] = set()
    numbers: dict[int, str] = {}
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
