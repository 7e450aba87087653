"""An evaluation as Markdown for people and as a record for programs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from functools import partial
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from recognizer.labels import EMPTY
from training.evaluation.figures import BaselineFigures, DecoderFigures, Evaluation, ViewFigures
from training.evaluation.metrics import ClassFigures, RiskCoverage, coverage_at_risk, outcome_name
from training.evaluation.text import Cell, table

_RISKS: Final = (0.01, 0.02, 0.05, 0.10)
_CURVE_POINTS: Final = 200
_WORST: Final = 10
_DECODER_FIELDS: Final = tuple(f.name for f in fields(DecoderFigures) if f.name not in ("name", "changes"))
_VIEW_FIELDS: Final = ("mean_confidence", "variance", "only_here", "only_window")

T = TypeVar("T")


def markdown(evaluation: Evaluation, heading: Sequence[str]) -> str:
    """The whole report.

    Args:
        evaluation: The figures.
        heading: Lines that say what was measured on what.
    """
    sections = [
        "\n".join(heading),
        _titled("Decoders", _decoders(evaluation)),
        _titled("Trivial baselines", _baselines(evaluation)),
        _titled("Whole window or one frame (joint decoder)", _views(evaluation)),
        _titled("Answering only when sure", _selective(evaluation)),
        _titled("Classes (joint decoder)", _classes(evaluation)),
    ]
    if confused := _confused(evaluation):
        sections.append(_titled("Most frequent confusions (joint decoder)", confused))
    return "\n\n".join(sections) + "\n"


def record(evaluation: Evaluation) -> dict[str, Any]:
    """All figures as JSON values."""
    return {
        "digits": evaluation.digits._asdict(),
        "decoders": {
            one.name: _fields(one, _DECODER_FIELDS) | {"against_plain_argmax": one.changes._asdict()}
            for one in evaluation.decoders
        },
        "baselines": {
            one.name: {"number": one.number, "tens": one.tens, "units": one.units} for one in evaluation.baselines
        },
        "views": {one.name: one.accuracy._asdict() | _fields(one, _VIEW_FIELDS) for one in evaluation.views},
        "classes": {outcome_name(one.outcome): _fields(one, ClassFigures._fields[1:]) for one in evaluation.classes},
        "calibration": {
            "error": evaluation.reliability.error,
            "bins": {
                name: getattr(evaluation.reliability, name).tolist()
                for name in ("edges", "counts", "confidence", "accuracy")
            },
        },
        "risk_coverage": {name: _curve(curve) for name, curve in evaluation.risk.items()},
        "confusion": {
            "numbers": {
                "labels": [outcome_name(place) for place in evaluation.numbers],
                "counts": evaluation.number_confusion.tolist(),
            },
            "tens": {"labels": digit_names(), "counts": evaluation.tens_confusion.tolist()},
            "units": {"labels": digit_names(), "counts": evaluation.units_confusion.tolist()},
        },
    }


def digit_names() -> list[str]:
    """The eleven classes of a digit in words."""
    return [*(str(digit) for digit in range(EMPTY)), "empty"]


def _fields(figures: object, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(figures, name) for name in names}


def _titled(title: str, body: str) -> str:
    return f"## {title}\n\n{body}"


def _columns(columns: Mapping[str, Callable[[T], Cell]], rows: Iterable[T]) -> str:
    return table(list(columns), [[cell(row) for cell in columns.values()] for row in rows])


def _decoders(evaluation: Evaluation) -> str:
    columns: dict[str, Callable[[DecoderFigures], Cell]] = {
        "decoder": lambda one: one.name,
        "number": lambda one: one.number,
        "95 % interval": lambda one: _interval(one.low, one.high),
        "tens": lambda one: one.tens,
        "units": lambda one: one.units,
        "answered": lambda one: one.answered,
        "precision": lambda one: one.precision,
        "false numbers": lambda one: one.false_numbers,
        "confidence": lambda one: one.mean_confidence,
        "ECE": lambda one: one.calibration_error,
        "changed": lambda one: one.changes.changed,
        "mended": lambda one: one.changes.mended,
        "spoilt": lambda one: one.changes.spoilt,
    }
    return _columns(columns, evaluation.decoders)


def _baselines(evaluation: Evaluation) -> str:
    columns: dict[str, Callable[[BaselineFigures], Cell]] = {
        "answer": lambda one: one.name,
        "number": lambda one: one.number,
        "tens": lambda one: one.tens,
        "units": lambda one: one.units,
    }
    return _columns(columns, evaluation.baselines)


def _views(evaluation: Evaluation) -> str:
    columns: dict[str, Callable[[ViewFigures], Cell]] = {
        "read from": lambda one: one.name,
        "number": lambda one: one.accuracy.number,
        "tens": lambda one: one.accuracy.tens,
        "units": lambda one: one.accuracy.units,
        "confidence": lambda one: one.mean_confidence,
        "variance": lambda one: one.variance,
        "right only here": lambda one: one.only_here,
        "right only in window": lambda one: one.only_window,
    }
    return _columns(columns, evaluation.views)


def _selective(evaluation: Evaluation) -> str:
    columns: dict[str, Callable[[tuple[str, RiskCoverage]], Cell]] = {
        "decoder": lambda one: one[0],
        "area under risk–coverage": lambda one: one[1].area,
    }
    for risk in _RISKS:
        columns[f"coverage at {risk:.0%} errors"] = partial(_coverage, risk)
    return _columns(columns, evaluation.risk.items())


def _classes(evaluation: Evaluation) -> str:
    columns: dict[str, Callable[[ClassFigures], Cell]] = {
        "number": lambda one: outcome_name(one.outcome),
        "windows": lambda one: one.windows,
        "right": lambda one: one.right,
        "accuracy": lambda one: one.accuracy,
        "95 % interval": lambda one: _interval(one.low, one.high),
        "confidence": lambda one: one.mean_confidence,
    }
    return _columns(columns, evaluation.classes)


def _coverage(risk: float, row: tuple[str, RiskCoverage]) -> Cell:
    return coverage_at_risk(row[1], risk)


def _interval(low: float, high: float) -> str:
    return f"{low:.3f}–{high:.3f}"


def _confused(evaluation: Evaluation) -> str:
    counts: NDArray[np.int64] = evaluation.number_confusion.copy()
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[:_WORST]
    names = [outcome_name(place) for place in evaluation.numbers]
    pairs = [divmod(int(place), len(names)) for place in order if counts.flat[place] > 0]
    rows: list[list[Cell]] = [[names[truth], names[read], int(counts[truth, read])] for truth, read in pairs]
    return table(["truth", "read as", "windows"], rows) if rows else ""


def _curve(curve: RiskCoverage) -> Mapping[str, Any]:
    """A curve with at most some hundred points, its ends included."""
    count = len(curve.coverage)
    places = np.unique(np.linspace(0, count - 1, min(count, _CURVE_POINTS)).round().astype(int))
    columns = {name: getattr(curve, name)[places].tolist() for name in ("coverage", "risk", "threshold")}
    return {"area": curve.area, **columns, "coverage_at_risk": {f"{r:g}": coverage_at_risk(curve, r) for r in _RISKS}}
