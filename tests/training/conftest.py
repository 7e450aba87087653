"""Fixtures of the training side: a small scene filmed once."""

from pathlib import Path

import pytest
from building_media import write_scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scene(tmp_path_factory.mktemp("scene") / "scene.mp4")


@pytest.fixture
def video(scene: Path, tmp_path: Path) -> Path:
    """The scene in a folder of its own."""
    path = tmp_path / "media" / "scene.mp4"
    path.parent.mkdir()
    path.symlink_to(scene)
    return path
