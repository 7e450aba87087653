"""What filming does to a region."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.types import UInt8Image
from training.synthesis.augment import (
    film,
    jitter_square,
    motion_blur,
    sharpen,
    shrink,
    soften,
    tilt,
    visibility,
)
from training.synthesis.codec import as_jpeg
from training.synthesis.looks import Look, draw_look, expose


def checkerboard(side: int = 64) -> UInt8Image:
    rows, columns = np.mgrid[0:side, 0:side]
    board = (((rows // 8 + columns // 8) % 2) * 255).astype(np.uint8)
    return np.repeat(board[:, :, None], 3, axis=2)


PLAIN = Look(
    side=64,
    resolved=64,
    halo=0.0,
    mix=np.eye(3, dtype=np.float32),
    negative=False,
    gain=np.ones(3, np.float32),
    offset=0.0,
    gamma=1.0,
    jpeg_quality=100,
    crf=0,
    noise=0.0,
    blur=0.0,
)


def test_a_plain_look_changes_no_pixel() -> None:
    image = checkerboard()
    assert np.array_equal(expose(image, PLAIN), image)
    assert np.array_equal(as_jpeg(image, 100), image)
    assert np.array_equal(shrink(image, 64), image)
    assert np.array_equal(motion_blur(image, 1.0, 0.3), image)


def test_shrinking_keeps_the_mean() -> None:
    small = shrink(checkerboard(), 16)
    assert small.shape == (16, 16, 3)
    assert abs(float(small.mean()) - 127.5) < 2


def test_motion_blur_smears_along_its_direction_only() -> None:
    stripes = np.zeros((40, 40, 3), np.uint8)
    stripes[:, ::8] = 255
    along_the_stripes = motion_blur(stripes, 9.0, np.pi / 2)
    across_the_stripes = motion_blur(stripes, 9.0, 0.0)
    assert along_the_stripes.astype(int).std() == pytest.approx(stripes.astype(int).std(), rel=0.05)
    assert across_the_stripes.astype(int).std() < 0.5 * stripes.astype(int).std()


@pytest.mark.parametrize("seed", range(5))
def test_film_gives_a_picture_of_the_looks_size(seed: int) -> None:
    rng = np.random.default_rng(seed)
    look = draw_look(rng)
    filmed = film(rng, checkerboard(120), look, motion=0.05)
    assert filmed.dtype == np.uint8
    assert filmed.shape == (min(look.side, 120),) * 2 + (3,)


def test_the_same_seed_films_the_same_picture() -> None:
    first, second = (
        film(np.random.default_rng(4), checkerboard(), draw_look(np.random.default_rng(3)), 0.05) for _ in range(2)
    )
    assert np.array_equal(first, second)


def test_jitter_keeps_a_square_near_its_place() -> None:
    rng = np.random.default_rng(0)
    square = np.array([10, 20, 60, 70], np.float32)
    moved = np.stack([jitter_square(rng, square) for _ in range(200)])
    sides = moved[:, 2:] - moved[:, :2]
    assert np.allclose(sides[:, 0], sides[:, 1], atol=1e-3)
    assert np.allclose(moved.mean(axis=0), square, atol=2.0)


def test_tilt_keeps_shape_and_turns() -> None:
    tilted = tilt(np.random.default_rng(1), checkerboard(), angle=20.0)
    assert tilted.shape == (64, 64, 3)
    assert not np.array_equal(tilted, checkerboard())


def test_softening_takes_detail_away_and_keeps_the_size() -> None:
    image = checkerboard()
    soft = soften(image, 10)
    assert soft.shape == image.shape
    assert soft.astype(int).std() < 0.9 * image.astype(int).std()
    assert np.array_equal(soften(image, 64), image)


def test_sharpening_adds_seams_on_both_sides_of_an_edge() -> None:
    edge = np.full((20, 20, 3), 80, np.uint8)
    edge[:, 10:] = 160
    seamed = sharpen(edge, 1.0)
    assert seamed.min() < 80
    assert seamed.max() > 160
    assert np.array_equal(sharpen(edge, 0.0), edge)


def test_a_small_picture_of_a_camera_is_compressed_no_further() -> None:
    look = replace(PLAIN, jpeg_quality=5, side=64)
    as_filmed, again = (film(np.random.default_rng(1), checkerboard(), look, 0.0, filmed=f) for f in (True, False))
    assert not np.array_equal(as_filmed, again)
    larger, compressed = (film(np.random.default_rng(1), checkerboard(96), look, 0.0, filmed=f) for f in (True, False))
    assert np.array_equal(larger, compressed)


def test_a_number_is_visible_as_far_as_it_changes_the_picture() -> None:
    blank = np.full((40, 40, 3), 100, np.uint8)
    faint, strong = blank.copy(), blank.copy()
    faint[10:30, 15:25] = 105
    strong[10:30, 15:25] = 200
    assert visibility(blank, blank) == 0.0
    assert visibility(faint, blank) == pytest.approx(5.0)
    assert visibility(strong, blank) == pytest.approx(100.0)
