"""Every picture of a data set, decoded and preprocessed once, packed in one memory-mapped file."""

import contextlib
import dataclasses
import hashlib
import json
import logging
import os
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from pipeline.media.images import upright_rgb
from recognizer.errors import InputError
from recognizer.preprocess import Preprocess
from training.data.layout import Layout

if sys.platform != "win32":
    import fcntl

logger = logging.getLogger(__name__)

CACHE_FOLDER: Final = ".crop_cache"
"""Where the cache lies inside the data root by default; the scan passes over it."""

_FORMAT: Final = 2
_BLOCK: Final = 256
"""Pictures that one thread packs at a time."""
_UNREADABLE: Final = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
"""What Pillow raises for files it cannot read."""


class CacheError(InputError):
    """A crop cache that cannot be written or read."""


class Unreadable(NamedTuple):
    """A picture that could not be decoded."""

    path: Path
    """Relative to the data root, with forward slashes."""
    reason: str


@dataclass(frozen=True, slots=True)
class CropCache:
    """Preprocessed crops of a data set, in the order of their relative paths.

    Pickled (for a loader's worker processes) as the path of its file, never as its pixels.
    """

    file: Path
    """The `.npy` file."""
    preprocess: Preprocess
    """What made the crops."""
    unreadable: tuple[Unreadable, ...]
    """Pictures without a crop."""
    row_of: dict[Path, int]
    """Row of each readable picture, by its path as the layout gives it."""
    crops: NDArray[np.uint8]
    """uint8 (N, S, S, 3), memory-mapped, read-only; the rows of unreadable pictures are black and in no index."""

    def __len__(self) -> int:
        """Number of readable pictures."""
        return len(self.row_of)

    def __getstate__(self) -> tuple[Any, ...]:
        """Everything but the pixels."""
        return self.file, self.preprocess, self.unreadable, self.row_of

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        """Map the file again."""
        names = ("file", "preprocess", "unreadable", "row_of", "crops")
        for name, value in zip(names, (*state, _map(state[0])), strict=True):
            object.__setattr__(self, name, value)


def open_cache(layout: Layout, preprocess: Preprocess, folder: Path | None = None, threads: int = 0) -> CropCache:
    """Open the cache of a data set; build it where there is none for these files and this preprocessing.

    The key holds each picture's relative path, size and time of change, and every field of the preprocessing. The
    file is written beside its place and renamed, so that an interrupted build leaves nothing to be taken for a
    cache. Of several processes that ask at once, one builds and the others wait for it. A cache of the same
    preprocessing and another state of the same tree is removed. Pictures that cannot be decoded are left out, with one
    warning that counts and names them.

    Args:
        layout: The scanned tree; crops of all its pictures are packed, before any split.
        preprocess: Makes a picture into the network's input.
        folder: Where the cache lies; by default `.crop_cache` inside the data root.
        threads: That decode; 0 takes one for each processor, at most 16.

    Raises:
        CacheError: The folder cannot be written, or a picture vanished since the scan.
    """
    owner = "" if folder is None else str(layout.root.resolve())
    folder = folder or layout.root / CACHE_FOLDER
    paths = sorted({path for item in layout.items for path in item.frames}, key=str)
    stem = f"{_preprocess_key(preprocess, owner)}-{_tree_key(layout.root, paths)}"
    try:
        found = _read_index(folder, stem, len(paths))
        if found is None:
            folder.mkdir(parents=True, exist_ok=True)
            with _only_one(folder / f"{stem[:16]}.lock"):
                found = _read_index(folder, stem, len(paths))
                if found is None:
                    found = _build(
                        layout.root, paths, preprocess, folder, stem, threads or min(16, os.cpu_count() or 1)
                    )
                    _remove_older(folder, stem)
        crops = _map(folder / f"{stem}.npy")
    except OSError as error:
        raise CacheError(
            f"The crop cache in {folder} cannot be used ({error.strerror or error}); "
            "name a folder that can be written and has room."
        ) from error
    _warn(layout.root, found, len(paths))
    lost = {layout.root / entry.path for entry in found}
    rows = {path: row for row, path in enumerate(paths) if path not in lost}
    return CropCache(folder / f"{stem}.npy", preprocess, found, rows, crops)


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """Decode a picture upright: uint8 (h, w, 3).

    Raises:
        OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError: It cannot be decoded.
    """
    with Image.open(path) as image:
        return upright_rgb(image)


