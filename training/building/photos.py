"""From photos with boxes round their numbers to sequences of one picture each."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.crops import CropSettings
from pipeline.types import FloatArray, UInt8Image
from training.building.members import DataSet
from training.building.origin import Origin, digest, safe_track
from training.building.pictures import UNREADABLE, add_sequence, crop_of_region, read_rgb
from training.building.progress import BuildProgress, Progress
from training.building.tree import BuildError, DatasetTree
from training.building.writer import Cutting
from training.data.photos import PHOTO_COLUMNS, Photo, read_photos
from training.mixture.players import NumberPhoto, shows_shirt
from training.mixture.sources import PhotoSource
from training.synthesis.shirts import torso_share

REGION_SIDE: Final = 96
"""Longest side of a saved region, pixels; what the pipeline cuts is rarely larger."""


@dataclass(frozen=True, slots=True)
class PhotoFolder:
    """A folder of photos, checked."""

    folder: Path
    name: str
    """What the data set is called in the manifest."""
    photos: tuple[Photo, ...]

    @property
    def members(self) -> DataSet:
        """What its sources are called under its name."""
        return DataSet(self.folder, self.name, "photos", frozenset(photo.image for photo in self.photos))


def open_photo_folder(folder: Path, name: str | None) -> PhotoFolder:
    """Check a folder of photos: `boxes.csv` (image,source,number,x1,y1,x2,y2) and `images/`.

    Args:
        folder: the data set.
        name: what it is called; the folder's name by default.

    Raises:
        InputError: The table is missing or holds something that cannot be used, or no photo has a number.
    """
    photos = tuple(read_photos(folder))
    if not photos:
        raise BuildError(f"{folder / 'boxes.csv'} names no number; expected are rows with {','.join(PHOTO_COLUMNS)}.")
    if not any((folder / "images" / photo.image).is_file() for photo in photos):
        raise BuildError(f"None of the photos that {folder / 'boxes.csv'} names is in {folder / 'images'}.")
    return PhotoFolder(folder, name or folder.resolve().name, photos)


def build_photos(tree: DatasetTree, data: PhotoFolder, settings: CropSettings, progress: Progress) -> None:
    """Add every number of every photo as a sequence of one picture; the split key is the photo's source.

    The number is cut with so much of the shirt around it as training draws for photos (`PhotoSource`); how much, is
    decided by the photo's name, so that it is the same in every build.

    Args:
        tree: where the sequences go.
        data: by `open_photo_folder`.
        settings: tells from which size a picture's quality is full.
        progress: called after every photo.

    Raises:
        BuildError: The tree holds it in another form, or members that it has lost, and they are not to be replaced.
    """
    tree.check_members(data.members)
    for done, photo in enumerate(data.photos, start=1):
        path = data.folder / "images" / photo.image
        size = path.stat().st_size if path.is_file() else 0
        recipe = digest(size, photo.source, photo.boxes, REGION_SIDE, settings.full_side, settings.side_of_height)
        origin = Origin(f"{data.name}/{photo.image}", photo.source, f"photos {recipe}")
        if tree.begin(origin):
            _add_photo(tree, origin, photo, path, settings)
            tree.settle()
        progress(BuildProgress(data.name, "photos", done, len(data.photos), tree.tally.sequences))
    tree.take_out_lost(data.members)


def _add_photo(tree: DatasetTree, origin: Origin, photo: Photo, path: Path, settings: CropSettings) -> None:
    rgb = read_rgb(path)
    if rgb is None:
        tree.tally.left_out[UNREADABLE] += 1
        return
    boxes = np.array([box.xyxy for box in photo.boxes], np.float32)
    for place, (box, xyxy) in enumerate(zip(photo.boxes, boxes, strict=True)):
        on_shirt = shows_shirt(rgb, xyxy, boxes)
        region = number_region(rgb, xyxy, digest(photo.image, place), torso_share(settings), on_shirt=on_shirt)
        crop = crop_of_region(region, 0, settings)
        add_sequence(tree, origin, box.number, safe_track(f"{Path(photo.image).stem}-{place}"), Cutting(), [[crop]])


def number_region(
    rgb: UInt8Image, box: FloatArray, seed: str, share: float = 1.0, *, on_shirt: bool = True
) -> UInt8Image:
    """A square region in which a number stands as in a crop of the pipeline.

    Args:
        rgb: uint8 (H, W, 3) photo.
        box: float32 (4,) xyxy of the number in it.
        seed: hexadecimal digits that decide where exactly in the region the number stands.
        share: how much of the region's side the torso takes.
        on_shirt: whether the photo shows one shirt round the number; if not, little more than the number is shown.

    Returns:
        uint8 (s, s, 3), s at most `REGION_SIDE`; black outside the photo.
    """
    rng = np.random.default_rng(int(seed, 16))
    regions, _ = PhotoSource([NumberPhoto("", rgb, box, "", on_shirt)], share).window(rng, 1, REGION_SIDE)
    return regions[0].image
