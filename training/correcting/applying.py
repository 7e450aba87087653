"""Puts a person's corrections of a run into its tables and its video, without reading anything anew."""

import math
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pipeline.clock import StageClock
from pipeline.identity import Identity, IdentityFuser, IdentitySettings
from pipeline.kits.swaps import Swap
from pipeline.media.encoders import SOFTWARE
from pipeline.passes import Findings, Progress, ProgressUpdate, draw
from pipeline.results.folder import RECORD
from pipeline.results.outputs import BOXES, READS, TRACKS, VIDEO, TrackRow, write_tracks
from pipeline.results.players import PLAYERS, Player, join_tracks, keep_one_wearer, write_players
from pipeline.results.renaming import Renaming, rename_boxes, rename_reads
from pipeline.results.report import counts, file_record, write_record
from pipeline.results.spans import FrameTimes, TrackSpan
from pipeline.workers import EngineSettings, Workers
from training.correcting.known import Known, read_known
from training.correcting.passages import part, passages
from training.data.clip_labels import Stretch
from training.data.corrections import APPLIED, write_corrections
from training.data.finished_runs import FinishedRun, RunError
from training.data.tables import TableError

CORRECTIONS: Final = "corrections"
"""Key of run.json under which a corrected run tells of all its corrections, the last one last."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run with a person's corrections."""

    rows: list[TrackRow]
    """One per track, by track id."""
    players: list[Player]
    """Tracks with a number, put together."""
    files: list[str]
    """Names of the files written, run.json last."""


