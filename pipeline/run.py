"""The command: `python -m pipeline.run INPUT`, or `jersey-numbers INPUT` once installed.

Exit codes: 0 done; 2 the input or a setting cannot be used; 3 done, but part of the input could not be decoded;
130 interrupted (Ctrl-C), 143 ended by a kill (SIGTERM).
"""

import argparse
import contextlib
import logging
import math
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from recognizer.command import EXIT_INTERRUPTED, Parser, ending_in_a_sentence, say

EXIT_PARTIAL = 3
_INTERRUPTED = "Interrupted; nothing was written."


@ending_in_a_sentence(_INTERRUPTED)
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if len(arguments.input) > 1:
        shown = ", ".join(map(str, arguments.input[:2])) + (", ..." if len(arguments.input) > 2 else "")
        parser.error(f"{len(arguments.input)} inputs are given ({shown}), expected is one; quote a glob")
    [arguments.input] = arguments.input
    levels = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO}
    logging.basicConfig(level=levels.get(arguments.loudness, logging.DEBUG), format="%(levelname)s: %(message)s")
    return _carry_out(arguments)


def _carry_out(arguments: argparse.Namespace) -> int:
    with _leaving_at_once():
        from pipeline.results.report import partial_sentence, table
        from pipeline.running import carry_out

    summary, folder = carry_out(arguments)
    if arguments.loudness >= 0:
        say([table(summary.players, summary.rows), *(str(folder / name) for name in summary.files)])
    if summary.is_whole:
        return 0
    sys.stderr.write(f"{partial_sentence(summary)}\n")
    return EXIT_PARTIAL


def _parser() -> Parser:
    parser = Parser(
        prog="jersey-numbers",
        description="Read jersey numbers from match video; writes an annotated video and tables to runs/NAME.",
        epilog="Exit codes: 0 done, 2 something cannot be used, 3 part of the file was damaged, 130 and 143 stopped.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("input", metavar="INPUT", nargs="+", help="one video file, or folder or (quoted) glob of images")
    add("-o", "--output", metavar="DIR", type=Path, help="folder for the results (default: runs/NAME, after the input)")
    parser.add_settings()
    add("--device", default="auto", help="auto (the GPU if there is one), cpu, cuda or cuda:N (default: auto)")
    add("--overwrite", action="store_true", help="replace an earlier run in DIR once the new one is whole")
    add("--no-video", dest="video", action="store_false", help="write the tables only, no annotated video")
    add("--start", metavar="S", type=_seconds, default=0.0, help="begin at this time, seconds or H:MM:SS")
    add("--duration", metavar="S", type=_positive_seconds, help="stop after so many seconds, or H:MM:SS")
    loudness = parser.add_mutually_exclusive_group()
    loudness.add_argument("-v", dest="loudness", action="count", default=0, help="say more; -vv for debugging")
    loudness.add_argument("-q", dest="loudness", action="store_const", const=-1, help="say nothing but errors")
    return parser


def _seconds(text: str) -> float:
    """Seconds, or minutes and hours with colons as players show them: 90, 1:30 and 0:01:30 are the same."""
    parts = text.split(":")
    with contextlib.suppress(ValueError):
        values = [float(part) for part in parts]
        if len(parts) <= 3 and all(math.isfinite(value) and value >= 0 for value in values):
            return sum(value * 60.0**place for place, value in enumerate(reversed(values)))
    raise argparse.ArgumentTypeError(f"{text} is no time; seconds from 0 or H:MM:SS are expected")


def _positive_seconds(text: str) -> float:
    value = _seconds(text)
    if value == 0:
        raise argparse.ArgumentTypeError(f"{text} is no duration; it must be above 0")
    return value


@contextlib.contextmanager
def _leaving_at_once() -> Iterator[None]:
    """Ctrl-C ends the process there and then: libraries that are being loaded make something else of the exception."""

    def leave(number: int, frame: FrameType | None) -> None:
        os.write(2, f"{_INTERRUPTED}\n".encode())
        os._exit(EXIT_INTERRUPTED)

    here = threading.current_thread() is threading.main_thread()
    if not here or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


if __name__ == "__main__":
    sys.exit(main())
