"""The export command, and the snippet in its documentation."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from recognizer import export as export_module
from recognizer.checkpoint import load_checkpoint
from recognizer.decode import number_log_probs, top_candidates
from recognizer.export import main
from recognizer.onnx_network import missing_packages
from recognizer.reader import JerseyReader

README = Path(__file__).parents[2] / "recognizer" / "README.md"

needs_onnx = pytest.mark.skipif(bool(missing_packages()), reason="needs the extra 'cpu'")


def snippets() -> tuple[str, str]:
    """The two of the documentation: with PyTorch, and without."""
    with_torch, without = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    return with_torch, without


def test_the_documented_way_in_python_reads_a_number(tmp_path: Path) -> None:
    picture = ImageDraw.Draw(image := Image.new("RGB", (96, 96), (20, 40, 150)))
    picture.text((48, 48), "10", "white", ImageFont.load_default(60), "mm", stroke_width=2)
    image.save(tmp_path / "crop.png")
    code, _ = snippets()
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(README.parents[1])},
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "number='10'" in done.stdout.split(")")[0]


@needs_onnx
def test_three_graphs_and_what_to_know(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--checkpoint", str(checkpoint), "-o", str(tmp_path / "out"), "--opset", "18"]) == 0
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"net.onnx", "net.crops.onnx", "net.sequence.onnx", "net.export.json"}
    about = json.loads((tmp_path / "out" / "net.export.json").read_text())
    assert about["size"] == 32
    assert (len(about["numbers"]), len(about["digits"])) == (102, 102)
    assert max(about["largest_differences"].values()) < 1e-4
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all("largest difference from PyTorch" in line for line in lines)


def test_a_torch_package(checkpoint: Path, tmp_path: Path) -> None:
    assert main(["--checkpoint", str(checkpoint), "-o", str(tmp_path), "--format", "torch"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"net.pt2", "net.export.json"}
    module = torch.export.load(str(tmp_path / "net.pt2")).module()
    rgb, valid = torch.randint(0, 256, (7, 5, 32, 32, 3), dtype=torch.uint8), torch.rand(7, 5) < 0.5
    reader = JerseyReader(checkpoint, torch.device("cpu"), backend="torch", precision="float32")
    expected = reader.read(rgb.numpy(), valid.numpy())
    with torch.inference_mode():
        exported = module(rgb=rgb, valid=valid)
    for ours, theirs in zip(exported, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


@needs_onnx
def test_the_documented_snippet_reads_as_the_product_does(checkpoint: Path, tmp_path: Path) -> None:
    """Run from the documentation as it stands, in a process that cannot import PyTorch or the product."""
    assert main(["--checkpoint", str(checkpoint), "-o", str(tmp_path / "exported")]) == 0
    for path in (tmp_path / "exported").iterdir():
        path.rename(path.with_name(path.name.replace("net.", "jersey_reader.")))
    regions = [np.random.default_rng(side).integers(0, 256, (side, 31, 3), dtype=np.uint8) for side in (18, 90)]
    for place, region in enumerate(regions):
        Image.fromarray(region).save(tmp_path / f"{place}.png")
    _, snippet = snippets()
    assert 'read(["crop.png"])' in snippet
    snippet = snippet.replace('read(["crop.png"])', 'read(["0.png", "1.png"])')
    block = "import sys\nsys.modules.update(dict.fromkeys(['torch', 'recognizer', 'pipeline']))\n"
    printed = subprocess.run(
        [sys.executable, "-c", block + snippet], cwd=tmp_path, check=True, capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": ""},
    ).stdout  # fmt: skip
    reader = JerseyReader(checkpoint, torch.device("cpu"), backend="torch")
    rgb = np.zeros((1, 5, 32, 32, 3), np.uint8)
    rgb[0, :2] = [reader.preprocess.apply(region) for region in regions]
    output = reader.read(rgb, np.arange(5)[None] < 2)
    best = top_candidates(number_log_probs(output.tens[0], output.units[0]), k=1)[0]
    number, share = eval(printed, {"__builtins__": {}})  # noqa: S307  # what our own snippet printed: a tuple
    assert number == best.number
    assert share == pytest.approx(best.probability, abs=1e-4)


@needs_onnx
def test_a_graph_that_differs_is_not_written(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(export_module, "largest_difference", lambda graph, run: 0.5 if len(graph.inputs) == 2 else 0.0)
    assert main(["--checkpoint", str(checkpoint), "-o", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == (
        "net.sequence.onnx differs from PyTorch by 5.0e-01, allowed is 0.0001; nothing was written.\n"
    )
    assert not list(tmp_path.iterdir())


@needs_onnx
def test_an_error_leaves_the_folder_as_it_was(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "net.onnx").write_text("mine")
    monkeypatch.setattr(export_module, "largest_difference", lambda *_: float("nan"))
    assert main(["--checkpoint", str(checkpoint), "-o", str(tmp_path)]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
    assert (tmp_path / "net.onnx").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "tf"], "The format is 'tf'; allowed are onnx and torch."),
        (["--checkpoint", "none.safetensors"], "The weights file none.safetensors does not exist; mend the setting"),
        (["--format", "torch", "--opset", "18"], "--opset is for ONNX; leave it out with --format torch"),
        pytest.param(["--opset", "9"], "The operator set is 9; allowed are 17 to 20.", marks=needs_onnx),
        pytest.param(["-o", "{file}"], "cannot be written", marks=needs_onnx),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    arguments: list[str], said: str, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    given = [argument.replace("{file}", str(tmp_path / "file")) for argument in arguments]
    assert main(["--checkpoint", str(checkpoint), "-o", str(tmp_path / "out"), *given]) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert said in printed.err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "mine"


def test_without_the_extra_it_says_what_to_install(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert main(["--checkpoint", str(checkpoint), "-o", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("The format onnx needs onnx")
    assert error.endswith("which the extra 'cpu' brings: pip install -e '.[cpu]' in the checkout.\n")


def test_the_window_length_is_the_checkpoints(checkpoint: Path) -> None:
    _, info = load_checkpoint(checkpoint)
    assert export_module.describe(info, {})["window_length"] == info.window_length
