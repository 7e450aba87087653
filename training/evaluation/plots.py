"""Pictures of an evaluation as PNG bytes; drawn off screen, with no state shared between two of them."""

import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from recognizer.errors import InputError
from training.evaluation.metrics import Reliability, RiskCoverage

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GOOD: Final = 0.8
"""Accuracy from which a class's bar is green."""
FAIR: Final = 0.6
"""Accuracy from which it is orange; below it is red."""

GREEN, ORANGE, RED = "#2a9d6f", "#ef9a3d", "#d64550"
_INK, _FAINT, _GRID, _BLUE = "#24292f", "#6e7781", "#e4e7eb", "#2f6fb5"
_LINES: Final = (("#c3cad2", 5.0), (ORANGE, 2.6), (_BLUE, 1.4), (GREEN, 1.0))
"""Colour and width of each curve: where they run together, the ones drawn first still show."""
_DPI: Final = 140
_BARS_PER_ROW: Final = 34
_STUB: Final = 0.008
"""Least height of a bar, so that a class without a right window is seen."""
_UPRIGHT: Final = 13
"""Classes of a confusion matrix up to which the names below it stand upright."""
_FEW: Final = 24
"""Classes up to which its cells are large."""
_MANY: Final = 64
"""Classes up to which its cells hold their counts."""


class PlotError(InputError):
    """The drawing library is missing."""


