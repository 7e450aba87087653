"""From tracked boxes to reads: the half of the first pass that looks at shirts."""

from dataclasses import replace

from pipeline.clock import StageClock
from pipeline.crops import cut_crops
from pipeline.effort import Effort
from pipeline.identity import IdentityFuser
from pipeline.kits.teams import TeamAssigner
from pipeline.reading import WindowReader
from pipeline.settings import Settings
from pipeline.types import CropWindow, Frame, TrackedBoxes, WindowRead
from pipeline.windows import WindowBuffer


class TrackReader:
    """Cuts crops, gathers windows, has those worth it read in rounds, and adds up what they say.

    Args:
        settings: How each stage works.
        reader: The recognizer.
        clock: Counts the stages' seconds.
    """

    def __init__(self, settings: Settings, reader: WindowReader, clock: StageClock) -> None:
        self._crop_settings = settings.crops
        self._windows = WindowBuffer(settings.windows, reader.preprocess)
        self._reader = reader
        self._clock = clock
        self._effort = Effort(settings.effort)
        self._round: int | None = None
        self._waiting: list[CropWindow] = []
        self.fuser = IdentityFuser(settings.identity)
        self.teams = TeamAssigner(settings.teams, settings.swaps, settings.tracker.buffer_seconds)
        self.known: set[int] = set()
        """Tracks whose number is known so far."""

    def push(self, frame: Frame, boxes: TrackedBoxes) -> list[WindowRead]:
        """Take in one frame; returns the reads of the round that it ends, if it ends one."""
        before, self._round = self._round, self._effort.round_of(frame.time_seconds)
        reads = self._read_round() if self._round != before else []
        with self._clock.stage("crop"):
            crops = cut_crops(frame, boxes, self._crop_settings, surroundings=self._reader.locates)
            windows = [window for crop in crops for window in self._windows.push(crop)]
            self._wait(windows + self._windows.evict(frame.time_seconds))
        with self._clock.stage("team"):
            self.teams.add(frame, boxes)
        return reads

    def flush(self) -> list[WindowRead]:
        """End of the video: read what is still buffered."""
        self._wait(self._windows.flush())
        return self._read_round()

    def _wait(self, windows: list[CropWindow]) -> None:
        self._waiting += [
            replace(window, expected=self._effort.settled_number(window.track_id))
            for window in windows
            if self._effort.wants(window.track_id)
        ]

    def _read_round(self) -> list[WindowRead]:
        windows, self._waiting = self._waiting, []
        with self._clock.stage("read"):
            reads = self._reader.push(windows) + self._reader.flush()
        with self._clock.stage("identify"):
            self._fuse(reads)
        return reads

    def _fuse(self, reads: list[WindowRead]) -> None:
        for read in reads:
            number = self.fuser.add(read)
            if number is not None:
                self._effort.hear(read.track_id, number)
        for track_id in dict.fromkeys(read.track_id for read in reads):
            identity = self.fuser.identity(track_id)
            self._effort.settle(identity)
            if identity.number is None:
                self.known.discard(track_id)
            else:
                self.known.add(track_id)
