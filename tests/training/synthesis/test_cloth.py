"""Shirts found by their colour, wiped and given another one."""

import cv2
import numpy as np
import pytest

from pipeline.types import UInt8Image
from training.synthesis.cloth import Torso, find_cloth, ink_colour, kit_colour, recolour, wipe

GRASS, RED, WHITE = (70, 120, 50), (190, 30, 40), (245, 245, 245)


def player(number: bool = True) -> UInt8Image:
    """A red shirt with sleeves before grass, folds from left to right, a white number on it or none."""
    picture = np.full((128, 128, 3), GRASS, np.uint8)
    cv2.rectangle(picture, (28, 10), (100, 127), RED, -1)
    folds = np.linspace(0.85, 1.1, 128)[None, :, None]
    picture = np.clip(picture * folds, 0, 255).astype(np.uint8)
    if number:
        cv2.putText(picture, "8", (48, 80), cv2.FONT_HERSHEY_SIMPLEX, 1.6, WHITE, 4)
    return np.asarray(picture, np.uint8)


def bare(region: UInt8Image) -> Torso:
    torso = wipe(region)
    assert torso is not None
    return torso


def test_a_shirt_is_found_with_what_is_printed_on_it() -> None:
    cloth = find_cloth(player())
    assert cloth is not None
    assert cloth[40:90, 40:90].min() > 0.9
    assert cloth[:, :15].max() < 0.1
    assert cloth[:, 115:].max() < 0.1


@pytest.mark.parametrize("colour", [GRASS, (0, 0, 0)])
def test_where_no_shirt_stands_out_none_is_found(colour: tuple[int, int, int]) -> None:
    assert find_cloth(np.full((128, 128, 3), colour, np.uint8)) is None


def test_where_the_middle_is_of_many_colours_no_shirt_is_found() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (128, 128, 3)).astype(np.uint8)
    assert wipe(noise) is None


def test_wiping_leaves_the_shirt_without_its_number() -> None:
    torso, clean = bare(player()), player(number=False)
    middle = np.s_[30:100, 36:92]
    assert np.abs(player()[middle].astype(int) - clean[middle]).max() > 150
    assert np.abs(torso.image[middle].astype(int) - clean[middle]).max() < 30
    assert np.array_equal(torso.image[:, :12], clean[:, :12])
    assert np.abs(torso.colour - RED).max() < 25


def test_another_colour_keeps_the_folds_and_the_grass() -> None:
    torso = bare(player())
    blue = recolour(np.random.default_rng(0), torso, np.array([40, 80, 200], np.float32))
    assert np.abs(blue[60, 64].astype(int) - (40, 80, 200)).max() < 30
    assert blue[60, 90].sum() > blue[60, 36].sum()
    assert np.array_equal(blue[:, :12], player()[:, :12])


def test_kits_and_inks_have_colours_that_stand_out() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        cloth = kit_colour(rng)
        assert cloth.min() >= 0
        assert cloth.max() <= 255
        assert np.abs(ink_colour(rng, cloth, 60.0) - cloth) @ np.array([0.3, 0.5, 0.2]) > 50.0
