"""Drawing: what is drawn where, that it stays put, and that nothing else in the picture changes."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.drawing.annotate import Annotator, Label
from pipeline.drawing.tags import TagCache, display_colour, outline_of, text_on
from pipeline.types import TrackedBoxes, UInt8Image

Colour = tuple[int, int, int]
BLUE: Colour = (30, 60, 200)
RED: Colour = (200, 20, 30)
SIZE = (640, 360)


def grass(size: tuple[int, int] = SIZE) -> UInt8Image:
    rng = np.random.default_rng(0)
    noise = rng.integers(-6, 7, (size[1], size[0], 3))
    return np.clip(np.array((60, 130, 70)) + noise, 0, 255).astype(np.uint8)


def tracked(boxes: dict[int, tuple[float, float, float, float]]) -> TrackedBoxes:
    xyxy = np.array(list(boxes.values()), np.float32).reshape(-1, 4)
    return TrackedBoxes(xyxy, np.ones(len(xyxy), np.float32), np.array(list(boxes), np.int64))


def changed(before: UInt8Image, after: UInt8Image) -> NDArray[np.bool_]:
    return np.asarray((before != after).any(axis=2), np.bool_)


def filled(picture: UInt8Image, rgb: Colour) -> NDArray[np.bool_]:
    """Pixels in exactly the colour that a kit is shown in."""
    return np.asarray((picture == np.array(display_colour(rgb)[::-1])).all(axis=2), np.bool_)


def bounds(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    ys, xs = np.nonzero(mask)
    return int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1


def test_no_boxes_leave_the_picture_as_it_is() -> None:
    picture = grass()
    drawn = Annotator(SIZE).draw(picture, TrackedBoxes.empty(), {})
    assert np.array_equal(drawn, picture)
    assert drawn is not picture


def test_only_box_and_tag_change_and_the_input_is_not_written_to() -> None:
    picture = grass()
    before = picture.copy()
    drawn = Annotator(SIZE).draw(picture, tracked({7: (300, 150, 340, 250)}), {7: Label("10", 0.9, BLUE)})
    assert np.array_equal(picture, before)
    x1, y1, x2, y2 = bounds(changed(picture, drawn))
    assert 117 <= y1 <= 133
    assert y2 == 251
    assert 320 - 50 < x1 < 300
    assert 340 < x2 < 320 + 50
    inside = changed(picture, drawn)[155:245, 305:335]
    assert not inside.any()


def test_tag_is_filled_with_the_team_colour_above_the_head() -> None:
    drawn = Annotator(SIZE).draw(grass(), tracked({7: (300, 150, 340, 250)}), {7: Label("10", 0.9, BLUE)})
    tag = filled(drawn, BLUE)[:149]
    assert tag.sum() > 150
    x1, y1, x2, y2 = bounds(tag)
    assert 290 < (x1 + x2) / 2 < 330
    assert y2 <= 149 < y1 + 40


@pytest.mark.parametrize("labels", [{}, {7: Label(None, 0.0, BLUE)}, {7: Label(None, 0.0, None)}])
def test_player_without_number_gets_a_thin_box_and_no_tag(labels: dict[int, Label]) -> None:
    picture = grass()
    difference = changed(picture, Annotator(SIZE).draw(picture, tracked({7: (300, 150, 340, 250)}), labels))
    assert bounds(difference)[:3] == (299, 149, 341), "a hairline round the box"
    assert not difference[151:249, 301:339].any()
    assert difference[150, 300:340].all()
    assert difference[250:262, 300:312].any(), "the small track id stands under the feet"


@pytest.mark.parametrize(("second", "other", "tags"), [(BLUE, "10", 1), (RED, "10", 2), (BLUE, "11", 2)])
def test_two_boxes_on_one_player_get_one_number(second: Colour, other: str, tags: int) -> None:
    boxes = tracked({7: (300, 150, 340, 250), 9: (305, 152, 336, 205)})
    labels = {7: Label("10", 0.9, BLUE), 9: Label(other, 0.95, second)}
    picture = Annotator(SIZE).draw(grass(), boxes, labels)
    apart = Annotator(SIZE).draw(grass(), tracked({7: (300, 150, 340, 250), 9: (500, 150, 540, 250)}), labels)
    assert _tags(picture, {BLUE, second}) == tags
    assert _tags(apart, {BLUE, second}) == 2


def test_a_box_without_a_number_of_its_own_takes_none_from_another() -> None:
    """The second box lies over the first and over the third, which do not meet: two players."""
    boxes = tracked({7: (300, 150, 340, 250), 8: (300, 190, 340, 300), 9: (300, 252, 340, 340)})
    labels = {7: Label("10", 0.97, BLUE), 8: Label("10", 0.95, BLUE), 9: Label("10", 0.9, BLUE)}
    assert _tags(Annotator(SIZE).draw(grass(), boxes, labels), {BLUE}) == 2


def _tags(picture: UInt8Image, kits: set[Colour]) -> int:
    """Areas filled with the kits' colours, frames left out."""
    found = 0
    for kit in kits:
        _, _, stats, _ = cv2.connectedComponentsWithStats(filled(picture, kit).astype(np.uint8))
        within = stats[1:, cv2.CC_STAT_WIDTH] * stats[1:, cv2.CC_STAT_HEIGHT]
        found += int(((stats[1:, cv2.CC_STAT_AREA] > 100) & (2 * stats[1:, cv2.CC_STAT_AREA] > within)).sum())
    return found


