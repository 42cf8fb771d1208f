"""Shared preprocessing: integers that regions sum, and the encoder that follows from the sums.

Each region turns its rows into one int64 vector a stage; the sums over all regions give the same
``GlobalStats`` everywhere, and ``Encoder`` is a pure function of schema and stats. Width depends on
the schema alone: sums change values, never shapes. Without sum rounds the public ranges of the
manifest scale instead, and nothing about the data is opened.

| stage | per column | gives |
|---|---|---|
| count | patients, rows; present and clipped of each feature; rows of each class | shares, class weights |
| moment | sum of q and of q^2, q = round(2^20 (x - c) / h), of each numeric feature | mean, variance |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.learning.data.manifest import NUMERIC, Column, Schema
from node.learning.data.table import Rows, out_of_range
from node.learning.errors import ConfigError
from node.learning.task import Encoded

STAGES = ("count", "moment")
SCALE = 2**20
MAX_ROWS = 2**23  # |q| <= 2^20, so the sum of squares stays below 2^63
MAX_CLASS_WEIGHT = 20.0

Columns = tuple[tuple[str, int], ...]


def centre_and_half(column: Column) -> tuple[float, float]:
    """Return c and h, centre and half-width of a numeric column's public range."""
    low, high = column.range or (0.0, 1.0)  # a boolean
    return (low + high) / 2, (high - low) / 2


def columns_of(schema: Schema, stage: str) -> Columns:
    """Return (name, width) of a stage's vector, in the manifest's order."""
    if stage == "count":
        label = schema.label
        return (("rows", 2), *((c.name, 2) for c in schema.features), (label.name, len(schema.classes)))
    if stage == "moment":
        return tuple((c.name, 2) for c in schema.features if c.kind in NUMERIC)
    raise ConfigError(f"sum stage {stage!r}", f"one of {', '.join(STAGES)}", "Correct `sums` in the plan.")


def measure(schema: Schema, rows: Rows, stage: str) -> NDArray[np.int64]:
    """Return a region's integers for a stage, in the order of ``columns_of``."""
    if len(rows) >= MAX_ROWS:
        raise ConfigError(f"{len(rows)} rows", f"fewer than {MAX_ROWS}", "Draw a sample of the table.")
    out: list[int] = []
    if stage == "count":
        out += [len(set(rows.patients)), len(rows)]
        for column in schema.features:
            values = rows.features[column.name]
            out += [int(np.isfinite(values).sum()), out_of_range(column, values)]
        out += np.bincount(rows.label, minlength=len(schema.classes)).tolist()
    elif stage == "moment":
        for column in schema.features:
            if column.kind in NUMERIC:
                q = fixed(column, rows.features[column.name])
                out += [int(q.sum()), int((q * q).sum())]
    else:
        columns_of(schema, stage)
    return np.array(out, np.int64)


