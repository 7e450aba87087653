"""Learns the match's own numerals from tracks whose number is known, and reads all windows again.

At the end of the first pass a few tracks of each player have shown their number so plainly that it is known. The
recognizer's digit heads learn from their crops (`recognizer.head_adaptation`), and what every window was read from,
which was kept on disk, is read once more: another track of the same player, or of another one in the same kit, is then
read more surely (training/LOG.md). Nothing learnt outlasts the video.
"""

import copy
import logging
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.identity import IdentityFuser
from pipeline.reading import WindowReader, pooled
from pipeline.results.outputs import line_of_read, read_of_line, rewrite_lines
from pipeline.types import FloatArray, WindowFeatures, WindowRead
from recognizer.checks import require_choice, require_range
from recognizer.decode import number_log_probs, split_readable
from recognizer.head_adaptation import Examples, adapt_heads
from recognizer.labels import NUMBERS
from recognizer.model import JerseyTemporalNet
from recognizer.pooling import read_pooled

logger = logging.getLogger(__name__)

_NAMED_FROM: Final = 0.3
"""Least probability of the track's number in a window whose crops are taken to show it."""
_BLANK_FROM: Final = 0.6
"""Least probability of none in a window whose crops are taken to show none."""
_MOST_NAMED, _MOST_BLANK, _MOST_OTHERS = 200, 500, 2000
"""Crops that are kept as examples: of each number, without one, of all kinds."""
_TOGETHER: Final = 64
"""Windows read again at a time."""


@dataclass(frozen=True, slots=True)
class AdaptationSettings:
    """Whether and how the recognizer learns the numerals of the match."""

    enabled: bool = True
    """Whether it does so at all. What windows were read from is kept on disk until then: with the settings
    that ship about 10 kB for each."""
    min_confidence: float = 0.85
    """Least confidence, 0 to 1, of the tracks that are learnt from, all of which were given a number."""
    min_numbers: int = 2
    """Least different numbers that must be known, 1 to 101: from one alone nothing is learnt but that one."""
    steps: int = 60
    """Training steps, 1 to 10000; some hundreds take a second."""
    learning_rate: float = 3e-4
    """Of the training steps, above 0 up to 0.1."""
    stay: float = 2.0
    """How much it counts, 0 to 100, that of all other crops the same is said as before; with less of it more tracks get
    a number, and more of them a wrong one."""

    def __post_init__(self) -> None:
        require_choice("enabled", self.enabled, (True, False))
        require_range("min_confidence", self.min_confidence, 0, 1)
        require_range("min_numbers", self.min_numbers, 1, len(NUMBERS))
        require_range("steps", self.steps, 1, 10000)
        require_range("stay", self.stay, 0, 100)
        if not 0.0 < self.learning_rate <= 0.1:
            raise ValueError(f"learning_rate is {self.learning_rate}; allowed is above 0 up to 0.1")


class FeatureFile:
    """What each window was read from, in a file without a name; memory grows by eight bytes a window.

    Args:
        folder: Where there is room for the file, with the settings that ship about 10 kB for each window.
    """

    def __init__(self, folder: Path) -> None:
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115  # closed with this
        self._starts = array("q")

    def close(self) -> None:
        """Give the room back."""
        self._file.close()

    def __len__(self) -> int:
        """Windows so far."""
        return len(self._starts)

    def add(self, reads: Iterable[WindowRead]) -> None:
        """Append what each of them was read from, where they carry it."""
        for read in reads:
            self._starts.append(-1 if read.features is None else self._file.tell())
            if read.features is not None:
                np.save(self._file, read.features.crops)
                np.save(self._file, read.features.found)

    def __iter__(self) -> Iterator[WindowFeatures | None]:
        """All windows', in the order they were added."""
        for start in self._starts:
            if start < 0:
                yield None
                continue
            self._file.seek(start)
            yield WindowFeatures(np.load(self._file), np.load(self._file))


class _Sample:
    """A few of many, each as likely as any other (Vitter 1985, Random sampling with a reservoir)."""

    def __init__(self, size: int) -> None:
        self._size, self._draw = size, np.random.default_rng(0)
        self._offered = 0
        self.kept: list[NDArray[np.float16]] = []

    def offer(self, items: NDArray[np.float16]) -> None:
        """Take some of the rows, float16 (N, C), or none."""
        for item in items:
            self._offered += 1
            if len(self.kept) < self._size:
                self.kept.append(item)
            elif (place := int(self._draw.integers(self._offered))) < self._size:
                self.kept[place] = item


