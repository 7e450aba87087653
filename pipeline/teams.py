"""Which team a track plays for: kit colours gathered per track, grouped over the whole video."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.crops import CropSettings, cut_square, hidden_shares, jersey_regions
from pipeline.kit_colours import BINS, CELLS, histogram, name_kits
from pipeline.types import FloatArray, Frame, TrackedBoxes, UInt8Image

Float = NDArray[np.float64]

_REGION = CropSettings(
    side_of_height=0.5, side_of_width=0.8, centre_y=0.33, top_slack=0.03, min_side=12.0, full_side=48.0
)
"""The square that is looked at: wider than the one that numbers are read from, so that its sides show surroundings."""
_LEAST_INSIDE = 0.3  # share of the square that must lie inside the frame
_SIDE = 20  # crops are compared at this many pixels a side; number, folds and crest blur into the kit
_SIDE_COLUMNS = 3  # columns at the left and right edge that show surroundings
_TORSO = (slice(3, 15), slice(7, 13))  # rows and columns of the small crop inside the shirt
_THUMB = 4  # pixels a side of the picture used to tell moving players from sitting spectators
_RESTLESS = 6.0  # Lab units; a player's crop changes by about 12 over a track, a sitting spectator's by about 4
_ENOUGH_LEFT = 0.25  # less of the torso than this left after removing its surroundings: the kit has their colour
_SAME_KIT = 0.55  # two tracks of one team are rarely farther apart than this, two of different teams nearly always
_MOST_FITTED = 400  # tracks, the best seen ones, that kits are found from; all tracks are then assigned
_ROUNDS = 5
_CHUNK = 256  # tracks assigned at a time; bounds the memory


@dataclass(frozen=True, slots=True)
class Team:
    """A kit worn in the video."""

    name: str
    """Plain colour name ('white', 'navy', 'red/white'), unique within a video; 'other' for a kit hardly seen."""
    rgb: tuple[int, int, int]
    """Main colour of the kit as filmed, 0 to 255 each."""


OTHER = Team("other", (150, 150, 150))
"""The team of tracks whose kit is unlike every kit with enough support."""


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
        ranges = {
            "interval_seconds": (0.0, 60.0),
            "background": (0.0, 1.0),
            "two_kits": (0.0, 1.0),
            "other_kit": (0.1, 1.0),
            "nearest_kit": (0.1, 1.0),
            "min_share": (0.0, 0.5),
            "max_kits": (1, 20),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} is {value}, allowed is {low:g} to {high:g}")


@dataclass(slots=True)
class _Evidence:
    """Colour statistics of one track, sums over its crops; about 7 kB however long the track."""

    torso: FloatArray = field(default_factory=lambda: np.zeros(CELLS, np.float32))
    surroundings: FloatArray = field(default_factory=lambda: np.zeros(CELLS, np.float32))
    thumb: Float = field(default_factory=lambda: np.zeros((_THUMB, _THUMB, 3)))
    thumb_squares: float = 0.0
    weight: float = 0.0
    last_seconds: float = -np.inf

    def take_in(self, bgr: UInt8Image, weight: float) -> None:
        """Add an upper body (side, side, 3): surroundings at the sides, black outside the frame."""
        lab, seen = _small_lab(bgr)
        edges = np.r_[:_SIDE_COLUMNS, _SIDE - _SIDE_COLUMNS : _SIDE]
        self.torso += weight * histogram(lab[_TORSO][seen[_TORSO]])
        self.surroundings += weight * histogram(lab[:, edges][seen[:, edges]])
        thumb = lab.reshape(_THUMB, _SIDE // _THUMB, _THUMB, _SIDE // _THUMB, 3).mean(axis=(1, 3)) * (0.5, 1.0, 1.0)
        self.thumb += weight * thumb
        self.thumb_squares += weight * float((thumb**2).mean()) * 3.0
        self.weight += weight

    def restlessness(self) -> float:
        """How much the crop changed over the track, Lab units: players move over the field, spectators sit."""
        mean = self.thumb / self.weight
        return float(np.sqrt(max(0.0, self.thumb_squares / self.weight - float((mean**2).mean()) * 3.0)))


class TeamAssigner:
    """Collects the kit colours of every track, then groups the tracks into teams.

    Example:
        >>> from fractions import Fraction
        >>> frame = Frame(0, Fraction(0), np.full((200, 200, 3), 230, np.uint8))
        >>> box = np.array([[60, 20, 120, 180]], np.float32)
        >>> assigner = TeamAssigner(TeamSettings())
        >>> assigner.add(frame, TrackedBoxes(box, np.array([0.9], np.float32), np.array([7])))
        >>> assigner.assign()
        {7: Team(name='white', rgb=(230, 230, 230))}
    """

    def __init__(self, settings: TeamSettings) -> None:
        self._settings = settings
        self._tracks: dict[int, _Evidence] = {}

    def add(self, frame: Frame, boxes: TrackedBoxes) -> None:
        """Take in one frame; tracks that were looked at less than the interval ago are passed over.

        Args:
            frame: The picture.
            boxes: Tracked players in it; those too small or mostly outside the picture are passed over.
        """
        now, interval = frame.time_seconds, self._settings.interval_seconds
        due = [
            row
            for row, track_id in enumerate(boxes.track_id.tolist())
            if track_id not in self._tracks or abs(now - self._tracks[track_id].last_seconds) >= interval
        ]
        for row, bgr, weight in _cut(frame, boxes.xyxy, due):
            evidence = self._tracks.setdefault(int(boxes.track_id[row]), _Evidence())
            evidence.take_in(bgr, weight)
            evidence.last_seconds = now

    def assign(self) -> dict[int, Team]:
        """Group all tracks seen so far.

        Returns:
            The team of every track that was looked at; the same frames in the same order give the same teams.
        """
        if not self._tracks:
            return {}
        ids = sorted(self._tracks)
        evidence = [self._tracks[track_id] for track_id in ids]
        weights = _support(evidence)
        best = np.sort(np.argsort(-weights, kind="stable")[:_MOST_FITTED])
        shirts = _kit_histograms([evidence[i] for i in best], self._settings.background)
        kits = _find_kits(_smooth(shirts), weights[best] / weights[best].sum(), self._settings)
        worn, colours = self._join(evidence, weights, kits)
        named = [k for k in range(len(kits)) if (worn == k).any()]
        order = sorted(named, key=lambda k: -float(weights[worn == k].sum()))
        named_kits = name_kits([colours[k] for k in order])
        teams = {k: Team(name, rgb) for k, (name, rgb) in zip(order, named_kits, strict=True)}
        return {track_id: teams.get(int(kit), OTHER) for track_id, kit in zip(ids, worn, strict=True)}

    def _join(self, evidence: Sequence[_Evidence], weights: Float, kits: Float) -> tuple[NDArray[np.int64], Float]:
        """The kit each track wears, (tracks,), -1 for none, and the colours of each kit's wearers, (kits, CELLS)."""
        worn = np.full(len(evidence), -1, np.int64)
        colours = np.zeros_like(kits)
        for start in range(0, len(evidence), _CHUNK):
            part = slice(start, start + _CHUNK)
            shirts = _kit_histograms(evidence[part], self._settings.background)
            nearest, distances = _nearest(_smooth(shirts), kits)
            worn[part] = np.where(distances > self._settings.nearest_kit, -1, nearest)
            for k in range(len(kits)):
                wearers = worn[part] == k
                colours[k] += weights[part][wearers] @ shirts[wearers]
        return worn, colours


