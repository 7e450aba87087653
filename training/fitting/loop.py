"""The training loop. Reads top to bottom: prepare, then for every epoch thaw, train, measure, judge and save.

A network that training starts from is measured first, as epoch 0.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from training.data.batch import Batch
from training.fitting.augment_batch import augment_batch
from training.fitting.bench import Bench, prepare
from training.fitting.distributed import Team
from training.fitting.feed import TrainingData
from training.fitting.frozen import freeze_named
from training.fitting.measure import Figures, Reads, figures_of, join_reads, read_all
from training.fitting.mixup import Mixed, mix_up
from training.fitting.monitor import Monitor, open_monitor
from training.fitting.run_state import (
    BEST,
    LAST,
    RESUME,
    EpochLog,
    Run,
    TrainingError,
    load_state,
    new_run,
    require_finite,
    require_unused,
    save_reader,
    save_state,
)
from training.fitting.schedule import frozen_share_at, learning_rate_at
from training.fitting.settings import TrainSettings

logger = logging.getLogger(__name__)

Progress = Callable[[Iterable[Batch], int, str], Iterable[Batch]]
"""Passes an epoch's batches on and shows how far they are: (batches, how many, what for)."""


class Interrupted(Exception):  # noqa: N818 - nothing is wrong: it was asked for
    """Training was asked to stop; its state is saved."""


class TrainResult(NamedTuple):
    """What a run came to."""

    best: Path
    """Checkpoint of the best epoch; a copy of `start_from` where that is epoch 0."""
    best_epoch: int
    """Which that is, from 1; 0 stands for the network that training started from."""
    last: Path
    """Checkpoint of the last epoch."""
    history: list[Figures]
    """Figures of every epoch: epoch, step, learning_rate, seconds, and `set/figure` for `train` and every
    validation set. With `start_from` and validation windows the first entry is epoch 0: epoch, step, and the validation
    figures of the network that training starts from."""


def run_training(
    settings: TrainSettings,
    data: TrainingData,
    *,
    resume: bool = False,
    team: Team | None = None,
    device: torch.device | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    progress: Progress = lambda batches, _count, _name: batches,
) -> TrainResult:
    """Train a network to its end.

    Every step's chance (dropout, augmentation, MixUp) depends on seed, process and step alone, so that the same
    settings, data and number of processes give the same losses on a CPU, resumed or not.

    Args:
        settings: the run; `settings.output` gets the checkpoints.
        data: what to train and to measure on.
        resume: go on with the run in the output folder; `start_from` is not read again.
        team: the processes that train together.
        device: what to compute on; None means the CPU.
        should_stop: asked after every step.
        progress: shows how far an epoch is.

    Raises:
        TrainingError: The output folder holds a run already, or the run cannot start or go on.
        WeightsError: `start_from` cannot be used.
        Interrupted: `should_stop` was true; the run can be resumed at this very step.
    """
    bench = prepare(settings, data, team or Team(), device or torch.device("cpu"), should_stop)
    run = new_run(replace(settings, start_from="") if resume else settings, bench.device, bench.precision)
    if resume:
        state = bench.folder / RESUME
        load_state(state, run, settings, bench.around, bench.device, with_log=bench.team.leads)
    else:
        require_unused(bench.folder)
    _make(bench.folder)
    with open_monitor(bench.folder, settings.tensorboard and bench.team.leads) as monitor:
        if settings.start_from and not resume:
            measure_start(run, data, bench, monitor)
        while run.epoch < settings.fit.epochs and not run.watch.exhausted:
            started = time.perf_counter()
            trained = _thaw(run, bench)
            batches = islice(data.batches(run.epoch), run.step, bench.steps)
            shown = progress(batches, bench.steps, f"epoch {run.epoch + 1}")
            train_epoch(run, trained, shown, data.description, bench, monitor)
            figures = measure_epoch(run, data, bench, monitor)
            figures["seconds"] = round(time.perf_counter() - started, 2)
            finish_epoch(run, figures, data, bench, monitor)
    return TrainResult(bench.folder / BEST, run.best_epoch, bench.folder / LAST, run.history)


