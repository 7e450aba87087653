"""Teach the recognizer a match or a league from its own runs: `python -m training.adapt RUN ... -o FILE`.

The tracks to which a run gave a number teach it the typeface of the kits, without a label; a person's corrections teach
more. Exit codes: 0 the recognizer is written; 2 something given cannot be used; 130 interrupted (Ctrl-C).
"""

import logging
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pipeline.config import load
from recognizer.command import Parser, ending_in_a_sentence
from training.adapting.settings import AdaptSettings
from training.adapting.teaching import Taught, adapt
from training.data.corrections import read_corrections
from training.data.finished_runs import RunError, open_finished_run
from training.fitting.progress import show_progress

_MUCH_WORSE: Final = 0.05


@ending_in_a_sentence("Interrupted; nothing was written.")
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    given = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    if len(given.runs) > 1 and given.corrections:
        raise RunError("--corrections belong to one run; give one RUN, or put them into it with training.correct_run.")
    if len(given.runs) > 1 and given.video and not given.video.is_dir():
        raise RunError(f"--video is {given.video}; for several runs a folder that holds their videos is expected.")
    settings = load(AdaptSettings, given.config, given.overrides)
    runs = [open_finished_run(folder, given.video, None) for folder in given.runs]
    corrections = read_corrections(given.corrections, runs[0].tracks, runs[0].folder) if given.corrections else {}
    taught = adapt(runs, corrections, given.output, settings, show_progress)
    sys.stdout.write(summary(taught, given.output))
    if forgot(taught):
        sys.stderr.write("It reads other numbers worse than before; set fewer steps or a lower learning_rate.\n")
    return 0


def forgot(taught: Taught) -> bool:
    """Whether a recognizer reads numbers of all kinds much worse than before."""
    return taught.drawn < taught.drawn_before - _MUCH_WORSE


def summary(taught: Taught, out: Path) -> str:
    """What was taught, and what to do next.

    >>> print(summary(Taught({"7": 30, "19": 12}, 50, 0.8, 0.812), Path("league.safetensors")), end="")
    Learnt from 42 pictures of 2 numbers (7, 19) and 50 without a number; of drawn numbers it reads 0.81 (0.80 before).
    Read with it: python -m pipeline.run VIDEO --set reader.weights=league.safetensors
    (a match that taught it need not teach again: --set adaptation.enabled=false)
    """
    numbers = ", ".join(sorted(taught.numbers, key=int))
    count = sum(taught.numbers.values())
    setting = shlex.quote(f"reader.weights={out}")
    return (
        f"Learnt from {count} pictures of {len(taught.numbers)} numbers ({numbers}) and {taught.unreadable} without a "
        f"number; of drawn numbers it reads {taught.drawn:.2f} ({taught.drawn_before:.2f} before).\n"
        f"Read with it: python -m pipeline.run VIDEO --set {setting}\n"
        "(a match that taught it need not teach again: --set adaptation.enabled=false)\n"
    )


def _parser() -> Parser:
    parser = Parser(
        prog="python -m training.adapt",
        description="Teach the recognizer a match or a league from runs of python -m pipeline.run.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("runs", metavar="RUN", type=Path, nargs="+", help="a finished run's folder; several teach together")
    add("-o", "--output", metavar="FILE", type=Path, required=True, help="recognizer to write (.safetensors)")
    add(
        "--corrections",
        metavar="CSV",
        type=Path,
        help="your corrections of the one RUN, as for training.correct_run",
    )
    add(
        "--video",
        metavar="PATH",
        type=Path,
        help="where the run's video lies now, or a folder that holds the runs' videos (default: where they were)",
    )
    parser.add_settings(shown_in="configs/adapt.yaml")
    return parser


if __name__ == "__main__":
    sys.exit(main())
