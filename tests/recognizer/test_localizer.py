"""Finding the number round a region: the network, the place it gives, and its file."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from recognizer.localizer import (
    INPUT,
    SURROUNDINGS,
    Heat,
    NumberLocalizer,
    cell_centres,
    default_localizer,
    load_localizer,
    places,
    prepare_squares,
    save_localizer,
)
from recognizer.weights_file import WeightsError


def heat_at(x: float, y: float, *, side: float = 0.4, absent: float = -9.0, cells: int = 16) -> Heat:
    """A blob at a place given as shares of the square."""
    across, down = cell_centres(cells, torch.device("cpu"))
    blob = -((across - x) ** 2 + (down - y) ** 2) / (2 * 0.04**2)
    chances = torch.log_softmax(torch.cat([torch.log_softmax(blob, 0), torch.tensor([absent])]), dim=0)
    return Heat(chances[None, :-1], chances[None, -1], torch.full((1, cells**2), side).log())


@pytest.mark.parametrize(("x", "y"), [(0.5, 0.5), (0.4, 0.55), (0.62, 0.3)])
def test_the_place_is_where_the_heat_is_in_sides_of_the_region(x: float, y: float) -> None:
    found = places(heat_at(x, y))
    expected = torch.tensor([[(x - 0.5) * SURROUNDINGS, (y - 0.5) * SURROUNDINGS]])
    torch.testing.assert_close(found.offset, expected, atol=0.03, rtol=0.0)
    torch.testing.assert_close(found.side, torch.tensor([0.4 * SURROUNDINGS]))
    assert found.absent < 0.01


def test_of_two_numbers_the_nearer_one_is_the_players_own() -> None:
    own, other = heat_at(0.45, 0.5), heat_at(0.9, 0.5)
    both = torch.logaddexp(own.cells, other.cells + 0.5)
    x = places(Heat(both, own.absent, own.side)).offset[0, 0]
    assert x == pytest.approx(-0.05 * SURROUNDINGS, abs=0.03)


def test_a_number_beside_the_player_is_another_s() -> None:
    own = torch.tensor([[0.3, 0.7]])
    inside, beside = (places(heat_at(x, 0.5, absent=-3.0), own) for x in (0.6, 0.8))
    assert inside.absent < 0.5 < beside.absent
    assert beside.offset.isfinite().all()


def test_a_number_far_away_is_doubted() -> None:
    near, far = (places(heat_at(x, 0.5, absent=-1.0)).absent for x in (0.5, 0.95))
    assert near < 0.5 < far


@pytest.mark.parametrize(("side", "expected"), [(0.01, 0.35), (0.97, 2.0)])
def test_regions_are_neither_tiny_nor_huge(side: float, expected: float) -> None:
    assert places(heat_at(0.5, 0.5, side=side)).side == pytest.approx(expected)


def test_cells_are_counted_along_rows() -> None:
    x, y = cell_centres(2, torch.device("cpu"))
    assert x.tolist() == [0.25, 0.75, 0.25, 0.75]
    assert y.tolist() == [0.25, 0.25, 0.75, 0.75]


def test_chances_sum_to_one() -> None:
    torch.manual_seed(0)
    rgb = torch.randint(0, 256, (3, INPUT.size, INPUT.size, 3), dtype=torch.uint8)
    heat = NumberLocalizer(width=8).eval()(rgb)
    assert heat.cells.shape == heat.side.shape == (3, 256)
    torch.testing.assert_close(heat.cells.exp().sum(1) + heat.absent.exp(), torch.ones(3))


def test_squares_of_any_size_become_inputs() -> None:
    squares = [np.full((side, side, 3), side, np.uint8) for side in (30, 96, 200)]
    made = prepare_squares(squares)
    assert made.shape == (3, 96, 96, 3)
    assert made[:, 48, 48, 0].tolist() == [30, 96, 200]


def test_a_written_localizer_finds_what_it_found(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = NumberLocalizer(width=8).eval()
    rgb = torch.randint(0, 256, (4, INPUT.size, INPUT.size, 3), dtype=torch.uint8)
    save_localizer(tmp_path / "own.safetensors", network, {"matches": ["one"]})
    again = load_localizer(tmp_path / "own.safetensors")
    for ours, theirs in zip(network.find(rgb), again.find(rgb), strict=True):
        torch.testing.assert_close(ours, theirs, atol=0.02, rtol=0.02)
    assert json.loads((tmp_path / "own.json").read_text())["description"] == {"matches": ["one"]}


def test_what_ships_can_be_loaded() -> None:
    network = load_localizer(default_localizer())
    assert not network.training
    assert next(network.parameters()).dtype == torch.float32


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: path.unlink(), "does not exist"),
        (lambda path: path.write_bytes(b"no weights"), "are truncated or no safetensors file"),
        (lambda path: path.with_suffix(".json").write_text("{"), "is no valid JSON"),
    ],
)
def test_a_harmed_file_is_refused_in_one_sentence(tmp_path: Path, harm: Callable[[Path], object], said: str) -> None:
    path = tmp_path / "own.safetensors"
    save_localizer(path, NumberLocalizer(width=8), {})
    harm(path)
    with pytest.raises(WeightsError, match=said) as caught:
        load_localizer(path)
    assert "\n" not in str(caught.value)


def test_it_says_where_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match="cannot be written"):
        save_localizer(tmp_path / "file" / "own.safetensors", NumberLocalizer(width=8), {})
