"""The state of a training run: what it consists of, how it is written down and taken up again."""

import json
import math
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch

from pipeline.config import as_plain
from recognizer.checkpoint import CheckpointInfo, save_checkpoint
from recognizer.errors import InputError
from recognizer.preprocess import Preprocess
from training.fitting.average import MovingAverage
from training.fitting.differences import OF_THE_MACHINE, first_difference
from training.fitting.distributed import Team
from training.fitting.feed import TREE_CROPS, TrainingData
from training.fitting.loss import Learner
from training.fitting.measure import Figures, Reads
from training.fitting.schedule import EarlyStopping
from training.fitting.settings import PreprocessSettings, TrainSettings
from training.fitting.start import build_reader

BEST: Final = "best.safetensors"
LAST: Final = "last.safetensors"
RESUME: Final = "resume.pt"
_FORMAT: Final = 2
_NO_MATTER: Final = {"rejected", "matches", "trained_sequences", TREE_CROPS}
"""What is said of the data that may differ, or follows from the split."""
_FREE_ON_RESUME: Final = OF_THE_MACHINE | {"fit.epochs", "fit.patience", "fit.min_delta"}
"""Settings that may change when a run is taken up again: those of the machine, and how long it goes on."""


class TrainingError(InputError):
    """A run that cannot start, go on or be taken up."""


def require_finite(figures: Figures) -> None:
    """Refuse figures of a network that has come apart.

    Raises:
        TrainingError: One of them is no finite number.
    """
    for name, value in figures.items():
        if not math.isfinite(value):
            raise TrainingError(
                f"{name} has become {value}; lower fit.learning_rate (or set precision: float32) and train anew, or go "
                "on from the last saved state with --resume."
            )


def require_unused(folder: Path) -> None:
    """Refuse an output folder in which a training would write over another one.

    Raises:
        TrainingError: It holds a state or checkpoints.
    """
    if (folder / RESUME).exists():
        raise TrainingError(
            f"{folder} holds a training already; go on with it by --resume, or give another folder as output."
        )
    if any((folder / name).exists() for name in (BEST, LAST)):
        raise TrainingError(f"{folder} holds the checkpoints of a training; give another folder as output.")


@dataclass(slots=True)
class EpochLog:
    """What the steps of the present epoch gave so far."""

    losses: list[torch.Tensor] = field(default_factory=list)
    """Scalars, on the device."""
    reads: Reads = field(default_factory=Reads)
    """Of the training windows, as they were augmented; a mixed window counts as the stronger of its two."""

    def mean_loss(self) -> float:
        """The mean over the steps.

        Raises:
            TrainingError: It is no finite number.
        """
        mean = float(torch.stack(self.losses).mean()) if self.losses else 0.0
        require_finite({"train/loss": mean})
        return mean


@dataclass(slots=True)
class Run:
    """Everything that changes while a network is trained."""

    learner: Learner
    """What is trained."""
    average: MovingAverage
    """Moving average of `learner.reader`, which is measured and saved."""
    optimizer: torch.optim.AdamW
    scaler: torch.amp.GradScaler
    """Scales the loss in float16; does nothing otherwise."""
    watch: EarlyStopping
    start_from: str
    """Checkpoint it began with, by the path of then; empty from chance."""
    start_record: Mapping[str, Any]
    """What that was trained on; empty from chance."""
    temperature: float = 1.0
    """Goes into the checkpoints: that of the network it started from, or 1."""
    epoch: int = 0
    """Epochs finished."""
    step: int = 0
    """Steps made in the present epoch."""
    best_epoch: int = 0
    """The best epoch so far, from 1; 0 before there is one, and where that is the network it started from."""
    history: list[Figures] = field(default_factory=list)
    """Figures of every finished epoch; epoch 0 is the network it started from, if that was measured."""
    log: EpochLog = field(default_factory=EpochLog)


def new_run(settings: TrainSettings, device: torch.device, precision: torch.dtype) -> Run:
    """A run before its first step."""
    reader, record, temperature = build_reader(settings)
    reader.train().to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack this pair
    learner = Learner(reader, settings.fit.deep_supervision > 0.0).to(device)
    fit = settings.fit
    return Run(
        learner=learner,
        average=MovingAverage(reader, fit.ema),
        optimizer=torch.optim.AdamW(learner.parameters(), lr=fit.learning_rate, weight_decay=fit.weight_decay),
        scaler=torch.amp.GradScaler(device.type, enabled=precision == torch.float16),
        watch=EarlyStopping(fit.patience, fit.min_delta),
        start_from=settings.start_from,
        start_record=record,
        temperature=temperature,
    )


def surroundings(data: TrainingData, team: Team) -> dict[str, Any]:
    """What besides the settings decides which batches a run sees, by name; JSON values.

    Files that are left out of a data set count for nothing.
    """
    described = {f"data: {name}": value for name, value in data.description.items() if name not in _NO_MATTER}
    return {"number of processes": team.size, **described, "steps in an epoch": data.steps}


