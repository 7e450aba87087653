"""Other kits and typefaces: colours and shapes change, size and chance stay in hand."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from pipeline.types import UInt8Image
from training.synthesis.augment import film_moved
from training.synthesis.looks import draw_look, expose
from training.synthesis.variety import draw_kit, keep_detail, reshape

LOOK = replace(draw_look(np.random.default_rng(0)), side=64, noise=0.0, jpeg_quality=100)


def shirt(number: str = "7", side: int = 64) -> UInt8Image:
    """A blue shirt with a white number."""
    image = np.full((side, side, 3), (30, 60, 160), np.uint8)
    cv2.putText(image, number, (side // 3, 2 * side // 3), cv2.FONT_HERSHEY_DUPLEX, side / 64, (240, 240, 240), 2)
    return image


def test_most_kits_have_other_colours_under_the_same_camera() -> None:
    kits = [draw_kit(np.random.default_rng(seed), LOOK) for seed in range(60)]
    colours = {tuple(expose(shirt(), kit)[0, 0].tolist()) for kit in kits}
    assert len(colours) > 50
    assert 0.1 < np.mean([kit.negative for kit in kits]) < 0.5
    assert 0.6 < np.mean([not np.array_equal(kit.mix, LOOK.mix) for kit in kits]) < 0.95
    assert {(kit.side, kit.resolved, kit.blur, kit.noise) for kit in kits} == {(64, LOOK.resolved, LOOK.blur, 0.0)}


@pytest.mark.parametrize("side", [8, 20, 64])
def test_numerals_change_and_stay_where_they_are(side: int) -> None:
    image = shirt(side=side)
    shapes = [reshape(np.random.default_rng(seed), image) for seed in range(40)]
    assert {shape.shape for shape in shapes} == {(side, side, 3)}
    assert 20 < sum(not np.array_equal(shape, image) for shape in shapes) < 40
    assert image.tolist() == shirt(side=side).tolist()


def test_strokes_grow_and_shrink() -> None:
    lit = [(reshape(np.random.default_rng(seed), shirt())[:, :, 0] > 150).sum() for seed in range(80)]
    now = (shirt()[:, :, 0] > 150).sum()
    assert min(lit) < 0.8 * now
    assert max(lit) > 1.2 * now


def test_one_typeface_for_the_pictures_of_a_number() -> None:
    def shown(typeface: int | None) -> list[UInt8Image]:
        again = (np.random.default_rng(5) for _ in range(2))
        return [film_moved(rng, shirt(), LOOK, 0.0, typeface=typeface)[0] for rng in again]

    first, second = shown(3)
    assert np.array_equal(first, second)
    assert not np.array_equal(first, shown(None)[0])


def test_light_that_washes_a_picture_out_is_not_taken() -> None:
    glare = replace(LOOK, offset=400.0)
    assert len(np.unique(expose(shirt(), glare))) == 1
    kept = keep_detail(glare, shirt())
    assert np.array_equal(expose(shirt(), kept), shirt())
    assert (kept.side, kept.blur) == (glare.side, glare.blur)
    mild = replace(LOOK, offset=10.0, gain=np.ones(3, np.float32), gamma=1.0, negative=False)
    assert keep_detail(mild, shirt()) is mild
