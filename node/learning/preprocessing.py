"""What opened sums mean: ``GlobalStats``, and the encoder that follows from them.

The integers that regions sum are in ``stages``; equal totals give the same ``GlobalStats``
everywhere, and ``Encoder`` is a pure function of schema and stats. Width depends on the schema
alone: sums change values, never shapes. Without sum rounds the public ranges of the manifest scale
instead, and nothing about the data is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.learning.data.rows import Rows
from node.learning.data.schema import NUMERIC, Column, Schema, Target
from node.learning.errors import ConfigError
from node.learning.hashing import json_hash
from node.learning.stages import (
    ALL_STAGES,
    BINS,
    MAX_ROWS,
    SCALE,
    SCORE,
    Columns,
    Integers,
    centre_and_half,
    check_stages,
    columns_of,
    measure,
    measured,
    outcomes,
    spread,
)
from node.learning.task import Encoded

__all__ = [
    "ALL_STAGES", "MAX_ROWS", "SCALE", "STAGES", "Columns", "Encoder", "GlobalStats", "centre_and_half", "columns_of",
    "encoder", "global_stats", "measure", "width_of",
]  # fmt: skip

STAGES = ("count", "moment")  # what standardising needs
MAX_CLASS_WEIGHT = 20.0
KNOTS = 10  # quantile bins; their ends are 11 knots
TAIL = 0.005  # the outer knots are this quantile and the one as far from the top
RARE = 10  # a category with fewer patients in all regions together is __other__
RANGE_STDS = 4  # standard deviations that a plausible range is taken for: the rule of thumb
THRESHOLD = 2.0  # counts below so many standard deviations of the noise are taken for none
UNIFORM_STD = 3.0**-0.5  # standard deviation of the uniform distribution on [-1, 1]


@dataclass(frozen=True, slots=True)
class GlobalStats:
    """What the sums say of all regions together; what was not summed is empty.

    Attributes:
        patients, rows: Over all regions.
        classes: Rows of each class; of several labels or of events, the rows with each.
        present: Values present of each feature.
        mean, std: Of each numeric feature, and of a label that is a number, in its unit; std 0 if constant.
        ends: The .005 and .995 quantile of each numeric feature, between which ``bin2`` counts.
        knots: 11 ends of 10 quantile bins of each numeric feature, never falling.
        rare: Places in the manifest's list of categories that count as ``__other__``.
        fine, coded: Rows in each of the 256 bins between ``ends``; patients with each category. Small ones are
            merged before anything is made of them: see ``synth.coding``.
    """

    patients: int
    rows: int
    classes: tuple[int, ...]
    present: dict[str, int]
    mean: dict[str, float]
    std: dict[str, float]
    ends: dict[str, tuple[float, float]] = field(default_factory=dict)
    knots: dict[str, tuple[float, ...]] = field(default_factory=dict)
    rare: dict[str, tuple[int, ...]] = field(default_factory=dict)
    fine: dict[str, tuple[int, ...]] = field(default_factory=dict)
    coded: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def constant(self) -> tuple[str, ...]:
        """Features without spread; they encode to 0."""
        return tuple(name for name, std in self.std.items() if std == 0)

    def class_weights(self) -> list[float]:
        """Return n / (K n_k) of each class: 0 without rows, at most 20."""
        total, k = sum(self.classes), len(self.classes)
        return [min(MAX_CLASS_WEIGHT, total / (k * n)) if n else 0.0 for n in self.classes]


def global_stats(
    schema: Schema,
    stages: Sequence[str],
    totals: Sequence[Integers],
    *,
    noise: tuple[float, int] | None = None,
) -> GlobalStats | None:
    """Return the statistics of opened totals; None for a study without sum rounds.

    Args:
        stages: Of the plan's ``sums``, as many as are open.
        totals: One opened vector a stage.
        noise: Under DP, the noise multiplier of each region and how many regions added it: counts may
            then be anything, and what noise alone could have made is taken for none.

    Raises:
        ConfigError: Stages or lengths do not fit, or a count that no honest sum could give.
    """
    if not stages:
        return None
    check_stages(stages)
    if len(totals) != len(stages):
        raise ConfigError(
            f"sums {list(stages)} with {len(totals)} totals", "one total a stage", "Correct `sums` in the plan."
        )
    parts = {
        stage: _split(schema, stage, _denoised(schema, stage, total, noise))
        for stage, total in zip(stages, totals, strict=True)
        if stage != SCORE
    }
    count = parts["count"]
    patients, rows = count["rows"]
    present = {column.name: count[column.name][0] for column in schema.features}
    classes = tuple(n for name, _ in outcomes(schema) for n in count[name])
    if noise is not None:
        rows = max(1, min(rows, MAX_ROWS - 1))
        present = {name: max(0, min(n, rows)) for name, n in present.items()}
    if not 0 <= rows < MAX_ROWS:
        raise ConfigError(f"{rows} rows in all regions", f"0 to {MAX_ROWS - 1}", "Draw a sample of the tables.")
    whole = schema.target in (Target.CLASSES, Target.SURVIVAL)
    if noise is None and (
        (whole and sum(classes) != rows) or not all(0 <= n <= rows for n in (patients, *present.values(), *classes))
    ):
        raise ConfigError(
            "counts that do not fit each other", f"each from 0 to {rows}", "Ask the regions: one added false numbers."
        )
    mean, std, ends, knots = {}, {}, {}, {}
    for column in measured(schema) if "moment" in parts else ():
        mean[column.name], std[column.name] = _moments(
            column, present.get(column.name, rows), *parts["moment"][column.name]
        )
    for column in schema.features:
        name = column.name
        if column.kind not in NUMERIC:
            continue
        if "bin" in parts:
            ends[name] = _ends(column, parts["bin"][name])
        if "bin2" in parts:
            knots[name] = quantiles(parts["bin2"][name], *ends[name], [i / KNOTS for i in range(KNOTS + 1)])
    rare = {
        name: tuple(code for code, n in enumerate(counts) if n < RARE)
        for name, counts in parts.get("category", {}).items()
    }
    fine, coded = ({n: tuple(c) for n, c in parts.get(stage, {}).items()} for stage in ("bin2", "category"))
    return GlobalStats(patients, rows, classes, present, mean, std, ends, knots, rare, fine, coded)


def _denoised(schema: Schema, stage: str, total: Integers, noise: tuple[float, int] | None) -> Integers:
    """Return a total with counts that noise alone could have made set to 0; moments stay as they are."""
    if noise is None or stage == "moment":
        return total
    sigma, regions = noise
    scale = spread(schema, stage, sigma)
    if total.shape != scale.shape:
        return total  # ``_split`` says what is wrong
    least = THRESHOLD * scale * regions**0.5 if stage != "count" else np.ones_like(scale)
    return np.where(total < least, 0, total).astype(np.int64)


def _split(schema: Schema, stage: str, total: Integers) -> dict[str, list[int]]:
    columns = columns_of(schema, stage)
    if total.shape != (sum(width for _, width in columns),):
        raise ConfigError(f"stage {stage} opened {total.size} integers", "as many as the schema has", "Use one schema.")
    out, at, values = {}, 0, total.tolist()
    for name, width in columns:
        out[name] = values[at : at + width]
        at += width
    return out


def _moments(column: Column, n: int, s1: int, s2: int) -> tuple[float, float]:
    """Return mean and standard deviation (n - 1) from the exact integers; a noisy mean stays in the range."""
    c, h = centre_and_half(column)
    if n < 1:
        return c, 0.0
    mean = c + h * min(1.0, max(-1.0, s1 / (SCALE * n)))
    spread = n * s2 - s1 * s1  # in Python's integers: exact
    if n < 2 or spread <= 0:
        return mean, 0.0
    return mean, h * (spread / (SCALE * SCALE * n * (n - 1))) ** 0.5


def _ends(column: Column, counts: Sequence[int]) -> tuple[float, float]:
    low, high = column.range or (0.0, 1.0)
    first, last = quantiles(counts, low, high, [TAIL, 1 - TAIL])
    return (first, last) if first < last else (low, high)  # a constant: any bins do


def quantiles(counts: Sequence[int], low: float, high: float, shares: Sequence[float]) -> tuple[float, ...]:
    """Return the values below which these shares lie, by linear interpolation in equal bins on [low, high]."""
    until = list(accumulate(max(0, n) for n in counts))
    step, out = (high - low) / BINS, []
    for share in shares:
        wanted = share * until[-1]
        at = next((i for i, n in enumerate(until) if n >= wanted and n > (until[i - 1] if i else 0)), None)
        if at is None:
            out.append(low + share * (high - low))  # nobody was counted
        else:
            before = until[at - 1] if at else 0
            out.append(min(high, low + (at + (wanted - before) / (until[at] - before)) * step))
    return tuple(out)


@dataclass(frozen=True, slots=True)
class Encoder:
    """Turns typed rows into what a model sees; plain numbers, so that it travels in a JSON file.

    Attributes:
        centre, scale: Of each numeric feature: encoded (x - centre) * scale, x clipped to its range.
        knots: Of each numeric feature that is encoded by its rank instead: rising line from -3^½ to 3^½
            through the knots, which gives variance near 1.
        rare: Categories that count as ``__other__``.
    """

    schema: Schema
    centre: Mapping[str, float]
    scale: Mapping[str, float]
    knots: Mapping[str, Sequence[float]] = field(default_factory=dict)
    rare: Mapping[str, Sequence[int]] = field(default_factory=dict)

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

    @property
    def hash(self) -> bytes:
        """SHA-256 of schema and numbers: equal at every region, or the model means something else there."""
        return json_hash("ENCODER", [self.schema.hash.hex(), self.value()])

    def encode(self, rows: Rows) -> Encoded:
        """Return the rows as a model sees them; see ``Encoded``."""
        x = np.zeros((len(rows), len(self.names)), np.float64)
        at = 0
        for column in self.schema.features:
            values = rows.features[column.name]
            present = np.isfinite(values)
            if column.kind in NUMERIC:
                x[:, at] = np.where(present, self._number(column, values), 0.0)
                at += 1
            else:
                width = len(column.categories) + 1
                codes = values[present].astype(np.int64)
                codes[np.isin(codes, list(self.rare.get(column.name, ())))] = width - 1
                x[np.flatnonzero(present), at + codes] = 1.0
                at += width
            if column.missing:
                x[:, at] = ~present
                at += 1
        return Encoded(x.astype(np.float32), rows.label, self._target(rows), rows.images)

    def _target(self, rows: Rows) -> NDArray[np.float32] | None:
        """Return what is learned beside classes; a number is standardised as the features are."""
        if rows.target is None or self.schema.target is not Target.NUMBER:
            return None if rows.target is None else rows.target.astype(np.float32)
        column = self.schema.label
        return ((rows.target - self.centre[column.name]) * self.scale[column.name]).astype(np.float32)

    def _number(self, column: Column, values: NDArray[np.float64]) -> NDArray[np.float64]:
        knots = self.knots.get(column.name)
        if knots is None:
            c, h = centre_and_half(column)
            return (np.clip(values, c - h, c + h) - self.centre[column.name]) * self.scale[column.name]
        # Equal knots (many equal values) would be a jump: of them the middle place counts.
        places: dict[float, list[int]] = {}
        for place, knot in enumerate(knots):
            places.setdefault(float(knot), []).append(place)
        if len(places) < 2:
            return np.zeros_like(values)
        ranks = [2 * sum(at) / len(at) / (len(knots) - 1) - 1 for at in places.values()]
        assert all(a < b for a, b in pairwise(places))
        return np.asarray(np.interp(values, list(places), ranks) / UNIFORM_STD, np.float64)

    def value(self) -> dict[str, Any]:
        """Return plain JSON values."""
        out: dict[str, Any] = {"centre": dict(self.centre), "scale": dict(self.scale)}
        if self.knots:
            out["knots"] = {name: list(knots) for name, knots in self.knots.items()}
        if self.rare:
            out["rare"] = {name: list(codes) for name, codes in self.rare.items()}
        return out

    @classmethod
    def of_value(cls, schema: Schema, value: Mapping[str, Any]) -> Encoder:
        """Return the encoder of ``value()``."""
        return cls(schema, value["centre"], value["scale"], value.get("knots", {}), value.get("rare", {}))


def width_of(schema: Schema) -> int:
    """Return how many inputs a model has; a function of the schema alone."""
    return len(Encoder(schema, {}, {}).names)


def encoder(schema: Schema, stats: GlobalStats | None) -> Encoder:
    """Return the encoder of what was summed: by rank where there are knots, standardised where there are moments.

    Where there is neither, the public ranges scale: a plausible range is taken for ``RANGE_STDS`` standard
    deviations about its middle, and a boolean stays 0 or 1, as a category's places do.
    """
    numbers = measured(schema)
    if stats is None or not stats.mean:
        parts = {column.name: centre_and_half(column) for column in numbers if column.kind != "boolean"}
        centre = {column.name: parts[column.name][0] if column.name in parts else 0.0 for column in numbers}
        scale = {n: RANGE_STDS / (2 * parts[n][1]) if n in parts else 1.0 for n in centre}
    else:
        centre = dict(stats.mean)
        scale = {name: 1 / std if std > 0 else 0.0 for name, std in stats.std.items()}
    if stats is None:
        return Encoder(schema, centre, scale)
    return Encoder(
        schema, centre, scale, dict(stats.knots), {name: codes for name, codes in stats.rare.items() if codes}
    )