def train_epoch(
    run: Run,
    trained: nn.Module,
    batches: Iterable[Batch],
    description: Mapping[str, Any],
    bench: Bench,
    monitor: Monitor,
) -> None:
    """Make the steps of the present epoch that are left.

    Raises:
        Interrupted: The bench's `should_stop` was true; the state and the weights so far are saved.
        TrainingError: There are fewer batches than steps, or were more when the run was saved.
    """
    run.learner.train()
    for batch in batches:
        mixed = train_step(run, trained, batch, bench)
        if run.step == 1:
            monitor.windows(mixed, run.epoch)
        if bench.team.any(bench.should_stop()):
            _save_state(run, bench)
            if bench.team.leads:
                save_reader(bench.folder / LAST, run, bench.settings, description)
            raise Interrupted
    if run.step != bench.steps:
        raise TrainingError(f"Epoch {run.epoch + 1} gave {run.step} batches where {bench.steps} were announced.")


def train_step(run: Run, trained: nn.Module, batch: Batch, bench: Bench) -> Mixed:
    """One step of the optimizer; returns the windows as the network saw them."""
    fit, done = bench.settings.fit, run.epoch * bench.steps + run.step
    seed = np.random.SeedSequence([bench.settings.seed, bench.team.rank, done]).generate_state(1)[0]
    torch.manual_seed(int(seed))
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(int(seed) + 1)
    batch = Batch(*(tensor.to(bench.device, non_blocking=True) for tensor in batch))
    batch = augment_batch(batch, bench.settings.augment, generator)
    mixed = mix_up(batch, fit.mixup_alpha, fit.mixup_probability, rng)
    rate = learning_rate_at(done / (fit.epochs * bench.steps), fit.learning_rate, fit.warmup, fit.final_rate)
    for group in run.optimizer.param_groups:
        group["lr"] = rate
    with torch.autocast(bench.device.type, bench.precision, enabled=bench.precision != torch.float32):
        logits = trained(mixed.batch.rgb, mixed.batch.valid)
    loss = bench.loss(logits, mixed)
    run.optimizer.zero_grad()
    run.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]  # torch gives it no types
    run.scaler.unscale_(run.optimizer)
    if fit.clip > 0.0:
        nn.utils.clip_grad_norm_(run.learner.parameters(), fit.clip)
    run.scaler.step(run.optimizer)
    run.scaler.update()
    run.average.update(run.learner.reader)
    run.log.losses.append(loss.detach())
    run.log.reads.add(logits.tens, logits.units, *mixed.dominant)
    run.step += 1
    return mixed


def measure_start(run: Run, data: TrainingData, bench: Bench, monitor: Monitor) -> None:
    """Measure the network that training starts from, as epoch 0, which is the best until another one is better.

    Without validation windows there is nothing to measure.
    """
    measured = measure_validation(run, data, bench, monitor)
    if not measured:
        return
    record_figures(run, {"epoch": 0, "step": 0} | measured, data, bench, monitor)
    if bench.team.leads:
        save_reader(bench.folder / BEST, run, bench.settings, data.description)
    _save_state(run, bench)


def measure_epoch(run: Run, data: TrainingData, bench: Bench, monitor: Monitor) -> Figures:
    """Figures of the epoch.

    Of the training windows as they went by, and of the averaged weights on every validation set. Of an epoch that was
    resumed by several processes, the first one's windows before the stop count, and those of all after it.
    """
    team, done = bench.team, (run.epoch + 1) * bench.steps
    figures: Figures = {"epoch": run.epoch + 1, "step": done}
    figures["learning_rate"] = float(run.optimizer.param_groups[0]["lr"])
    losses, counts = zip(*team.gather((run.log.mean_loss(), len(run.log.losses))), strict=True)
    loss = float(np.average(losses, weights=counts))
    trained = figures_of(join_reads(run.log.reads, team)) | {"loss": loss}
    figures |= {f"train/{name}": value for name, value in trained.items()}
    team.share_buffers(run.average.module)
    return figures | measure_validation(run, data, bench, monitor)


