"""What stands on a drawn shirt."""

import numpy as np
import pytest

from training.mixture.drawn import DrawSource
from training.mixture.lettering import Badge, Lettering, Words
from training.mixture.placing import SIDE
from training.synthesis.cloth import Torso

NOTHING = Words(None, 0.1)
WHITE, GREY = np.full(3, 255, np.float32), np.full(3, 90, np.float32)


@pytest.mark.parametrize("centre", [(0.4, 0.3), (0.6, 0.55)])
def test_a_badge_stands_where_and_as_tall_as_it_should(centre: tuple[float, float]) -> None:
    badge = Badge(np.ones((20, 10), np.float32), centre, 0.1)
    bare = Lettering(None, NOTHING, NOTHING, (badge,), WHITE, GREY, 0.0, None, (0.5, 0.5), 0.4, 0.0, 1.0)
    masks, colours, box = bare.layers(0.0)
    rows, columns = np.nonzero(masks[0] > 0.5)
    assert len(masks) == len(colours) == 1 and box is None
    assert abs(columns.mean() / SIDE - centre[0]) < 0.03
    assert abs(rows.mean() / SIDE - centre[1]) < 0.03
    assert abs((rows.max() - rows.min() + 1) / SIDE - 0.1) < 0.03


def test_most_shirts_without_a_number_bear_badges_or_words() -> None:
    torso = Torso(np.full((SIDE, SIDE, 3), 90, np.uint8), np.full((SIDE, SIDE), 255, np.uint8), GREY)
    source, rng = DrawSource([torso.image], empty_share=1.0, bare=[torso]), np.random.default_rng(3)
    windows = [source.window(rng, 1, 48) for _ in range(60)]
    assert {number for _, number in windows} == {None}
    bare = sum(np.ptp(regions[0].image.reshape(-1, 3), axis=0).max() < 40 for regions, _ in windows)
    assert 0 < bare < 30