def test_tiny_player_without_number_gets_no_id() -> None:
    picture = grass()
    drawn = Annotator(SIZE).draw(picture, tracked({1234: (300, 150, 304, 154)}), {})
    assert bounds(changed(picture, drawn)) == (299, 149, 305, 155)


@pytest.mark.parametrize(
    "box",
    [
        (-20, -30, 20, 60),
        (620, 300, 700, 420),
        (0, 0, 640, 360),
        (300, 355, 310, 359),
        (100, 100, 104, 104),
        (50, 50, 50, 50),
    ],
)
def test_tag_stays_whole_inside_the_picture(box: tuple[float, float, float, float]) -> None:
    drawn = Annotator(SIZE).draw(grass(), tracked({7: box}), {7: Label("88", 0.9, BLUE)})
    height = box[3] - box[1]
    alone = TagCache().number("88", 0.9, 7, display_colour(BLUE), round(min(max(0.28 * height, 13.0), 19.8)))
    fill = (alone.bgr == np.array(display_colour(BLUE)[::-1])).all(axis=2).sum()
    assert filled(drawn, BLUE).sum() >= fill


@pytest.mark.parametrize("box", [(-50, 10, -10, 90), (700, 10, 740, 90), (10, 400, 40, 500), (np.nan, 0, 5, 5)])
def test_player_outside_the_picture_is_not_drawn(box: tuple[float, float, float, float]) -> None:
    picture = grass()
    drawn = Annotator(SIZE).draw(picture, tracked({7: box}), {7: Label("10", 0.9, BLUE)})
    assert np.array_equal(drawn, picture)


def test_tags_of_close_players_do_not_cover_each_other() -> None:
    boxes = {1: (300.0, 150.0, 330.0, 220.0), 2: (312.0, 152.0, 342.0, 222.0)}
    labels = {1: Label("10", 0.9, BLUE), 2: Label("9", 0.9, RED)}
    drawn = Annotator(SIZE).draw(grass(), tracked(boxes), labels)
    for track, rgb in ((1, BLUE), (2, RED)):
        alone = Annotator(SIZE).draw(grass(), tracked({track: boxes[track]}), {track: labels[track]})
        assert filled(drawn, rgb).sum() >= 0.9 * filled(alone, rgb).sum()


def test_tag_follows_a_trembling_box_without_jumping_or_changing_size() -> None:
    rng = np.random.default_rng(1)
    annotator = Annotator(SIZE)
    shifts, sizes = [], set()
    for index in range(40):
        jitter = rng.uniform(-1.0, 1.0, 4)
        x1, y1, x2, y2 = np.array((200 + 2 * index, 150, 230 + 2 * index, 215)) + jitter
        boxes = tracked({7: (x1, y1, x2, y2), 8: (x1 + 70, y1, x2 + 70, y2)})
        drawn = annotator.draw(grass(), boxes, {7: Label("10", 0.9, BLUE), 8: Label("4", 0.9, RED)})
        left, top, right, bottom = bounds(filled(drawn, BLUE)[: int(y1) - 1])
        shifts.append((left - (x1 + x2) / 2, top - y1))
        sizes.add((right - left, bottom - top))
    assert len(sizes) == 1
    assert np.abs(np.diff(np.array(shifts), axis=0)).max() < 3.0


def test_tag_away_from_its_box_is_tied_to_it() -> None:
    boxes = {1: (300.0, 150.0, 330.0, 230.0)}
    hemmed_in = {2: (230.0, 127.0, 299.0, 300.0), 3: (331.0, 127.0, 400.0, 300.0), 4: (300.0, 190.0, 330.0, 330.0)}
    picture, labels = grass(), {1: Label("10", 0.9, BLUE)}
    drawn = Annotator(SIZE).draw(picture, tracked(boxes | hemmed_in), labels)
    top = bounds(filled(drawn, BLUE))[1]
    bluish = np.abs(drawn - np.array(display_colour(BLUE)[::-1], np.float32)).max(axis=2) < 120
    assert top < 110
    assert bluish[top:150, 230:400].any(axis=1).all(), "no gap from the tag down to the box"
    alone = Annotator(SIZE).draw(picture, tracked(boxes), labels)
    assert bounds(filled(alone, BLUE))[1] > 120


