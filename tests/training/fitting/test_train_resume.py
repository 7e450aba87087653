"""Taking a training up again: refused where settings, data or processes are others, or the state is broken."""

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from runs import STEPS, StopAfter, small_data, small_settings
from torch import nn

from training.fitting.distributed import Team
from training.fitting.loop import Interrupted, run_training
from training.fitting.run_state import RESUME, TrainingError, load_state, new_run, save_state

pytestmark = pytest.mark.usefixtures("narrow_backbone")


def test_an_output_folder_with_a_training_in_it_is_refused(tmp_path: Path) -> None:
    settings = small_settings(tmp_path / "run", epochs=1)
    run_training(settings, small_data())
    with pytest.raises(TrainingError, match=r"run holds a training already; go on with it by --resume, or"):
        run_training(settings, small_data())


@pytest.mark.parametrize("name", ["best.safetensors", "last.safetensors"])
def test_checkpoints_whose_state_was_removed_are_not_written_over(tmp_path: Path, name: str) -> None:
    settings = small_settings(tmp_path / "run", epochs=1)
    run_training(settings, small_data())
    for path in (tmp_path / "run").iterdir():
        if path.name != name:
            path.unlink()
    before = (tmp_path / "run" / name).read_bytes()
    with pytest.raises(TrainingError, match=r"run holds the checkpoints of a training; give another folder as output"):
        run_training(settings, small_data())
    assert (tmp_path / "run" / name).read_bytes() == before


def test_an_output_folder_that_cannot_be_made_is_named_before_the_first_step(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match=r"The output folder .*file/run cannot be made: "):
        run_training(small_settings(tmp_path / "file" / "run"), small_data())


def test_resume_without_a_training(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"There is no training to go on with: .*resume\.pt does not exist"):
        run_training(small_settings(tmp_path / "run"), small_data(), resume=True)


def test_a_run_that_began_in_float32_goes_on_in_float16(tmp_path: Path) -> None:
    """As with `precision: auto` from a CPU to a card without bfloat16."""
    settings, cpu, state = small_settings(tmp_path / "run"), torch.device("cpu"), tmp_path / RESUME
    began, goes_on = (new_run(settings, cpu, precision) for precision in (torch.float32, torch.float16))
    save_state(state, began, settings, {})
    load_state(state, goes_on, settings, {}, cpu, with_log=True)
    assert goes_on.scaler.is_enabled()


def test_resume_with_other_settings(tmp_path: Path) -> None:
    run_training(small_settings(tmp_path / "run", epochs=1), small_data())
    other = small_settings(tmp_path / "run", epochs=1, learning_rate=0.5)
    with pytest.raises(TrainingError, match=r"^fit\.learning_rate is 0\.5 and was 0\.001 when the training in"):
        run_training(other, small_data(), resume=True)


def test_resume_with_another_number_of_processes(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        run_training(small_settings(tmp_path / "run"), small_data(), should_stop=StopAfter(2))
    halved = replace(small_data(), steps=STEPS // 2)
    with pytest.raises(TrainingError) as refused:
        run_training(small_settings(tmp_path / "run"), halved, resume=True, team=Team(1, 2))
    assert str(refused.value) == (
        f"number of processes is 2 and was 1 when the training in {tmp_path / 'run'} began; resume with the processes "
        "and data of then, or train anew into another output folder."
    )


def test_resume_with_other_data(tmp_path: Path) -> None:
    data = replace(small_data(), description={"windows": 8, "split": "a", "rejected": 0})
    with pytest.raises(Interrupted):
        run_training(small_settings(tmp_path / "run", epochs=1), data, should_stop=StopAfter(1))
    for other, message in (
        (replace(data, description={"windows": 8, "split": "b"}), "data: split is 'b' and was 'a' when"),
        (replace(data, description={"windows": 9, "split": "b"}), "data: windows is 9 and was 8 when"),
        (replace(data, steps=1), "steps in an epoch is 1 and was 2 when"),
    ):
        with pytest.raises(TrainingError, match=message):
            run_training(small_settings(tmp_path / "run", epochs=1), other, resume=True)
    left_out_more = replace(data, description={**data.description, "rejected": 3})
    assert run_training(small_settings(tmp_path / "run", epochs=1), left_out_more, resume=True).history


class Pair(Team):
    """The second of two processes, and the values of the first one."""

    theirs: ClassVar[list[Any]] = []

    def gather(self, value: Any) -> list[Any]:  # noqa: ANN401 - as the method it stands for
        return [self.theirs.pop(0), value]

    def any(self, flag: bool) -> bool:
        return flag

    def share_buffers(self, module: nn.Module) -> None:
        pass

    def wrap(self, module: nn.Module, device: torch.device) -> nn.Module:
        return module


def test_the_log_of_a_resumed_epoch_counts_once(tmp_path: Path) -> None:
    """The first of two processes logged a loss of 2 before the stop, and one of 5 after it."""
    settings, data = small_settings(tmp_path / "run", epochs=1), small_data(validation=False)
    with pytest.raises(Interrupted):
        run_training(settings, data, team=Pair(0, 2), should_stop=StopAfter(1))
    Pair.theirs = [(3.5, 2), {}]
    own = run_training(settings, data, team=Pair(1, 2), resume=True).history[0]
    Pair.theirs = [(0.0, 0), {}]
    alone = run_training(settings, data, team=Pair(1, 2), resume=True).history[0]
    assert own["train/loss"] == pytest.approx((2 + 5 + alone["train/loss"]) / 3, abs=1e-5)


@pytest.mark.parametrize("damage", ["cut", "other"])
def test_resume_from_a_broken_state(tmp_path: Path, damage: str) -> None:
    run_training(small_settings(tmp_path / "run", epochs=1), small_data())
    path = tmp_path / "run" / RESUME
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:100_000])
    else:
        torch.save({"settings": "{}"}, path)
    with pytest.raises(TrainingError, match=r"resume\.pt is (truncated or )?no state of a training.*train anew into"):
        run_training(small_settings(tmp_path / "run", epochs=1), small_data(), resume=True)