def _preprocess_key(preprocess: Preprocess, owner: str) -> str:
    """Names the caches that replace each other; `owner` tells data roots apart that share a cache folder."""
    text = json.dumps([_FORMAT, owner, dataclasses.asdict(preprocess)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _tree_key(root: Path, paths: Sequence[Path]) -> str:
    digest, start = hashlib.sha256(), len(str(root / "x")) - 1
    for path in paths:
        try:
            state = path.stat()
        except OSError as error:
            raise CacheError(f"{path} vanished while the data set was read ({error.strerror}); start again.") from error
        line = f"{str(path)[start:]}\0{state.st_size}\0{state.st_mtime_ns}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:24]


def _map(file: Path) -> NDArray[np.uint8]:
    crops: NDArray[np.uint8] = np.load(file, mmap_mode="r", allow_pickle=False)
    return crops


def _read_index(folder: Path, stem: str, count: int) -> tuple[Unreadable, ...] | None:
    """The unreadable pictures of a whole cache; None where there is none, or a damaged one."""
    try:
        index = json.loads((folder / f"{stem}.json").read_text(encoding="utf-8"))
        entries = tuple(Unreadable(Path(path), reason) for path, reason in index["unreadable"])
        whole = index["pictures"] == count and len(_map(folder / f"{stem}.npy")) == count
    except (FileNotFoundError, ValueError, KeyError, TypeError, EOFError):
        return None
    return entries if whole else None


@contextlib.contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    """Hold a lock that the system frees when the process ends; without one (Windows) several may build, each whole."""
    with lock.open("w") as file:
        if sys.platform != "win32":
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(
    root: Path, paths: Sequence[Path], preprocess: Preprocess, folder: Path, stem: str, threads: int
) -> tuple[Unreadable, ...]:
    """Pack all pictures; the index is renamed into place last and makes the cache valid."""
    started = time.monotonic()
    unreadable: list[Unreadable] = []
    part, index_part = (folder / f"{stem}.{os.getpid()}.{kind}.part" for kind in ("npy", "json"))
    shape = (len(paths), preprocess.size, preprocess.size, 3)
    try:
        with part.open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_2_0(file, header)
            for rows, lost in _blocks(root, paths, preprocess, threads):
                file.write(rows.data)
                unreadable += lost
        index = {
            "pictures": len(paths),
            "preprocess": dataclasses.asdict(preprocess),
            "unreadable": [(entry.path.as_posix(), entry.reason) for entry in unreadable],
        }
        index_part.write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
        part.replace(folder / f"{stem}.npy")
        index_part.replace(folder / f"{stem}.json")
    finally:
        part.unlink(missing_ok=True)
        index_part.unlink(missing_ok=True)
    logger.info("Packed %d pictures in %.1f s", len(paths) - len(unreadable), time.monotonic() - started)
    return tuple(unreadable)


Block = tuple[NDArray[np.uint8], list[Unreadable]]


def _blocks(root: Path, paths: Sequence[Path], preprocess: Preprocess, threads: int) -> Iterator[Block]:
    """Packed blocks in order, a few ahead of the one that is written."""
    starts = deque(range(0, len(paths), _BLOCK))
    waiting: deque[Future[Block]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        while starts or waiting:
            while starts and len(waiting) < threads + 2:
                start = starts.popleft()
                waiting.append(pool.submit(_pack, root, paths[start : start + _BLOCK], preprocess))
            yield waiting.popleft().result()


def _pack(root: Path, paths: Sequence[Path], preprocess: Preprocess) -> Block:
    rows = np.zeros((len(paths), preprocess.size, preprocess.size, 3), np.uint8)
    unreadable = []
    for row, path in zip(rows, paths, strict=True):
        try:
            row[:] = preprocess.apply(read_rgb(path))
        except _UNREADABLE as error:
            unreadable.append(Unreadable(path.relative_to(root), _reason(error)))
    return rows, unreadable


def _reason(error: Exception) -> str:
    return "no picture" if isinstance(error, UnidentifiedImageError) else str(error) or type(error).__name__


def _remove_older(folder: Path, stem: str) -> None:
    """Remove caches of the same preprocessing and other states of the tree; who has one mapped keeps it."""
    for file in folder.glob(f"{stem[:16]}-*"):
        if not file.name.startswith(stem) and file.suffix in {".npy", ".json"}:
            with contextlib.suppress(OSError):
                file.unlink()


def _warn(root: Path, unreadable: Sequence[Unreadable], count: int) -> None:
    if unreadable:
        named = "; ".join(f"{entry.path.as_posix()} ({entry.reason})" for entry in unreadable[:3])
        more = ", ..." if len(unreadable) > 3 else ""
        logger.warning("%d of %d pictures in %s cannot be read: %s%s", len(unreadable), count, root, named, more)
