"""The recognizer's benchmark: what it reports, never how fast anything is."""

import json
from pathlib import Path

import pytest

from recognizer.bench import Lap, main, summary, table
from recognizer.onnx_network import missing_packages


def test_all_variants_at_all_batch_sizes(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bench.json"
    arguments = ["--checkpoint", str(checkpoint), "--device", "cpu", "--batches", "1", "3", "--rounds", "2"]
    assert main([*arguments, "-o", str(file)]) == 0
    record = json.loads(file.read_text())
    found = [(timing["batch"], timing["variant"]) for timing in record["timings"]]
    names = ["eager", "channels_last", "half", *([] if missing_packages() else ["onnx"])]
    assert found == [(batch, name) for batch in (1, 3) for name in names]
    assert all(timing["ratio"] == 1.0 for timing in record["timings"] if timing["variant"] == "eager")
    assert len(capsys.readouterr().out.splitlines()) == 2 + len(found)


def test_ratios_compare_laps_of_one_round() -> None:
    ours = [Lap(encode=1.0, read=1.0, cpu=1.0), Lap(3.0, 1.0, 2.0), Lap(1.0, 1.0, 1.0)]
    theirs = [Lap(2.0, 2.0, 3.0), Lap(4.0, 4.0, 8.0), Lap(1.0, 1.0, 1.0)]
    timing = summary("x", 4, 5, ours, theirs, by_clock=False)
    assert (timing.ratio, timing.ratio_min, timing.ratio_max) == (3.0, 1.0, 4.0)
    assert (timing.windows_per_second, timing.crops_per_second) == (2.0, 20.0)
    assert (timing.read_ms, timing.cpu_ms) == (250.0, 250.0)
    assert summary("x", 4, 5, ours, theirs, by_clock=True).ratio == 2.0
    assert "| 4 | x | 2.0 | 20.0 | 250.000 | 250.00 | 3.00 (1.00–4.00) |" in table([timing])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--batches", "8", "0"], "--batches holds 0; allowed are whole numbers from 1."),
        (["--rounds", "0"], "--rounds holds 0"),
        (["--device", "tpu"], "The device 'tpu' is unknown; allowed are auto, cpu, cuda and cuda:N."),
        (["--device", "cuda:99"], "The device 'cuda:99' "),
        (["--checkpoint", "none.safetensors"], "none.safetensors does not exist"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--device", "cpu", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert said in printed.err


@pytest.mark.parametrize(
    ("name", "said"),
    [("no/bench.json", "no does not exist; name another file"), (".", "cannot be written (is a directory)")],
)
def test_a_file_that_cannot_be_written(
    checkpoint: Path, tmp_path: Path, name: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--checkpoint", str(checkpoint), "--device", "cpu", "--batches", "1", "--rounds", "1"]
    assert main([*arguments, "-o", str(tmp_path / name)]) == 2
    assert said in capsys.readouterr().err
