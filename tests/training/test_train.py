"""The command, from settings to checkpoints."""

from pathlib import Path

import pytest
import yaml
from trees import make_tree

from pipeline.config import as_plain, load
from recognizer.checkpoint import load_checkpoint
from training.train import main
from training.train_settings import TrainSettings

CONFIGS = Path(__file__).parents[2] / "configs"
SHIPPED = CONFIGS / "train.yaml"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tree(tmp_path_factory.mktemp("data") / "tree", {"1": 24, "4": 24, "27": 24, "-1": 8}, frames=4)


def test_the_shipped_file_holds_the_defaults() -> None:
    assert load(TrainSettings, SHIPPED) == TrainSettings()


def test_the_shipped_file_shows_every_key() -> None:
    def keys(tree: object) -> object:
        return {key: keys(value) for key, value in tree.items()} if isinstance(tree, dict) else None

    assert keys(yaml.safe_load(SHIPPED.read_text())) == keys(as_plain(TrainSettings()))


def test_every_key_is_explained() -> None:
    lines = SHIPPED.read_text().splitlines()
    keys = [number for number, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")]
    assert all(lines[number - 1].lstrip().startswith("# ") for number in keys)


@pytest.mark.parametrize("name", ["train_tiny", "train_frames", "train_windows"])
def test_the_variants_load(name: str) -> None:
    assert load(TrainSettings, CONFIGS / f"{name}.yaml") != TrainSettings()


def test_the_tiny_training_learns(tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sets = [f"data.root={tree}", f"output={tmp_path / 'run'}", "tensorboard=false"]
    arguments = ["--config", str(CONFIGS / "train_tiny.yaml"), *(f"--set={text}" for text in sets)]
    assert main(arguments) == 0
    assert str(tmp_path / "run" / "best.safetensors") in capsys.readouterr().out
    model, info = load_checkpoint(tmp_path / "run" / "last.safetensors")
    assert (model.config.hidden_size, info.preprocess.size, info.window_length) == (32, 32, 3)
    history = info.metrics["history"]
    assert len(history) == 12
    assert history[-1]["train/loss"] < 0.8 * history[0]["train/loss"]
    assert history[-1]["train/number"] > 0.5
    assert {"validation/loss", "validation/number", "validation/tens", "validation/units"} <= set(history[-1])
    assert main(arguments) == 2
    assert "holds a training already" in capsys.readouterr().err
