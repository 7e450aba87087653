"""The command that compares loader and training step."""

from pathlib import Path

import numpy as np
import pytest
import torch
from trees import make_tree

from training import bench_loader
from training.bench_loader import BenchResult, compare, main
from training.data.batch import Batch, unknown_boxes


def tiny(count: int = 2) -> Batch:
    zeros = torch.zeros(count, dtype=torch.int64)
    valid = torch.ones(count, 5, dtype=torch.bool)
    return Batch(torch.zeros(count, 5, 8, 8, 3, dtype=torch.uint8), valid, zeros, zeros, unknown_boxes(valid))


def test_both_run_in_turns_and_rates_follow_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    now, calls = [0.0], []

    def load() -> Batch:
        now[0] += 0.5
        calls.append("load")
        return tiny()

    def step(_: Batch) -> None:
        now[0] += 2.0
        calls.append("step")

    monkeypatch.setattr(bench_loader.time, "perf_counter", lambda: now[0])
    result = compare(load, step, rounds=2, loads=3, steps=1, stored=1)
    assert calls == (["load"] * 4 + ["step"]) * 3, "one warm-up round, then two that are timed"
    assert result.loader == pytest.approx((4.0, 4.0)), "what was stored beforehand is not timed"
    assert result.step == pytest.approx((1.0, 1.0))
    assert result.ratio == pytest.approx(4.0)


def test_the_table_holds_medians_and_a_verdict() -> None:
    lines = BenchResult((100.0, 300.0, 200.0), (50.0, 40.0, 400.0)).table().splitlines()
    assert lines[1].split() == ["loader", "200.0", "100.0", "300.0"]
    assert lines[2].split() == ["training", "step", "50.0", "40.0", "400.0"]
    assert lines[3].split()[-5:] == ["4.00", "(the", "loader", "keeps", "up)"]
    assert "the loader is the slower one" in BenchResult((1.0,), (2.0,)).table()


def test_a_step_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    step = bench_loader.TrainingStep(torch.device("cpu"))
    before = [p.detach().clone() for p in step._model.parameters()]
    rgb = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 2, 32, 32, 3)).astype(np.uint8))
    valid = torch.ones(2, 2, dtype=torch.bool)
    step(Batch(rgb, valid, torch.tensor([10, 4]), torch.tensor([7, 6]), unknown_boxes(valid)))
    assert any(not torch.equal(a, b) for a, b in zip(before, step._model.parameters(), strict=True))


def test_the_command_prints_both_rates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_tree(tmp_path, {"7": 2, "46": 1}, frames=3)
    options = ["--batch-size", "4", "--rounds", "1", "--loads", "2", "--steps", "1", "--device", "cpu"]
    assert main(["--data", str(root), *options]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"3 windows of {root}, batches of 4, 0 workers, cpu")
    rates = [float(word) for line in out.splitlines()[2:4] for word in line.split() if word[0].isdigit()]
    assert len(rates) == 6
    assert min(rates) > 0.0
    assert "both take turns: loading takes" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "nowhere"], "The data root nowhere does not exist"),
        (["--data", "nowhere", "--batch-size", "0"], "--batch-size is 0; allowed is a whole number from 1."),
        (["--data", "nowhere", "--device", "tpu"], "The device 'tpu' is unknown"),
    ],
)
def test_bad_input_is_one_sentence_and_code_2(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(options) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(message)
    assert captured.err.count("\n") == 1
    assert captured.out == ""
