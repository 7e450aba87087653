"""A run's folder: whole or absent, an earlier run untouched until the new one is whole."""

import errno
import json
import os
from pathlib import Path

import pytest

from pipeline.media.video import VideoError
from pipeline.results.folder import OutputError, RunFolder


def write_run(folder: Path, **contents: str) -> None:
    """Write files as a run does: a record that lists them, and the files."""
    names = [name.replace("_", ".") for name in contents]
    for name, text in zip(names, contents.values(), strict=True):
        (folder / name).write_text(text)
    (folder / "run.json").write_text(json.dumps({"files": [*names, "run.json"]}))


def finished(folder: Path, **contents: str) -> Path:
    with RunFolder(folder) as work:
        write_run(work, **contents)
    return folder


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def test_a_new_folder_appears_whole(tmp_path: Path) -> None:
    final = tmp_path / "deep" / "down" / "run"
    with RunFolder(final) as work:
        write_run(work, a_csv="1")
        assert not final.exists()
    assert listing(final) == ["a.csv", "run.json"]
    assert listing(final.parent) == ["a.csv", "run", "run.json"]


def test_a_folder_has_ordinary_permissions(tmp_path: Path) -> None:
    os.umask(umask := os.umask(0))
    final = finished(tmp_path / "run")
    assert final.stat().st_mode & 0o777 == 0o777 & ~umask


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt(), SystemExit(143)])
def test_a_failed_run_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), RunFolder(tmp_path / "runs" / "x") as work:
        (work / "tracks.csv").write_text("half")
        raise error
    assert listing(tmp_path) == []


def test_a_failed_run_keeps_the_earlier_one(tmp_path: Path) -> None:
    final = finished(tmp_path / "run", a_csv="old")
    with pytest.raises(ValueError, match="broken"), RunFolder(final, overwrite=True) as work:
        (work / "a.csv").write_text("new")
        assert (final / "a.csv").read_text() == "old"
        raise ValueError("broken")
    assert listing(tmp_path) == ["a.csv", "run", "run.json"]
    assert (final / "a.csv").read_text() == "old"


def test_overwriting_replaces_what_a_run_wrote_and_keeps_the_rest(tmp_path: Path) -> None:
    final = finished(tmp_path / "run", a_csv="old", b_mp4="old")
    (final / "notes.txt").write_text("mine")
    with RunFolder(final, overwrite=True) as work:
        write_run(work, a_csv="new")
    assert listing(tmp_path) == ["a.csv", "notes.txt", "run", "run.json"]
    assert (final / "a.csv").read_text() == "new"


def test_an_earlier_run_is_refused_without_overwrite(tmp_path: Path) -> None:
    final = finished(tmp_path / "run")
    with pytest.raises(OutputError, match=r"run holds a finished run; give --overwrite to replace it"):
        RunFolder(final)


def test_an_input_is_never_replaced(tmp_path: Path) -> None:
    final, link = finished(tmp_path / "run", annotated_mp4="1"), tmp_path / "match.mp4"
    link.symlink_to(final / "annotated.mp4")
    for file in (final / "annotated.mp4", link):
        with pytest.raises(OutputError, match=rf"{file.name} is the input, .* choose another folder with -o"):
            RunFolder(final, overwrite=True, inputs=[file])
    (final / "mine.mp4").write_text("2")
    with RunFolder(final, overwrite=True, inputs=[final / "mine.mp4"]) as work:
        write_run(work, annotated_mp4="3")
    assert listing(final) == ["annotated.mp4", "mine.mp4", "run.json"]


@pytest.mark.parametrize("record", [None, "no json", "[]", '{"files": 3}'])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_other_things_is_never_touched(tmp_path: Path, record: str | None, overwrite: bool) -> None:
    (tmp_path / "holiday.jpg").write_text("")
    if record is not None:
        (tmp_path / "run.json").write_text(record)
    with pytest.raises(OutputError, match=r"holds other files \(holiday\.jpg\) and no finished run"):
        RunFolder(tmp_path, overwrite)


@pytest.mark.parametrize("litter", [None, ".DS_Store", "Thumbs.db"])
def test_an_empty_folder_is_used_and_survives_a_failure(tmp_path: Path, litter: str | None) -> None:
    final = tmp_path / "run"
    final.mkdir()
    if litter:
        (final / litter).write_text("")
    with pytest.raises(ValueError, match="broken"), RunFolder(final):
        raise ValueError("broken")
    assert set(listing(tmp_path)) == {"run", litter or "run"}
    finished(final, a_csv="1")
    assert sorted(listing(final)) == sorted(["a.csv", "run.json", *([litter] if litter else [])])


def test_a_record_cannot_have_files_elsewhere_removed(tmp_path: Path) -> None:
    final = finished(tmp_path / "run")
    (tmp_path / "precious.txt").write_text("")
    (final / "run.json").write_text(json.dumps({"files": ["../precious.txt"]}))
    with RunFolder(final, overwrite=True) as work:
        write_run(work)
    assert (tmp_path / "precious.txt").exists()


