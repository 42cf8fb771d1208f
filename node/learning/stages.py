"""The stages of shared preprocessing: a region's rows as integers that all regions sum.

| stage | per column | gives |
|---|---|---|
| count | patients, rows; present and clipped of each feature; rows of each class | shares, class weights |
| moment | sum of q and of q^2, q = round(2^20 (x - c) / h), of each numeric feature | mean, variance |
| bin | rows in each of 256 equal bins on the range | the .005 and .995 quantile |
| bin2 | rows in each of 256 equal bins between these two | quantile knots |
| category | patients of each category of the manifest's list | which categories are rare |
| score | confusion table, histograms of the first model's predictions on validation rows | its figures |

What the opened totals mean: ``preprocessing``. Under DP every region adds the whole noise to its own
integers, and a patient counts with the first of its rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from node.learning.data.rows import Rows
from node.learning.data.schema import NUMERIC, Column, Schema, Target
from node.learning.errors import ConfigError
from node.learning.hashing import tagged_hash
from node.learning.metrics import BINS as SCORE_BINS

if TYPE_CHECKING:
    from node.learning.preprocessing import GlobalStats

ALL_STAGES = ("count", "moment", "bin", "bin2", "category")  # of preprocessing
SCORE = "score"  # how well the study's first model does on validation rows; last where it is asked for
SCALE = 2**20
BINS = 256
MAX_ROWS = 2**23  # |q| <= 2^20, so the sum of squares stays below 2^63
FEWEST_PATIENTS = 3  # a category with fewer in a region is reported as 0 there

Columns = tuple[tuple[str, int], ...]
Integers = NDArray[np.int64]


def centre_and_half(column: Column) -> tuple[float, float]:
    """Return c and h, centre and half-width of a numeric column's public range."""
    low, high = column.range or (0.0, 1.0)  # a boolean
    return (low + high) / 2, (high - low) / 2


def check_stages(stages: Sequence[str]) -> tuple[str, ...]:
    """Return stages that can follow each other.

    Raises:
        ConfigError: One is unknown, they stand in another order, or ``bin2`` lacks ``bin``.
    """
    order = [stage for stage in (*ALL_STAGES, SCORE) if stage in stages]
    if list(stages) != order or (order and order[0] != "count") or ("bin2" in order and "bin" not in order):
        raise ConfigError(
            f"sums {list(stages)}",
            f"some of {', '.join((*ALL_STAGES, SCORE))}, in this order, count first, bin before bin2",
            "Correct `sums` in the plan.",
        )
    return tuple(order)


def numeric(schema: Schema) -> list[Column]:
    """Return the features that are numbers, in the manifest's order."""
    return [column for column in schema.features if column.kind in NUMERIC]


def coded(schema: Schema) -> list[Column]:
    """Return the features that are categories, in the manifest's order."""
    return [column for column in schema.features if column.kind not in NUMERIC]


def measured(schema: Schema) -> list[Column]:
    """Return the columns of stage ``moment``: the features that are numbers, and a label that is one."""
    return numeric(schema) + ([schema.label] if schema.target is Target.NUMBER else [])


def outcomes(schema: Schema) -> Columns:
    """Return (name, width) of the counts of what is learned: rows of each class, or with each label or event."""
    match schema.target:
        case Target.CLASSES:
            return ((schema.label.name, len(schema.classes)),)
        case Target.LABELS:
            return tuple((column.name, 1) for column in schema.labels)
        case Target.SURVIVAL:
            return ((schema.label.name, 2),)
        case Target.NUMBER:
            return ()


def columns_of(schema: Schema, stage: str) -> Columns:
    """Return (name, width) of a stage's vector, in the manifest's order; a function of the schema alone."""
    if stage == "count":
        return (("rows", 2), *((c.name, 2) for c in schema.features), *outcomes(schema))
    if stage == "moment":
        return tuple((column.name, 2) for column in measured(schema))
    if stage in ("bin", "bin2"):
        return tuple((column.name, BINS) for column in numeric(schema))
    if stage == "category":
        return tuple((column.name, len(column.categories)) for column in coded(schema))
    if stage == SCORE:
        classes = len(schema.classes)
        return (("confusion", classes**2), ("histograms", 2 * SCORE_BINS * classes))
    raise ConfigError(f"sum stage {stage!r}", f"one of {', '.join(ALL_STAGES)}", "Correct `sums` in the plan.")


