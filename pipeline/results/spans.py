"""When frames were shown, and when each track was seen: all that is kept of a run's boxes in memory."""

import math
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Self

UNBROKEN_SECONDS: Final = 0.25
"""As long as frames of a stream with a variable rate may well be shown."""
_ROUNDING: Final = 1e-9


class FrameTimes:
    """When the frames of a run were shown, and for how long; 16 bytes a frame.

    Args:
        frame_seconds: Nominal duration of a frame; a gap in the stream counts as no more than two of these, or than
            `UNBROKEN_SECONDS` if that is longer.
    """

    def __init__(self, frame_seconds: float) -> None:
        self._frame_seconds, self._longest = frame_seconds, max(2 * frame_seconds, UNBROKEN_SECONDS)
        self._times, self._durations = array("d"), array("d")

    def add(self, time_seconds: float) -> None:
        """Take in the next frame."""
        since_last = time_seconds - self._times[-1] if self._times else self._frame_seconds
        self._durations.append(min(max(since_last, 0.0), self._longest))
        self._times.append(time_seconds)

    def time_of(self, frame_index: int) -> float:
        """Seconds."""
        return self._times[frame_index]

    def duration_of(self, frame_index: int) -> float:
        """Seconds since the frame before, a longer gap shortened."""
        return self._durations[frame_index]


@dataclass(slots=True)
class TrackSpan:
    """When a track was seen; all that is kept of its boxes in memory."""

    track_id: int
    first_frame: int
    """0-based."""
    last_frame: int
    first_time_seconds: float
    last_time_seconds: float
    n_frames: int = 0
    seconds_seen: float = 0.0
    """Sum of the durations of the frames the track was seen in."""
    stretches: list[tuple[float, float]] = field(default_factory=list)
    """From which until which second it was seen without a gap, in order."""

    @classmethod
    def starting(cls, track_id: int, frame_index: int, times: FrameTimes) -> Self:
        """Of a track about to be seen for the first time."""
        now = times.time_of(frame_index)
        return cls(track_id, frame_index, frame_index, now, now)

    def see(self, frame_index: int, times: FrameTimes) -> None:
        """The track is seen in a frame, later than all before."""
        now, lasts = times.time_of(frame_index), times.duration_of(frame_index)
        begins = now - lasts
        follows = frame_index == self.last_frame + 1 and begins <= self.last_time_seconds + _ROUNDING
        start = self.stretches.pop()[0] if follows and self.stretches else begins
        self.stretches.append((start, now))
        self.last_frame, self.last_time_seconds = frame_index, now
        self.n_frames += 1
        self.seconds_seen += lasts

    def seconds_shared(self, other: Self) -> float:
        """For how long both tracks were seen at once; time for which either was lost does not count."""
        shared, ours, theirs = 0.0, iter(self.stretches), iter(other.stretches)
        one, two = next(ours, None), next(theirs, None)
        while one and two:
            shared += max(0.0, min(one[1], two[1]) - max(one[0], two[0]))
            if one[1] < two[1]:
                one = next(ours, None)
            else:
                two = next(theirs, None)
        return shared


def seconds_of(spans: Iterable[TrackSpan]) -> float:
    """For how long at least one of some tracks was seen."""
    total, until = 0.0, -math.inf
    for start, end in sorted(stretch for span in spans for stretch in span.stretches):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total
