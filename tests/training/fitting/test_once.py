"""Trainings that are not done again."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from runs import small_data, small_settings

from training.fitting.feed import TrainingData
from training.fitting.once import train_once
from training.fitting.run_state import TrainingError

CPU = torch.device("cpu")


pytestmark = pytest.mark.usefixtures("narrow_backbone")


def no_data() -> TrainingData:
    raise AssertionError("nothing is to be trained")


def test_a_finished_training_is_found_and_one_of_other_settings_is_refused(tmp_path: Path) -> None:
    settings = small_settings(tmp_path / "run", epochs=1, unfreezing=((0, 0.5),))
    path = train_once(settings, small_data, CPU)
    assert path == tmp_path / "run" / "last.safetensors"
    assert train_once(settings, no_data, CPU) == path
    other = replace(settings, fit=replace(settings.fit, learning_rate=0.5))
    with pytest.raises(TrainingError) as refused:
        train_once(other, no_data, CPU)
    assert str(refused.value) == (
        f"fit.learning_rate is 0.5 and was 0.001 when the training in {tmp_path / 'run'} was made; give another output "
        "folder, or the settings of then."
    )


def test_a_finished_training_may_be_moved_and_looked_at_from_another_machine(tmp_path: Path) -> None:
    settings = small_settings(tmp_path / "run", epochs=1)
    train_once(settings, small_data, CPU)
    (tmp_path / "run").rename(tmp_path / "moved")
    elsewhere = replace(settings, output=str(tmp_path / "moved"), device="cuda", start_from="other.safetensors")
    assert train_once(elsewhere, no_data, CPU) == tmp_path / "moved" / "last.safetensors"


def test_an_empty_file_laid_beside_a_network_of_ones_own_counts(tmp_path: Path) -> None:
    (tmp_path / "done").touch()
    assert train_once(small_settings(tmp_path), no_data, CPU) == tmp_path / "last.safetensors"


@pytest.mark.parametrize("content", [b"yes\n", b"[1]", b"\xff"])
def test_a_file_with_something_else_in_it_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "done").write_bytes(content)
    with pytest.raises(TrainingError, match=r"done holds no settings of a training; empty it to use .*last\.safe"):
        train_once(small_settings(tmp_path), no_data, CPU)


def test_a_training_that_was_broken_off_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "resume.pt").write_bytes(b"half")
    train_once(small_settings(tmp_path / "run", epochs=1), small_data, CPU)
    assert sorted(path.name for path in (tmp_path / "run").iterdir())[2:4] == ["done", "last.json"]
