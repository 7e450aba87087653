"""Several processes that train one network, on the CPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from trees import make_tree

from recognizer.checkpoint import load_checkpoint
from training.fitting.distributed import DistributedError, Team, join_team

ROOT = Path(__file__).parents[3]
CONFIGS = ROOT / "configs"
SCRIPT = """
import dataclasses, hashlib, json, sys
from pathlib import Path

import recognizer.model
import torch
import training.fitting.loop
from runs import NarrowBackbone, batch_of, small_settings
from training.fitting.augment_batch import AugmentSettings
from training.data.batch import Batch
from training.fitting.distributed import join_team
from training.fitting.loop import run_training
from training.fitting.settings import NetworkSettings
from training.fitting.feed import TrainingData

torch.set_num_threads(1)
recognizer.model.Backbone = NarrowBackbone
settings = small_settings(Path(sys.argv[1]), epochs=2, mixup_probability=0.0, ema=0.0, unfreezing=((0, 1.0), (1, 0.5)))
model = NetworkSettings(hidden_size=8, head_size=8, dropout=0.0, spatial_attention=False, frozen_fraction=1.0)
settings = dataclasses.replace(settings, model=model, augment=AugmentSettings(enabled=False))
with join_team("cpu") as (team, device):
    def part(batch):
        return Batch(*(tensor[team.rank :: team.size] for tensor in batch))

    def batches(epoch):
        return [part(batch_of(10 * epoch + step, count=8)) for step in range(2)]

    data = TrainingData(batches, 2, {"validation": lambda: [part(batch_of(99, count=8))]})
    made = []
    new_run = training.fitting.loop.new_run
    training.fitting.loop.new_run = lambda *given: made.append(new_run(*given)) or made[0]
    result = run_training(settings, data, team=team, device=device)
    histories = team.gather(result.history)
    weights = b"".join(tensor.detach().numpy().tobytes() for tensor in made[0].learner.parameters())
    digests = team.gather(hashlib.sha256(weights).hexdigest())
    stopped = team.any(team.rank == team.size - 1)
if team.leads:
    print(json.dumps({"histories": histories, "stopped": stopped, "digests": digests}))
"""


@pytest.mark.parametrize(("device", "taken"), [("cuda:1", [torch.device("cuda", 1)]), ("cpu", [])])
def test_a_single_process_takes_its_cuda_device(
    monkeypatch: pytest.MonkeyPatch, device: str, taken: list[torch.device]
) -> None:
    calls: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", calls.append)
    with join_team(device) as (_team, chosen):
        assert chosen == torch.device(device)
        assert calls == taken


def start(*arguments: str, timeout: float = 240.0) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(ROOT), str(Path(__file__).parents[1])])
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=timeout
    )


def torchrun(*arguments: str) -> subprocess.CompletedProcess[str]:
    return start("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *arguments)


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this PyTorch has no torch.distributed")
def test_two_processes_train_as_one_with_the_batch_of_both(tmp_path: Path) -> None:
    """In the first epoch, whose batch norms are frozen: nothing but the order of sums tells the two apart."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    alone = start(str(script), str(tmp_path / "alone"))
    assert alone.returncode == 0, alone.stderr
    both = torchrun(str(script), str(tmp_path / "both"))
    assert both.returncode == 0, both.stderr
    one, two = (json.loads(done.stdout.strip().splitlines()[-1]) for done in (alone, both))
    assert two["stopped"] is True
    for record in (*one["histories"][0], *two["histories"][0], *two["histories"][1]):
        del record["seconds"]
    assert two["histories"][0] == two["histories"][1]
    assert two["digests"][0] == two["digests"][1]  # also after the second epoch, in which more of the network learns
    assert two["histories"][0][0] == pytest.approx(one["histories"][0][0], abs=1e-4)


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this PyTorch has no torch.distributed")
def test_the_command_under_torchrun(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree", {"1": 5, "7": 5, "46": 5}, side=16, frames=3)
    sets = [f"data.root={tree}", f"output={tmp_path / 'run'}", "tensorboard=false", "fit.epochs=1", "fit.batch_size=4"]
    arguments = ["-m", "training.train", "--config", str(CONFIGS / "train_tiny.yaml")]
    done = torchrun(*arguments, *(f"--set={text}" for text in (*sets, "preprocess.size=16", "fit.mixup_probability=0")))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("epoch 1, train/loss") == 1, done.stderr
    assert done.stdout.count("The best checkpoint is") == 1, done.stdout
    _, info = load_checkpoint(tmp_path / "run" / "last.safetensors")
    assert info.metrics["history"][0]["epoch"] == 1


def test_alone_nothing_is_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with join_team("cpu") as (team, device):
        assert (team, device) == (Team(0, 1), torch.device("cpu"))
        assert team.leads
        assert team.gather(3) == [3]
        assert team.any(True)
        assert not team.any(False)
        layer = torch.nn.Linear(2, 2)
        assert team.wrap(layer, device) is layer


@pytest.mark.parametrize(
    ("environment", "device", "message"),
    [
        ({"WORLD_SIZE": "2"}, "cpu", r"The environment's RANK is None; start several processes with torchrun"),
        ({"WORLD_SIZE": "two"}, "cpu", r"The environment's WORLD_SIZE is 'two'"),
        ({"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0"}, "cuda:1", r"several processes allow auto, cpu and cuda"),
    ],
)
def test_a_broken_environment(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], device: str, message: str
) -> None:
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DistributedError, match=message), join_team(device):
        pass
