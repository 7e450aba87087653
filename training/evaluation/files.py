"""Puts the files of an evaluation in place: each whole, and the one that names the others last."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recognizer.errors import InputError
from recognizer.weights_file import require_suffix
from recognizer.whole_files import write_together


class ResultError(InputError):
    """The results cannot be written where they should go."""


def to_json(record: Mapping[str, Any]) -> bytes:
    """A record as readable UTF-8 JSON; what is no finite number becomes null.

    >>> print(to_json({"share": float("nan")}).decode().strip())
    {
      "share": null
    }
    """
    return (json.dumps(_finite(record), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def require_writable(folder: Path) -> None:
    """Say before the work begins that its results have no place to go; leaves nothing behind.

    Raises:
        ResultError: The path is a file, or the nearest folder above it cannot be written.
    """
    nearest = next((path for path in (folder, *folder.absolute().parents) if path.exists()), folder)
    if not nearest.is_dir():
        raise ResultError(f"{nearest} is a file, but a folder is needed for the results; choose another output.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise ResultError(f"The folder {nearest} cannot be written; choose another output.")


def require_file(path: Path) -> None:
    """Say before the work begins that a file cannot be written.

    Raises:
        ResultError: The path is a folder, or its folder cannot be written.
    """
    if path.is_dir():
        raise ResultError(f"{path} is a folder, but a file is needed for the results; choose another output.")
    require_writable(path.parent)


def require_weights(path: Path, *start: Path) -> None:
    """Say before the training begins that weights cannot be written to `path`.

    Args:
        path: a `.safetensors` file.
        start: what the training begins from, which is not to be lost.

    Raises:
        WeightsError: The path has another ending.
        ResultError: It is a folder, cannot be written, or is one of the files to start from.
    """
    require_suffix(path)
    require_file(path)
    if any(path.exists() and one.exists() and path.samefile(one) for one in start):
        raise ResultError(f"{path} is what the training starts from; name another file.")


def write_results(contents: Mapping[Path, bytes]) -> None:
    """Put files in place, each whole, in the order given.

    Args:
        contents: Bytes by path; folders are made.

    Raises:
        ResultError: The disk or a folder refuses (see `recognizer.whole_files.write_together`).
    """
    try:
        write_together(contents)
    except OSError as error:
        place = next(iter(contents)).parent
        raise ResultError(f"The results cannot be written to {place}: {error.strerror or error}.") from error


def _finite(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, Mapping):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
