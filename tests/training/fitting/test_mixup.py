"""MixUp on windows."""

import numpy as np
import pytest
import torch

from training.data.batch import Batch, unknown_boxes
from training.fitting.mixup import Mixed, mix_up, unmixed


def batch() -> Batch:
    """Three windows of one grey each; the second has its last frame only."""
    rgb = torch.zeros(3, 2, 4, 4, 3, dtype=torch.uint8)
    rgb[0], rgb[1], rgb[2] = 100, 200, 40
    valid = torch.tensor([[True, False], [False, True], [True, True]])
    rgb[~valid] = 0
    return Batch(rgb, valid, torch.tensor([1, 2, 3]), torch.tensor([4, 5, 6]), unknown_boxes(valid))


def test_no_probability_leaves_the_batch_alone() -> None:
    given = batch()
    assert mix_up(given, 1.0, 0.0, np.random.default_rng(0)) == unmixed(given)
    assert mix_up(Batch(*(t[:1] for t in given)), 1.0, 1.0, np.random.default_rng(0)).share == 1.0


def test_about_half_of_the_batches_are_mixed() -> None:
    rng = np.random.default_rng(0)
    mixed = [mix_up(batch(), 1.0, 0.5, rng).share < 1.0 for _ in range(400)]
    assert 160 < sum(mixed) < 240


def test_pixels_and_targets_are_mixed_in_the_same_share() -> None:
    given = batch()
    for seed in range(20):
        mixed = mix_up(given, 1.0, 1.0, np.random.default_rng(seed))
        partner = [int(torch.nonzero(given.tens == tens)) for tens in mixed.tens.tolist()]
        assert mixed.units.tolist() == given.units[partner].tolist()
        for place, other in enumerate(partner):
            for frame in range(2):
                own, theirs = bool(given.valid[place, frame]), bool(given.valid[other, frame])
                first, second = float(given.rgb[place, frame, 0, 0, 0]), float(given.rgb[other, frame, 0, 0, 0])
                share = mixed.share if own and theirs else float(own)
                expected = share * first + (1 - share) * second
                assert float(mixed.batch.rgb[place, frame, 1, 1, 1]) == pytest.approx(expected, abs=0.51)
                assert bool(mixed.batch.valid[place, frame]) == (own or theirs)


def test_the_dominant_window_is_the_one_with_the_greater_share() -> None:
    given = batch()
    other = torch.tensor([7, 8, 9])
    assert Mixed(given, other, other, 0.6).dominant[0].tolist() == [1, 2, 3]
    assert Mixed(given, other, other, 0.4).dominant[0].tolist() == [7, 8, 9]


def test_the_input_is_not_changed() -> None:
    given, before = batch(), batch()
    mix_up(given, 1.0, 1.0, np.random.default_rng(1))
    assert all(torch.equal(a, b) for a, b in zip(given[:4], before[:4], strict=True))
