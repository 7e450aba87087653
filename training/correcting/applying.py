"""Puts a person's corrections of a run into its tables and its video, without reading anything anew."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from pipeline.clock import StageClock
from pipeline.identity import Identity, IdentityFuser, IdentitySettings
from pipeline.kits.swaps import Swap
from pipeline.passes import Findings, Progress, ProgressUpdate, draw
from pipeline.results.folder import RECORD
from pipeline.results.outputs import BOXES, READS, TRACKS, VIDEO, TrackRow, write_tracks
from pipeline.results.players import PLAYERS, Player, join_tracks, keep_one_wearer, write_players
from pipeline.results.renaming import Renaming, rename_boxes, rename_reads
from pipeline.results.report import counts, file_record, write_record
from pipeline.results.spans import FrameTimes, TrackSpan
from pipeline.workers import EngineSettings, Workers
from recognizer.errors import InputError
from training.correcting.known import Known, read_known
from training.data.clip_labels import Stretch
from training.data.finished_runs import FinishedRun, RunError

CORRECTED: Final = "corrected"
"""Key of run.json under which a corrected run tells of its corrections."""


class Passage(NamedTuple):
    """From when on a track shows a person."""

    first_frame: int
    """0-based; 0 stands for the track's own beginning."""
    number: str | None
    """What he wears, by a person's word; None where nobody can read a number."""


@dataclass(frozen=True, slots=True)
class CorrectedRun:
    """A run with a person's corrections."""

    rows: list[TrackRow]
    """One per track, by track id."""
    players: list[Player]
    """Tracks with a number, put together."""
    files: list[str]
    """Names of the files written, run.json last."""


def passages(stretches: Iterable[Stretch]) -> list[Passage]:
    """Whom a track shows, by what a person says of stretches of it.

    One number counts for the whole track, wherever it was read. Where the stretches show several, the tracker passed
    from one player to another: each counts from the first frame of its stretch on.

    >>> from training.data.clip_labels import Verdict
    >>> passages([Stretch(40, 60, Verdict.LEGIBLE, "7"), Stretch(90, 99, Verdict.LEGIBLE, "10")])
    [Passage(first_frame=0, number='7'), Passage(first_frame=90, number='10')]

    Args:
        stretches: of one track.
    """
    found: list[Passage] = []
    for one in sorted(stretches, key=lambda one: one.first):
        if one.number is not None and (not found or found[-1].number != one.number):
            found.append(Passage(one.first if found else 0, one.number))
    return found or [Passage(0, None)]


def correct(
    run: FinishedRun,
    stretches: Mapping[int, Sequence[Stretch]],
    table: Path,
    folder: Path,
    progress: Progress,
    video: bool = True,
) -> CorrectedRun:
    """Write a run's files anew, with a person's word where there is one.

    A track with a person's number keeps it beside every other one; of the run's own, the surest track of a kit keeps a
    number that several show at the same time, as in the run. The video is decoded once for the frames' times and, where
    it is drawn, once more.

    Args:
        run: The run.
        stretches: What a person says of tracks, by track.
        table: Where that was read from.
        folder: An existing, empty folder for the files.
        progress: Called after every frame.
        video: Whether to draw and write the annotated video.

    Raises:
        InputError: The run's files or its video cannot be used, or a track is said to show a player after its end.
    """
    known, fuser = read_known(run.folder / TRACKS), IdentityFuser(IdentitySettings())
    _copy(run.folder, folder)
    spans, times = _spans(run, progress)
    said = {track: passages(its) for track, its in stretches.items()}
    numbers, swaps = _split(said, spans, table)
    if swaps:
        renaming = Renaming(swaps)
        spans = spans | rename_boxes(folder / BOXES, renaming, times)
        rename_reads(folder / READS, renaming, fuser)
        for swap in swaps:
            known[swap.new_id] = known[swap.track_id]
        for track in {*renaming.tracks, *(swap.new_id for swap in swaps)}:
            known[track] = known[track]._replace(identity=fuser.identity(track))
    rows = [_row(span, known[track], numbers) for track, span in sorted(spans.items())]
    rows = _one_wearer(rows, run.record["settings"].get("identity") or {})
    write_tracks(folder / TRACKS, rows)
    write_players(folder / PLAYERS, players := join_tracks(rows))
    with (folder / READS).open(encoding="utf-8") as lines:
        reads = sum(1 for _ in lines)
    if video:
        with Workers(EngineSettings()) as workers:
            draw(run.source, Findings(rows, run.frames, reads), folder, StageClock(), progress, workers)
    files = [*([VIDEO] if video else []), PLAYERS, TRACKS, BOXES, READS, RECORD]
    told = {"run": str(run.folder), "table": file_record(table, [table]), "tracks": len(said)}
    write_record(
        folder / RECORD,
        {
            **run.record,
            "counts": {**run.record["counts"], **counts(rows, players, reads)},
            CORRECTED: {**told, "time": datetime.now(UTC).isoformat(timespec="seconds")},
            "files": files,
        },
    )
    return CorrectedRun(rows, players, files)


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


def _split(
    said: Mapping[int, Sequence[Passage]], spans: Mapping[int, TrackSpan], table: Path
) -> tuple[dict[int, str | None], list[Swap]]:
    """A person's number of each track and, where one shows several players, of each part of it; and the parts."""
    numbers: dict[int, str | None] = {}
    swaps: list[Swap] = []
    free_id = max(spans, default=0) + 1
    for track, its in said.items():
        numbers[track] = its[0].number
        for passage in its[1:]:
            if not spans[track].first_frame < passage.first_frame <= spans[track].last_frame:
                raise InputError(
                    f"{table} has track {track} show {passage.number} from frame {passage.first_frame} on, but it is "
                    f"seen in frames {spans[track].first_frame} to {spans[track].last_frame}."
                )
            swaps.append(Swap(track, passage.first_frame, free_id))
            numbers[free_id] = passage.number
            free_id += 1
    return numbers, swaps


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
        best_frames=identity.best_frames if number == identity.best else (),
    )


def _one_wearer(rows: Sequence[TrackRow], settings: Mapping[str, Any]) -> list[TrackRow]:
    """Numbers that tracks lost to one that is surer, given anew now that a person has said who that is."""
    if not settings.get("one_wearer", True):
        return list(rows)
    enough = float(settings.get("min_confidence", IdentitySettings().min_confidence))
    return keep_one_wearer([_unsilenced(row, enough) for row in rows])


def _unsilenced(row: TrackRow, enough: float) -> TrackRow:
    """Sure enough, and still `conflicting`: only a surer track of the kit took its number."""
    identity = row.identity
    if identity.status != "conflicting" or identity.confidence <= enough:
        return row
    return replace(row, identity=replace(identity, number=identity.best, status="read"))