def _cut(frame: Frame, xyxy: FloatArray, rows: Sequence[int]) -> Iterator[tuple[int, UInt8Image, float]]:
    """The upper bodies (side, side, 3) of some boxes, with the row and how much each is worth, 0.1 to 1.1."""
    if not rows:
        return
    regions, hidden = jersey_regions(xyxy, _REGION), hidden_shares(xyxy)
    limits = np.array(frame.size * 2, np.float32)
    for row in rows:
        region = regions[row]
        side = float(region[2] - region[0])
        inside = np.clip(region, 0, limits)
        inside_share = float(np.prod(inside[2:] - inside[:2])) / max(side * side, 1e-6)
        if side < _REGION.min_side or inside_share < _LEAST_INSIDE:
            continue
        size_share = min(1.0, side / _REGION.full_side)
        yield row, cut_square(frame.bgr, region), 0.1 + size_share * (1.0 - float(hidden[row])) * inside_share


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


def _kit_histograms(evidence: Sequence[_Evidence], background: float) -> Float:
    """Torso colours without those of the surroundings, (tracks, CELLS), rows sum to 1."""
    torso = _shares(np.array([e.torso for e in evidence], np.float64))
    around = _shares(np.array([e.surroundings for e in evidence], np.float64))
    rest = np.maximum(torso - background * around, 0.0)
    rest = np.where(rest.sum(axis=1, keepdims=True) < _ENOUGH_LEFT, torso, rest)
    return _shares(rest)


