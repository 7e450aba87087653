"""Writes the pictures of one sequence, cut into sub-folders at gaps and by length, the clearest of each its anchor."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from PIL import Image

from pipeline.types import Crop
from recognizer.checks import require_range
from training.data.layout import frame_name

_JPEG_QUALITY: Final = 95
"""Small pictures of small digits: nearly lossless, colour (`subsampling=0`) at full resolution."""

WINDOW_SECONDS: Final = 1.0
"""Time that a sub-folder of a track spans at most. Of a run of the sample match, five pictures drawn at random from one
span 0.72 s (median), those that the pipeline reads together 0.48 s; five drawn from an uncut track span 3.28 s."""

_CLOCK_SLACK_SECONDS: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Cutting:
    """How a sequence is cut into sub-folders."""

    gap_seconds: float | None = 2.0
    """Longest time from one picture of a sub-folder to the next; None: no limit in seconds."""
    gap_frames: int | None = None
    """Most frames from one picture to the next; None: no limit in frames."""
    max_seconds: float | None = None
    """A sub-folder's pictures lie within so much time, above 0 up to 3600, and more of it begins the next; None: no
    limit."""
    min_pictures: int = 1
    """Sub-folders with fewer pictures are left out: a track that brushes another player takes his number for a frame
    or two, and the end of a longer track makes no window."""

    def __post_init__(self) -> None:
        if self.gap_seconds is not None and not 0.0 < self.gap_seconds <= 3600.0:
            raise ValueError(f"gap_seconds is {self.gap_seconds}; allowed is above 0 up to 3600")
        if self.gap_frames is not None:
            require_range("gap_frames", self.gap_frames, 1, 1000)
        if self.max_seconds is not None and not 0.0 < self.max_seconds <= 3600.0:
            raise ValueError(f"max_seconds is {self.max_seconds}; allowed is above 0 up to 3600")
        require_range("min_pictures", self.min_pictures, 1, 1000)

    def is_gap(self, frames: int, seconds: float) -> bool:
        """Whether so many frames and seconds from one picture to the next begin another sub-folder.

        >>> Cutting(gap_seconds=2.0).is_gap(75, 3.0), Cutting(gap_seconds=None, gap_frames=100).is_gap(75, 3.0)
        (True, False)
        """
        too_long = self.gap_seconds is not None and seconds > self.gap_seconds
        return too_long or (self.gap_frames is not None and frames > self.gap_frames)

    def is_full(self, seconds: float) -> bool:
        """Whether a picture so long after a sub-folder's first one begins another.

        >>> Cutting(max_seconds=1.0).is_full(0.96), Cutting(max_seconds=1.0).is_full(1.0), Cutting().is_full(60.0)
        (False, True, False)
        """
        return self.max_seconds is not None and seconds >= self.max_seconds - _CLOCK_SLACK_SECONDS


class SubFolder(NamedTuple):
    """What one finished sub-folder holds."""

    name: str
    first_frame: int
    last_frame: int
    frames: int
    """Pictures in it."""


@dataclass(slots=True)
class _Open:
    """The sub-folder being written."""

    folder: Path
    first_frame: int
    last_frame: int
    first_seconds: float
    last_seconds: float
    best: Path
    best_name: str
    """Name the best picture gets once the sub-folder is done."""
    best_quality: float
    frames: int = 0


class SequenceWriter:
    """Writes one sequence; nothing but the open sub-folder's figures is kept in memory.

    Args:
        folder: the sequence's folder, made with the first picture.
        track: name of the track for the files' names: no slash, no '_anchor'.
        cutting: how the sequence is cut.
    """

    def __init__(self, folder: Path, track: str, cutting: Cutting) -> None:
        self._folder = folder
        self._track = track
        self._cutting = cutting
        self._done: list[SubFolder] = []
        self._open: _Open | None = None
        self.left_out = 0
        """Pictures in sub-folders that had too few."""

    @property
    def folder(self) -> Path:
        """Where the sub-folders stand."""
        return self._folder

    def add(self, crop: Crop) -> None:
        """Write the next picture; pictures come in order of time."""
        if self._open and self._begins_another(self._open, crop):
            self.cut()
        serial = self._open.frames if self._open else 0
        folder = self._open.folder if self._open else self._folder / str(len(self._done))
        path = folder / frame_name(self._track, crop.frame_index, serial, anchor=False)
        anchor = frame_name(self._track, crop.frame_index, serial, anchor=True)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop.rgb).save(path, quality=_JPEG_QUALITY, subsampling=0)
        if self._open is None:
            index, seconds = crop.frame_index, crop.time_seconds
            self._open = _Open(folder, index, index, seconds, seconds, path, anchor, crop.quality)
        elif crop.quality > self._open.best_quality:
            self._open.best, self._open.best_name, self._open.best_quality = path, anchor, crop.quality
        self._open.last_frame, self._open.last_seconds = crop.frame_index, crop.time_seconds
        self._open.frames += 1

    def _begins_another(self, now: _Open, crop: Crop) -> bool:
        frames, seconds = crop.frame_index - now.last_frame, crop.time_seconds - now.last_seconds
        return self._cutting.is_gap(frames, seconds) or self._cutting.is_full(crop.time_seconds - now.first_seconds)

    def cut(self) -> None:
        """End the sub-folder: mark its anchor. The next picture begins another."""
        if self._open is not None:
            now, self._open = self._open, None
            if now.frames < self._cutting.min_pictures:
                shutil.rmtree(now.folder)
                self.left_out += now.frames
                return
            now.best.rename(now.folder / now.best_name)
            self._done.append(SubFolder(now.folder.name, now.first_frame, now.last_frame, now.frames))

    def finish(self) -> list[SubFolder]:
        """End the sequence; returns its sub-folders, none where no picture was added."""
        self.cut()
        return list(self._done)
