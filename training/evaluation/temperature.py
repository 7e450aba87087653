"""Which temperature would make the probabilities of reads honest: the one under which the truth is likeliest."""

import math
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from recognizer.decode import number_log_probs
from training.evaluation.metrics import outcomes_of

_WIDEST: Final = 5.0
"""By how much the temperature may change, times or divided by."""
_AT_THE_EDGE: Final = 1e-3


class FittedTemperature(NamedTuple):
    """A temperature beside the checkpoint's own."""

    now: float
    """The checkpoint's."""
    loss_now: float
    """Mean negative log-likelihood of the true outcome of a window (none included), in nats."""
    best: float | None
    """The one with the least; None where it would lie beyond a fifth or five times the checkpoint's, as where every
    window is read right."""
    loss_best: float | None

    def record(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "checkpoint": self.now,
            "negative_log_likelihood": self.loss_now,
            "best": self.best,
            "best_negative_log_likelihood": self.loss_best,
        }

    def text(self, checkpoint: str) -> str:
        """Both, and how the better one is set, in a sentence.

        Args:
            checkpoint: the file's name.
        """
        own = f"Temperature {self.now:g} gives these windows a negative log-likelihood of {self.loss_now:.4f}"
        if self.best is None:
            return f"{own}; they are too few, or too well or badly read, to tell a better one."
        return (
            f"{own}, {self.best:.3g} the least, {self.loss_best:.4f}; to set it: "
            f"python -m training.publish {checkpoint} -o NEW.safetensors --temperature {self.best:.3g}"
        )


def fit_temperature(
    tens: NDArray[np.float32], units: NDArray[np.float32], codes: NDArray[np.int64], now: float
) -> FittedTemperature:
    """Search the temperature (Guo et al. 2017, "On calibration of modern neural networks").

    Args:
        tens: (N, 11) log-probabilities of the tens digit at the checkpoint's temperature; N at least 1.
        units: (N, 11) those of the units digit.
        codes: int64 (N, 2), true tens and units class.
        now: the checkpoint's temperature.
    """
    truth = outcomes_of(codes)
    rows = np.arange(len(truth))

    def loss(place: float) -> float:
        factor = math.exp(place)
        return -float(number_log_probs(tens / factor, units / factor)[rows, truth].mean())

    edge = math.log(_WIDEST)
    found = minimize_scalar(loss, bounds=(-edge, edge), method="bounded")
    if edge - abs(found.x) < _AT_THE_EDGE:
        return FittedTemperature(now, loss(0.0), None, None)
    return FittedTemperature(now, loss(0.0), now * math.exp(found.x), float(found.fun))
