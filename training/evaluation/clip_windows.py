"""Windows of labelled match clips, and what a network gains from a window over one of its pictures."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.crops import CropSettings, jersey_regions, sharpness
from pipeline.types import UInt8Image
from recognizer.decode import number_log_probs
from recognizer.labels import encode
from recognizer.reader import JerseyReader
from training.data.clip_labels import Verdict
from training.evaluation.metrics import outcomes_of
from training.mixture.players import Track, load_clip_tracks
from training.synthesis.augment import cut_region

_LENGTH = 5
_STEP = 2
_EVERY = 10


class LabelledWindow(NamedTuple):
    """Five pictures of one player, two frames apart."""

    regions: list[UInt8Image]
    """Jersey regions, each uint8 (s, s, 3) RGB, at most five."""
    number: str | None
    """The number that can be read in most of them; None where it can be read in none."""
    worn: str | None = None
    """The number on the shirt, legible here or not; None where nobody knows."""


def clip_windows(clip: Path, crops: CropSettings) -> list[LabelledWindow]:
    """The windows of a clip with `NAME.boxes.csv` and `NAME.labels.csv` beside it, cut from the labelled boxes.

    One begins every ten frames of a player. Windows in which a person reads the number in few pictures are left out.
    """
    tracks = load_clip_tracks(clip, clip.with_suffix(".boxes.csv"), clip.with_suffix(".labels.csv"))
    return [window for track in tracks for window in track_windows(track, crops)]


def track_windows(track: Track, crops: CropSettings) -> Iterator[LabelledWindow]:
    """The windows of one player; see `clip_windows`."""
    extent = (_LENGTH - 1) * _STEP
    for first in range(0, len(track.images) - extent, _EVERY):
        picks = range(first, first + extent + 1, _STEP)
        legible = sum(track.verdicts[place] is Verdict.LEGIBLE for place in picks)
        numbers = {track.numbers[place] for place in picks} - {None}
        unreadable = all(track.verdicts[place] is Verdict.UNREADABLE for place in picks)
        if unreadable or (2 * legible > _LENGTH and len(numbers) == 1):
            worn = {track.worn[place] for place in picks}
            regions = [_region(track, place, crops) for place in picks]
            yield LabelledWindow(regions, numbers.pop() if numbers else None, worn.pop() if len(worn) == 1 else None)


def _region(track: Track, place: int, crops: CropSettings) -> UInt8Image:
    square = jersey_regions(track.boxes[place][None], crops)[0]
    return cut_region(track.images[place], square, max(1, round(float(square[2] - square[0]))))


class Gain(NamedTuple):
    """Windows whose number (none is one) was read right: as a whole, and from one of their pictures alone."""

    total: int
    window: int
    surest: int
    """From the picture whose own read is surest."""
    sharpest: int
    """From the sharpest picture."""
    readable: int
    """Windows with a readable number, of all."""

    def plus(self, other: "Gain") -> "Gain":
        """Both together."""
        return Gain._make(one + two for one, two in zip(self, other, strict=True))


NO_GAIN = Gain(0, 0, 0, 0, 0)


def measure_gain(reader: JerseyReader, windows: Iterable[LabelledWindow]) -> Gain:
    """Read windows whole and picture by picture."""
    counts = NO_GAIN
    for window in windows:
        pictures = _prepare(reader, window)
        truth = int(outcomes_of(np.array([encode(window.number)]))[0])
        whole = _outcomes(reader, pictures[None])[0].argmax()
        singles = _outcomes(reader, pictures[:, None])
        surest, sharpest = int(singles.max(axis=1).argmax()), int(np.argmax([sharpness(p) for p in pictures]))
        right = Gain(
            total=1,
            window=int(whole == truth),
            surest=int(singles[surest].argmax() == truth),
            sharpest=int(singles[sharpest].argmax() == truth),
            readable=int(window.number is not None),
        )
        counts = counts.plus(right)
    return counts


def read_whole(reader: JerseyReader, window: LabelledWindow) -> NDArray[np.float64]:
    """Log-probabilities (102,) of a window over `recognizer.decode.OUTCOMES`."""
    outcomes = _outcomes(reader, _prepare(reader, window)[None])
    return outcomes.reshape(-1)


def _prepare(reader: JerseyReader, window: LabelledWindow) -> NDArray[np.uint8]:
    """uint8 (T, S, S, 3)."""
    return np.stack([reader.preprocess.apply(region) for region in window.regions])


def _outcomes(reader: JerseyReader, rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """float64 (N, 102) log-probabilities of windows (N, T, S, S, 3)."""
    output = reader.read(rgb, np.ones(rgb.shape[:2], np.bool_))
    return number_log_probs(output.tens, output.units)