def read_again(
    reads: Path,
    features: FeatureFile,
    fuser: IdentityFuser,
    reader: WindowReader,
    settings: AdaptationSettings,
    doubtful: Collection[int] = (),
) -> tuple[IdentityFuser, list[str]]:
    """Learn from the tracks whose number is known, read every window once more and add the reads up anew.

    Args:
        reads: The file of `ReadLog`; it is rewritten.
        features: Of its reads, in their order.
        fuser: What added them up.
        reader: What read them; it stays as it is.
        settings: How to learn.
        doubtful: Tracks that are not to be learnt from.

    Returns:
        What added the new reads up, and the numbers that were learnt from; the old one and none where too few are
        known.
    """
    model = copy.deepcopy(reader.adaptable)
    examples = _examples(reads, features, fuser, settings, doubtful)
    if model is None or examples is None:
        return fuser, []
    examples = examples.to(reader.device)
    taught_by = sorted(set(examples.numbers), key=NUMBERS.index)
    logger.info("Learning the numerals of %s from %d crops.", ", ".join(taught_by), len(examples.numbers))
    adapt_heads(model, examples, steps=settings.steps, learning_rate=settings.learning_rate, stay=settings.stay)
    digits = _read(model, features, reader.info.temperature, reader.device)
    again = fuser.empty()

    def renewed(line: str) -> str:
        read, found = read_of_line(line), next(digits)
        if found is not None:
            read = replace(read, tens=found[0], units=found[1])
            line = line_of_read(read)
        again.add(read)
        return line

    rewrite_lines(reads, renewed)
    return again, taught_by


def _examples(
    reads: Path, features: FeatureFile, fuser: IdentityFuser, settings: AdaptationSettings, doubtful: Collection[int]
) -> Examples | None:
    """Crops to learn from; None where too few numbers are known."""
    named: dict[str, _Sample] = {}
    blank, others = _Sample(_MOST_BLANK), _Sample(_MOST_OTHERS)
    known: dict[int, str | None] = dict.fromkeys(doubtful)
    with reads.open(encoding="utf-8") as lines:
        for line, seen in zip(lines, features, strict=True):
            if seen is None:
                continue
            read = read_of_line(line)
            if read.track_id not in known:
                known[read.track_id] = _known_number(fuser, read.track_id, settings)
            number = known[read.track_id]
            readable, numbers = split_readable(number_log_probs(read.tens, read.units))
            for crops in seen.crops:
                others.offer(crops)
                if readable < 1.0 - _BLANK_FROM:
                    blank.offer(crops)
                if number is not None and readable * numbers[NUMBERS.index(number)] >= _NAMED_FROM:
                    named.setdefault(number, _Sample(_MOST_NAMED)).offer(crops[seen.found])
    shown = {number: sample.kept for number, sample in named.items() if sample.kept}
    if len(shown) < settings.min_numbers:
        return None
    return Examples(
        named=_stacked([crop for kept in shown.values() for crop in kept]),
        numbers=[number for number, kept in shown.items() for _ in kept],
        blank=_stacked(blank.kept, width=len(others.kept[0])),
        others=_stacked(others.kept),
    )


def _known_number(fuser: IdentityFuser, track_id: int, settings: AdaptationSettings) -> str | None:
    identity = fuser.identity(track_id)
    return identity.number if identity.confidence >= settings.min_confidence else None


def _stacked(crops: list[NDArray[np.float16]], width: int = 0) -> torch.Tensor:
    """Features as float32 (N, C); `width` is C where there may be none."""
    return torch.from_numpy(np.stack(crops) if crops else np.zeros((0, width), np.float16)).float()


def _read(
    model: JerseyTemporalNet, features: FeatureFile, temperature: float, device: torch.device
) -> Iterator[tuple[FloatArray, FloatArray] | None]:
    """What the heads say of each window: log-probabilities (11,) of its tens and units; None where there are none."""
    upcoming = iter(features)
    while some := list(islice(upcoming, _TOGETHER)):
        alike: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for place, window in enumerate(some):
            if window is not None:
                alike[window.crops.shape].append(place)
        digits: list[tuple[FloatArray, FloatArray] | None] = [None] * len(some)
        for places in alike.values():
            crops = np.stack([window.crops for place in places if (window := some[place]) is not None], axis=1)
            for place, found in zip(places, _read_together(model, crops, temperature, device), strict=True):
                digits[place] = found
        yield from digits


@torch.inference_mode()
def _read_together(
    model: JerseyTemporalNet, crops: NDArray[np.float16], temperature: float, device: torch.device
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Windows of as many crops and zooms each, float16 (zooms, windows, crops, C)."""
    valid = torch.ones(crops.shape[1:3], dtype=torch.bool, device=device)
    outputs = [read_pooled(model, torch.from_numpy(each).to(device).float(), valid, temperature) for each in crops]
    tens, units = (pooled([output[digit].cpu().numpy() for output in outputs]) for digit in (0, 1))
    return zip(tens, units, strict=True)
