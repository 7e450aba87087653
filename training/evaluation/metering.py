"""Memory and time of a run, sorted by minute of video."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SETTLED: Final = 2
"""Minute in which every buffer is full."""
_MIB: Final = 2**20


@dataclass(frozen=True, slots=True)
class Minute:
    """What one minute of video took in one pass."""

    phase: str
    """`reading` or `drawing`."""
    minute: int
    """1-based."""
    peak_rss: int
    """Highest resident memory seen, bytes."""
    seconds_per_frame: float
    peak_card: int = 0
    """Most memory that PyTorch held on the graphics card, bytes; 0 on a CPU."""


class Meter:
    """Sorts memory samples and progress by minute of video.

    Args:
        frames_per_minute: frames in a minute of the video.
        minutes: length of the video; what is left over at its end counts to the last minute.
    """

    def __init__(self, frames_per_minute: float, minutes: int) -> None:
        self._frames_per_minute = frames_per_minute
        self._minutes = minutes
        self._at: tuple[str, int] | None = None
        self._reached: dict[str, tuple[int, float]] = {}
        self._peak: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._peak_card: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._taken: defaultdict[tuple[str, int], tuple[int, float]] = defaultdict(lambda: (0, 0.0))

    def progress(self, phase: str, frames: int, seconds: float) -> None:
        """So many frames of a phase are done, at this time of the run's clock."""
        minute = min(self._minutes, 1 + int((frames - 1) / self._frames_per_minute))
        before, then = self._reached.get(phase, (frames, seconds))
        count, taken = self._taken[phase, minute]
        self._taken[phase, minute] = count + frames - before, taken + seconds - then
        self._reached[phase] = frames, seconds
        self._at = phase, minute

    def sample(self, rss: int, card: int = 0) -> None:
        """Resident memory and the card's, bytes, at the place reached; before the first frame they do not count."""
        if self._at is not None:
            self._peak[self._at] = max(self._peak[self._at], rss)
            self._peak_card[self._at] = max(self._peak_card[self._at], card)

    def minutes(self) -> list[Minute]:
        """The minutes done so far, in order."""
        return [
            Minute(*at, self._peak[at], seconds / max(1, frames), self._peak_card[at])
            for at, (frames, seconds) in self._taken.items()
        ]


def growth(minutes: Sequence[Minute]) -> dict[str, float]:
    """How far the last minute's peak lies above that of minute `SETTLED`, as a share of the latter.

    >>> growth([Minute("reading", m, rss, 0.1) for m, rss in ((1, 50), (2, 100), (3, 105))])
    {'reading': 0.05}

    Returns:
        By phase, and where a card was used by `PHASE, card` as well.
    """
    by_place = {(each.phase, each.minute): each for each in minutes}
    last = {each.phase: each for each in minutes}
    grown: dict[str, float] = {}
    for phase, end in last.items():
        settled = by_place.get((phase, SETTLED))
        if settled and settled.peak_rss:
            grown[phase] = round(end.peak_rss / settled.peak_rss - 1, 6)
        if settled and settled.peak_card:
            grown[f"{phase}, card"] = round(end.peak_card / settled.peak_card - 1, 6)
    return grown


def table(minutes: Sequence[Minute]) -> str:
    """The minutes as a Markdown table, and below it the growth of each phase."""
    card = any(each.peak_card for each in minutes)
    heads = ["pass", "minute", "peak RSS, MiB", *["peak on the card, MiB"] * card, "s per frame"]
    rows = [heads, ["---"] * len(heads)]
    for each in minutes:
        on_card = [f"{each.peak_card / _MIB:.1f}"] * card
        rss, taken = f"{each.peak_rss / _MIB:.1f}", f"{each.seconds_per_frame:.4f}"
        rows.append([each.phase, str(each.minute), rss, *on_card, taken])
    last = max(each.minute for each in minutes)
    compared = [
        f"{phase}: peak of minute {last} {share:+.1%} against minute {SETTLED}"
        for phase, share in growth(minutes).items()
    ]
    return "\n".join([*("| " + " | ".join(row) + " |" for row in rows), "", *compared]) + "\n"
