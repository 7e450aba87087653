"""Cut-out numbers for training: pictures of a number alone, by number."""

import csv
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from pipeline.types import UInt8Image


def load_number_crops(folder: Path, every: int = 1) -> dict[str, list[UInt8Image]]:
    """Cut-out numbers by number from `{number}/**/*.jpg|png`.

    Args:
        folder: the data set.
        every: keep every n-th picture of a number (neighbouring video frames look alike).
    """
    crops: dict[str, list[UInt8Image]] = {}
    for number in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted(p for p in number.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".png"})
        pictures = [cv2.imread(str(path)) for path in files[::every]]
        crops[number.name] = [np.ascontiguousarray(p[:, :, ::-1]) for p in pictures if p is not None]
    return crops


def load_turned_crops(folder: Path, table: Path) -> dict[str, list[UInt8Image]]:
    """Cut-out numbers of a data set that holds turned and mirrored copies, each turned back.

    Args:
        folder: the data set.
        table: `file,number,mirrored,quarter_turns`: a picture reads `number` after it has been mirrored left to right
            (where `mirrored` is 1) and then turned so many quarters against the clock. Pictures that are not listed are
            left out.
    """
    crops: dict[str, list[UInt8Image]] = defaultdict(list)
    with table.open(newline="") as handle:
        for row in csv.DictReader(handle):
            picture = cv2.imread(str(folder / row["file"]))
            if picture is not None:
                rgb = picture[:, :: -1 if row["mirrored"] == "1" else 1, ::-1]
                crops[row["number"]].append(np.ascontiguousarray(np.rot90(rgb, int(row["quarter_turns"]))))
    return dict(crops)
