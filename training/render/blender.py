"""Blender as a package (`bpy`), which only people who make new matches install."""

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from recognizer.errors import InputError

Thing: TypeAlias = Any
"""Something of Blender's; the package ships no types."""


class RendererMissingError(InputError):
    """Blender's package is not installed."""


def load_blender() -> Thing:
    """The module `bpy`.

    Raises:
        RendererMissingError: it is not installed.
    """
    try:
        return importlib.import_module("bpy")
    except ImportError as error:
        raise RendererMissingError(
            "Rendering needs Blender's package bpy, which is not installed here. "
            "Install it under Python 3.11, in an environment of its own, with: pip install bpy pillow pyyaml av tqdm "
            "(or pip install -e '.[render]', which brings the whole product)."
        ) from error


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Keep the renderer's own lines off the standard output."""
    sys.stdout.flush()
    kept = os.dup(1)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        try:
            yield
        finally:
            os.dup2(kept, 1)
            os.close(kept)
