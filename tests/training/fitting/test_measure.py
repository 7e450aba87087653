"""Reading validation windows and what is said about them."""

import math

import numpy as np
import pytest
import torch
from runs import batch_of, use_narrow_backbone

from recognizer.labels import encode
from recognizer.model import JerseyTemporalNet, ModelConfig
from recognizer.preprocess import normalize
from training.fitting.measure import Reads, cross_entropy, figures_of, read_all

CPU = torch.device("cpu")


def reads_of(*windows: tuple[str | None, str | None, float]) -> Reads:
    """Reads of (truth, what is read, its probability)."""
    reads = Reads()
    for truth, read, probability in windows:
        logits = torch.full((2, 11), math.log((1 - math.sqrt(probability)) / 10))
        for digit, place in enumerate(encode(read)):
            logits[digit, place] = math.log(math.sqrt(probability))
        tens, units = encode(truth)
        reads.add(logits[:1], logits[1:], torch.tensor([tens]), torch.tensor([units]))
    return reads


def test_shares_of_known_reads() -> None:
    figures = figures_of(
        reads_of(("7", "7", 0.99), ("46", "46", 0.6), ("46", "48", 0.99), (None, "8", 0.99), (None, None, 0.99))
    )
    assert figures["number"] == pytest.approx(3 / 5)
    assert figures["both_digits"] == pytest.approx(3 / 5)
    assert figures["tens"] == 1.0  # '8' has no tens digit, as nobody's number has
    assert figures["units"] == pytest.approx(3 / 5)
    assert figures["readable"] == pytest.approx(2 / 3)
    assert figures["precision_at_0.9"] == pytest.approx(1 / 3)
    assert figures["coverage_at_0.9"] == pytest.approx(1 / 3)
    assert figures["false_numbers"] == pytest.approx(1 / 2)


def test_the_loss_is_the_mean_over_both_digits() -> None:
    figures = figures_of(reads_of(("7", "7", 0.25)))
    assert figures["loss"] == pytest.approx(-math.log(0.5), rel=1e-5)
    even = np.full((3, 11), -math.log(11), np.float32)
    assert cross_entropy(even, even, np.zeros((3, 2), np.int64)) == pytest.approx(math.log(11))


def test_figures_about_nothing_are_left_out() -> None:
    assert figures_of(Reads()) == {}
    assert "readable" not in figures_of(reads_of((None, None, 0.9)))
    assert "false_numbers" not in figures_of(reads_of(("7", "7", 0.9)))


def test_reads_survive_their_state() -> None:
    reads = reads_of(("7", "7", 0.9), ("46", "46", 0.9))
    halves = [reads_of(("7", "7", 0.9)).state(), {}, reads_of(("46", "46", 0.9)).state()]
    assert figures_of(Reads.from_state(*halves)) == figures_of(reads)


def test_the_network_is_read_in_serving_mode_and_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    use_narrow_backbone(monkeypatch)
    model = JerseyTemporalNet(ModelConfig(hidden_size=8, head_size=8, frozen_fraction=0.0)).train()
    seen: list[int] = []
    batches = [batch_of(0), batch_of(1, count=2)]
    reads = read_all(model, batches, CPU, torch.float32, lambda batch, tens, units: seen.append(len(tens) + len(units)))
    assert model.training
    assert seen == [8, 4]
    model.eval()
    with torch.inference_mode():
        expected = model(normalize(batches[1].rgb), batches[1].valid).tens.log_softmax(-1)
    torch.testing.assert_close(reads.tens[1], expected)
    assert reads.state()["codes"].shape == (6, 2)
