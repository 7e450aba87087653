"""Numbers composed of the digits of others, on pictures of digits drawn by a font of OpenCV."""

import cv2
import numpy as np
import pytest

from pipeline.types import UInt8Image
from training.mixture.composition import (
    Composer,
    cloth_colour,
    gap_column,
    is_plain,
    join_digits,
    left_digit,
    right_digit,
    shirt_colours,
)
from training.mixture.pasted import PasteSource

RED, BLUE, WHITE = (200, 20, 20), (20, 20, 200), (245, 245, 245)


def digit_picture(digit: str, cloth: tuple[int, int, int], ink: tuple[int, int, int], width: int = 28) -> UInt8Image:
    picture = np.full((48, width, 3), cloth, np.uint8)
    (text_width, _), _ = cv2.getTextSize(digit, cv2.FONT_HERSHEY_SIMPLEX, 1.1, 3)
    cv2.putText(picture, digit, ((width - text_width) // 2, 36), cv2.FONT_HERSHEY_SIMPLEX, 1.1, ink, 3)
    return picture


def number_picture(
    number: str,
    cloth: tuple[int, int, int] = RED,
    ink: tuple[int, int, int] = WHITE,
    widths: tuple[int, ...] = (28, 28),
) -> UInt8Image:
    digits = [digit_picture(digit, cloth, ink, width) for digit, width in zip(number, widths, strict=False)]
    return np.concatenate(digits, axis=1)


@pytest.mark.parametrize(
    ("number", "widths"), [("24", (28, 28)), ("88", (30, 26)), ("14", (22, 28)), ("71", (28, 22)), ("11", (24, 24))]
)
def test_digits_are_parted_between_them(number: str, widths: tuple[int, ...]) -> None:
    picture = number_picture(number, widths=widths)
    assert abs(gap_column(picture, number) - widths[0]) <= 4
    ink = np.abs(picture.astype(int) - RED).sum(axis=2) > 100
    column = gap_column(picture, number)
    assert not ink[:, column].any()
    assert left_digit(picture, number).shape[1] + right_digit(picture, number, 0.1).shape[1] == picture.shape[1]


def test_a_lone_digit_loses_its_left_margin_alone() -> None:
    picture = digit_picture("7", RED, WHITE)
    assert right_digit(picture, "7", 0.0).shape == picture.shape
    assert right_digit(picture, "7", 0.25).shape[1] == 21


def test_a_lone_digit_in_front_of_another_loses_its_right_margin() -> None:
    picture = digit_picture("7", RED, WHITE)
    np.testing.assert_array_equal(left_digit(picture, "7", 0.25), picture[:, :21])


def test_digits_that_stand_alone_may_become_numbers_of_two() -> None:
    crops = {digit: [[digit_picture(digit, RED, WHITE)]] for digit in "047"}
    composer, rng = Composer(crops, lone_tens=True), np.random.default_rng(0)
    assert composer.numbers == ["40", "44", "47", "70", "74", "77"]
    (picture,), number = composer.compose(rng, 1)
    tens, units = (crops[digit][0][0] for digit in number)
    assert picture.shape[1] <= tens.shape[1] + units.shape[1]
    half = picture[:, : picture.shape[1] // 2 - 2]
    np.testing.assert_array_equal(half, tens[:, : half.shape[1]])


def test_a_composed_number_shows_the_tens_of_one_and_the_units_of_another() -> None:
    crops = {"29": [[number_picture("29")]], "14": [[number_picture("14")]], "6": [[digit_picture("6", RED, WHITE)]]}
    composer, rng = Composer(crops), np.random.default_rng(0)
    assert composer.numbers == ["14", "16", "19", "24", "26", "29"]
    drawn = [composer.compose(rng, 2) for _ in range(60)]
    assert {number for _, number in drawn} == set(composer.numbers)
    for pictures, number in drawn:
        assert len(pictures) == 2
        if number == "24":
            expected = join_digits(left_digit(crops["29"][0][0], "29"), right_digit(crops["14"][0][0], "14", 0.0))
            np.testing.assert_array_equal(pictures[0], expected)


def test_the_two_digits_come_from_like_shirts() -> None:
    crops = {
        "29": [[number_picture("29", RED)]],
        "14": [[number_picture("14", BLUE)], [number_picture("14", RED)]] * 3,
    }
    composer, rng = Composer(crops), np.random.default_rng(1)
    for _ in range(40):
        (picture,), number = composer.compose(rng, 1)
        if number == "24":
            halves = picture[:, :20], picture[:, -20:]
            assert all(np.abs(cloth_colour(half) - RED).max() < 5 for half in halves)


def test_the_digits_of_a_composed_number_do_not_leave_their_tracklets() -> None:
    crops = {"29": [[number_picture("29", RED)] * 2, [number_picture("29", BLUE)]]}
    composer, rng = Composer(crops), np.random.default_rng(1)
    for _ in range(20):
        pictures, _number = composer.compose(rng, 3)
        assert len({picture[0, 0].tobytes() for picture in pictures}) == 1


def test_cloth_and_height_are_those_of_the_tens_digit() -> None:
    tall, red = digit_picture("4", BLUE, WHITE), digit_picture("2", RED, WHITE)
    joined = join_digits(red, np.asarray(cv2.resize(tall, (56, 96)), np.uint8))
    assert joined.shape == (48, 56, 3)
    np.testing.assert_allclose(cloth_colour(joined[:, 30:]), RED, atol=3)


def test_pictures_in_which_nothing_stands_out_are_left_out() -> None:
    faint = number_picture("24", ink=(210, 40, 40))
    joined = np.full((48, 56, 3), RED, np.uint8)
    joined[10:40, 6:50] = WHITE  # one block of ink: no gap between two digits
    assert is_plain(number_picture("24"), "24")
    assert not is_plain(faint, "24")
    assert not is_plain(joined, "24")
    assert Composer({"24": [[faint]], "35": [[joined]], "7": [[digit_picture("7", RED, WHITE)]]}).numbers == []


def test_no_number_begins_with_a_nought() -> None:
    assert Composer({"00": [[number_picture("00")]], "20": [[number_picture("20")]]}).numbers == ["20"]


def test_cloth_and_ink_are_told_apart() -> None:
    shirt = np.full((30, 20, 3), (200, 10, 10), np.uint8)
    shirt[8:22, 7:13] = (250, 250, 250)  # 84 of 600 pixels: the fifth that differ most hold them all
    cloth, ink = np.split(shirt_colours(shirt), 2)
    assert cloth.tolist() == [200, 10, 10]
    assert ink[1] > 150


def numbers_of(source: PasteSource, count: int = 60) -> set[str | None]:
    rng = np.random.default_rng(2)
    return {source.window(rng, 1, 48)[1] for _ in range(count)}


def test_a_source_composes_its_share() -> None:
    crops = {"29": [[number_picture("29")]], "14": [[number_picture("14")]]}
    torsos = [np.random.default_rng(i).integers(0, 255, (60, 60, 3)).astype(np.uint8) for i in range(2)]
    assert numbers_of(PasteSource(crops, torsos)) == {"14", "29"}
    assert numbers_of(PasteSource(crops, torsos, composed_share=0.5)) == {"14", "19", "24", "29"}
    lone = {"7": [[digit_picture("7", RED, WHITE)]]}
    assert numbers_of(PasteSource(lone, torsos, composed_share=1.0)) == {"7"}
