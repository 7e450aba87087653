"""What the measuring commands share: kinds of options, progress bars, and what names a checkpoint."""

import argparse
import contextlib
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from tqdm import tqdm


def count(text: str) -> int:
    """A whole number from 1, for an option.

    >>> count("64")
    64

    Raises:
        ArgumentTypeError: It is under 1.
        ValueError: It is no whole number.
    """
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is no count; a whole number from 1 is expected")
    return value


def share(text: str) -> float:
    """A number from 0 to 1, for an option.

    >>> share("0.5")
    0.5

    Raises:
        ArgumentTypeError: It is outside 0 to 1.
        ValueError: It is no number.
    """
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"{text} is no share; a number from 0 to 1 is expected")
    return value


@contextlib.contextmanager
def progress_bar(total: int | None, unit: str, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A bar that is told how many more are done; on a terminal only.

    Args:
        total: How many there will be; None where nobody knows.
        unit: What they are, in the plural.
        quiet: Whether none is shown in any case.
    """
    with tqdm(total=total, unit=f" {unit}", disable=True if quiet else None) as bar:

        def advance(done: int) -> None:
            bar.update(done)

        yield advance


def checkpoint_record(path: Path) -> dict[str, str]:
    """By which file a measurement was made, as JSON values."""
    return {"path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
