"""Shows what a recognizer reads wrong: `python -m training.failures CLIPS -o failures.jpg`.

CLIPS holds `NAME.mp4` with `NAME.boxes.csv` and `NAME.labels.csv`. Windows of the labelled players that were read as a
wrong number are laid out on one sheet, the surest first.
"""

import io
import logging
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from pipeline.crops import CropSettings
from pipeline.types import UInt8Image
from recognizer.command import Parser, ending_in_a_sentence
from recognizer.decode import top_candidates
from recognizer.device import resolve_device
from recognizer.errors import InputError
from recognizer.reader import JerseyReader, default_weights
from training.evaluation.clip_windows import LabelledWindow, clip_windows, read_whole
from training.evaluation.clips import labelled_clips
from training.evaluation.command import count
from training.evaluation.contact_sheet import Strip, contact_sheet
from training.evaluation.files import require_file, write_results

logger = logging.getLogger(__name__)

_FORMATS = {".png": "PNG", ".jpg": "JPEG"}
_SIDE, _COLUMNS = 72, 3


class Failure(NamedTuple):
    """A window that was read as a wrong number."""

    clip: str
    window: LabelledWindow
    read: str
    probability: float
    """Of the wrong number, 0 to 1."""

    @property
    def caption(self) -> str:
        """What stands under its pictures."""
        truth = "unreadable" if self.window.number is None else self.window.number
        return f"{truth} read as {self.read} ({self.probability:.2f})  {self.clip}"


def find_failures(reader: JerseyReader, clip: str, windows: Iterable[LabelledWindow]) -> list[Failure]:
    """The windows of a clip whose likeliest outcome is a number, and not the one worn, legible there or not."""
    failures = []
    for window in windows:
        best = top_candidates(read_whole(reader, window), k=1)[0]
        if best.number is not None and best.number not in (window.number, window.worn):
            failures.append(Failure(clip, window, best.number, best.probability))
    return failures


def worst(failures: Iterable[Failure], count: int) -> list[Failure]:
    """The surest failures, at most `count`: of one clip, number and mistake only the surest."""
    chosen: dict[tuple[str, str | None, str], Failure] = {}
    for failure in sorted(failures, key=lambda one: -one.probability):
        chosen.setdefault((failure.clip, failure.window.number, failure.read), failure)
    return list(chosen.values())[:count]


def sheet(failures: Sequence[Failure]) -> UInt8Image:
    """The page that shows failures: uint8 (H, W, 3) RGB."""
    return contact_sheet([Strip(one.window.regions, one.caption) for one in failures], _SIDE, _COLUMNS)


@ending_in_a_sentence()
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = Parser(prog="python -m training.failures", description="Show what is read wrong.")
    parser.add_argument("clips", type=Path, help="folder with NAME.mp4, NAME.boxes.csv, NAME.labels.csv")
    parser.add_argument("--output", "-o", type=Path, required=True, metavar="FILE", help="the sheet, .png or .jpg")
    parser.add_argument("--weights", type=Path, default=default_weights(), help="default: the recognizer that ships")
    parser.add_argument("--count", type=count, default=24, help="failures on the sheet (default: 24)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (auto)")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    if args.output.suffix not in _FORMATS:
        raise InputError(f"--output is {args.output}; allowed is a file ending in .png or .jpg.")
    clips = labelled_clips(args.clips)
    reader = JerseyReader(args.weights, resolve_device(args.device))
    require_file(args.output)
    failures, total = [], 0
    for clip in clips:
        windows = clip_windows(clip, CropSettings())
        failures += find_failures(reader, clip.stem, windows)
        total += len(windows)
        logger.info("%s: %d failures of %d windows so far", clip.stem, len(failures), total)
    chosen = worst(failures, args.count)
    write_results({args.output: _as_file(sheet(chosen), _FORMATS[args.output.suffix])})
    sys.stdout.write(f"{len(failures)} of {total} windows were read as a wrong number, {len(chosen)} are shown.\n")
    sys.stdout.write(f"{args.output}\n")
    return 0


def _as_file(rgb: UInt8Image, kind: str) -> bytes:
    with io.BytesIO() as buffer:
        Image.fromarray(rgb).save(buffer, kind, optimize=True)
        return buffer.getvalue()


if __name__ == "__main__":
    sys.exit(main())