def test_leftovers_of_a_killed_run_do_not_block_the_folder(tmp_path: Path) -> None:
    final = tmp_path / "run"
    (final / ".0123abcd.partial").mkdir(parents=True)
    finished(final, a_csv="1")
    assert (final / "a.csv").exists()


def test_leftovers_of_killed_runs_are_removed_and_nothing_else(tmp_path: Path) -> None:
    final = tmp_path / "run"
    left = [tmp_path / ".run.0123abcd.partial", final / ".4567cdef.partial"]
    kept = [
        tmp_path / ".other.0123abcd.partial",
        tmp_path / ".0123abcd.partial",
        tmp_path / ".run.notes.partial",
        tmp_path / "run.0123abcd.partial",
    ]
    for folder in (*left, *kept):
        folder.mkdir(parents=True)
        (folder / "tracks.csv").write_text("half")
    finished(final, a_csv="1")
    assert [folder for folder in left if folder.exists()] == []
    assert [folder for folder in kept if not (folder / "tracks.csv").exists()] == []


def test_a_run_that_still_works_on_the_same_folder_is_left_alone(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run", overwrite=True) as slow:
        finished(tmp_path / "run", a_csv="quick")
        write_run(slow, a_csv="slow")
    assert (tmp_path / "run" / "a.csv").read_text() == "slow"
    assert listing(tmp_path) == ["a.csv", "run", "run.json"]


@pytest.mark.parametrize("there_before", [False, True])
def test_a_run_that_another_overtook_keeps_its_results_beside(tmp_path: Path, there_before: bool) -> None:
    final = tmp_path / "run"
    if there_before:
        final.mkdir()
    message = r"run was taken by something else while this run went on; this run's results are kept in .*run-2\.$"
    with pytest.raises(OutputError, match=message) as refusal, RunFolder(final) as slow:
        finished(final, a_csv="quick")
        write_run(slow, a_csv="slow")
    assert (final / "a.csv").read_text() == "quick"
    kept = (final if there_before else tmp_path) / "run-2"
    assert str(kept) in str(refusal.value)
    assert (kept / "a.csv").read_text() == "slow"
    assert listing(tmp_path) == ["a.csv", "a.csv", "run", "run-2", "run.json", "run.json"]


def test_results_beside_take_the_next_free_name_and_survive_the_next_run(tmp_path: Path) -> None:
    (tmp_path / "run-2").write_text("mine")
    with pytest.raises(OutputError, match=r"are kept in .*run-3\."), RunFolder(tmp_path / "run") as slow:
        finished(tmp_path / "run", a_csv="quick")
        write_run(slow, a_csv="slow")
    with RunFolder(tmp_path / "run", overwrite=True) as work:
        write_run(work, a_csv="next")
    assert (tmp_path / "run-2").read_text() == "mine"
    assert (tmp_path / "run-3" / "a.csv").read_text() == "slow"


def test_other_things_put_there_meanwhile_are_not_touched(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"are kept in .*run-2\."), RunFolder(tmp_path / "run", True) as work:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "a.csv").write_text("mine")
        write_run(work, a_csv="new")
    assert (tmp_path / "run" / "a.csv").read_text() == "mine"
    assert (tmp_path / "run-2" / "a.csv").read_text() == "new"


def test_a_linked_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    finished(tmp_path / "link", a_csv="1")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a.csv").exists()


def test_places_that_cannot_hold_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file is a file, but a folder is needed"):
        RunFolder(tmp_path / "file")
    with pytest.raises(OutputError, match=r"Cannot write to .*: not a directory; choose another folder with -o"):
        RunFolder(tmp_path / "file" / "run").__enter__()


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    for name in ("x" * 300, "y" * 250, f"new/{'z' * 300}"):
        with pytest.raises(OutputError, match=r"Cannot write to .*: file name too long; choose another folder with -o"):
            RunFolder(tmp_path / name).__enter__()
    assert listing(tmp_path) == []


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that even root cannot write to")
def test_an_unwritable_place_is_named() -> None:
    with pytest.raises(OutputError, match=r"Cannot write to /proc/run: .*; choose another folder with -o"):
        RunFolder(Path("/proc/run")).__enter__()


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no space left on device; the run was stopped"), RunFolder(tmp_path / "run"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert listing(tmp_path) == []


def test_a_full_disk_behind_another_error_is_named_with_the_folder_asked_for(tmp_path: Path) -> None:
    message = rf"^Cannot write to {tmp_path}/run: no space left on device; the run was stopped\.$"
    with pytest.raises(OutputError, match=message), RunFolder(tmp_path / "run") as work:
        try:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise VideoError(f"{work / 'annotated.mp4'} cannot be written.") from error
    assert listing(tmp_path) == []


def test_other_faults_keep_their_own_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="elsewhere"), RunFolder(tmp_path / "run"):
        raise FileNotFoundError(errno.ENOENT, "elsewhere")
