"""Which tracks of a run a person should name, and what to show of them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from pipeline.crops import CropSettings, complete_cut_off, cut_square, jersey_regions
from pipeline.types import Frame, TrackedBoxes, UInt8Image, WindowRead
from recognizer.decode import NONE_INDEX, number_log_probs
from training.evaluation.contact_sheet import Strip, contact_sheet
from training.mixture.placing import square_round

PICTURES: Final = 5
"""Pictures of a track at the most."""
_READABLE: Final = 0.5
"""A window that shows no number with a lower probability may show one to a person."""
_REACH: Final = 2.0
"""Side of the pictures, in sides of the jersey region in their middle."""
_SIDE, _COLUMNS = 112, 2


class Likeliest(NamedTuple):
    """What a run says of a track that it gave no number."""

    team: str
    number: str
    """The likeliest one, empty where there is none."""
    confidence: float
    """Of it, 0 to 1; 0 where there is none."""


@dataclass(frozen=True, slots=True)
class Question:
    """A track that a person should name."""

    track_id: int
    likeliest: Likeliest
    windows: int
    """In which a number may be seen."""
    frames: tuple[int, ...]
    """In order: where it is seen best."""
    pictures: list[UInt8Image] = field(default_factory=list)
    """uint8 (h, h, 3) RGB, one of each of the frames once they are cut."""

    @property
    def caption(self) -> str:
        """What stands under its pictures."""
        _, number, confidence = self.likeliest
        guess = f"{number}? ({confidence:.2f})" if number else "?"
        return f"track {self.track_id}: {guess}  {self.likeliest.team}".rstrip()


def questions(reads: Iterable[WindowRead], unnamed: Mapping[int, Likeliest], count: int) -> list[Question]:
    """The tracks without a number whose number is seen longest, those seen longest first.

    Args:
        reads: windows of a run.
        unnamed: its tracks without a number.
        count: how many tracks at the most.
    """
    seen: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for read in reads:
        absent = float(np.exp(number_log_probs(read.tens, read.units)[NONE_INDEX]))
        if read.track_id in unnamed and absent < _READABLE:
            seen[read.track_id].append(((1.0 - absent) * read.quality, read.anchor_frame))
    longest = sorted(seen, key=lambda track: (-len(seen[track]), track))[:count]
    return [Question(track, unnamed[track], len(seen[track]), best_frames(seen[track])) for track in longest]


def best_frames(windows: Sequence[tuple[float, int]]) -> tuple[int, ...]:
    """The best frame of each of `PICTURES` equal parts of the windows, in order.

    >>> best_frames([(0.2, 10), (0.9, 25), (0.5, 40)])
    (10, 25, 40)

    Args:
        windows: how well each shows a number, and its frame; at least one.
    """
    ordered = sorted(windows, key=lambda window: window[1])
    parts = np.array_split(np.arange(len(ordered)), min(PICTURES, len(ordered)))
    return tuple(sorted({max(ordered[place] for place in part.tolist())[1] for part in parts}))


def show(asked: Sequence[Question], frames: Iterable[tuple[Frame, TrackedBoxes]], crops: CropSettings) -> None:
    """Cut the pictures of some tracks.

    Args:
        asked: get their pictures.
        frames: of the run, in order, with its boxes.
        crops: how its regions are cut.
    """
    wanted: dict[int, dict[int, Question]] = defaultdict(dict)
    for question in asked:
        for index in question.frames:
            wanted[index][question.track_id] = question
    for picture, boxes in frames:
        for track_id, box in zip(boxes.track_id.tolist(), boxes.xyxy, strict=True):
            if shown := wanted.get(picture.index, {}).get(track_id):
                whole = complete_cut_off(box[None], picture.size[1])
                square = square_round(jersey_regions(whole, crops)[0], _REACH)
                shown.pictures.append(cut_square(picture.bgr[:, :, ::-1], square))


def sheet(asked: Sequence[Question]) -> UInt8Image:
    """The page that a person looks at: uint8 (H, W, 3) RGB."""
    return contact_sheet([Strip(one.pictures, one.caption) for one in asked], _SIDE, _COLUMNS)
