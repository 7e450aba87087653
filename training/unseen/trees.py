"""Keeps the data-set trees of the unseen-numbers test with the settings they were built with."""

import json
import logging
import shutil
from pathlib import Path
from typing import Final

from pipeline.config import as_plain
from recognizer.errors import InputError
from training.fitting.differences import first_difference
from training.unseen.data import UnseenData, build_trees

logger = logging.getLogger(__name__)

TREES: Final = ("digits", "shirts", "seen", "composed")
"""Folders of the trees in the output folder."""
_SETTINGS: Final = "trees.json"
"""Beside the trees: what they were built with."""
_FREE: Final = {"data.data", "data.clips"}
"""Settings that say where the material lies, and not which trees it gives."""


class TreesError(InputError):
    """Trees of other settings."""


def ensure_trees(settings: UnseenData, output: Path) -> None:
    """Build the trees in the output folder, or find them there.

    Raises:
        TreesError: The folder was begun with other settings.
        InputError: A data set is missing.
    """
    built = all((output / tree).is_dir() for tree in TREES)
    if (output / _SETTINGS).is_file():
        _require_same(output / _SETTINGS, settings)
    elif built:
        logger.warning("%s does not tell the settings of its trees; they are taken as they are", output)
    if built:
        return
    partial = output / ".trees.part"
    shutil.rmtree(partial, ignore_errors=True)
    build_trees(settings, partial)
    for tree in TREES:
        shutil.rmtree(output / tree, ignore_errors=True)
    text = json.dumps(as_plain(settings), indent=2) + "\n"
    (output / _SETTINGS).write_text(text, encoding="utf-8")
    for tree in TREES:
        (partial / tree).rename(output / tree)
    partial.rmdir()


def _require_same(file: Path, settings: UnseenData) -> None:
    try:
        found = first_difference({"data": json.loads(file.read_bytes())}, {"data": as_plain(settings)}, _FREE)
    except ValueError as error:
        raise TreesError(f"{file} holds no settings; give another output folder.") from error
    if found:
        raise TreesError(
            f"{found.key} is {found.now} and was {found.then} when the trees in {file.parent} were built; give another "
            "output folder, or the settings of then."
        )
