"""Fuses the reads of a track into one number, or says why there is none.

Windows vote by the sum rule (Kittler, Hatef, Duin, Matas 1998): each gives every number the probability it sees, times
how readable it is, so an unreadable window says nothing (below a floor it is not even heard), one in doubt whether it
shows a number says little, and a wild one counts once. The likeliest number is the one with most votes. How far it is
believed depends on its support,

    support = share**2 * sqrt(readable mass),

where its share is of the votes for all numbers: windows that agree support it, windows that scatter do not, and since
the windows of a track err alike, more of them count with their square root. On players that the networks had never
seen, the share of right numbers rises with the support in the same way in match clips, cut-out numbers and invented
matches, from one window to all those of a player (training/LOG.md), which turns it into a confidence:

    confidence = 1 / (1 + (even_support / support)**steepness),

no more than the agreement where two numbers have about as many votes: a tracker that passed from one player to another.

Where it is known which numbers are worn, no other one is given: a 36 that looks like a 56 to half of its windows is a
36 if nobody wears 56. Votes for other numbers still count as doubt, if less than others: a track that shows numbers
nobody wears is read badly, and forgetting them made wrong numbers look sure.
"""

from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.types import WindowRead
from recognizer.checks import require_range
from recognizer.decode import number_log_probs, split_readable
from recognizer.labels import NUMBERS

Status = Literal["read", "unreadable", "too_short", "conflicting", "duplicate", "corrected"]
"""Why a number is given or not: `duplicate` where a surer track of the kit shows it at the same time, `corrected` where
a person has spoken."""

_NOTED: Final = 3
"""Likeliest numbers of a read that it may be shown for, should one of them turn out to be the track's."""
_UNWORN_DOUBT: Final = 0.75
"""What a vote for a number that nobody wears weighs as doubt, 0 to 1; with less of it wrong numbers come to look sure
(training/LOG.md)."""


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """When a track's number is believed."""

    min_confidence: float = 0.85
    """Least probability, 0 to 1, that the likeliest number is right, for it to be given."""
    min_agreement: float = 0.55
    """Of the votes for the likeliest number and for its strongest rival, the share that the likeliest must have, 0 to
    1; below it the track conflicts. 0.55 asks for 55 to 45."""
    min_readable: float = 0.6
    """How many windows' worth of number must have been seen: each window counts with the square of the probability, 0
    to 1, that a number can be read in it. A track with less is unreadable."""
    min_votes: float = 0.45
    """How many windows' worth of votes, 0 or more, the number itself must have: one doubtful window is not enough, and
    votes count for nothing where every window took it for likelier that there is no number. A track with less is
    unreadable."""
    min_reads: int = 2
    """Least windows that must have been read; a track with fewer is too short."""
    window_readable: float = 0.4
    """Windows less readable than this, 0 to 1, are not heard: many faint doubts must not add up to a number."""
    even_support: float = 0.04
    """Support of a number that is as likely right as wrong; above 0. Support is the number's share of the votes,
    squared, times the square root of the windows' worth of number."""
    steepness: float = 2.4
    """How fast the odds of being right grow with the support: with this power of it; above 0. At 2.4 twice the support
    makes the odds 5.3 times as good."""
    one_wearer: bool = True
    """Whether, of tracks of one kit that show the same number at the same time, only the surest keeps it."""
    numbers: tuple[int | str, ...] = ()
    """The numbers that may be worn, 0 to 99 and '00', such as those of both line-ups with their substitutes; no track
    is given another one. Empty allows all 101."""

    def __post_init__(self) -> None:
        for number in self.numbers:
            if str(number) not in NUMBERS:
                raise ValueError(f"numbers holds {number!r}; allowed are 0 to 99 without a leading zero, and '00'")
        for name in ("min_confidence", "min_agreement", "window_readable"):
            require_range(name, getattr(self, name), 0, 1)
        for name in ("even_support", "steepness"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed is above 0")
        for name in ("min_readable", "min_votes"):
            if not getattr(self, name) >= 0.0:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed is 0 or more")
        if self.min_reads < 1:
            raise ValueError(f"min_reads is {self.min_reads}; allowed is 1 or more")


@dataclass(frozen=True, slots=True)
class Identity:
    """What is known about a track's number, and on what grounds."""

    track_id: int
    number: str | None
    """Jersey number as text; None where it is not known well enough."""
    confidence: float
    """Probability that `best` is right, 0 to 1; 0 where nothing was readable."""
    status: Status
    best: str | None
    """Likeliest number, given or not; None where nothing was readable."""
    runner_up: str | None
    """Next likeliest number; None where nothing was readable, or only one may be worn."""
    runner_up_confidence: float
    """Probability that `runner_up` is right instead, 0 to `confidence`."""
    n_reads: int
    """Windows read."""
    best_frame: int | None
    """The frame that speaks most clearly for `best`; None where nothing was readable."""


@dataclass(slots=True)
class _Evidence:
    """Sums over the reads of one track; its size does not depend on how many there are."""

    votes: NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(NUMBERS)))
    named: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(len(NUMBERS), np.bool_))
    """Numbers that a window took for likelier than none."""
    n_reads: int = 0
    clearest: dict[int, tuple[float, int]] = field(default_factory=dict)
    """By number, how clearly the frame that shows it best does so, and that frame."""


