"""Builds the data-set trees of the unseen-numbers test from real digits, photos and drawn numbers.

Nothing stands on both sides: torsos come from different matches, cut-out digits from different games, photos from
different sources, drawn numbers from typefaces of different families.
"""

import logging
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, product
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from pipeline.crops import CropSettings
from pipeline.types import UInt8Image
from recognizer.checks import require_range
from recognizer.labels import NUMBERS
from training.data.layout import frame_name
from training.mixture.composition import join_digits, shirt_colours
from training.mixture.drawn import DrawSource
from training.mixture.number_crops import load_number_crops, load_turned_crops
from training.mixture.pasted import PasteSource
from training.mixture.players import NumberPhoto, Track, load_photos
from training.mixture.recipe import LABELS, MixtureSettings, load_labelled_clips, require_folders
from training.mixture.sources import PhotoSource, Regions, Source, TrackSource
from training.synthesis.augment import shrink, tilt
from training.synthesis.codec import as_jpeg
from training.synthesis.looks import Look, Rng, expose
from training.synthesis.shirts import TORSO_SIDE
from training.synthesis.typefaces import Typefaces, installed

logger = logging.getLogger(__name__)

_TORSO = CropSettings(side_of_height=TORSO_SIDE, side_of_width=0.45, centre_y=0.32)
"""Regions that the torso fills: what is tested is reading, not finding the number."""
_SUBFOLDERS = 2
_FRAMES = 5
_SAME_MATCH = {"american_football_b": "american_football_a"}
"""Clips that show the same teams in the same colours, and perhaps one match."""


@dataclass(frozen=True, slots=True)
class UnseenData:
    """What the two trees hold."""

    data: str = "data"
    """Folder with the unpacked data sets: jersey_photos, soccernet_numbers, basketball_numbers."""
    clips: str = "clips"
    """Folder with the match clips that `training/labels` speaks of; the torsos are cut from them."""
    train_numbers: tuple[str, ...] = ("4", "6", "8", "9", "49", "66", "89")
    """Numbers to train on."""
    test_numbers: tuple[str, ...] = ("48", "64", "88")
    """Numbers that are never trained on; their digits are."""
    without_tens: float = 0.939
    """Share of the training sequences that have no tens digit, as in the seed's data."""
    train_sequences: int = 1200
    """Sequences to train on, each of two sub-folders of five pictures."""
    test_sequences: int = 150
    """Sequences of unseen numbers to test on, and as many of the seen ones."""
    composed_sequences: int = 4800
    """Sequences of two-digit numbers composed of two trained digits, for the recipes that compose."""
    digit_sequences: int = 5000
    """Sequences of the digits 0 to 9, always alone, that every recipe's common start is trained on."""
    seed: int = 0
    """Chooses and draws."""

    def __post_init__(self) -> None:
        for name in ("train_numbers", "test_numbers"):
            for number in getattr(self, name):
                if number not in NUMBERS:
                    raise ValueError(f"{name} holds {number!r}; allowed are '0' to '99' and '00'")
        for digits in (1, 2):
            if not any(len(number) == digits for number in self.train_numbers):
                raise ValueError(f"train_numbers is {list(self.train_numbers)}; it needs one of {digits} digit(s) too")
        if not self.test_numbers:
            raise ValueError("test_numbers is empty; allowed are '0' to '99' and '00'")
        if both := sorted({*self.train_numbers} & {*self.test_numbers}):
            raise ValueError(f"test_numbers holds {both[0]!r}, which train_numbers holds too; only one may")
        require_range("without_tens", self.without_tens, 0.0, 1.0)
        for name in ("train_sequences", "test_sequences", "composed_sequences", "digit_sequences"):
            require_range(name, getattr(self, name), 1, 90_000)  # their names have five digits
        require_range("seed", self.seed, 0, 2**31 - 1)


class Side(NamedTuple):
    """The material of one side of the split."""

    torsos: Regions
    fonts: tuple[Path, ...]
    digits: dict[str, list[list[UInt8Image]]]
    """Tracklets of real cut-out numbers by number: of a game's crops, and of photos one each."""
    photos: list[NumberPhoto]
    """Photos that show the shirt round their one number."""


