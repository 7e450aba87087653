"""The command that makes the localizer."""

import json
from pathlib import Path

import numpy as np
import pytest

import training.train_localizer
from pipeline.config import load
from recognizer.localizer import load_localizer
from training.localizing.examples import SIDE, Examples
from training.localizing.loop import LocalizerTraining
from training.mixture.players import Track
from training.train_localizer import main

CONFIG = Path(__file__).parents[2] / "configs" / "train_localizer.yaml"


def examples(count: int, *, present: bool) -> Examples:
    rng = np.random.default_rng(count)
    pictures = rng.integers(0, 256, (count, SIDE, SIDE, 3)).astype(np.uint8)
    return Examples(pictures, np.full((count, 3), 0.1 if present else np.nan, np.float32))


@pytest.fixture
def gathered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Examples of one match, without its data."""

    def both(*_: object) -> Examples:
        one, other = examples(6, present=True), examples(5, present=False)
        return Examples(np.concatenate([one.pictures, other.pictures]), np.concatenate([one.places, other.places]))

    monkeypatch.setattr(training.train_localizer, "require_folders", lambda *_: None)
    monkeypatch.setattr(training.train_localizer, "load_labelled_clips", lambda *_: [Track("one"), Track("two")])
    monkeypatch.setattr(training.train_localizer, "load_labelled_crops", lambda *_: [])
    monkeypatch.setattr(training.train_localizer, "real_examples", both)
    monkeypatch.setattr(training.train_localizer, "build_mixture", lambda *_: [])
    monkeypatch.setattr(training.train_localizer, "drawn_examples", lambda *_: examples(7, present=True))


def test_the_shipped_file_shows_the_defaults() -> None:
    assert load(LocalizerTraining, CONFIG) == LocalizerTraining()


@pytest.mark.usefixtures("gathered")
def test_the_command_writes_a_localizer_and_what_it_was_trained_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "own.safetensors"
    words = ["steps=1", "real=2", "bare=2", "drawn=2", "mixture.held_out=[two]"]
    assert main([*(word for each in words for word in ("--set", each)), "-o", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    load_localizer(out)
    said = json.loads(out.with_suffix(".json").read_text())["description"]
    assert said["examples"] == {"with_number": 6, "without_number": 5, "drawn": 7, "matches": ["one"]}
    assert said["settings"]["steps"] == 1


@pytest.mark.usefixtures("gathered")
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["-o", "own.pt"], "A file of weights must end in .safetensors, which own.pt does not."),
        (["-o", "own.safetensors", "--set", "steps=0"], "--set steps=0"),
        (["-o", "own.safetensors", "--set", "mixture.held_out=[three]"], "mixture.held_out names three"),
        (["-o", "own.safetensors", "--set", "reader=none.safetensors"], "none.safetensors does not exist"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_sentence(
    words: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    said = capsys.readouterr().err
    assert sentence in said and said.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("gathered")
def test_a_reader_that_finds_no_number_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(training.train_localizer, "real_examples", lambda *_: examples(5, present=False))
    assert main(["-o", str(tmp_path / "own.safetensors")]) == 2
    assert "finds no number of a player" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
