"""The command that measures a recognizer: `python -m training.evaluate --checkpoint FILE --data ROOT`.

Prints Markdown tables; `--output` (default runs/evaluate/NAME) gets report.md, pictures and evaluation.json. With
`--soccernet` it follows the SoccerNet jersey protocol instead (see `training.evaluation.soccernet`).
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.contrib.logging import logging_redirect_tqdm

from pipeline.config import load
from pipeline.results.folder import files_of_run
from pipeline.settings import Settings
from recognizer.command import Parser, ending_in_a_sentence
from recognizer.device import resolve_device
from recognizer.errors import InputError
from recognizer.reader import JerseyReader, default_weights
from training.evaluation import plots
from training.evaluation.command import checkpoint_record, count, progress_bar, share
from training.evaluation.data import MODES, OpenData, find_root, open_data, sampling_of
from training.evaluation.figures import Evaluation, evaluate_reads
from training.evaluation.files import require_writable, to_json, write_results
from training.evaluation.metrics import outcome_name
from training.evaluation.reads import Reads, read_views
from training.evaluation.report import digit_names, markdown, record
from training.evaluation.select import Selection, recorded_selection
from training.evaluation.soccernet import SETTINGS, run_protocol
from training.evaluation.temperature import FittedTemperature, fit_temperature
from training.evaluation.tracklets import Protocol
from training.fitting.run_state import BEST, LAST

EVALUATION = "evaluation.json"
REPORT = "report.md"


class OptionError(InputError):
    """Options of the command that do not go together."""


@ending_in_a_sentence()
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    with logging_redirect_tqdm():
        text = _soccernet(arguments) if arguments.soccernet else _evaluate(arguments)
    sys.stdout.write(text)
    return 0


def figures_as_png(evaluation: Evaluation) -> dict[str, bytes]:
    """Every picture of an evaluation by file name.

    Raises:
        PlotError: matplotlib is missing.
    """
    names = [outcome_name(place) for place in evaluation.numbers]
    true_rows = np.flatnonzero(evaluation.number_confusion.sum(axis=1)).tolist()
    classes = evaluation.classes
    return {
        "classes.png": plots.class_bars(
            [outcome_name(one.outcome) for one in classes],
            [one.accuracy for one in classes],
            [(one.low, one.high) for one in classes],
            [one.windows for one in classes],
            evaluation.digits.number,
        ),
        "confusion_numbers.png": plots.confusion_matrix(evaluation.number_confusion, names, "Numbers", true_rows),
        "confusion_tens.png": plots.confusion_matrix(evaluation.tens_confusion, digit_names(), "Tens digit"),
        "confusion_units.png": plots.confusion_matrix(evaluation.units_confusion, digit_names(), "Units digit"),
        "reliability.png": plots.reliability_diagram(evaluation.reliability),
        "risk_coverage.png": plots.risk_coverage_plot(evaluation.risk),
    }


def _evaluate(arguments: argparse.Namespace) -> str:
    output = arguments.output or Path("runs/evaluate") / _name(arguments.checkpoint)
    require_writable(output)
    if arguments.plots:
        plots.require_matplotlib()
    reader = JerseyReader(arguments.checkpoint, resolve_device(arguments.device), arguments.batch_size)
    selection = _selection(arguments, recorded_selection(reader.info, arguments.split))
    root = find_root(arguments.data, reader.info)
    data = open_data(root, reader.info, selection, sampling_of(reader.info, arguments.sampling), arguments.cache)
    with progress_bar(len(data.dataset), "windows", arguments.quiet) as progress:
        reads = read_views(reader, data.dataset, selection.seed, arguments.batch_size, progress)
    evaluation = evaluate_reads(reads, arguments.threshold)
    fitted = fit_temperature(reads.window.tens, reads.window.units, reads.codes, reader.info.temperature)
    text = markdown(evaluation, _heading(arguments, data, reads, fitted))
    contents = figures_as_png(evaluation) if arguments.plots else {}
    contents[REPORT] = text.encode()
    contents[EVALUATION] = to_json(
        {
            "checkpoint": checkpoint_record(arguments.checkpoint),
            "data": data.record() | {"marked_anchors": reads.marked},
            "threshold": arguments.threshold,
            "temperature": fitted.record(),
            "files": sorted(contents),
        }
        | record(evaluation)
    )
    earlier = files_of_run(output, EVALUATION)
    write_results({output / name: content for name, content in contents.items()})
    for name in earlier - set(contents):  # pictures of other figures
        (output / name).unlink(missing_ok=True)
    return f"{text}\n{output / EVALUATION}\n"


def _soccernet(arguments: argparse.Namespace) -> str:
    if arguments.data is not None:
        raise OptionError("--soccernet and --data were both given; give the folder of pictures to one of them.")
    output = arguments.output or Path("runs/soccernet") / _name(arguments.checkpoint)
    require_writable(output)
    settings = load(Settings, arguments.config, [*SETTINGS, *arguments.overrides])
    settings = replace(settings, reader=replace(settings.reader, weights=str(arguments.checkpoint)))
    protocol = Protocol(arguments.soccernet, arguments.ground_truth, arguments.crops)
    with progress_bar(None, "tracklets", arguments.quiet) as progress:
        result = run_protocol(protocol, settings, resolve_device(arguments.device), progress)
    described = {"checkpoint": checkpoint_record(arguments.checkpoint), "files": ["predictions.json"]}
    write_results(
        {
            output / "predictions.json": to_json(result.predictions),
            output / EVALUATION: to_json(described | result.record()),
        }
    )
    return f"{result.markdown()}\n{output / 'predictions.json'}\n{output / EVALUATION}\n"


def _name(checkpoint: Path) -> str:
    """What results of a checkpoint are filed under; every training has a `best` and a `last`."""
    of_a_run = checkpoint.name in (BEST, LAST)
    return f"{checkpoint.absolute().parent.name}-{checkpoint.stem}" if of_a_run else checkpoint.stem


def _selection(arguments: argparse.Namespace, recorded: Selection) -> Selection:
    """What the checkpoint records, with what the command line says in its place."""
    changes: dict[str, Any] = {
        "key": arguments.split_by,
        "held_out_share": arguments.held_out_share,
        "seed": arguments.seed,
        "test_numbers": tuple(arguments.classes) if arguments.classes else None,
    }
    return replace(recorded, **{name: value for name, value in changes.items() if value is not None})


def _heading(arguments: argparse.Namespace, data: OpenData, reads: Reads, fitted: FittedTemperature) -> list[str]:
    dataset = data.dataset
    lines = [
        f"# {arguments.checkpoint.name} on {data.root} ({data.selection.split})",
        "",
        f"{len(dataset):,} windows from {data.sequences:,} sequences, {len(dataset.numbers())} classes; best frame: "
        f"the marked anchor in {reads.marked:,} of them, the window's sharpest crop in the others.",
        f"The abstaining decoder gives no number under {arguments.threshold:g}.",
    ]
    if not data.holds_training:  # what was trained on is read more surely than what is new
        lines.append(fitted.text(str(arguments.checkpoint)))
    if data.unreadable:
        lines.append(f"Pictures of the data set that cannot be read and were skipped: {data.unreadable:,}.")
    if data.holds_training:
        known = "sequences the checkpoint was trained on, or a network it comes from"
        lines.append(f"This part holds {known}: expect less on unseen shirts.")
    return lines


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m training.evaluate",
        description="Measure a recognizer on a data set, or by the SoccerNet jersey protocol.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--checkpoint", type=Path, default=default_weights(), metavar="FILE", help="default: the weights that ship")
    add(
        "--output",
        "-o",
        type=Path,
        metavar="DIR",
        help="folder for the results (default: runs/evaluate/NAME, or RUN-best of a training)",
    )
    add("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    add("--batch-size", type=count, default=64, metavar="N", help="windows per pass (default: 64)")
    add("--no-plots", dest="plots", action="store_false", help="draw no pictures")
    add("-q", "--quiet", action="store_true", help="no progress bar")
    _add_data_options(parser.add_argument_group("on a data set NUMBER/SEQUENCE/SUBDIR/*.jpg"))
    group = parser.add_argument_group("by the SoccerNet jersey protocol")
    group.add_argument("--soccernet", type=Path, metavar="IMAGES", help="folder TRACKLET/*.jpg, or a data set")
    group.add_argument("--ground-truth", type=Path, metavar="GT.json", help='{"0": 10, "1": -1}')
    group.add_argument(
        "--crops",
        choices=("players", "numbers"),
        help="what a picture shows: a whole player (default), or the number alone; a data set's are read as they are",
    )
    group.add_argument(
        "--config", type=Path, metavar="FILE", help=f"pipeline settings, but for {', '.join(SETTINGS)}; see --set"
    )
    group.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    return parser


def _add_data_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--data", type=Path, metavar="ROOT", help="default: the data the checkpoint was trained on, else DATA_ROOT")
    add("--split", choices=("held_out", "all", "classes"), default="held_out", help="what to measure on")
    add("--classes", nargs="+", metavar="NUMBER", help="for --split classes (default: the checkpoint's test numbers)")
    add("--split-by", choices=("match", "sequence"), help="what a held-out part holds whole")
    add("--held-out-share", type=float, metavar="SHARE", help="default: as the checkpoint was trained, else 0.2")
    add("--seed", type=int, metavar="N", help="draws split and random frames (default: as trained, else 0)")
    add("--sampling", choices=MODES, default="uniform", help="which pictures make a window")
    add("--threshold", type=share, default=0.5, metavar="P", help="least confidence of a number (default: 0.5)")
    add("--cache", type=Path, metavar="DIR", help="folder for the packed crops (default: inside ROOT)")


if __name__ == "__main__":
    sys.exit(main())
