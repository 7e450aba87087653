"""Does memory stay level on a long video? `python -m training.endurance CLIP --minutes 10`.

Loops a clip to a video of that length, runs the product on it in a process of its own, and prints for each minute of
the video, in each of the two passes, the highest memory (resident, and on CUDA what PyTorch holds on the card) and the
time a frame takes. Exit codes: 0 level; 1 the last minute's peak is more than a tenth above minute 2's in one of the
passes; 2 nothing could be measured.
"""

import argparse
import json
import logging
import multiprocessing
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import psutil
import torch

from pipeline.config import as_plain, load
from pipeline.engine import process
from pipeline.media.video import open_source
from pipeline.passes import ProgressUpdate
from pipeline.settings import Settings
from recognizer.command import Parser, ending_in_a_sentence
from recognizer.device import device_name, resolve_device
from recognizer.errors import InputError, reason_of
from training.evaluation.looping import loop_clip
from training.evaluation.metering import SETTLED, Meter, Minute, growth, table

logger = logging.getLogger(__name__)

ALLOWED_GROWTH: Final = 0.1
"""How far the last minute's peak may lie above that of minute `SETTLED`, as a share of the latter."""
_INTERVAL: Final = 0.05
"""Seconds between two looks at the memory."""


class EnduranceError(InputError):
    """The run cannot be measured, or it broke off."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the product, to be handed to another process."""

    video: Path
    seconds: float
    settings: Settings
    device: torch.device
    folder: Path
    """New folder for the run's files."""
    drawn: bool
    """Whether the annotated video is written."""


def _work(run: Run, pipe: Connection) -> None:
    """Run the product, in a process of its own; sends every frame's progress, and at the end an error or None."""
    started, itself = time.perf_counter(), psutil.Process()

    def report(update: ProgressUpdate) -> None:
        card = torch.cuda.memory_reserved(run.device) if run.device.type == "cuda" else 0
        pipe.send((update.phase, update.frames, time.perf_counter() - started, itself.memory_info().rss, card))

    failure = None
    try:
        source = open_source(run.video, duration_seconds=run.seconds)
        process(source, run.settings, run.device, run.folder, report, run.drawn)
    except InputError as error:
        failure = str(error)
    pipe.send(failure)


def watch(run: Run, meter: Meter) -> None:
    """Run the product in a fresh process and meter it to its end.

    Raises:
        EnduranceError: The run failed or was killed.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_work, args=(run, theirs), daemon=True)
    child.start()
    theirs.close()
    try:
        follow(ours, psutil.Process(child.pid), meter)
        child.join()
    except (EOFError, psutil.NoSuchProcess) as error:
        child.join()
        raise EnduranceError(f"The run broke off with exit code {child.exitcode} (negative: killed).") from error
    finally:
        child.kill()
        child.join()
        ours.close()


def follow(pipe: Connection, child: psutil.Process, meter: Meter) -> None:
    """Take in progress as it comes, and look at the memory between frames too, until the run says it is over.

    Raises:
        EnduranceError: The run sent the reason why it failed.
        EOFError: It ended without a word.
    """
    due = time.monotonic()
    while True:
        if time.monotonic() >= due:
            meter.sample(child.memory_info().rss)
            due = time.monotonic() + _INTERVAL
        if not pipe.poll(max(0.0, due - time.monotonic())):
            continue
        message = pipe.recv()
        if message is None:
            return
        if isinstance(message, str):
            raise EnduranceError(message)
        phase, frames, seconds, rss, card = message
        meter.progress(phase, frames, seconds)
        meter.sample(rss, card)


def endure(
    clip: Path, minutes: int, folder: Path, settings: Settings, device: torch.device, drawn: bool
) -> list[Minute]:
    """Loop a clip, run the product on it, and meter the run.

    Args:
        clip: a video file.
        minutes: length to loop it to, more than `SETTLED`.
        folder: new or empty folder: gets `looped.mp4`, the run's files in `run/`, and `endurance.json`.
        settings: of the product.
        device: where the networks run.
        drawn: whether to write the annotated video.

    Raises:
        InputError: The clip cannot be used, or the run failed.
    """
    looped, files = folder / "looped.mp4", folder / "run"
    loop_clip(clip, 60 * minutes, looped)
    rate = open_source(looped).info.frames_per_second
    files.mkdir()
    meter = Meter(60 * float(rate), minutes)
    logger.info("%s: %d minutes at %.3f frames/s", looped, minutes, rate)
    watch(Run(looped, 60 * minutes, settings, device, files, drawn), meter)
    found = meter.minutes()
    record = {
        "clip": clip.name,
        "minutes": minutes,
        "frames_per_second": float(rate),
        "device": device_name(device),
        "annotated_video": drawn,
        "growth": growth(found),
        "allowed_growth": ALLOWED_GROWTH,
        "measured": [as_plain(each) for each in found],
    }
    (folder / "endurance.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m training.endurance", description="Measure whether memory stays level on a long video."
    )
    parser.add_argument("clip", metavar="CLIP", type=Path, help="video file to loop")
    parser.add_argument("--minutes", type=int, default=10, help="length of the video in whole minutes (10)")
    parser.add_argument(
        "--output", "-o", metavar="DIR", type=Path, help="new folder for all files (default: a temporary one)"
    )
    parser.add_settings()
    parser.add_argument("--no-video", dest="drawn", action="store_false", help="without the annotated video")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (auto)")
    return parser


def _measure(given: argparse.Namespace) -> list[Minute]:
    if given.minutes <= SETTLED:
        raise EnduranceError(
            f"--minutes is {given.minutes}, expected more than {SETTLED}: the last is compared with it."
        )
    settings, device = load(Settings, given.config, given.overrides), resolve_device(given.device)
    open_source(given.clip)
    if given.output is None:
        with tempfile.TemporaryDirectory() as scratch:
            return endure(given.clip, given.minutes, Path(scratch), settings, device, given.drawn)
    try:
        given.output.mkdir(parents=True)
    except OSError as error:
        reason = reason_of(error)
        raise EnduranceError(f"{given.output} cannot be made ({reason}); name a new folder with --output.") from error
    try:
        return endure(given.clip, given.minutes, given.output, settings, device, given.drawn)
    except BaseException:
        shutil.rmtree(given.output, ignore_errors=True)
        raise


@ending_in_a_sentence()
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    given = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    minutes = _measure(given)
    sys.stdout.write(table(minutes))
    return int(any(share > ALLOWED_GROWTH for share in growth(minutes).values()))


if __name__ == "__main__":
    sys.exit(main())
