"""The moving average of weights."""

import torch

from recognizer.model import JerseyTemporalNet, ModelConfig
from training.fitting.average import MovingAverage

SMALL = ModelConfig(hidden_size=4, head_size=4, frozen_fraction=0.0)


def shifted(model: JerseyTemporalNet, by: float) -> None:
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor += by if tensor.is_floating_point() else 1


def test_without_decay_the_average_is_the_network() -> None:
    model = JerseyTemporalNet(SMALL)
    average = MovingAverage(model, 0.0)
    shifted(model, 1.0)
    average.update(model)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, average.module.state_dict()[name]), name


def test_the_average_follows_weights_and_running_statistics_and_copies_counters() -> None:
    model = JerseyTemporalNet(SMALL)
    average = MovingAverage(model, 0.99)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    shifted(model, 1.0)
    average.update(model)  # the first step keeps a tenth
    for name, tensor in average.module.state_dict().items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, before[name] + 0.9)
        else:
            assert torch.equal(tensor, before[name] + 1), name
    assert average.steps == 1
    assert not average.module.training
    assert not any(tensor.requires_grad for tensor in average.module.parameters())
