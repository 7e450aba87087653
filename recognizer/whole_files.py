"""Files that are there whole or not at all."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write all files beside their final names, then rename them, one right after the other, in the order given.

    Args:
        contents: Bytes by path; folders are made.

    Raises:
        OSError: The disk or a folder refuses; files that stood there before are as they were, unless the disk failed
            between two renames.
    """
    beside = {path: path.with_name(f".{path.name}.{os.getpid()}.part") for path in contents}
    try:
        for path, data in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            beside[path].write_bytes(data)
        for path, temporary in beside.items():
            temporary.replace(path)
    finally:
        for temporary in beside.values():
            with contextlib.suppress(OSError):  # the folder itself may be what failed
                temporary.unlink(missing_ok=True)
