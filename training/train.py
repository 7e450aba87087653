"""The command that trains the recognizer: `python -m training.train --config configs/train_frames.yaml`.

Reads top to bottom: load, mix, loop, measure, save. A run can be stopped and goes on with `--resume`.
"""

import argparse
import logging
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from pipeline.config import as_plain, load
from pipeline.crops import CropSettings
from recognizer.checkpoint import CheckpointInfo, load_checkpoint, save_checkpoint
from recognizer.decode import number_log_probs
from recognizer.errors import InputError
from recognizer.labels import NUMBERS, decode
from recognizer.model import JerseyTemporalNet, ModelConfig
from recognizer.preprocess import Preprocess, normalize
from training.batch import Batch
from training.loss import FrameHead, digit_loss
from training.mixture import MixtureSettings, build_mixture, held_out_source, load_labelled_clips
from training.stream import Ingredient, WindowStream

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """One training run."""

    output: str = "runs/train/reader.safetensors"
    """Checkpoint to write; its JSON and the resume state lie beside it."""
    start_from: str = ""
    """Checkpoint to start from; empty starts from chance."""
    window_length: int = 5
    """Crops per window; 1 trains on single crops."""
    images: int = 600_000
    """Crops to train on in all."""
    batch_images: int = 256
    """Crops per step."""
    learning_rate: float = 1e-3
    """Peak learning rate of AdamW."""
    warmup: float = 0.03
    """Share of the run in which the learning rate rises."""
    weight_decay: float = 0.02
    """Weight decay of AdamW."""
    label_smoothing: float = 0.05
    """Label smoothing of both digit losses."""
    ema: float = 0.998
    """Decay of the weights' moving average, which is what gets saved."""
    clip: float = 1.0
    """Largest gradient norm."""
    save_every: int = 300
    """Steps between checkpoints and measurements."""
    workers: int = 1
    """Processes that draw windows."""
    seed: int = 0
    """Seed of weights and windows."""
    mixture: MixtureSettings = field(default_factory=MixtureSettings)
    """The data."""
    crops: CropSettings = field(default_factory=CropSettings)
    """Crop geometry; the pipeline must use the same."""


def learning_rate_at(progress: float, peak: float, warmup: float) -> float:
    """Linear warm-up, then a cosine down to 2 % of the peak.

    >>> round(learning_rate_at(1.0, 1.0, 0.1), 3)
    0.02
    """
    if progress < warmup:
        return peak * progress / warmup
    share = min(1.0, (progress - warmup) / (1.0 - warmup))
    return peak * (0.02 + 0.98 * 0.5 * (1.0 + float(np.cos(np.pi * share))))


def measure(model: JerseyTemporalNet, batches: list[Batch]) -> dict[str, float]:
    """Accuracy on fixed windows.

    Returns:
        readable: share of readable windows whose likeliest number (not 'none') is right; precision and coverage
        where the joint decoder is at least 0.9 sure; false_numbers: share of unreadable windows given a number so.
    """
    model.eval()
    likeliest: list[str] = []
    sure: list[bool] = []
    truth: list[str | None] = []
    with torch.inference_mode(), torch.autocast(batches[0].rgb.device.type, torch.bfloat16):
        for batch in batches:
            out = model(normalize(batch.rgb), batch.valid)
            logp = number_log_probs(
                out.tens.float().log_softmax(-1).cpu().numpy(), out.units.float().log_softmax(-1).cpu().numpy()
            )
            best = logp[:, :-1].argmax(-1)
            likeliest += [NUMBERS[i] for i in best]
            sure += (logp[np.arange(len(best)), best] > np.log(0.9)).tolist()
            truth += [decode(t, u) for t, u in zip(batch.tens.tolist(), batch.units.tolist(), strict=True)]
    model.train()
    hit = np.array([a == b for a, b in zip(likeliest, truth, strict=True)])
    readable, given = np.array([t is not None for t in truth]), np.array(sure)
    return {
        "readable": round(float(hit[readable].mean()), 4),
        "precision_at_0.9": round(float(hit[given].mean()), 4) if given.any() else 0.0,
        "coverage_at_0.9": round(float((hit & given)[readable].mean()), 4),
        "false_numbers": round(float(given[~readable].mean()), 4),
    }


def fixed_batches(ingredient: Ingredient, settings: TrainSettings, count: int) -> list[Batch]:
    """The same windows at every call, to measure on."""
    stream = WindowStream([ingredient], Preprocess(), settings.window_length, 64, seed=1)
    rng = np.random.default_rng(7)
    return [stream.batch(rng) for _ in range(count)]


