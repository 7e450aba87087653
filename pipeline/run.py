"""The command: `python -m pipeline.run INPUT`, or `jersey-numbers INPUT` once installed.

Exit codes: 0 done; 2 the input or a setting cannot be used; 3 done, but part of the input could not be decoded;
130 interrupted.
"""

import argparse
import contextlib
import logging
import math
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from pipeline.command import EXIT_BAD_INPUT, EXIT_INTERRUPTED, Parser
from pipeline.config import load
from pipeline.device import card_of, resolve_device
from pipeline.engine import process
from pipeline.folder import RunFolder
from pipeline.media.video import open_source
from pipeline.passes import Progress, ProgressUpdate
from pipeline.report import RunSummary, partial_sentence, table
from pipeline.settings import Settings
from recognizer.errors import InputError

EXIT_PARTIAL = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    arguments = _parser().parse_args(argv)
    levels = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO}
    logging.basicConfig(level=levels.get(arguments.loudness, logging.DEBUG), format="%(levelname)s: %(message)s")
    try:
        with _stopping_cleanly():
            summary, folder = _run(arguments)
    except InputError as error:
        print(error, file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("Interrupted; nothing was written.", file=sys.stderr)
        return EXIT_INTERRUPTED
    if arguments.loudness >= 0:
        print(table(summary.players, summary.rows))
        print("\n".join(_printable(folder / name) for name in summary.files))
    if summary.is_whole:
        return 0
    print(partial_sentence(summary), file=sys.stderr)
    return EXIT_PARTIAL


def _run(arguments: argparse.Namespace) -> tuple[RunSummary, Path]:
    settings = load(Settings, arguments.config, arguments.set)
    device = resolve_device(arguments.device)
    decoder, card, threads = settings.engine.decoder, card_of(device), settings.engine.coding_threads
    source = open_source(arguments.input, arguments.start, arguments.duration, decoder, card, threads)
    folder = arguments.output or Path("runs") / source.info.name
    quiet = arguments.loudness < 0
    with RunFolder(folder, arguments.overwrite) as work, _progress_bar(quiet) as progress, logging_redirect_tqdm():
        return process(source, settings, device, work, progress, arguments.video), folder


def _printable(path: Path) -> str:
    """A path that any terminal takes: bytes that are no text are spelt out."""
    return str(path).encode("utf-8", "backslashreplace").decode("utf-8")


def _parser() -> Parser:
    parser = Parser(prog="jersey-numbers", description="Read jersey numbers from match video.", allow_abbrev=False)
    add = parser.add_argument
    add("input", metavar="INPUT", help="a video file, or a folder or glob of images")
    add("-o", "--output", metavar="DIR", type=Path, help="folder for the results (default: runs/NAME)")
    add("--config", metavar="FILE", type=Path, help="YAML settings; see configs/pipeline.yaml (default: built in)")
    add(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="override a setting: windows.stride=2; repeatable",
    )
    add("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    add("--overwrite", action="store_true", help="replace an earlier run in DIR once the new one is whole")
    add("--no-video", dest="video", action="store_false", help="write the tables only, no annotated video")
    add("--start", metavar="S", type=_seconds, default=0.0, help="begin at this time, seconds")
    add("--duration", metavar="S", type=_positive_seconds, help="stop after so many seconds")
    loudness = parser.add_mutually_exclusive_group()
    loudness.add_argument("-v", dest="loudness", action="count", default=0, help="say more; -vv for debugging")
    loudness.add_argument("-q", dest="loudness", action="store_const", const=-1, help="say nothing but errors")
    return parser


def _seconds(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"{text} is no time; a number of seconds from 0 is expected")
    return value


def _positive_seconds(text: str) -> float:
    value = _seconds(text)
    if value == 0:
        raise argparse.ArgumentTypeError("0 is no duration; a number of seconds above 0 is expected")
    return value


@contextlib.contextmanager
def _progress_bar(quiet: bool) -> Iterator[Progress]:
    """A bar for each phase, on a terminal only; a header's wrong frame count does not upset it."""
    bars: dict[str, tqdm[NoReturn]] = {}

    def show(update: ProgressUpdate) -> None:
        bar = bars.get(update.phase)
        if bar is None:
            for earlier in bars.values():
                _finish(earlier)
            bar = bars[update.phase] = tqdm(
                desc=update.phase, total=update.frames_expected, unit=" frames", disable=True if quiet else None
            )
        if bar.total is not None and update.frames > bar.total:
            bar.total = None
        bar.set_postfix_str(f"{update.tracks} tracks, {update.numbers} numbers", refresh=False)
        bar.update(update.frames - bar.n)

    try:
        yield show
        for bar in bars.values():
            _finish(bar)
    finally:
        for bar in bars.values():
            bar.close()


def _finish(bar: "tqdm[NoReturn]") -> None:
    """A phase is over: what it counted is the true total."""
    bar.total = bar.n
    bar.refresh()
    bar.close()


@contextlib.contextmanager
def _stopping_cleanly() -> Iterator[None]:
    """A polite kill (SIGTERM) cleans up as Ctrl-C does."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's business
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(main())