def test_track_id_is_not_drawn_over_another_player() -> None:
    picture = grass()
    boxes = {3: (300.0, 100.0, 335.0, 200.0), 1: (285.0, 180.0, 335.0, 310.0)}
    drawn = Annotator(SIZE).draw(picture, tracked(boxes), {1: Label("1", 0.9, RED)})
    assert not changed(picture, drawn)[203:307, 288:332].any()
    without = Annotator(SIZE).draw(picture, tracked({1: boxes[1]}), {1: Label("1", 0.9, RED)})
    beside = changed(without, drawn)
    beside[100:201, 300:336] = False
    assert beside.sum() > 50, "it stands elsewhere at its own box"


def test_player_narrower_than_the_track_id_gets_one() -> None:
    size = (321, 241)
    picture = grass(size)
    drawn = Annotator(size).draw(picture, tracked({1234: (150, 100, 157, 125)}), {})
    assert changed(picture, drawn)[126:138, 140:170].sum() > 100


def test_same_pictures_give_the_same_drawing() -> None:
    boxes = tracked({1: (300, 150, 330, 220), 2: (310, 152, 345, 222), 3: (10, 10, 60, 120)})
    labels = {1: Label("10", 0.9, BLUE), 2: Label("9", 0.4, RED), 3: Label(None, 0.0, RED)}
    assert np.array_equal(Annotator(SIZE).draw(grass(), boxes, labels), Annotator(SIZE).draw(grass(), boxes, labels))


@pytest.mark.parametrize("size", [(398, 224), (1280, 720), (1920, 1080), (20, 16)])
def test_tag_grows_with_the_frame(size: tuple[int, int]) -> None:
    width, height = size
    box = (0.5 * width, 0.5 * height, 0.53 * width, 0.65 * height)
    drawn = Annotator(size).draw(grass(size), tracked({7: box}), {7: Label("10", 0.9, BLUE)})
    assert drawn.shape == (height, width, 3)
    if height > 100:
        x1, y1, _, y2 = bounds(filled(drawn, BLUE)[: int(box[1]) - 4])
        assert 0.03 < (y2 - y1) / height < 0.1
        assert x1 > 0.45 * width


@given(
    st.lists(
        st.tuples(*[st.floats(-200, 900) for _ in range(4)], st.sampled_from([None, "0", "00", "7", "99"])), max_size=12
    )
)
@settings(max_examples=30)
def test_any_boxes_are_drawn(items: list[tuple[float, float, float, float, str | None]]) -> None:
    boxes = tracked({i: item[:4] for i, item in enumerate(items)})
    labels = {i: Label(item[4], 0.5, RED if i % 2 else None) for i, item in enumerate(items)}
    assert Annotator(SIZE).draw(grass(), boxes, labels).shape == (360, 640, 3)


@given(st.tuples(*[st.integers(0, 255)] * 3))
@settings(max_examples=200)
def test_text_and_outline_stand_out_from_any_colour(rgb: Colour) -> None:
    assert contrast(text_on(rgb), rgb) >= 4.0
    assert contrast(outline_of(rgb), rgb) >= 2.0


def test_picture_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="the picture is 320x180, but the annotator was made for 640x360"):
        Annotator(SIZE).draw(grass((320, 180)), TrackedBoxes.empty(), {})


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan")])
def test_confidence_out_of_range_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match=r"Label\.confidence is"):
        Label("7", confidence, None)


def contrast(one: Colour, other: Colour) -> float:
    """WCAG 2 contrast ratio, written out again."""
    levels = []
    for rgb in (one, other):
        values = [v / 255 for v in rgb]
        r, g, b = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values)
        levels.append(0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05)
    return max(levels) / min(levels)


def test_tags_are_drawn_once_and_the_least_recently_used_make_room() -> None:
    size = TagCache().number("10", 0.9, 0, BLUE, 40).nbytes
    tags = TagCache(most_bytes=4 * size)
    first = tags.number("10", 0.9, 0, BLUE, 40)
    second = tags.number("10", 0.9, 1, BLUE, 40)
    for track in range(2, 40):
        tags.number("10", 0.9, track % 10, BLUE, 40)
        assert tags.number("10", 0.904, 0, BLUE, 40) is first, "the same percent is shown"
    assert tags.number("10", 0.9, 1, BLUE, 40) is not second


def test_as_many_tags_are_kept_as_the_memory_holds() -> None:
    most = 200_000
    tags = TagCache(most_bytes=most)
    drawn = [tags.number("10", 0.9, track, BLUE, 20 + track % 7 * 5) for track in range(60)]
    sizes = []
    for track in reversed(range(60)):
        sizes.append(drawn[track].nbytes)
        if tags.number("10", 0.9, track, BLUE, 20 + track % 7 * 5) is not drawn[track]:
            break
    assert 5 < len(sizes) < 60
    assert sum(sizes[:-1]) <= most < sum(sizes)


def test_tag_larger_than_the_cache_is_drawn_all_the_same() -> None:
    tags = TagCache(most_bytes=1)
    large, small = tags.number("10", 0.9, 3, BLUE, 40), tags.track_id(3, 12)
    assert large.width > small.width
    assert tags.track_id(3, 12) is small
    assert tags.number("10", 0.9, 3, BLUE, 40) is not large
