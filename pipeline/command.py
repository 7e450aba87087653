"""What the commands share: options that fail in one sentence, and exit codes."""

import argparse
from typing import NoReturn

EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """Says what is wrong with an option in one sentence and exits with `EXIT_BAD_INPUT`."""

    def error(self, message: str) -> NoReturn:
        """One sentence instead of the whole usage."""
        self.exit(EXIT_BAD_INPUT, f"{self.prog}: {message}; see --help.\n")
