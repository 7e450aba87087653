"""What the commands share: options that fail in one sentence, exit codes, and how a command ends early."""

import argparse
import contextlib
import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from recognizer.errors import InputError

EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130

Main = Callable[[Sequence[str] | None], int]


class Parser(argparse.ArgumentParser):
    """Says what is wrong with an option in one sentence and exits with `EXIT_BAD_INPUT`."""

    def error(self, message: str) -> NoReturn:
        """One sentence instead of the whole usage."""
        self.exit(EXIT_BAD_INPUT, f"{self.prog}: {message}; see --help.\n")

    def add_settings(self, file: Path | None = None, shown_in: str = "configs/pipeline.yaml") -> None:
        """Add `--config FILE`, and `--set KEY=VALUE`, which may be repeated and lands in `overrides`.

        Args:
            file: The settings by default; None for those that are built in.
            shown_in: Where those stand.
        """
        told = f"YAML settings, as in {shown_in} (default: built in)" if file is None else "settings (%(default)s)"
        self.add_argument("--config", type=Path, metavar="FILE", default=file, help=told)
        told = "a setting, over the file's; may be repeated"
        self.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE", help=told)


def ending_in_a_sentence(interrupted: str = "Interrupted.") -> Callable[[Main], Callable[..., int]]:
    """Decorator for a command: bad input and Ctrl-C end it in one sentence on stderr and an exit code.

    A polite kill (SIGTERM) cleans up as Ctrl-C does, and ends it with 143. The command takes the arguments (None: those
    of the process) and returns the exit code.

    Args:
        interrupted: What to say at Ctrl-C.
    """

    def decorate(main: Main) -> Callable[..., int]:
        @functools.wraps(main)
        def decorated(argv: Sequence[str] | None = None) -> int:
            try:
                with _stopping_cleanly():
                    return main(argv)
            except InputError as error:
                sys.stderr.write(f"{error}\n")
                return EXIT_BAD_INPUT
            except KeyboardInterrupt:
                sys.stderr.write(f"{interrupted}\n")
                return EXIT_INTERRUPTED

        return decorated

    return decorate


@contextlib.contextmanager
def _stopping_cleanly() -> Iterator[None]:
    """A polite kill raises an exception, as Ctrl-C does."""

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


def say(lines: Sequence[str]) -> None:
    """Print to any terminal: what it has no letters for is spelt out, and a reader that has left loses nothing."""
    if sys.stdout is None:  # closed by whoever called
        return
    coding = sys.stdout.encoding or "utf-8"
    try:
        for line in lines:
            sys.stdout.write(f"{line.encode(coding, 'backslashreplace').decode(coding)}\n")
        sys.stdout.flush()
    except OSError:  # a pipe that was closed, a full disk: what a command has written elsewhere is there all the same
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it ends
