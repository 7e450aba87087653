"""The command that compares the loader with a training step: `python -m training.bench_loader --data ROOT`.

Both are timed in turns in one process, after a warm-up; what is printed are medians over the rounds and their ratio. A
ratio of at least 1 means that the loader does not hold the training up.
"""

import argparse
import logging
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, RandomSampler

from recognizer.command import Parser, ending_in_a_sentence
from recognizer.device import device_name, resolve_device
from recognizer.errors import InputError
from recognizer.model import JerseyTemporalNet, ModelConfig
from recognizer.preprocess import Preprocess, normalize
from recognizer.sampling import SamplingMode
from training.data.batch import Batch
from training.data.crop_cache import open_cache
from training.data.dataset import SamplingSettings, WindowDataset, collate
from training.data.layout import scan

_PREFETCH: Final = 2
"""Batches that each of a loader's workers keeps ready."""


class BenchError(InputError):
    """An option of the command that is out of range."""


@dataclass(frozen=True, slots=True)
class BenchResult:
    """Windows per second of each round; the rounds of both were run in turns."""

    loader: tuple[float, ...]
    step: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """Median of the loader over the median of the step."""
        return statistics.median(self.loader) / statistics.median(self.step)

    def table(self) -> str:
        """Median, least and most of both, and the ratio."""
        lines = [f"{'windows/s':<14} {'median':>9} {'least':>9} {'most':>9}"]
        for name, rates in (("loader", self.loader), ("training step", self.step)):
            lines.append(f"{name:<14} {statistics.median(rates):>9.1f} {min(rates):>9.1f} {max(rates):>9.1f}")
        verdict = "the loader keeps up" if self.ratio >= 1.0 else "the loader is the slower one"
        return "\n".join([*lines, f"loader / step  {self.ratio:>9.2f}  ({verdict})"])


class TrainingStep:
    """The network's forward and backward pass and an AdamW step, in mixed precision on CUDA."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._model = JerseyTemporalNet(ModelConfig(frozen_fraction=0.0)).train().to(device)
        self._model.to(memory_format=torch.channels_last)
        self._optimizer = torch.optim.AdamW(self._model.parameters(), lr=1e-4)

    def __call__(self, batch: Batch) -> None:
        """Train on one batch, the copy to the device included, and wait for the result."""
        rgb, valid, tens, units = (part.to(self._device, non_blocking=True) for part in batch[:4])
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == "cuda"):
            out = self._model(normalize(rgb), valid)
        loss = F.cross_entropy(out.tens.float(), tens) + F.cross_entropy(out.units.float(), units)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch gives it no types
        self._optimizer.step()
        loss.item()


def endless(dataset: WindowDataset, batch_size: int, workers: int, pin_memory: bool) -> Iterator[Batch]:
    """Batches of windows in random order, without end."""
    loader = DataLoader(
        dataset,
        batch_size,
        sampler=RandomSampler(dataset, replacement=True, num_samples=2**40),
        num_workers=workers,
        collate_fn=collate,
        pin_memory=pin_memory,
        prefetch_factor=_PREFETCH if workers else None,
    )
    return iter(loader)


def compare(
    load: Callable[[], Batch], step: Callable[[Batch], None], rounds: int, loads: int, steps: int, stored: int = 0
) -> BenchResult:
    """Time loading and training in turns, after one warm-up round of both.

    Args:
        load: Gives a batch.
        step: Trains on one.
        rounds: How often both are timed, at least 1.
        loads: Batches that a round loads.
        steps: Batches that a round trains on.
        stored: Batches that worker processes may have made ready meanwhile; so many are taken untimed.
    """
    loader_rates, step_rates = [], []
    for place in range(rounds + 1):
        for _ in range(stored):
            load()
        started = time.perf_counter()
        batches = [load() for _ in range(loads)]
        loaded = time.perf_counter() - started
        batch = batches[-1]
        del batches
        started = time.perf_counter()
        for _ in range(steps):
            step(batch)
        trained = time.perf_counter() - started
        if place > 0:
            loader_rates.append(loads * len(batch.tens) / loaded)
            step_rates.append(steps * len(batch.tens) / trained)
    return BenchResult(tuple(loader_rates), tuple(step_rates))


def bench(args: argparse.Namespace) -> str:
    """Run the comparison the options ask for; returns what to print."""
    for name, least in (("batch_size", 1), ("workers", 0), ("rounds", 1), ("loads", 1), ("steps", 1)):
        if getattr(args, name) < least:
            raise BenchError(
                f"--{name.replace('_', '-')} is {getattr(args, name)}; allowed is a whole number from {least}."
            )
    device = resolve_device(args.device)
    layout = scan(args.data)
    cache = open_cache(layout, Preprocess(), args.cache)
    dataset = WindowDataset(layout.items, cache, SamplingSettings(args.sampling))
    batches = endless(dataset, args.batch_size, args.workers, pin_memory=device.type == "cuda")
    torch.manual_seed(0)
    result = compare(
        lambda: next(batches), TrainingStep(device), args.rounds, args.loads, args.steps, _PREFETCH * args.workers
    )
    how = f"batches of {args.batch_size}, {args.workers} workers, {device_name(device)}"
    head = f"{len(dataset)} windows of {args.data}, {how}"
    lines = [head, result.table()]
    if args.workers == 0:
        lines.append(f"without workers both take turns: loading takes {1.0 / (1.0 + result.ratio):.1%} of the time")
    return "\n".join(lines)


@ending_in_a_sentence()
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = Parser(
        prog="python -m training.bench_loader", description="Compare the loader's speed with a training step's."
    )
    parser.add_argument("--data", type=Path, required=True, help="data root, NUMBER/SEQUENCE/SUBDIR/*.jpg")
    parser.add_argument("--cache", type=Path, help="folder of the crop cache (default: .crop_cache in the data root)")
    parser.add_argument("--sampling", choices=get_args(SamplingMode), default="random", help="default: random")
    parser.add_argument("--batch-size", type=int, default=64, help="windows in a batch (default: 64)")
    parser.add_argument("--workers", type=int, default=0, help="loader processes (default: 0, in this one)")
    parser.add_argument("--rounds", type=int, default=5, help="timed rounds (default: 5)")
    parser.add_argument("--loads", type=int, default=20, help="batches loaded in a round (default: 20)")
    parser.add_argument("--steps", type=int, default=2, help="batches trained on in a round (default: 2)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    text = bench(args)
    sys.stdout.write(f"{text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