class Run:
    """State of one training: model, moving average, optimizer, step."""

    def __init__(self, settings: TrainSettings) -> None:
        torch.manual_seed(settings.seed)
        self.settings = settings
        if settings.start_from:
            self.model, _ = load_checkpoint(Path(settings.start_from), torch.device("cpu"))
            self.model.unfreeze()
        else:
            self.model = JerseyTemporalNet(ModelConfig(frozen_fraction=0.0))
        self.model.train().to(memory_format=torch.channels_last)
        averaging = get_ema_multi_avg_fn(settings.ema)  # type: ignore[no-untyped-call]  # torch gives it no types
        self.average = AveragedModel(self.model, multi_avg_fn=averaging, use_buffers=True)
        self.head = FrameHead(self.model.feature_channels)
        self.parameters = [*self.model.parameters(), *self.head.parameters()]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.step = 0
        self.history: list[dict[str, float]] = []

    @property
    def state_path(self) -> Path:
        """Where `--resume` finds the rest of the state."""
        return Path(self.settings.output).with_suffix(".resume.pt")

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self.settings.images // self.settings.batch_images

    def save(self) -> None:
        """Write the averaged weights as a checkpoint, and the resume state."""
        Path(self.settings.output).parent.mkdir(parents=True, exist_ok=True)
        info = CheckpointInfo(
            preprocess=Preprocess(),
            window_length=self.settings.window_length,
            training_data={"settings": as_plain(self.settings)},
            metrics={"history": self.history},
        )
        save_checkpoint(Path(self.settings.output), cast(JerseyTemporalNet, self.average.module), info)
        state = {
            "model": self.model.state_dict(),
            "head": self.head.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "history": self.history,
        }
        partial = self.state_path.with_suffix(".part")
        torch.save(state, partial)
        partial.replace(self.state_path)

    def resume(self) -> None:
        """Take up the saved state."""
        state = torch.load(self.state_path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.head.load_state_dict(state["head"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.history = state["step"], state["history"]

    def train_step(self, batch: Batch) -> float:
        """One step; returns the loss."""
        rate = learning_rate_at(self.step / self.steps, self.settings.learning_rate, self.settings.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = digit_loss(self.model, self.head, batch, self.settings.label_smoothing)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch gives it no types
        torch.nn.utils.clip_grad_norm_(self.parameters, self.settings.clip)
        self.optimizer.step()
        self.average.update_parameters(self.model)
        self.step += 1
        return float(loss.detach())


def train(settings: TrainSettings, resume: bool) -> dict[str, float]:
    """Train one run to its end; returns the last measurement."""
    tracks = load_labelled_clips(settings.mixture)
    kept = [t for t in tracks if t.match not in settings.mixture.held_out]
    ingredients = build_mixture(settings.mixture, kept, settings.crops)
    checks: dict[str, list[Batch]] = {}
    if settings.mixture.held_out:
        source = held_out_source(tracks, settings.mixture, settings.crops)
        checks["held_out"] = fixed_batches(Ingredient("held_out", source, 1.0, plain=False), settings, 12)
    checks["drawn"] = fixed_batches(ingredients[-1], settings, 4)
    run = Run(settings)
    if resume:
        run.resume()
    windows = settings.batch_images // settings.window_length
    stream = WindowStream(ingredients, Preprocess(), settings.window_length, windows, settings.seed + run.step)
    loader = DataLoader(stream, batch_size=None, num_workers=settings.workers, prefetch_factor=8)
    losses: list[float] = []
    figures: dict[str, float] = {}
    started = time.perf_counter()
    for batch in loader:
        losses.append(run.train_step(batch))
        if run.step % settings.save_every == 0 or run.step >= run.steps:
            average = cast(JerseyTemporalNet, run.average.module)
            figures = {f"{n} {k}": v for n, b in checks.items() for k, v in measure(average, b).items()}
            figures |= {"step": run.step, "loss": round(float(np.mean(losses)), 4)}
            run.history.append(figures)
            rate = len(losses) * settings.batch_images / (time.perf_counter() - started)
            logger.info("step %d of %d, %.0f images/s, %s", run.step, run.steps, rate, figures)
            run.save()
            losses, started = [], time.perf_counter()
        if run.step >= run.steps:
            break
    return figures


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description="Train the jersey recognizer.")
    parser.add_argument("--config", type=Path, default=Path("configs/train_frames.yaml"))
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--resume", action="store_true", help="go on where the run stopped")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    try:
        train(load(TrainSettings, args.config, args.overrides), args.resume)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
