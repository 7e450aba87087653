"""The command, from settings to checkpoints."""

import signal
from pathlib import Path

import pytest
import yaml
from runs import use_narrow_backbone
from trees import make_tree

import training.fitting.loop
import training.train
from pipeline.config import as_plain, load
from recognizer.checkpoint import load_checkpoint
from training import analyze_weights, evaluate
from training.fitting.distributed import Team
from training.fitting.feed import TrainingData
from training.fitting.settings import TrainSettings
from training.train import main

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


def test_a_section_that_is_named_in_part_keeps_the_other_defaults() -> None:
    part = load(TrainSettings, None, ["model.hidden_size=32", "sampling.length=3"])
    assert (part.model.frozen_fraction, part.sampling.mode) == (0.0, "random")


@pytest.mark.parametrize("name", ["train_tiny", "train_frames", "train_windows"])
def test_the_variants_load(name: str) -> None:
    assert load(TrainSettings, CONFIGS / f"{name}.yaml") != TrainSettings()


def test_the_tiny_training_learns_and_is_measured(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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
    best = ["--checkpoint", str(tmp_path / "run" / "best.safetensors"), "--data", str(tree)]
    assert evaluate.main([*best, "--split", "all", "-o", str(tmp_path / "measured")]) == 0
    assert analyze_weights.main([*best, "-o", str(tmp_path / "weights.json")]) == 0
    assert (tmp_path / "weights.json").is_file()
    assert any(path.suffix == ".json" for path in (tmp_path / "measured").iterdir())


def arguments_for(tree: Path, output: Path, *sets: str) -> list[str]:
    given = (f"data.root={tree}", f"output={output}", "tensorboard=false", "fit.epochs=2", "fit.save_every=1", *sets)
    return ["--config", str(CONFIGS / "train_tiny.yaml"), *(f"--set={text}" for text in given)]


@pytest.mark.parametrize("request_to_end", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_end_saves_and_says_so(
    tree: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request_to_end: signal.Signals,
) -> None:
    use_narrow_backbone(monkeypatch)
    step, before = training.fitting.loop.train_step, signal.getsignal(request_to_end)

    def interrupted_step(*given: object) -> object:
        signal.raise_signal(request_to_end)
        return step(*given)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(training.fitting.loop, "train_step", interrupted_step)
    arguments = arguments_for(tree, tmp_path / "run")
    assert main(arguments) == 130
    output = capsys.readouterr()
    assert output.err.endswith(f"Interrupted; the training in {tmp_path / 'run'} is saved and goes on with --resume.\n")
    assert "Traceback" not in output.err
    assert signal.getsignal(request_to_end) is before
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["last.json", "last.safetensors", "resume.pt"]
    assert load_checkpoint(tmp_path / "run" / "last.safetensors")[1].window_length == 3
    monkeypatch.setattr(training.fitting.loop, "train_step", step)
    assert main([*arguments, "--resume"]) == 0
    assert (tmp_path / "run" / "best.safetensors").exists()


def test_a_second_ctrl_c_ends_at_once(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_narrow_backbone(monkeypatch)
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)

    def impatient_step(*_given: object) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(training.fitting.loop, "train_step", impatient_step)
    assert main(arguments_for(tree, tmp_path / "run")) == 130
    assert capsys.readouterr().err == "Ended at once.\n", "nothing was saved yet"
    assert not (tmp_path / "run" / "resume.pt").exists()


@pytest.mark.parametrize(("name", "refusal"), [("resume.pt", "a training already"), ("best.safetensors", "the check")])
def test_a_folder_in_use_is_refused_before_the_data_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, refusal: str
) -> None:
    loaded: list[object] = []
    monkeypatch.setattr(training.train, "load_data", lambda *given: loaded.append(given))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).write_bytes(b"")
    assert main(arguments_for(tmp_path / "tree", tmp_path / "run")) == 2
    assert f"{tmp_path / 'run'} holds {refusal}" in capsys.readouterr().err
    assert not loaded


