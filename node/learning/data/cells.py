"""Cells of text become numbers: one ``ColumnReader`` for each column that a task sees.

Strict: a cell is of its column's kind, or one of its codes for missing. What does not fit is counted,
with the first line, and becomes missing; the gate says it and a study does not start on it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from node.learning.data.findings import BLOCK, WARN, Finding
from node.learning.data.schema import NUMERIC, Column

BOOLEAN = {"0": 0.0, "1": 1.0, "false": 0.0, "true": 1.0, "no": 0.0, "yes": 1.0, "0.0": 0.0, "1.0": 1.0}
NO_LABEL = ("", "nan", "na", "null", "none")
OLDEST = 90.0  # HIPAA Safe Harbor: ages over 89 are one group
NOBODY = 125.0  # nobody is older: a code for missing, or another column's value
_AGE = re.compile(r"^(age|ålder|alder)(_|$|\W|at)|_(age|ålder|alder)$", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"^-?\d+,\d+$")
_MEMO = 200_000
MOST = 0.5  # of a column's cells: so many of another kind are another column's

# Marks in the array of a column that is being read; a cell is never an infinite number.
_WRONG, _EMPTY = math.inf, -math.inf


def is_age(column: Column) -> bool:
    """Whether a column's numbers are ages in years, of which those over 89 become 90."""
    return column.kind in ("number", "integer") and bool(_AGE.search(column.name)) and column.unit not in ("d", "days")


def number(cell: str) -> float:
    """Return the finite number that a cell holds; NaN if it holds none."""
    try:
        value = float(cell)
    except ValueError:
        return math.nan
    # Python reads 1_000 as a number; no hospital means it.
    return value if math.isfinite(value) and "_" not in cell else math.nan


def day(cell: str) -> float:
    """Return the days since 1970 of an ISO date, with or without time; NaN if it is none."""
    try:
        moment = datetime.fromisoformat(cell)
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return math.nan
    return (moment - datetime(1970, 1, 1)).total_seconds() / 86400


class _Memo(dict[str, float]):
    """What each text means; computed once."""

    def __init__(self, column: Column, decimal: str) -> None:
        super().__init__()
        self._column, self._decimal = column, decimal
        self._missing = set(column.missing)
        self._place = {category: float(i) for i, category in enumerate(column.categories)}
        self.commas = 0

    def __missing__(self, text: str) -> float:
        value = self._meaning(text.strip())
        if len(self) < _MEMO:
            self[text] = value
        return value

    def _meaning(self, cell: str) -> float:
        column = self._column
        if column.role == "label" and (cell in self._missing or cell.lower() in NO_LABEL):
            return _EMPTY
        if cell in self._missing:
            return math.nan
        if cell == "":
            return _EMPTY
        if column.kind == "category":
            return self._category(cell)
        if column.kind == "boolean":
            value = BOOLEAN.get(cell.lower(), math.nan)
        elif column.kind == "date":
            value = day(cell)
        else:
            value = number(cell.replace(",", ".") if self._decimal == "," else cell)
            if math.isnan(value) and self._decimal == "." and _DECIMAL_COMMA.match(cell):
                self.commas += 1
            if column.kind == "integer" and not value.is_integer():
                value = math.nan
        return _WRONG if math.isnan(value) else value

    def _category(self, cell: str) -> float:
        if cell not in self._place and cell.endswith(".0"):
            cell = cell[:-2]  # 1.0 where the list says 1
        if self._column.role == "label":
            return self._place.get(cell, _WRONG)
        return self._place.get(cell, float(len(self._place)))


