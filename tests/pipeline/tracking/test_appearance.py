"""Features of shirts: alike for one kit, unlike for two, whatever lies around them."""

import numpy as np
import pytest

from pipeline.tracking.appearance import ShirtColours, shirt_colours
from pipeline.types import FloatArray, UInt8Image

GRASS, ICE = (60, 130, 70), (235, 225, 220)
RED, SHADED_RED, BLUE, WHITE = (40, 30, 200), (32, 24, 165), (190, 60, 30), (240, 240, 240)


def picture(*shirts: tuple[int, int, int], ground: tuple[int, int, int] = GRASS) -> tuple[UInt8Image, FloatArray]:
    """People side by side, each a shirt above dark legs, and their boxes."""
    bgr = np.full((160, 80 * len(shirts), 3), ground, np.uint8)
    boxes = []
    for place, shirt in enumerate(shirts):
        left = 80 * place + 20
        bgr[45:90, left + 5 : left + 35] = shirt
        bgr[90:135, left + 10 : left + 30] = (30, 30, 30)
        boxes.append((left, 30, left + 40, 135))
    return bgr, np.array(boxes, np.float32)


def test_features_are_of_length_one_and_say_which_shirts_are_alike() -> None:
    features = shirt_colours(*picture(RED, SHADED_RED, BLUE, WHITE))
    assert np.linalg.norm(features, axis=1) == pytest.approx(1, abs=1e-5)
    red, shaded_red, blue, white = features
    assert red @ shaded_red > 0.7
    assert max(red @ blue, red @ white, blue @ white) < 0.2


def test_what_lies_behind_a_player_hardly_counts() -> None:
    red, blue = shirt_colours(*picture(RED, BLUE))
    red_on_ice, blue_on_ice = shirt_colours(*picture(RED, BLUE, ground=ICE))
    assert min(red @ red_on_ice, blue @ blue_on_ice) > 0.95


def test_a_shirt_of_the_colour_of_the_ground_keeps_its_colour() -> None:
    (shirt,) = shirt_colours(*picture(WHITE, ground=WHITE))
    assert shirt @ shirt_colours(*picture(WHITE))[0] > 0.9


def test_people_at_the_edge_and_nobody() -> None:
    bgr, boxes = picture(RED)
    assert np.isfinite(shirt_colours(bgr, boxes - 60)).all()
    assert shirt_colours(bgr, boxes[:0]).shape == (0, shirt_colours(bgr, boxes).shape[1])


def test_trackers_give_boxes_by_their_centre() -> None:
    bgr, boxes = picture(RED, BLUE)
    centred = np.column_stack(((boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2], np.arange(2)))
    assert np.array(ShirtColours()(bgr, centred)) == pytest.approx(shirt_colours(bgr, boxes))
