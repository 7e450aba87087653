"""Fixtures of the training side: a small scene filmed once; a small data set and a small network that reads it."""

from pathlib import Path

import pytest
import torch
from building_media import write_scene
from nets import save_small_net
from runs import use_narrow_backbone
from trees import TREE, make_tree

from recognizer.reader import JerseyReader


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


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small_net(tmp_path_factory.mktemp("net") / "small.safetensors")


@pytest.fixture(scope="module")
def reader(checkpoint: Path) -> JerseyReader:
    return JerseyReader(checkpoint, torch.device("cpu"))


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tree(tmp_path_factory.mktemp("data") / "tree", TREE, subdirs=2, frames=7)


@pytest.fixture
def narrow_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every network of the test is built with the narrow backbone."""
    use_narrow_backbone(monkeypatch)