class IdentityFuser:
    """Adds up reads per track; an identity can be asked for at any time.

    Args:
        settings: when a number is believed.
    """

    def __init__(self, settings: IdentitySettings) -> None:
        self._settings = settings
        worn = {str(number) for number in settings.numbers} or set(NUMBERS)
        self._worn = np.array([number in worn for number in NUMBERS], np.float64)
        self._evidence: dict[int, _Evidence] = {}

    def add(self, read: WindowRead) -> str | None:
        """Take in one window's read.

        Returns:
            The number it names among those that may be worn; None where it is not readable enough to be heard.
        """
        evidence = self._evidence.setdefault(read.track_id, _Evidence())
        evidence.n_reads += 1
        readable, numbers = split_readable(number_log_probs(read.tens, read.units))
        if readable < self._settings.window_readable:
            return None
        evidence.votes += readable**2 * numbers
        evidence.named |= readable * numbers > 1.0 - readable
        worn = numbers * self._worn
        frame = int(read.frame_indices[int(read.frame_weights.argmax())])
        for number in np.argsort(-worn, kind="stable")[:_NOTED].tolist():
            if worn[number] > 0.0:
                shown = float(readable * worn[number]), frame
                evidence.clearest[number] = max(evidence.clearest.get(number, shown), shown)
        return NUMBERS[int(worn.argmax())]

    def empty(self) -> "IdentityFuser":
        """Another one with the same settings, that has heard nothing."""
        return IdentityFuser(self._settings)

    def forget(self, track_id: int) -> None:
        """Leave out all that was read of a track."""
        self._evidence.pop(track_id, None)

    def identity(self, track_id: int) -> Identity:
        """What is known about a track so far; a track never read is too short."""
        evidence = self._evidence.get(track_id, _Evidence())
        worn = evidence.votes * self._worn
        if worn.sum() < 1e-6:
            status: Status = "too_short" if evidence.n_reads < self._settings.min_reads else "unreadable"
            return Identity(track_id, None, 0.0, status, None, None, 0.0, evidence.n_reads, None)
        weighed = worn + _UNWORN_DOUBT * (evidence.votes - worn)
        readable = float(weighed.sum())
        best, second = (int(i) for i in np.argsort(-worn, kind="stable")[:2])
        votes, others = float(worn[best]), readable - float(worn[best])
        agreement = agreement_of(weighed, best)
        confidence = self._confidence((votes / readable) ** 2 * readable**0.5, agreement)
        doubt = float(worn[second]) / others if others > 0.0 else 0.0
        outright = votes if evidence.named[best] else 0.0
        status = self._status(confidence, agreement, readable, outright, evidence.n_reads)
        clearest = evidence.clearest.get(best)
        return Identity(
            track_id=track_id,
            number=NUMBERS[best] if status == "read" else None,
            confidence=confidence,
            status=status,
            best=NUMBERS[best],
            runner_up=NUMBERS[second] if worn[second] > 0.0 else None,
            runner_up_confidence=min(confidence, (1.0 - confidence) * doubt),
            n_reads=evidence.n_reads,
            best_frame=None if clearest is None else clearest[1],
        )

    def _confidence(self, support: float, agreement: float) -> float:
        wanted = self._settings
        log_odds = wanted.steepness * np.log(max(support, 1e-12) / wanted.even_support)
        confidence = float(np.exp(-np.logaddexp(0.0, -log_odds)))
        return min(confidence, agreement) if agreement < wanted.min_agreement else confidence

    def _status(self, confidence: float, agreement: float, readable: float, votes: float, n_reads: int) -> Status:
        if n_reads < self._settings.min_reads:
            return "too_short"
        if readable < self._settings.min_readable or votes < self._settings.min_votes:
            return "unreadable"
        wanted = self._settings
        if confidence < wanted.min_confidence or agreement < wanted.min_agreement:
            return "conflicting"
        return "read"


def agreement_of(votes: NDArray[np.float64], best: int) -> float:
    """How clearly the windows prefer one number: its votes against those of its strongest rival.

    Votes scattered over many numbers are doubt, which lowers the confidence; votes for one rival are a conflict.

    >>> agreement_of(np.array([6.0, 2.0, 1.0]), 0)
    0.75

    Args:
        votes: float64 (N,) readable mass behind each number.
        best: place of the number asked about.

    Returns:
        0 to 1; 0.5 where the strongest rival has as many votes.
    """
    rival = float(np.delete(votes, best).max())
    return float(votes[best] / max(float(votes[best]) + rival, 1e-12))
