"""Measuring a recognizer on a data-set tree."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from trees import dataset_of, make_tree

from recognizer.decode import NONE_INDEX, number_log_probs
from recognizer.reader import JerseyReader
from training.data.layout import scan
from training.data.splits import sequence_marks, split_by
from training.evaluate import main
from training.evaluation.decoders import JOINT


def test_the_command_measures_what_was_held_out(
    checkpoint: Path, tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, cache = tmp_path / "out", tmp_path / "cache"
    options = ["--split-by", "sequence", "--held-out-share", "0.4", "--seed", "5", "--cache", str(cache), "-q"]
    assert main(["--checkpoint", str(checkpoint), "--data", str(tree), "--output", str(output), *options]) == 0
    kept = json.loads((output / "evaluation.json").read_text(encoding="utf-8"))
    held_out = split_by(scan(tree).items, "sequence", 0.4, 5)[1]
    assert kept["data"]["windows"] == len(held_out) == kept["digits"]["count"]
    assert kept["data"]["sequences"] == len({item.key for item in held_out})
    assert set(kept["classes"]) == {item.number or "none" for item in held_out}
    assert {path.name for path in output.iterdir()} == {*kept["files"], "evaluation.json"}
    assert sum(path.suffix == ".png" for path in output.iterdir()) == 6
    assert kept["temperature"]["checkpoint"] == 1.0
    assert kept["temperature"]["negative_log_likelihood"] > 0.0
    assert "Temperature 1 gives these windows a negative log-likelihood of" in (output / "report.md").read_text()
    assert (output / "report.md").read_text(encoding="utf-8") in capsys.readouterr().out


def test_results_of_two_trainings_lie_apart_and_pictures_go_with_their_figures(
    checkpoint: Path, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--data", str(tree), "--split", "all", "--cache", str(tmp_path / "cache"), "-q"]
    for run in ("first", "second"):
        (tmp_path / run).mkdir()
        for suffix in (".safetensors", ".json"):
            shutil.copy(checkpoint.with_suffix(suffix), tmp_path / run / f"best{suffix}")
        assert main(["--checkpoint", f"{run}/best.safetensors", *options]) == 0
    folder = tmp_path / "runs" / "evaluate" / "second-best"
    assert (folder.with_name("first-best") / "classes.png").exists()
    (folder / "mine.png").write_bytes(b"")
    assert main(["--checkpoint", "second/best.safetensors", "--no-plots", *options]) == 0
    assert sorted(path.name for path in folder.iterdir()) == ["evaluation.json", "mine.png", "report.md"]


@pytest.mark.parametrize(("trained", "told"), [("all", True), ("other", False)])
def test_a_copy_of_what_was_trained_on_is_known(
    checkpoint: Path, tree: Path, tmp_path: Path, trained: str, told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, record = tmp_path / "mine.safetensors", json.loads(checkpoint.with_suffix(".json").read_text())
    shutil.copy(checkpoint, mine)
    marks = sequence_marks(scan(tree).items) if trained == "all" else {"00000000"}
    record["training_data"]["trained_sequences"] = " ".join(marks)
    mine.with_suffix(".json").write_text(json.dumps(record))
    options = ["--split", "all", "--no-plots", "--cache", str(tmp_path / "cache"), "-q", "-o", str(tmp_path / "out")]
    assert main(["--checkpoint", str(mine), "--data", str(tree), *options]) == 0
    printed = capsys.readouterr().out
    assert ("sequences the checkpoint was trained on" in printed) is told
    assert ("Temperature 1 gives" in printed) is not told


def test_single_figures_can_be_checked_against_the_reader(
    checkpoint: Path, reader: JerseyReader, tree: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    options = ["--split", "all", "--no-plots", "--cache", str(tmp_path / "cache"), "-q", "-o", str(output)]
    assert main(["--checkpoint", str(checkpoint), "--data", str(tree), *options]) == 0
    kept = json.loads((output / "evaluation.json").read_text(encoding="utf-8"))
    dataset = dataset_of(tree, tmp_path / "cache")
    windows = [dataset[place] for place in range(len(dataset))]
    said = reader.read(np.stack([w.rgb for w in windows]), np.stack([w.valid for w in windows]))
    outcome = number_log_probs(said.tens, said.units).argmax(-1)
    truth = [NONE_INDEX if item.number is None else int(item.number) for item in dataset.items]
    assert kept["decoders"][JOINT]["number"] == pytest.approx(np.mean(outcome == truth))
    assert kept["digits"]["tens"] == pytest.approx(np.mean(said.tens.argmax(-1) == dataset.codes[:, 0]))
    assert {path.name for path in output.iterdir()} == {"evaluation.json", "report.md"}


def _cut(path: Path, folder: Path) -> Path:
    broken = folder / path.name
    broken.write_bytes(path.read_bytes()[:2000])
    broken.with_suffix(".json").write_bytes(path.with_suffix(".json").read_bytes())
    return broken


def _other_architecture(path: Path, folder: Path) -> Path:
    described = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    described["architecture"]["lstm"] = False
    changed = folder / path.name
    changed.write_bytes(path.read_bytes())
    changed.with_suffix(".json").write_text(json.dumps(described), encoding="utf-8")
    return changed


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path, folder: folder / "none.safetensors", "does not exist"),
        (_cut, "truncated"),
        (_other_architecture, "another architecture"),
    ],
)
def test_a_checkpoint_that_cannot_be_used(
    checkpoint: Path,
    tree: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path, Path], Path],
    message: str,
) -> None:
    broken = spoil(checkpoint, tmp_path)
    assert main(["--checkpoint", str(broken), "--data", str(tree), "-o", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("numbers", "options", "message"),
    [
        (None, [], "does not exist"),
        ({}, [], "holds no usable picture"),
        ({"7": 3}, ["--split", "all"], "Only one class is left to measure on (7,"),
        ({"7": 1, "8": 1}, ["--split-by", "sequence"], "leaves one side empty"),
        ({"7": 1, "8": 1}, ["--split", "classes"], "--classes 48 64 88"),
        ({"7": 1, "8": 1}, ["--split", "classes", "--classes", "9"], "the data holds 7, 8"),
        ({"7": 1, "8": 1}, ["--soccernet", "."], "both given"),
        ({"7": 1, "8": 1}, ["--device", "abacus"], "'abacus' is unknown"),
    ],
)
def test_data_that_cannot_be_used(
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    numbers: dict[str, int] | None,
    options: list[str],
    message: str,
) -> None:
    root = tmp_path / "tree" if numbers is None else make_tree(tmp_path / "tree", numbers, frames=2)
    output = tmp_path / "out"
    assert main(["--checkpoint", str(checkpoint), "--data", str(root), "-o", str(output), "-q", *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not output.exists()


def test_unreadable_pictures_are_counted(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_tree(tmp_path / "tree", {"7": 2, "8": 2}, frames=3)
    next(root.glob("7/*/*/*.jpg")).write_bytes(b"no picture")
    options = ["--split", "all", "--no-plots", "-q", "-o", str(tmp_path / "out")]
    assert main(["--checkpoint", str(checkpoint), "--data", str(root), *options]) == 0
    assert "cannot be read and were skipped: 1." in capsys.readouterr().out
    for picture in root.glob("*/*/*/*.jpg"):
        picture.write_bytes(b"no picture")
    assert main(["--checkpoint", str(checkpoint), "--data", str(root), *options]) == 2
    assert "None of the 12 pictures" in capsys.readouterr().err


def test_results_need_a_folder(
    checkpoint: Path, tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "file"
    taken.write_text("mine", encoding="utf-8")
    assert main(["--checkpoint", str(checkpoint), "--data", str(tree), "-o", str(taken / "out")]) == 2
    assert "a folder is needed for the results" in capsys.readouterr().err
    assert taken.read_text(encoding="utf-8") == "mine"


def test_without_the_drawing_library_nothing_is_begun(
    checkpoint: Path, tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["--checkpoint", str(checkpoint), "--data", str(tree), "-o", str(tmp_path / "out")]) == 2
    assert "--no-plots" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", ["--threshold 2", "--batch-size 0", "--split half", "--thresh 1"])
def test_wrong_options_end_with_one_sentence(options: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(options.split())
    assert stopped.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
