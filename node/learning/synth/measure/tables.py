"""Rows as the measures see them: columns of numbers and of levels, and whose rows they are.

Levels and scales come from the real rows R and are used for all; nothing about R is taken from S. A boolean
is a column of two levels; what is learned is a column like the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from node.learning.data.rows import Rows
from node.learning.data.schema import Column, Schema, Target

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]

BINS = 10  # of equal width over R's values
MOST_ROWS = 5_000  # of each side; more are drawn by the seed
HALF = 2.0**-0.5  # by it one-hot places are scaled, so that two levels are 1 apart
FEWEST = 10  # patients in a group that is shown


@dataclass(frozen=True, slots=True)
class Field:
    """One column.

    Attributes:
        levels: Names of the levels, the last of a listed category ``__other__``; empty for a number.
        label: Whether it is learned.
        quasi: Whether it is a quasi-identifier; ``band`` is then the width of its classes.
        whole: A number that is a whole one.
    """

    name: str
    levels: tuple[str, ...] = ()
    label: bool = False
    quasi: bool = False
    band: float | None = None
    whole: bool = False
    unit: str = ""

    @property
    def is_number(self) -> bool:
        """Whether its values have an order and a distance."""
        return not self.levels


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one side: R, H or S.

    Attributes:
        values: float64 (n,) by column: the number or the place of the level; NaN is missing.
        patients: int64 (n,), the number of each row's patient, from 0.
    """

    fields: tuple[Field, ...]
    values: Mapping[str, Doubles]
    patients: Integers

    def __len__(self) -> int:
        return len(self.patients)

    def take(self, places: Integers) -> Table:
        """Return these rows, in this order."""
        patients = np.unique(self.patients[places], return_inverse=True)[1].astype(np.int64)
        return Table(self.fields, {name: values[places] for name, values in self.values.items()}, patients)

    def drawn(self, most: int, seed: int) -> Table:
        """Return at most so many rows, drawn by the seed without repeats."""
        if len(self) <= most:
            return self
        return self.take(np.sort(np.random.default_rng(seed).permutation(len(self))[:most]))

    def codes(self, field: Field, edges: Mapping[str, Doubles]) -> tuple[Integers, int]:
        """Return the place of each row's value among levels or R's bins, missing last, and the number of places."""
        values = self.values[field.name]
        gone = np.isnan(values)
        if field.is_number:
            places = np.searchsorted(edges[field.name], np.where(gone, 0, values), side="right")
            width = len(edges[field.name]) + 1
        else:
            places, width = np.where(gone, 0, values).astype(np.int64), len(field.levels)
        return np.where(gone, width, places).astype(np.int64), width + 1

    def label(self) -> tuple[Integers, int] | None:
        """Return class numbers of the one label that is a class (-1 is missing) and how many classes; None without."""
        labels = [field for field in self.fields if field.label]
        if len(labels) != 1 or labels[0].is_number:
            return None
        values = self.values[labels[0].name]
        return np.where(np.isnan(values), -1, np.nan_to_num(values)).astype(np.int64), len(labels[0].levels)


def fields_of(schema: Schema) -> tuple[Field, ...]:
    """Return the columns of a schema that are measured: inputs, then what is learned."""
    return tuple(_field(column) for column in (*schema.features, *schema.labels))


def _field(column: Column) -> Field:
    label, quasi = column.role == "label", column.role == "quasi_identifier"
    if column.kind == "boolean":
        return Field(column.name, ("0", "1"), label, quasi)
    if column.kind == "category":
        levels = column.categories if label else (*column.categories, "__other__")
        return Field(column.name, levels, label, quasi)
    whole = column.kind in ("integer", "date") or column.decimals == 0
    return Field(column.name, (), label, quasi, column.band, whole, column.unit)


def table_of(rows: Rows, schema: Schema) -> Table:
    """Return typed rows as a table."""
    values = {column.name: rows.features[column.name].astype(np.float64) for column in schema.features}
    if schema.target in (Target.CLASSES, Target.SURVIVAL):
        values[schema.label.name] = np.where(rows.label < 0, np.nan, rows.label).astype(np.float64)
    if rows.target is not None:
        names = [c.name for c in schema.labels if schema.target is not Target.SURVIVAL or c.kind == "time_to_event"]
        values |= {name: rows.target[:, i].astype(np.float64) for i, name in enumerate(names)}
    patients = np.unique(np.asarray(rows.patients, dtype=object).astype(str), return_inverse=True)[1]
    return Table(fields_of(schema), values, patients.astype(np.int64).reshape(-1))


def edges_of(real: Table) -> dict[str, Doubles]:
    """Return the 9 inner edges of 10 equal bins over R's values of each number; none where R has one value only."""
    out = {}
    for field in real.fields:
        if field.is_number:
            present = real.values[field.name][np.isfinite(real.values[field.name])]
            low, high = (present.min(), present.max()) if len(present) else (0.0, 0.0)
            out[field.name] = np.linspace(low, high, BINS + 1)[1:-1] if low < high else np.empty(0)
    return out


@dataclass(frozen=True, slots=True)
class Space:
    """Places rows where their Euclidean distance means something, by R's means and spreads.

    Numbers are standardised, a missing one is the mean with an indicator; levels are one-hot times 2^-½, missing a
    level of its own, so that two levels are 1 apart.

    Attributes:
        names: Columns that count, in order.
    """

    fields: tuple[Field, ...]
    means: Mapping[str, float]
    spreads: Mapping[str, float]

    @classmethod
    def of(cls, real: Table, leave_out: Sequence[str] = ()) -> Space:
        """Return the space of R's scales, without some columns."""
        means, spreads = {}, {}
        for field in real.fields:
            if field.is_number:
                present = real.values[field.name][np.isfinite(real.values[field.name])]
                means[field.name] = float(present.mean()) if len(present) else 0.0
                spreads[field.name] = float(present.std()) if len(present) else 0.0
        return cls(tuple(field for field in real.fields if field.name not in leave_out), means, spreads)

    def place(self, table: Table) -> Doubles:
        """Return each row's place, float64 (n, width)."""
        parts = [np.zeros((len(table), 0))]
        for field in self.fields:
            values = table.values[field.name]
            gone = np.isnan(values)
            if field.is_number:
                spread = self.spreads[field.name] or 1.0
                parts.append(
                    (np.where(gone, self.means[field.name], values) - self.means[field.name])[:, None] / spread
                )
                parts.append(gone[:, None].astype(np.float64))
            else:
                codes, width = table.codes(field, {})
                hot = np.zeros((len(table), width))
                hot[np.arange(len(table)), codes] = HALF
                parts.append(hot)
        return np.concatenate(parts, axis=1)


def is_continuous(real: Table) -> bool:
    """Whether some number of R takes more than 20 values: then no two patients are expected to be alike in all."""
    for field in real.fields:
        if field.is_number:
            present = real.values[field.name][np.isfinite(real.values[field.name])]
            if len(np.unique(present)) > 2 * BINS:
                return True
    return False
