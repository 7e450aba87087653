"""Where a number is seen: crops read one by one, since a track's number does not show in all of its pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.types import Crop
from recognizer.decode import number_log_probs, split_readable
from recognizer.reader import JerseyReader

READ_TOGETHER: Final = 64
"""Crops in one pass of the network."""

_LEAST_READABLE: Final = 0.5
"""From this probability on that a number can be read, one is seen. Of the pictures of three clips labelled by eye, that
keeps 97 to 100 % of the legible ones and leaves out 70, 43 and 22 % of the others. Windows of three would keep nearly
all of the legible ones, and as many of the others."""


class NumberSight(Protocol):
    """Tells in which crops a number is seen."""

    def __call__(self, crops: Sequence[Crop]) -> NDArray[np.bool_]:
        """Bool (N,) of N crops."""
        ...


class ReaderSight:
    """Looks with a recognizer, at single crops.

    Args:
        weights: its checkpoint.
        device: where it runs.

    Raises:
        WeightsError: The weights are missing or unusable.
    """

    def __init__(self, weights: Path, device: torch.device) -> None:
        self._reader = JerseyReader(weights, device, READ_TOGETHER)

    def __call__(self, crops: Sequence[Crop]) -> NDArray[np.bool_]:
        """Bool (N,) of N crops, at least one."""
        rgb = np.stack([self._reader.preprocess.apply(crop.rgb) for crop in crops])
        output = self._reader.read(rgb[:, None], np.ones((len(crops), 1), np.bool_))
        reads = number_log_probs(output.tens, output.units)
        return np.array([split_readable(read)[0] >= _LEAST_READABLE for read in reads])
