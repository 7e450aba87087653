"""The tables a run writes: boxes and reads while it runs, one row per track at the end."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TextIO

import numpy as np

from pipeline.identity import Identity, Status
from pipeline.kits.teams import Team
from pipeline.results.spans import FrameTimes, TrackSpan
from pipeline.types import FloatArray, Frame, TrackedBoxes, WindowRead
from recognizer.decode import number_log_probs, top_candidates

VIDEO: Final = "annotated.mp4"
TRACKS: Final = "tracks.csv"
BOXES: Final = "tracks.mot.txt"
READS: Final = "reads.jsonl"

CSV_COLUMNS: Final = (
    "track_id",
    "team",
    "jersey_number",
    "confidence",
    "status",
    "n_frames",
    "n_reads",
    "first_frame",
    "last_frame",
    "first_time_s",
    "last_time_s",
    "seconds_seen",
    "team_rgb",
    "likeliest",
    "likeliest_confidence",
    "runner_up",
    "runner_up_confidence",
    "best_frame",
)

LONG_SECONDS: Final = 1.5
"""A track seen for so long was not too short: what it lacks is a shirt that can be read."""

TOP_CANDIDATES: Final = 3
"""Numbers listed for each read in reads.jsonl."""


@dataclass(frozen=True, slots=True)
class TrackRow:
    """All that is known of one track."""

    span: TrackSpan
    identity: Identity
    team: Team | None
    """None where no crop was good enough to see a kit."""

    @property
    def status(self) -> Status:
        """Why the track has a number, or none."""
        return track_status(self.identity.status, self.span.seconds_seen)


def track_status(status: Status, seconds_seen: float) -> Status:
    """The status of an identity, with how long its track was seen: few reads of a long track mean it is unreadable.

    >>> track_status("too_short", 60.0)
    'unreadable'
    >>> track_status("too_short", 0.5)
    'too_short'
    """
    return "unreadable" if status == "too_short" and seconds_seen >= LONG_SECONDS else status


class _LineFile:
    """A text file written line by line, closed at the end of the block."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("w", encoding="utf-8", newline="\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()


class TrackLog(_LineFile):
    """Writes every tracked box as a MOTChallenge row and keeps each track's span."""

    def __init__(self, path: Path, frame_seconds: float) -> None:
        """Open the file.

        Args:
            path: The MOTChallenge file to write.
            frame_seconds: Nominal duration of a frame; see `FrameTimes`.
        """
        super().__init__(path)
        self.spans: dict[int, TrackSpan] = {}
        self.times = FrameTimes(frame_seconds)

    def add(self, frame: Frame, boxes: TrackedBoxes) -> None:
        """Record the boxes of one frame; all frames must come, in order."""
        self.times.add(frame.time_seconds)
        for track_id in boxes.track_id.tolist():
            if track_id not in self.spans:
                self.spans[track_id] = TrackSpan.starting(track_id, frame.index, self.times)
            self.spans[track_id].see(frame.index, self.times)
        self._file.writelines(mot_rows(frame.index, boxes))


def mot_rows(frame_index: int, boxes: TrackedBoxes) -> Iterator[str]:
    """MOTChallenge rows of one frame: `frame,id,left,top,width,height,conf,-1,-1,-1`, frame 1-based."""
    for track_id, confidence, (left, top, right, bottom) in zip(
        boxes.track_id.tolist(), boxes.confidence.tolist(), boxes.xyxy.tolist(), strict=True
    ):
        box = f"{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f}"
        yield f"{frame_index + 1},{track_id},{box},{confidence:.4f},-1,-1,-1\n"


