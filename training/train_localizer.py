"""Makes the number localizer that ships: `python -m training.train_localizer --config configs/train_localizer.yaml`.

A trained reader tells where the numbers of labelled players are; drawn numbers and number crops laid onto players know
it. Exit codes: 0 the localizer is written; 2 the data or a setting cannot be used; 130 interrupted (Ctrl-C).
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from pipeline.config import as_plain, load
from recognizer.command import Parser, ending_in_a_sentence
from recognizer.localizer import save_localizer
from recognizer.reader import JerseyReader, default_weights
from training.evaluation.files import require_weights
from training.localizing.examples import drawn_examples, real_examples, wide
from training.localizing.loop import LocalizerTraining, train_localizer
from training.mixture.recipe import (
    MixtureError,
    build_mixture,
    load_labelled_clips,
    load_labelled_crops,
    require_folders,
    require_matches,
)

_INTERRUPTED = "Interrupted; nothing was written."


def make_localizer(settings: LocalizerTraining, out: Path) -> None:
    """Gather the examples, train, and write the localizer.

    Raises:
        InputError: Data or the reader are missing, or the localizer cannot be written.
    """
    require_weights(out)
    mixture = settings.mixture
    require_folders(mixture)
    reader = JerseyReader(Path(settings.reader) if settings.reader else default_weights(), torch.device("cpu"))
    tracks = load_labelled_clips(mixture)
    require_matches(mixture, sorted({track.match for track in tracks}))
    kept = [track for track in tracks if track.match not in mixture.held_out]
    real = real_examples(kept, reader, settings.crops, (settings.with_number, settings.without_number), settings.seed)
    if not (len(real.of(present=True).places) and len(real.of(present=False).places)):
        raise MixtureError(
            f"The reader finds no number of a player in {mixture.clips}, or no player is labelled without one; "
            "set reader to a checkpoint that was trained on these clips."
        )
    crops = wide(settings.crops)
    ingredients = [one for one in build_mixture(mixture, kept + load_labelled_crops(mixture), crops) if one.share > 0]
    drawn = drawn_examples(ingredients, crops, settings.drawn_examples, settings.seed)
    network = train_localizer(real, drawn, settings)
    counts = {
        "with_number": len(real.of(present=True).places),
        "without_number": len(real.of(present=False).places),
        "drawn": len(drawn.places),
        "matches": sorted({track.match for track in kept}),
    }
    save_localizer(out, network, {"settings": as_plain(settings), "examples": counts})


@ending_in_a_sentence(_INTERRUPTED)
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    given = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    settings = load(LocalizerTraining, given.config, given.overrides)
    make_localizer(settings, given.output)
    sys.stdout.write(f"{given.output}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m training.train_localizer", description="Make the number localizer.")
    add = parser.add_argument
    parser.add_settings(shown_in="configs/train_localizer.yaml")
    add(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help="what to write (.safetensors, .json beside)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
