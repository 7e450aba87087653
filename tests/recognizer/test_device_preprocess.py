"""Preprocessing on a device gives the pixels of preprocessing on the CPU."""

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from recognizer.device_preprocess import DevicePreprocess
from recognizer.preprocess import Preprocess

SIDES = [1, 2, 3, 9, 20, 47, 63, 64, 65, 95, 96, 97, 128, 129, 200, 300]


def picture(side: int) -> NDArray[np.uint8]:
    """Coarse structure and noise, saturated in places, so that overshoot is clipped."""
    random = np.random.default_rng(side)
    coarse = cv2.resize(random.uniform(-40, 300, (4, 4, 3)).astype(np.float32), (side, side))
    return np.clip(coarse.reshape(side, side, 3) + random.normal(0, 20, (side, side, 3)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "preprocess",
    [
        Preprocess(),
        Preprocess(size=96, upscale_below=96),
        Preprocess(size=96, sharpness=1.0),
        Preprocess(size=33, sharpness=0.4),
        Preprocess(size=64, sharpness=3.3, upscale_below=0),
    ],
)
def test_the_pixels_are_those_of_the_processor(preprocess: Preprocess) -> None:
    pictures = [picture(side) for side in SIDES]
    expected = np.stack([preprocess.apply(each) for each in pictures]).astype(int)
    on_device = DevicePreprocess(preprocess, torch.device("cpu"))([torch.from_numpy(each) for each in pictures])
    assert on_device.dtype == torch.uint8
    assert on_device.shape == expected.shape
    difference = np.abs(on_device.numpy().astype(int) - expected)
    assert difference.max() <= 1 + abs(preprocess.sharpness)
    assert (difference > 0).mean() < 0.01


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_card_gives_the_same_pixels() -> None:
    regions = [torch.from_numpy(picture(side)) for side in SIDES]
    here, there = (
        DevicePreprocess(Preprocess(size=96), torch.device(name))([region.to(name) for region in regions]).cpu()
        for name in ("cpu", "cuda:0")
    )
    assert ((here.int() - there.int()).abs() > 1).float().mean() < 0.01


def test_no_regions() -> None:
    assert DevicePreprocess(Preprocess(), torch.device("cpu"))([]).shape == (0, 64, 64, 3)


def test_what_lies_together_does_not_matter() -> None:
    regions = [torch.from_numpy(picture(side)) for side in (40, 600, 41, 700, 640)]
    preprocess = DevicePreprocess(Preprocess(size=96), torch.device("cpu"))
    together = preprocess(regions)
    assert all(torch.equal(row, preprocess([region])[0]) for row, region in zip(together, regions, strict=True))
