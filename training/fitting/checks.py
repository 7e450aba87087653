"""What can be said about a training run before it starts: is everything there, and which numbers can be learned."""

import importlib.util
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from recognizer.device import resolve_device
from recognizer.errors import InputError
from recognizer.labels import EMPTY, NUMBERS, encode
from training.data.geometry import geometry_text, read_geometry
from training.data.layout import UNREADABLE_FOLDER, Layout, SubSequence, scan
from training.data.root import find_data_root
from training.data.splits import split_notes, tracks_on_both_sides
from training.evaluation.files import require_writable
from training.evaluation.select import listed
from training.fitting.balance import digit_weights, weights_table
from training.fitting.frozen import freeze_named
from training.fitting.precision import training_precision
from training.fitting.run_state import RESUME, require_same_settings, require_unused, saved_preprocess
from training.fitting.settings import ClassWeightSettings, TrainSettings
from training.fitting.start import build_reader, learnt_note, preprocess_text, settle_preprocess
from training.fitting.tree_feed import choose_items
from training.mixture.recipe import labelled_clips, missing_folders, require_matches

_SHOWN: Final = 8
"""Matches of one side that are named."""


class Coverage(NamedTuple):
    """What training shows of a number that is tested."""

    number: str
    tens_seen: bool
    """Whether its tens digit (or having none) is trained in the tens place."""
    units_seen: bool
    """Whether its units digit is trained in the units place."""
    seen: bool
    """Whether the number itself is trained."""


@dataclass(slots=True)
class Report:
    """What was found."""

    lines: list[str] = field(default_factory=list)
    """What to print."""
    problems: list[str] = field(default_factory=list)
    """Why training would not start."""
    resume: bool = False
    """Whether a training is to be gone on with."""

    @property
    def usable(self) -> bool:
        """Whether training would start."""
        return not self.problems

    @property
    def text(self) -> str:
        """Everything, the problems last."""
        start = "Training can go on, on the settings and data it began with." if self.resume else "Training can start."
        verdict = [start] if self.usable else [f"problem: {problem}" for problem in self.problems]
        return "\n".join([*self.lines, *verdict]) + "\n"

    def attempt(self, step: Callable[[], None]) -> None:
        """Run a check; what it refuses becomes a problem."""
        try:
            step()
        except InputError as error:
            if str(error) not in self.problems:
                self.problems.append(str(error))


def check(settings: TrainSettings, resume: bool = False) -> Report:
    """Look at everything a run needs, without training.

    Args:
        settings: the run.
        resume: whether the run in the output folder is to be gone on with.
    """
    report, asked = Report(resume=resume), settings
    if resume:
        settings = replace(settings, start_from="")  # it is not read again
    report.attempt(lambda: _check_machine(report, settings))
    report.attempt(lambda: _check_start(report, settings))
    output = Path(settings.output)
    report.attempt(lambda: require_writable(output))
    if resume:
        report.attempt(lambda: _check_same(output / RESUME, asked))
    else:
        report.attempt(lambda: require_unused(output))
    if settings.source == "tree":
        report.attempt(lambda: _check_tree(report, settings))
    else:
        _check_mixture(report, settings)
    return report


def digit_coverage(trained: Iterable[str | None], tested: Iterable[str]) -> list[Coverage]:
    """Which digits of the tested numbers training shows, place by place.

    >>> digit_coverage(["4", "49"], ["48", "44"])
    [Coverage(number='48', tens_seen=True, units_seen=False, seen=False), \
Coverage(number='44', tens_seen=True, units_seen=True, seen=False)]

    Args:
        trained: numbers to train on; None stands for unreadable players, which show no digit.
        tested: numbers to test on.
    """
    known = {number for number in trained if number is not None}
    tens, units = {encode(number)[0] for number in known}, {encode(number)[1] for number in known}
    return [
        Coverage(number, encode(number)[0] in tens, encode(number)[1] in units, number in known) for number in tested
    ]


def coverage_table(rows: Sequence[Coverage]) -> str:
    """Coverage as text, one number on a line, and how many are wholly covered."""
    lines = ["test number   tens digit seen   units digit seen   combination seen"]
    for row in rows:
        cells = ["yes" if seen else "no" for seen in row[1:]]
        if encode(row.number)[0] == EMPTY:
            cells[0] += " (none)"
        lines.append(f"{row.number:>11}   {cells[0]:>15}   {cells[1]:>16}   {cells[2]:>16}")
    covered = sum(row.tens_seen and row.units_seen for row in rows)
    lines.append(f"{covered} of {len(rows)} test numbers have both digits trained in their places.")
    return "\n".join(lines)


def missing_numbers(wanted: Collection[str], present: Collection[str]) -> list[str]:
    """Wanted number folders that the data lacks.

    >>> missing_numbers(["7", "48"], ["7", "-1"])
    ['48']
    """
    return [number for number in wanted if number not in present]


def _check_machine(report: Report, settings: TrainSettings) -> None:
    """Device, number format and packages."""
    device = resolve_device(settings.device)
    precision = training_precision(settings.precision, device)
    report.lines.append(f"device: {device}, number format: {str(precision).removeprefix('torch.')}")
    if settings.tensorboard and importlib.util.find_spec("tensorboard") is None:
        report.problems.append(
            "tensorboard is true and the package tensorboard is not installed; install it with "
            "pip install -e '.[train]' in the checkout, or set tensorboard to false."
        )


