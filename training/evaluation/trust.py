"""Whether a finished run's numbers can be trusted: calibration of their confidence, and numbers given to referees.

Everything goes through the scorer's own `outcomes`, so that boxes are matched as they are for precision and coverage.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

Truth = Mapping[int, Sequence[tuple[Any, ...]]]
"""The scorer's labelled boxes by frame: (xyxy, number or None, team, role, legible)."""
Boxes = Mapping[int, Sequence[tuple[int, Any]]]
"""The run's boxes by frame: (track, xyxy)."""

_BINS = 10
_NOT_PLAYERS = frozenset({"referee", "other"})


class Claim(NamedTuple):
    """What a run says of a track."""

    number: str
    confidence: float
    """0 to 1."""
    given: bool
    """Whether the number is published, or only the likeliest."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Labelled boxes that were given a number with one confidence, or nearly so."""

    boxes: int
    right: int
    confidence: float
    """Mean over the boxes, 0 to 1."""


def read_claims(tracks: Path) -> dict[int, Claim]:
    """The number and confidence of every track of a `tracks.csv`; tracks without a likeliest number are left out."""
    claims = {}
    with tracks.open(newline="", encoding="utf-8") as handle:
        for row in csv.DictReader(handle):
            if row["jersey_number"]:
                claims[int(row["track_id"])] = Claim(row["jersey_number"], float(row["confidence"]), True)
            elif row.get("likeliest"):
                claims[int(row["track_id"])] = Claim(row["likeliest"], float(row["likeliest_confidence"]), False)
    return claims


def calibration_bins(scorer: ModuleType, truth: Truth, boxes: Boxes, claims: Mapping[int, Claim]) -> list[Bin]:
    """How often each track's number is right, over the boxes of known people it covers (none is right of a referee).

    Args:
        scorer: the module with `outcomes`.
        truth: labelled boxes.
        boxes: the run's boxes.
        claims: by `read_claims`.

    Returns:
        A Bin for each track with such a box.
    """
    bins = []
    for track, claim in claims.items():
        count = Counter(row[0] for row in scorer.outcomes(truth, boxes, {track: claim.number}))
        if total := count["right"] + count["wrong"]:
            bins.append(Bin(total, count["right"], claim.confidence))
    return bins


def expected_calibration_error(bins: Iterable[Bin]) -> float | None:
    """Mean distance between confidence and share of right boxes over ten bins of equal width (Naeini et al. 2015).

    >>> expected_calibration_error([Bin(10, 9, 0.92), Bin(10, 10, 0.98)])
    0.0

    Args:
        bins: groups of boxes; groups of one tenth of confidence are joined.

    Returns:
        0 to 1; None without boxes.
    """
    joined: dict[int, list[Bin]] = defaultdict(list)
    for one in bins:
        joined[min(int(one.confidence * _BINS), _BINS - 1)].append(one)
    total = sum(one.boxes for group in joined.values() for one in group)
    if not total:
        return None
    off = sum(abs(sum(one.right - one.confidence * one.boxes for one in group)) for group in joined.values())
    return round(float(off / total), 4)


def numbered_referees(scorer: ModuleType, truth: Truth, boxes: Boxes, claims: Mapping[int, Claim]) -> tuple[int, int]:
    """How many tracks of referees and bystanders were given a number, and how many such tracks there are.

    A track is theirs where at least half of its boxes match boxes labelled so.
    """
    theirs = {
        frame: kept
        for frame, labelled in truth.items()
        if (kept := [one for one in labelled if one[3] in _NOT_PLAYERS and one[1] is None])
    }
    by_track: dict[int, dict[int, list[tuple[int, Any]]]] = defaultdict(dict)
    for frame, present in boxes.items():
        for track, box in present:
            by_track[track][frame] = [(track, box)]
    numbered = total = 0
    for track, own in by_track.items():
        seen = {frame: labelled for frame, labelled in theirs.items() if frame in own}
        matched = sum(1 for _ in scorer.outcomes(seen, own, {track: "?"}))
        if matched * 2 >= len(own):
            total += 1
            numbered += track in claims and claims[track].given
    return numbered, total
