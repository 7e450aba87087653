"""Puts the training mixture together from the data sets on disk."""

import logging
import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

import numpy as np

from pipeline.crops import CropSettings
from pipeline.types import UInt8Image
from recognizer.errors import InputError
from recognizer.labels import NUMBERS
from recognizer.localizer import default_localizer, load_localizer
from training.mixture.drawn import DrawSource
from training.mixture.located import located
from training.mixture.number_crops import load_number_crops, load_scene_digits, load_turned_crops
from training.mixture.pasted import PasteSource
from training.mixture.players import (
    NumberPhoto,
    Track,
    count_verdicts,
    cut_numbers,
    load_clip_tracks,
    load_crop_folders,
    load_photos,
    load_player_crops,
)
from training.mixture.rendered import load_rendered
from training.mixture.sources import LEAST_TORSO, PhotoSource, TrackSource
from training.mixture.stream import Ingredient
from training.synthesis.shirts import torso_share
from training.synthesis.typefaces import choose

logger = logging.getLogger(__name__)

LABELS = Path(__file__).parent.parent / "labels"
"""Stretches read by eye, and the boxes they belong to; the clips themselves are not part of the product."""


_SHARES: Final = (
    *("tracks", "photos", "soccer_crops", "basketball_crops", "photo_crops"),
    *("scene_digits", "drawn", "rendered"),
)
_COMPOSED_DIGITS: Final = 0.85
"""Share of the windows with digits of signs that show two of them."""


class MixtureError(InputError):
    """Data sets of the mixture are missing."""


