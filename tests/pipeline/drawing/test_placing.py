"""Places of tags and ids: free of other players where that can be, and calm from picture to picture."""

import numpy as np
import pytest

from pipeline.drawing.places import TAG_RANKS, Array, apart, crowding, hidden, id_spots, tag_spots
from pipeline.drawing.placing import Placer

FRAME = (1280, 720)
GAP = 2.0


def boxes_of(*boxes: tuple[float, float, float, float]) -> Array:
    return np.array(boxes, np.float32).reshape(-1, 4)


def place_tags(placer: Placer, boxes: Array, tracks: list[int], size: tuple[int, int] = (80, 34)) -> Array:
    """Tags of the first players in `boxes`."""
    placer.start_picture()
    return placer.tags(tracks, np.arange(len(tracks)), np.array([size] * len(tracks), np.float32).reshape(-1, 2), boxes)


def place_ids(placer: Placer, boxes: Array, tracks: list[int], tags: Array | None = None) -> Array:
    placer.start_picture()
    sizes = np.array([(16, 12)] * len(tracks), np.float32)
    return placer.ids(tracks, np.arange(len(tracks)), sizes, boxes, boxes_of() if tags is None else tags)


def test_hidden_is_a_share_of_the_smaller() -> None:
    spots = boxes_of((0, 0, 10, 10), (5, 5, 6, 6), (50, 50, 60, 60))
    areas = boxes_of((5, 0, 25, 20), (0, 0, 4, 5))
    assert hidden(spots, areas).tolist() == [[0.5, 1.0], [1.0, 0.0], [0.0, 0.0]]


def test_upper_half_of_another_player_costs_most() -> None:
    boxes = boxes_of((100, 100, 140, 200), (300, 100, 340, 200))
    theirs_upper, theirs_lower, near = (290, 110, 350, 140), (290, 160, 350, 190), (345, 110, 405, 140)
    own_upper, free = (90, 110, 150, 140), (600, 110, 660, 140)
    spots = boxes_of(theirs_upper, theirs_lower, own_upper, near, free)
    costs = crowding(spots[None], np.array([0]), boxes)[0]
    assert (np.diff(costs) < 0).all()
    assert costs[-1] == 0.0


@pytest.mark.parametrize("box", [(-20, -30, 20, 60), (1270, 700, 1300, 760), (0, 0, 1280, 720), (5, 5, 6, 6)])
def test_places_lie_in_the_picture(box: tuple[float, float, float, float]) -> None:
    sizes = np.array([(80, 34)], np.float32)
    for spots in (tag_spots(boxes_of(box), sizes, GAP, FRAME), id_spots(boxes_of(box), sizes, GAP, FRAME)):
        assert (spots[..., :2] >= 0).all()
        assert (spots[..., 2:] <= FRAME).all()
        assert np.allclose(spots[..., 2:] - spots[..., :2], sizes)


def test_places_of_a_tag_touch_its_box_except_the_higher_ones() -> None:
    box = boxes_of((600, 300, 640, 400))
    spots = tag_spots(box, np.array([(80, 34)], np.float32), GAP, FRAME)[0]
    assert [apart(spot, box[0]) <= GAP for spot in spots] == [True] * 9 + [False] * 3
    assert len(TAG_RANKS) == len(spots)


def test_tag_hangs_over_the_head_of_a_player_alone() -> None:
    spot = place_tags(Placer(FRAME, GAP), boxes_of((600, 300, 640, 400)), [7])[0]
    assert spot.tolist() == [580, 264, 660, 298]


@pytest.mark.parametrize(
    "other", [(600, 190, 640, 295), (570, 200, 610, 310), (640, 180, 680, 290), (590, 150, 650, 290)]
)
def test_tag_does_not_cover_the_player_behind(other: tuple[float, float, float, float]) -> None:
    boxes = boxes_of((600, 300, 640, 400), other)
    spot = place_tags(Placer(FRAME, GAP), boxes, [7])
    assert hidden(spot, boxes[1:]).max() == 0.0
    assert apart(spot[0], boxes[0]) <= GAP + 0.5


def test_tags_in_a_crowd_cover_no_upper_half_and_no_other_tag() -> None:
    boxes = boxes_of(*((300 + 75 * i, 300 + 40 * (i % 3), 345 + 75 * i, 420 + 40 * (i % 3)) for i in range(8)))
    spots = place_tags(Placer(FRAME, GAP), boxes, list(range(8)))
    upper = boxes.copy()
    upper[:, 3] = (boxes[:, 1] + boxes[:, 3]) / 2
    assert hidden(spots, upper)[~np.eye(8, dtype=bool)].max() < 0.1
    assert hidden(spots, spots)[~np.eye(8, dtype=bool)].max() < 0.1


def test_tags_of_a_trembling_crowd_keep_their_places() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform((300, 200), (800, 400), (12, 2))
    still = np.concatenate([corners, corners + np.array((40, 110))], axis=1).astype(np.float32)
    placer, shifts = Placer(FRAME, GAP), []
    for _ in range(120):
        boxes = still + rng.uniform(-4, 4, still.shape).astype(np.float32)
        shifts.append(place_tags(placer, boxes, list(range(12)))[:, :2] - still[:, :2])
    assert np.ptp(np.array(shifts[40:]), axis=0).max() < 20


