"""What a run takes over from the network it starts from: preprocessing that is not set, and the temperature."""

from dataclasses import replace
from pathlib import Path

import pytest
from runs import StopAfter, small_data, small_settings
from trees import make_tree

from recognizer.checkpoint import CheckpointInfo, load_checkpoint, save_checkpoint
from recognizer.model import JerseyTemporalNet, ModelConfig
from recognizer.preprocess import Preprocess
from training.fitting.loop import Interrupted, run_training
from training.fitting.settings import PreprocessSettings, TrainSettings, WindowSampling
from training.fitting.start import preprocess_text, settle_preprocess
from training.train import main

STARTS = Preprocess(40, 1.5, 30)
ORIGIN = {"matches": ["final"]}
"""What the start was trained on."""


pytestmark = pytest.mark.usefixtures("narrow_backbone")


def save_start(path: Path, *, length: int = 2, **model: object) -> str:
    """A network that was trained on other pictures than the standard's, with a temperature."""
    network = JerseyTemporalNet(ModelConfig(**{"frozen_fraction": 0.0, **model}))  # type: ignore[arg-type]  # by name
    save_checkpoint(path, network, CheckpointInfo(STARTS, length, 1.3, ORIGIN))
    return str(path)


def test_what_is_not_set_is_as_in_the_start(tmp_path: Path) -> None:
    start = save_start(tmp_path / "start.safetensors")
    asked = TrainSettings(start_from=start)
    settled = settle_preprocess(asked)
    assert settled == replace(asked, preprocess=PreprocessSettings(40, 1.5, 30))
    assert preprocess_text(asked, settled) == (
        "preprocessing: size 40 (from start_from), sharpness 1.5 (from start_from), upscale_below 30 (from start_from)"
    )


def test_what_is_set_wins_over_the_start(tmp_path: Path) -> None:
    asked = TrainSettings(
        start_from=save_start(tmp_path / "start.safetensors"), preprocess=PreprocessSettings(size=96, upscale_below=0)
    )
    settled = settle_preprocess(asked)
    assert settled.preprocess.complete() == Preprocess(96, 1.5, 0)
    assert "size 96 (set), sharpness 1.5 (from start_from), upscale_below 0 (set)" in preprocess_text(asked, settled)
    every_key = replace(asked, preprocess=PreprocessSettings(64, 2.0, 64), start_from=str(tmp_path / "none"))
    assert settle_preprocess(every_key) is every_key  # nothing is to be looked up


def test_from_chance_it_is_the_standard() -> None:
    settled = settle_preprocess(TrainSettings())
    assert settled.preprocess.complete() == Preprocess()
    assert "size 64 (standard)" in preprocess_text(TrainSettings(), settled)
    assert TrainSettings().preprocess.complete() == Preprocess()  # for who asks for nothing to be looked up


def test_a_value_that_preprocessing_refuses_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"size is 4; allowed is a whole number from 8 to 1024"):
        PreprocessSettings(size=4)


@pytest.mark.parametrize(("length", "temperature"), [(2, 1.3), (5, 1.0)])
def test_the_temperature_is_kept_where_windows_are_as_long(tmp_path: Path, length: int, temperature: float) -> None:
    start = save_start(tmp_path / "start.safetensors", length=length, hidden_size=8, head_size=8)
    settings = replace(small_settings(tmp_path / "run", epochs=1), start_from=start)
    result = run_training(settings, small_data())
    assert settings.sampling == WindowSampling(length=2)
    assert load_checkpoint(result.last)[1].temperature == load_checkpoint(result.best)[1].temperature == temperature


@pytest.mark.parametrize("given", ["", "start.safetensors", "other.safetensors"])
def test_a_resumed_run_keeps_what_it_took_over_and_reads_its_start_no_more(tmp_path: Path, given: str) -> None:
    start = save_start(tmp_path / "start.safetensors", hidden_size=8, head_size=8)
    settings = replace(small_settings(tmp_path / "run", epochs=1), start_from=start)
    with pytest.raises(Interrupted):
        run_training(settings, small_data(), should_stop=StopAfter(1))
    Path(start).unlink()
    again = replace(settings, start_from=str(tmp_path / given) if given else "")
    for epochs in (1, 2):  # the second time from a state that was itself resumed
        longer = replace(again, fit=replace(again.fit, epochs=epochs))
        _, info = load_checkpoint(run_training(longer, small_data(), resume=True).last)
        assert (info.temperature, info.training_data["start"]) == (1.3, ORIGIN)
        assert info.training_data["settings"]["start_from"] == start


def test_the_command_goes_on_as_its_start_was_trained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The fine-tuning of the README, with the shipped settings file."""
    tree = make_tree(tmp_path / "tree", {"1": 6, "7": 6}, side=16, frames=3)
    start = save_start(tmp_path / "start.safetensors", length=5)
    sets = [f"data.root={tree}", f"output={tmp_path / 'run'}", "data.workers=0", "tensorboard=false", "fit.epochs=1"]
    arguments = [f"--set={text}" for text in (*sets, "fit.batch_size=4")]
    assert main([*arguments, f"--set=start_from={start}", "--check"]) == 0
    assert "preprocessing: size 40 (from start_from)" in capsys.readouterr().out
    assert main([*arguments, f"--set=start_from={start}"]) == 0
    Path(start).unlink()
    _, info = load_checkpoint(tmp_path / "run" / "last.safetensors")
    assert (info.preprocess, info.temperature) == (STARTS, 1.3)
    assert info.training_data["settings"]["preprocess"] == {"size": 40, "sharpness": 1.5, "upscale_below": 30}
    longer = [*arguments, "--set=fit.epochs=2", "--resume", f"--set=start_from={start}"]
    assert main([*longer, "--set=preprocess.size=64"]) == 2
    assert "preprocess.size is 64 and was 40 when the training in" in capsys.readouterr().err
    capsys.readouterr()
    assert main([*longer, "--check"]) == 0
    assert f"from {tmp_path / 'run' / 'resume.pt'}\n" in capsys.readouterr().out
    assert main(longer) == 0
    _, info = load_checkpoint(tmp_path / "run" / "last.safetensors")
    assert (info.preprocess, info.metrics["epoch"]) == (STARTS, 2)
