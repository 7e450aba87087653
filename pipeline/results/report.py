"""What a run says about itself: run.json for machines, a short table for people."""

import hashlib
import json
import logging
import os
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path
from typing import Any, Final

import torch

from pipeline.config import as_plain
from pipeline.detection.detector import default_weights as detector_weights
from pipeline.media.video import VideoInfo
from pipeline.results.outputs import TrackRow
from pipeline.results.players import Player
from pipeline.settings import Settings
from recognizer.device import device_name
from recognizer.localizer import default_localizer
from recognizer.reader import default_weights as reader_weights

logger = logging.getLogger(__name__)

_PACKAGES: Final = ("torch", "torchvision", "onnxruntime", "ultralytics", "av", "opencv-python", "numpy")

_THREADS: Final = (
    ("decode",),
    ("upload",),
    ("detect",),
    ("track",),
    ("crop", "team", "read", "identify", "adapt"),
    ("redecode",),
    ("draw",),
    ("encode",),
)
"""The stages that share a thread, first those of the first pass."""

_WHY_UNREAD: Final = {
    "too_short": "seen too briefly",
    "unreadable": "none could be read",
    "conflicting": "reads that do not agree well enough",
    "duplicate": "a surer track shows it",
    "corrected": "a person said so",
}


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What came out of one run."""

    rows: Sequence[TrackRow]
    """One per track, by track id."""
    players: Sequence[Player]
    """Tracks with a number, put together."""
    reads: int
    """Windows read."""
    taught_by: Sequence[str]
    """Numbers from whose tracks the recognizer learnt the match's numerals; none where too few were known."""
    encoder: str | None
    """FFmpeg's name of what compressed the annotated video; None where none was written."""
    cores: int
    """Of the processor, that the run used."""
    backends: Mapping[str, str]
    """By network, what it ran in and in which number format."""
    frames_decoded: int
    frames_lost: int
    """Frames the stream held but that could not be decoded."""
    truncated: bool
    """Whether the stream broke off before its end."""
    stage_seconds: Mapping[str, float]
    queue_fill: Mapping[str, float]
    """How full the queue behind a stage was on average, 0 to 1; empty where stages ran one after another."""
    wall_seconds: float
    files: Sequence[str]
    """Names of the files written, run.json last."""

    @property
    def is_whole(self) -> bool:
        """Whether every frame of the input was read."""
        return not self.frames_lost and not self.truncated


def provenance(info: VideoInfo, settings: Settings) -> dict[str, Any]:
    """Which input and which weights a run works on: paths, sizes, hashes."""
    weights = {
        "detector": Path(settings.detector.weights or detector_weights()),
        "reader": Path(settings.reader.weights or reader_weights()),
    }
    if settings.reader.locate:
        weights["localizer"] = Path(settings.reader.localizer or default_localizer())
    return {
        "input": input_record(info),
        "weights": {
            name: file_record(path, [path]) if path.is_file() else {"path": str(path)} for name, path in weights.items()
        },
    }


def run_record(
    summary: RunSummary, origin: Mapping[str, Any], settings: Settings, device: torch.device, started: datetime
) -> dict[str, Any]:
    """Everything run.json says: enough to tell what was run on what, and to run it again.

    Args:
        summary: What came out.
        origin: What went in, by `provenance`.
        settings: How each stage worked.
        device: Where the networks ran.
        started: When, with time zone.
    """
    return {
        **origin,
        "started": started.isoformat(timespec="seconds"),
        "whole": summary.is_whole,
        "counts": {
            "frames_decoded": summary.frames_decoded,
            "frames_lost": summary.frames_lost,
            "truncated": summary.truncated,
            **counts(summary.rows, summary.players, summary.reads),
        },
        "learnt_from": list(summary.taught_by),
        "seconds": {
            "total": round(summary.wall_seconds, 3),
            "stages": {name: round(seconds, 3) for name, seconds in summary.stage_seconds.items()},
            "bottleneck": bottleneck(summary.stage_seconds, summary.cores),
            "queue_fill": {name: round(share, 3) for name, share in summary.queue_fill.items()},
        },
        "frames_per_second": round(summary.frames_decoded / summary.wall_seconds, 2),
        "device": device_name(device, summary.cores),
        "backends": dict(summary.backends),
        "encoder": summary.encoder,
        "settings": as_plain(settings),
        "versions": versions(),
        "files": list(summary.files),
    }


def counts(rows: Sequence[TrackRow], players: Sequence[Player], reads: int) -> dict[str, Any]:
    """How many tracks, players and reads of windows there are, as run.json has it."""
    return {
        "tracks": len(rows),
        "players": len(players),
        "tracks_read": sum(row.identity.number is not None for row in rows),
        "tracks_by_status": dict(Counter(row.status for row in rows)),
        "reads": reads,
    }


