"""How ultralytics is imported: quiet, offline, installing nothing, unpickling nothing it does not know.

Its switches are environment variables read once, at import, so they are set here first. This module does not
import ultralytics itself: only `pipeline.detection.detector`, `pipeline.tracking.tracker` and, to train a detector,
`training.detector.loop` do, inside `vendor_import()`.
"""

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

FORCED = {
    "YOLO_AUTOINSTALL": "false",  # never runs pip
    "ULTRALYTICS_SAFE_LOAD": "1",  # model files load with weights_only=True and a list of known classes
    "YOLO_OFFLINE": "true",  # no name look-up at import, no telemetry, no update check; a named download still works
}
"""Set whatever the user's shell says."""

DEFAULTS = {
    "YOLO_VERBOSE": "false",  # errors only
}
"""Set unless the user's shell says otherwise."""


@contextmanager
def vendor_import() -> Iterator[None]:
    """Set ultralytics' switches around its import.

    Its settings file goes to a directory that is deleted at exit, unless `YOLO_CONFIG_DIR` names another. What it
    changes for everybody is taken back: `OMP_NUM_THREADS=1` for every child process, and a `PIL.Image.open` that
    asks for another package where an image is damaged.
    """
    os.environ.update(FORCED)
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    if "ultralytics" not in sys.modules and "YOLO_CONFIG_DIR" not in os.environ:
        directory = tempfile.mkdtemp(prefix="jersey-numbers-")
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        os.environ["YOLO_CONFIG_DIR"] = directory
    threads, image_open = os.environ.get("OMP_NUM_THREADS"), Image.open
    try:
        yield
    finally:
        Image.open = image_open
        if threads is None:
            os.environ.pop("OMP_NUM_THREADS", None)