def test_tag_stays_when_another_player_is_found_in_its_place_once() -> None:
    placer, player, behind = Placer(FRAME, GAP), (600, 300, 640, 400), (570, 190, 670, 299)
    first = place_tags(placer, boxes_of(player), [1])
    assert np.array_equal(place_tags(placer, boxes_of(player, behind), [1]), first)
    assert np.array_equal(place_tags(placer, boxes_of(player), [1]), first)


def test_tag_returns_over_the_head_when_that_has_been_free_for_a_while() -> None:
    placer, player, behind = Placer(FRAME, GAP), (600, 300, 640, 400), (570, 190, 670, 299)
    for _ in range(2):
        place_tags(placer, boxes_of(player, behind), [1])
    tops = [place_tags(placer, boxes_of(player), [1])[0, 1] for _ in range(30)]
    assert min(tops[:12]) > 400
    assert tops[-1] == 264


def test_tag_slides_to_a_near_place_and_rests_there() -> None:
    placer, lefts = Placer(FRAME, GAP), []
    for index in range(60):
        gap = max(0, 60 - 6 * index)
        boxes = boxes_of((600, 300, 640, 400), (670 + gap, 300, 710 + gap, 400))
        lefts.append(float(place_tags(placer, boxes, [1, 2])[1, 0]) - float(boxes[1, 0]))
    steps = np.abs(np.diff(lefts))
    assert lefts[-1] - lefts[0] > 10, "it makes room for the tag of the track known longer"
    assert 0 < steps.max() < 10
    assert steps[-10:].max() == 0


def test_a_tag_leaves_at_once_where_another_one_comes() -> None:
    """Two players pass one another; the tag of the one known longer goes its way."""
    placer = Placer(FRAME, GAP)
    for index in range(40):
        boxes = boxes_of((400 + 10 * index, 300, 440 + 10 * index, 400), (800 - 10 * index, 300, 840 - 10 * index, 400))
        tags = place_tags(placer, boxes, [1, 2])
        assert hidden(tags[1], tags[:1]).max() < 0.25


def test_tag_jumps_to_a_far_place_rather_than_sliding_over_its_player() -> None:
    placer = Placer(FRAME, GAP)
    spots = [place_tags(placer, boxes_of((600, 300, 640, 400)), [1])[0] for _ in range(20)]
    boxes = boxes_of((600, 300, 640, 400), (570, 190, 670, 299))
    spots += [place_tags(placer, boxes, [1])[0] for _ in range(20)]
    assert spots[-1][1] >= 400, "under the feet"
    assert hidden(np.array(spots), boxes[:1]).max() == 0.0


def test_place_is_forgotten_when_the_track_is_long_gone() -> None:
    player = (600.0, 300.0, 640.0, 400.0)
    tops = []
    for pause in (5, 600):
        placer = Placer(FRAME, GAP)
        place_tags(placer, boxes_of(player, (570, 190, 670, 299)), [1])
        for _ in range(pause):
            place_tags(placer, boxes_of(), [])
        tops.append(place_tags(placer, boxes_of(player), [1])[0, 1])
    assert tops == [402, 264]


def test_id_stands_under_the_feet_of_a_player_alone() -> None:
    assert place_ids(Placer(FRAME, GAP), boxes_of((600, 300, 640, 400)), [7])[0].tolist() == [600, 400, 616, 412]


def test_id_avoids_other_players_and_tags() -> None:
    boxes = boxes_of((600, 300, 640, 400), (590, 390, 650, 500))
    tag = boxes_of((560, 350, 598, 410))
    spot = place_ids(Placer(FRAME, GAP), boxes, [7], tag)
    assert hidden(spot, np.concatenate([boxes[1:], tag])).max() < 0.05
    assert apart(spot[0], boxes[0]) <= GAP + 0.5


def test_ids_of_players_close_together_lie_apart() -> None:
    boxes = boxes_of((600, 300, 612, 340), (613, 300, 625, 340), (626, 300, 638, 340))
    spots = place_ids(Placer(FRAME, GAP), boxes, [1, 2, 3])
    assert np.isfinite(spots).all()
    assert hidden(spots, spots)[~np.eye(3, dtype=bool)].max() == 0.0


def test_id_without_a_free_place_is_left_out_and_comes_back() -> None:
    boxes = boxes_of((600, 300, 640, 400), (560, 250, 700, 450))
    placer = Placer(FRAME, GAP)
    assert np.isnan(place_ids(placer, boxes, [7])).all()
    assert np.isfinite(place_ids(placer, boxes[:1], [7])).all()


def test_id_leaves_a_place_at_once_when_another_player_comes_there() -> None:
    placer = Placer(FRAME, GAP)
    player, above, below = (600, 300, 640, 400), (500, 200, 740, 398), (500, 398, 740, 500)
    for _ in range(20):
        spot = place_ids(placer, boxes_of(player, above), [7])
    assert spot[0, 1] >= 400
    spot = place_ids(placer, boxes_of(player, below), [7])
    assert spot[0, 3] <= 400


def test_same_pictures_give_the_same_places() -> None:
    rng = np.random.default_rng(3)
    corners = rng.uniform((300, 200), (700, 400), (12, 2))
    boxes = np.concatenate([corners, corners + np.array((40, 110))], axis=1).astype(np.float32)
    one, other = Placer(FRAME, GAP), Placer(FRAME, GAP)
    for _ in range(5):
        tracks = list(range(12))
        assert np.array_equal(place_tags(one, boxes, tracks), place_tags(other, boxes, tracks))
        assert np.array_equal(place_ids(one, boxes, tracks), place_ids(other, boxes, tracks), equal_nan=True)
