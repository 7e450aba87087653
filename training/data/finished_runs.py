"""A finished run of `python -m pipeline.run`, checked, with the frames and boxes that it read from."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from pipeline.crops import CropSettings
from pipeline.media.video import VideoSource, open_source
from pipeline.passes import with_boxes
from pipeline.results.folder import RECORD
from pipeline.results.outputs import BOXES, TRACKS, read_mot
from pipeline.results.report import file_record, input_record
from pipeline.tracking.following import in_groups
from pipeline.types import Frame, TrackedBoxes
from recognizer.errors import InputError, reason_of
from recognizer.reader import default_weights
from training.data.clip_labels import Stretch
from training.data.corrections import APPLIED, read_corrections
from training.data.geometry import geometry_of, geometry_options, geometry_text, unlike
from training.data.tables import TableError, read_table

_TRACK_COLUMNS: Final = ("track_id", "jersey_number", "status", "first_frame", "last_frame")


class RunError(InputError):
    """A run that cannot be used."""


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run whose record, tracks, boxes and video are there and belong together."""

    folder: Path
    record: dict[str, Any]
    """Its run.json."""
    source: VideoSource
    """The part of the video that the run read."""
    frames: int
    """Frames the run decoded."""
    every: int
    """People were looked for in one frame of so many; the boxes of the others are too inexact to be cut from."""
    tracks: dict[int, range]
    """All its tracks, each with the frames from its first to its last."""
    numbers: dict[int, str]
    """The numbers it read, by track."""
    said: dict[int, list[Stretch]]
    """What a person has said since (`training.correct_run`), by track."""
    weights: Path
    """Of the recognizer it read with; of the one that ships where that is gone."""
    weights_sha256: str
    """Of that file as it is now."""
    same_weights: bool
    """Whether it holds what the run read with, as far as its record tells."""
    crops: CropSettings
    """How its regions are cut."""

    def looked_at(self) -> Iterator[tuple[Frame, TrackedBoxes]]:
        """Decode the video once more; yields the frames in which people were looked for, with their boxes.

        Raises:
            InputError: As `seen`.
        """
        return (group[-1] for group in in_groups(self.seen(), self.every))

    def seen(self) -> Iterator[tuple[Frame, TrackedBoxes]]:
        """Decode the video once more; yields all frames with their boxes.

        Raises:
            RunError: At the end: the video does not decode into as many frames as the run decoded.
            TableError: The boxes cannot be read.
        """
        frames = 0
        for each in with_boxes(self.source.frames(), _boxes(self.folder / BOXES)):
            frames += 1
            yield each
        if frames != self.frames:
            raise RunError(
                f"{self.source.info.path} decodes into {frames} frames here, but into {self.frames} in the run "
                f"{self.folder}, so that its boxes may belong to other frames; make the run again here with "
                "engine.decoder=software."
            )


def open_finished_run(folder: Path, video: Path | None, crops: CropSettings | None) -> FinishedRun:
    """Check a run.

    Args:
        folder: the run's folder.
        video: where the run's video lies now, or the folder in which it lies under its name; by default where it was.
        crops: how regions are to be cut, which must be as the run cut them; None for just that.

    Raises:
        InputError: The run or its video cannot be used.
    """
    record = _read_record(folder)
    tracks, numbers = _read_tracks(folder / TRACKS)
    applied = folder / APPLIED
    said = read_corrections(applied, tracks, folder) if applied.is_file() else {}
    if not (folder / BOXES).is_file():
        raise RunError(f"The run {folder} lacks {BOXES}; make it again with python -m pipeline.run.")
    if crops is None:
        crops = _recorded_crops(folder, record)
    else:
        _require_same_regions(folder, record, crops)
    return FinishedRun(
        folder,
        record,
        _open_video(folder, record, video),
        int(record["counts"]["frames_decoded"]),
        int(record["settings"]["detector"]["every"]),
        tracks,
        numbers,
        said,
        *_reader_weights(record),
        crops,
    )