class ColumnReader:
    """Reads one column, chunk by chunk.

    Args:
        decimal: ``,`` where numbers are written 12,5.
        since: For a date that counts days: the column from which.
        keep: Also keep the values as they were before the range was applied, for the gate.
    """

    def __init__(self, column: Column, decimal: str = ".", since: Column | None = None, *, keep: bool = False) -> None:
        self.column, self.outside, self.old = column, 0, 0
        self._kept: list[NDArray[np.float64]] | None = [] if keep else None
        self._memo = _Memo(column, decimal)
        self._since = _Memo(since.model_copy(update={"kind": "date"}), decimal) if since is not None else None
        self._parts: list[NDArray[np.float64]] = []
        self._wrong = self._empty = self._rows = 0
        self._first: dict[str, int] = {}

    def take(self, cells: Sequence[str], first: int, since: Sequence[str] | None = None) -> NDArray[np.float64]:
        """Read cells; ``first`` is the line of the first. Return their values, NaN where there is none."""
        values = np.fromiter(map(self._memo.__getitem__, cells), np.float64, len(cells))
        if self._since is not None and since is not None:
            start = np.fromiter(map(self._since.__getitem__, since), np.float64, len(since))
            known = np.isfinite(values)
            values[known] -= np.where(np.isfinite(start), start, np.nan)[known]
        for name, mark in (("wrong", _WRONG), ("empty", _EMPTY)):
            at = np.flatnonzero(values == mark)
            if len(at):
                self._first.setdefault(name, first + int(at[0]))
                if name == "wrong":
                    self._wrong += len(at)
                else:
                    self._empty += len(at)
        values[~np.isfinite(values)] = np.nan
        self._rows += len(values)
        if is_age(self.column):
            old = (values > OLDEST - 1) & (values < NOBODY)  # beyond it: out of range, as it is
            self.old += int(old.sum())
            values[old] = OLDEST
        if self._kept is not None:
            self._kept.append(values.copy())
        self._bound(values)
        self._parts.append(values)
        return values

    def _bound(self, values: NDArray[np.float64]) -> None:
        """Make values outside the range missing, in place."""
        if self.column.kind in (*NUMERIC, "time_to_event") and self.column.range is not None:
            low, high = self.column.range
            outside = (values < low) | (values > high)
            self.outside += int(outside.sum())
            if self.column.role == "label":
                np.clip(values, low, high, out=values)  # a row without a label could not be trained on
            else:
                values[outside] = np.nan

    def values(self) -> NDArray[np.float64]:
        """Return everything read, float64 (n,)."""
        return np.concatenate(self._parts) if self._parts else np.empty(0)

    def raw(self) -> NDArray[np.float64]:
        """Return everything read before the range was applied, float64 (n,); only with ``keep``."""
        return np.concatenate(self._kept) if self._kept else np.empty(0)

    def structural(self) -> list[Finding]:
        """Return why the column is not what the manifest says; with any of it a study does not start."""
        column, found = self.column, []
        if column.role == "label" and column.kind in ("category", "boolean"):
            return self._label()
        if self._wrong:
            words = f"{self._wrong} cells are no {column.kind} (first in line {self._first['wrong']})"
            fix = "Correct them, or list the code for missing in the manifest's `missing`."
            if self._wrong > MOST * self._rows:
                fix = "Check that the header's names stand over their own columns, and the kind in the manifest. " + fix
            if self._memo.commas:
                words += ", and look like numbers with a decimal comma"
                fix = 'Set decimal = "," in [[file]].'
            found.append(Finding("type", column.name, words, BLOCK, f"{column.kind}s", fix, self._wrong, self._rows))
        if self._empty and (not column.missing or column.role == "label"):
            words = f"{self._empty} cells are empty (first in line {self._first['empty']})"
            fix = 'Add missing = [""] to that column in every region\'s manifest.'
            one = Finding("type", column.name, words, BLOCK, "a value in every row", fix, self._empty, self._rows)
            found.append(self._no_label() if column.role == "label" else one)
        return found

    def _no_label(self) -> Finding:
        words = f"the label is missing in {self._empty} rows (first in line {self._first['empty']})"
        fix = "Remove those rows from the extract."
        if self._empty == self._rows:
            words = f"the label is missing in all {self._rows} rows"
            fix = "Make an extract with the label; a region without any takes no part in this study."
        return Finding("label", self.column.name, words, BLOCK, "a label in every row", fix, self._empty, self._rows)

    def _label(self) -> list[Finding]:
        name, found = self.column.name, []
        if self._empty:
            found.append(self._no_label())
        if self._wrong:
            words = (
                f"the label has a class that the manifest does not list in {self._wrong} rows"
                f" (first in line {self._first['wrong']})"
            )
            expected = f"one of {max(2, len(self.column.categories))} classes"
            fix = "Correct the rows, or list the class in every region's manifest."
            found.append(Finding("label", name, words, BLOCK, expected, fix, self._wrong, self._rows))
        return found

    def ages(self) -> list[Finding]:
        """Return how many ages over 89 were made one group."""
        if not self.old:
            return []
        words = f"{self.old} of {self._rows} ages are over 89 and become 90, one group"
        return [Finding("age", self.column.name, words, WARN, count=self.old, of=self._rows)]
