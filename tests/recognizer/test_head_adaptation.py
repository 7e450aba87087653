"""Digit heads that learn from crops of a match whose number is known."""

import copy

import numpy as np
import pytest
import torch

from recognizer.decode import number_log_probs
from recognizer.head_adaptation import Examples, adapt_heads
from recognizer.labels import NUMBERS
from recognizer.model import JerseyTemporalNet, ModelConfig


@pytest.fixture
def network() -> JerseyTemporalNet:
    torch.manual_seed(0)
    return JerseyTemporalNet(ModelConfig(hidden_size=16, head_size=32)).eval()


def crops(count: int, place: int, seed: int) -> torch.Tensor:
    """Features of crops that show the same: alike, but not equal."""
    noise = torch.randn(count, 512, generator=torch.Generator().manual_seed(seed))
    kind = torch.randn(512, generator=torch.Generator().manual_seed(1000 + place))
    return (2.0 * kind + 0.5 * noise).abs()


def examples(blank: int = 30) -> Examples:
    return Examples(
        named=torch.cat([crops(20, 0, 1), crops(10, 1, 2)]),
        numbers=["24"] * 20 + ["6"] * 10,
        blank=crops(blank, 2, 3),
        others=torch.cat([crops(40, 3, 4), crops(40, 4, 5)]),
    )


@torch.no_grad()
def said(network: JerseyTemporalNet, features: torch.Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Probabilities (N, 102) of the numbers, and of none, in crops read alone."""
    read = network.read_sequence(features[:, None], torch.ones(len(features), 1, dtype=torch.bool))
    digits = (torch.log_softmax(logits, dim=1).numpy() for logits in (read.tens, read.units))
    return np.exp(number_log_probs(*digits))


def test_numbers_that_were_shown_are_read_in_crops_that_were_not(network: JerseyTemporalNet) -> None:
    adapt_heads(network, examples(), steps=80, learning_rate=3e-3, stay=0.5)
    for place, number in ((0, "24"), (1, "6")):
        assert said(network, crops(20, place, 99))[:, NUMBERS.index(number)].min() > 0.5
    assert said(network, crops(20, 2, 99))[:, -1].min() > 0.5


def test_what_is_said_of_other_crops_stays(network: JerseyTemporalNet) -> None:
    others, before = examples().others, said(network, examples().others)
    free, held = copy.deepcopy(network), network
    adapt_heads(free, examples(), steps=80, learning_rate=3e-3, stay=0.0)
    adapt_heads(held, examples(), steps=80, learning_rate=3e-3, stay=5.0)
    changed, kept = (np.abs(said(each, others) - before).sum(axis=1).mean() for each in (free, held))
    assert kept < changed / 3


def test_only_the_heads_learn_and_all_weights_may_be_trained_as_before(network: JerseyTemporalNet) -> None:
    network.freeze_backbone(0.6)
    network.tens_head.output.bias.requires_grad_(False)
    frozen = {name: weight.requires_grad for name, weight in network.named_parameters()}
    before = copy.deepcopy(network.state_dict())
    adapt_heads(network, examples(), steps=5, learning_rate=1e-3, stay=0.5)
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed and all(name.startswith(("tens_head.", "units_head.")) for name in changed)
    assert {name: weight.requires_grad for name, weight in network.named_parameters()} == frozen
    assert not network.training


def test_the_same_is_learnt_again(network: JerseyTemporalNet) -> None:
    twin = copy.deepcopy(network)
    for each in (network, twin):
        adapt_heads(each, examples(), steps=5, learning_rate=1e-3, stay=0.5)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), twin.parameters(), strict=True))


def test_crops_without_a_number_may_be_missing(network: JerseyTemporalNet) -> None:
    adapt_heads(network, examples(blank=0), steps=80, learning_rate=3e-3, stay=0.5)
    assert said(network, crops(20, 0, 99))[:, NUMBERS.index("24")].min() > 0.5
