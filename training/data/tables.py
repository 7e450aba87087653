"""CSV tables that people give, read with errors that name the file, the line and what is allowed."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from recognizer.errors import InputError, reason_of
from recognizer.labels import NUMBERS

CORNERS: Final = ("x1", "y1", "x2", "y2")
"""Columns of a box: its left, top, right and bottom edge."""


class TableError(InputError):
    """A table that cannot be read or holds something that cannot be used."""


class Row:
    """One line of a table, which knows where it stands.

    Args:
        path: the table.
        line: its line number, from 1.
        values: text by column.
    """

    def __init__(self, path: Path, line: int, values: Mapping[str, str | None]) -> None:
        self._where = f"{path}, line {line}"
        self._values = values

    def text(self, column: str) -> str:
        """The text in a column without blanks around it; '' where there is none."""
        return (self._values.get(column) or "").strip()

    def whole(self, column: str) -> int:
        """A whole number from 0.

        Raises:
            TableError: It is none.
        """
        text = self.text(column)
        if not text.isascii() or not text.isdecimal():
            raise self.error(column, "a whole number from 0 is expected")
        return int(text)

    def real(self, column: str) -> float:
        """A finite number.

        Raises:
            TableError: It is none.
        """
        try:
            value = float(self.text(column))
        except ValueError as error:
            raise self.error(column, "a number is expected") from error
        if not abs(value) <= 1e9:
            raise self.error(column, "a number of at most 1e9 is expected")
        return value

    def number(self, column: str, others: Sequence[str] = ()) -> str:
        """A jersey number, or one of some other texts.

        Raises:
            TableError: It is neither.
        """
        text = self.text(column)
        if text not in NUMBERS and text not in others:
            also = "".join(f", {other or 'blank'}" for other in others)
            raise self.error(column, f"allowed are 0 to 99 without a leading zero, 00{also}")
        return text

    def box(self) -> tuple[float, float, float, float]:
        """A box in pixels, from the columns `CORNERS`.

        Raises:
            TableError: It holds nothing.
        """
        x1, y1, x2, y2 = (self.real(corner) for corner in CORNERS)
        if not (x1 < x2 and y1 < y2):
            raise self.error("x2" if x1 >= x2 else "y2", "more than the other edge of the box is expected")
        return x1, y1, x2, y2

    def error(self, column: str, expected: str) -> TableError:
        """What is wrong with the value in a column."""
        return TableError(f"{self._where}: {column} is {self.text(column)!r}, {expected}.")


def read_table(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    """Lines of a CSV table with a header, one at a time.

    Args:
        path: the file, UTF-8 with or without a byte-order mark.
        columns: those it must have; others are allowed.

    Raises:
        TableError: It is missing, no text, or lacks a column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, strict=True)
            missing = [column for column in columns if column not in (table.fieldnames or ())]
            if missing and any(";" in name for name in table.fieldnames or ()):
                raise TableError(f"{path} is separated by ';'; commas are expected between its columns.")
            if missing:
                raise TableError(f"{path} lacks the column {missing[0]!r}; it needs {', '.join(columns)}.")
            for values in table:
                if any(values.get(None) or ()):  # where DictReader puts what is left over
                    raise TableError(f"{path}, line {table.line_num} has more values than the header has columns.")
                yield Row(path, table.line_num, values)
    except FileNotFoundError as error:
        raise TableError(f"{path} does not exist.") from error
    except OSError as error:
        raise TableError(f"{path} cannot be read: {reason_of(error)}.") from error
    except UnicodeDecodeError as error:
        raise TableError(f"{path} cannot be read: it is no UTF-8 text.") from error
    except csv.Error as error:
        raise TableError(f"{path} is no valid CSV table: {error}.") from error