def bottleneck(seconds: Mapping[str, float], cores: int) -> str | None:
    """The stage that the others wait for: the longest one of the thread that was busiest.

    >>> bottleneck({"decode": 5.0, "detect": 6.0, "crop": 4.0, "read": 3.0}, cores=2)
    'crop'

    Args:
        seconds: Of each stage.
        cores: Of the processor, that were used; on one all stages share a thread.
    """
    threads = _THREADS if cores > 1 else [tuple(chain.from_iterable(_THREADS))]
    busiest = max(threads, key=lambda stages: sum(seconds.get(stage, 0.0) for stage in stages))
    longest = max(busiest, key=lambda stage: seconds.get(stage, 0.0))
    return longest if longest in seconds else None


def input_record(info: VideoInfo) -> dict[str, Any]:
    """What was read: which files, which part of them, and the pictures' size and rate.

    `glob` is there for images found by one; `path` is then the folder of the first. `end_seconds` is None where the
    part goes to the end; both times count from the first frame.
    """
    return {
        **file_record(info.path, info.files),
        "path": str(info.path.absolute()),
        **({"glob": info.pattern} if info.pattern else {}),
        "files": len(info.files),
        "width": info.width,
        "height": info.height,
        "decoder": info.decoder,
        "frames_per_second": float(info.frames_per_second),
        "rate_assumed": info.rate_assumed,
        "start_seconds": float(info.span.start),
        "end_seconds": None if info.span.end is None else float(info.span.end),
    }


def file_record(path: Path, files: Sequence[Path]) -> dict[str, Any]:
    """Path, size and SHA-256 of a file, or of several files in the folder `path` together.

    The hash of a folder's files runs over each one's name, a zero byte and its own hash, in their order. Files that
    cannot be read count for no bytes and an empty hash, and are named under `unreadable`, a key only where there are.
    """
    contents = {file: _size_and_digest(file) for file in files}
    named = b"".join(os.fsencode(file.name) + b"\0" + digest for file, (_, digest) in contents.items())
    sha256 = contents[path][1] if path in contents else hashlib.sha256(named).digest()
    record = {"path": str(path), "bytes": sum(size for size, _ in contents.values()), "sha256": sha256.hex()}
    unreadable = [file.name for file, (_, digest) in contents.items() if not digest]
    return {**record, "unreadable": unreadable} if unreadable else record


def _size_and_digest(file: Path) -> tuple[int, bytes]:
    try:
        with file.open("rb") as data:
            return os.fstat(data.fileno()).st_size, hashlib.file_digest(data, "sha256").digest()
    except OSError as error:
        logger.debug("%s cannot be hashed: %s", file, error)
        return 0, b""


def versions() -> dict[str, str]:
    """Versions of this product and of what it computes with."""
    found = {"python": platform.python_version()}
    for package in ("jersey-numbers", *_PACKAGES):
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # run from a checkout that is not installed
            found[package] = "not installed"
    return found


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write run.json."""
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8", errors="backslashreplace")  # a name in another coding must not cost the run


def table(players: Sequence[Player], rows: Sequence[TrackRow]) -> str:
    """A line per player (by team, then number), confidence rounded down, and one on the tracks without a number."""
    lines = []
    if players:
        lines.append(f"{'team':<12} {'number':>6} {'confidence':>10} {'seconds seen':>12}  tracks")
    for player in players:
        tracks = " ".join(str(row.span.track_id) for row in player.rows)
        sure = min(99, int(player.confidence * 100)) / 100  # rounded down, as on the video: nothing is certain
        lines.append(f"{player.team:<12} {player.number:>6} {sure:>10.2f} {player.seconds_seen:>12.1f}  {tracks}")
    unread = Counter(_why_unread(row) for row in rows if not row.identity.number)
    total = sum(unread.values())
    if total:
        reasons = ", ".join(f"{reason} ({count})" for reason, count in unread.most_common())
        lines.append(f"{_counted(total, 'track')} got no number: {reasons}.")
    if not rows:
        lines.append("No player was found.")
    return "\n".join(lines)


def partial_sentence(summary: RunSummary) -> str:
    """What is missing from a run that is not whole."""
    parts = [f"{_counted(summary.frames_lost, 'frame')} could not be decoded"] if summary.frames_lost else []
    parts += ["the input breaks off before its end"] if summary.truncated else []
    verb = "was" if summary.frames_decoded == 1 else "were"
    return f"Partial result: {' and '.join(parts)}; {_counted(summary.frames_decoded, 'frame')} {verb} processed."


def _why_unread(row: TrackRow) -> str:
    """Why a track got no number; of those in which nothing was looked at, that they show too little."""
    if row.status == "unreadable" and not row.identity.n_reads:
        return "too small, blurred or hidden to be looked at"
    return _WHY_UNREAD.get(row.status, row.status)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
