"""How fast is the recognizer alone? `python -m recognizer.bench`.

Times whole windows, each of their frames encoded and read, by batch and by variant: `eager` (PyTorch as it comes, in
float32), `channels_last` (and batch norms folded: PyTorch as the reader uses it), `half` (bfloat16 on a CPU, float16
on CUDA), `onnx` (on a CPU, where the extra `cpu` is installed), and on CUDA `graphs` (half, replayed as CUDA graphs)
and `compile` (half, torch.compile). After a warm-up all variants take turns in every round. Speed is by the clock;
the ratio to `eager` compares the two of one round, by processor time on a CPU (other programs do not disturb it, and
the cores are shared) and by the clock on CUDA. Prints the medians and the ratio's smallest and largest. Exit code 2:
nothing could be measured, for the reason given.
"""

import argparse
import dataclasses
import json
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch

from recognizer.checkpoint import CheckpointInfo, load_checkpoint
from recognizer.command import Parser, ending_in_a_sentence
from recognizer.device import device_name, resolve_device
from recognizer.errors import InputError, first_line_of, reason_of
from recognizer.networks import Network, TorchNetwork
from recognizer.onnx_cache import write_halves
from recognizer.onnx_network import OnnxNetwork, missing_packages
from recognizer.reader import default_weights

logger = logging.getLogger(__name__)

BASELINE: Final = "eager"
_WARM_UP: Final = 2


class BenchError(InputError):
    """Nothing can be measured."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One variant at one batch size; medians over the rounds."""

    variant: str
    batch: int
    """Windows."""
    windows_per_second: float
    """By the clock, each frame of a window encoded."""
    crops_per_second: float
    """By the clock, the encoder alone."""
    read_ms: float
    """Milliseconds by the clock that a window takes once its features are there."""
    cpu_ms: float
    """Processor time of a window, its crops encoded, milliseconds."""
    ratio: float
    """Times as fast as the baseline: median of the rounds."""
    ratio_min: float
    ratio_max: float


@dataclass(frozen=True, slots=True)
class Lap:
    """Seconds of one run."""

    encode: float
    read: float
    cpu: float
    """Processor time of both."""


def variants(checkpoint: Path, device: torch.device, scratch: Path) -> tuple[dict[str, Network], CheckpointInfo]:
    """What can be compared on a device, by name, the baseline first; ONNX graphs go to the folder `scratch`."""

    def build(dtype: torch.dtype, tuned: bool = True, graphs: bool = False) -> TorchNetwork:
        model, info = load_checkpoint(checkpoint, device)
        return TorchNetwork(model, device, dtype, info.temperature, tuned=tuned, graphs=graphs)

    _, info = load_checkpoint(checkpoint)
    built: dict[str, Network] = {BASELINE: build(torch.float32, tuned=False), "channels_last": build(torch.float32)}
    if device.type == "cuda":
        built |= {"half": build(torch.float16), "graphs": build(torch.float16, graphs=True)}
        compiled = build(torch.float16)
        compiled.model.encode_frames = torch.compile(compiled.model.encode_frames)  # type: ignore[method-assign]
        compiled.model.read_sequence = torch.compile(compiled.model.read_sequence)  # type: ignore[method-assign]
        return built | _if_it_runs("compile", compiled, info), info
    built["half"] = build(torch.bfloat16)
    if not missing_packages():
        source = build(torch.float32)
        write_halves(scratch, info, source)
        built["onnx"] = OnnxNetwork(scratch, info.window_length, source)
    return built, info


def _if_it_runs(name: str, network: Network, info: CheckpointInfo) -> dict[str, Network]:
    """The network by its name, or nothing and a warning; compiling needs a C compiler, which a machine may lack."""
    size, length = info.preprocess.size, info.window_length
    try:
        features = network.encode(torch.zeros(length, size, size, 3, dtype=torch.uint8)).unsqueeze(0)
        network.read(features, torch.ones(1, length, dtype=torch.bool, device=features.device))
    except Exception as error:  # noqa: BLE001  # whatever compilers raise
        reason = first_line_of(error)
        logger.warning("The variant %s is left out: %s", name, reason)
        return {}
    return {name: network}


