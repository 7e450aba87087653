"""From SoccerNet's jersey folders to sequences: `images/{tracklet}/*.jpg` and `*_gt.json`."""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import as_plain
from pipeline.crops import CropSettings
from pipeline.media.images import natural_key
from pipeline.types import Crop
from recognizer.errors import reason_of
from recognizer.labels import NUMBERS
from training.building.members import DataSet
from training.building.origin import Origin, digest, safe_track
from training.building.pictures import (
    UNREADABLE,
    add_sequence,
    crop_of_player,
    frame_of,
    listing,
    picture_files,
    read_rgb,
)
from training.building.progress import BuildProgress, Progress
from training.building.tree import BuildError, DatasetTree, Tally
from training.building.writer import Cutting

logger = logging.getLogger(__name__)

_NONE = -1
"""SoccerNet's sign for a tracklet in which nobody can read a number."""


@dataclass(frozen=True, slots=True)
class JerseyFolder:
    """One split of the SoccerNet jersey data, checked."""

    folder: Path
    name: str
    """What the data set is called in the manifest."""
    match: str
    """Split key of all its tracklets; blank: each tracklet stands for itself."""
    numbers: dict[str, str | None]
    """By tracklet: its number, or None where nobody can read one."""

    @property
    def members(self) -> DataSet:
        """What its sources are called under its name."""
        return DataSet(self.folder, self.name, "soccernet", frozenset(self.numbers))


def open_jersey_folder(folder: Path, truth: Path | None, name: str | None, match: str | None) -> JerseyFolder:
    """Check a SoccerNet jersey folder.

    Args:
        folder: holds `images/{tracklet}/*.jpg` and one `*_gt.json`.
        truth: the JSON of numbers by tracklet, such as {"0": 10, "1": -1}, where it is another.
        name: what the data set is called; the folder's name by default.
        match: split key of all tracklets; blank by default, as SoccerNet does not name the games.

    Raises:
        BuildError: The folder or the JSON cannot be used.
    """
    images = folder / "images"
    if not images.is_dir():
        raise BuildError(f"{folder} holds no folder 'images'; give a SoccerNet jersey folder (images/TRACKLET/*.jpg).")
    if truth is None:
        found = sorted(folder.glob("*_gt.json"))
        if len(found) != 1:
            raise BuildError(f"{folder} holds {len(found)} files *_gt.json, expected one; name it by --truth.")
        truth = found[0]
    numbers = read_truth(truth)
    there = {path.name for path in images.iterdir() if path.is_dir()}
    kept = {tracklet: numbers[tracklet] for tracklet in sorted(there & set(numbers), key=_natural)}
    if alone := len(there ^ set(numbers)):
        logger.warning("%d tracklets are left out: %s or %s names them, not both.", alone, images, truth)
    if not kept:
        raise BuildError(f"None of the {len(there)} folders in {images} is named in {truth}; give a pair that fits.")
    return JerseyFolder(folder, name or folder.resolve().name, match or "", kept)


def read_truth(path: Path) -> dict[str, str | None]:
    """Numbers by tracklet from a `*_gt.json`; None for -1.

    Raises:
        BuildError: It cannot be read, or holds something else than -1 to 99.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BuildError(f"{path} cannot be read: {reason_of(error)}.") from error
    except ValueError as error:
        raise BuildError(f"{path} is no valid JSON: {error}.") from error
    if not isinstance(table, dict):
        raise BuildError(f'{path} holds no table of tracklets; expected is {{"0": 10, "1": -1}}.')
    return {tracklet: _number(path, tracklet, value) for tracklet, value in table.items()}


def _number(path: Path, tracklet: str, value: object) -> str | None:
    if value == _NONE or value == str(_NONE):
        return None
    if isinstance(value, bool) or not isinstance(value, int | str) or str(value) not in NUMBERS:
        raise BuildError(f"{path}: the number of tracklet {tracklet!r} is {value!r}; allowed are 0 to 99, and -1.")
    return str(value)


def build_jersey_folder(
    tree: DatasetTree, data: JerseyFolder, settings: CropSettings, cutting: Cutting, progress: Progress
) -> None:
    """Add the tracklets: the jersey region of every picture of a player, cut as the pipeline cuts it.

    Args:
        tree: where the sequences go.
        data: by `open_jersey_folder`.
        settings: the pipeline's geometry.
        cutting: how sequences are cut into sub-folders.
        progress: called after every tracklet.

    Raises:
        BuildError: The tree holds it in another form, or members that it has lost, and they are not to be replaced.
    """
    tree.check_members(data.members)
    for done, (tracklet, number) in enumerate(data.numbers.items(), start=1):
        folder = data.folder / "images" / tracklet
        files = picture_files(folder)
        recipe = digest(listing(files, folder), number, data.match, as_plain(settings), as_plain(cutting))
        origin = Origin(f"{data.name}/{tracklet}", data.match, f"soccernet {recipe}")
        if tree.begin(origin):
            crops = _crops(files, settings, tree.tally)
            add_sequence(tree, origin, number, safe_track(tracklet), cutting, [crops])
            tree.settle()
        progress(BuildProgress(data.name, "tracklets", done, len(data.numbers), tree.tally.sequences))
    tree.take_out_lost(data.members)


def _crops(files: Sequence[Path], settings: CropSettings, tally: Tally) -> Iterator[Crop]:
    for place, file in enumerate(files):
        rgb = read_rgb(file)
        crop = None if rgb is None else crop_of_player(rgb, frame_of(file, place), settings)
        if crop is not None:
            yield crop
        else:
            tally.left_out[UNREADABLE if rgb is None else "too small"] += 1


def _natural(name: str) -> list[tuple[int, int, str]]:
    return natural_key(Path(name))