def measure_validation(run: Run, data: TrainingData, bench: Bench, monitor: Monitor) -> Figures:
    """Figures of the averaged weights on every validation set, named `set/figure`."""
    figures: Figures = {}
    for place, (name, batches) in enumerate(data.validation.items()):
        look = monitor.worst.look if place == 0 and monitor.active else None
        reads: Reads = read_all(run.average.module, batches(), bench.device, bench.precision, look)
        figures |= {f"{name}/{key}": value for key, value in figures_of(join_reads(reads, bench.team)).items()}
    return figures


def record_figures(run: Run, figures: Figures, data: TrainingData, bench: Bench, monitor: Monitor) -> bool:
    """Take an epoch's figures into the history and the curves; returns whether it is the best so far.

    Raises:
        TrainingError: One of them is no finite number.
    """
    require_finite(figures)
    run.history.append({name: round(value, 6) for name, value in figures.items()})
    judged = next((name for name in data.validation if f"{name}/loss" in figures), "train")
    loss = figures[f"{judged}/loss"]
    wanted = bench.settings.fit.monitor if judged in data.validation else "loss"  # mixed windows tell no accuracy
    figure = figures.get(f"{judged}/{wanted}", figures[f"{judged}/number"])  # all unreadable: none is 'readable'
    better = run.watch.update(-loss if wanted == "loss" else figure, loss)
    if better:
        run.best_epoch = int(figures["epoch"])
    if bench.team.leads:
        logger.info("%s%s", _in_words(figures), ", the best so far" if better else "")
        monitor.epoch(figures, run.average.module)
    return better


def finish_epoch(run: Run, figures: Figures, data: TrainingData, bench: Bench, monitor: Monitor) -> None:
    """Record the epoch's figures, save the checkpoint that is due, and turn to the next epoch."""
    better = record_figures(run, figures, data, bench, monitor)
    run.epoch, run.step, run.log = run.epoch + 1, 0, EpochLog()
    fit = bench.settings.fit
    due = run.epoch % fit.save_every == 0 or run.epoch == fit.epochs or run.watch.exhausted
    if bench.team.leads:
        for name in [BEST] * better + [LAST] * due:
            save_reader(bench.folder / name, run, bench.settings, data.description)
    if due or better:  # a best checkpoint never runs ahead of the state that would go on from it
        _save_state(run, bench)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"The output folder {folder} cannot be made: {error.strerror}; choose another.") from error


def _thaw(run: Run, bench: Bench) -> nn.Module:
    """Freeze what the epoch leaves untrained; returns the learner as the steps call it."""
    share = frozen_share_at(run.epoch, bench.settings.fit.unfreezing, bench.settings.model.frozen_fraction)
    run.learner.reader.freeze_backbone(share)
    freeze_named(run.learner.reader, bench.settings.fit.frozen)
    return bench.team.wrap(run.learner, bench.device)


def _save_state(run: Run, bench: Bench) -> None:
    run.log.mean_loss()  # refuses to save weights that are no numbers any more
    if bench.team.leads:
        save_state(bench.folder / RESUME, run, bench.settings, bench.around)


def _in_words(figures: Figures) -> str:
    """An epoch's figures in one line."""
    shown = [f"epoch {figures['epoch']:.0f}" if figures["epoch"] else "epoch 0 (as start_from is)"]
    shown += [f"{name} {value:.4f}" for name, value in figures.items() if name.endswith(("/loss", "/number"))]
    return ", ".join(shown)