def _shares(histograms: Float) -> Float:
    """Rows that sum to 1; evenly spread where nothing was counted."""
    total = histograms.sum(axis=1, keepdims=True)
    return np.asarray(np.where(total > 0.0, histograms / np.maximum(total, 1e-9), 1.0 / CELLS), np.float64)


def _support(evidence: Sequence[_Evidence]) -> Float:
    """How much each track says about the kits of the match, (tracks,), sums to 1."""
    restless = np.array([e.restlessness() for e in evidence]) ** 2
    playing = 0.05 + restless / (restless + _RESTLESS**2)
    support = np.sqrt([e.weight for e in evidence]) * playing
    return np.asarray(support / support.sum(), np.float64)


def _smooth(histograms: Float) -> Float:
    """Blur along a and b so that neighbouring shades count as alike."""
    cube = histograms.reshape(-1, *BINS)
    for axis in (2, 3):
        padded = np.pad(cube, [(0, 0) if a != axis else (1, 1) for a in range(4)], mode="edge")
        n = cube.shape[axis]
        before, here, after = (padded.take(range(s, s + n), axis=axis) for s in (0, 1, 2))
        cube = 0.25 * before + 0.5 * here + 0.25 * after
    return _shares(cube.reshape(len(histograms), -1))


def _distances(left: Float, right: Float) -> Float:
    return np.asarray(np.sqrt(np.maximum(0.0, 1.0 - np.sqrt(left) @ np.sqrt(right).T)), np.float64)


def _nearest(shirts: Float, kits: Float) -> tuple[NDArray[np.int64], Float]:
    distances = _distances(shirts, kits)
    return distances.argmin(axis=1), distances.min(axis=1)


def _find_kits(shirts: Float, weights: Float, settings: TeamSettings) -> Float:
    """Kit histograms (kits, CELLS): the two main kits first, then others with enough support."""
    between = _distances(shirts, shirts)
    reach = np.minimum(between, _SAME_KIT)
    cost = np.array([np.minimum(row, reach) @ weights for row in reach])
    first, second = np.unravel_index(int(cost.argmin()), cost.shape)
    kits = _refine(shirts, weights, shirts[[first, second]])
    if settings.max_kits == 1 or _distances(kits[:1], kits[1:])[0, 0] < settings.two_kits:
        kits = _refine(shirts, weights, shirts[[int((reach @ weights).argmin())]])
    while len(kits) < settings.max_kits:
        apart = _nearest(shirts, _with_mixtures(kits))[1] >= settings.other_kit
        wearers = (between < _SAME_KIT) & apart & apart[:, None]
        support = wearers @ weights
        chosen = int(support.argmax())
        if support[chosen] < max(settings.min_share, 1e-9):
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
        worn, distances = _nearest(shirts, kits)
        kits = kits.copy()
        for k in range(len(kits)):
            wearers = (worn == k) & (distances < _SAME_KIT)
            if wearers.any():
                kits[k] = weights[wearers] @ shirts[wearers] / weights[wearers].sum()
    return kits
