"""Scores a run against boxes labelled by eye: which of them were given their number.

Each labelled box of a player whose number is known is matched to a box of the run in the same frame (one to one, so
that the overlaps add up to the most, and by at least half) and is one of

    right, wrong    its track was given this number, or another one
    abstained       its track was given none
    missed          no box of the run lies there.

A number given to a referee or bystander is wrong too. A person is found where right boxes outnumber wrong ones.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from pipeline.results.outputs import BOXES, read_mot
from pipeline.types import FloatArray, TrackedBoxes
from training.data.clip_labels import Label, read_boxes, read_label_rows
from training.data.matching import pair

NOT_PLAYERS: Final = frozenset({"referee", "other"})
_PLAYERS: Final = frozenset({"player", "goalkeeper"})


class Labelled(NamedTuple):
    """A box with a person of whom something is known."""

    xyxy: FloatArray
    """float32 (4,), pixels."""
    number: str | None
    """The number on the shirt; None where it could not be told."""
    team: str
    role: str
    legible: bool
    """Whether the digits can be read in that stretch."""


Truth = Mapping[int, Sequence[Labelled]]
"""What is known of a clip: labelled boxes by frame, counted from 0."""


class Outcome(NamedTuple):
    """What became of a labelled box."""

    result: Literal["right", "wrong", "abstained", "missed"]
    team: str
    number: str | None
    """The number on the shirt; None for a referee or bystander."""
    legible: bool


class Matched(NamedTuple):
    """A labelled box and the run's track that lies there."""

    labelled: Labelled
    track: int | None
    """None where no box of the run does."""


@dataclass(frozen=True, slots=True)
class Score:
    """Figures over the boxes of one or several clips."""

    right: int
    wrong: int
    abstained: int
    missed: int
    found: int
    """People (numbers of a team) found."""
    people: int
    """People with a known number."""
    scored: int
    """Boxes of these people."""

    @property
    def precision(self) -> float | None:
        """Share of the numbers given that are right, 0 to 1; None where none was given."""
        given = self.right + self.wrong
        return self.right / given if given else None

    @property
    def coverage(self) -> float | None:
        """Share of the boxes that were given their number, 0 to 1; None where there is none."""
        return self.right / self.scored if self.scored else None

    def record(self) -> dict[str, Any]:
        """The figures, for JSON."""
        rounded = {
            name: None if value is None else round(value, 4)
            for name, value in (("precision", self.precision), ("coverage", self.coverage))
        }
        counts = {name: getattr(self, name) for name in ("right", "wrong", "abstained", "missed")}
        return {**rounded, "people": [self.found, self.people], **counts}


def read_truth(clip: Path) -> Truth:
    """What is known of a clip, from `NAME.labels.csv` and `NAME.boxes.csv` beside it.

    Boxes outside every labelled stretch are left out.

    Raises:
        TableError: A table is missing or holds something that cannot be used.
    """
    stretches: dict[int, list[Label]] = defaultdict(list)
    for row in read_label_rows(clip.with_suffix(".labels.csv"), with_team=True):
        stretches[row.track].append(row)
    truth: dict[int, list[Labelled]] = defaultdict(list)
    for frame, boxes in read_boxes(clip.with_suffix(".boxes.csv")):
        for track, xyxy in zip(boxes.track_id.tolist(), boxes.xyxy, strict=True):
            label = next((row for row in stretches.get(track, ()) if row.first <= frame <= row.last), None)
            if label is not None:
                number = label.number if label.sure >= 1 else None
                truth[frame].append(Labelled(xyxy, number, label.team, label.role, "legible" in label.note))
    return dict(truth)


def read_run(run: Path) -> dict[int, TrackedBoxes]:
    """Boxes of a finished run by frame, counted from 0."""
    return dict(read_mot(run / BOXES))


def match(truth: Truth, boxes: Mapping[int, TrackedBoxes]) -> list[Matched]:
    """Every labelled box with the track that lies there, frame by frame."""
    matched = []
    for frame, labelled in sorted(truth.items()):
        present = boxes.get(frame, TrackedBoxes.empty())
        places = pair(np.stack([one.xyxy for one in labelled]), present.xyxy).tolist()
        tracks = [int(present.track_id[place]) if place >= 0 else None for place in places]
        matched += [Matched(one, track) for one, track in zip(labelled, tracks, strict=True)]
    return matched


def judge(matched: Iterable[Matched], numbers: Mapping[int, str]) -> Iterator[Outcome]:
    """What became of every labelled box that is scored.

    Args:
        matched: by `match`.
        numbers: of the tracks that were given one.
    """
    for (_, number, team, role, legible), track in matched:
        given = None if track is None else numbers.get(track)
        if role in _PLAYERS and number is not None:
            if track is None:
                yield Outcome("missed", team, number, legible)
            elif given is None:
                yield Outcome("abstained", team, number, legible)
            else:
                yield Outcome("right" if given == number else "wrong", team, number, legible)
        elif role in NOT_PLAYERS and number is None and given is not None:
            yield Outcome("wrong", role, None, False)


def score(outcomes: Iterable[Outcome]) -> Score:
    """Add outcomes up."""
    results: Counter[str] = Counter()
    people: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for outcome in outcomes:
        results[outcome.result] += 1
        if outcome.number is not None:
            people[outcome.team, outcome.number][outcome.result] += 1
    return Score(
        right=results["right"],
        wrong=results["wrong"],
        abstained=results["abstained"],
        missed=results["missed"],
        found=sum(counts["right"] > counts["wrong"] for counts in people.values()),
        people=len(people),
        scored=sum(counts.total() for counts in people.values()),
    )
