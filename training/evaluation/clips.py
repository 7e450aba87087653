"""Runs the product on labelled match clips and scores it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from pipeline.engine import process
from pipeline.media.video import open_source
from pipeline.results.outputs import TRACKS
from pipeline.settings import Settings
from recognizer.errors import InputError
from training.evaluation.scoring import Outcome, Score, Truth, judge, match, read_run, score
from training.evaluation.trust import Trust, read_claims, trust_lines

logger = logging.getLogger(__name__)


class BenchmarkError(InputError):
    """The clips cannot be used."""


def labelled_clips(folder: Path) -> list[Path]:
    """The clips of a folder that have boxes and labels beside them, by name.

    Raises:
        BenchmarkError: There is none.
    """
    clips = [
        clip
        for clip in sorted(folder.glob("*.mp4"))
        if clip.with_suffix(".boxes.csv").is_file() and clip.with_suffix(".labels.csv").is_file()
    ]
    if not clips:
        raise BenchmarkError(f"{folder} holds no NAME.mp4 with NAME.boxes.csv and NAME.labels.csv beside it.")
    return clips


def require_free(runs: Path, clips: Sequence[Path]) -> None:
    """Make sure that `run_clips` can make its folders.

    Args:
        runs: where the runs are to go.
        clips: video files.

    Raises:
        BenchmarkError: Something stands there already.
    """
    for path in (runs, *(runs / clip.stem for clip in clips)):
        if path.exists():
            raise BenchmarkError(f"{path} exists already; give a new folder as --output.")


def table_row(name: str, figures: Score, legible: Score, frames_per_second: float | None) -> str:
    """One line of the Markdown table."""
    cells = [name, *(_share(one) for one in (figures.precision, figures.coverage)), f"{figures.found}/{figures.people}"]
    cells += [_share(one) for one in (legible.precision, legible.coverage)]
    return "| " + " | ".join([*cells, "" if frames_per_second is None else f"{frames_per_second:.1f}"]) + " |"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


class ClipRun(NamedTuple):
    """A finished run on a clip."""

    folder: Path
    frames_per_second: float


def run_clips(
    clips: Sequence[Path], runs: Path, settings: Settings, weights: Mapping[str, Path], device: torch.device
) -> dict[str, ClipRun]:
    """Run the product, without drawing, on each clip; returns the runs by the clips' names.

    Args:
        clips: video files.
        runs: gets a folder for each clip, which must be new (`require_free`).
        settings: of the product.
        weights: the recognizer that reads each clip, by the clip's name.
        device: what to compute on.
    """
    done = {}
    for clip in clips:
        folder = runs / clip.stem
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise BenchmarkError(f"{folder} cannot be made: {error.strerror}; choose another output.") from error
        own = replace(settings, reader=replace(settings.reader, weights=str(weights[clip.stem])))
        summary = process(open_source(str(clip)), own, device, folder, video=False)
        done[clip.stem] = ClipRun(folder, summary.frames_decoded / summary.wall_seconds)
        logger.info("%s: %d frames in %.0f s", clip.stem, summary.frames_decoded, summary.wall_seconds)
    return done


class ClipScores(NamedTuple):
    """The product's figures on clips."""

    text: str
    """As Markdown."""
    record: dict[str, Any]
    """The same and more, for JSON."""


def score_clips(truths: Mapping[str, Truth], done: Mapping[str, ClipRun]) -> ClipScores:
    """Score finished runs, each and all together.

    Args:
        truths: what is on each clip, by its name.
        done: by `run_clips`.
    """
    lines = [
        "| clip | precision | coverage | people | precision, legible | coverage, legible | frames/s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    everything: list[Outcome] = []
    record: dict[str, Any] = {}
    trust = Trust()

    def add(name: str, outcomes: Sequence[Outcome], frames_per_second: float | None) -> None:
        whole, legible = score(outcomes), score(one for one in outcomes if one.legible)
        lines.append(table_row(name, whole, legible, frames_per_second))
        record[name] = {**whole.record(), "legible": legible.record()}

    for name, truth in truths.items():
        run = done[name]
        boxes, claims = read_run(run.folder), read_claims(run.folder / TRACKS)
        matched = match(truth, boxes)
        outcomes = list(judge(matched, {track: claim.number for track, claim in claims.items() if claim.given}))
        trust.add(truth, boxes, matched, claims)
        add(name, outcomes, run.frames_per_second)
        everything += [one._replace(team=f"{name} {one.team}") for one in outcomes]
    add("all", everything, None)
    record["trust"] = trust.record()
    return ClipScores("\n".join([*lines, "", *trust_lines(record["trust"])]), record)
