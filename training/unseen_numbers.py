"""The test the seed network failed: `python -m training.unseen_numbers --config configs/unseen_numbers.yaml`.

Trains the seed's recipe and ours on the same data, in which certain numbers never occur though all of their digits
do, and prints how each reads these numbers. All recipes start from one network that has seen single digits only.
What is finished stands in the output folder and is not done again; other settings need another folder.
"""

import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

import torch
from torch.utils.data import DataLoader

from pipeline.config import load
from recognizer.checkpoint import load_checkpoint, save_checkpoint
from recognizer.checks import require_range
from recognizer.command import Parser, ending_in_a_sentence
from training.data.crop_cache import open_cache
from training.data.dataset import SamplingSettings, WindowDataset
from training.data.layout import scan
from training.evaluation.decoders import JOINT, PLAIN, SEED, decode_all
from training.evaluation.metrics import outcomes_of, wilson_interval
from training.fitting.augment_batch import AugmentSettings
from training.fitting.distributed import Team, take_device
from training.fitting.measure import read_all
from training.fitting.once import train_once
from training.fitting.settings import DataSettings, FitSettings, TrainSettings, WindowSampling
from training.fitting.tree_feed import choose_items, tree_data
from training.publish import mean_checkpoint
from training.unseen.data import UnseenData
from training.unseen.recipes import AVERAGED, RECIPES, Recipe, seed_items, settings_of
from training.unseen.trees import ensure_trees

logger = logging.getLogger(__name__)

_DECODERS = (PLAIN, SEED, JOINT)
_BATCH = 32


@dataclass(frozen=True, slots=True)
class UnseenSettings:
    """The whole comparison."""

    output: str = "runs/unseen_numbers"
    """Folder for the data-set trees, the checkpoints and `results.json`."""
    device: str = "auto"
    """What computes: auto, cpu, cuda or cuda:N."""
    precision: Literal["float32", "bfloat16", "float16"] = "bfloat16"
    """Number format of training: float32, bfloat16 or float16."""
    data: UnseenData = field(default_factory=UnseenData)
    """What the trees are made of."""
    start: FitSettings = field(
        default_factory=lambda: FitSettings(
            epochs=14, batch_size=64, mixup_probability=0.0, deep_supervision=0.5, patience=0, ema=0.99
        )
    )
    """How the common start is trained, on single pictures of single digits."""
    fit: FitSettings = field(
        default_factory=lambda: FitSettings(epochs=8, steps_per_epoch=140, batch_size=32, patience=0, ema=0.99)
    )
    """How every recipe is trained, all of them for as many steps; what sets the recipes apart is laid over it."""
    seed: int = 0
    """Seed of weights, order and chance."""

    def __post_init__(self) -> None:
        require_range("seed", self.seed, 0, 2**31 - 1)


def base_settings(settings: UnseenSettings, tree: str, length: int) -> TrainSettings:
    """Training settings that all runs of the comparison share."""
    return TrainSettings(
        device=settings.device,
        precision=settings.precision,
        tensorboard=False,
        seed=settings.seed,
        data=DataSettings(
            root=str(Path(settings.output) / tree),
            test_numbers=settings.data.test_numbers if tree == "shirts" else (),
            validation_share=0.1,
            workers=0,
        ),
        sampling=WindowSampling(length=length),
    )


def train_start(settings: UnseenSettings, device: torch.device) -> Path:
    """Train the common start, or find it done; returns its checkpoint."""
    folder = Path(settings.output) / "start"
    augment = AugmentSettings(film=True)
    wanted = replace(base_settings(settings, "digits", 1), fit=settings.start, augment=augment, output=str(folder))
    return train_once(wanted, lambda: tree_data(wanted, Team(), choose_items), device)


def train_recipe(settings: UnseenSettings, recipe: Recipe, start: Path, device: torch.device) -> Path:
    """Train one recipe, or find it done; returns its last checkpoint."""
    name = recipe.name.replace("+ ", "with_")
    base = replace(base_settings(settings, recipe.tree, 5), fit=settings.fit, start_from=str(start))
    choose = seed_items if recipe.leaky_split else choose_items
    wanted = settings_of(recipe, base, str(Path(settings.output) / name))
    return train_once(wanted, lambda: tree_data(wanted, Team(), choose), device)


def evaluate(checkpoint: Path, root: Path, numbers: Sequence[str], device: torch.device) -> dict[str, tuple[int, int]]:
    """How many windows of some numbers of a tree each decoder reads right, and how many there are."""
    model, info = load_checkpoint(checkpoint, device)
    layout = scan(root)
    items = [item for item in layout.items if item.number in numbers]
    windows = WindowDataset(items, open_cache(layout, info.preprocess), SamplingSettings(), 0)
    loader = DataLoader(windows, batch_size=_BATCH, collate_fn=lambda batch: batch)
    state = read_all(model, loader, device, torch.float32).state()
    truth = outcomes_of(state["codes"].numpy())
    decoded = decode_all(state["tens"].numpy(), state["units"].numpy(), 0.5)
    return {name: (int((decoded[name].outcome == truth).sum()), len(truth)) for name in _DECODERS}


def compare(settings: UnseenSettings) -> dict[str, dict[str, dict[str, tuple[int, int]]]]:
    """Build, train and measure; returns right and all windows by recipe, tree and decoder."""
    output, device = Path(settings.output), take_device(settings.device)
    ensure_trees(settings.data, output)
    start = train_start(settings, device)
    checkpoints = {recipe.name: train_recipe(settings, recipe, start, device) for recipe in RECIPES}
    averaged = output / "with_averaging" / "last.safetensors"
    save_checkpoint(averaged, *mean_checkpoint([checkpoints[name] for name in AVERAGED]))
    checkpoints["+ averaging"] = averaged
    results = {}
    for name, checkpoint in checkpoints.items():
        results[name] = {
            "seen": evaluate(checkpoint, output / "seen", settings.data.train_numbers, device),
            "unseen": evaluate(checkpoint, output / "shirts", settings.data.test_numbers, device),
        }
        logger.info("%s: %s", name, results[name])
    return results


def table(results: dict[str, dict[str, dict[str, tuple[int, int]]]]) -> str:
    """Markdown: a row for each recipe and decoder, with 95 % Wilson intervals of the unseen numbers."""
    lines = [
        "| recipe | decoder | seen numbers | unseen numbers | 95 % interval |",
        "| --- | --- | --- | --- | --- |",
    ]
    for recipe, trees in results.items():
        for decoder in _DECODERS:
            seen, unseen = trees["seen"][decoder], trees["unseen"][decoder]
            low, high = wilson_interval(*unseen)
            lines.append(
                f"| {recipe} | {decoder} | {seen[0] / seen[1]:.3f} ({seen[0]}/{seen[1]}) "
                f"| {unseen[0] / unseen[1]:.3f} ({unseen[0]}/{unseen[1]}) | {low:.3f}–{high:.3f} |"
            )
    return "\n".join(lines)


@ending_in_a_sentence()
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = Parser(
        prog="python -m training.unseen_numbers", description="Read numbers whose digits were never seen together."
    )
    parser.add_settings(Path("configs/unseen_numbers.yaml"))
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    settings = load(UnseenSettings, args.config, args.overrides)
    results = compare(settings)
    record = {"settings": asdict(settings), "results": results}
    (Path(settings.output) / "results.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(table(results) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
