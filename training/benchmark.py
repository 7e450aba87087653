"""Runs the product on labelled match clips and scores it: `python -m training.benchmark CLIPS --scorer FILE`.

CLIPS holds `NAME.mp4` with `NAME.boxes.csv` and `NAME.labels.csv`. The scorer is a Python file with the functions
`read_truth`, `read_run`, `outcomes` and `summary`; the last line of the table is over all clips together. Below it
stand the calibration of the confidence and the referees and bystanders that were given a number.
"""

import argparse
import importlib.util
import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from pipeline.config import load
from pipeline.device import resolve_device
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


def run_clips(
    clips: Sequence[Path], runs: Path, settings: Settings, device: torch.device
) -> dict[str, tuple[Path, float]]:
    """Run the product, without drawing, on each clip; returns folder and frames per second by name."""
    done = {}
    for clip in clips:
        folder = runs / clip.stem
        folder.mkdir(parents=True)
        summary = process(open_source(str(clip)), settings, device, folder, video=False)
        done[clip.stem] = (folder, summary.frames_decoded / summary.wall_seconds)
        logger.info("%s: %d frames in %.0f s", clip.stem, summary.frames_decoded, summary.wall_seconds)
    return done


def benchmark(clips: Sequence[Path], scorer: ModuleType, runs: Path, settings: Settings, device: torch.device) -> str:
    """Run, score, and return the Markdown table; `runs/benchmark.json` keeps all figures."""
    done = run_clips(clips, runs, settings, device)
    lines = [
        "| clip | precision | coverage | people | precision, legible | coverage, legible | frames/s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    everything: list[tuple[Any, ...]] = []
    record: dict[str, Any] = {}
    trust = Trust()
    for clip in [*clips, None]:
        name = clip.stem if clip else "all"
        rows = score(scorer, clip, done[name][0]) if clip else everything
        if clip:
            everything += rows
            trust.add(scorer, clip, done[name][0])
        figures, legible = scorer.summary(rows), scorer.summary([row for row in rows if row[3]])
        lines.append(table_row(name, figures, legible, done[name][1] if clip else None))
        record[name] = {**{key: figures[key] for key in _COLUMNS}, "legible": legible}
    record["trust"] = trust.record()
    (runs / "benchmark.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return "\n".join([*lines, "", *trust_lines(record["trust"])])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.benchmark", description="Score the product on clips.")
    parser.add_argument("clips", type=Path, help="folder with NAME.mp4, NAME.boxes.csv, NAME.labels.csv")
    parser.add_argument("--scorer", type=Path, required=True, help="score_tracks.py")
    parser.add_argument("--output", type=Path, help="new folder for the runs (default: a temporary one)")
    parser.add_argument("--config", type=Path, help="pipeline settings")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--device", default="auto")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    try:
        settings, scorer = load(Settings, args.config, args.overrides), load_scorer(args.scorer)
        clips, device = labelled_clips(args.clips), resolve_device(args.device)
        with tempfile.TemporaryDirectory() as scratch:
            table = benchmark(clips, scorer, args.output or Path(scratch) / "runs", settings, device)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{table}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
