"""How well games and photos that training never saw are read: `python -m training.held_out`.

Trains two networks with the sources of the shipped one (`training.mixture`), each without one of the two games of
soccernet_numbers and without every second source of photos, and measures each on what it never saw. Both start from one
network that saw no game and no photo at all. What is finished stands in the output folder and is not done again;
other settings need another folder.
"""

import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final, Literal, NamedTuple

import torch

from pipeline.config import load
from recognizer.checks import require_range
from recognizer.command import Parser, ending_in_a_sentence
from recognizer.preprocess import Preprocess
from recognizer.reader import JerseyReader
from training.evaluation.number_sets import SHOWN, Tally, both, frequent_errors, score_photos, score_tracklets
from training.fitting.augment_batch import AugmentSettings
from training.fitting.distributed import Team, take_device
from training.fitting.mixture_feed import mixture_data
from training.fitting.once import train_once
from training.fitting.settings import (
    DataSettings,
    FitSettings,
    NetworkSettings,
    PreprocessSettings,
    TrainSettings,
    WindowSampling,
)
from training.mixture.number_crops import load_tracklets
from training.mixture.players import load_photos
from training.mixture.recipe import MixtureSettings, choose_photos, require_folders

logger = logging.getLogger(__name__)


class Fold(NamedTuple):
    """What one of the two networks sees, and what it is measured on."""

    game: str
    other_game: str
    photos: Literal["even", "odd"]
    other_photos: Literal["even", "odd"]


_PICTURES: Final = FitSettings(
    steps_per_epoch=320,
    batch_size=64,
    learning_rate=1e-3,
    mixup_probability=0.0,
    deep_supervision=0.5,
    patience=0,
    ema=0.99,
)
"""What the three trainings have in common."""

_START_SHARES: Final = ("tracks", "basketball_crops", "drawn", "rendered")
"""Sources of the start, which sees neither games nor photos."""

FOLDS: Final = (Fold("A", "C", "even", "odd"), Fold("C", "A", "odd", "even"))


@dataclass(frozen=True, slots=True)
class HeldOutSettings:
    """The whole test."""

    output: str = "runs/held_out"
    """Folder for the checkpoints and `results.json`."""
    device: str = "auto"
    """What computes: auto, cpu, cuda or cuda:N."""
    precision: Literal["float32", "bfloat16", "float16"] = "bfloat16"
    """Number format of training: float32, bfloat16 or float16."""
    mixture: MixtureSettings = field(
        default_factory=lambda: MixtureSettings(
            tracks=0.08,
            photos=0.2,
            soccer_crops=0.24,
            basketball_crops=0.1,
            photo_crops=0.12,
            scene_digits=0.08,
            drawn=0.2,
            tight=0.5,
            composed=0.6,
        )
    )
    """The sources; `games` and `photo_sources` are set for each network."""
    preprocess: Preprocess = field(default_factory=Preprocess)
    """From a region to the network's input."""
    model: NetworkSettings = field(default_factory=NetworkSettings)
    """The network."""
    start: FitSettings = field(default_factory=lambda: replace(_PICTURES, epochs=4, final_rate=0.3))
    """How the common start is trained, on single pictures."""
    start_smallest: int = 40
    """Least side in pixels at which the start's pictures are filmed: digits take off sooner while they are large."""
    fit: FitSettings = field(default_factory=lambda: replace(_PICTURES, epochs=10))
    """How each of the two goes on from there, still on single pictures."""
    windows: FitSettings = field(
        default_factory=lambda: replace(_PICTURES, epochs=2, steps_per_epoch=200, batch_size=32, learning_rate=3e-4)
    )
    """How each of the two ends, on windows of five."""
    seed: int = 0
    """Seed of weights, windows and chance."""
    game: Literal["", "A", "C"] = ""
    """The one game to be read, for a quick comparison of two settings; empty for both."""

    def __post_init__(self) -> None:
        require_range("start_smallest", self.start_smallest, 8, 90)
        require_range("seed", self.seed, 0, 2**31 - 1)
        for name in ("start", "fit", "windows"):
            if getattr(self, name).steps_per_epoch < 1:
                raise ValueError(f"{name}.steps_per_epoch is 0; the mixture has no end and needs a whole number from 1")
        if not any(getattr(self.mixture, name) for name in _START_SHARES):
            raise ValueError(f"mixture.{', '.join(_START_SHARES)} are all 0; the start sees nothing else and needs one")


