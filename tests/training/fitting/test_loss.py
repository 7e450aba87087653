"""The digit loss, the frame head and the learner's padding."""

import pytest
import torch
import torch.nn.functional as F

from recognizer.model import JerseyTemporalNet, ModelConfig
from recognizer.preprocess import normalize
from training.data.batch import Batch, unknown_boxes
from training.fitting.loss import DigitLoss, FrameHead, Learner, Logits
from training.fitting.mixup import Mixed, unmixed

SMALL = ModelConfig(hidden_size=8, head_size=8, dropout=0.0, frozen_fraction=0.0)


def batch_of(count: int, length: int, *, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    rgb = torch.randint(0, 256, (count, length, 32, 32, 3), generator=generator, dtype=torch.uint8)
    classes = torch.randint(0, 11, (2, count), generator=generator)
    valid = torch.ones(count, length, dtype=torch.bool)
    valid[0, 1:] = False
    return Batch(rgb, valid, classes[0], classes[1], unknown_boxes(valid))


def logits_of(count: int, seed: int = 0) -> Logits:
    values = torch.randn(4, count, 11, generator=torch.Generator().manual_seed(seed))
    return Logits(*values)


def test_the_loss_is_the_mean_over_both_digits() -> None:
    batch, logits = batch_of(4, 2), logits_of(4)
    expected = (F.cross_entropy(logits.tens, batch.tens) + F.cross_entropy(logits.units, batch.units)) / 2
    assert DigitLoss()(logits, unmixed(batch)) == pytest.approx(float(expected))


def test_deep_supervision_adds_the_frame_heads_loss_with_its_weight() -> None:
    batch, logits = unmixed(batch_of(4, 2)), logits_of(4)
    early = Logits(*logits[2:], None, None)  # type: ignore[arg-type]  # both are tensors here
    whole = DigitLoss(0.1, deep_supervision=0.5)(logits, batch)
    assert whole == pytest.approx(float(DigitLoss(0.1)(logits, batch) + 0.5 * DigitLoss(0.1)(early, batch)))


def test_mixed_targets_count_by_their_share() -> None:
    batch, other, logits = batch_of(4, 2), batch_of(4, 2, seed=1), logits_of(4)
    loss = DigitLoss(0.1)
    mixed = loss(logits, Mixed(batch, other.tens, other.units, 0.3))
    expected = 0.3 * loss(logits, unmixed(batch)) + 0.7 * loss(logits, unmixed(other))
    assert mixed == pytest.approx(float(expected), rel=1e-6)


def test_class_weights_shift_the_loss_to_the_heavy_class() -> None:
    batch, logits = batch_of(3, 1), logits_of(3)
    batch = batch._replace(tens=torch.tensor([1, 2, 2]), units=torch.tensor([1, 2, 2]))
    weights = torch.zeros(11)
    weights[1] = 1.0
    weighted = DigitLoss(0.0, 0.0, weights, weights)(logits, unmixed(batch))
    alone = (F.cross_entropy(logits.tens[:1], batch.tens[:1]) + F.cross_entropy(logits.units[:1], batch.units[:1])) / 2
    assert weighted == pytest.approx(float(alone))


def test_the_frame_head_averages_valid_frames_only() -> None:
    head = FrameHead(6)
    features = torch.randn(2, 3, 6)
    valid = torch.tensor([[True, False, True], [True, True, True]])
    expected = head.digits(features[0, [0, 2]]).mean(0).reshape(2, 11)
    torch.testing.assert_close(head(features, valid)[0], expected)


@pytest.mark.parametrize("count", [1, 3, 20])
def test_the_learner_reads_as_the_network_does(count: int) -> None:
    """In serving mode, where the frames that fill the batch up leave no trace."""
    torch.manual_seed(0)
    reader = JerseyTemporalNet(SMALL)
    learner, batch = Learner(reader, deep_supervision=True).eval(), batch_of(count, 2)
    with torch.inference_mode():
        out = learner(batch.rgb, batch.valid)
        expected = reader(normalize(batch.rgb), batch.valid)
    torch.testing.assert_close(out.tens, expected.tens, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(out.units, expected.units, rtol=1e-4, atol=1e-4)


def test_the_backbone_gets_frames_in_multiples_of_32(monkeypatch: pytest.MonkeyPatch) -> None:
    learner, seen = Learner(JerseyTemporalNet(SMALL), deep_supervision=False), []
    encode = learner.reader.encode_frames

    def record(images: torch.Tensor) -> torch.Tensor:
        seen.append(len(images))
        return encode(images)

    monkeypatch.setattr(learner.reader, "encode_frames", record)
    for count in (1, 16, 17):
        assert learner(*batch_of(count, 2)[:2]).early_tens is None
    assert seen == [32, 32, 64]


def test_every_tensor_of_the_learner_gets_a_gradient() -> None:
    learner, batch = Learner(JerseyTemporalNet(SMALL), deep_supervision=True), batch_of(4, 2)
    DigitLoss(0.1, 0.5)(learner(batch.rgb, batch.valid), unmixed(batch)).backward()
    assert [name for name, tensor in learner.named_parameters() if tensor.grad is None] == []
