"""Reading until sure: decides which windows are worth reading."""

from dataclasses import dataclass

from pipeline.identity import Identity
from recognizer.checks import require_range


@dataclass(frozen=True, slots=True)
class EffortSettings:
    """How often a track whose number is settled is still read."""

    settled_every: int = 8
    """Of a track whose number is settled one window in so many is read, 1 to 1000; 1 reads every window of every
    track."""
    settled_confidence: float = 0.99
    """Least confidence of a settled number, 0 to 1."""
    settled_reads: int = 3
    """Readable windows in a row, 1 to 1000, that must name the number before it is settled; one that names another
    unsettles it."""
    round_seconds: float = 1.0
    """Windows are read in rounds of so much video, 0.04 to 60 s; what a round settles counts from the next one on."""

    def __post_init__(self) -> None:
        require_range("settled_every", self.settled_every, 1, 1000)
        require_range("settled_confidence", self.settled_confidence, 0, 1)
        require_range("settled_reads", self.settled_reads, 1, 1000)
        require_range("round_seconds", self.round_seconds, 0.04, 60)


@dataclass(slots=True)
class _Attention:
    named: str = ""
    """Number of the last readable window."""
    in_a_row: int = 0
    """Readable windows up to the last that named it."""
    settled: bool = False
    passed_over: int = 0
    """Windows since one was read."""


class Effort:
    """Knows of each track whether its number is settled.

    It is told of whole rounds of reads, so that what it decides depends on the video alone and neither on batches nor
    on threads.

    >>> effort = Effort(EffortSettings(settled_every=3))
    >>> [effort.wants(track_id=7) for _ in range(4)]
    [True, True, True, True]
    """

    def __init__(self, settings: EffortSettings) -> None:
        self._settings = settings
        self._tracks: dict[int, _Attention] = {}

    def round_of(self, time_seconds: float) -> int:
        """The round that a time of the video falls into."""
        return int(time_seconds // self._settings.round_seconds)

    def wants(self, track_id: int) -> bool:
        """Whether the track's next window shall be read; ask once for each window, in order."""
        track = self._tracks.get(track_id)
        if track is None or not track.settled:
            return True
        track.passed_over = (track.passed_over + 1) % self._settings.settled_every
        return track.passed_over == 0

    def settled_number(self, track_id: int) -> str | None:
        """The number that a track is settled on; None where it is not."""
        track = self._tracks.get(track_id)
        return track.named if track is not None and track.settled else None

    def hear(self, track_id: int, number: str) -> None:
        """A readable window of a track named a number."""
        track = self._tracks.setdefault(track_id, _Attention())
        track.in_a_row = track.in_a_row + 1 if number == track.named else 1
        track.named = number

    def settle(self, identity: Identity) -> None:
        """End of a round: weigh what is now known about a track."""
        track = self._tracks.get(identity.track_id)
        if track is None:
            return
        settled = (
            identity.number == track.named
            and identity.confidence >= self._settings.settled_confidence
            and track.in_a_row >= self._settings.settled_reads
        )
        if settled != track.settled:
            track.settled, track.passed_over = settled, 0
