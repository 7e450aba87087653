"""From folders of cut-out numbers to sequences: `{number}/{tracklet}/**/*.jpg` or `{number}/*.jpg`."""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.config import as_plain
from pipeline.crops import NUMBER_ZONE, CropSettings
from pipeline.types import Crop, UInt8Image
from recognizer.labels import NUMBERS
from training.building.members import DataSet
from training.building.origin import Origin, digest, safe_track
from training.building.pictures import (
    UNREADABLE,
    add_sequence,
    crop_of_region,
    frame_of,
    listing,
    picture_files,
    read_rgb,
)
from training.building.progress import BuildProgress, Progress
from training.building.tree import BuildError, DatasetTree, Tally
from training.building.writer import Cutting
from training.data.layout import UNREADABLE_FOLDER
from training.data.tables import read_table

logger = logging.getLogger(__name__)

GAMES: Final = "tracklets.csv"
"""Table beside the number folders that says which game each tracklet is of."""

_GAME_COLUMNS: Final = ("game", "number", "tracklet")
_WIDEST: Final = 0.85
"""Most of the region's width that a number takes."""


@dataclass(frozen=True, slots=True)
class Tracklet:
    """Pictures of one shirt, or a single picture where nothing says which belong together."""

    number: str | None
    name: str
    """Path under the data set."""
    files: tuple[Path, ...]
    """In natural order, at least one."""
    match: str
    """The data set's name, and the game where it is known."""


@dataclass(frozen=True, slots=True)
class CropFolder:
    """A folder of cut-out numbers, checked."""

    folder: Path
    name: str
    """What the data set is called in the manifest."""
    tracklets: tuple[Tracklet, ...]

    @property
    def members(self) -> DataSet:
        """What its sources are called under its name."""
        return DataSet(self.folder, self.name, "crops", frozenset(tracklet.name for tracklet in self.tracklets))


def open_crop_folder(folder: Path, name: str | None, match: str | None) -> CropFolder:
    """List a folder of cut-out numbers.

    Args:
        folder: holds `{number}/{tracklet}/**/*.jpg`, or `{number}/*.jpg` where every picture stands for itself, and
            perhaps `tracklets.csv` (game,number,tracklet).
        name: what the data set is called; the folder's name by default.
        match: split key of all pictures; by default the data set's name, with the game where it is known.

    Raises:
        InputError: The folder is missing, holds no picture under a jersey number, or its table cannot be used.
    """
    if not folder.is_dir():
        raise BuildError(f"{folder} is no folder; give one that holds NUMBER/TRACKLET/*.jpg or NUMBER/*.jpg.")
    name = name or folder.resolve().name
    games = _read_games(folder / GAMES)
    tracklets: list[Tracklet] = []
    for number in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        if number.name in NUMBERS or number.name == UNREADABLE_FOLDER:
            tracklets += _tracklets(number, games, name, match)
        else:
            logger.warning("%s is left out: its name is no jersey number (0 to 99, 00) and not -1", number)
    if not tracklets:
        raise BuildError(f"{folder} holds no jpg or png picture under a jersey number (NUMBER/*.jpg).")
    return CropFolder(folder, name, tuple(tracklets))


def _read_games(path: Path) -> dict[tuple[str, str], str]:
    """Games by (number, tracklet); empty where there is no table."""
    if not path.is_file():
        return {}
    rows = read_table(path, _GAME_COLUMNS)
    return {(row.text("number"), row.text("tracklet")): row.text("game") for row in rows}


def _tracklets(folder: Path, games: Mapping[tuple[str, str], str], name: str, match: str | None) -> Iterator[Tracklet]:
    number = None if folder.name == UNREADABLE_FOLDER else folder.name
    members: dict[str, list[Path]] = defaultdict(list)
    for file in picture_files(folder):
        members[file.relative_to(folder).parts[0]].append(file)
    for member, files in members.items():
        game = games.get((folder.name, member), "")
        key = match if match is not None else f"{name} {game}".strip()
        yield Tracklet(number, f"{folder.name}/{member}", tuple(files), key)


