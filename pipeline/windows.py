"""Gathers each track's crops into windows for the recognizer."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain

from pipeline.types import Crop, CropWindow, WindowCrop
from recognizer.checks import require_range
from recognizer.preprocess import Preprocess
from recognizer.sampling import sample_indices

_CLOCK_SLACK_SECONDS = 1e-6


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """Which crops are read together."""

    length: int = 5
    """Crops in a window; the shipped recognizer was trained on 5."""
    stride: int = 5
    """A window is made each time a track has this many new crops: `length` means that crops are read once (the last
    window of a track is filled up with some of the one before), 1 that every crop starts a read of its own. At most
    `length`, so that every taken crop is read."""
    spacing_seconds: float = 0.12
    """Time a crop stands for: the best crop of each such stretch is taken, the others are dropped. 0 takes all."""
    min_quality: float = 0.05
    """Crops below this quality (0 to 1) are never taken."""
    max_gap_seconds: float = 2.0
    """A track without a usable crop for longer than this has its last window made and its buffer dropped."""

    def __post_init__(self) -> None:
        require_range("length", self.length, 1, 64)
        if not 1 <= self.stride <= self.length:
            raise ValueError(f"stride is {self.stride}; allowed is 1 to length ({self.length})")
        require_range("spacing_seconds", self.spacing_seconds, 0, 10)
        require_range("min_quality", self.min_quality, 0, 1)
        if not self.spacing_seconds < self.max_gap_seconds <= 600.0:
            raise ValueError(f"max_gap_seconds is {self.max_gap_seconds}; allowed is above spacing_seconds up to 600")


@dataclass(slots=True)
class _Track:
    taken: deque[WindowCrop]
    best: WindowCrop
    """Best crop of the stretch that began at `stretch_start`; not yet taken."""
    stretch_start: float
    last_seen: float
    unread: int = field(default=0)
    """Crops taken since the last window."""


class WindowBuffer:
    """Holds a few crops of each live track and gives out windows: push, evict what is dead, flush at the end.

    A window holds crops of one track only, in time order and each once;
    what a short track cannot fill is padded and marked as not valid.
    """

    def __init__(self, settings: WindowSettings, preprocess: Preprocess) -> None:
        self._settings = settings
        self._preprocess = preprocess
        self._tracks: dict[int, _Track] = {}

    def push(self, crop: Crop) -> list[CropWindow]:
        """Offer one crop; returns the windows it completes (mostly none)."""
        if crop.quality < self._settings.min_quality:
            return []
        windows = self._close([crop.track_id]) if self._is_dead(crop.track_id, crop.time_seconds) else []
        track = self._tracks.get(crop.track_id)
        if track is None:
            taken: deque[WindowCrop] = deque(maxlen=self._settings.length)
            self._tracks[crop.track_id] = _Track(taken, self._kept(crop), crop.time_seconds, crop.time_seconds)
            return windows
        stretch = abs(crop.time_seconds - track.stretch_start)
        if stretch >= self._settings.spacing_seconds - _CLOCK_SLACK_SECONDS:
            windows += self._take_best(crop.track_id, track)
            track.best, track.stretch_start = self._kept(crop), crop.time_seconds
        elif crop.quality > track.best.quality:
            track.best = self._kept(crop)
        track.last_seen = crop.time_seconds
        return windows

    def evict(self, now_seconds: float) -> list[CropWindow]:
        """Drop tracks without a usable crop for too long; returns their last windows."""
        return self._close([track_id for track_id in self._tracks if self._is_dead(track_id, now_seconds)])

    def flush(self) -> list[CropWindow]:
        """End of the video: the last windows of all tracks."""
        return self._close(list(self._tracks))

    def _kept(self, crop: Crop) -> WindowCrop:
        return WindowCrop(crop, self._preprocess.apply)

    def _is_dead(self, track_id: int, now_seconds: float) -> bool:
        track = self._tracks.get(track_id)
        return track is not None and abs(now_seconds - track.last_seen) > self._settings.max_gap_seconds

    def _close(self, track_ids: Iterable[int]) -> list[CropWindow]:
        return list(chain.from_iterable(self._end(track_id, self._tracks.pop(track_id)) for track_id in track_ids))

    def _end(self, track_id: int, track: _Track) -> list[CropWindow]:
        windows = self._take_best(track_id, track)
        return [*windows, self._window(track_id, track)] if track.unread else windows

    def _take_best(self, track_id: int, track: _Track) -> list[CropWindow]:
        track.taken.append(track.best)
        track.unread += 1
        complete = len(track.taken) == self._settings.length and track.unread >= self._settings.stride
        return [self._window(track_id, track)] if complete else []

    def _window(self, track_id: int, track: _Track) -> CropWindow:
        """The window of all crops held, the newest `length` of the track."""
        track.unread = 0
        taken = list(track.taken)
        places = sample_indices(len(taken), self._settings.length).tolist()
        return CropWindow(track_id, tuple(taken[place] if place >= 0 else None for place in places))
