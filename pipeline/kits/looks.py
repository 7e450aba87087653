"""What a look at a player's upper body says of the kit, and the sum of such looks."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.crops import CropSettings, cut_square, hidden_shares, jersey_regions
from pipeline.kits.cells import Float, shares, without_surroundings
from pipeline.kits.colours import CELLS, GRID, histogram
from pipeline.types import FloatArray, Frame, UInt8Image

_REGION = CropSettings(
    side_of_height=0.5, side_of_width=0.8, centre_y=0.33, top_slack=0.03, min_side=12.0, full_side=48.0
)
"""The square that is looked at: wider than the one that numbers are read from, so that its sides show surroundings."""
_LEAST_INSIDE = 0.3  # share of the square that must lie inside the frame
_MOST_HIDDEN = 0.3  # share of the number zone behind other boxes up to which a look shows one person alone
_SIDE = 20  # crops are compared at this many pixels a side; number, folds and crest blur into the kit
_SIDE_COLUMNS = 3  # columns at the left and right edge that show surroundings
_TORSO = (slice(3, 15), slice(7, 13))  # rows and columns of the small crop inside the shirt
_THUMB = 4  # pixels a side of the picture used to tell moving players from sitting spectators


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a player."""

    frame_index: int
    torso: FloatArray
    """float32 (CELLS,): colours of the shirt."""
    surroundings: FloatArray
    """float32 (CELLS,): colours beside it."""
    thumb: Float
    """float64 (4, 4, 3): the crop, CIE Lab with lightness halved."""
    weight: float
    """How much it is worth, 0.1 to 1.1."""
    clear: bool
    """Whether nobody stands before the shirt."""


@dataclass(slots=True)
class KitEvidence:
    """Colour statistics of one player, sums over looks; about 7 kB however many there are."""

    torso: FloatArray = field(default_factory=lambda: np.zeros(CELLS, np.float32))
    surroundings: FloatArray = field(default_factory=lambda: np.zeros(CELLS, np.float32))
    thumb: Float = field(default_factory=lambda: np.zeros((_THUMB, _THUMB, 3)))
    thumb_squares: float = 0.0
    weight: float = 0.0

    def take_in(self, looks: Iterable[Look]) -> None:
        """Add looks."""
        for look in looks:
            self.torso += look.weight * look.torso
            self.surroundings += look.weight * look.surroundings
            self.thumb += look.weight * look.thumb
            self.thumb_squares += look.weight * float((look.thumb**2).mean()) * 3.0
            self.weight += look.weight

    def plus(self, looks: Iterable[Look]) -> "KitEvidence":
        """The sum with looks; this one stays as it is."""
        both = KitEvidence(
            self.torso.copy(), self.surroundings.copy(), self.thumb.copy(), self.thumb_squares, self.weight
        )
        both.take_in(looks)
        return both

    def restlessness(self) -> float:
        """How much the crop changed from look to look, Lab units: players move over the field, spectators sit."""
        mean = self.thumb / self.weight
        return float(np.sqrt(max(0.0, self.thumb_squares / self.weight - float((mean**2).mean()) * 3.0)))


def look_at(frame: Frame, xyxy: FloatArray, rows: Sequence[int]) -> Iterator[tuple[int, Look]]:
    """Look at some of a frame's people; those too small or mostly outside the picture are passed over.

    Args:
        frame: The picture.
        xyxy: float32 (N, 4) boxes of all people in it.
        rows: Which of them to look at.

    Yields:
        The row and the look.
    """
    if not rows:
        return
    regions, hidden = jersey_regions(xyxy, _REGION), hidden_shares(xyxy)
    limits = np.array(frame.size * 2, np.float32)
    edges = np.r_[:_SIDE_COLUMNS, _SIDE - _SIDE_COLUMNS : _SIDE]
    for row in rows:
        region = regions[row]
        side = float(region[2] - region[0])
        inside = np.clip(region, 0, limits)
        inside_share = float(np.prod(inside[2:] - inside[:2])) / max(side * side, 1e-6)
        if side < _REGION.min_side or inside_share < _LEAST_INSIDE:
            continue
        size_share = min(1.0, side / _REGION.full_side)
        lab, seen = _small_lab(cut_square(frame.bgr, region))
        yield (
            row,
            Look(
                frame_index=frame.index,
                torso=histogram(lab[_TORSO][seen[_TORSO]]).astype(np.float32),
                surroundings=histogram(lab[:, edges][seen[:, edges]]).astype(np.float32),
                thumb=lab.reshape(_THUMB, _SIDE // _THUMB, _THUMB, _SIDE // _THUMB, 3).mean(axis=(1, 3))
                * (0.5, 1.0, 1.0),
                weight=0.1 + size_share * (1.0 - float(hidden[row])) * inside_share,
                clear=bool(hidden[row] <= _MOST_HIDDEN),
            ),
        )


def kit_histograms(evidence: Sequence[KitEvidence] | Sequence[Look], background: float) -> Float:
    """Torso colours without those of the surroundings.

    Args:
        evidence: Looks, or sums of them.
        background: How much of the surroundings' colours is taken out, 0 to 1.

    Returns:
        (N, CELLS); rows sum to 1.
    """
    torso = shares(np.array([e.torso for e in evidence], np.float64))
    around = shares(np.array([e.surroundings for e in evidence], np.float64))
    return without_surroundings(torso, around, background)


def smooth(histograms: Float) -> Float:
    """Blur (N, CELLS) along a and b so that neighbouring shades count as alike."""
    cube = histograms.reshape(-1, *GRID.bins)
    for axis in (2, 3):
        padded = np.pad(cube, [(0, 0) if a != axis else (1, 1) for a in range(4)], mode="edge")
        n = cube.shape[axis]
        before, here, after = (padded.take(range(s, s + n), axis=axis) for s in (0, 1, 2))
        cube = 0.25 * before + 0.5 * here + 0.25 * after
    return shares(cube.reshape(len(histograms), -1))


def distances(left: Float, right: Float) -> Float:
    """Hellinger distances, 0 to 1, of the rows of (N, CELLS) to those of (M, CELLS): (N, M)."""
    return np.asarray(np.sqrt(np.maximum(0.0, 1.0 - np.sqrt(left) @ np.sqrt(right).T)), np.float64)


def _small_lab(bgr: UInt8Image) -> tuple[Float, NDArray[np.bool_]]:
    """The crop in CIE Lab (_SIDE, _SIDE, 3), and which of its pixels lie inside the frame (_SIDE, _SIDE)."""
    shrinking = min(bgr.shape[:2]) >= _SIDE
    small = cv2.resize(bgr, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)
    lab = cv2.cvtColor(small.astype(np.float32) / 255.0, cv2.COLOR_BGR2LAB).astype(np.float64)
    lit = bgr.max(axis=2) > 0
    rows, columns = _inside(lit.max(axis=1)), _inside(lit.max(axis=0))
    return lab, rows[:, None] & columns[None, :]


def _inside(lit: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of the _SIDE lines lie between the first and the last lit line; all where no line is lit."""
    places = np.flatnonzero(lit)
    if len(places) in (0, len(lit)):
        return np.ones(_SIDE, np.bool_)
    scale = _SIDE / len(lit)
    line = np.arange(_SIDE)
    return np.asarray((line >= places[0] * scale) & (line + 1 <= (places[-1] + 1) * scale), np.bool_)