def require_matplotlib() -> None:
    """Say before the work begins that pictures cannot be drawn.

    Raises:
        PlotError: matplotlib is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise PlotError(
            "Pictures need matplotlib, which is not installed: pip install matplotlib, or give --no-plots."
        ) from error


def bar_colour(accuracy: float) -> str:
    """Green from 80 %, orange from 60 %, red below.

    >>> [bar_colour(share) == colour for share, colour in ((0.8, GREEN), (0.6, ORANGE), (0.59, RED))]
    [True, True, True]
    """
    return GREEN if accuracy >= GOOD else ORANGE if accuracy >= FAIR else RED


def class_bars(
    names: Sequence[str],
    accuracies: Sequence[float],
    intervals: Sequence[tuple[float, float]],
    windows: Sequence[int],
    overall: float,
) -> bytes:
    """Accuracy of each class as a bar, with its interval, its number of windows and the overall accuracy.

    Args:
        names: Of the classes, at least one.
        accuracies: 0 to 1 each.
        intervals: Low and high end each, 0 to 1.
        windows: How many each class has.
        overall: Accuracy over all windows, 0 to 1: a dashed line.
    """
    rows = math.ceil(len(names) / _BARS_PER_ROW)
    per_row = math.ceil(len(names) / rows)
    figure = _figure(max(6.4, 1.6 + 0.34 * per_row), 0.9 + 2.7 * rows)
    grid = figure.subplots(rows, 1, squeeze=False)[:, 0]
    for row, axes in enumerate(grid):
        part = slice(row * per_row, (row + 1) * per_row)
        _bar_row(axes, names[part], accuracies[part], intervals[part], windows[part], overall)
        axes.set_xlim(-0.7, per_row - 0.3)
    _title(grid[0], "Accuracy by number", f"overall {overall:.1%}, {sum(windows):,} windows; lines: 95 % interval")
    grid[-1].set_xlabel("number, and below it how many windows it has", color=_FAINT, labelpad=16)
    return _png(figure)


def confusion_matrix(
    counts: NDArray[np.int64], names: Sequence[str], title: str, rows: Sequence[int] | None = None
) -> bytes:
    """A confusion matrix, coloured by the share of each row: right answers blue, wrong ones red.

    Args:
        counts: int64 (C, C), truth in rows.
        names: C of them.
        title: What the classes are.
        rows: The rows shown, in this order; all by default.
    """
    shown = list(range(len(names)) if rows is None else rows)
    cell = 0.44 if len(names) <= _FEW else 0.27 if len(names) <= _MANY else 0.15
    small = 9.0 if len(names) <= _FEW else 7.5 if len(names) <= _MANY else 5.5
    figure = _figure(max(5.0, 1.1 + cell * len(names)), max(3.2, 1.5 + cell * len(shown)))
    axes = figure.subplots()
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    axes.imshow(_tinted(share)[shown], interpolation="nearest")
    axes.set_xticks(range(len(names)), names, rotation=0 if len(names) <= _UPRIGHT else 90, fontsize=small)
    axes.set_yticks(range(len(shown)), [names[row] for row in shown], fontsize=small)
    axes.set_xticks(np.arange(len(names) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(shown) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=_GRID, linewidth=0.6)
    axes.tick_params(which="both", length=0)
    axes.set_xlabel("read as", color=_FAINT)
    axes.set_ylabel("truth", color=_FAINT)
    if len(names) <= _MANY:
        _write_counts(axes, counts[shown], share[shown], small)
    right = int(np.trace(counts)) / max(1, int(counts.sum()))
    _title(axes, title, f"{right:.1%} of {int(counts.sum()):,} right; colour: share of the row")
    return _png(figure)


def reliability_diagram(found: Reliability) -> bytes:
    """What predictions claim against what they keep, and how many claim it."""
    figure = _figure(5.4, 5.9)
    axes, below = figure.subplots(2, 1, height_ratios=(4, 1), sharex=True)
    width = float(found.edges[1] - found.edges[0])
    centres = found.edges[:-1] + width / 2
    filled = found.counts > 0
    at, kept, claimed = centres[filled], found.accuracy[filled], found.confidence[filled]
    axes.plot([0, 1], [0, 1], color=_FAINT, linestyle=(0, (4, 3)), linewidth=1.1, label="honest", zorder=3)
    bar = {"width": width * 0.92, "zorder": 2}
    axes.bar(at, np.minimum(kept, claimed), color=_BLUE, label="right, as claimed", **bar)
    axes.bar(at, np.maximum(kept - claimed, 0), bottom=claimed, color=GREEN, label="right beyond the claim", **bar)
    axes.bar(at, np.maximum(claimed - kept, 0), bottom=kept, color=RED, alpha=0.35, label="claimed, not right", **bar)
    axes.set_ylim(0, 1.02)
    axes.set_ylabel("share that is right", color=_FAINT)
    axes.legend(frameon=False, loc="upper left", fontsize=9)
    _percent(axes.yaxis)
    below.bar(centres, found.counts, width=width * 0.92, color=_FAINT, alpha=0.7)
    below.set_ylabel("windows", color=_FAINT)
    below.set_xlabel("confidence", color=_FAINT)
    below.set_xlim(0, 1)
    _percent(below.xaxis)
    _title(axes, "Reliability", f"expected calibration error {found.error:.3f}, {int(found.counts.sum()):,} windows")
    return _png(figure)


def risk_coverage_plot(curves: Mapping[str, RiskCoverage]) -> bytes:
    """How many errors stand among the answers when only the surest are given, for each decoder.

    Args:
        curves: By decoder, at most four.
    """
    figure = _figure(6.4, 4.6)
    axes = figure.subplots()
    for (name, curve), (colour, width) in zip(curves.items(), _LINES, strict=False):
        label = f"{name} (area {curve.area:.3f})"
        axes.plot(curve.coverage, curve.risk, color=colour, linewidth=width, label=label)
        axes.plot(curve.coverage[-1], curve.risk[-1], "o", color=colour, markersize=width + 2.5)
    axes.set_xlim(0, 1.01)
    axes.set_ylim(0, max(0.02, 1.08 * max(float(curve.risk.max()) for curve in curves.values())))
    axes.set_xlabel("coverage: share of windows answered, surest first", color=_FAINT)
    axes.set_ylabel("risk: share of answers that is wrong", color=_FAINT)
    axes.legend(frameon=False, loc="upper left", fontsize=9)
    _percent(axes.xaxis)
    _percent(axes.yaxis)
    _title(axes, "Risk against coverage", "lower is better; the dot answers everything")
    return _png(figure)


def _bar_row(
    axes: "Axes",
    names: Sequence[str],
    accuracies: Sequence[float],
    intervals: Sequence[tuple[float, float]],
    windows: Sequence[int],
    overall: float,
) -> None:
    places = np.arange(len(names))
    heights = np.maximum(accuracies, _STUB)
    axes.bar(places, heights, width=0.72, color=[bar_colour(share) for share in accuracies], zorder=2)
    low, high = np.array(intervals).T
    axes.vlines(places, low, high, color=_INK, alpha=0.5, linewidth=1.2, zorder=3)
    axes.axhline(overall, color=_INK, linestyle=(0, (5, 3)), linewidth=1.2, zorder=4)
    axes.set_xticks(places, names, fontsize=10)
    axes.tick_params(axis="x", length=0)
    for place, count in zip(places, windows, strict=True):
        axes.annotate(f"{count:,}", (place, 0), (0, -25), "data", textcoords="offset points", ha="center",
                      color=_FAINT, fontsize=7.5)  # fmt: skip
    axes.set_ylim(0, 1.03)
    _percent(axes.yaxis)


def _write_counts(axes: "Axes", counts: NDArray[np.int64], share: NDArray[np.float64], size: float) -> None:
    for row, column in zip(*np.nonzero(counts), strict=True):
        ink = "white" if share[row, column] > 0.4 else _INK
        text = f"{counts[row, column]:,}"
        axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=size - max(0, len(text) - 3) * 1.2)


def _tinted(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """(C, C, 3) colours: white at 0; to blue on the diagonal, to red beside it."""
    strength = np.sqrt(share)[..., None]
    blue, red = (np.array([int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)]) for c in (_BLUE, RED))
    ink = np.where(np.eye(len(share), dtype=bool)[..., None], blue, red)
    return np.asarray(1.0 - strength * (1.0 - ink))


def _figure(width: float, height: float) -> "Figure":
    require_matplotlib()
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=_DPI, layout="constrained", facecolor="white")


def _percent(axis: Any) -> None:  # noqa: ANN401 - an x or y axis
    from matplotlib.ticker import PercentFormatter

    low, high = axis.get_view_interval()
    axis.set_major_formatter(PercentFormatter(1.0, decimals=0 if high - low > 0.1 else 1))


def _title(axes: "Axes", title: str, note: str) -> None:
    """A bold title and a faint line under it, flush with the axes."""
    _above(axes, title, 24, color=_INK, fontsize=13, fontweight="bold")
    _above(axes, note, 8, color=_FAINT, fontsize=9.5)


def _above(axes: "Axes", text: str, points: int, **style: Any) -> None:  # noqa: ANN401 - text properties
    axes.annotate(text, (0, 1), (0, points), "axes fraction", textcoords="offset points", **style)


def _png(figure: "Figure") -> bytes:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(_GRID)
        axes.tick_params(colors=_INK)
        if not axes.images:
            axes.grid(axis="y", color=_GRID, linewidth=0.8, zorder=0)
            axes.set_axisbelow(True)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
