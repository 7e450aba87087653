"""Write the recognizer for use without this product: `python -m recognizer.export -o exported`.

`--format onnx` writes three graphs, each for any number of rows, and what to know about them:

| file | inputs | outputs |
| --- | --- | --- |
| `NAME.onnx` | `rgb` uint8 (B, T, S, S, 3), `valid` bool (B, T) | `tens`, `units` (B, 11), `frame_weights` (B, T) |
| `NAME.crops.onnx` | `rgb` uint8 (N, S, S, 3) | `features` (N, C) |
| `NAME.sequence.onnx` | `features` (B, T, C), `valid` bool (B, T) | as `NAME.onnx` |
| `NAME.export.json` | | picture size, sharpening, window length T, the classes, the differences from PyTorch |

The first is the whole network; the other two are its halves, for features that are kept and read in several windows.
`tens` and `units` are log-probabilities, those of the window and of its frames pooled as in `recognizer.pooling` and
softened by the checkpoint's temperature; class 10 means no digit. `valid` is False where a window has no frame; padding
may stand anywhere. `--format torch` writes the whole network as a `torch.export` package, `NAME.pt2`, instead of the
graphs: `torch.export.load(FILE).module()(rgb=..., valid=...)`.

Every graph is compared with PyTorch. Exit codes: 0 written; 1 a graph differs by more than 1e-4; 2 nothing could be
exported, for the reason given. Unless 0, nothing is written.

`recognizer/README.md` shows how to read a number from them with numpy, onnxruntime and pillow alone.
"""

import argparse
import contextlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from recognizer.checkpoint import CheckpointInfo, load_checkpoint
from recognizer.command import Parser, ending_in_a_sentence
from recognizer.decode import OUTCOMES
from recognizer.errors import InputError, reason_of
from recognizer.graphs import (
    OPSETS,
    TOLERANCE,
    ExportError,
    Graph,
    graphs,
    largest_difference,
    write_onnx,
    write_torch,
)
from recognizer.labels import encode
from recognizer.onnx_network import Session, open_session, require_packages
from recognizer.reader import default_weights

FORMATS: Final = ("onnx", "torch")
_WHOLE: Final = "windows"


class ParityError(InputError):
    """An export that does not compute what the network computes."""


def export(checkpoint: Path, folder: Path, form: str = "onnx", opset: int = OPSETS[0]) -> dict[str, float]:
    """Write a checkpoint's graphs into a folder, all or none; files of the same names are replaced.

    Args:
        checkpoint: The `.safetensors` file; its JSON lies beside it.
        folder: Made if missing.
        form: One of `FORMATS`.
        opset: ONNX operator set, one of `OPSETS`.

    Returns:
        Largest absolute difference from PyTorch by file name.

    Raises:
        WeightsError: The checkpoint cannot be read.
        BackendError: A package that the format needs is missing.
        ExportError: Nothing could be exported, or the folder cannot be written.
        ParityError: A graph differs by more than `TOLERANCE`.
    """
    if form not in FORMATS:
        raise ExportError(f"The format is '{form}'; allowed are {' and '.join(FORMATS)}.")
    if form == "onnx":
        require_packages("The format onnx")
    model, info = load_checkpoint(checkpoint)
    made = not folder.exists()
    beside = folder / f".export.{os.getpid()}.part"
    try:
        beside.mkdir(parents=True)
        differences = _write(graphs(model, info), beside, checkpoint.stem, form, opset)
        record = beside / f"{checkpoint.stem}.export.json"
        record.write_text(json.dumps(describe(info, differences), indent=2) + "\n", encoding="utf-8")
        for path in sorted(beside.iterdir()):
            path.replace(folder / path.name)
    except OSError as error:
        reason = reason_of(error)
        raise ExportError(f"{folder} cannot be written ({reason}); name another folder with -o.") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        if made:
            with contextlib.suppress(OSError):  # goes only if nothing was written
                folder.rmdir()
    return differences


def describe(info: CheckpointInfo, differences: dict[str, float]) -> dict[str, object]:
    """What a user of the graphs must know; JSON values."""
    return {
        "size": info.preprocess.size,
        "sharpness": info.preprocess.sharpness,
        "upscale_below": info.preprocess.upscale_below,
        "window_length": info.window_length,
        "numbers": list(OUTCOMES),
        "digits": [encode(outcome) for outcome in OUTCOMES],
        "largest_differences": differences,
    }


def _write(written: dict[str, Graph], folder: Path, stem: str, form: str, opset: int) -> dict[str, float]:
    """Write the graphs of a format and compare each; returns the differences by file name."""
    differences = {}
    for name, graph in written.items():
        if form == "torch" and name != _WHOLE:
            continue
        ending = "pt2" if form == "torch" else "onnx" if name == _WHOLE else f"{name}.onnx"
        path = folder / f"{stem}.{ending}"
        if form == "torch":
            write_torch(graph, path)
        else:
            write_onnx(graph, path, opset)
        run = _open_torch(path) if form == "torch" else open_session(path)
        differences[path.name] = difference = largest_difference(graph, run)
        if not difference <= TOLERANCE:
            raise ParityError(
                f"{path.name} differs from PyTorch by {difference:.1e}, allowed is {TOLERANCE:g}; nothing was written."
            )
    return differences


def _open_torch(path: Path) -> Session:
    module: Callable[..., tuple[torch.Tensor, ...]] = torch.export.load(str(path)).module()

    def run(arrays: Mapping[str, NDArray[np.generic]]) -> Sequence[NDArray[np.float32]]:
        return [each.numpy() for each in module(**{name: torch.from_numpy(given) for name, given in arrays.items()})]

    return run


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m recognizer.export", description="Write the recognizer for use without this product."
    )
    add = parser.add_argument
    add("--checkpoint", type=Path, default=default_weights(), help="weights, .safetensors (the ones that ship)")
    add("-o", "--output", metavar="DIR", type=Path, default=Path("exported"), help="folder for the files (exported)")
    add("--format", default="onnx", help="onnx, or torch for a torch.export package (onnx)")
    add("--opset", type=int, help=f"ONNX operator set, {OPSETS[0]} to {OPSETS[-1]} ({OPSETS[0]})")
    return parser


@ending_in_a_sentence()
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    given = _parser().parse_args(argv)
    if given.opset is not None and given.format != "onnx":
        raise ExportError(f"--opset is for ONNX; leave it out with --format {given.format}.")
    try:
        differences = export(given.checkpoint, given.output, given.format, given.opset or OPSETS[0])
    except ParityError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for name, difference in differences.items():
        sys.stdout.write(f"{given.output / name}: largest difference from PyTorch {difference:.1e}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