def read_mot(path: Path) -> Iterator[tuple[int, TrackedBoxes]]:
    """Frames of a MOTChallenge file in its order, one at a time: (0-based frame index, boxes)."""
    with path.open(encoding="utf-8") as lines:
        rows = ([float(value) for value in line.split(",")] for line in lines)
        for frame_number, group in groupby(rows, key=lambda row: int(row[0])):
            values = np.array([row[1:7] for row in group])
            xyxy = np.concatenate([values[:, 1:3], values[:, 1:3] + values[:, 3:5]], axis=1)
            boxes = TrackedBoxes(
                xyxy.astype(np.float32), values[:, 5].astype(np.float32), values[:, 0].astype(np.int64)
            )
            yield frame_number - 1, boxes


class ReadLog(_LineFile):
    """Writes every window read as a JSON line, so that a decision can be audited."""

    def add(self, reads: Sequence[WindowRead]) -> int:
        """Record reads and return how many; the candidate None stands for 'no readable number'."""
        self._file.writelines(line_of_read(read) for read in reads)
        return len(reads)


def line_of_read(read: WindowRead) -> str:
    """The line of `ReadLog` for a read."""
    return json.dumps(_read_record(read), separators=(",", ":")) + "\n"


def _read_record(read: WindowRead) -> dict[str, Any]:
    candidates = top_candidates(number_log_probs(read.tens, read.units), TOP_CANDIDATES)
    return {
        "track_id": read.track_id,
        "frames": read.frame_indices.tolist(),
        "anchor_frame": read.anchor_frame,
        "quality": round(read.quality, 4),
        "candidates": [{"number": number, "probability": round(share, 4)} for number, share in candidates],
        "frame_weights": _rounded(read.frame_weights),
        "tens": _rounded(read.tens),
        "units": _rounded(read.units),
    }


def read_of_line(line: str) -> WindowRead:
    """The read of which `ReadLog` wrote a line, its numbers rounded."""
    return read_of_record(json.loads(line))


def read_of_record(record: Mapping[str, Any]) -> WindowRead:
    """The read of which `ReadLog` wrote a line, its numbers rounded."""
    return WindowRead(
        track_id=record["track_id"],
        frame_indices=np.array(record["frames"], np.int64),
        tens=np.array(record["tens"], np.float32),
        units=np.array(record["units"], np.float32),
        frame_weights=np.array(record["frame_weights"], np.float32),
        anchor_frame=record["anchor_frame"],
        quality=record["quality"],
    )


def rewrite_lines(path: Path, change: Callable[[str], str]) -> None:
    """Change a text file line by line; it is whole at every moment."""
    new = path.with_name(f"{path.name}.new")
    with path.open(encoding="utf-8") as lines, new.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(change(line) for line in lines)
    new.replace(path)


def write_tracks(path: Path, rows: Iterable[TrackRow]) -> None:
    """Write tracks.csv: one row per track, `CSV_COLUMNS` in order; blank where nothing could be known."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, CSV_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(_csv_row(row) for row in rows)


def _csv_row(row: TrackRow) -> dict[str, str | int]:
    span, identity, team = row.span, row.identity, row.team
    return {
        "track_id": span.track_id,
        "team": team.name if team else "",
        "jersey_number": identity.number or "",
        "confidence": f"{identity.confidence:.4f}" if identity.number else "",
        "status": row.status,
        "n_frames": span.n_frames,
        "n_reads": identity.n_reads,
        "first_frame": span.first_frame,
        "last_frame": span.last_frame,
        "first_time_s": f"{span.first_time_seconds:.3f}",
        "last_time_s": f"{span.last_time_seconds:.3f}",
        "seconds_seen": f"{span.seconds_seen:.3f}",
        "team_rgb": "#{:02x}{:02x}{:02x}".format(*team.rgb) if team else "",
        "likeliest": identity.best or "",
        "likeliest_confidence": f"{identity.confidence:.4f}" if identity.best else "",
        "runner_up": identity.runner_up or "",
        "runner_up_confidence": f"{identity.runner_up_confidence:.4f}" if identity.runner_up else "",
        "best_frame": "" if identity.best_frame is None else identity.best_frame,
    }


def _rounded(values: FloatArray) -> list[float]:
    return [round(value, 4) for value in values.tolist()]
