"""What the tests that run the product end to end share."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
import torch
from running import ANY_NUMBER, CPU, Run
from scenes import street_pictures, write_street

from pipeline.config import load
from pipeline.engine import process
from pipeline.media.video import open_source
from pipeline.passes import ProgressUpdate
from pipeline.settings import Settings
from recognizer.checkpoint import CheckpointInfo, save_checkpoint
from recognizer.model import JerseyTemporalNet, ModelConfig
from recognizer.preprocess import Preprocess


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of four people in a street, with sound."""
    return write_street(tmp_path_factory.mktemp("street") / "street.mp4")


@pytest.fixture(scope="session")
def few_threads() -> Iterator[None]:
    """Tests share the machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def untrained_reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recognizer that has learnt nothing, but runs as a real one does."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("reader") / "untrained.safetensors"
    net = JerseyTemporalNet(ModelConfig(hidden_size=16, head_size=16))
    save_checkpoint(path, net.eval(), CheckpointInfo(preprocess=Preprocess(size=32)))
    return path


@pytest.fixture(scope="session")
def quick(untrained_reader: Path, few_threads: None) -> list[str]:
    """`key=value` overrides that make a run short."""
    return [
        "detector.image_size=320",
        f"reader.weights={untrained_reader}",
        "windows.spacing_seconds=0.04",
        "reader.backend=torch",
    ]


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shorter street video."""
    return write_street(tmp_path_factory.mktemp("brief") / "brief.mp4", 8)


@pytest.fixture
def options(quick: list[str]) -> list[str]:
    """Arguments that make a run short."""
    settings = [*quick, "detector.image_size=160"]
    return [word for setting in settings for word in ("--set", setting)]


@pytest.fixture(scope="session")
def street_picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One picture of the street, in a folder of its own."""
    path = tmp_path_factory.mktemp("pictures") / "street.png"
    cv2.imwrite(str(path), street_pictures(1)[0])
    return path


@pytest.fixture(scope="session")
def run(street: Path, quick: list[str], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on the street that believes even an untrained reader."""
    folder = tmp_path_factory.mktemp("run")
    updates: list[ProgressUpdate] = []
    settings = load(Settings, None, [*quick, *ANY_NUMBER])
    return Run(folder, process(open_source(street), settings, CPU, folder, updates.append), updates)