def build_crops(
    tree: DatasetTree, data: CropFolder, settings: CropSettings, cutting: Cutting, tight: bool, progress: Progress
) -> None:
    """Add the cut-out numbers, one sequence for each tracklet.

    Args:
        tree: where the sequences go.
        data: by `open_crop_folder`.
        settings: the pipeline's geometry.
        cutting: where sequences are cut into sub-folders, which also end where a tracklet's own sub-folders do.
        tight: whether the pictures stay as they are, instead of being put on cloth of their colour so that the number
            stands in the region as in a crop of the pipeline.
        progress: called after every tracklet.

    Raises:
        BuildError: The tree holds it in another form, or members that it has lost, and they are not to be replaced.
    """
    tree.check_members(data.members)
    for done, tracklet in enumerate(data.tracklets, start=1):
        recipe = digest(
            listing(tracklet.files, data.folder), tracklet.match, as_plain(settings), as_plain(cutting), tight
        )
        origin = Origin(f"{data.name}/{tracklet.name}", tracklet.match, f"crops {recipe}")
        if tree.begin(origin):
            folders: dict[Path, list[Path]] = defaultdict(list)
            for file in tracklet.files:
                folders[file.parent].append(file)
            groups = (_crops(files, settings, tight, tree.tally) for files in folders.values())
            add_sequence(tree, origin, tracklet.number, safe_track(Path(tracklet.name).stem), cutting, groups)
            tree.settle()
        progress(BuildProgress(data.name, "sequences", done, len(data.tracklets), tree.tally.sequences))
    tree.take_out_lost(data.members)


def _crops(files: Sequence[Path], settings: CropSettings, tight: bool, tally: Tally) -> Iterator[Crop]:
    for place, file in enumerate(files):
        rgb = read_rgb(file)
        if rgb is None:
            tally.left_out[UNREADABLE] += 1
        else:
            crop = crop_of_region(on_cloth(rgb, settings), frame_of(file, place), settings)
            yield replace(crop, rgb=rgb) if tight else crop


def on_cloth(patch: UInt8Image, settings: CropSettings) -> UInt8Image:
    """Put a cut-out number on plain cloth of its shirt's colour, where a number stands in the pipeline's regions.

    The colour is the median of the patch's border, into which its edge fades; size and height are those of
    `pipeline.crops.NUMBER_ZONE` in `jersey_regions`.

    >>> on_cloth(np.full((24, 20, 3), 200, np.uint8), CropSettings()).shape
    (35, 35, 3)

    Args:
        patch: uint8 (h, w, 3), the number with a little margin.
        settings: the pipeline's geometry.

    Returns:
        uint8 (s, s, 3).
    """
    height, width = patch.shape[:2]
    tall = (NUMBER_ZONE[3] - NUMBER_ZONE[1]) / settings.side_of_height
    centre_y = 0.5 + ((NUMBER_ZONE[1] + NUMBER_ZONE[3]) / 2 - settings.centre_y) / settings.side_of_height
    side = max(round(height / min(tall, 1.0)), round(width / _WIDEST), height, width)
    border = np.concatenate([patch[0], patch[-1], patch[:, 0], patch[:, -1]])
    cloth = np.median(border, axis=0)
    left = (side - width) // 2
    top = min(max(round(centre_y * side - height / 2), 0), side - height)
    region = np.broadcast_to(cloth, (side, side, 3)).copy()
    alpha = np.minimum.outer(_fade(height), _fade(width))[:, :, None]
    region[top : top + height, left : left + width] = patch * alpha + cloth * (1 - alpha)
    return np.asarray(np.clip(np.rint(region), 0, 255), np.uint8)


def _fade(length: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Share of the patch at each pixel of an edge's way across: under 1 in the outermost twelfths only."""
    edge = max(1, length // 12)
    from_edge = np.minimum(np.arange(length), np.arange(length)[::-1]) + 1
    return np.minimum(from_edge / (edge + 1), 1.0)
