"""Finding the number in a region and cutting it out."""

import pytest
import torch

from recognizer.localizer import CUT_SIDE, NumberLocalizer, Place, cell_centres, cut
from recognizer.model import JerseyTemporalNet, ModelConfig


def ramp(side: int) -> torch.Tensor:
    """A picture whose channels are x, y and 1, at the pixels' middles as shares of the side: (1, 3, S, S)."""
    middles = (torch.arange(side) + 0.5) / side
    x, y = middles.expand(side, side), middles[:, None].expand(side, side)
    return torch.stack([x, y, torch.ones(side, side)])[None]


def place(centre: tuple[float, float], size: tuple[float, float]) -> Place:
    return Place(torch.tensor([centre]), torch.tensor([size]), torch.zeros(1, 4))


@pytest.mark.parametrize("side", [64, 96, 128])
def test_a_cut_shows_the_square_that_was_asked_for(side: int) -> None:
    part = cut(ramp(side), torch.tensor([[0.6, 0.4]]), torch.tensor([0.5]))
    middles = (torch.arange(CUT_SIDE) + 0.5) / CUT_SIDE * 0.5
    torch.testing.assert_close(part[0, 0, 0], 0.35 + middles)
    torch.testing.assert_close(part[0, 1, :, 0], 0.15 + middles)


def test_the_whole_region_is_cut_unchanged() -> None:
    image = torch.rand(2, 3, CUT_SIDE, CUT_SIDE)
    torch.testing.assert_close(cut(image, torch.full((2, 2), 0.5), torch.ones(2)), image)


def test_outside_the_region_the_border_is_stretched() -> None:
    part = cut(ramp(64), torch.tensor([[0.0, 0.5]]), torch.tensor([0.5]))
    torch.testing.assert_close(part[0, 0, :, : CUT_SIDE // 2 - 1], torch.full((64, 31), 0.5 / 64))
    assert (part[0, 2] == 1.0).all()


def test_half_precision_cuts_the_same_pixels() -> None:
    centre, side = torch.tensor([[0.613, 0.377]]), torch.tensor([0.437])
    exact = cut(ramp(96), centre, side)
    rounded = cut(ramp(96).bfloat16(), centre, side)
    assert rounded.dtype == torch.bfloat16
    torch.testing.assert_close(rounded.float(), exact, rtol=0.0, atol=2**-8)


@pytest.mark.parametrize(
    ("size", "side"), [((0.1, 0.225), 0.5), ((0.3, 0.1), 0.5), ((0.01, 0.01), 0.15), ((1.0, 1.0), 1.0)]
)
def test_the_cut_leaves_room_round_the_number(size: tuple[float, float], side: float) -> None:
    torch.testing.assert_close(place((0.5, 0.5), size).side, torch.tensor([side]))


def test_cells_are_counted_along_rows() -> None:
    rows, columns = cell_centres(2, torch.device("cpu"))
    assert rows.tolist() == [0.25, 0.25, 0.75, 0.75]
    assert columns.tolist() == [0.25, 0.75, 0.25, 0.75]


def test_the_localizer_learns_where_a_bright_patch_is() -> None:
    torch.manual_seed(0)
    net, generator = NumberLocalizer(width=16), torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)

    def patches(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        corners = torch.randint(0, 48, (count, 2), generator=generator)
        images = torch.zeros(count, 3, 64, 64)
        for image, (x, y) in zip(images, corners.tolist(), strict=True):
            image[:, y : y + 16, x : x + 16] = 1.0
        return images, (corners + 8) / 64

    for _ in range(60):
        images, centres = patches(16)
        optimizer.zero_grad()
        (net(images).centre - centres).abs().mean().backward()
        optimizer.step()
    images, centres = patches(16)
    assert (net.eval()(images).centre - centres).abs().mean() < 0.06


def test_a_network_with_a_localizer_reads_the_cut() -> None:
    torch.manual_seed(0)
    net = JerseyTemporalNet(ModelConfig(localizer=True, hidden_size=8, head_size=8, frozen_fraction=0.0)).eval()
    assert net.localizer is not None
    images = torch.rand(3, 3, 96, 96)
    with torch.inference_mode():
        found = net.localizer(images)
        expected = net.encode_cuts(cut(images, found.centre, found.side))
        torch.testing.assert_close(net.encode_frames(images), expected)
