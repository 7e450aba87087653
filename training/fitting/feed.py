"""What a training run is fed with, wherever it comes from."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.data.batch import Batch

TREE_CROPS: Final = "crops"
"""Name in a description: how a data set's regions were cut; goes into the checkpoint's settings, where the pipeline
looks for it."""


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Batches to train on, batches to measure on, and what is to be known about them.

    Where several processes train, each has its own batches, and all have the same number of steps.
    """

    batches: Callable[[int], Iterable[Batch]]
    """Gives the batches of an epoch (counted from 0), the same ones at every call for the same epoch."""
    steps: int
    """Batches that are taken from each epoch, at least 1."""
    validation: Mapping[str, Callable[[], Iterable[Batch]]] = field(default_factory=dict)
    """Sets to measure on, by name, each the same at every call. The first one chooses the best checkpoint."""
    codes: NDArray[np.int64] | None = None
    """int64 (N, 2), tens and units class of the training windows, for class weights; None where they are not known."""
    description: Mapping[str, Any] = field(default_factory=dict)
    """Goes into the checkpoint's JSON beside the settings; JSON values."""