def correct(
    run: FinishedRun,
    stretches: Mapping[int, Sequence[Stretch]],
    table: Path,
    folder: Path,
    progress: Progress,
    video: bool = True,
) -> Outcome:
    """Write a run's files anew, with a person's word where there is one.

    A track with a person's number keeps it beside every other one; of the run's own, the surest track of a kit keeps a
    number that several show at the same time, as in the run. Both parts of a track that is parted keep its kit. The
    video is decoded once for the frames' times and, where it is drawn, once more.

    Args:
        run: The run.
        stretches: What a person says of tracks, by track.
        table: Where that was read from.
        folder: An existing, empty folder for the files.
        progress: Called after every frame.
        video: Whether to draw and write the annotated video.

    Raises:
        InputError: The run's files or its video cannot be used, or a part of a parted track is in no frame.
    """
    known = read_known(run.folder / TRACKS)
    _copy(run.folder, folder)
    everything: Mapping[int, Sequence[Stretch]] = {**run.said, **stretches}
    spans, times = _spans(run, progress)
    if spans.keys() != known.keys():
        raise RunError(f"{TRACKS} and {BOXES} of the run {run.folder} do not list the same tracks; make it again.")
    said = {track: passages(its) for track, its in stretches.items()}
    numbers, swaps = part(said, free_id=max(spans, default=0) + 1)
    if swaps:
        renaming = Renaming(swaps)
        spans = spans | rename_boxes(folder / BOXES, renaming, times)
        _require_boxes(swaps, spans, table)
        fuser = _rename_reads(run.folder, folder / READS, renaming)
        known |= _parts(swaps, known, fuser)
        everything = _of_parts(everything, renaming)
    write_corrections(folder / APPLIED, everything)
    rows = [_row(span, known[track], numbers) for track, span in sorted(spans.items())]
    rows = _one_wearer(rows, run.record["settings"].get("identity") or {})
    write_tracks(folder / TRACKS, rows)
    write_players(folder / PLAYERS, players := join_tracks(rows))
    with (folder / READS).open(encoding="utf-8") as lines:
        reads = sum(1 for _ in lines)
    if video:
        with Workers(EngineSettings()) as workers:
            draw(run.source, Findings(rows, run.frames, reads), folder, StageClock(), progress, workers, SOFTWARE)
    files = [*([VIDEO] if video else []), PLAYERS, TRACKS, BOXES, READS, APPLIED, RECORD]
    outcome = Outcome(rows, players, files)
    told = {
        "run": str(run.folder.resolve()),
        "table": file_record(table, [table]),
        "tracks": len(said),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_record(folder / RECORD, _record(run, told, outcome, reads))
    return outcome


def _copy(run: Path, folder: Path) -> None:
    """The files in which only tracks' ids may change."""
    for name in (BOXES, READS):
        try:
            shutil.copyfile(run / name, folder / name)
        except FileNotFoundError as error:
            raise RunError(f"The run {run} lacks {name}; make it again with python -m pipeline.run.") from error


def _spans(run: FinishedRun, progress: Progress) -> tuple[dict[int, TrackSpan], FrameTimes]:
    """When each track was seen, and when each frame was shown."""
    times, spans = FrameTimes(1.0 / float(run.source.info.frames_per_second)), dict[int, TrackSpan]()
    for frame, boxes in run.seen():
        times.add(frame.time_seconds)
        for track in boxes.track_id.tolist():
            spans.setdefault(track, TrackSpan.starting(track, frame.index, times)).see(frame.index, times)
        progress(ProgressUpdate("reading", frame.index + 1, run.frames, len(spans), len(run.numbers)))
    return spans, times


def _require_boxes(swaps: Sequence[Swap], spans: Mapping[int, TrackSpan], table: Path) -> None:
    for swap in swaps:
        if not {swap.track_id, swap.new_id} <= spans.keys():
            raise TableError(
                f"{table} parts track {swap.track_id} at frame {swap.frame_index}, and one of the parts is in no frame "
                "in which the track is seen."
            )


def _rename_reads(run: Path, reads: Path, renaming: Renaming) -> IdentityFuser:
    """Tell the windows of parted tracks apart; returns what added those of each part up."""
    fuser = IdentityFuser(IdentitySettings())  # a person's word takes the place of the number it would give
    try:
        rename_reads(reads, renaming, fuser)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise RunError(f"{run / READS} is no file of a run's reads ({error!r}); make the run again.") from error
    return fuser


def _parts(swaps: Sequence[Swap], known: Mapping[int, Known], fuser: IdentityFuser) -> dict[int, Known]:
    """What is known of the parts of tracks."""
    origins = {one: swap.track_id for swap in swaps for one in (swap.track_id, swap.new_id)}
    return {one: known[origin]._replace(identity=fuser.identity(one)) for one, origin in origins.items()}


def _of_parts(said: Mapping[int, Sequence[Stretch]], renaming: Renaming) -> dict[int, list[Stretch]]:
    """What was said, by the id of the part of a track of which it speaks."""
    parts: dict[int, list[Stretch]] = defaultdict(list)
    for track, stretches in said.items():
        for one in stretches:
            parts[renaming.of(track, one.first)].append(one)
    return dict(parts)


def _record(run: FinishedRun, told: Mapping[str, Any], outcome: Outcome, reads: int) -> dict[str, Any]:
    """The run.json of a corrected run: the run's own, but for what the corrections changed."""
    return {
        **run.record,
        "counts": {**run.record["counts"], **counts(outcome.rows, outcome.players, reads)},
        CORRECTIONS: [*run.record.get(CORRECTIONS, []), told],
        "encoder": SOFTWARE.name if VIDEO in outcome.files else None,
        "files": outcome.files,
    }


def _row(span: TrackSpan, known: Known, numbers: Mapping[int, str | None]) -> TrackRow:
    identity = known.identity
    if span.track_id in numbers:
        identity = _told(identity, numbers[span.track_id])
    return TrackRow(span, identity, known.team)


def _told(identity: Identity, number: str | None) -> Identity:
    """An identity by a person's word."""
    return replace(
        identity,
        number=number,
        confidence=1.0 if number else 0.0,
        status="corrected",
        best=number,
        runner_up=None,
        runner_up_confidence=0.0,
        best_frame=identity.best_frame if number == identity.best else None,
    )


def _one_wearer(rows: Sequence[TrackRow], settings: Mapping[str, Any]) -> list[TrackRow]:
    """Numbers that tracks lost to one that is surer, given anew now that a person has said who that is."""
    if not settings.get("one_wearer", True):
        return list(rows)
    return keep_one_wearer([_unsilenced(row) for row in rows])


def _unsilenced(row: TrackRow) -> TrackRow:
    """The track with the number that it lost to a surer one."""
    identity = row.identity
    if identity.status != "duplicate":
        return row
    least = math.nextafter(identity.confidence, 0.0)  # the table rounds: who had the number was surer, if as sure there
    return replace(row, identity=replace(identity, number=identity.best, confidence=least, status="read"))
