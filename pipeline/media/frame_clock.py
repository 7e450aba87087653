"""The time of frames whose timestamps may be missing, slip, or start anew."""

BACKWARD_JUMP = 1
"""Seconds; timestamps that step back further start anew (joined recordings), smaller steps are slips."""


class FrameClock:
    """Turns a stream's timestamps into strictly increasing ticks from its first frame.

    A missing timestamp, or one after a step back by more than `jump`, follows the last frame at the usual distance;
    any other that does not increase follows it by one tick.

    >>> clock = FrameClock(origin=100, usual=10, jump=1000)
    >>> [clock.tick(timestamp) for timestamp in (100, 110, None, 130, 130, 141)]
    [0, 10, 20, 30, 31, 41]
    """

    def __init__(self, origin: int, usual: int, jump: int) -> None:
        """Start a pass.

        Args:
            origin: timestamp of the video's first frame.
            usual: ticks between two frames.
            jump: ticks a timestamp may step back without being taken for a new recording.
        """
        self.shift = -origin
        """Ticks that are added to a timestamp; another value behind each place where they start anew."""
        self._usual = usual
        self._jump = jump
        self._last: int | None = None

    def tick(self, timestamp: int | None) -> int:
        """Ticks of the next frame, whose timestamp is given."""
        expected = 0 if self._last is None else self._last + self._usual
        value = expected if timestamp is None else timestamp + self.shift
        if self._last is not None and timestamp is not None and value < self._last - self._jump:
            self.shift += expected - value
            value = expected
        self._last = value if self._last is None else max(value, self._last + 1)
        return self._last
