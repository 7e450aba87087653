"""The SoccerNet jersey protocol: one number, or -1, for each tracklet; plain accuracy with -1 as a class.

The windows of a tracklet are cut, read and fused by the pipeline's own stages; see `training.evaluation.tracklets` for
what a tracklet is.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import torch

from pipeline.crops import CropSettings, sharpness
from pipeline.identity import Identity, IdentityFuser
from pipeline.media.video_source import ASSUMED_RATE
from pipeline.reading import WindowReader
from pipeline.settings import Settings
from pipeline.types import Crop, UInt8Image
from pipeline.windows import WindowBuffer
from training.building.pictures import crop_of_player, frame_of, read_rgb
from training.evaluation.metrics import wilson_interval
from training.evaluation.text import Cell, table
from training.evaluation.tracklets import Protocol, ProtocolError, Shows, Tracklet, find_tracklets

NO_NUMBER: Final = -1
"""The protocol's sign for a tracklet in which nobody can read a number."""

_EVERY_PICTURE: Final = (
    "windows.spacing_seconds=0",
    "identity.min_reads=1",
    "identity.min_readable=0.25",
    "identity.min_votes=0",
)
SETTINGS: Final = (*_EVERY_PICTURE, "reader.glance=0", "identity.min_confidence=0.5", "identity.min_agreement=0.5")
"""What the protocol changes in the pipeline's settings: a tracklet may be a handful of pictures, and each counts; a
missed number costs as much there as a wrong one."""

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Result:
    """Predictions, and how good they are where the truth is known."""

    identities: Mapping[str, Identity]
    """By tracklet, in natural order."""
    truth: Mapping[str, str | None] | None
    """Number of each scored tracklet, None for -1; None where no truth is known."""
    unreadable: int
    """Pictures that could not be decoded."""

    @property
    def predictions(self) -> dict[str, int]:
        """The challenge's file: a whole number by tracklet, -1 for none ('00' is 0 there)."""
        return {name: as_int(identity.number) for name, identity in self.identities.items()}

    def record(self) -> dict[str, Any]:
        """Everything as JSON values."""
        tracklets = {
            name: {
                "prediction": as_int(identity.number),
                "status": identity.status,
                "likeliest": identity.best,
                "confidence": identity.confidence,
                "windows": identity.n_reads,
            }
            for name, identity in self.identities.items()
        }
        scores = {name: score._asdict() for name, score in self.scores().items()}
        return {"scores": scores, "unreadable_pictures": self.unreadable, "tracklets": tracklets}

    def scores(self) -> dict[str, "Score"]:
        """Accuracy of the predictions, of the likeliest number whatever its confidence, and of constant answers."""
        if self.truth is None:
            return {}
        truth = {name: as_int(number) for name, number in self.truth.items()}
        likeliest = {name: as_int(identity.best) for name, identity in self.identities.items()}
        most = Counter(truth.values()).most_common(1)[0][0]
        answers: dict[str, Mapping[str, int]] = {
            "prediction": self.predictions,
            "likeliest, however unsure": likeliest,
            "always -1": dict.fromkeys(truth, NO_NUMBER),
            f"always {most} (the most frequent)": dict.fromkeys(truth, most),
        }
        return {name: score(answer, truth) for name, answer in answers.items()}

    def markdown(self) -> str:
        """A report for people."""
        states = Counter(identity.status for identity in self.identities.values())
        lines = [f"# SoccerNet protocol: {len(self.identities):,} tracklets"]
        if self.unreadable:
            lines.append(f"Pictures that cannot be read and were skipped: {self.unreadable:,}.")
        lines.append(table(["status", "tracklets"], [[state, count] for state, count in states.most_common()]))
        if self.truth is None:
            return "\n\n".join([*lines, "No truth is known, so nothing was scored."]) + "\n"
        header = ["answer", "accuracy", "95 % interval", "with a number", "without (-1)", "wrong numbers", "missed"]
        rows: list[list[Cell]] = [
            [name, one.accuracy, f"{one.low:.3f}–{one.high:.3f}", one.readable, one.unreadable, one.wrong, one.missed]
            for name, one in self.scores().items()
        ]
        return "\n\n".join([*lines, table(header, rows)]) + "\n"


