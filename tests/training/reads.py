"""Reads of windows, made up."""

from collections.abc import Mapping

import numpy as np

from pipeline.types import FloatArray, WindowRead
from recognizer.labels import encode


def digit(shares: Mapping[int, float]) -> FloatArray:
    """Log-probabilities of a digit: float32 (11,)."""
    left = (1.0 - sum(shares.values())) / (11 - len(shares))
    return np.log(np.array([shares.get(place, left) for place in range(11)], np.float32))


def read(track: int, anchor: int, number: str | None, share: float = 0.97, quality: float = 0.5) -> WindowRead:
    """A read in which each digit of a number has this probability, and everything else an equal part of the rest."""
    tens, units = encode(number)
    frames, weights = np.array([anchor] + [-1] * 4), np.array([1.0] + [0.0] * 4, np.float32)
    return WindowRead(track, frames, digit({tens: share}), digit({units: share}), weights, anchor, quality)
