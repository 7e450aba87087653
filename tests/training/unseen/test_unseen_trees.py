"""The trees of the unseen-numbers test, found again or built."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest

import training.unseen.trees
from training.unseen.data import UnseenData
from training.unseen.trees import TREES, TreesError, ensure_trees


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[UnseenData]:
    """Settings of the trees that were built, of empty ones."""
    made = []

    def build(settings: UnseenData, root: Path) -> None:
        made.append(settings)
        for tree in TREES:
            (root / tree).mkdir(parents=True)

    monkeypatch.setattr(training.unseen.trees, "build_trees", build)
    return made


def test_trees_are_built_once_wherever_their_material_lies(tmp_path: Path, built: list[UnseenData]) -> None:
    ensure_trees(UnseenData(), tmp_path)
    ensure_trees(UnseenData(data="elsewhere"), tmp_path)
    assert built == [UnseenData()]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*TREES, "trees.json"])
    (tmp_path / TREES[0]).rmdir()
    ensure_trees(UnseenData(), tmp_path)
    assert len(built) == 2


def test_other_settings_need_another_folder(tmp_path: Path, built: list[UnseenData]) -> None:
    ensure_trees(UnseenData(), tmp_path)
    other = replace(UnseenData(), test_numbers=("48",))
    expected = r"^data\.test_numbers is \['48'\] and was \['48', '64', '88'\] when the trees in .* give another output"
    with pytest.raises(TreesError, match=expected):
        ensure_trees(other, tmp_path)
    (tmp_path / TREES[0]).rmdir()  # networks of the old trees may stand there still
    with pytest.raises(TreesError, match=expected):
        ensure_trees(other, tmp_path)
    assert len(built) == 1


def test_older_trees_are_taken_as_they_are(
    tmp_path: Path, built: list[UnseenData], caplog: pytest.LogCaptureFixture
) -> None:
    for tree in TREES:
        (tmp_path / tree).mkdir()
    with caplog.at_level(logging.WARNING):
        ensure_trees(UnseenData(seed=3), tmp_path)
    assert not built
    assert "does not tell the settings of its trees" in caplog.text


def test_settings_that_cannot_be_read_are_refused(tmp_path: Path, built: list[UnseenData]) -> None:
    (tmp_path / "trees.json").write_text("{")
    with pytest.raises(TreesError, match=r"trees\.json holds no settings; give another output folder"):
        ensure_trees(UnseenData(), tmp_path)
    assert not built