def measure(
    built: dict[str, Network], info: CheckpointInfo, device: torch.device, batch: int, rounds: int
) -> list[Timing]:
    """Time all variants at one batch size, taking turns.

    Args:
        built: By name, the baseline among them.
        info: Gives picture size and window length.
        device: Where they run.
        batch: Windows, at least 1.
        rounds: Timed runs of each, at least 1.
    """
    size, length = info.preprocess.size, info.window_length
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (batch * length, size, size, 3), generator=random, dtype=torch.uint8)
    valid = torch.ones(batch, length, dtype=torch.bool, device=device)
    wait = (lambda: torch.cuda.synchronize(device)) if device.type == "cuda" else (lambda: None)
    laps: dict[str, list[Lap]] = {name: [] for name in built}
    for turn in range(_WARM_UP + rounds):
        for name, network in built.items():
            lap = _lap(network, pixels, valid, wait)
            if turn >= _WARM_UP:
                laps[name].append(lap)
    by_clock = device.type == "cuda"
    return [summary(name, batch, length, laps[name], laps[BASELINE], by_clock) for name in built]


def summary(name: str, batch: int, length: int, laps: Sequence[Lap], baseline: Sequence[Lap], by_clock: bool) -> Timing:
    """Medians of a variant's laps, and its ratio to the baseline round by round."""

    def cost(lap: Lap) -> float:
        return lap.encode + lap.read if by_clock else lap.cpu

    ratios = [cost(theirs) / cost(ours) for ours, theirs in zip(laps, baseline, strict=True)]
    return Timing(
        variant=name,
        batch=batch,
        windows_per_second=batch / statistics.median(lap.encode + lap.read for lap in laps),
        crops_per_second=batch * length / statistics.median(lap.encode for lap in laps),
        read_ms=1e3 * statistics.median(lap.read for lap in laps) / batch,
        cpu_ms=1e3 * statistics.median(lap.cpu for lap in laps) / batch,
        ratio=statistics.median(ratios),
        ratio_min=min(ratios),
        ratio_max=max(ratios),
    )


def _lap(network: Network, pixels: torch.Tensor, valid: torch.Tensor, wait: Callable[[], None]) -> Lap:
    wait()
    cpu, started = time.process_time(), time.perf_counter()
    features = network.encode(pixels)
    wait()
    encoded = time.perf_counter()
    network.read(features.view(*valid.shape, -1), valid)
    wait()
    return Lap(encoded - started, time.perf_counter() - encoded, time.process_time() - cpu)


def table(timings: Sequence[Timing]) -> str:
    """The timings as a Markdown table."""
    lines = [
        "| batch | variant | windows/s | crops/s, encoder | ms/window, sequence | CPU-ms/window | × eager (range) |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {t.batch} | {t.variant} | {t.windows_per_second:,.1f} | {t.crops_per_second:,.1f} | {t.read_ms:.3f} "
        f"| {t.cpu_ms:.2f} | {t.ratio:.2f} ({t.ratio_min:.2f}–{t.ratio_max:.2f}) |"
        for t in timings
    ]
    return "\n".join(lines) + "\n"


def bench(checkpoint: Path, device: torch.device, batches: Sequence[int], rounds: int) -> list[Timing]:
    """Measure all variants at all batch sizes.

    Raises:
        InputError: The checkpoint cannot be read, a variant cannot be built, or a number is out of range.
    """
    for name, count in (*(("--batches", batch) for batch in batches), ("--rounds", rounds)):
        if count < 1:
            raise BenchError(f"{name} holds {count}; allowed are whole numbers from 1.")
    with tempfile.TemporaryDirectory() as scratch:
        built, info = variants(checkpoint, device, Path(scratch))
        return [timing for batch in batches for timing in measure(built, info, device, batch, rounds)]


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m recognizer.bench", description="Time the recognizer alone.")
    add = parser.add_argument
    add("--checkpoint", type=Path, default=default_weights(), help="weights, .safetensors (the ones that ship)")
    add("--device", default="auto", help="auto, cpu, cuda or cuda:N (auto)")
    add("--batches", type=int, nargs="+", metavar="B", default=[1, 8, 32, 128], help="windows per pass (1 8 32 128)")
    add("--rounds", type=int, default=7, help="timed runs of every variant at every batch size (7)")
    add("-o", "--output", metavar="FILE", type=Path, help="write the timings as JSON too")
    return parser


@ending_in_a_sentence()
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    given = _parser().parse_args(argv)
    if given.output is not None and not given.output.parent.is_dir():
        raise BenchError(f"The folder {given.output.parent} does not exist; name another file with -o.")
    device = resolve_device(given.device)
    timings = bench(given.checkpoint, device, given.batches, given.rounds)
    sys.stdout.write(table(timings))
    if given.output is not None:
        _write(given.output, device, timings)
    return 0


def _write(path: Path, device: torch.device, timings: Sequence[Timing]) -> None:
    record = {
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "timings": [dataclasses.asdict(timing) for timing in timings],
    }
    try:
        path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        reason = reason_of(error)
        raise BenchError(f"{path} cannot be written ({reason}); name another file with -o.") from error


if __name__ == "__main__":
    sys.exit(main())
