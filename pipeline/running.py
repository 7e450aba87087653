"""One run from start to end: its source, its folder, the bar that shows how far it is, and what is said at the end.

Takes seconds to import, since torch does: `pipeline.run` does so once its options are in order.
"""

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from pipeline.config import load
from pipeline.engine import process
from pipeline.media.video import open_source
from pipeline.passes import Progress, ProgressUpdate
from pipeline.results.folder import RunFolder
from pipeline.results.report import RunSummary
from pipeline.settings import Settings
from recognizer.device import card_of, resolve_device


def carry_out(arguments: argparse.Namespace) -> tuple[RunSummary, Path]:
    """Do what the command's options ask for.

    Returns:
        What came out, and the folder it is in.

    Raises:
        InputError: The input, a setting or the folder cannot be used.
    """
    settings = load(Settings, arguments.config, arguments.overrides)
    device = resolve_device(arguments.device)
    decoder, card, threads = settings.engine.decoder, card_of(device), settings.engine.coding_threads
    source = open_source(arguments.input, arguments.start, arguments.duration, decoder, card, threads)
    folder = arguments.output or Path("runs") / source.info.name
    quiet = arguments.loudness < 0
    with (
        RunFolder(folder, arguments.overwrite, source.info.files) as work,
        progress_bar(quiet) as progress,
        logging_redirect_tqdm(),
    ):
        return process(source, settings, device, work, progress, arguments.video), folder


@contextlib.contextmanager
def progress_bar(quiet: bool) -> Iterator[Progress]:
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