def load_sides(settings: UnseenData) -> tuple[Side, Side]:
    """Load the material and part it into a training and a test side.

    Raises:
        MixtureError: A data set is missing.
    """
    data = Path(settings.data)
    require_folders(MixtureSettings(data=settings.data, clips=settings.clips), "data.data and data.clips")
    tracks = load_labelled_clips(MixtureSettings(data=settings.data, clips=settings.clips))
    matches = sorted({_match_of(track) for track in tracks})
    torsos = [
        TrackSource([t for t in tracks if _match_of(t) in matches[i::2]], _TORSO, 0.0).torsos(1500, settings.seed)
        for i in range(2)
    ]
    families = sorted({font_family(path) for path in installed().files})
    fonts = [tuple(f for f in installed().files if font_family(f) in families[i::2]) for i in range(2)]
    train_digits, test_digits = (load_number_crops(data / "soccernet_numbers", [game], every=3) for game in "AC")
    for number, crops in load_turned_crops(data / "basketball_numbers", LABELS / "basketball_numbers.csv").items():
        train_digits.setdefault(number, []).extend(crops)
    photos = load_photos(data / "jersey_photos")
    tested = {p.source for p in photos if p.number in settings.test_numbers}
    tested |= set(sorted({p.source for p in photos} - tested)[::3])
    sides = [[p for p in photos if (p.source in tested) is on_test] for on_test in (False, True)]
    for digits, side in zip((train_digits, test_digits), sides, strict=True):
        for photo in side:
            digits.setdefault(photo.number, []).append([photo.cut_out()])
    shown = [[photo for photo in side if photo.on_shirt] for side in sides]
    return Side(torsos[0], fonts[0], train_digits, shown[0]), Side(torsos[1], fonts[1], test_digits, shown[1])


def _match_of(track: Track) -> str:
    return _SAME_MATCH.get(track.match, track.match)


def font_family(font: Path) -> str:
    """The family a font file's name speaks of, whatever folder, style or version it has.

    >>> font_family(Path("truetype/play/Play-Bold.ttf")), font_family(Path("LiberationSansNarrow-Regular.ttf"))
    ('play', 'liberation')
    """
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", font.stem)
    return words[0].lower() if words else font.stem.lower()


