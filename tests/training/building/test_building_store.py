"""What replaces other sequences takes their places all at once, wherever it is cut off."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from building_media import make_crop, manifest_rows, pictures

from pipeline.crops import CropSettings
from training.building.manifest import Place
from training.building.origin import Origin
from training.building.store import PART, Store
from training.building.tree import BuildError, DatasetTree
from training.building.writer import Cutting
from training.data.geometry import GeometryError, read_geometry
from training.data.layout import CROPS, scan

OLD = Origin("match.mp4@0123456789ab", "derby", "video 1")
NEW = Origin("match.mp4@0123456789ab", "derby", "video 2")
OTHER = Origin("other.mp4@ba9876543210", "final", "video 1")


def add(tree: DatasetTree, origin: Origin, numbers: dict[str, str], frames: int) -> None:
    """Sequences by track."""
    for track, number in numbers.items():
        if writer := tree.open(origin, number, track, Cutting()):
            for index in range(frames):
                writer.add(make_crop(index, track=int(track)))
            tree.commit(writer, origin, number)


def build_old(root: Path) -> None:
    with DatasetTree(root) as tree:
        for origin, numbers in ((OLD, {"1": "7", "2": "46"}), (OTHER, {"1": "7"})):
            assert tree.begin(origin)
            add(tree, origin, numbers, 3)
            tree.end(origin)


def begin_new(tree: DatasetTree) -> None:
    """One sequence takes the place of an old one, one is new, and one old one has no follower."""
    assert tree.begin(NEW)
    add(tree, NEW, {"1": "7", "3": "9"}, 2)


def held(root: Path) -> list[tuple[str, str, int, str]]:
    """What stands in a tree, which its manifest must list."""
    rows = manifest_rows(root)
    listed = {(row["number"], row["sequence"], int(row["frames"])) for row in rows}
    there = {(str(item.number), item.sequence, len(item.frames)) for item in scan(root).items}
    assert there == listed
    assert len(listed) == len(rows)
    return sorted((row["number"], row["sequence"].split("_")[1], int(row["frames"]), row["builder"]) for row in rows)


BEFORE = [("46", "2", 3, "video 1"), ("7", "1", 3, "video 1"), ("7", "1", 3, "video 1")]
AFTER = [("7", "1", 2, "video 2"), ("7", "1", 3, "video 1"), ("9", "3", 2, "video 2")]


def test_old_sequences_stay_until_the_new_ones_are_whole(tmp_path: Path) -> None:
    build_old(tmp_path)
    whole = pictures(tmp_path)
    with DatasetTree(tmp_path, replace=True) as tree:
        begin_new(tree)
        assert held(tmp_path) == BEFORE
        assert [path for path in pictures(tmp_path) if not path.startswith(PART)] == whole
        tree.end(NEW)
        assert held(tmp_path) == AFTER
    assert not (tmp_path / "46").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".finished.csv", "7", "9", "manifest.csv"]
    with DatasetTree(tmp_path) as tree:
        assert not tree.begin(NEW)
        assert not tree.begin(OTHER)
        assert tree.tally.there_already == 3


def test_a_source_that_is_not_ended_changes_nothing(tmp_path: Path) -> None:
    build_old(tmp_path)
    with DatasetTree(tmp_path, replace=True) as tree:
        begin_new(tree)
        assert not tree.begin(OTHER)
        tree.settle()
    assert held(tmp_path) == BEFORE
    with DatasetTree(tmp_path) as tree:
        assert not tree.begin(OLD)


def test_a_source_that_gives_no_sequence_any_more_leaves_none(tmp_path: Path) -> None:
    build_old(tmp_path)
    with DatasetTree(tmp_path, replace=True) as tree:
        assert tree.begin(NEW)
        tree.end(NEW)
    assert held(tmp_path) == [("7", "1", 3, "video 1")]


class Killed(BaseException):
    """The process ends here; nothing more of it runs."""


def die_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the step-th change of the disk on, no change is made."""
    made = 0

    def dying(change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401  # whatever the change takes and gives
            nonlocal made
            made += 1
            if made > step:
                raise Killed
            return change(*arguments, **named)

        return changed

    for name in ("rename", "replace", "rmdir", "mkdir", "unlink", "write_text"):
        monkeypatch.setattr(Path, name, dying(getattr(Path, name)))
    for name in ("write", "unlink", "rmdir"):
        monkeypatch.setattr(os, name, dying(getattr(os, name)))


@pytest.mark.parametrize(("ends", "interrupted"), [(True, False), (True, True), (False, False)])
def test_a_kill_at_any_moment_leaves_all_old_or_all_new(tmp_path: Path, ends: bool, interrupted: bool) -> None:
    """The replacement is carried out (`ends`) or given up; an interrupted process repairs, a killed one does not."""
    build_old(tmp_path / "old")
    found = []
    for step in range(1000):
        root = tmp_path / "root"
        shutil.copytree(tmp_path / "old", root)
        tree = DatasetTree(root, replace=True)
        tree._take_root()
        tree._store, tree._taken = Store(root), interrupted
        begin_new(tree)
        with pytest.MonkeyPatch.context() as patch:
            die_at(step, patch)
            try:
                tree.end(NEW) if ends else tree._store.repair()
                killed = False
            except Killed:
                killed = True
        tree._leave()
        with DatasetTree(root, replace=True) as again:
            found.append(held(root))
            assert not (root / PART).exists()
            assert all(again._store.is_whole(Place(row["number"], row["sequence"])) for row in manifest_rows(root))
        shutil.rmtree(root)
        if not killed:
            break
    assert step > 10
    swapped = found.index(AFTER) if ends else len(found)
    assert found == [BEFORE] * swapped + [AFTER] * (len(found) - swapped)
    assert swapped < len(found) - 1 or not ends


def test_rows_of_what_is_given_up_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows left without their sequence would say that it was put in its place."""

    def killed(path: Path) -> None:
        raise Killed

    build_old(tmp_path)
    with pytest.raises(Killed), DatasetTree(tmp_path, replace=True) as tree:
        begin_new(tree)
        monkeypatch.setattr(shutil, "rmtree", killed)
        tree._store.repair()
    [dropped, *_] = sorted((tmp_path / PART).iterdir())
    assert [path.name for path in dropped.iterdir()] == [dropped_sequence(tmp_path)]


def dropped_sequence(root: Path) -> str:
    """Name of track 1's sequence of the source that is replaced."""
    return next(row["sequence"] for row in manifest_rows(root) if row["source"] == OLD.source)


def add_cut_by(root: Path, crops: CropSettings, origin: Origin = OLD) -> None:
    """A sequence whose regions were cut so."""
    with DatasetTree(root, crops=crops) as tree:
        assert tree.begin(origin)
        add(tree, origin, {"1": "7"}, 1)
        tree.end(origin)


def test_a_tree_knows_how_its_regions_were_cut(tmp_path: Path) -> None:
    root, crops = tmp_path / "root", CropSettings(side_of_height=0.4)
    with DatasetTree(root, crops=crops):
        pass
    assert not root.exists(), "nothing was added"
    add_cut_by(root, crops)
    assert read_geometry(root) == {"side_of_height": 0.4, "side_of_width": 0.45, "centre_y": 0.32, "top_slack": 0.03}
    assert scan(root).rejected == ()
    before = held(root)
    with pytest.raises(
        BuildError,
        match=r"were cut with crops\.side_of_height=0\.4 \(its crops\.json says so\), and these would be cut with "
        r"crops\.side_of_height=0\.35; give --set crops\.side_of_height=0\.4 or build another",
    ):
        add_cut_by(root, CropSettings(), OTHER)
    assert held(root) == before
    add_cut_by(root, CropSettings(side_of_height=0.4, min_side=20.0), OTHER)
    assert len(held(root)) == 2


def test_a_tree_whose_regions_were_cut_nobody_knows_how_stays_so(tmp_path: Path) -> None:
    build_old(tmp_path)
    add_cut_by(tmp_path, CropSettings(), Origin("third.mp4@000000000000", "", "video 1"))
    assert read_geometry(tmp_path) is None


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"side_of_height": null}'])
def test_a_record_of_regions_that_cannot_be_used(tmp_path: Path, text: str) -> None:
    (tmp_path / CROPS).write_text(text)
    with pytest.raises(GeometryError, match=r"crops\.json does not tell how .*; mend it or remove it"):
        add_cut_by(tmp_path, CropSettings())
