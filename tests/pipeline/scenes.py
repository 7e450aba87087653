"""A small real scene that the shipped detector finds people in."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from factories import write_video

from pipeline.types import UInt8Image
from pipeline.vendor import vendor_import

STREET_FRAMES = 24
STREET_SIZE = (300, 400)
"""Width and height."""


def street() -> UInt8Image:
    """The picture that ultralytics ships: four people before a bus, 1080 x 810."""
    with vendor_import():
        from ultralytics.utils import ASSETS
    return np.asarray(cv2.imread(str(ASSETS / "bus.jpg")), np.uint8)


def street_pictures(count: int = STREET_FRAMES) -> list[UInt8Image]:
    """That street under a slowly moving camera."""
    picture = cv2.resize(street(), (324, 432), interpolation=cv2.INTER_AREA)
    width, height = STREET_SIZE
    return [picture[16 : 16 + height, index // 2 : index // 2 + width] for index in range(count)]


def write_street(path: Path, count: int = STREET_FRAMES) -> Path:
    """A video of that street with unevenly spaced frames and a sound track."""
    times = [Fraction(index * 2 + index % 2, 50) for index in range(count)]
    return write_video(path, street_pictures(count), times, audio="aac", options={"g": "4"})