def pair_crops(rng: Rng, left: Sequence[UInt8Image], right: Sequence[UInt8Image], count: int) -> list[UInt8Image]:
    """Two-digit numbers composed of real cut-out digits: of like cloth and ink, side by side at one height.

    Args:
        rng: source of chance.
        left: pictures of the tens digit, uint8 (h, w, 3).
        right: pictures of the units digit.
        count: how many pairs.

    Returns:
        uint8 (h, w, 3) pictures, as high as their left half.
    """
    ones, twos = (np.stack([shirt_colours(picture) for picture in pictures]) for pictures in (left, right))
    pairs = []
    for _ in range(count):
        first = int(rng.integers(len(left)))
        near = np.argsort(((twos - ones[first]) ** 2).sum(axis=1))[: max(1, len(right) // 10)]
        second = int(rng.choice(near))
        one, two = left[first], right[second]
        inner = rng.uniform(0.0, 0.2)  # number crops have a margin that two digits of one number share
        cut_one, cut_two = round(inner * one.shape[1]), round(inner * two.shape[1])
        pairs.append(join_digits(one[:, : one.shape[1] - cut_one], two[:, cut_two:]))
    return pairs


def sources_of(rng: Rng, side: Side, number: str) -> list[Source]:
    """Everything that can show one number: real digits laid onto torsos, photos, drawn digits."""
    sources = composed_sources(rng, side, number)
    if crops := side.digits.get(number):
        sources.append(PasteSource({number: crops}, side.torsos))
    photos = [photo for photo in side.photos if photo.number == number]
    return [*sources, PhotoSource(photos)] if photos else sources


def composed_sources(rng: Rng, side: Side, number: str) -> list[Source]:
    """What can show a number without a picture of it: its digits drawn, or real ones set side by side."""
    sources: list[Source] = [DrawSource(side.torsos, 0.0, [number], Typefaces(side.fonts, 0.0), readable=True)]
    if len(number) == 2 and all(side.digits.get(digit) for digit in number):
        left, right = (list(chain.from_iterable(side.digits[digit])) for digit in number)
        pairs = pair_crops(rng, left, right, 300)
        sources.append(PasteSource({number: [pairs]}, side.torsos))  # a sequence shows several pairs
    return sources


def write_tree(root: Path, sources: dict[str, list[Source]], shares: dict[str, float], count: int, seed: int) -> None:
    """Write a data-set tree; numbers in the given shares, the sources of each taken in turn.

    Args:
        root: folder; what it holds stays.
        sources: what shows each number.
        shares: share of each number among the sequences.
        count: how many sequences, at least one for each number.
        seed: chooses and draws; sequences of another seed have other names.
    """
    rng = np.random.default_rng(seed)
    serial = 0
    for number, share in shares.items():
        for turn in range(max(1, round(share * count))):
            source = sources[number][turn % len(sources[number])]
            write_sequence(rng, root / number, source, f"{seed}{serial:05d}")
            serial += 1
    logger.info("%s: %d sequences", root, serial)


def write_sequence(rng: Rng, folder: Path, source: Source, serial: str) -> None:
    """One shirt filmed for ten frames, in two sub-folders."""
    look = readable_look(rng)
    regions, _ = source.window(rng, _SUBFOLDERS * _FRAMES, look.side)
    name = f"player_{serial}_seq_{serial}"
    for place, region in enumerate(regions):
        subdir = folder / name / str(place // _FRAMES)
        subdir.mkdir(parents=True, exist_ok=True)
        picture = tilt(rng, shrink(region.image, look.side), angle=3.0, shear=0.03, squeeze=0.05)
        picture = as_jpeg(expose(picture, look), look.jpeg_quality)
        file = subdir / frame_name(serial, place, place % _FRAMES, anchor=place % _FRAMES == 0)
        cv2.imwrite(str(file), np.ascontiguousarray(picture[:, :, ::-1]))


def readable_look(rng: Rng) -> Look:
    """Conditions in which a person reads the number: what is tested is reading, not abstaining."""
    side = int(rng.integers(44, 97))
    return Look(
        side=side,
        resolved=side,
        halo=0.0,
        mix=np.eye(3, dtype=np.float32),
        negative=False,
        gain=np.full(3, rng.uniform(0.85, 1.15), np.float32),
        offset=float(rng.normal(0.0, 5.0)),
        gamma=float(np.exp(rng.normal(0.0, 0.08))),
        jpeg_quality=int(rng.integers(60, 96)),
        crf=0,
        noise=0.0,
        blur=0.0,
    )


def build_trees(settings: UnseenData, root: Path) -> None:
    """Write four trees.

    `root/digits`: single digits, the common start of all recipes. `root/shirts`: the numbers trained on and, on the
    test side's shirts, the numbers that are tested, which training leaves out by their class. `root/seen`: the
    trained numbers on the test side's shirts. `root/composed`: the training side of `shirts`, and every pair of the
    trained digits, composed of training-side digits and typefaces; the tested numbers are among these pairs.
    """
    train, test = load_sides(settings)
    rng, seed = np.random.default_rng(settings.seed), settings.seed
    digits = [str(digit) for digit in range(10)]
    shown = {number: sources_of(rng, train, number) for number in sorted({*digits, *settings.train_numbers})}
    write_tree(root / "digits", shown, dict.fromkeys(digits, 0.1), settings.digit_sequences, seed)
    write_tree(root / "shirts", shown, training_shares(settings), settings.train_sequences, seed)
    copy_tree(root / "shirts", root / "composed")
    pairs = composed_numbers(settings.train_numbers)
    composed = {number: composed_sources(rng, train, number) for number in pairs}
    even = dict.fromkeys(pairs, 1 / len(pairs))
    write_tree(root / "composed", composed, even, settings.composed_sequences, seed + 2)
    for name, numbers in (("seen", settings.train_numbers), ("shirts", settings.test_numbers)):
        tested = {number: sources_of(rng, test, number) for number in numbers}
        write_tree(root / name, tested, dict.fromkeys(numbers, 1 / len(numbers)), settings.test_sequences, seed + 1)


def training_shares(settings: UnseenData) -> dict[str, float]:
    """Share of each trained number: those without a tens digit have `without_tens` of all among them."""
    two_digits = [number for number in settings.train_numbers if len(number) == 2]
    one_digit = [number for number in settings.train_numbers if len(number) == 1]
    shares = {n: settings.without_tens / len(one_digit) for n in one_digit}
    return shares | {n: (1 - settings.without_tens) / len(two_digits) for n in two_digits}


def composed_numbers(trained: Sequence[str]) -> list[str]:
    """Every two-digit number of the digits that are trained alone.

    >>> composed_numbers(["4", "8", "49"])
    ['44', '48', '84', '88']
    """
    digits = sorted(number for number in trained if len(number) == 1)
    return [tens + units for tens, units in product(digits, repeat=2) if tens != "0"]


def copy_tree(source: Path, target: Path) -> None:
    """Show every file of a folder in another one too, without taking space for it."""
    for file in source.rglob("*.jpg"):
        link = target / file.relative_to(source)
        link.parent.mkdir(parents=True, exist_ok=True)
        os.link(file, link)