def save_state(path: Path, run: Run, settings: TrainSettings, around: Mapping[str, Any]) -> None:
    """Write everything `load_state` needs; the file appears whole or not at all.

    Args:
        path: the file.
        run: what is written; of several processes the log of the one that writes.
        settings: of the run.
        around: its `surroundings`.

    Raises:
        TrainingError: It cannot be written.
    """
    log = run.log
    state = {
        "format": _FORMAT,
        "settings": json.dumps(_recorded(settings, run)),
        "start_record": json.dumps(run.start_record),
        "surroundings": json.dumps(around),
        "temperature": run.temperature,
        "history": json.dumps(run.history),
        "learner": run.learner.state_dict(),
        "average": run.average.module.state_dict(),
        "average_steps": run.average.steps,
        "optimizer": run.optimizer.state_dict(),
        "scaler": run.scaler.state_dict(),
        "watch": {name: getattr(run.watch, name) for name in ("best", "best_loss", "waited")},
        "epoch": run.epoch,
        "step": run.step,
        "best_epoch": run.best_epoch,
        "losses": torch.stack(log.losses).cpu() if log.losses else torch.zeros(0),
        "reads": log.reads.state(),
    }
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, part)
        part.replace(path)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        raise TrainingError(f"The state of the training cannot be written to {path}: {error}.") from error
    finally:
        part.unlink(missing_ok=True)


def load_state(
    path: Path, run: Run, settings: TrainSettings, around: Mapping[str, Any], device: torch.device, *, with_log: bool
) -> None:
    """Take up a saved run; nothing but tensors and plain values is unpickled.

    Args:
        path: what `save_state` wrote.
        run: a new run of the same settings, from chance; it is filled.
        settings: those of now; they must be those of then but for paths, device and the like.
        around: the `surroundings` of now, which must be those of then.
        device: where the run computes.
        with_log: whether this process goes on with the log of the present epoch; one process does.

    Raises:
        TrainingError: The file is missing, broken, or of other settings, processes or data.
    """
    state = _read_state(path)
    began = json.loads(state["settings"])
    _require_same(path, began, as_plain(settings), "settings")
    _require_same(path, json.loads(state["surroundings"]), json.loads(json.dumps(around)), "processes and data")
    run.learner.load_state_dict(state["learner"])
    run.average.module.load_state_dict(state["average"])
    run.average.steps = state["average_steps"]
    run.optimizer.load_state_dict(state["optimizer"])
    if state["scaler"]:  # without one, the run was in another format than float16 so far
        run.scaler.load_state_dict(state["scaler"])
    for name, value in state["watch"].items():
        setattr(run.watch, name, value)
    run.epoch, run.step, run.best_epoch = state["epoch"], state["step"], state["best_epoch"]
    run.history = json.loads(state["history"])
    run.start_from, run.start_record = began["start_from"], json.loads(state["start_record"])
    run.temperature = state["temperature"]
    if with_log:
        run.log = EpochLog(list(state["losses"].to(device)), Reads.from_state(_moved(state["reads"], device)))


def require_same_settings(path: Path, settings: TrainSettings) -> None:
    """Make sure that a saved run can be gone on with on these settings.

    Raises:
        TrainingError: The file is missing or broken, or a setting differs.
    """
    _require_same(path, json.loads(_read_state(path)["settings"]), as_plain(settings), "settings")


def saved_preprocess(path: Path) -> Preprocess:
    """The preprocessing of a saved run.

    Raises:
        TrainingError: The file is missing or broken.
    """
    return PreprocessSettings(**json.loads(_read_state(path)["settings"])["preprocess"]).complete()


def save_reader(path: Path, run: Run, settings: TrainSettings, description: Mapping[str, Any]) -> None:
    """Write the averaged weights as a checkpoint that alone rebuilds network and preprocessing."""
    described = {name: value for name, value in description.items() if name != TREE_CROPS}
    recorded = _recorded(settings, run)
    if settings.source == "tree":  # its regions were cut before; settings.crops says nothing of them
        del recorded["crops"]
        if crops := description.get(TREE_CROPS):
            recorded["crops"] = crops
    start = {"start": run.start_record} if run.start_record else {}
    untouched = run.epoch == run.step == 0  # what the run started from, as it was
    info = CheckpointInfo(
        preprocess=settings.preprocess.complete(),
        window_length=settings.sampling.length,
        temperature=run.temperature,
        training_data=run.start_record if untouched else {**described, "settings": recorded, **start},
        metrics={**(run.history[-1] if run.history else {}), "history": run.history},
    )
    save_checkpoint(path, run.average.module, info)


def _recorded(settings: TrainSettings, run: Run) -> dict[str, Any]:
    """The settings as they are written down; `start_from` stays what the run began with, also when it is resumed."""
    recorded: dict[str, Any] = as_plain(settings)
    return {**recorded, "start_from": run.start_from}


def _read_state(path: Path) -> dict[str, Any]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise TrainingError(
            f"There is no training to go on with: {path} does not exist; leave out --resume."
        ) from error
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise TrainingError(f"{path} is truncated or no state of a training; {_anew(path)}.") from error
    if not isinstance(state, dict) or state.get("format") != _FORMAT:
        raise TrainingError(f"{path} is no state of a training of this version; {_anew(path)}.")
    return state


def _anew(path: Path) -> str:
    """What to do where a training cannot be gone on with."""
    return f"train anew into another output folder, with start_from={path.with_name(LAST)} if that is whole"


def _require_same(path: Path, then: Mapping[str, Any], now: Mapping[str, Any], what: str) -> None:
    if found := first_difference(then, now, _FREE_ON_RESUME):
        raise TrainingError(
            f"{found.key} is {found.now} and was {found.then} when the training in {path.parent} began; resume with "
            f"the {what} of then, or train anew into another output folder."
        )


def _moved(tensors: Mapping[str, torch.Tensor], device: torch.device) -> dict[str, torch.Tensor]:
    return {name: tensor.to(device) for name, tensor in tensors.items()}
