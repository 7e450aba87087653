"""How well a network reads cut-out numbers of games and numbers in photos, without abstaining."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.crops import CropSettings
from pipeline.types import UInt8Image
from recognizer.decode import NONE_INDEX, number_log_probs
from recognizer.errors import InputError
from recognizer.labels import NUMBERS
from recognizer.reader import JerseyReader
from training.building.number_crops import on_cloth
from training.building.origin import digest
from training.building.photos import number_region
from training.evaluation.metrics import wilson_interval
from training.mixture.number_crops import Tracklet
from training.mixture.players import NumberPhoto
from training.synthesis.shirts import torso_share

Shown = Literal["tight", "on a shirt"]
"""What a picture shows: the number alone, as it was cut out; or the number where the pipeline's regions have it."""

SHOWN: Final[tuple[Shown, ...]] = ("tight", "on a shirt")

_LEAST_PICTURES = 5
_BATCH = 64


class NumberSetError(InputError):
    """Number crops or photos are missing."""


def require_number_sets(data: Path) -> None:
    """Make sure that a folder holds number crops of games and photos.

    Raises:
        NumberSetError: One of them is missing.
    """
    for table in (data / "soccernet_numbers" / "tracklets.csv", data / "jersey_photos" / "boxes.csv"):
        if not table.is_file():
            raise NumberSetError(f"{table} does not exist; give the folder that holds both data sets with --data.")


class Tally(NamedTuple):
    """How many numbers were read right."""

    right: int
    total: int
    errors: tuple[tuple[str, str], ...]
    """True and read number of the others."""

    @property
    def share(self) -> float:
        """Share read right, 0 to 1; 0 of nothing."""
        return self.right / self.total if self.total else 0.0

    def text(self) -> str:
        """Share, counts and 95 % interval.

        >>> Tally(9, 10, (("7", "1"),)).text()
        '0.900 (9 of 10, 95 % interval 0.596–0.982)'
        """
        low, high = wilson_interval(self.right, self.total)
        return f"{self.share:.3f} ({self.right} of {self.total}, 95 % interval {low:.3f}–{high:.3f})"


def tally(pairs: Iterable[tuple[str, str]]) -> Tally:
    """Count pairs of true and read numbers.

    >>> tally([("7", "7"), ("10", "19")])
    Tally(right=1, total=2, errors=(('10', '19'),))
    """
    pairs = list(pairs)
    errors = tuple((truth, read) for truth, read in pairs if truth != read)
    return Tally(len(pairs) - len(errors), len(pairs), errors)


def both(one: Tally, other: Tally) -> Tally:
    """Two tallies together."""
    return Tally(one.right + other.right, one.total + other.total, one.errors + other.errors)


def score_tracklets(reader: JerseyReader, tracklets: Iterable[Tracklet], shown: Shown) -> Tally:
    """Read tracklets of at least five pictures: windows that follow one another, log-probabilities summed.

    Args:
        reader: the network.
        tracklets: pictures of numbers; shorter ones are left out.
        shown: as they are, or put on cloth of their colour.
    """
    return tally(
        (one.number, fused_number(reader, [_show(picture, shown) for picture in one.pictures]))
        for one in tracklets
        if len(one.pictures) >= _LEAST_PICTURES
    )


def fused_number(reader: JerseyReader, pictures: Sequence[UInt8Image]) -> str:
    """The likeliest number of one player over all of his pictures.

    Args:
        reader: the network.
        pictures: uint8 (h, w, 3) RGB in order of time, at least one.
    """
    length = reader.info.window_length
    windows = [pictures[start : start + length] for start in range(0, len(pictures), length)]
    return _best(_window_log_probs(reader, windows).sum(axis=0))


def score_photos(reader: JerseyReader, photos: Sequence[NumberPhoto], shown: Shown) -> Tally:
    """Read single numbers in photos.

    Args:
        reader: the network.
        photos: numbers with their surroundings.
        shown: the number's box alone, or with as much shirt as the pipeline's regions show.
    """
    share = torso_share(CropSettings())
    pictures = [photo.cut_out() if shown == "tight" else _region_of(photo, i, share) for i, photo in enumerate(photos)]
    log_probs = _window_log_probs(reader, [[picture] for picture in pictures])
    return tally((photo.number, _best(row)) for photo, row in zip(photos, log_probs, strict=True))


def _region_of(photo: NumberPhoto, place: int, share: float) -> UInt8Image:
    return number_region(photo.image, photo.box, digest(photo.source, place), share, on_shirt=photo.on_shirt)


def _show(picture: UInt8Image, shown: Shown) -> UInt8Image:
    return picture if shown == "tight" else on_cloth(picture, CropSettings())


def _window_log_probs(reader: JerseyReader, windows: Sequence[Sequence[UInt8Image]]) -> NDArray[np.float64]:
    """float64 (N, 102), a row for each window."""
    starts = range(0, len(windows), _BATCH)
    return np.concatenate([_read(reader, windows[start : start + _BATCH]) for start in starts])


def _read(reader: JerseyReader, windows: Sequence[Sequence[UInt8Image]]) -> NDArray[np.float64]:
    size, length = reader.preprocess.size, reader.info.window_length
    rgb = np.zeros((len(windows), length, size, size, 3), np.uint8)
    valid = np.zeros((len(windows), length), np.bool_)
    for i, window in enumerate(windows):
        for j, picture in enumerate(window):
            rgb[i, j], valid[i, j] = reader.preprocess.apply(picture), True
    output = reader.read(rgb, valid)
    return number_log_probs(output.tens, output.units)


def _best(log_probs: NDArray[np.float64]) -> str:
    return NUMBERS[int(log_probs[:NONE_INDEX].argmax())]


def frequent_errors(errors: Iterable[tuple[str, str]]) -> str:
    """The eight most frequent errors.

    >>> frequent_errors([("28", "26"), ("7", "1"), ("28", "26")])
    '28 as 26 (2), 7 as 1 (1)'
    """
    return ", ".join(f"{truth} as {read} ({count})" for (truth, read), count in Counter(errors).most_common(8))
