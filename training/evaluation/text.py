"""Markdown tables that also read well on a terminal."""

from collections.abc import Sequence
from typing import Final

Cell = str | int | float | None

_MISSING: Final = "–"


def table(header: Sequence[str], rows: Sequence[Sequence[Cell]], digits: int = 3) -> str:
    """A Markdown table with aligned columns: text left, numbers right.

    >>> print(table(["decoder", "right"], [["plain", 0.5], ["joint", None]]))
    | decoder | right |
    | :------ | ----: |
    | plain   | 0.500 |
    | joint   |     – |

    Args:
        header: Names of the columns.
        rows: Cells; None shows as a dash, a float with `digits` decimals, a whole number with its thousands apart.
        digits: Decimals of floats.
    """
    texts = [[_shown(cell, digits) for cell in row] for row in rows]
    is_text = [any(isinstance(row[place], str) for row in rows) for place in range(len(header))]
    widths = [max(len(line[place]) for line in [list(header), *texts]) for place in range(len(header))]
    rule = [
        ":" + "-" * (width - 1) if left else "-" * (width - 1) + ":"
        for width, left in zip(widths, is_text, strict=True)
    ]
    lines = [list(header), rule, *texts]
    return "\n".join("| " + " | ".join(map(_padded, line, widths, is_text)) + " |" for line in lines)


def _shown(cell: Cell, digits: int) -> str:
    if cell is None:
        return _MISSING
    if isinstance(cell, str):
        return cell
    return f"{cell:,}" if isinstance(cell, int) else f"{cell:.{digits}f}"


def _padded(cell: str, width: int, left: bool) -> str:
    return cell.ljust(width) if left else cell.rjust(width)