class Score(NamedTuple):
    """Tracklet accuracy of one set of answers."""

    accuracy: float
    """Share of all tracklets that is right, -1 included."""
    low: float
    """Lower end of its 95 % Wilson interval."""
    high: float
    readable: float | None
    """Share of the tracklets with a number that is right; None where there is none."""
    unreadable: float | None
    """Share of the tracklets without (-1) that is right; None where there is none."""
    wrong: int
    """Tracklets given a number that is not theirs."""
    missed: int
    """Tracklets with a number given -1."""
    tracklets: int


def as_int(number: str | None) -> int:
    """A jersey number in the protocol's form.

    >>> as_int("10"), as_int("00"), as_int(None)
    (10, 0, -1)
    """
    return NO_NUMBER if number is None else int(number)


def score(answers: Mapping[str, int], truth: Mapping[str, int]) -> Score:
    """Plain tracklet accuracy with -1 as a class; a tracklet without an answer counts as -1.

    >>> score({"0": 10, "1": 7}, {"0": 10, "1": -1}).accuracy
    0.5

    Args:
        answers: By tracklet; those that the truth does not name are passed over.
        truth: By tracklet, at least one.

    Raises:
        ValueError: There is nothing to score.
    """
    if not truth:
        raise ValueError("there is no tracklet to score")
    pairs = [(answers.get(name, NO_NUMBER), number) for name, number in truth.items()]
    right = sum(answer == number for answer, number in pairs)
    low, high = wilson_interval(right, len(pairs))
    return Score(
        accuracy=right / len(pairs),
        low=low,
        high=high,
        readable=_share([answer == number for answer, number in pairs if number != NO_NUMBER]),
        unreadable=_share([answer == number for answer, number in pairs if number == NO_NUMBER]),
        wrong=sum(answer not in (NO_NUMBER, number) for answer, number in pairs),
        missed=sum(answer == NO_NUMBER != number for answer, number in pairs),
        tracklets=len(pairs),
    )


def run_protocol(protocol: Protocol, settings: Settings, device: torch.device, progress: Progress) -> Result:
    """Predict every tracklet, and find its truth.

    Args:
        protocol: Pictures and truth.
        settings: The pipeline's, with `SETTINGS`; its detector, tracker and teams are not used.
        device: Where the network runs.
        progress: Called after each tracklet.

    Raises:
        InputError: Pictures, truth, settings or checkpoint cannot be used.
    """
    tracklets, truth, shows = find_tracklets(protocol)
    reader, fuser, lost = WindowReader(settings.reader, device), IdentityFuser(settings.identity), 0
    for place, tracklet in enumerate(tracklets):
        buffer = WindowBuffer(settings.windows, reader.preprocess)
        for crop in _crops(tracklet, shows, settings.crops, located=reader.locates):
            if crop is None:
                lost += 1
                continue
            for read in reader.push(buffer.push(dataclasses.replace(crop, track_id=place))):
                fuser.add(read)
        for read in reader.push(buffer.flush()):
            fuser.add(read)
        progress(1)
    for read in reader.flush():
        fuser.add(read)
    identities = {tracklet.name: fuser.identity(place) for place, tracklet in enumerate(tracklets)}
    if lost == sum(len(tracklet.files) for tracklet in tracklets):
        raise ProtocolError(f"None of the {lost:,} pictures in {protocol.images} can be read; give readable ones.")
    return Result(identities, truth, lost)


def _crops(tracklet: Tracklet, shows: Shows, settings: CropSettings, *, located: bool) -> Iterator[Crop | None]:
    """What each picture gives to read; None for one that cannot be decoded. Players too small give nothing."""
    for place, file in enumerate(tracklet.files):
        rgb = read_rgb(file)
        if rgb is None:
            yield None
            continue
        index = frame_of(file, place)
        if shows == "players":
            crop = crop_of_player(rgb, index, settings, surroundings=located)
        else:
            crop = _crop_as_it_is(rgb, index, settings)
        if crop is not None:
            yield crop


def _crop_as_it_is(rgb: UInt8Image, frame_index: int, settings: CropSettings) -> Crop:
    """A whole picture as a crop; quality is size x sharpness of its middle square, as of one that nobody hides."""
    height, width = rgb.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    size_share = min(1.0, max(height, width) / settings.full_side)
    quality = size_share * sharpness(rgb[top : top + side, left : left + side])
    return Crop(0, frame_index, float(frame_index / ASSUMED_RATE), rgb, quality)


def _share(hits: Sequence[bool]) -> float | None:
    return sum(hits) / len(hits) if hits else None
