"""Conditions under which windows are filmed."""

import numpy as np

from training.synthesis.looks import calm, draw_broadcast_look, draw_look


def test_only_broadcast_looks_are_upscaled_or_sharpened() -> None:
    looks = [draw_look(np.random.default_rng(seed), broadcast=False) for seed in range(50)]
    assert all(look.resolved == look.side and look.halo == 0.0 for look in looks)
    assert any(draw_look(np.random.default_rng(seed)).halo > 0.0 for seed in range(50))


def test_calm_looks_are_milder_and_as_far_away() -> None:
    rng = np.random.default_rng(0)
    pairs = [(look, calm(rng, look)) for look in (draw_look(rng) for _ in range(100))]
    assert all(mild.side == look.side and mild.blur == look.blur for look, mild in pairs)
    assert all(mild.resolved >= round(0.75 * mild.side) for _, mild in pairs)
    assert not any(mild.negative for _, mild in pairs)
    assert np.mean([mild.noise for _, mild in pairs]) < np.mean([look.noise for look, _ in pairs]) / 2


def test_most_broadcast_looks_are_calm() -> None:
    rng = np.random.default_rng(1)
    drawn = np.mean([draw_look(rng).noise for _ in range(300)])
    assert np.mean([draw_broadcast_look(rng).noise for _ in range(300)]) < 0.6 * drawn