def _check_start(report: Report, settings: TrainSettings) -> None:
    """The network, and the checkpoint to start from."""
    state = Path(settings.output) / RESUME
    saved = saved_preprocess(state) if report.resume else None
    reader = build_reader(settings).reader
    freeze_named(reader, settings.fit.frozen)
    everything = sum(tensor.numel() for tensor in reader.parameters())
    trained = sum(tensor.numel() for tensor in reader.parameters() if tensor.requires_grad)
    start = str(state) if saved else settings.start_from or "chance"
    report.lines.append(f"network: {everything:,} parameters, {trained:,} of them trained at first, from {start}")
    report.lines.append(preprocess_text(settings, settle_preprocess(settings, saved), resumed=report.resume))
    if settings.model.frozen_fraction > 0.0 and not settings.start_from and not saved:
        report.lines.append(
            f"note: model.frozen_fraction is {settings.model.frozen_fraction:g} and start_from is empty, so that these "
            "layers stay as chance made them; set it to 0 or start from a checkpoint."
        )


def _check_same(state: Path, settings: TrainSettings) -> None:
    """The settings of the run that is to be gone on with."""
    require_same_settings(state, settle_preprocess(settings, saved_preprocess(state)))


def _check_tree(report: Report, settings: TrainSettings) -> None:
    """The data set, its split and what it covers."""
    layout = scan(find_data_root(settings.data.root))
    report.lines += ["", layout.describe(), ""]
    geometry = read_geometry(layout.root)
    report.lines.append(f"regions cut with: {geometry_text(geometry) if geometry else 'not recorded'}")
    data = settings.data
    present = {item.folder for item in layout.items}
    for name in ("train_numbers", "test_numbers"):
        for number in missing_numbers(getattr(data, name), present):
            report.lines.append(f"note: data.{name} names {number}, and there is no folder {layout.root / number}.")
    both = sorted(set(data.train_numbers) & set(data.test_numbers))
    report.lines.append(f"train and test numbers overlap: {', '.join(both) if both else 'no'}")
    trained, held_out = choose_items(layout, data, settings.seed)
    shared = tracks_on_both_sides(trained, held_out)
    report.lines.append(f"train and validation sequences overlap: {', '.join(sorted(shared)) if shared else 'no'}")
    for name, items in (("train", trained), ("validation", held_out)):
        report.lines += [f"{name}: {_amount(items)}", f"{name} matches: {_matches(items)}"]
    report.lines += [f"note: {note}" for note in split_notes(trained, held_out, data.split_by, data.validation_share)]
    report.attempt(lambda: _note_learnt(report, settings, layout, held_out))
    report.lines += ["", _coverage(trained, data.test_numbers), "", _weights(trained, settings.class_weights), ""]


def _note_learnt(report: Report, settings: TrainSettings, layout: Layout, held_out: Sequence[SubSequence]) -> None:
    if note := learnt_note(settings, layout, held_out):
        report.lines.append(f"note: {note}")


def _check_mixture(report: Report, settings: TrainSettings) -> None:
    """Folders of the mixture, and the matches it holds out."""
    mixture = settings.mixture
    report.problems += [
        f"The folder {folder} does not exist; set mixture.data and mixture.clips."
        for folder in missing_folders(mixture)
    ]
    labelled = list(labelled_clips(Path(mixture.clips)))
    present = [name for name in labelled if (Path(mixture.clips) / f"{name}.mp4").is_file()]
    report.lines.append(f"clips: {len(present)} of {len(labelled)} labelled ones are there")
    report.attempt(lambda: require_matches(mixture, present))


def _coverage(trained: Sequence[SubSequence], tested: Sequence[str]) -> str:
    """The coverage of the test numbers; without any, of all numbers."""
    numbers = {item.number for item in trained}
    readable = [number for number in tested if number != UNREADABLE_FOLDER]
    if readable:
        return coverage_table(digit_coverage(numbers, readable))
    rows = digit_coverage(numbers, NUMBERS)
    covered = sum(row.tens_seen and row.units_seen for row in rows)
    return (
        f"No test numbers are set. Of all {len(rows)} numbers training shows {sum(row.seen for row in rows)}, and both "
        f"digits in their places of {covered}."
    )


def _weights(trained: Sequence[SubSequence], settings: ClassWeightSettings) -> str:
    """The table of class weights."""
    codes = np.array([encode(item.number) for item in trained], np.int64)
    weights = digit_weights(codes, settings.scheme, settings.beta, settings.empty_tens_factor, settings.square_root)
    return weights_table(codes, weights)


def _amount(items: Sequence[SubSequence]) -> str:
    numbers = sorted({item.folder for item in items}, key=lambda name: (len(name), name))
    sequences = len({item.key for item in items})
    return f"{sequences} sequences, {len(items)} windows of {len(numbers)} numbers: {', '.join(numbers) or 'none'}"


def _matches(items: Sequence[SubSequence]) -> str:
    """How many matches are known, and the names of the first; files of one match that go by two names show here."""
    names = sorted({item.match for item in items if item.match_known})
    return f"{len(names)}: {listed(names, _SHOWN)}" if names else "none known"
