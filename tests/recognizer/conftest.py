"""What the recognizer's tests share: one thread, a cache of their own, and a small network."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from recognizer.checkpoint import CheckpointInfo, save_checkpoint
from recognizer.model import JerseyTemporalNet, ModelConfig
from recognizer.preprocess import Preprocess

SIDE = 32


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where exports of test networks go, instead of the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def net() -> JerseyTemporalNet:
    torch.manual_seed(0)
    return JerseyTemporalNet(ModelConfig(hidden_size=16, head_size=16)).eval()


@pytest.fixture(scope="session")
def checkpoint(net: JerseyTemporalNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "net.safetensors"
    save_checkpoint(path, net, CheckpointInfo(preprocess=Preprocess(size=SIDE), temperature=2.0))
    return path