def _reader_weights(record: dict[str, Any]) -> tuple[Path, str, bool]:
    """The recognizer that the run read with, or what ships where that is gone; its SHA-256; whether it is the same."""
    named = record.get("weights", {}).get("reader", {})
    path = Path(named["path"]) if isinstance(named.get("path"), str) else default_weights()
    there = path.is_file()
    path = path if there else default_weights()
    digest = file_record(path, [path])["sha256"]
    return path, digest, there and named.get("sha256") in (None, digest)


def _recorded_crops(folder: Path, record: dict[str, Any]) -> CropSettings:
    """How the run cut regions; what its record does not hold is as it comes."""
    recorded = record["settings"].get("crops")
    known = {item.name for item in fields(CropSettings)}
    try:
        return CropSettings(**{name: float(value) for name, value in (recorded or {}).items() if name in known})
    except (AttributeError, TypeError, ValueError) as error:
        raise RunError(f"{folder / RECORD} does not say how regions were cut ({error}); make the run again.") from error


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        named, counts, every = record["input"], record["counts"], record["settings"]["detector"]["every"]
        video, frames, lost, decoder = named["path"], counts["frames_decoded"], counts["frames_lost"], named["decoder"]
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RunError(
            f"{folder} holds no finished run ({RECORD} is missing); make one with python -m pipeline.run."
        ) from error
    except OSError as error:
        raise RunError(f"{path} cannot be read ({reason_of(error)}).") from error
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is no record of a run ({error!r}); make one with python -m pipeline.run.") from error
    if not isinstance(video, str) or not isinstance(named.get("sha256"), str):
        raise RunError(f"{path} does not name the video it was made of; make the run again.")
    if not isinstance(frames, int) or not isinstance(every, int) or every < 1:
        raise RunError(f"{path} does not say which frames were read; make the run again.")
    if lost and decoder != "software":
        raise RunError(
            f"The run {folder} lost {lost} frames in a {decoder} decoder, and each decoder loses others, so that its "
            "boxes may belong to other frames; make the run again with engine.decoder=software."
        )
    return dict(record)


def _require_same_regions(folder: Path, record: dict[str, Any], crops: CropSettings) -> None:
    """Refuse to cut other regions than the run read, as far as its record tells."""
    recorded, here = record["settings"].get("crops"), geometry_of(crops)
    if isinstance(recorded, dict) and (others := unlike(recorded, here)):
        raise RunError(
            f"The run {folder} read regions cut with {geometry_text(others)}, and these would be cut with "
            f"{geometry_text({name: here[name] for name in others})}; give {geometry_options(others)}."
        )


def _read_tracks(path: Path) -> tuple[dict[int, range], dict[int, str]]:
    """The run's tracks, and the numbers it read."""
    tracks: dict[int, range] = {}
    numbers: dict[int, str] = {}
    for row in read_table(path, _TRACK_COLUMNS):
        track = row.whole("track_id")
        tracks[track] = range(row.whole("first_frame"), row.whole("last_frame") + 1)
        if row.text("status") == "read":
            numbers[track] = row.number("jersey_number")
    return tracks, numbers


def _open_video(folder: Path, record: dict[str, Any], video: Path | None) -> VideoSource:
    """The part of the video that the run read; refuses another video than the run's."""
    named = record["input"]
    start, end = float(named.get("start_seconds") or 0.0), named.get("end_seconds")
    was = Path(named.get("glob") or named["path"])
    path = was if video is None else video
    if video is not None and (video / was.name).exists():  # the folder in which it lies now
        path = video / was.name
    if video is None and not named.get("glob") and not path.exists():
        raise RunError(f"The video of the run {folder}, {path}, is not there; say where it lies now with --video.")
    source = open_source(path, start, None if end is None else float(end) - start)
    if input_record(source.info)["sha256"] != named["sha256"]:
        raise RunError(
            f"{path} is not the video the run {folder} was made of (its content differs); give it by --video."
        )
    return source


def _boxes(path: Path) -> Iterator[tuple[int, TrackedBoxes]]:
    try:
        yield from read_mot(path)
    except (ValueError, IndexError) as error:
        raise TableError(f"{path} is no MOTChallenge table of a run: {error}.") from error
