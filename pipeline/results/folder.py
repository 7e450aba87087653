"""The folder a run leaves behind: there whole, or not at all."""

import contextlib
import errno
import itertools
import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from recognizer.errors import InputError, reason_of

if sys.platform != "win32":
    import fcntl

RECORD: Final = "run.json"
"""The file by which a folder is known as a finished run; put in place last."""

_PARTIAL: Final = ".partial"
_LITTER: Final = {".DS_Store", "Thumbs.db", "desktop.ini"}
"""What desktops leave in any folder that is looked into."""
_DISK_ERRORS: Final = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}


class OutputError(InputError):
    """The results cannot be written where they should go."""


class RunFolder:
    """Gives out a hidden working folder and, when the block ends well, turns it into the folder `final`.

    If the block raises (Ctrl-C included) the working folder is removed and whatever stood at `final` is untouched. A
    new folder appears in one rename. Where `final` exists (it may be a mount point) its files are replaced one by one
    once all of them are whole; what no run wrote there stays. Where `final` was taken meanwhile and may not be
    replaced, the results are kept under the next free name beside. Working folders that killed runs left behind for
    the same `final` are removed: a running one holds a lock on its folder.

    Args:
        final: Where the run shall stand: new, empty, or (with `overwrite`) an earlier finished run.
        overwrite: Whether an earlier finished run there may be replaced.
        inputs: Files that the run reads; one that it would replace is refused.

    Raises:
        OutputError: The place is taken or not writable, or is taken or the disk fills up while the block runs.
    """

    def __init__(self, final: Path, overwrite: bool = False, inputs: Sequence[Path] = ()) -> None:
        self.final = final.resolve()
        self._overwrite = overwrite
        _require_free(final, overwrite)
        _require_elsewhere(self.final, inputs)
        token = secrets.token_hex(4) + _PARTIAL
        exists = self.final.exists()
        self._work = self.final / f".{token}" if exists else self.final.with_name(f".{self.final.name}.{token}")
        self._made_parents: list[Path] = []
        self._lock: int | None = None

    def __enter__(self) -> Path:
        """The working folder, empty."""
        try:
            for parent in reversed([parent for parent in self._work.parents if not parent.exists()]):
                parent.mkdir()
                self._made_parents.append(parent)
            _remove_abandoned(self.final)
            self._work.mkdir()
            self._lock = _lock(self._work)
        except OSError as error:
            self._clean_up()
            raise OutputError(
                f"Cannot write to {self.final}: {reason_of(error)}; choose another folder with -o."
            ) from error
        return self._work

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Put the results in place, or clean up and name a full or lost disk."""
        try:
            self._leave(error)
        finally:
            if self._lock is not None:
                os.close(self._lock)

    def _leave(self, error: BaseException | None) -> None:
        if error is None:
            try:
                self._put_in_place()
            except OSError as failure:
                self._clean_up()
                raise OutputError(f"Cannot put the results at {self.final}: {reason_of(failure)}.") from failure
            return
        self._clean_up()
        if disk := _disk_error(error):
            raise OutputError(f"Cannot write to {self.final}: {reason_of(disk)}; the run was stopped.") from error

    def _put_in_place(self) -> None:
        try:
            _require_free(self.final, self._overwrite)
        except OutputError as error:
            raise OutputError(
                f"{self.final} was taken by something else while this run went on; this run's results are kept in "
                f"{self._put_beside()}."
            ) from error
        if not self.final.exists():
            self._work.rename(self.final)
            return
        fresh = sorted((path.name for path in self._work.iterdir()), key=lambda name: (name == RECORD, name))
        stale = files_of_run(self.final) - set(fresh)
        for name in fresh:
            (self._work / name).replace(self.final / name)
        for name in stale:
            (self.final / name).unlink(missing_ok=True)
        self._work.rmdir()

    def _put_beside(self) -> Path:
        """Put the results under the next free name, on the same disk: `run-2` for `run`."""
        names = (f"{self.final.name}-{number}" for number in itertools.count(2))
        free = next(path for name in names if not os.path.lexists(path := self._work.with_name(name)))
        self._work.rename(free)
        return free

    def _clean_up(self) -> None:
        shutil.rmtree(self._work, ignore_errors=True)
        for parent in reversed(self._made_parents):
            with contextlib.suppress(OSError):  # something else was put there meanwhile
                parent.rmdir()


def files_of_run(folder: Path, name: str = RECORD) -> set[str]:
    """Names of the files that a finished run left in `folder`, by its record `name`; empty where there is none."""
    try:
        record = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    files = record.get("files") if isinstance(record, dict) else None
    return {name, *(Path(str(file)).name for file in files)} if isinstance(files, list) else set()


def _require_elsewhere(final: Path, inputs: Sequence[Path]) -> None:
    replaced = files_of_run(final)
    for file in inputs:
        place = file.resolve()
        if place.parent == final and place.name in replaced:
            raise OutputError(
                f"{file} is the input, and belongs to the run in {final} that would be replaced; choose another folder "
                "with -o."
            )


def _require_free(final: Path, overwrite: bool) -> None:
    try:
        if not final.exists():
            return
    except OSError as error:  # a name too long, a folder that may not be entered
        raise OutputError(f"Cannot write to {final}: {reason_of(error)}; choose another folder with -o.") from error
    if not final.is_dir():
        raise OutputError(f"{final} is a file, but a folder is needed for the results; choose another with -o.")
    try:
        names = {path.name for path in final.iterdir() if path.suffix != _PARTIAL}
    except OSError as error:
        raise OutputError(f"The folder {final} cannot be read: {reason_of(error)}; choose another with -o.") from error
    others = sorted(names - _LITTER)
    if others and not files_of_run(final):
        raise OutputError(f"{final} holds other files ({others[0]}) and no finished run; choose another with -o.")
    if others and not overwrite:
        raise OutputError(f"{final} holds a finished run; give --overwrite to replace it, or choose another with -o.")


def _remove_abandoned(final: Path) -> None:
    """Remove the working folders for `final` whose runs are no more."""
    found: list[Path] = []
    for place, prefix in ((final.parent, f".{final.name}"), (final, "")):
        pattern = re.compile(re.escape(prefix) + r"\.[0-9a-f]{8}" + re.escape(_PARTIAL))
        with contextlib.suppress(OSError):  # not there, or not to be listed
            found += [path for path in place.iterdir() if pattern.fullmatch(path.name)]
    for path in found:
        lock = _lock(path)
        if lock is not None:
            shutil.rmtree(path, ignore_errors=True)
            os.close(lock)


def _lock(folder: Path) -> int | None:
    """Lock a folder until the handle given is closed or the process ends; None where another did or nobody can."""
    if sys.platform == "win32":
        return None
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def _disk_error(error: BaseException | None) -> OSError | None:
    """The full or lost disk that an error, or what it was raised from, is about."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
            return error
        error = error.__cause__
    return None