def fixed(column: Column, values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return q = round(2^20 (x - c) / h) of the values that are present, x clipped to the range."""
    c, h = centre_and_half(column)
    present = np.clip(values[np.isfinite(values)], c - h, c + h)
    return np.clip(np.rint(SCALE * ((present - c) / h)), -SCALE, SCALE).astype(np.int64)


@dataclass(frozen=True, slots=True)
class GlobalStats:
    """What the sums say of all regions together.

    Attributes:
        patients, rows: Over all regions.
        classes: Rows of each class.
        present: Values present of each feature.
        mean, std: Of each numeric feature, in its unit; std 0 if it is constant.
    """

    patients: int
    rows: int
    classes: tuple[int, ...]
    present: dict[str, int]
    mean: dict[str, float]
    std: dict[str, float]

    @property
    def constant(self) -> tuple[str, ...]:
        """Features without spread; they encode to 0."""
        return tuple(name for name, std in self.std.items() if std == 0)

    def class_weights(self) -> list[float]:
        """Return n / (K n_k) of each class: 0 without rows, at most 20."""
        total, k = sum(self.classes), len(self.classes)
        return [min(MAX_CLASS_WEIGHT, total / (k * n)) if n else 0.0 for n in self.classes]


def global_stats(schema: Schema, stages: Sequence[str], totals: Sequence[NDArray[np.int64]]) -> GlobalStats | None:
    """Return the statistics of opened totals; None for a study without sum rounds.

    Args:
        stages: The plan's ``sums``.
        totals: One opened vector a stage.

    Raises:
        ConfigError: Stages or lengths do not fit, or a count that no honest sum could give.
    """
    if not stages:
        return None
    if tuple(stages) != STAGES or len(totals) != len(stages):
        raise ConfigError(
            f"sums {list(stages)} with {len(totals)} totals", f"{list(STAGES)}", "Correct `sums` in the plan."
        )
    parts = [_split(schema, stage, total) for stage, total in zip(stages, totals, strict=True)]
    count, moment = parts
    patients, rows = count["rows"]
    if not 0 <= rows < MAX_ROWS:
        raise ConfigError(f"{rows} rows in all regions", f"0 to {MAX_ROWS - 1}", "Draw a sample of the tables.")
    present = {column.name: count[column.name][0] for column in schema.features}
    classes = tuple(count[schema.label.name])
    if sum(classes) != rows or not all(0 <= n <= rows for n in (patients, *present.values(), *classes)):
        raise ConfigError(
            "counts that do not fit each other", f"each from 0 to {rows}", "Ask the regions: one added false numbers."
        )
    mean, std = {}, {}
    for column in schema.features:
        if column.kind in NUMERIC:
            mean[column.name], std[column.name] = _moments(column, present[column.name], *moment[column.name])
    return GlobalStats(patients, rows, classes, present, mean, std)


def _split(schema: Schema, stage: str, total: NDArray[np.int64]) -> dict[str, list[int]]:
    columns = columns_of(schema, stage)
    if total.shape != (sum(width for _, width in columns),):
        raise ConfigError(f"stage {stage} opened {total.size} integers", "as many as the schema has", "Use one schema.")
    out, at, values = {}, 0, total.tolist()
    for name, width in columns:
        out[name] = values[at : at + width]
        at += width
    return out


def _moments(column: Column, n: int, s1: int, s2: int) -> tuple[float, float]:
    """Return mean and standard deviation (n - 1) from the exact integers."""
    c, h = centre_and_half(column)
    if n < 1:
        return c, 0.0
    mean = c + h * (s1 / (SCALE * n))
    spread = n * s2 - s1 * s1  # in Python's integers: exact
    if n < 2 or spread <= 0:
        return mean, 0.0
    return mean, h * (spread / (SCALE * SCALE * n * (n - 1))) ** 0.5


@dataclass(frozen=True, slots=True)
class Encoder:
    """Turns typed rows into what a model sees; plain numbers, so that it travels in a JSON file.

    Attributes:
        centre, scale: Of each numeric feature: encoded (x - centre) * scale, x clipped to its range.
    """

    schema: Schema
    centre: dict[str, float]
    scale: dict[str, float]

    @property
    def names(self) -> tuple[str, ...]:
        """One name for each input of the model."""
        out: list[str] = []
        for column in self.schema.features:
            if column.kind in NUMERIC:
                out.append(column.name)
            else:
                out += [f"{column.name}={category}" for category in (*column.categories, "__other__")]
            if column.missing:
                out.append(f"{column.name}?")
        return tuple(out)

    def encode(self, rows: Rows) -> Encoded:
        """Return x float32 (n, width) and y int64 (n,)."""
        x = np.zeros((len(rows), len(self.names)), np.float64)
        at = 0
        for column in self.schema.features:
            values = rows.features[column.name]
            present = np.isfinite(values)
            if column.kind in NUMERIC:
                c, h = centre_and_half(column)
                z = (np.clip(values, c - h, c + h) - self.centre[column.name]) * self.scale[column.name]
                x[:, at] = np.where(present, z, 0.0)
                at += 1
            else:
                width = len(column.categories) + 1
                x[np.flatnonzero(present), at + values[present].astype(np.int64)] = 1.0
                at += width
            if column.missing:
                x[:, at] = ~present
                at += 1
        return Encoded(x.astype(np.float32), rows.label)

    def value(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"centre": self.centre, "scale": self.scale}


def width_of(schema: Schema) -> int:
    """Return how many inputs a model has; a function of the schema alone."""
    return len(Encoder(schema, {}, {}).names)


def encoder(schema: Schema, stats: GlobalStats | None) -> Encoder:
    """Return the encoder: standardised by ``stats``, or by the public ranges where there are none."""
    numeric = [column for column in schema.features if column.kind in NUMERIC]
    if stats is None:
        parts = {column.name: centre_and_half(column) for column in numeric}
        return Encoder(schema, {n: c for n, (c, _) in parts.items()}, {n: 1 / h for n, (_, h) in parts.items()})
    scale = {name: 1 / std if std > 0 else 0.0 for name, std in stats.std.items()}
    return Encoder(schema, dict(stats.mean), scale)