def measure(
    schema: Schema, rows: Rows, stage: str, before: GlobalStats | None = None, *, fewest: int = FEWEST_PATIENTS
) -> Integers:
    """Return a region's integers for a stage, in the order of ``columns_of``.

    Args:
        before: What the earlier stages opened; ``bin2`` needs it.
        fewest: A category with fewer patients here is reported as 0.
    """
    if len(rows) >= MAX_ROWS:
        raise ConfigError(f"{len(rows)} rows", f"fewer than {MAX_ROWS}", "Draw a sample of the table.")
    out: list[int] = []
    if stage == "count":
        out += [len(set(rows.patients)), len(rows)]
        for column in schema.features:
            values = rows.features[column.name]
            out += [int(np.isfinite(values).sum()), _outside(column, values) + rows.outside.get(column.name, 0)]
        if schema.target is Target.LABELS:
            assert rows.target is not None
            out += rows.target.sum(axis=0).astype(np.int64).tolist()
        else:
            out += np.bincount(rows.label, minlength=_wide(schema))[: _wide(schema)].tolist()
    elif stage == "moment":
        for column in measured(schema):
            values = rows.features[column.name] if column.role != "label" else _number(rows)
            q = fixed(column, values)
            out += [int(q.sum()), int((q * q).sum())]
    elif stage in ("bin", "bin2"):
        for column in numeric(schema):
            low, high = column.range or (0.0, 1.0)
            if stage == "bin2":
                if before is None or column.name not in before.ends:
                    raise ConfigError("stage bin2 before bin", "bin first", "Correct `sums` in the plan.")
                low, high = before.ends[column.name]
            out += histogram(rows.features[column.name], low, high).tolist()
    elif stage == "category":
        patients = np.asarray(rows.patients)
        for column in coded(schema):
            values = rows.features[column.name]
            for code in range(len(column.categories)):
                n = len(np.unique(patients[values == code]))
                out.append(n if n >= fewest else 0)
    else:
        columns_of(schema, stage)
    return np.array(out, np.int64)


def _wide(schema: Schema) -> int:
    return sum(width for _, width in outcomes(schema))


def _number(rows: Rows) -> NDArray[np.float64]:
    assert rows.target is not None
    return rows.target[:, 0]


def _outside(column: Column, values: NDArray[np.float64]) -> int:
    """Return how many values lie outside a number's range; they are clipped to it."""
    if column.kind not in NUMERIC or column.range is None:
        return 0
    low, high = column.range
    return int(((values < low) | (values > high)).sum())


def fixed(column: Column, values: NDArray[np.float64]) -> Integers:
    """Return q = round(2^20 (x - c) / h) of the values that are present, x clipped to the range."""
    c, h = centre_and_half(column)
    present = np.clip(values[np.isfinite(values)], c - h, c + h)
    return np.clip(np.rint(SCALE * ((present - c) / h)), -SCALE, SCALE).astype(np.int64)


def histogram(values: NDArray[np.float64], low: float, high: float) -> Integers:
    """Return how many present values lie in each of 256 equal bins on [low, high], clipped to it, int64 (256,)."""
    present = np.clip(values[np.isfinite(values)], low, high)
    place = np.minimum(np.floor((present - low) / (high - low) * BINS), BINS - 1).astype(np.int64)
    return np.bincount(place, minlength=BINS).astype(np.int64)


# ---------------------------------------------------------------- noise


def first_rows(rows: Rows) -> NDArray[np.bool_]:
    """Return the first row of each patient, bool (n,): what a patient adds to a sum is bounded by it."""
    first = {patient: i for i, patient in reversed(list(enumerate(rows.patients)))}
    out = np.zeros(len(rows), np.bool_)
    out[list(first.values())] = True
    return out


def unit(schema: Schema, stage: str) -> NDArray[np.float64]:
    """Return, for each integer of a stage, the most that one row adds to it, (width,) float64.

    Divided by it, a row's vector has L2 norm at most ``sensitivity``.
    """
    if stage == "moment":
        return np.tile([float(SCALE), float(SCALE) ** 2], len(measured(schema)))
    return np.ones(sum(width for _, width in columns_of(schema, stage)))


def sensitivity(schema: Schema, stage: str) -> float:
    """Return the L2 norm that one row can have in units of ``unit``: a function of the schema alone.

    ``count``: a patient, a row, two of each feature, one class or each label. ``moment``: two numbers a
    feature. ``bin, bin2, category``: one place of each column.
    """
    if stage == "count":
        return float((2 + 2 * len(schema.features) + max(1, len(outcomes(schema)))) ** 0.5)
    if stage == "moment":
        return float((2 * len(measured(schema))) ** 0.5)
    return float(len(numeric(schema) if stage != "category" else coded(schema)) ** 0.5)


def spread(schema: Schema, stage: str, sigma: float) -> NDArray[np.float64]:
    """Return the standard deviation of a region's noise on each integer of a stage, (width,)."""
    return sigma * sensitivity(schema, stage) * unit(schema, stage)


def noise(schema: Schema, stage: str, sigma: float, key: bytes) -> Integers:
    """Return a region's whole noise for a stage, from 32 secret bytes; rounding it is post-processing.

    All 624 words of the generator's state come from the key: see ``privacy.noise_generator``.
    """
    bits = np.random.MT19937()
    words = np.frombuffer(hashlib.shake_256(tagged_hash("stage-noise", key)).digest(4 * 624), "<u4")
    bits.state = {"bit_generator": "MT19937", "state": {"key": words.astype(np.uint32), "pos": 624}}
    scale = spread(schema, stage, sigma)
    return np.rint(np.random.Generator(bits).standard_normal(len(scale)) * scale).astype(np.int64)
