"""Curves and pictures for TensorBoard; the package is needed only when they are wanted."""

import contextlib
import heapq
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from recognizer.decode import OUTCOMES, number_log_probs
from recognizer.errors import InputError
from recognizer.labels import decode
from recognizer.model import JerseyTemporalNet
from recognizer.preprocess import normalize
from training.data.batch import Batch
from training.fitting.measure import Figures
from training.fitting.mixup import Mixed

FOLDER: Final = "tensorboard"
_ROWS: Final = 8
"""Windows in a grid."""
_CAPTION: Final = 150
"""Width of the caption beside a window, pixels."""


class MonitorError(InputError):
    """TensorBoard is wanted and not there."""


class Misread(NamedTuple):
    """A window read wrong."""

    loss: float
    """Negative log-probability of the truth."""
    order: int
    """Tells equal losses apart."""
    rgb: NDArray[np.uint8]
    """uint8 (T, S, S, 3)."""
    caption: str


class WorstErrors:
    """Keeps the windows that were read wrong with the greatest loss."""

    def __init__(self, count: int = _ROWS) -> None:
        self._count = count
        self._seen = 0
        self._heap: list[Misread] = []

    def look(self, batch: Batch, tens: torch.Tensor, units: torch.Tensor) -> None:
        """Take in a batch and its log-probabilities (B, 11) of both digits."""
        logp = number_log_probs(tens.numpy(), units.numpy())
        for place, best in enumerate(logp.argmax(-1).tolist()):
            truth = decode(int(batch.tens[place]), int(batch.units[place]))
            self._seen += 1
            if OUTCOMES[best] == truth:
                continue
            loss = -float(logp[place, OUTCOMES.index(truth)])
            caption = f"is {truth or 'none'}\nread {OUTCOMES[best] or 'none'} {np.exp(logp[place, best]):.2f}"
            found = Misread(loss, self._seen, batch.rgb[place].cpu().numpy(), caption)
            if len(self._heap) < self._count:
                heapq.heappush(self._heap, found)
            else:
                heapq.heappushpop(self._heap, found)

    def take(self) -> list[Misread]:
        """The worst ones, worst first; forgets them."""
        worst = sorted(self._heap, key=lambda found: (-found.loss, found.order))
        self._heap.clear()
        return worst


class Monitor:
    """Writes a run's curves and pictures; without a writer it does nothing."""

    def __init__(self, writer: Any = None) -> None:  # noqa: ANN401 - torch.utils.tensorboard is imported when needed
        self._writer = writer
        self._graph_due = writer is not None
        self.worst = WorstErrors()

    @property
    def active(self) -> bool:
        """Whether anything is written."""
        return self._writer is not None

    def windows(self, mixed: Mixed, epoch: int) -> None:
        """Show the first windows of a training batch, as the network sees them."""
        if self._writer is None:
            return
        rows = range(min(_ROWS, len(mixed.batch.valid)))
        grid = picture_grid([mixed.batch.rgb[i].cpu().numpy() for i in rows], [_target(mixed, i) for i in rows])
        self._writer.add_image("training windows", grid, epoch + 1, dataformats="HWC")

    def epoch(self, figures: Figures, model: JerseyTemporalNet) -> None:
        """Show an epoch's figures, its worst errors and, once, the network's graph."""
        if self._writer is None:
            return
        epoch = int(figures["epoch"])
        for name, value in figures.items():
            if name not in ("epoch", "step"):
                self._writer.add_scalar(name, value, epoch)
        worst = self.worst.take()
        if worst:
            grid = picture_grid([found.rgb for found in worst], [found.caption for found in worst])
            self._writer.add_image("worst errors", grid, epoch, dataformats="HWC")
        if self._graph_due:
            self._graph(model)
        self._writer.flush()

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()

    def _graph(self, model: JerseyTemporalNet) -> None:
        self._graph_due = False
        device = next(model.parameters()).device
        images = normalize(torch.zeros(1, 2, 64, 64, 3, dtype=torch.uint8, device=device))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # add_graph traces, which torch calls deprecated and knows no other way yet
            self._writer.add_graph(model, (images, torch.ones(1, 2, dtype=torch.bool, device=device)))


@contextlib.contextmanager
def open_monitor(folder: Path, wanted: bool) -> Iterator[Monitor]:
    """A monitor that writes into `folder`/tensorboard, or one that does nothing.

    Raises:
        MonitorError: It is wanted and the package tensorboard is not installed.
    """
    if not wanted:
        yield Monitor()
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MonitorError(
            "tensorboard is true and the package tensorboard is not installed; install it with "
            "pip install -e '.[train]' in the checkout, or set tensorboard to false."
        ) from error
    monitor = Monitor(SummaryWriter(str(folder / FOLDER)))
    try:
        yield monitor
    finally:
        monitor.close()


def _target(mixed: Mixed, place: int) -> str:
    """What a training window is to be read as; both numbers with their shares where two are mixed."""
    first = decode(int(mixed.batch.tens[place]), int(mixed.batch.units[place])) or "none"
    if mixed.share == 1.0:
        return first
    second = decode(int(mixed.tens[place]), int(mixed.units[place])) or "none"
    return f"{first} {mixed.share:.2f}\n{second} {1.0 - mixed.share:.2f}"


def picture_grid(windows: list[NDArray[np.uint8]], captions: list[str]) -> NDArray[np.uint8]:
    """Windows below each other, the caption on the left.

    Args:
        windows: at least one, each uint8 (T, S, S, 3), all of one shape.
        captions: one for each.

    Returns:
        uint8 (windows x S, caption + T x S, 3).
    """
    rows = []
    for window, caption in zip(windows, captions, strict=True):
        length, side = window.shape[:2]
        label = Image.new("RGB", (_CAPTION, side), "white")
        ImageDraw.Draw(label).text((4, side // 6), caption, fill="black", font=ImageFont.load_default(side / 4))
        frames = window.transpose(1, 0, 2, 3).reshape(side, length * side, 3)
        rows.append(np.concatenate([np.asarray(label, np.uint8), frames], axis=1))
    return np.concatenate(rows)
