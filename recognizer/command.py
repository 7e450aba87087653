"""What the commands share: options that fail in one sentence, exit codes, and how a command ends early."""

import argparse
import functools
import os
import sys
from collections.abc import Callable, Sequence
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


def ending_in_a_sentence(interrupted: str = "Interrupted.") -> Callable[[Main], Callable[..., int]]:
    """Decorator for a command: bad input and Ctrl-C end it in one sentence on stderr and an exit code.

    The command takes the arguments (None: those of the process) and returns the exit code.

    Args:
        interrupted: What to say at Ctrl-C.
    """

    def decorate(main: Main) -> Callable[..., int]:
        @functools.wraps(main)
        def decorated(argv: Sequence[str] | None = None) -> int:
            try:
                return main(argv)
            except InputError as error:
                sys.stderr.write(f"{error}\n")
                return EXIT_BAD_INPUT
            except KeyboardInterrupt:
                sys.stderr.write(f"{interrupted}\n")
                return EXIT_INTERRUPTED

        return decorated

    return decorate


def say(lines: Sequence[str]) -> None:
    """Print to any terminal: what it has no letters for is spelt out, and a reader that has left loses nothing."""
    coding = sys.stdout.encoding or "utf-8"
    try:
        for line in lines:
            sys.stdout.write(f"{line.encode(coding, 'backslashreplace').decode(coding)}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it ends
