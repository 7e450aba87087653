"""What the product costs, feature by feature: `python -m pipeline.bench [INPUT]`.

Runs the naive script, the product, and the product with one feature off at a time, interleaved and each in a process
of its own, and prints a Markdown table. How many times less than the naive script a variant takes is told of processor
time (on CUDA, where a processor that waits is busy, of wall-clock time); how many times as long as decoding and
detecting alone it takes, of wall-clock time. Ratios are taken within a repeat; of several repeats the median stands
with the least and the greatest. Exit codes: 0 measured; 2 nothing could be measured.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

import torch

from pipeline.bench_runs import BenchError, Cost, Job, Script, measure_apart
from pipeline.config import as_plain, load
from pipeline.media.video import open_source
from pipeline.results.report import versions
from pipeline.settings import Settings
from recognizer.command import Parser, ending_in_a_sentence
from recognizer.device import device_name, resolve_device
from recognizer.errors import reason_of

logger = logging.getLogger(__name__)

SAMPLE: Final = Path(__file__).parents[1] / "sample_videos" / "match.mp4"
_MIB: Final = 2**20


class Variant(NamedTuple):
    """One way to do the work."""

    script: Script
    overrides: tuple[str, ...]
    """Settings that differ from the product's."""
    meaning: str


_EXACT: Final = ("detector.precision=float32", "reader.precision=float32")
"""On a CPU everything is measured in one number format, whatever the CPU is best at."""
_TORCH: Final = ("detector.backend=torch", "reader.backend=torch")
VARIANTS: Final[Mapping[str, Variant]] = {
    "naive": Variant("naive", _TORCH, "the straightforward script, kept as the baseline"),
    "detector": Variant("detector", (), "decoding and detecting alone"),
    "product": Variant("product", (), "everything on"),
    "torch": Variant("product", _TORCH, "without ONNX Runtime"),
    "one-window": Variant("product", ("reader.batch_size=1",), "windows read one at a time"),
    "unlocated": Variant("product", ("reader.locate=false",), "numbers are not looked for, regions stay"),
    "one-zoom": Variant("product", ("reader.zooms=[]",), "windows are not looked at more closely"),
    "unadapted": Variant("product", ("adaptation.enabled=false",), "the match's numerals are not learnt"),
    "whole-windows": Variant("product", ("reader.glance=0",), "every crop of a window that is read is looked at"),
    "all-windows": Variant("product", ("effort.settled_every=1",), "tracks whose number is settled are read on"),
    "one-thread": Variant("product", ("engine.threads=1",), "one stage after another"),
    "every-2nd": Variant("product", ("detector.every=2",), "people looked for in every second frame"),
    "every-3rd": Variant("product", ("detector.every=3",), "people looked for in every third frame"),
}
"""By name; `naive` is what the others are compared with."""


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Median, least and greatest.

    >>> spread([3.0, 1.0, 2.0])
    (2.0, 1.0, 3.0)
    """
    return median(values), min(values), max(values)


def cpu_ms(cost: Cost) -> float:
    """Processor milliseconds per frame."""
    return 1000 * cost.cpu_seconds / cost.frames


def ratios(costs: Mapping[str, Sequence[Cost]], name: str) -> list[float]:
    """How many times less than the naive script a variant took, repeat by repeat."""
    pairs = zip(costs.get("naive", ()), costs[name], strict=False)
    return [naive.compared_seconds / naive.frames / (cost.compared_seconds / cost.frames) for naive, cost in pairs]


def times_detecting(costs: Mapping[str, Sequence[Cost]], name: str) -> list[float]:
    """How many times as long, by the clock, as decoding and detecting alone a variant took, repeat by repeat."""
    pairs = zip(costs.get("detector", ()), costs[name], strict=False)
    return [cost.seconds / cost.frames / (alone.seconds / alone.frames) for alone, cost in pairs]


def table(costs: Mapping[str, Sequence[Cost]]) -> str:
    """The variants as a Markdown table, and a second one with the milliseconds of each stage."""
    lines = [
        "| variant | CPU-ms a frame | less than naive | frames/s | of decode, detect | peak MiB | windows | numbers |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, runs in costs.items():
        cells = [
            name,
            _shown(spread([cpu_ms(run) for run in runs]), 1),
            _times(ratios(costs, name)),
            _shown(spread([run.frames / run.seconds for run in runs]), 1),
            _times(times_detecting(costs, name)),
            _memory(max(run.peak_bytes for run in runs), max(run.peak_cuda_bytes for run in runs)),
            str(runs[-1].reads),
            str(runs[-1].numbers),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *_stage_lines(costs)]) + "\n"


def _stage_lines(costs: Mapping[str, Sequence[Cost]]) -> list[str]:
    stages = list(dict.fromkeys(stage for runs in costs.values() for run in runs for stage in run.stages))
    lines = ["| ms a frame | " + " | ".join(stages) + " |", "| --- |" + " --- |" * len(stages)]
    for name, runs in costs.items():
        times = [median(1000 * run.stages.get(stage, 0.0) / run.frames for run in runs) for stage in stages]
        lines.append(f"| {name} | " + " | ".join(f"{time:.1f}" if time else "–" for time in times) + " |")
    return lines


def _memory(resident: int, on_cuda: int) -> str:
    return f"{resident / _MIB:.0f}" + (f", CUDA {on_cuda / _MIB:.0f}" if on_cuda else "")


def _times(found: Sequence[float]) -> str:
    return _shown(spread(found), 2) + "×" if found else "–"


def _shown(values: tuple[float, float, float], digits: int) -> str:
    middle, least, greatest = (f"{value:.{digits}f}" for value in values)
    return middle if least == greatest else f"{middle} ({least}–{greatest})"


def record(costs: Mapping[str, Sequence[Cost]], given: argparse.Namespace, common: Sequence[str]) -> dict[str, Any]:
    """All that was measured, for machines."""
    return {
        "input": str(given.input),
        "duration_seconds": given.duration,
        "device": device_name(resolve_device(given.device)),
        "annotated_video": given.drawn,
        "torch_threads": torch.get_num_threads(),
        "settings": list(common),
        "versions": versions(),
        "variants": {
            name: {
                "meaning": VARIANTS[name].meaning,
                "settings": list(VARIANTS[name].overrides),
                "cpu_ms_per_frame": [round(cpu_ms(run), 3) for run in runs],
                "times_less_than_naive": [round(ratio, 3) for ratio in ratios(costs, name)],
                "times_decode_and_detect": [round(ratio, 3) for ratio in times_detecting(costs, name)],
                "frames_per_second": [round(run.frames / run.seconds, 3) for run in runs],
                "runs": [as_plain(run) | {"stages": run.stages} for run in runs],
            }
            for name, runs in costs.items()
        },
    }


def _parser() -> Parser:
    parser = Parser(prog="python -m pipeline.bench", description="Measure what the product costs, feature by feature.")
    add = parser.add_argument
    add("input", metavar="INPUT", nargs="?", type=Path, default=SAMPLE, help="video file (default: the sample match)")
    add("-o", "--output", metavar="FILE", type=Path, help="write all figures to this JSON file")
    add("--image-size", metavar="PIXELS", type=int, default=640, help="detector.image_size of every variant (640)")
    add("--duration", metavar="S", type=float, help="take so many seconds of the video (default: all)")
    add("--repeats", metavar="N", type=int, default=3, help="runs of each variant (3)")
    add("--variants", metavar="NAMES", help=f"comma-separated, of: {', '.join(VARIANTS)} (default: all)")
    add("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE", help="a setting of every variant")
    add("--no-video", dest="drawn", action="store_false", help="the product writes its tables only")
    add("--device", default="auto", help="auto, cpu, cuda or cuda:N (auto)")
    return parser


def _measure(given: argparse.Namespace, common: Sequence[str]) -> dict[str, list[Cost]]:
    names = given.variants.split(",") if given.variants else list(VARIANTS)
    for name in names:
        if name not in VARIANTS:
            raise BenchError(f"The variant '{name}' is unknown; allowed are {', '.join(VARIANTS)}.")
    if given.repeats < 1:
        raise BenchError(f"--repeats is {given.repeats}; allowed is a whole number from 1.")
    if given.output and not given.output.resolve().parent.is_dir():
        raise BenchError(f"The folder of {given.output} does not exist; make it first or name another file.")
    if given.output and (given.output.is_dir() or not os.access(given.output.resolve().parent, os.W_OK)):
        raise BenchError(f"{given.output} cannot be written; name another file.")
    for name in names:
        load(Settings, None, [*common, *VARIANTS[name].overrides])
    resolve_device(given.device)
    open_source(given.input, duration_seconds=given.duration)
    costs: dict[str, list[Cost]] = {name: [] for name in names}
    for repeat in range(given.repeats):
        for name in names:
            script, overrides, _ = VARIANTS[name]
            settings = (*common, *overrides)
            cost = measure_apart(Job(script, given.input, settings, given.duration, given.device, given.drawn))
            costs[name].append(cost)
            logger.info("%d/%d %s: %.1f CPU-ms a frame", repeat + 1, given.repeats, name, cpu_ms(cost))
    return costs


@ending_in_a_sentence()
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    given = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    exact = _EXACT if resolve_device(given.device).type == "cpu" else ()
    common = [f"detector.image_size={given.image_size}", *exact, *given.overrides]
    costs = _measure(given, common)
    sys.stdout.write(table(costs))
    if given.output is not None:
        text = json.dumps(record(costs, given, common), indent=2, ensure_ascii=False) + "\n"
        try:
            given.output.write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise BenchError(f"{given.output} cannot be written ({reason_of(error)}).") from error
    return 0


if __name__ == "__main__":
    sys.exit(main())