@pytest.mark.parametrize("torchrun", [False, True])
def test_ctrl_c_ends_at_once_while_data_are_loaded(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], torchrun: bool
) -> None:
    """One process of a torchrun waits for the others instead."""
    use_narrow_backbone(monkeypatch)
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    if torchrun:
        monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    load_data, loaded = training.train.load_data, []

    def interrupted_load(settings: TrainSettings, team: Team) -> TrainingData:
        signal.raise_signal(signal.SIGINT)
        loaded.append(load_data(settings, team))
        return loaded[0]

    monkeypatch.setattr(training.train, "load_data", interrupted_load)
    assert main(arguments_for(tree, tmp_path / "run")) == 130
    error = capfd.readouterr().err
    assert ("Stopping once the data are loaded and one step is done and saved" in error) == torchrun
    assert error.endswith("goes on with --resume.\n" if torchrun else "Ended at once.\n")
    assert (tmp_path / "run" / "resume.pt").exists() == bool(loaded) == torchrun


def test_check_trains_nothing(tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments_for(tree, tmp_path / "run", "data.test_numbers=['27']"), "--check"]) == 0
    assert "0 of 1 test numbers have both digits trained" in capsys.readouterr().out
    assert main([*arguments_for(tmp_path / "none", tmp_path / "run"), "--check"]) == 2
    assert not (tmp_path / "run").exists()


def test_the_data_root_may_stand_in_the_environment(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATA_ROOT", raising=False)
    arguments = [*arguments_for(tree, tmp_path / "run", 'data.root=""'), "--check"]
    assert main(arguments) == 2
    assert "No data set is named" in capsys.readouterr().out
    (tmp_path / ".env").write_text(f"DATA_ROOT={tree}\n")
    assert main(arguments) == 0


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (["fit.epoch=3"], "--set fit.epoch=3: unknown key 'fit.epoch' (value 3) (did you mean 'epochs'?)"),
        (["fit.mixup_probability=2"], "fit.mixup_probability is 2.0; allowed is 0 to 1"),
        (["source=mixture"], "fit.steps_per_epoch is 0; the mixture has no end"),
        (["source=mixture", "fit.steps_per_epoch=1", "class_weights.scheme=balanced"], "allows none and 1"),
        (["source=mixture", "fit.steps_per_epoch=1", "mixture.data=/no"], "set mixture.data and mixture.clips"),
        (["data.root=/no/such/tree"], "/no/such/tree"),
        (["data.train_numbers=['4', '07']"], "data.train_numbers holds '07'; allowed are '0' to '99', '00' and '-1'"),
        (["data.train_numbers=['27']"], "are of the one class 27; give at least two numbers"),
        (["start_from=/no/such.safetensors"], "/no/such.safetensors does not exist"),
        (["device=cuda:99"], "device 'cuda:99'"),
        (["precision=float16", "device=cpu"], "precision is float16, which needs a CUDA device"),
        (["mixture.drawn=-1"], "drawn is -1.0; allowed is 0 or more"),
        (["mixture.tight=2"], "tight is 2.0; allowed is 0 to 1"),
        (["mixture.composed=-1"], "composed is -1.0; allowed is 0 to 1"),
        (["fit.unfreezing=[[0, 2.0]]"], "fit.unfreezing holds [0, 2.0]; allowed are epochs from 0"),
    ],
)
def test_bad_input_is_one_sentence_and_code_2(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], sets: list[str], message: str
) -> None:
    assert main(arguments_for(tree, tmp_path / "run", *sets)) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert message in error[-1]
    assert not any("Traceback" in line for line in error)
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_of_another_architecture_and_a_cut_one(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_narrow_backbone(monkeypatch)
    assert main(arguments_for(tree, tmp_path / "first", "fit.epochs=1")) == 0
    checkpoint = tmp_path / "first" / "last.safetensors"
    start = f"start_from={checkpoint}"
    assert main(arguments_for(tree, tmp_path / "run", start, "model.head_size=16")) == 2
    assert "is of another architecture: its head_size is 32, and model.head_size is 16" in capsys.readouterr().err
    assert main(arguments_for(tree, tmp_path / "run", start, "fit.epochs=1")) == 0
    checkpoint.write_bytes(checkpoint.read_bytes()[:2000])
    assert main(arguments_for(tree, tmp_path / "other", start)) == 2
    assert "last.safetensors are truncated or no safetensors file" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()
