"""Cut-out numbers for training: pictures of a number alone, by number."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np

from pipeline.types import UInt8Image
from training.data.tables import read_table
from training.mixture.pictures import PictureFiles

_DIGIT_WIDTH: Final = 0.62
"""Width of a digit as a share of its height, where its picture does not tell."""


class Tracklet(NamedTuple):
    """Pictures of one number on one shirt, in order of time."""

    game: str
    number: str
    pictures: list[UInt8Image]
    """Each uint8 (h, w, 3) RGB."""


def load_tracklets(folder: Path, games: Collection[str] = (), every: int = 1) -> Iterator[Tracklet]:
    """Cut-out numbers of games from `{number}/{tracklet}/**/*.jpg` and `tracklets.csv` (game,number,tracklet).

    Args:
        folder: the data set.
        games: which games; empty for all.
        every: keep every n-th picture of a tracklet (neighbouring video frames look alike).

    Raises:
        PictureError: None of the pictures can be decoded; a few that cannot are left out and counted in the log.
        TableError: The table cannot be used.
    """
    pictures = PictureFiles(folder)
    for row in read_table(folder / "tracklets.csv", ("game", "number", "tracklet")):
        game, number = row.text("game"), row.text("number")
        if not games or game in games:
            files = sorted((folder / number / row.text("tracklet")).rglob("*.jpg"))[::every]
            decoded = [picture for file in files if (picture := pictures.read(file)) is not None]
            rgb = [np.ascontiguousarray(picture[:, :, ::-1], np.uint8) for picture in decoded]
            yield Tracklet(game, number, rgb)
    pictures.report()


def load_number_crops(folder: Path, games: Collection[str] = (), every: int = 1) -> dict[str, list[list[UInt8Image]]]:
    """The pictures of `load_tracklets` by number, those of each tracklet apart."""
    crops: dict[str, list[list[UInt8Image]]] = defaultdict(list)
    for tracklet in load_tracklets(folder, games, every):
        if tracklet.pictures:
            crops[tracklet.number].append(tracklet.pictures)
    return dict(crops)


def load_turned_crops(folder: Path, table: Path) -> dict[str, list[list[UInt8Image]]]:
    """Cut-out numbers of a data set that holds turned and mirrored copies, each turned back.

    Args:
        folder: the data set.
        table: `file,number,mirrored,quarter_turns`: a picture reads `number` after it has been mirrored left to right
            (where `mirrored` is 1) and then turned so many quarters against the clock. Pictures that are not listed are
            left out.

    Returns:
        By number; each picture is a tracklet of its own, since none follows another in time.

    Raises:
        PictureError: None of the pictures can be decoded; a few that cannot are left out and counted in the log.
        TableError: The table cannot be used.
    """
    pictures = PictureFiles(folder)
    crops: dict[str, list[list[UInt8Image]]] = defaultdict(list)
    for row in read_table(table, ("file", "number", "mirrored", "quarter_turns")):
        picture = pictures.read(folder / row.text("file"))
        if picture is not None:
            rgb = picture[:, :: -1 if row.text("mirrored") == "1" else 1, ::-1]
            crops[row.number("number")].append([np.ascontiguousarray(np.rot90(rgb, row.whole("quarter_turns")))])
    pictures.report()
    return dict(crops)


def load_scene_digits(folder: Path) -> dict[str, list[list[UInt8Image]]]:
    """Digits of signs and walls from `{digit}/*.jpg`, each of which fills its square, in a digit's usual shape.

    Returns:
        By digit; each picture is a tracklet of its own.

    Raises:
        PictureError: None of the pictures can be decoded; a few that cannot are left out and counted in the log.
    """
    pictures = PictureFiles(folder)
    digits: dict[str, list[list[UInt8Image]]] = defaultdict(list)
    for file in sorted(folder.glob("[0-9]/*.jpg")):
        picture = pictures.read(file)
        if picture is not None:
            size = (max(1, round(_DIGIT_WIDTH * picture.shape[0])), picture.shape[0])
            shaped = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
            digits[file.parent.name].append([np.ascontiguousarray(shaped[:, :, ::-1])])
    pictures.report()
    return dict(digits)
