"""From a region to the network's input."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recognizer.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess, normalize


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@settings(max_examples=50)
@given(st.integers(1, 150), st.integers(1, 150), st.sampled_from([32, 64]))
def test_any_region_gives_the_input_size(height: int, width: int, size: int) -> None:
    region = noise(height, width)
    before = region.copy()
    result = Preprocess(size=size).apply(region)
    assert result.shape == (size, size, 3)
    assert result.dtype == np.uint8
    assert result.flags["C_CONTIGUOUS"]
    assert (result == Preprocess(size=size).apply(region)).all()
    assert (region == before).all()


@pytest.mark.parametrize("side", [20, 64, 90])
def test_one_colour_stays_one_colour(side: int) -> None:
    region = np.full((side, side, 3), (200, 30, 90), np.uint8)
    assert (Preprocess().apply(region) == (200, 30, 90)).all()


def test_clipped_region_is_centred_on_black() -> None:
    region = np.full((64, 32, 3), 255, np.uint8)
    result = Preprocess(sharpness=1.0).apply(region)
    assert (result[:, 16:48] == 255).all()
    assert (result[:, :16] == 0).all()
    assert (result[:, 48:] == 0).all()
    assert (Preprocess(sharpness=1.0).apply(region.transpose(1, 0, 2)) == result.transpose(1, 0, 2)).all()


def test_size_and_sharpness_that_fit_change_nothing() -> None:
    region = noise(64, 64)
    result = Preprocess(sharpness=1.0).apply(region)
    assert (result == region).all()
    assert not np.shares_memory(result, region)


def test_sharpening_makes_edges_steeper_after_resizing() -> None:
    region = np.full((32, 32, 3), 80, np.uint8)
    region[:, 16:] = 160
    plain = Preprocess(sharpness=1.0).apply(region).astype(int)
    sharp = Preprocess(sharpness=2.0).apply(region).astype(int)
    assert np.abs(np.diff(sharp, axis=1)).max() > np.abs(np.diff(plain, axis=1)).max()
    assert sharp.max() > plain.max()


def test_small_regions_use_lanczos_and_large_ones_do_not() -> None:
    region = noise(48, 48)
    assert (Preprocess(upscale_below=64).apply(region) != Preprocess(upscale_below=0).apply(region)).any()
    large = noise(80, 80)
    assert (Preprocess(upscale_below=64).apply(large) == Preprocess(upscale_below=0).apply(large)).all()


def test_shrinking_averages_instead_of_skipping() -> None:
    board = np.zeros((256, 256, 3), np.uint8)
    board[::2, ::2] = board[1::2, 1::2] = 255
    result = Preprocess(sharpness=1.0).apply(board)
    assert np.abs(result.astype(int) - 127).max() <= 12


def test_views_of_a_frame_are_accepted() -> None:
    frame = noise(100, 100)
    view = frame[10:60:1, 90:40:-1]
    assert (Preprocess().apply(view) == Preprocess().apply(view.copy())).all()


@pytest.mark.parametrize(
    "region",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4, 3))],
)
def test_other_arrays_are_refused(region: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        Preprocess().apply(region)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 4}, "size is 4; allowed is a whole number from 8 to 1024"),
        ({"size": 64.0}, "size is 64.0"),
        ({"sharpness": -1.0}, "sharpness is -1.0; allowed is a number from 0 to 10"),
        ({"sharpness": float("nan")}, "sharpness is nan"),
        ({"sharpness": "2"}, "sharpness is '2'"),
        ({"upscale_below": -1}, "upscale_below is -1"),
    ],
)
def test_impossible_settings_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Preprocess(**arguments)  # type: ignore[arg-type]  # wrong on purpose


def test_normalize_is_imagenets() -> None:
    pixels = torch.randint(0, 256, (2, 5, 8, 8, 3), dtype=torch.uint8)
    before = pixels.clone()
    result = normalize(pixels)
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    expected = ((pixels.float() / 255 - mean) / std).movedim(-1, 2)
    assert result.shape == (2, 5, 3, 8, 8)
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(pixels, before)


def test_normalize_gives_channels_last_memory_and_other_types() -> None:
    pixels = torch.randint(0, 256, (2, 8, 8, 3), dtype=torch.uint8)
    assert normalize(pixels).is_contiguous(memory_format=torch.channels_last)
    assert normalize(pixels, torch.bfloat16).dtype == torch.bfloat16


def test_normalize_serves_training_after_inference() -> None:
    pixels = torch.randint(0, 256, (1, 8, 8, 3), dtype=torch.uint8)
    with torch.inference_mode():
        normalize(pixels, torch.float64)
    weight = torch.ones(1, dtype=torch.float64, requires_grad=True)
    (normalize(pixels, torch.float64) * weight).sum().backward()  # type: ignore[no-untyped-call]  # torch's own
    assert weight.grad is not None
