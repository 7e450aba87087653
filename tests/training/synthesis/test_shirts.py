"""Drawn numbers."""

import numpy as np
import pytest

from training.synthesis.shirts import (
    badge_mask,
    dye,
    number_mask,
    place_mask,
    place_word,
    print_number,
    random_colours,
    text_mask,
    word_mask,
)
from training.synthesis.typefaces import Typefaces


def test_masks_are_cut_to_their_ink() -> None:
    mask = text_mask("8", None)
    assert mask.max() > 0.9
    assert mask[0].max() > 0.3
    assert mask[:, -1].max() > 0.3


@pytest.mark.parametrize("seed", range(20))
def test_badges_are_blots_cut_to_their_ink(seed: int) -> None:
    mask = badge_mask(np.random.default_rng(seed))
    assert mask.max() > 0.9
    assert min(mask[0].max(), mask[-1].max(), mask[:, 0].max(), mask[:, -1].max()) > 0.3
    assert max(mask.shape) <= 40


def test_two_digits_are_wider_than_one() -> None:
    rng = np.random.default_rng(0)
    one = np.mean([number_mask(rng, "8").shape[1] for _ in range(20)])
    two = np.mean([number_mask(rng, "88").shape[1] for _ in range(20)])
    assert two > 1.6 * one


def test_without_typefaces_numbers_are_drawn_in_invented_ones() -> None:
    masks = [number_mask(np.random.default_rng(seed), "48", Typefaces((), 0.0)) for seed in range(4)]
    assert all(mask.max() > 0.9 for mask in masks)
    assert len({mask.shape for mask in masks}) > 1


def test_a_placed_mask_stands_where_it_should() -> None:
    placed = place_mask(np.ones((40, 30), np.float32), 96, (0.5, 0.4), 0.3, turn=0.0, lean=0.0)
    rows, columns = np.nonzero(placed > 0.5)
    assert rows.mean() / 96 == pytest.approx(0.4, abs=0.02)
    assert columns.mean() / 96 == pytest.approx(0.5, abs=0.02)
    assert (rows.max() - rows.min()) / 96 == pytest.approx(0.3, abs=0.03)


def test_a_turned_mask_is_narrower() -> None:
    straight = place_mask(np.ones((40, 40), np.float32), 96, (0.5, 0.5), 0.3, turn=0.0, lean=0.0)
    turned = place_mask(np.ones((40, 40), np.float32), 96, (0.5, 0.5), 0.3, turn=1.0, lean=0.0)
    assert turned.sum() < 0.8 * straight.sum()


def test_printed_numbers_change_the_torso_only_under_the_mask() -> None:
    rng = np.random.default_rng(0)
    torso = np.full((96, 96, 3), 90, np.uint8)
    mask = place_mask(np.ones((40, 30), np.float32), 96, (0.5, 0.5), 0.3, turn=0.0, lean=0.0)
    printed = print_number(rng, torso, [mask], [np.array([250, 250, 250], np.float32)])
    assert np.array_equal(printed[mask == 0], torso[mask == 0])
    assert printed[mask > 0.9].mean() > 200


def test_dyed_cloth_has_the_colour_asked_for() -> None:
    torso = np.full((64, 64, 3), 120, np.uint8)
    zone = np.zeros((64, 64), np.float32)
    zone[20:40, 20:40] = 1.0
    dyed = dye(torso, zone, np.array([200, 30, 40], np.float32), folds=1.0)
    assert np.allclose(dyed[30, 30], [200, 30, 40], atol=3)
    assert np.allclose(dyed[5, 5], 120)


def test_ink_stands_out_from_cloth() -> None:
    rng = np.random.default_rng(2)
    for _ in range(50):
        cloth = rng.uniform(0, 255, 3).astype(np.float32)
        ink = random_colours(rng, cloth)
        assert np.abs(ink - cloth).max() > 40


@pytest.mark.parametrize("share", [1.0, 0.7])
def test_words_stay_on_the_shirt(share: float) -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        placed = place_word(word_mask(rng), 128, 0.4, 0.2, 0.0, share)
        columns, rows = np.flatnonzero(placed.max(axis=0) > 0.1), np.flatnonzero(placed.max(axis=1) > 0.1)
        assert columns[-1] - columns[0] <= 0.62 * share * 128
        assert abs((rows[0] + rows[-1]) / 2 - 0.4 * 128) <= 2


def test_a_number_takes_the_shade_of_the_cloth_under_it() -> None:
    torso = np.full((128, 128, 3), 120, np.uint8)
    torso[:, 64:] = 60
    printed = print_number(np.random.default_rng(1), torso, [np.ones((128, 128), np.float32)], [np.full(3, 200.0)])
    assert printed[64, 30].mean() > printed[64, 70].mean()  # darker beside the edge, in the shade
    assert 150 <= printed[:, :20].mean() <= 250
