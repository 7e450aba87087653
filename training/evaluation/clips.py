"""Runs the product on labelled match clips and scores it with a scorer that is a file of its own."""

import importlib.util
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch

from pipeline.engine import process
from pipeline.outputs import BOXES, TRACKS
from pipeline.settings import Settings
from pipeline.video import open_source
from recognizer.errors import InputError
from training.evaluation.trust import (
    Bin,
    calibration_bins,
    expected_calibration_error,
    numbered_referees,
    read_claims,
)

logger = logging.getLogger(__name__)

_COLUMNS = ("precision", "coverage", "people", "right", "wrong", "abstained", "missed")


class BenchmarkError(InputError):
    """The clips or the scorer cannot be used."""


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


def load_scorer(path: Path) -> ModuleType:
    """Import the scorer from its file.

    Raises:
        BenchmarkError: There is no such file.
    """
    spec = importlib.util.spec_from_file_location("scorer", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise BenchmarkError(f"{path} is no scorer; give a Python file such as score_tracks.py with --scorer.")
    scorer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scorer)
    return scorer


def score(scorer: ModuleType, clip: Path, run: Path) -> list[tuple[Any, ...]]:
    """The scorer's outcome of every labelled box of one clip."""
    truth = scorer.read_truth(clip.with_suffix(".labels.csv"), clip.with_suffix(".boxes.csv"))
    rows = scorer.outcomes(truth, *scorer.read_run(run / BOXES, run / TRACKS))
    return [(outcome, (clip.stem, team), number, legible) for outcome, team, number, legible in rows]


@dataclass(slots=True)
class Trust:
    """How far the numbers of several runs can be trusted."""

    given: list[Bin] = field(default_factory=list)
    """Tracks that were given a number."""
    likeliest: list[Bin] = field(default_factory=list)
    """Tracks with a likeliest number, given or withheld."""
    referees: tuple[int, int] = (0, 0)
    """Tracks of referees and bystanders: with a number, and all."""

    def add(self, scorer: ModuleType, clip: Path, run: Path) -> None:
        """Take one clip's run in."""
        truth = scorer.read_truth(clip.with_suffix(".labels.csv"), clip.with_suffix(".boxes.csv"))
        boxes, _ = scorer.read_run(run / BOXES, run / TRACKS)
        claims = read_claims(run / TRACKS)
        published = {track: claim for track, claim in claims.items() if claim.given}
        withheld = {track: claim for track, claim in claims.items() if not claim.given}
        given = calibration_bins(scorer, truth, boxes, published)
        self.given += given
        self.likeliest += given + calibration_bins(scorer, truth, boxes, withheld)
        numbered, total = numbered_referees(scorer, truth, boxes, claims)
        self.referees = (self.referees[0] + numbered, self.referees[1] + total)

    def record(self) -> dict[str, Any]:
        """The figures, for JSON."""
        return {
            name: {
                "calibration_error": expected_calibration_error(bins),
                "tracks": len(bins),
                "boxes": sum(one.boxes for one in bins),
            }
            for name, bins in (("given", self.given), ("likeliest", self.likeliest))
        } | {"referees": {"numbered": self.referees[0], "tracks": self.referees[1]}}


def trust_lines(record: dict[str, Any]) -> list[str]:
    """The figures of `Trust.record` as Markdown list items."""
    lines = []
    for name, what in (("given", "numbers given"), ("likeliest", "likeliest numbers, given or withheld")):
        figures = record[name]
        error = "–" if figures["calibration_error"] is None else f"{figures['calibration_error']:.3f}"
        extent = f"({figures['boxes']} boxes, {figures['tracks']} tracks)"
        lines.append(f"- expected calibration error of the {what}: {error} {extent}")
    numbered, total = record["referees"]["numbered"], record["referees"]["tracks"]
    return [*lines, f"- referees and bystanders given a number: {numbered} of {total} tracks"]


def table_row(name: str, figures: dict[str, Any], legible: dict[str, Any], frames_per_second: float | None) -> str:
    """One line of the Markdown table."""
    people = "{}/{}".format(*figures["people"])
    cells = [name, figures["precision"], figures["coverage"], people, legible["precision"], legible["coverage"]]
    speed = "" if frames_per_second is None else f"{frames_per_second:.1f}"
    return "| " + " | ".join("–" if cell is None else str(cell) for cell in [*cells, speed]) + " |"


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
        runs: gets a folder for each clip.
        settings: of the product.
        weights: the recognizer that reads each clip, by the clip's name.
        device: what to compute on.
    """
    done = {}
    for clip in clips:
        folder = runs / clip.stem
        folder.mkdir(parents=True)
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


def score_clips(clips: Sequence[Path], scorer: ModuleType, done: Mapping[str, ClipRun]) -> ClipScores:
    """Score finished runs, each and all together.

    Args:
        clips: video files with labels beside them.
        scorer: by `load_scorer`.
        done: by `run_clips`.
    """
    lines = [
        "| clip | precision | coverage | people | precision, legible | coverage, legible | frames/s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    everything: list[tuple[Any, ...]] = []
    record: dict[str, Any] = {}
    trust = Trust()
    for clip in [*clips, None]:
        name = clip.stem if clip else "all"
        rows = score(scorer, clip, done[name].folder) if clip else everything
        if clip:
            everything += rows
            trust.add(scorer, clip, done[name].folder)
        figures, legible = scorer.summary(rows), scorer.summary([row for row in rows if row[3]])
        lines.append(table_row(name, figures, legible, done[name].frames_per_second if clip else None))
        record[name] = {**{key: figures[key] for key in _COLUMNS}, "legible": legible}
    record["trust"] = trust.record()
    return ClipScores("\n".join([*lines, "", *trust_lines(record["trust"])]), record)