@dataclass(frozen=True, slots=True)
class MixtureSettings:
    """Where the data lies and how much of each kind goes in. Shares are relative."""

    data: str = "data"
    """Folder with the unpacked data sets: jersey_photos, soccernet_numbers, basketball_numbers, scene_digits,
    player_crops."""
    clips: str = "clips"
    """Folder with the match clips that `training/labels` speaks of, and others with their labels beside them."""
    held_out: tuple[str, ...] = ()
    """Matches (clip names) that training never sees."""
    games: tuple[str, ...] = ()
    """Games of soccernet_numbers to train on; empty for all."""
    photo_sources: Literal["all", "even", "odd"] = "all"
    """Which sources of photos to train on, by their place in the order of their names: all, even or odd."""
    tracks: float = 0.40
    """Share of real tracked players."""
    readable: float = 0.65
    """Share of the real windows drawn round a readable picture; the rest shows nobody's number."""
    photos: float = 0.10
    """Share of photos."""
    soccer_crops: float = 0.12
    """Share of soccer number crops laid onto torsos."""
    basketball_crops: float = 0.08
    """Share of basketball number crops laid onto torsos."""
    photo_crops: float = 0.12
    """Share of numbers cut out of photos and laid onto torsos: few show more than the number, but each shows another
    typeface."""
    scene_digits: float = 0.0
    """Share of digits of signs and walls, single ones and two of one colour side by side, laid onto torsos."""
    tight: float = 0.10
    """Share of the number crops, photos and drawn numbers that are cut tight round the number."""
    composed: float = 0.4
    """Share of the number crops laid onto torsos that are composed of the digits of two others."""
    drawn: float = 0.30
    """Share of drawn numbers."""
    typefaces: str = ""
    """Folder with font files to draw numbers in, with those below it; empty takes what is in /usr/share/fonts. Invented
    typefaces are drawn besides."""
    recoloured: float = 1.0
    """Share of the windows of real tracked players that are shown in the colours of another kit."""
    reshaped: float = 0.5
    """Share of all windows but the drawn numbers' whose numerals are changed into those of another typeface."""
    located: float = 0.0
    """Share of the pictures of real players in which the region is moved to where the localizer finds a number, as
    `reader.locate` does in the pipeline; where it finds none the region stays."""
    localizer: str | None = None
    """What finds it (`.safetensors` with its JSON beside it); empty means the one that ships."""
    smallest: int = 14
    """Least side in pixels at which regions are filmed, 8 to 90: 14 leaves digits of about 8 px; a network that begins
    from chance learns sooner from 40 on."""
    rendered: float = 0.0
    """Share of rendered players; of no help on real clips so far (`training/LOG.md`)."""
    renders: str = "renders"
    """Folder with clips of `training.render_match`, wanted where `rendered` is above 0."""
    seed: int = 0
    """Chooses the torsos to draw on."""

    def __post_init__(self) -> None:
        if not 8 <= self.smallest <= 90:
            raise ValueError(f"smallest is {self.smallest}; allowed is 8 to 90")
        for name in ("readable", "tight", "composed", "recoloured", "reshaped", "located"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed is 0 to 1")
        for name in _SHARES:
            if not 0.0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed is 0 or more")
        if not any(getattr(self, name) for name in _SHARES):
            raise ValueError(f"{', '.join(_SHARES)} are all 0; one of them must be above 0")


def missing_folders(settings: MixtureSettings) -> list[Path]:
    """Folders the mixture needs and does not find."""
    data = Path(settings.data)
    wanted = [Path(settings.clips)]
    wanted += [data / "jersey_photos"] if settings.photos + settings.photo_crops > 0 else []
    wanted += [data / "soccernet_numbers"] if settings.soccer_crops > 0 else []
    wanted += [data / "basketball_numbers"] if settings.basketball_crops > 0 else []
    wanted += [data / "scene_digits"] if settings.scene_digits > 0 else []
    wanted += [data / "player_crops"]
    wanted += [Path(settings.renders)] if settings.rendered > 0 else []
    return [folder for folder in wanted if not folder.is_dir()]


def require_folders(settings: MixtureSettings, keys: str = "mixture.data and mixture.clips") -> None:
    """Make sure that the data sets are there.

    Args:
        settings: folders.
        keys: what the message asks to set.

    Raises:
        MixtureError: A folder is missing.
    """
    if missing := missing_folders(settings):
        raise MixtureError(f"The folder {missing[0]} does not exist; set {keys}.")
    if settings.typefaces and not Path(settings.typefaces).is_dir():
        raise MixtureError(f"The folder {settings.typefaces} does not exist; set mixture.typefaces.")


def labelled_clips(clips: Path) -> dict[str, Path]:
    """The labels of every clip that has any, by its name: those of `training/labels`, and those beside the clips."""
    found = [*LABELS.glob("*.labels.csv"), *clips.glob("*.labels.csv")]
    return {path.name.removesuffix(".labels.csv"): path for path in sorted(found, key=lambda path: path.name)}


def require_matches(settings: MixtureSettings, present: Collection[str]) -> None:
    """Make sure that the matches held out are there, and others to train on.

    Args:
        settings: the mixture.
        present: names of the labelled clips that are there.

    Raises:
        MixtureError: They are not.
    """
    absent = [name for name in settings.held_out if name not in present]
    if not present:
        raise MixtureError(f"No labelled clip is in the folder {settings.clips}; set mixture.clips.")
    if absent or not set(present).difference(settings.held_out):
        name = absent[0] if absent else "every clip that is there"
        raise MixtureError(
            f"mixture.held_out names {name}; name some of the clips that are there: {', '.join(present)}."
        )


def load_labelled_clips(settings: MixtureSettings) -> list[Track]:
    """Every labelled clip, the held out ones too; a missing clip is left out and logged."""
    tracks: list[Track] = []
    for name, labels in labelled_clips(Path(settings.clips)).items():
        video = Path(settings.clips) / f"{name}.mp4"
        if not video.is_file():
            logger.warning("%s is missing; its labels are left out", video)
            continue
        tracks += load_clip_tracks(video, labels.with_name(f"{name}.boxes.csv"), labels)
        logger.info("%s: %d tracks so far, %s", name, len(tracks), count_verdicts(tracks))
    return tracks


def load_labelled_crops(settings: MixtureSettings) -> list[Track]:
    """The labelled players that come as pictures instead of clips."""
    folder = Path(settings.data) / "player_crops"
    hockey = load_player_crops(folder / "hockey", folder / "hockey.csv")
    short = load_player_crops(folder, LABELS / "short_sequences.csv")
    return hockey + short + load_crop_folders(folder / "liverpool_real", LABELS / "liverpool_real.crops.csv")


def build_mixture(settings: MixtureSettings, tracks: list[Track], crops: CropSettings) -> list[Ingredient]:
    """Load the other data sets that have a share, and mix.

    Args:
        settings: folders and shares.
        tracks: labelled players to train on (held out matches already removed).
        crops: the pipeline's crop geometry.

    Returns:
        What has a share, and drawn numbers in any case.

    Raises:
        MixtureError: No unreadable player is there, or none of the games of `settings.games`.
        TypefaceError: No typeface is in `settings.typefaces`.
    """
    real = TrackSource(_located(tracks, settings, crops), crops, settings.readable)
    share = torso_share(crops)
    torsos, bare = real.torsos(3000, settings.seed), real.bare(3000, settings.seed)
    if not torsos:
        raise MixtureError(
            f"No picture of a player without a readable number has a region of {LEAST_TORSO} pixels, on which numbers "
            "could be printed; add footage in which such players are larger, or label some as unreadable."
        )
    paste = partial(
        PasteSource, torso_share=share, tight_share=settings.tight, composed_share=settings.composed, bare=bare
    )
    players = partial(Ingredient, plain=False, recoloured=settings.recoloured, reshaped=settings.reshaped)
    numbers = partial(Ingredient, plain=True, reshaped=settings.reshaped)
    drawn = DrawSource(
        torsos, typefaces=choose(settings.typefaces), torso_share=share, tight_share=settings.tight, bare=bare
    )
    data = Path(settings.data)
    ingredients = [players("tracks", real, settings.tracks)] if settings.tracks > 0 else []
    photos = _photos(settings) if settings.photos + settings.photo_crops > 0 else []
    if settings.photos > 0:
        whole = PhotoSource(photos, share, tight_share=settings.tight)
        ingredients.append(numbers("photos", whole, settings.photos))
    if settings.soccer_crops > 0:
        soccer = _soccer_crops(data / "soccernet_numbers", settings.games)
        ingredients.append(numbers("soccer_crops", paste(soccer, torsos), settings.soccer_crops))
    if settings.basketball_crops > 0:
        basketball = load_turned_crops(data / "basketball_numbers", LABELS / "basketball_numbers.csv")
        ingredients.append(numbers("basketball_crops", paste(basketball, torsos), settings.basketball_crops))
    if settings.photo_crops > 0:
        ingredients.append(numbers("photo_crops", paste(cut_numbers(photos), torsos), settings.photo_crops))
    if settings.scene_digits > 0:
        signs = load_scene_digits(data / "scene_digits")
        source = paste(signs, torsos, composed_share=_COMPOSED_DIGITS, lone_tens=True)
        ingredients.append(numbers("scene_digits", source, settings.scene_digits))
    ingredients.append(Ingredient("drawn", drawn, settings.drawn, plain=True))
    if settings.rendered > 0:
        people = TrackSource(load_rendered(Path(settings.renders)), crops, settings.readable)
        ingredients.append(players("rendered", people, settings.rendered))
    return ingredients


def choose_photos(photos: list[NumberPhoto], part: Literal["all", "even", "odd"]) -> list[NumberPhoto]:
    """The photos of all sources, or of every second one in the order of their names."""
    sources = sorted({photo.source for photo in photos})
    kept = set(sources if part == "all" else sources[("even", "odd").index(part) :: 2])
    return [photo for photo in photos if photo.source in kept]


def held_out_source(tracks: list[Track], settings: MixtureSettings, crops: CropSettings) -> TrackSource:
    """The held out matches as a source of windows to measure on."""
    held_out = [track for track in tracks if track.match in settings.held_out]
    return TrackSource(_located(held_out, settings, crops), crops, 0.6)


def _located(tracks: list[Track], settings: MixtureSettings, crops: CropSettings) -> list[Track]:
    if settings.located == 0.0:
        return tracks
    network = load_localizer(Path(settings.localizer) if settings.localizer else default_localizer())
    return located(tracks, network, crops, settings.located, np.random.default_rng(settings.seed))


def _photos(settings: MixtureSettings) -> list[NumberPhoto]:
    return choose_photos(load_photos(Path(settings.data) / "jersey_photos"), settings.photo_sources)


def _soccer_crops(folder: Path, games: Collection[str]) -> dict[str, list[list[UInt8Image]]]:
    found = load_number_crops(folder, games, every=3)
    soccer = {number: tracklets for number, tracklets in found.items() if number in NUMBERS}
    if not soccer:
        raise MixtureError(f"{folder} holds nothing of the games {', '.join(games)}; set mixture.games.")
    return soccer
