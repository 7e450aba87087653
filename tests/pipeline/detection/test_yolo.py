"""Geometry of the detector's input, on the processor and on a device."""

import cv2
import numpy as np
import pytest
import torch
from scenes import street

from pipeline.detection.yolo import fit, letterbox, letterbox_on_device


def test_letterbox_and_back() -> None:
    place = fit((224, 398), 320)
    assert letterbox(np.zeros((398, 224, 3), np.uint8), place).shape == (320, 192, 3)
    picture = np.array([[6, 0, 186, 320], [96, 80, 141, 240], [-10, -10, 200, 330]], np.float32)
    frame = [[0, 0, 224, 398], [112, 99.5, 168, 298.5], [0, 0, 224, 398]]
    np.testing.assert_allclose(place.to_frame(picture), frame, atol=1e-3)


@pytest.mark.parametrize("size", [(810, 1080), (405, 540), (320, 427), (200, 267), (7, 3)])
def test_letterboxing_on_a_device_gives_the_same_pixels(size: tuple[int, int]) -> None:
    bgr, place = np.asarray(cv2.resize(street(), size), np.uint8), fit(size, 320)
    expected, made = letterbox(bgr, place), letterbox_on_device(torch.from_numpy(bgr), place).numpy()
    assert made.shape == expected.shape
    difference = np.abs(made.astype(int) - expected)
    assert difference.max() <= 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_letterboxing_on_a_card_gives_the_same_pixels() -> None:
    bgr = np.ascontiguousarray(street(), np.uint8)
    place = fit((bgr.shape[1], bgr.shape[0]), 320)
    made = letterbox_on_device(torch.from_numpy(bgr).cuda(), place).cpu().numpy()
    assert np.abs(made.astype(int) - letterbox(bgr, place)).max() <= 1
