"""A window's read is that of the whole and of its frames, pooled."""

import pytest
import torch

from recognizer.model import JerseyTemporalNet
from recognizer.pooling import read_pooled


def features_of(net: JerseyTemporalNet, windows: int, length: int) -> torch.Tensor:
    return torch.randn(windows, length, net.feature_channels, generator=torch.Generator().manual_seed(3))


@torch.inference_mode()
def test_the_whole_counts_as_much_as_each_valid_frame(net: JerseyTemporalNet) -> None:
    features, valid = features_of(net, 1, 3), torch.tensor([[True, False, True]])
    whole = net.read_sequence(features, valid)
    first, last = (net.read_sequence(features[:, [place]], torch.ones(1, 1, dtype=torch.bool)) for place in (0, 2))
    tens, units, weights = read_pooled(net, features, valid, temperature=1.5)
    for pooled, parts in (
        (tens, [r.tens for r in (whole, first, last)]),
        (units, [r.units for r in (whole, first, last)]),
    ):
        geometric = torch.stack([torch.softmax(part / 1.5, dim=1).log() for part in parts]).mean(dim=0).exp()
        torch.testing.assert_close(pooled.exp(), geometric / geometric.sum())
    torch.testing.assert_close(weights, whole.frame_weights)


@torch.inference_mode()
@pytest.mark.parametrize("length", [1, 4])
def test_of_one_frame_the_whole_is_that_frame(net: JerseyTemporalNet, length: int) -> None:
    features = features_of(net, 2, length)
    valid = (torch.arange(length) == 0).expand(2, length)
    tens, _, _ = read_pooled(net, features, valid, temperature=1.0)
    alone = net.read_sequence(features[:, :1], torch.ones(2, 1, dtype=torch.bool))
    torch.testing.assert_close(tens, torch.log_softmax(alone.tens, dim=1))
