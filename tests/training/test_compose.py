"""Two-digit numbers made of one-digit ones."""

import pytest
import torch

from recognizer.labels import EMPTY, decode
from training.batch import Batch
from training.compose import compose_pairs, lay_side_by_side


def picture(column: int, side: int = 32) -> torch.Tensor:
    """A grey window of two frames with a white bar whose middle stands at a column."""
    rgb = torch.full((2, side, side, 3), 90, dtype=torch.uint8)
    rgb[:, 8:24, column - 2 : column + 2] = 250
    return rgb


def batch(units: list[int], tens: list[int] | None = None) -> Batch:
    count = len(units)
    rgb = torch.stack([picture(16) for _ in range(count)])
    return Batch(
        rgb, torch.ones(count, 2, dtype=torch.bool), torch.tensor(tens or [EMPTY] * count), torch.tensor(units)
    )


def numbers(of: Batch) -> list[str | None]:
    return [decode(t, u) for t, u in zip(of.tens.tolist(), of.units.tolist(), strict=True)]


def test_both_digits_stand_side_by_side() -> None:
    pair = lay_side_by_side(picture(16), picture(16), torch.Generator().manual_seed(0))
    assert pair.shape == (2, 32, 32, 3)
    bright = (pair[0, 16, :, 0] > 180).nonzero().flatten().tolist()
    left, right = [c for c in bright if c < 16], [c for c in bright if c >= 16]
    assert left
    assert right
    assert min(right) - max(left) > 2
    assert abs(sum(left) / len(left) + sum(right) / len(right) - 31) < 2  # symmetric about the middle


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_the_share_asked_for_is_composed_of_the_batchs_own_digits(share: float) -> None:
    before = batch([3, 4] * 10)
    after = compose_pairs(before, share, torch.Generator().manual_seed(1))
    composed = [number for number in numbers(after) if number and len(number) == 2]
    assert len(composed) == round(share * 20)
    assert set("".join(composed)) <= {"3", "4"}
    assert numbers(before) == ["3", "4"] * 10


def test_forbidden_numbers_are_never_composed() -> None:
    seen = set()
    for seed in range(30):
        seen |= set(numbers(compose_pairs(batch([4, 8, 8, 4]), 1.0, torch.Generator().manual_seed(seed), {"48", "88"})))
    assert {"48", "88"} & seen == set()
    assert {"44", "84"} <= seen


def test_a_leading_zero_is_no_number() -> None:
    seen = set()
    for seed in range(20):
        seen |= set(numbers(compose_pairs(batch([0, 7, 0, 7]), 1.0, torch.Generator().manual_seed(seed))))
    assert {"00", "70", "77"} <= seen
    assert None not in seen


def test_without_two_single_digits_nothing_changes() -> None:
    before = batch([EMPTY, 6, 3], tens=[EMPTY, 4, EMPTY])
    after = compose_pairs(before, 1.0, torch.Generator().manual_seed(0))
    assert torch.equal(after.rgb, before.rgb)
    assert numbers(after) == numbers(before)


def test_only_frames_valid_in_both_windows_are_valid() -> None:
    before = batch([3, 4])
    before.valid[0] = torch.tensor([True, False])
    after = compose_pairs(before, 1.0, torch.Generator().manual_seed(3))
    for place, number in enumerate(numbers(after)):
        if number in {"34", "43", "33"}:
            assert after.valid[place].tolist() == [True, False]
