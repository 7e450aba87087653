"""Photos with boxes round their numbers: `boxes.csv` (image,source,number,x1,y1,x2,y2) beside a folder `images/`."""

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

from training.data.tables import CORNERS, Row, read_table

PHOTO_COLUMNS: Final = ("image", "source", "number", *CORNERS)


class NumberBox(NamedTuple):
    """A number in a photo."""

    number: str
    xyxy: tuple[float, float, float, float]
    """Pixels of the photo."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo and its numbers."""

    image: str
    """File name under `images`."""
    source: str
    """Where the photo was taken from; copies of it keep the same source."""
    boxes: tuple[NumberBox, ...]
    """At least one."""


def read_photos(folder: Path) -> list[Photo]:
    """The photos of a folder that have a number, by name; none of them is opened.

    Args:
        folder: holds `boxes.csv` and `images/`.

    Raises:
        TableError: The table cannot be used.
    """
    rows = read_table(folder / "boxes.csv", PHOTO_COLUMNS)
    boxed = [row for row in rows if row.text(CORNERS[0])]  # a photo without a number has one row, without a box
    photos = []
    for image, group in groupby(sorted(boxed, key=_image), key=_image):
        same = list(group)
        if not image or Path(image).name != image:
            raise same[0].error("image", "the name of a file in 'images' is expected")
        boxes = tuple(NumberBox(row.number("number"), row.box()) for row in same)
        photos.append(Photo(image, same[0].text("source"), boxes))
    return photos


def _image(row: Row) -> str:
    return row.text("image")
