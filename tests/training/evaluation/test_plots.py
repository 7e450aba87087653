"""Pictures of an evaluation, judged by their pixels."""

import io
import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from training.evaluation import plots
from training.evaluation.metrics import reliability, risk_coverage
from training.evaluation.plots import GREEN, ORANGE, RED, PlotError, bar_colour, class_bars, confusion_matrix

pytest.importorskip("matplotlib")


def pixels(png: bytes) -> NDArray[np.int16]:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), np.int16)


def area(picture: NDArray[np.int16], colour: str) -> int:
    """Pixels of exactly a colour."""
    wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return int((np.abs(picture - np.array(wanted)) <= 1).all(axis=2).sum())


def bars(accuracies: list[float], overall: float = 0.5) -> NDArray[np.int16]:
    count = len(accuracies)
    names = [str(place) for place in range(count)]
    return pixels(class_bars(names, accuracies, [(share, share) for share in accuracies], [10] * count, overall))


@pytest.mark.parametrize(
    ("accuracy", "colour"), [(1.0, GREEN), (0.8, GREEN), (0.7999, ORANGE), (0.6, ORANGE), (0.5999, RED), (0.0, RED)]
)
def test_a_bars_colour_says_how_good_it_is(accuracy: float, colour: str) -> None:
    assert bar_colour(accuracy) == colour
    picture = bars([accuracy] * 3)
    found = {name: area(picture, name) for name in (GREEN, ORANGE, RED)}
    assert found.pop(colour) > 20
    assert set(found.values()) == {0}


def test_bars_are_as_long_as_the_accuracy() -> None:
    assert area(bars([0.5]), RED) == pytest.approx(2 * area(bars([0.25]), RED), rel=0.1)


def test_a_dashed_line_marks_the_overall_accuracy() -> None:
    picture = bars([0.1] * 12, overall=0.9)
    dark = (picture.max(axis=2) < 70).sum(axis=1)
    row = int(dark[: len(dark) // 2].argmax())  # the upper half holds no axis
    across = picture[row].max(axis=1) < 110
    assert 0.3 < across[across.argmax() : len(across) - across[::-1].argmax()].mean() < 0.9
    assert np.count_nonzero(across[1:] & ~across[:-1]) > 10


def test_all_numbers_fit_in_rows() -> None:
    one, many = bars([0.9] * 30), bars([0.9] * 101)
    assert many.shape[0] > 2 * one.shape[0]
    assert area(many, GREEN) > 3 * area(one, GREEN)


def test_right_answers_are_blue_and_wrong_ones_red() -> None:
    right = pixels(confusion_matrix(np.diag([5, 5, 5]), ["a", "b", "c"], "Right"))
    wrong = pixels(confusion_matrix(np.array([[0, 5, 0], [0, 0, 5], [5, 0, 0]]), ["a", "b", "c"], "Wrong"))
    assert area(right, "#2f6fb5") > 1000
    assert area(right, RED) == 0
    assert area(wrong, RED) > 1000
    assert area(wrong, "#2f6fb5") == 0


def test_rows_can_be_left_out() -> None:
    counts = np.zeros((30, 30), np.int64)
    counts[3, 3], counts[4, 9] = 4, 2
    names = [str(place) for place in range(30)]
    whole, part = (pixels(confusion_matrix(counts, names, "t", rows)) for rows in (None, [3, 4]))
    assert part.shape[0] < whole.shape[0]
    assert area(part, RED) > 0


@pytest.mark.parametrize("size", [2, 24, 64, 102])
def test_confusions_of_any_size_are_drawn(size: int) -> None:
    picture = pixels(confusion_matrix(np.diag([1234] * size), [str(place) for place in range(size)], "t"))
    assert max(picture.shape) < 2700
    assert area(picture, "#2f6fb5") > 1000


def test_reliability_shows_honest_and_dishonest_claims() -> None:
    boast = pixels(plots.reliability_diagram(reliability([0.95] * 10, [True] * 2 + [False] * 8)))
    modest = pixels(plots.reliability_diagram(reliability([0.25] * 10, [True] * 8 + [False] * 2)))
    legend = 600
    assert area(boast, GREEN) < legend < area(modest, GREEN)
    assert area(boast, "#2f6fb5") > legend


def test_risk_coverage_draws_every_decoder() -> None:
    curves = {
        "plain": risk_coverage([0.9, 0.5, 0.4], [True, False, True]),
        "seed": risk_coverage([0.9, 0.5, 0.4], [False, False, True]),
        "joint": risk_coverage([0.9], [True]),
    }
    picture = pixels(plots.risk_coverage_plot(curves))
    assert area(picture, ORANGE) > 200
    assert area(picture, "#2f6fb5") > 30


def test_without_the_library_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(PlotError, match=r"pip install matplotlib, or give --no-plots"):
        bars([0.5])
