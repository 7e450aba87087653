"""Single pictures as crops: read from files, judged as the pipeline judges its own, and gathered into sequences."""

import logging
import re
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from pipeline.crops import CropSettings, cut_crops, sharpness
from pipeline.media.images import natural_key
from pipeline.media.video_source import ASSUMED_RATE
from pipeline.types import Crop, FloatArray, Frame, TrackedBoxes, UInt8Image
from training.building.origin import Origin
from training.building.tree import DatasetTree
from training.building.writer import Cutting
from training.data.layout import IMAGE_SUFFIXES, parse_frame_name

logger = logging.getLogger(__name__)

UNREADABLE = "cannot be decoded"
"""Reason for which a picture is left out."""


def picture_files(folder: Path) -> list[Path]:
    """The jpg and png files anywhere below a folder, in natural order; hidden ones are passed over."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    kept = (path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))
    return sorted(kept, key=lambda path: (natural_key(path), str(path)))


def frame_of(path: Path, place: int) -> int:
    """The frame a file name speaks of: as in a tree, else its last number, else its place among the others.

    >>> frame_of(Path("759_10368_0_anchor.jpg"), 3), frame_of(Path("12_45.jpg"), 3), frame_of(Path("x.jpg"), 3)
    (10368, 45, 3)
    """
    if named := parse_frame_name(path.name):
        return named.frame_index
    digits = re.findall(r"[0-9]+", path.stem)
    return int(digits[-1]) if digits else place


def listing(files: Iterable[Path], folder: Path) -> str:
    """Names and sizes of files, by which a changed folder is known without reading the pictures."""
    return "\n".join(f"{path.relative_to(folder).as_posix()} {path.stat().st_size}" for path in files)


def read_rgb(path: Path) -> UInt8Image | None:
    """A picture, uint8 (H, W, 3) RGB; None where it cannot be decoded (logged)."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        logger.warning("%s cannot be read: %s", path, error)
        return None
    bgr = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if bgr is None:
        logger.warning("%s cannot be decoded and is left out", path)
        return None
    return np.ascontiguousarray(bgr[:, :, ::-1], np.uint8)


def crop_of_region(rgb: UInt8Image, frame_index: int, settings: CropSettings) -> Crop:
    """A square region as a crop: its quality is size x sharpness, as of one that nobody hides."""
    size_share = min(1.0, rgb.shape[0] / settings.full_side)
    return Crop(0, frame_index, float(frame_index / ASSUMED_RATE), rgb, size_share * sharpness(rgb))


def crop_of_player(
    rgb: UInt8Image, frame_index: int, settings: CropSettings, *, surroundings: bool = False
) -> Crop | None:
    """The jersey region of a picture that shows one whole player, cut as the pipeline cuts it out of his box.

    A region that reaches outside the picture sees the border stretched outwards.

    Args:
        rgb: uint8 (H, W, 3), the content of a player's box.
        frame_index: 0-based.
        settings: the pipeline's geometry.
        surroundings: whether to cut what is round the region too, where the number may be looked for.

    Returns:
        None where the region is too small to be read.
    """
    height, width = rgb.shape[:2]
    margin = max(height, width)
    bgr = np.ascontiguousarray(rgb[:, :, ::-1])
    padded = np.asarray(cv2.copyMakeBorder(bgr, margin, margin, margin, margin, cv2.BORDER_REPLICATE), np.uint8)
    box: FloatArray = np.array([[margin, margin, margin + width, margin + height]], np.float32)
    boxes = TrackedBoxes(box, np.ones(1, np.float32), np.zeros(1, np.int64))
    frame = Frame(frame_index, Fraction(frame_index) / ASSUMED_RATE, padded)
    crops = cut_crops(frame, boxes, settings, surroundings=surroundings)
    return crops[0] if crops else None


def add_sequence(
    tree: DatasetTree,
    origin: Origin,
    number: str | None,
    track: str,
    cutting: Cutting,
    groups: Iterable[Iterable[Crop]],
) -> None:
    """Add one sequence of pictures, unless it is there; the pictures are asked for only if it is not.

    Args:
        tree: where it goes; `begin` was called for the origin.
        origin: where it comes from.
        number: the jersey number, or None where it cannot be read.
        track: a name by `safe_track`.
        cutting: how it is cut into sub-folders.
        groups: pictures in order of time; no sub-folder spans two groups.
    """
    writer = tree.open(origin, number, track, cutting)
    if writer is None:
        return
    for group in groups:
        for crop in group:
            writer.add(crop)
        writer.cut()
    tree.commit(writer, origin, number)
