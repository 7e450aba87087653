"""Makes and measures the player detector that ships.

    python -m training.train_detector label --clips CLIPS --frames FRAMES --start START --work WORK
    python -m training.train_detector train --work WORK [--hold-out MATCH ...] --output OUT.safetensors
    python -m training.train_detector measure --work WORK [--match MATCH ...] WEIGHTS ...
    python -m training.train_detector folds --work WORK [--shift S ...] [--size N ...] [--overlap O ...]

`label` lists frames and the people in them: hand-made boxes, tracked boxes, and where there are none the boxes
of the starting weights at a high resolution. `train` fine-tunes the class branch of the head on them. `measure`
scores weights on hand-made and tracked boxes. `folds` scores the recipe on footage it never saw, beside the starting
weights: it trains without each half of the labelled matches and measures on that half.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from pipeline.config import load
from recognizer.command import Parser, ending_in_a_sentence
from training.detector.loop import DetectorTraining
from training.detector.recipe import label, train
from training.detector.trials import Trial, compare, measure_folds


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as a Markdown table, numbers to four digits."""
    keys = list(rows[0])
    lines = [keys, ["---"] * len(keys)]
    lines += [[f"{row[key]:.4g}" if isinstance(row[key], float) else str(row[key]) for key in keys] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m training.train_detector",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    steps = parser.add_subparsers(dest="step", required=True)
    common = Parser(add_help=False)
    common.add_argument("--work", type=Path, required=True, help="directory for frames and their labels")
    common.add_settings(shown_in="configs/train_detector.yaml")
    step = steps.add_parser("label", parents=[common], help="list frames and the people in them")
    step.add_argument(
        "--clips",
        type=Path,
        required=True,
        help="folder of clips, no two of one name; NAME.boxes.csv beside labelled ones",
    )
    step.add_argument(
        "--frames", type=Path, help="folder of hand-labelled frames in YOLO layout, SPLIT/images beside SPLIT/labels"
    )
    step.add_argument("--renders", type=Path, help="folder of rendered clips, see rendered_repeats")
    step.add_argument("--start", type=Path, required=True, help="YOLO11n weights for COCO, .safetensors")
    step = steps.add_parser("train", parents=[common], help="fine-tune the starting weights")
    step.add_argument("--hold-out", nargs="*", default=[], metavar="MATCH", help="matches to keep for measuring")
    step.add_argument(
        "--output", "-o", type=Path, required=True, help="weights to write, .safetensors (and .json beside)"
    )
    trial = Parser(add_help=False)
    trial.add_argument("--size", nargs="+", type=int, default=[1280], help="input sizes, pixels (1280)")
    trial.add_argument("--overlap", nargs="+", type=float, default=[0.6], help="overlap limits of two boxes (0.6)")
    trial.add_argument("--confidence", type=float, default=0.25, help="confidence for recall and precision (0.25)")
    trial.add_argument("--precision", default="auto", help="number format: auto or float32")
    step = steps.add_parser("measure", parents=[common, trial], help="score weights on labelled frames")
    step.add_argument("weights", nargs="+", type=Path, help="weights to score, .safetensors")
    step.add_argument("--match", nargs="*", default=[], help="matches to measure on (all labelled ones)")
    step = steps.add_parser("folds", parents=[common, trial], help="score the recipe on matches it never saw")
    step.add_argument("--shift", nargs="+", type=float, help="values of class_shift (the setting's)")
    return parser


def _run(given: argparse.Namespace, settings: DetectorTraining) -> None:
    if given.step == "label":
        label(given.clips, given.frames, given.renders, given.start, given.work, settings)
        return
    if given.step == "train":
        train(given.work, given.hold_out, given.output, settings)
        return
    trial = Trial(tuple(given.size), tuple(given.overlap), given.confidence, given.precision)
    if given.step == "measure":
        rows = compare(given.work, given.match, given.weights, trial)
    else:
        rows = measure_folds(given.work, settings, given.shift or [settings.class_shift], trial)
    sys.stdout.write(table(rows))


@ending_in_a_sentence()
def main(arguments: Sequence[str] | None = None) -> int:
    """Run one step; returns the exit code."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    settings = load(DetectorTraining, given.config, given.overrides)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    _run(given, settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
