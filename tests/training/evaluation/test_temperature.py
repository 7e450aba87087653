"""The temperature under which the truth is likeliest."""

import numpy as np
import pytest
from numpy.typing import NDArray

from recognizer.decode import number_log_probs
from training.evaluation.metrics import outcomes_of
from training.evaluation.temperature import fit_temperature


def drawn_reads(times: float) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Reads whose truth is drawn from their own probabilities, then made so many times too sure."""
    rng = np.random.default_rng(0)
    tens, units = rng.normal(0.0, 1.5, (2, 4000, 11))
    chances = np.exp(number_log_probs(tens, units))
    truth = (chances.cumsum(axis=1) > rng.random((len(chances), 1))).argmax(axis=1)
    codes = np.array([(a, b) for a in range(11) for b in range(11)], np.int64)
    places = outcomes_of(codes)
    of_place = {int(place): code for place, code in zip(places, codes, strict=True) if place >= 0}

    def surer(logits: NDArray[np.float64]) -> NDArray[np.float32]:
        scaled = logits * times
        return (scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))).astype(np.float32)

    return surer(tens), surer(units), np.stack([of_place[int(place)] for place in truth])


@pytest.mark.parametrize("times", [0.5, 1.0, 2.5])
def test_reads_that_are_too_sure_or_unsure_are_made_honest(times: float) -> None:
    found = fit_temperature(*drawn_reads(times), now=1.3)
    assert found.best == pytest.approx(1.3 * times, rel=0.05)
    assert found.loss_best is not None
    assert found.loss_best <= found.loss_now + 1e-9
    assert f"--temperature {found.best:.3g}" in found.text("best.safetensors")
    assert found.text("best.safetensors").startswith("Temperature 1.3 gives these windows a negative log-likelihood of")
    assert found.record()["best"] == found.best


@pytest.mark.parametrize("right", [True, False])
def test_reads_that_are_all_right_or_all_wrong_tell_no_temperature(right: bool) -> None:
    logits = np.zeros((3, 11))
    logits[:, 4] = 3.0
    logp = (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)
    found = fit_temperature(logp, logp, np.full((3, 2), 4 if right else 5), now=1.0)
    assert (found.best, found.loss_best) == (None, None)
    assert found.text("best.safetensors").endswith("to tell a better one.")