def start_settings(settings: HeldOutSettings) -> TrainSettings:
    """The training of the common start: single pictures, no games, no photos."""
    mixture = replace(settings.mixture, soccer_crops=0.0, photos=0.0, photo_crops=0.0, smallest=settings.start_smallest)
    return _training(settings, "start", settings.start, mixture, length=1)


def fold_settings(settings: HeldOutSettings, fold: Fold, start: Path, length: Literal[1, 5]) -> TrainSettings:
    """One of the trainings of one of the two networks.

    Args:
        settings: of the whole test.
        fold: what it sees.
        start: what it begins from.
        length: pictures in a window; 1 comes first.
    """
    mixture = replace(settings.mixture, games=(fold.game,), photo_sources=fold.photos)
    name = f"without_{fold.other_game}{'_pictures' if length == 1 else ''}"
    fit = settings.fit if length == 1 else settings.windows
    return replace(_training(settings, name, fit, mixture, length), start_from=str(start))


def train_fold(settings: HeldOutSettings, fold: Fold, start: Path, device: torch.device) -> Path:
    """Train the network of a fold, as far as it is not done; returns its checkpoint."""
    pictures = train(fold_settings(settings, fold, start, 1), device)
    return train(fold_settings(settings, fold, pictures, 5), device)


def _training(
    settings: HeldOutSettings, name: str, fit: FitSettings, mixture: MixtureSettings, length: int
) -> TrainSettings:
    return TrainSettings(
        source="mixture",
        output=str(Path(settings.output) / name),
        device=settings.device,
        precision=settings.precision,
        tensorboard=False,
        seed=settings.seed,
        data=DataSettings(workers=0),
        sampling=WindowSampling(length=length),
        preprocess=PreprocessSettings.of(settings.preprocess),
        model=settings.model,
        fit=fit,
        augment=AugmentSettings(enabled=False),
        mixture=mixture,
    )


def train(wanted: TrainSettings, device: torch.device) -> Path:
    """Train on the mixture, or find it done; returns the last checkpoint."""
    return train_once(wanted, lambda: mixture_data(wanted, Team()), device)


def measure(checkpoint: Path, fold: Fold, data: Path, device: torch.device) -> dict[str, Tally]:
    """Read the game and the photos that a network never saw; returns tallies by row of the table."""
    reader = JerseyReader(checkpoint, device)
    tracklets = list(load_tracklets(data / "soccernet_numbers", [fold.other_game]))
    photos = choose_photos(load_photos(data / "jersey_photos"), fold.other_photos)
    rows = {f"game {fold.other_game}, {shown}": score_tracklets(reader, tracklets, shown) for shown in SHOWN}
    return rows | {f"photos ({fold.other_photos}), {shown}": score_photos(reader, photos, shown) for shown in SHOWN}


def run_test(settings: HeldOutSettings) -> dict[str, Tally]:
    """Train and measure; returns tallies by row of the table.

    Raises:
        InputError: Data are missing.
    """
    require_folders(settings.mixture)
    device, data = take_device(settings.device), Path(settings.mixture.data)
    start = train(start_settings(settings), device)
    results: dict[str, Tally] = {}
    folds = [fold for fold in FOLDS if settings.game in ("", fold.other_game)]
    for fold in folds:
        results |= measure(train_fold(settings, fold, start, device), fold, data, device)
        logger.info("%s", {name: one.text() for name, one in results.items()})
    if len(folds) == len(FOLDS):
        for shown in SHOWN:
            results[f"photos, {shown}"] = both(*(results[f"photos ({half}), {shown}"] for half in ("odd", "even")))
    return results


def table(results: dict[str, Tally]) -> str:
    """The results as Markdown."""
    lines = ["| never seen in training | right, without abstaining | most frequent errors |", "| --- | --- | --- |"]
    lines += [f"| {name} | {one.text()} | {frequent_errors(one.errors)} |" for name, one in results.items()]
    return "\n".join(lines)


@ending_in_a_sentence()
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = Parser(prog="python -m training.held_out", description="Read games and photos that training never saw.")
    parser.add_settings(Path("configs/held_out.yaml"))
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    settings = load(HeldOutSettings, args.config, args.overrides)
    results = run_test(settings)
    record = {"settings": asdict(settings), "results": {name: one._asdict() for name, one in results.items()}}
    (Path(settings.output) / "results.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(table(results) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
