"""The command that trains the recognizer: `python -m training.train --config configs/train.yaml`.

A run can be stopped with Ctrl-C and goes on with `--resume`; while its data are loaded, Ctrl-C ends it at once.
`--check` looks at settings, data and output folder and trains nothing.
Started by `torchrun`, several processes train one network; as many must resume it, on the same data.
"""

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType

from pipeline.config import load
from recognizer.command import EXIT_BAD_INPUT, EXIT_INTERRUPTED, Parser
from recognizer.errors import InputError
from training.fitting.checks import check
from training.fitting.distributed import Team, join_team
from training.fitting.feed import TrainingData
from training.fitting.loop import Interrupted, TrainResult, run_training
from training.fitting.mixture_feed import mixture_data
from training.fitting.progress import show_nothing, show_progress
from training.fitting.run_state import RESUME, require_unused, saved_preprocess
from training.fitting.settings import TrainSettings
from training.fitting.start import preprocess_text, settle_preprocess
from training.fitting.tree_feed import tree_data

logger = logging.getLogger(__name__)


class StopRequest:
    """Ctrl-C or a request to end, taken note of until the step is done; a second one ends at once.

    Before the first step there is nothing to save, and the first one ends at once. Under torchrun a process never ends
    before the others, which would wait for it; a second one, which torchrun passes on, says nothing new there.
    """

    def __init__(self) -> None:
        self.made = False
        self.stepping = False
        """Whether the data are loaded and steps are made."""

    def __call__(self) -> bool:
        """Whether the request was made."""
        return self.made

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take over SIGINT and SIGTERM for a while."""
        before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if (self.made or not self.stepping) and "TORCHELASTIC_RUN_ID" not in os.environ:
            raise KeyboardInterrupt
        self.made = True
        if os.environ.get("RANK", "0") == "0":
            awaited = b"this step is" if self.stepping else b"the data are loaded and one step is"
            os.write(2, b"\nStopping once %s done and saved; a second Ctrl-C ends at once.\n" % awaited)


def load_data(settings: TrainSettings, team: Team) -> TrainingData:
    """The training data that `source` names."""
    return tree_data(settings, team) if settings.source == "tree" else mixture_data(settings, team)


def train(settings: TrainSettings, resume: bool, stop: StopRequest) -> TrainResult:
    """Train one run to its end, alone or as one process of a torchrun.

    Raises:
        InputError: Settings, data or a checkpoint cannot be used.
        Interrupted: A stop was asked for; the run can be resumed.
    """
    with join_team(settings.device) as (team, device):
        if not team.leads:
            logging.getLogger().setLevel(logging.WARNING)
        if not resume:
            require_unused(Path(settings.output))  # before the data are scanned and packed
        settled = settle_preprocess(settings, saved_preprocess(Path(settings.output) / RESUME) if resume else None)
        logger.info("%s", preprocess_text(settings, settled, resumed=resume))
        data = load_data(replace(settled, start_from="") if resume else settled, team)
        stop.stepping = True
        return run_training(
            settled,
            data,
            resume=resume,
            team=team,
            device=device,
            should_stop=stop,
            progress=show_progress if team.leads else show_nothing,
        )


def outcome(result: TrainResult) -> str:
    """Which checkpoints a training left, in a sentence."""
    if result.best_epoch == 0:
        return (
            f"No epoch was better than the network of start_from: {result.best} is a copy of that; the last checkpoint "
            f"is {result.last}."
        )
    return f"The best checkpoint is {result.best}, the last one {result.last}."


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 0, 2 for bad input, 130 when interrupted."""
    parser = Parser(prog="python -m training.train", description="Train the jersey recognizer.", allow_abbrev=False)
    parser.add_settings(Path("configs/train.yaml"))
    parser.add_argument("--resume", action="store_true", help="go on where the run in the output folder stopped")
    parser.add_argument(
        "--check",
        action="store_true",
        help="look at settings, data and output folder, print what each side of the split holds, and stop",
    )
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    stop, settings = StopRequest(), TrainSettings()
    try:
        settings = load(TrainSettings, args.config, args.overrides)
        if args.check:
            report = check(settings, args.resume)
            sys.stdout.write(report.text)
            return 0 if report.usable else EXIT_BAD_INPUT
        with stop.listening():
            result = train(settings, args.resume, stop)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        saved = not args.check and (Path(settings.output) / RESUME).exists()
        kept = f"; {settings.output} holds what was saved before and goes on with --resume" if saved else ""
        sys.stderr.write(f"Ended at once{kept}.\n")
        return EXIT_INTERRUPTED
    except Interrupted:
        sys.stderr.write(f"Interrupted; the training in {settings.output} is saved and goes on with --resume.\n")
        return EXIT_INTERRUPTED
    if os.environ.get("RANK", "0") == "0":  # of several processes one tells
        sys.stdout.write(f"{outcome(result)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
