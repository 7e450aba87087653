"""The small changes of training windows."""

from dataclasses import replace

import pytest
import torch

from training.data.batch import Batch, unknown_boxes
from training.fitting.augment_batch import AugmentSettings, affine_matrices, augment_batch, relight

STILL = AugmentSettings(angle=0.0, shift=0.0, scale=0.0, brightness=0.0, contrast=0.0)


def batch(count: int = 2, length: int = 3, side: int = 32) -> Batch:
    """Noise-free pictures with a bright square left of and above the middle; the last frame is padding."""
    rgb = torch.full((count, length, side, side, 3), 60, dtype=torch.uint8)
    rgb[:, :, 4:10, 6:12] = 220
    valid = torch.ones(count, length, dtype=torch.bool)
    valid[:, -1] = False
    rgb[~valid] = 0
    return Batch(
        rgb, valid, torch.zeros(count, dtype=torch.int64), torch.ones(count, dtype=torch.int64), unknown_boxes(valid)
    )


def change(settings: AugmentSettings, seed: int = 0) -> torch.Tensor:
    return augment_batch(batch(), settings, torch.Generator().manual_seed(seed)).rgb


def centre(picture: torch.Tensor) -> tuple[float, float]:
    """Centre (x, y) of the bright square of (S, S, 3)."""
    places = torch.nonzero(picture[:, :, 0] > 140).float().mean(0)
    return float(places[1]), float(places[0])


def test_nothing_to_change_changes_nothing() -> None:
    assert torch.equal(change(STILL), batch().rgb)
    assert torch.equal(change(replace(AugmentSettings(), enabled=False)), batch().rgb)


def test_the_same_seed_gives_the_same_pictures() -> None:
    assert torch.equal(change(AugmentSettings(), 1), change(AugmentSettings(), 1))
    assert not torch.equal(change(AugmentSettings(), 1), change(AugmentSettings(), 2))


def test_padding_stays_black_and_the_rest_of_the_batch_as_it_is() -> None:
    out = augment_batch(batch(), AugmentSettings(), torch.Generator().manual_seed(0))
    assert int(out.rgb[:, -1].max()) == 0
    assert out.rgb.dtype == torch.uint8
    assert all(torch.equal(a, b) for a, b in zip(out[1:4], batch()[1:4], strict=True))


def test_where_the_numbers_are_is_unknown_once_the_pixels_have_moved() -> None:
    known = batch()._replace(boxes=torch.zeros(*batch().valid.shape, 4))
    assert augment_batch(known, AugmentSettings(), torch.Generator().manual_seed(0)).boxes.isnan().all()
    assert augment_batch(known, AugmentSettings(enabled=False), torch.Generator()).boxes is known.boxes


@pytest.mark.parametrize("per_frame", [False, True])
def test_frames_of_a_window_change_together_unless_told_otherwise(per_frame: bool) -> None:
    pictures = change(replace(AugmentSettings(), per_frame=per_frame))
    assert torch.equal(pictures[0, 0], pictures[0, 1]) is not per_frame
    assert not torch.equal(pictures[0, 0], pictures[1, 0])


def warp(degrees: float, growth: float, shift: tuple[float, float]) -> torch.Tensor:
    frames = batch(1, 2).rgb[:, 0].movedim(-1, 1).float()
    matrices = affine_matrices(torch.tensor([degrees]), torch.tensor([growth]), torch.tensor([shift]))
    grid = torch.nn.functional.affine_grid(matrices, list(frames.shape), align_corners=False)
    return torch.nn.functional.grid_sample(frames, grid, align_corners=False)[0].movedim(0, -1)


def test_shift_moves_right_and_down() -> None:
    assert centre(warp(0.0, 0.0, (0.25, 0.125))) == pytest.approx((8.5 + 8, 6.5 + 4), abs=0.1)


def test_growth_moves_things_away_from_the_middle() -> None:
    assert centre(warp(0.0, 0.2, (0.0, 0.0))) == pytest.approx((15.5 - 7 * 1.2, 15.5 - 9 * 1.2), abs=0.4)


def test_a_quarter_turn_goes_counterclockwise() -> None:
    assert centre(warp(90.0, 0.0, (0.0, 0.0))) == pytest.approx((15.5 - 9, 15.5 + 7), abs=0.3)


def test_light_and_contrast() -> None:
    frames = torch.tensor([[50.0, 150.0]]).reshape(1, 1, 1, 2).expand(1, 3, 1, 2)
    one, half = torch.ones(1), torch.full((1,), 0.5)
    assert relight(frames, 2 * one, one)[0, 0, 0].int().tolist() == [100, 255]
    assert relight(frames, one, half)[0, 0, 0].int().tolist() == [75, 125]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"angle": 181.0}, r"angle is 181\.0; allowed is 0 to 180 degrees"),
        ({"shift": -0.1}, r"shift is -0\.1; allowed is 0 to 1"),
        ({"scale": 1.0}, r"scale is 1\.0; allowed is 0 up to 1"),
    ],
)
def test_settings_out_of_range(changed: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(AugmentSettings(), **changed)  # type: ignore[arg-type]  # floats by name
