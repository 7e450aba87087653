"""The network: its size, its masks and its switches."""

import dataclasses
import itertools
from collections.abc import Iterator

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from recognizer.layers import masked_lstm
from recognizer.model import JerseyTemporalNet, ModelConfig, ModelOutput

SIDE = 32
SMALL = ModelConfig(hidden_size=16, head_size=16)


@pytest.fixture(autouse=True)
def _steady() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def seed_net() -> JerseyTemporalNet:
    return JerseyTemporalNet().eval()


def size_of(module: nn.Module | None) -> int:
    assert module is not None
    return sum(parameter.numel() for parameter in module.parameters())


def trainable(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def valid_first(lengths: list[int], total: int) -> torch.Tensor:
    return torch.arange(total)[None] < torch.tensor(lengths)[:, None]


def test_parameter_counts_are_the_seeds(seed_net: JerseyTemporalNet) -> None:
    assert size_of(seed_net.backbone) == 11_176_512
    assert size_of(seed_net.spatial_attention) == 33_025
    assert size_of(seed_net.lstm) == 3_153_920
    assert size_of(seed_net.temporal_attention) == 131_585
    assert size_of(seed_net.tens_head) == 332_299
    assert size_of(seed_net.units_head) == 332_299
    assert size_of(seed_net) == 15_159_640


def test_sixty_percent_of_backbone_tensors_are_frozen(seed_net: JerseyTemporalNet) -> None:
    assert trainable(seed_net) == 13_590_808
    frozen = [not parameter.requires_grad for parameter in seed_net.backbone.parameters()]
    assert frozen == [True] * 36 + [False] * 24


def test_unfreezing_step_by_step() -> None:
    net = JerseyTemporalNet(SMALL)
    counts = []
    for fraction in (1.0, 0.6, 0.3, 0.0):
        net.freeze_backbone(fraction)
        counts.append(trainable(net))
    assert counts == sorted(set(counts))
    assert counts[0] == size_of(net) - size_of(net.backbone)
    assert counts[-1] == size_of(net)
    net.freeze_backbone(0.5)
    net.freeze_backbone(0.0)
    assert trainable(net) == size_of(net)
    with pytest.raises(ValueError, match="allowed is 0 to 1"):
        net.freeze_backbone(1.1)


def test_frozen_batch_norms_keep_their_statistics() -> None:
    net = JerseyTemporalNet(SMALL).train()
    before = {name: tensor.clone() for name, tensor in net.backbone.named_buffers()}
    net(torch.randn(2, 2, 3, SIDE, SIDE), torch.ones(2, 2, dtype=torch.bool))
    changed = {name for name, tensor in net.backbone.named_buffers() if not torch.equal(tensor, before[name])}
    assert not any(name.startswith(("bn1", "layer1", "layer2", "layer3.0.bn")) for name in changed)
    assert "layer3.1.bn1.running_mean" in changed
    net.freeze_backbone(0.0)
    assert net.backbone.bn1.training
    assert not net.eval().backbone.bn1.training


def test_backbone_tensors_are_named_as_torchvisions(seed_net: JerseyTemporalNet) -> None:
    import torchvision.models

    theirs = {name for name in torchvision.models.resnet18(weights=None).state_dict() if not name.startswith("fc.")}
    assert set(seed_net.backbone.state_dict()) == theirs


def test_output_shapes_and_weights(seed_net: JerseyTemporalNet) -> None:
    valid = valid_first([5, 2, 1], 5)
    with torch.inference_mode():
        output = seed_net(torch.randn(3, 5, 3, 64, 64), valid)
    assert isinstance(output, ModelOutput)
    assert output.tens.shape == output.units.shape == (3, 11)
    assert output.spatial_maps.shape == (3, 5, 2, 2)
    assert ((output.spatial_maps >= 0) & (output.spatial_maps <= 1)).all()
    assert (output.spatial_maps[~valid] == 0).all()
    torch.testing.assert_close(output.frame_weights.sum(dim=1), torch.ones(3))
    assert (output.frame_weights[~valid] == 0).all()
    assert (output.frame_weights[valid] > 0).all()


SWITCHES = [
    {"backbone": "resnet34"},
    {"backbone": "resnet50"},
    {"stem_pool": False},
    *(
        {"spatial_attention": spatial, "temporal": temporal, "bidirectional": both, "lstm": lstm}
        for spatial, temporal, both, lstm in itertools.product(
            (True, False), ("attention", "mean"), (True, False), (True, False)
        )
    ),
]


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_every_switch_trains_and_ignores_padding(switches: dict[str, object]) -> None:
    config = dataclasses.replace(SMALL, frozen_fraction=0.0, dropout=0.0, **switches)  # type: ignore[arg-type]
    net = JerseyTemporalNet(config).train()
    images, valid = torch.randn(3, 2, 3, SIDE, SIDE), torch.tensor([[True, True], [True, False], [False, True]])
    output = net(images, valid)
    assert all(torch.isfinite(part).all() for part in output)
    (output.tens.logsumexp(1) - output.units[:, 3]).sum().backward()
    missing = [name for name, parameter in net.named_parameters() if parameter.grad is None]
    assert missing == []
    with torch.inference_mode():
        net.eval()
        garbage = torch.where(valid[..., None, None, None], images, torch.full_like(images, float("nan")))
        for clean, dirty in zip(net(images, valid), net(garbage, valid), strict=True):
            torch.testing.assert_close(clean, dirty)


def test_padding_stays_out_of_batch_statistics() -> None:
    config = dataclasses.replace(SMALL, frozen_fraction=0.0, dropout=0.0)
    net = JerseyTemporalNet(config).train()
    valid = valid_first([3, 1], 3)
    images = torch.randn(2, 3, 3, SIDE, SIDE)
    garbage = torch.where(valid[..., None, None, None], images, torch.full_like(images, 1e6))
    for clean, dirty in zip(net(images, valid), net(garbage, valid), strict=True):
        torch.testing.assert_close(clean, dirty)
    assert net.backbone.bn1.running_mean is not None
    assert net.backbone.bn1.running_mean.abs().max() < 10


def test_a_longer_padded_window_reads_the_same(seed_net: JerseyTemporalNet) -> None:
    features = torch.randn(4, 3, 512)
    everything = torch.ones(4, 3, dtype=torch.bool)
    with torch.inference_mode():
        short = seed_net.read_sequence(features, everything)
        padded = torch.cat([features, torch.randn(4, 2, 512)], dim=1)
        long = seed_net.read_sequence(padded, valid_first([3] * 4, 5))
        spread = torch.zeros(4, 5, 512)
        spread[:, [0, 2, 4]] = features
        between = seed_net.read_sequence(spread, torch.tensor([True, False, True, False, True]).expand(4, 5))
    for other in (long, between):
        torch.testing.assert_close(other.tens, short.tens, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(other.units, short.units, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(long.frame_weights[:, :3], short.frame_weights, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("bidirectional", [True, False])
def test_masked_lstm_is_torchs_on_packed_sequences(bidirectional: bool) -> None:
    lstm = nn.LSTM(8, 6, 2, batch_first=True, bidirectional=bidirectional)
    inputs, lengths = torch.randn(4, 5, 8), [5, 1, 3, 4]
    packed = pack_padded_sequence(inputs, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(lstm(packed)[0], batch_first=True)
    torch.testing.assert_close(masked_lstm(lstm, inputs, valid_first(lengths, 5)), expected)


def test_forward_is_encode_then_read(seed_net: JerseyTemporalNet) -> None:
    images, valid = torch.randn(2, 3, 3, SIDE, SIDE), valid_first([3, 2], 3)
    with torch.inference_mode():
        whole = seed_net(images, valid)
        features = seed_net.encode_frames(images.flatten(0, 1))
        parts = seed_net.read_sequence(features.view(2, 3, -1), valid)
    assert features.shape == (6, seed_net.feature_channels) == (6, 512)
    torch.testing.assert_close(whole.tens, parts.tens)
    torch.testing.assert_close(whole.frame_weights, parts.frame_weights)


def test_single_frames_and_empty_windows(seed_net: JerseyTemporalNet) -> None:
    with torch.inference_mode():
        output = seed_net(torch.randn(2, 1, 3, SIDE, SIDE), torch.tensor([[True], [False]]))
    assert output.frame_weights.tolist() == [[1.0], [0.0]]
    assert torch.isfinite(output.tens).all()


def test_channels_last_and_bfloat16() -> None:
    net = JerseyTemporalNet(SMALL).to(memory_format=torch.channels_last).train()
    images, valid = torch.randn(2, 3, 3, SIDE, SIDE), valid_first([3, 2], 3)
    with torch.autocast("cpu", torch.bfloat16):
        output = net(images, valid)
        loss = output.tens.float().square().sum()
    loss.backward()
    assert torch.isfinite(loss)
    assert output.frame_weights.dtype == torch.float32
    net.eval()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        half = net(images, valid)
    with torch.inference_mode():
        full = net(images, valid)
    torch.testing.assert_close(half.tens.float(), full.tens, rtol=0.1, atol=0.1)


def test_exports_with_any_number_of_windows() -> None:
    net = JerseyTemporalNet(SMALL).eval()
    images, valid = torch.randn(3, 5, 3, SIDE, SIDE), valid_first([5, 2, 4], 5)
    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(net, (images[:2], valid[:2]), dynamic_shapes=({0: batch}, {0: batch}))
    with torch.inference_mode():
        for ours, exported in zip(net(images, valid), program.module()(images, valid), strict=True):
            torch.testing.assert_close(exported, ours, rtol=1e-4, atol=1e-5)


def test_initialisation(seed_net: JerseyTemporalNet) -> None:
    tensors = seed_net.state_dict()
    recurrent = tensors["lstm.weight_hh_l1_reverse"][:256]
    torch.testing.assert_close(recurrent @ recurrent.T, torch.eye(256), rtol=0, atol=1e-4)
    bias = tensors["lstm.bias_ih_l0"] + tensors["lstm.bias_hh_l0"]
    assert bias.view(4, 256)[1].eq(1).all()
    assert bias.view(4, 256)[[0, 2, 3]].eq(0).all()
    assert tensors["tens_head.output.bias"].eq(0).all()
    assert tensors["tens_head.output.weight"].std() > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"backbone": "resnet101"}, "backbone is 'resnet101'; allowed are resnet18, resnet34, resnet50"),
        ({"temporal": "max"}, "temporal is 'max'; allowed are attention, mean"),
        ({"lstm": 1}, "lstm is 1; allowed are True, False"),
        ({"hidden_size": 0}, "hidden_size is 0; allowed is a whole number from 1 to 4096"),
        ({"dropout": 1.5}, "dropout is 1.5; allowed is a number from 0 to 1"),
        ({"frozen_fraction": "0.6"}, "frozen_fraction is '0.6'"),
    ],
)
def test_impossible_configurations_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModelConfig(**arguments)  # type: ignore[arg-type]  # wrong on purpose
