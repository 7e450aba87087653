"""Reads the pictures of a data set and says how many of them cannot be decoded."""

import logging
from pathlib import Path
from typing import Any

import cv2
from numpy.typing import NDArray

from recognizer.errors import InputError

logger = logging.getLogger(__name__)


class PictureError(InputError):
    """A data set none of whose pictures can be decoded."""


class PictureFiles:
    """The pictures of one data set, counted as they are read; `report` ends the reading.

    Args:
        folder: the data set; names it in what is said.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._lost: list[Path] = []

    def read(self, path: Path) -> NDArray[Any] | None:
        """A picture, uint8 (h, w, 3) BGR; None where it is missing or cannot be decoded."""
        picture = cv2.imread(str(path))
        self._count += 1
        if picture is None:
            self._lost.append(path)
        return picture

    def report(self) -> None:
        """Warn once of the pictures that were left out.

        Raises:
            PictureError: Not one of them could be decoded.
        """
        if not self._lost:
            return
        if len(self._lost) == self._count:
            raise PictureError(
                f"{self._folder}: none of its {self._count} pictures can be decoded, such as {self._lost[0]}; unpack "
                "the data set anew."
            )
        logger.warning(
            "%s: %d of %d pictures cannot be decoded and are left out, such as %s",
            self._folder,
            len(self._lost),
            self._count,
            self._lost[0],
        )
