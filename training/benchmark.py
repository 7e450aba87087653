"""Repeats the model card's table: `python -m training.benchmark CLIPS --data DATA --weights FILE ...`.

CLIPS holds `NAME.mp4` with `NAME.boxes.csv` and `NAME.labels.csv`, as `sample_videos` does. The product runs on each
and is scored (`training.evaluation.scoring`); then windows of the labelled players are read whole and picture by
picture. With DATA, number crops of games and numbers in photos are read as well. Of several networks each figure is
taken with the first that was not trained on what is measured, as its record says.
"""

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from pipeline.config import load
from pipeline.settings import Settings
from recognizer.command import Parser, ending_in_a_sentence
from recognizer.device import resolve_device
from recognizer.reader import JerseyReader, default_weights
from training.evaluation.clip_windows import NO_GAIN, Gain, clip_windows, measure_gain
from training.evaluation.clips import labelled_clips, require_free, run_clips, score_clips
from training.evaluation.files import require_writable
from training.evaluation.metrics import wilson_interval
from training.evaluation.networks import Network, choose, network_of
from training.evaluation.number_sets import (
    SHOWN,
    Tally,
    both,
    frequent_errors,
    require_number_sets,
    score_photos,
    score_tracklets,
)
from training.evaluation.scoring import read_truth
from training.mixture.number_crops import load_tracklets
from training.mixture.players import load_photos
from training.mixture.recipe import choose_photos

logger = logging.getLogger(__name__)


class Readers:
    """Networks, opened once each."""

    def __init__(self, paths: Sequence[Path], device: torch.device) -> None:
        """Open them.

        Raises:
            WeightsError: One cannot be read.
        """
        self._readers = {path: JerseyReader(path, device) for path in paths}
        self.networks = [network_of(path, reader.info) for path, reader in self._readers.items()]

    def of(self, network: Network) -> JerseyReader:
        """The reader of one of the networks."""
        return self._readers[network.path]


def windows_text(readers: Readers, clips: Sequence[Path], settings: Settings) -> str:
    """What windows gain over single pictures, as Markdown."""
    gain = NO_GAIN
    for clip in clips:
        chosen = choose(readers.networks, "clip", clip.stem)
        gain = gain.plus(measure_gain(readers.of(chosen.network), clip_windows(clip, settings.crops)))
        logger.info("%s: %s", clip.stem, gain)
    return gain_table(gain)


def gain_table(gain: Gain) -> str:
    """Windows and single pictures as Markdown."""
    lines = [
        f"| number or none, of {gain.total} windows ({gain.readable} readable) | right | 95 % interval |",
        "| --- | --- | --- |",
    ]
    for name, right in (
        ("the window", gain.window),
        ("its surest picture alone", gain.surest),
        ("its sharpest picture alone", gain.sharpest),
    ):
        low, high = wilson_interval(right, gain.total)
        lines.append(f"| {name} | {right / max(gain.total, 1):.3f} ({right}) | {low:.3f}–{high:.3f} |")
    return "\n".join(lines)


def numbers_text(readers: Readers, data: Path) -> str:
    """Number crops and photos as Markdown."""
    lines = [
        "| measured on | right, without abstaining | network | most frequent errors |",
        "| --- | --- | --- | --- |",
    ]

    def add(name: str, tally: Tally, remark: str) -> None:
        lines.append(f"| {name} | {tally.text()} | {remark} | {frequent_errors(tally.errors)} |")
        logger.info("%s", lines[-1])

    tracklets = list(load_tracklets(data / "soccernet_numbers"))
    for game in sorted({one.game for one in tracklets}):
        chosen = choose(readers.networks, "game", game)
        own = [one for one in tracklets if one.game == game]
        for shown in SHOWN:
            add(f"game {game}, {shown}", score_tracklets(readers.of(chosen.network), own, shown), chosen.remark)
    photos = load_photos(data / "jersey_photos")
    for shown in SHOWN:
        halves, remarks = [], []
        for part in ("even", "odd"):
            chosen = choose(readers.networks, "photos", part)
            halves.append(score_photos(readers.of(chosen.network), choose_photos(photos, part), shown))
            remarks.append(chosen.remark)
        add(f"photos, {shown}", both(*halves), " / ".join(dict.fromkeys(remarks)))
    return "\n".join(lines)


@ending_in_a_sentence()
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    settings = load(Settings, args.config, args.overrides)
    clips, device = labelled_clips(args.clips), resolve_device(args.device)
    truths = {clip.stem: read_truth(clip) for clip in clips}
    if args.data:
        require_number_sets(args.data)
    if args.output:
        require_free(args.output, clips)
        require_writable(args.output)
    own = Path(settings.reader.weights) if settings.reader.weights else default_weights()
    readers = Readers(args.weights or [own], device)
    chosen = {clip.stem: choose(readers.networks, "clip", clip.stem) for clip in clips}
    with tempfile.TemporaryDirectory() as scratch:
        runs = args.output or Path(scratch) / "runs"
        weights = {name: one.network.path for name, one in chosen.items()}
        scores = score_clips(truths, run_clips(clips, runs, settings, weights, device))
        (runs / "benchmark.json").write_text(json.dumps(scores.record, indent=2) + "\n", encoding="utf-8")
    parts = [scores.text, "\n".join(f"- {name} was read by {one.remark}" for name, one in chosen.items())]
    parts.append(windows_text(readers, clips, settings))
    if args.data:
        parts.append(numbers_text(readers, args.data))
    sys.stdout.write("\n\n".join(parts) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m training.benchmark", description="Score the product.")
    parser.add_argument("clips", type=Path, help="folder with NAME.mp4, NAME.boxes.csv, NAME.labels.csv")
    parser.add_argument("--data", type=Path, help="folder with soccernet_numbers and jersey_photos, to be read too")
    parser.add_argument(
        "--weights",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="networks; each figure is taken with the first that was not trained on it (default: the settings' one)",
    )
    parser.add_argument(
        "--output", "-o", type=Path, metavar="DIR", help="new folder for the runs (default: a temporary one)"
    )
    parser.add_settings()
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (auto)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
