"""Which kits are worn in a match: found among the shirts of all that were seen.

A track that followed players of two teams looks like a mixture of their kits, and makes none of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.kits.cells import Float
from pipeline.kits.looks import KitEvidence, distances
from recognizer.checks import require_range

_RESTLESS = 6.0  # Lab units; a player's crop changes by about 12 over a track, a sitting spectator's by about 4
_SAME_KIT = 0.55  # two tracks of one team are rarely farther apart than this, two of different teams nearly always
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class TeamSettings:
    """How tracks are grouped by kit colour. Distances are Hellinger distances of colour histograms, 0 to 1."""

    interval_seconds: float = 0.2
    """At most one crop of a track per this many seconds is looked at (0 = every crop)."""
    background: float = 0.75
    """How much of the colours at a crop's sides is taken out of its torso; 0 (nothing) to 1 (all)."""
    two_kits: float = 0.3
    """The two main kits must differ by this much, else the video has one kit; 0 to 1."""
    other_kit: float = 0.65
    """A third or later kit must differ by this much from every kit before it; 0.1 to 1."""
    nearest_kit: float = 0.75
    """A track joins the nearest kit within this distance, else it is 'other'; 0.1 to 1."""
    min_share: float = 0.015
    """A third or later kit (referee, goalkeeper) needs this share of all evidence to get its name; 0 to 0.5."""
    max_kits: int = 8
    """Most kits named in one video; 1 to 20."""

    def __post_init__(self) -> None:
        require_range("interval_seconds", self.interval_seconds, 0, 60)
        require_range("max_kits", self.max_kits, 1, 20)
        require_range("min_share", self.min_share, 0.0, 0.5)
        for name in ("background", "two_kits"):
            require_range(name, getattr(self, name), 0, 1)
        for name in ("other_kit", "nearest_kit"):
            require_range(name, getattr(self, name), 0.1, 1)


def support(evidence: Sequence[KitEvidence]) -> Float:
    """How much each track says about the kits of the match, (tracks,), sums to 1."""
    restless = np.array([e.restlessness() for e in evidence]) ** 2
    playing = 0.05 + restless / (restless + _RESTLESS**2)
    says = np.sqrt([e.weight for e in evidence]) * playing
    return np.asarray(says / says.sum(), np.float64)


def nearest_kits(shirts: Float, kits: Float) -> tuple[NDArray[np.int64], Float]:
    """The kit nearest to each shirt, (shirts,), and its distance, 0 to 1, (shirts,)."""
    apart = distances(shirts, kits)
    return apart.argmin(axis=1), apart.min(axis=1)


def find_kits(shirts: Float, weights: Float, settings: TeamSettings) -> Float:
    """Find the kits worn.

    Args:
        shirts: (tracks, CELLS) smoothed colour histograms, rows sum to 1.
        weights: (tracks,) how much each says, sums to 1.
        settings: How far kits are apart.

    Returns:
        (kits, CELLS): the two main kits first (medoids of all tracks, refined), then others with enough support; at
        least one.
    """
    between = distances(shirts, shirts)
    reach = np.minimum(between, _SAME_KIT)
    cost = np.array([np.minimum(row, reach) @ weights for row in reach])
    first, second = np.unravel_index(int(cost.argmin()), cost.shape)
    kits = _refine(shirts, weights, shirts[[first, second]])
    if settings.max_kits == 1 or distances(kits[:1], kits[1:])[0, 0] < settings.two_kits:
        kits = _refine(shirts, weights, shirts[[int((reach @ weights).argmin())]])
    while len(kits) < settings.max_kits:
        apart = nearest_kits(shirts, _with_mixtures(kits))[1] >= settings.other_kit
        wearers = (between < _SAME_KIT) & apart & apart[:, None]
        shares = wearers @ weights
        chosen = int(shares.argmax())
        if shares[chosen] < max(settings.min_share, 1e-9):
            break
        kits = np.concatenate([kits, _refine(shirts[wearers[chosen]], weights[wearers[chosen]], shirts[[chosen]])])
    return kits


def _with_mixtures(kits: Float) -> Float:
    """The kits and what a track looks like that followed players of two of them."""
    pairs = [(a, b) for a in range(len(kits)) for b in range(a)]
    mixed = [share * kits[a] + (1.0 - share) * kits[b] for a, b in pairs for share in (0.25, 0.5, 0.75)]
    return np.stack([*kits, *mixed])


def _refine(shirts: Float, weights: Float, kits: Float) -> Float:
    """Move each kit to the mean of the shirts near it, a few times."""
    for _ in range(_ROUNDS):
        worn, apart = nearest_kits(shirts, kits)
        kits = kits.copy()
        for k in range(len(kits)):
            wearers = (worn == k) & (apart < _SAME_KIT)
            if wearers.any():
                kits[k] = weights[wearers] @ shirts[wearers] / weights[wearers].sum()
    return kits
