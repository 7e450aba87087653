"""The network in PyTorch, as it serves."""

import copy

import pytest
import torch
from torch import nn

from recognizer.model import JerseyTemporalNet, ModelConfig
from recognizer.networks import TorchNetwork, fold_batch_norms


@pytest.mark.parametrize("backbone", ["resnet18", "resnet50"])
def test_folded_batch_norms_change_no_result(backbone: str) -> None:
    torch.manual_seed(0)
    net = JerseyTemporalNet(ModelConfig(backbone=backbone, hidden_size=8, head_size=8)).eval()  # type: ignore[arg-type]
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):  # as if trained
            for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                assert tensor is not None
                tensor.data.add_(torch.rand_like(tensor) * 0.1)
    folded = copy.deepcopy(net)
    fold_batch_norms(folded)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    images = torch.randn(3, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(folded.encode_frames(images), net.encode_frames(images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("tuned", [True, False])
def test_more_crops_than_one_pass_takes(net: JerseyTemporalNet, tuned: bool) -> None:
    network = TorchNetwork(copy.deepcopy(net), torch.device("cpu"), torch.float32, 1.0, tuned=tuned)
    pixels = torch.randint(0, 256, (70, 16, 16, 3), dtype=torch.uint8)
    together = network.encode(pixels)
    torch.testing.assert_close(together[60:], network.encode(pixels[60:]), rtol=0, atol=1e-4)
    assert together.shape == (70, 512)
