"""The benchmark: every way to do the work runs and is counted, and the table says what was measured."""

import json
from pathlib import Path

import pytest

from pipeline import bench
from pipeline.bench_runs import Cost, Job, Script, measure, peak_memory


def cost(cpu_seconds: float, frames: int = 10, seconds: float = 2.0, cuda_bytes: int = 0) -> Cost:
    return Cost(frames, seconds, cpu_seconds, 3 * 2**20, cuda_bytes, {"decode": 0.5, "detect": 1.0}, 7, 2)


@pytest.mark.parametrize("script", ["naive", "detector", "product"])
def test_each_script_is_measured(script: Script, brief: Path, quick: list[str]) -> None:
    settings = (*quick, "detector.image_size=160", "identity.min_confidence=0")
    found = measure(Job(script, brief, settings, None, "cpu", True))
    assert found.frames == 8
    assert found.seconds > 0 and found.cpu_seconds > 0
    assert {"decode", "detect"} <= set(found.stages)
    assert not {"load", "hash"} & set(found.stages)
    assert ("encode" in found.stages) == (script != "detector")
    assert (found.reads > 0) == (script != "detector")
    assert found.peak_bytes > 2**20


def test_the_naive_script_reads_every_player_in_every_frame(brief: Path, quick: list[str]) -> None:
    settings = (*quick, "tracker.new_threshold=0.1", "crops.min_side=1")
    naive, product = (measure(Job(script, brief, settings, None, "cpu", False)) for script in ("naive", "product"))
    assert naive.reads >= naive.frames * 2 > product.reads


def test_the_table_compares_with_the_naive_script_repeat_by_repeat() -> None:
    costs = {"naive": [cost(8.0), cost(9.0), cost(10.0)], "product": [cost(2.0), cost(3.0), cost(2.0)]}
    assert bench.ratios(costs, "product") == [4.0, 3.0, 5.0]
    lines = bench.table(costs).splitlines()
    assert lines[3] == "| product | 200.0 (200.0–300.0) | 4.00 (3.00–5.00)× | 5.0 | – | 3 | 7 | 2 |"
    assert lines[-1] == "| product | 50.0 | 100.0 |"


def test_on_cuda_the_clock_counts() -> None:
    costs = {"naive": [cost(8.0, seconds=9.0, cuda_bytes=2**21)], "product": [cost(8.0, seconds=3.0, cuda_bytes=2**22)]}
    assert bench.ratios(costs, "product") == [3.0]
    assert bench.table(costs).splitlines()[3] == "| product | 800.0 | 3.00× | 3.3 | – | 3, CUDA 4 | 7 | 2 |"


def test_without_the_naive_script_there_is_no_ratio() -> None:
    assert bench.table({"product": [cost(2.0)]}).splitlines()[2] == "| product | 200.0 | – | 5.0 | – | 3 | 7 | 2 |"


def test_the_time_is_compared_with_decoding_and_detecting_alone() -> None:
    costs = {"detector": [cost(2.0, seconds=1.0), cost(2.0, seconds=2.0)], "product": [cost(9.0), cost(9.0, 20)]}
    assert bench.times_detecting(costs, "product") == [2.0, 0.5]
    assert bench.table(costs).splitlines()[2].split(" | ")[4] == "1.00×"
    assert bench.table(costs).splitlines()[3].split(" | ")[4] == "1.25 (0.50–2.00)×"


def test_the_variants_are_interleaved_and_written_down(
    brief: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs: list[Job] = []

    def pretend(job: Job) -> Cost:
        jobs.append(job)
        return cost(8.0 if job.script == "naive" else 2.0)

    monkeypatch.setattr(bench, "measure_apart", pretend)
    words = [str(brief), "--repeats", "2", "--variants", "naive,product,one-window", "--image-size", "320"]
    assert bench.main([*words, "-o", str(tmp_path / "bench.json")]) == 0
    assert [job.script for job in jobs] == ["naive", "product", "product"] * 2
    assert "detector.image_size=320" in jobs[0].overrides
    assert [job.overrides[-1] for job in jobs[1:3]] == ["reader.precision=float32", "reader.batch_size=1"]
    record = json.loads((tmp_path / "bench.json").read_text())
    assert record["variants"]["product"]["times_less_than_naive"] == [4.0, 4.0]
    assert record["variants"]["product"]["times_decode_and_detect"] == []
    assert record["variants"]["product"]["runs"][0]["stages"] == {"decode": 0.5, "detect": 1.0}
    assert "| product | 200.0 | 4.00× |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["missing.mp4"], "missing.mp4 does not exist."),
        (["{brief}", "--variants", "naive,fast"], "The variant 'fast' is unknown; allowed are naive, detector, "),
        (["{brief}", "--repeats", "0"], "--repeats is 0; allowed is a whole number from 1."),
        (
            ["{brief}", "--image-size", "100"],
            "--set detector.image_size=100 and ",
        ),
        (["{brief}", "--duration", "-1"], "The duration is -1 s;"),
        (["{brief}", "--device", "tpu"], "The device 'tpu' is unknown;"),
        (["{brief}", "-o", "nowhere/bench.json"], "The folder of nowhere/bench.json does not exist;"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_sentence(
    words: list[str], sentence: str, brief: Path, at_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.main([word.format(brief=brief) for word in words]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(sentence)
    assert said.err.count("\n") == 1 and not said.out


def test_images_cannot_be_given_to_the_naive_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], street_picture: Path
) -> None:
    monkeypatch.setattr(bench, "measure_apart", measure)
    assert bench.main([str(street_picture.parent), "--variants", "naive", "--image-size", "160"]) == 2
    assert "cannot be opened with OpenCV" in capsys.readouterr().err


def test_the_memory_is_this_process_s_own() -> None:
    before = peak_memory()
    block = bytearray(64 * 2**20)
    block[::4096] = b"x" * len(block[::4096])
    assert peak_memory() >= before
    assert before > 2**20
