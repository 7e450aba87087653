"""Whether a finished run's numbers can be trusted: calibration of their confidence, and numbers given to referees."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from pipeline.types import TrackedBoxes
from training.data.matching import MIN_IOU, overlaps
from training.data.tables import read_table
from training.evaluation.scoring import NOT_PLAYERS, Matched, Truth, judge

_BINS = 10
_COLUMNS: Final = ("track_id", "jersey_number", "confidence", "likeliest", "likeliest_confidence")


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


@dataclass(slots=True)
class Trust:
    """How far the numbers of several runs can be trusted."""

    given: list[Bin] = field(default_factory=list)
    """Tracks that were given a number."""
    likeliest: list[Bin] = field(default_factory=list)
    """Tracks with a likeliest number, given or withheld."""
    referees: tuple[int, int] = (0, 0)
    """Tracks of referees and bystanders: with a number, and all."""

    def add(
        self,
        truth: Truth,
        boxes: Mapping[int, TrackedBoxes],
        matched: Sequence[Matched],
        claims: Mapping[int, Claim],
    ) -> None:
        """Take one clip's run in; the arguments are those of `numbered_referees` and `calibration_bins`."""
        bins = calibration_bins(matched, claims)
        self.given += [one for track, one in bins.items() if claims[track].given]
        self.likeliest += bins.values()
        numbered, total = numbered_referees(truth, boxes, claims)
        self.referees = (self.referees[0] + numbered, self.referees[1] + total)

    def record(self) -> dict[str, Any]:
        """The figures, for JSON."""
        return {
            name: {
                "calibration_error": expected_calibration_error(bins),
                "tracks": len(bins),
                "boxes": sum(one.boxes for one in bins),
            }
            for name, bins in (("given", self.given), ("likeliest", self.likeliest))
        } | {"referees": {"numbered": self.referees[0], "tracks": self.referees[1]}}


def trust_lines(record: dict[str, Any]) -> list[str]:
    """The figures of `Trust.record` as Markdown list items."""
    lines = []
    for name, what in (("given", "numbers given"), ("likeliest", "likeliest numbers, given or withheld")):
        figures = record[name]
        error = "–" if figures["calibration_error"] is None else f"{figures['calibration_error']:.3f}"
        extent = f"({figures['boxes']} boxes, {figures['tracks']} tracks)"
        lines.append(f"- expected calibration error of the {what}: {error} {extent}")
    numbered, total = record["referees"]["numbered"], record["referees"]["tracks"]
    return [*lines, f"- referees and bystanders given a number: {numbered} of {total} tracks"]


def read_claims(tracks: Path) -> dict[int, Claim]:
    """The number and confidence of every track of a `tracks.csv`; tracks without a likeliest number are left out."""
    claims = {}
    for row in read_table(tracks, _COLUMNS):
        if row.text("jersey_number"):
            claims[row.whole("track_id")] = Claim(row.number("jersey_number"), row.real("confidence"), True)
        elif row.text("likeliest"):
            claims[row.whole("track_id")] = Claim(row.number("likeliest"), row.real("likeliest_confidence"), False)
    return claims


def calibration_bins(matched: Iterable[Matched], claims: Mapping[int, Claim]) -> dict[int, Bin]:
    """How often each track's number is right, over the boxes of known people it covers (none is right of a referee).

    Args:
        matched: by `scoring.match`.
        claims: by `read_claims`.

    Returns:
        A Bin for each track with such a box.
    """
    own: dict[int, list[Matched]] = defaultdict(list)
    for one in matched:
        if one.track is not None and one.track in claims:
            own[one.track].append(one)
    bins = {}
    for track, boxes in own.items():
        number, confidence, _ = claims[track]
        count = Counter(outcome.result for outcome in judge(boxes, {track: number}))
        if total := count["right"] + count["wrong"]:
            bins[track] = Bin(total, count["right"], confidence)
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


def numbered_referees(truth: Truth, boxes: Mapping[int, TrackedBoxes], claims: Mapping[int, Claim]) -> tuple[int, int]:
    """How many tracks of referees and bystanders were given a number, and how many such tracks there are.

    A track is theirs where at least half of its boxes lie on boxes labelled so.

    Args:
        truth: by `scoring.read_truth`.
        boxes: by `scoring.read_run`.
        claims: by `read_claims`.
    """
    seen: Counter[int] = Counter()
    theirs: Counter[int] = Counter()
    for frame, present in boxes.items():
        seen.update(present.track_id.tolist())
        labelled = [one.xyxy for one in truth.get(frame, ()) if one.role in NOT_PLAYERS and one.number is None]
        if labelled:
            on_one = overlaps(present.xyxy, np.stack(labelled)).max(axis=1) >= MIN_IOU
            theirs.update(present.track_id[on_one].tolist())
    tracks = [track for track, count in theirs.items() if count * 2 >= seen[track]]
    return sum(track in claims and claims[track].given for track in tracks), len(tracks)
