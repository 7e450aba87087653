"""Which tracks a person is asked about, and what is shown of them."""

import numpy as np
import pytest
from building_media import FRAMES, SETTINGS, boxes_at, scene_picture
from reads import read

from pipeline.types import Frame, TrackedBoxes, WindowRead
from training.correcting.asking import PICTURES, Likeliest, Question, best_frames, questions, sheet, show

UNKNOWN = Likeliest("red", "9", 0.4)


def test_who_is_seen_with_a_number_longest_is_asked_about_first() -> None:
    reads = [read(1, 10, "7"), *(read(2, 10 * k, "9") for k in range(3)), read(3, 5, None), read(4, 5, "8")]
    asked = questions(reads, {1: UNKNOWN, 2: UNKNOWN, 3: UNKNOWN}, 24)
    assert [(question.track_id, question.windows) for question in asked] == [(2, 3), (1, 1)]
    assert [question.track_id for question in questions(reads, {1: UNKNOWN, 2: UNKNOWN}, 1)] == [2]


def test_the_frames_are_the_best_of_all_parts_of_the_track() -> None:
    windows = [(0.1 + 0.05 * (k % 4 == 2), 10 * k) for k in range(20)]
    assert best_frames(windows) == (20, 60, 100, 140, 180)
    assert best_frames(windows[:3]) == (0, 10, 20)
    assert len(best_frames(windows)) == PICTURES


def test_of_windows_as_readable_the_clearer_one_is_shown() -> None:
    blurred, sharp = (read(1, frame, "7", quality=quality) for frame, quality in ((10, 0.2), (11, 0.9)))
    others = [read(1, 100 + 10 * k, "7") for k in range(PICTURES * 2 - 2)]
    [question] = questions([blurred, sharp, *others], {1: UNKNOWN}, 1)
    assert 11 in question.frames and 10 not in question.frames


def test_the_pictures_show_the_player_and_his_number() -> None:
    asked = [Question(2, UNKNOWN, 2, (4, 20)), Question(1, UNKNOWN, 1, (20,))]
    frames = (
        (Frame(k, k / 25, scene_picture(k)), TrackedBoxes(boxes_at(k), np.ones(2, np.float32), np.array([1, 2])))
        for k in range(FRAMES)
    )
    show(asked, frames, SETTINGS.crops)
    assert [len(question.pictures) for question in asked] == [2, 1]
    for question, shirt in zip(asked, ((230, 230, 230), (40, 40, 200)), strict=True):
        for picture in question.pictures:
            middle = len(picture) // 2
            assert np.abs(picture[middle - 14, middle].astype(int) - shirt).max() < 30, (
                "RGB, at the height of the jersey"
            )


def test_the_sheet_has_a_row_for_two_tracks_and_says_what_was_guessed() -> None:
    pictures = [np.full((30, 30, 3), (0, 200, 0), np.uint8)] * 2
    asked = [Question(k, UNKNOWN, 2, (1, 2), pictures) for k in (1, 2, 3)]
    one, three = sheet(asked[:1]), sheet(asked)
    assert three.shape[1] == one.shape[1] and three.shape[0] == pytest.approx(2 * one.shape[0], abs=20)
    assert np.abs(three[[20, -60], 20].astype(int) - (0, 200, 0)).max() <= 3
    assert asked[0].caption == "track 1: 9? (0.40)  red"
    assert Question(4, Likeliest("", "", 0.0), 1, (1,)).caption == "track 4: ?"


def test_windows_of_named_tracks_are_nobodys_question() -> None:
    reads: list[WindowRead] = [read(1, 10, "7")]
    assert questions(reads, {2: UNKNOWN}, 24) == []
