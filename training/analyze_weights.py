"""The command that says what a network consists of: `python -m training.analyze_weights --checkpoint FILE`.

Prints Markdown tables and, with `--output FILE`, writes all figures as JSON. `--architecture seed` counts the seed
network without any weights; `--data ROOT` adds the entropy of the attentions over a data set.
"""

import argparse
import dataclasses
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tqdm.contrib.logging import logging_redirect_tqdm

from recognizer.checkpoint import CheckpointInfo, load_checkpoint
from recognizer.command import Parser, ending_in_a_sentence
from recognizer.device import resolve_device
from recognizer.errors import InputError
from recognizer.model import JerseyTemporalNet, ModelConfig
from training.evaluation.command import checkpoint_record, count, progress_bar
from training.evaluation.data import open_data, sampling_of
from training.evaluation.entropy import AttentionFigures, Entropy, measure_attention
from training.evaluation.files import require_file, to_json, write_results
from training.evaluation.report import digit_names
from training.evaluation.select import Selection
from training.evaluation.text import Cell, table
from training.evaluation.weights import Architecture, HeadOutput, count_parameters, head_output

ARCHITECTURES: Final = {"seed": ModelConfig()}
"""Networks that can be counted without a checkpoint."""

_FP32, _FP16 = 4, 2


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything that is known about a network."""

    name: str
    """The checkpoint's file or the architecture's name."""
    config: ModelConfig
    architecture: Architecture
    heads: dict[str, HeadOutput]
    """Output layers by digit; empty without weights."""
    attention: AttentionFigures | None
    """Over a data set, where one is given."""

    def record(self) -> dict[str, Any]:
        """All figures as JSON values."""
        counted = self.architecture
        record: dict[str, Any] = {
            "architecture": dataclasses.asdict(self.config),
            "parameters": counted.parameters,
            "trainable": counted.trainable,
            "tensors": counted.tensors,
            "buffers": counted.buffers,
            "megabytes": {"fp32": counted.megabytes(_FP32), "fp16": counted.megabytes(_FP16)},
            "components": {part.name: dataclasses.asdict(part) for part in counted.components},
        }
        if self.heads:
            record["heads"] = {digit: _head_record(head) for digit, head in self.heads.items()}
        if self.attention is not None:
            found = self.attention
            record["attention"] = found._asdict() | {
                name: value._asdict() if value else None
                for name, value in (("temporal", found.temporal), ("spatial", found.spatial))
            }
        return record

    def markdown(self) -> str:
        """The report for people."""
        counted = self.architecture
        sections = [
            f"# {self.name}",
            f"{counted.parameters:,} parameters, {counted.trainable:,} of them trained by a new network "
            f"({self.config.frozen_fraction:.0%} of the backbone's tensors frozen); {counted.megabytes(_FP32):.1f} MB "
            f"in fp32, {counted.megabytes(_FP16):.1f} MB in fp16; {counted.buffers:,} stored values beside them.",
            "## Components\n\n" + _components(counted),
        ]
        if self.heads:
            sections += [
                "## Output layers of the digit heads\n\n" + _head_spreads(self.heads),
                _head_classes(self.heads),
            ]
        if self.attention is not None:
            sections.append("## Attention\n\n" + _attention(self.attention))
        return "\n\n".join(sections) + "\n"


def analyze(name: str, config: ModelConfig, model: JerseyTemporalNet | None = None) -> Analysis:
    """Count a network, and sum up its digit heads where it has weights.

    Args:
        name: What it is called in the report.
        config: Its architecture.
        model: With weights; None counts alone.
    """
    layers = {} if model is None else {"tens": model.tens_head.output, "units": model.units_head.output}
    heads = {digit: head_output(layer) for digit, layer in layers.items()}
    return Analysis(name, config, count_parameters(config), heads, None)


@ending_in_a_sentence()
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    with logging_redirect_tqdm():
        text = _run(arguments)
    sys.stdout.write(text)
    return 0


class AnalysisError(InputError):
    """Options of the command that do not go together."""


def _run(arguments: argparse.Namespace) -> str:
    if arguments.output is not None:
        require_file(arguments.output)
    if arguments.architecture is not None:
        if arguments.data is not None:
            raise AnalysisError("--data needs weights: give --checkpoint FILE in place of --architecture.")
        analysis = analyze(f"architecture: {arguments.architecture}", ARCHITECTURES[arguments.architecture])
        described: dict[str, Any] = {}
    else:
        model, info = load_checkpoint(arguments.checkpoint, resolve_device(arguments.device))
        analysis = analyze(arguments.checkpoint.name, model.config, model)
        described = {"checkpoint": checkpoint_record(arguments.checkpoint)}
        if arguments.data is not None:
            attention = _measure(arguments, model, info)
            analysis = dataclasses.replace(analysis, attention=attention)
            described["data"] = str(arguments.data)
    text = analysis.markdown()
    if arguments.output is not None:
        write_results({arguments.output: to_json(described | analysis.record())})
        text += f"\n{arguments.output}\n"
    return text


def _measure(arguments: argparse.Namespace, model: JerseyTemporalNet, info: CheckpointInfo) -> AttentionFigures:
    data = open_data(arguments.data, info, Selection("all"), sampling_of(info), arguments.cache, one_class_will_do=True)
    with progress_bar(len(data.dataset), "windows", arguments.quiet) as progress:
        return measure_attention(model, data.dataset, arguments.batch_size, progress)


def _components(counted: Architecture) -> str:
    rows: list[list[Cell]] = [
        [
            part.name.replace("_", " "),
            part.parameters,
            part.trainable,
            f"{part.share:.1%}",
            part.tensors,
            "; ".join(f"{name} {'×'.join(map(str, shape))}" for name, shape in part.first_shapes),
        ]
        for part in counted.components
    ]
    rows.append(["all", counted.parameters, counted.trainable, "100.0%", counted.tensors, ""])
    return table(["component", "parameters", "trainable", "share", "tensors", "first shapes"], rows)


def _head_spreads(heads: dict[str, HeadOutput]) -> str:
    rows: list[list[Cell]] = [
        [f"{digit} {kind}", *spread]
        for digit, head in heads.items()
        for kind, spread in (("weight", head.weight), ("bias", head.bias))
    ]
    return table(["layer", "mean", "deviation", "least", "largest"], rows, digits=4)


def _head_classes(heads: dict[str, HeadOutput]) -> str:
    """Weight length and bias of each class, and the lean to 'no digit'."""
    header = ["class", *(f"{digit} {figure}" for digit in heads for figure in ("weight norm", "bias"))]
    rows: list[list[Cell]] = [
        [name, *(f for head in heads.values() for f in (head.class_norms[place], head.class_biases[place]))]
        for place, name in enumerate(digit_names())
    ]
    lean = ", ".join(f"{digit} {head.empty_bias:+.3f}" for digit, head in heads.items())
    return f"{table(header, rows)}\n\nBias of the empty class over the digits' mean: {lean}."


def _attention(found: AttentionFigures) -> str:
    rows = [_entropy_row("temporal", found.temporal), _entropy_row("spatial", found.spatial)]
    header = ["attention", "entropy / largest", "deviation", "nats", "places that count", "cases"]
    weight = "–" if found.largest_weight is None else f"{found.largest_weight:.3f}"
    first = "no window has a marked anchor" if found.anchor_first is None else f"{found.anchor_first:.1%} of windows"
    return f"{table(header, rows)}\n\nHeaviest frame: mean weight {weight}; it is the marked anchor: {first}."


def _entropy_row(name: str, found: Entropy | None) -> list[Cell]:
    return [name, *(found if found is not None else [None] * len(Entropy._fields))]


def _head_record(head: HeadOutput) -> dict[str, Any]:
    record = head._asdict() | {"weight": head.weight._asdict(), "bias": head.bias._asdict()}
    return record | {"empty_bias": head.empty_bias}


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m training.analyze_weights",
        description="Say what a network consists of and how its attentions choose.",
        allow_abbrev=False,
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--checkpoint", type=Path, metavar="FILE", help="a .safetensors file with its JSON beside it")
    which.add_argument("--architecture", choices=tuple(ARCHITECTURES), help="count this network, without weights")
    add = parser.add_argument
    add("--data", type=Path, metavar="ROOT", help="data set (NUMBER/SEQUENCE/SUBDIR/*.jpg) to look at attentions on")
    add("--cache", type=Path, metavar="DIR", help="folder for the packed crops (default: inside ROOT)")
    add("--output", "-o", type=Path, metavar="FILE", help="write all figures to this JSON file")
    add("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    add("--batch-size", type=count, default=64, metavar="N", help="windows per pass (default: 64)")
    add("-q", "--quiet", action="store_true", help="no progress bar")
    return parser


if __name__ == "__main__":
    sys.exit(main())
