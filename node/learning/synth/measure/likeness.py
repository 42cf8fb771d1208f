"""How alike synthetic rows are: each column by itself, columns two by two, what is covered, what is rare.

``shapes``: of a number 1 - max |F_R - F_S| over the values present (the two-sample Kolmogorov-Smirnov distance), of
levels 1 - ½ Σ |p_R - p_S|, missing a level. ``pairs``: of two numbers 1 - |r_R - r_S|/2 (Pearson, rows with both),
else 1 - ½ Σ |p_R - p_S| over the table of both, numbers in 10 bins of equal width with R's edges, outer edges infinite.
Two numbers of which S has one value only are compared as a table too: a collapsed column has no correlation to praise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from node.learning.synth.measure.bootstrap import bounds, weights
from node.learning.synth.measure.gate import Figure
from node.learning.synth.measure.tables import FEWEST, Doubles, Field, Table, edges_of

MOST_PAIRS = 500  # whose bounds are drawn; more are averaged from as many by chance


@dataclass(frozen=True, slots=True)
class Scores:
    """A mean over columns or pairs, and what it is the mean of.

    Attributes:
        each: By column name (or two); None is undefined.
        drawn: The mean in each draw of the bootstrap, (1000,).
    """

    each: Mapping[tuple[str, ...], float | None]
    drawn: Doubles

    @property
    def value(self) -> float | None:
        """The mean of what is defined; None if nothing is."""
        known = [one for one in self.each.values() if one is not None]
        return sum(known) / len(known) if known else None

    @property
    def undefined(self) -> int:
        """How many are left out of the mean."""
        return sum(one is None for one in self.each.values())

    def figure(self, against: float | None, why: str) -> Figure:
        """Return the mean with its bounds; ``why`` is the reason where it is undefined."""
        low, high = bounds(self.drawn, self.value)
        return Figure(self.value, low, high, against, why if self.value is None else "")


# ---------------------------------------------------------------- each column by itself


def shapes(real: Table, other: Table, seed: int | None) -> Scores:
    """Return how alike each column is; ``seed`` None: without bounds."""
    each, parts = dict[tuple[str, ...], float | None](), list[Doubles]()
    ones = np.ones((1, len(real)))
    for field in real.fields:
        measure = _Steps(real, other, field) if field.is_number else _Shares(real, other, [field], {})
        value = measure(ones)[0] if measure is not None else np.nan
        each[field.name,] = float(value) if np.isfinite(value) else None
        if measure is not None and seed is not None:
            parts.append(np.concatenate([measure(block) for block in weights(real.patients, seed)]))
    return Scores(each, _mean(parts))


def _mean(parts: Sequence[Doubles]) -> Doubles:
    """Return the mean over columns of each draw, of what is defined in it."""
    if not parts:
        return np.empty(0)
    stacked = np.stack(parts)
    known = np.isfinite(stacked)
    with np.errstate(invalid="ignore"):
        return np.where(known.any(axis=0), np.where(known, stacked, 0).sum(axis=0) / known.sum(axis=0), np.nan)


class _Steps:
    """1 - max |F_R - F_S| of a number by weights (draws, n) of R's rows; NaN where R has no value, 0 if S has none."""

    def __init__(self, real: Table, other: Table, field: Field) -> None:
        mine, theirs = real.values[field.name], np.sort(_present(other, field))
        self.kept = np.flatnonzero(np.isfinite(mine))
        self.kept = self.kept[np.argsort(mine[self.kept], kind="stable")]
        values = mine[self.kept]
        self.empty = not len(theirs)
        # At the last of equal values, and just below the first of them: there the distance of two stairs is largest.
        self.last = np.flatnonzero(np.append(np.diff(values) != 0, True)) if len(values) else np.empty(0, np.int64)
        self.at = np.searchsorted(theirs, values[self.last], side="right") / max(1, len(theirs))
        self.below = np.searchsorted(theirs, values[self.last], side="left") / max(1, len(theirs))

    def __call__(self, rows: Doubles) -> Doubles:
        total = rows[:, self.kept].sum(axis=1)
        if not len(self.kept):
            return np.full(len(rows), np.nan)
        if self.empty:
            return np.where(total > 0, 0.0, np.nan)
        until = np.cumsum(rows[:, self.kept], axis=1)[:, self.last]
        with np.errstate(invalid="ignore", divide="ignore"):
            until = until / total[:, None]
        before = np.concatenate([np.zeros((len(rows), 1)), until[:, :-1]], axis=1)
        gap = np.maximum(np.abs(until - self.at).max(axis=1), np.abs(before - self.below).max(axis=1))
        return np.where(total > 0, 1 - gap, np.nan)


class _Shares:
    """1 - ½ Σ |p_R - p_S| over the table of some columns, of weights (draws, n) of R's rows; NaN without any row."""

    def __init__(self, real: Table, other: Table, fields: Sequence[Field], edges: Mapping[str, Doubles]) -> None:
        self.cells, width = _cells(real, fields, edges)
        theirs, _ = _cells(other, fields, edges)
        used, self.cells = np.unique(self.cells, return_inverse=True)  # cells that R has; S's others are their sum
        self.width = len(used)
        counts = np.bincount(theirs, minlength=width) / max(1, len(theirs))
        self.theirs = counts[used]
        self.rest = float(counts.sum() - self.theirs.sum())
        self.hot = np.zeros((len(real), self.width))
        self.hot[np.arange(len(real)), self.cells.reshape(-1)] = 1.0

    def __call__(self, rows: Doubles) -> Doubles:
        total = rows.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = (rows @ self.hot) / total[:, None]
        return np.where(total > 0, 1 - (np.abs(shares - self.theirs).sum(axis=1) + self.rest) / 2, np.nan)


def _cells(table: Table, fields: Sequence[Field], edges: Mapping[str, Doubles]) -> tuple[np.ndarray, int]:
    cells, width = np.zeros(len(table), np.int64), 1
    for field in fields:
        codes, places = table.codes(field, edges)
        cells, width = cells * places + codes, width * places
    return cells, width


def _present(table: Table, field: Field) -> Doubles:
    values = table.values[field.name]
    return values[np.isfinite(values)]


# ---------------------------------------------------------------- two by two


def pairs(real: Table, other: Table, seed: int | None) -> Scores:
    """Return how alike each pair of columns goes together; ``seed`` None: without bounds."""
    edges = edges_of(real)
    ones = np.ones((1, len(real)))
    found = dict[tuple[str, ...], float]()
    for a, b in combinations(real.fields, 2):
        found[a.name, b.name] = float(_together(real, other, a, b, edges)(ones)[0]) if len(real) else np.nan
    each = {names: value if np.isfinite(value) else None for names, value in found.items()}
    defined = [names for names, value in each.items() if value is not None]
    parts = list[Doubles]()
    if seed is not None:
        shift = 0.0
        if len(defined) > MOST_PAIRS:
            some = np.random.default_rng(seed).permutation(len(defined))[:MOST_PAIRS]
            chosen = [defined[i] for i in some]
            shift = float(np.mean([found[n] for n in defined]) - np.mean([found[n] for n in chosen]))
            defined = chosen
        by_name = {field.name: field for field in real.fields}
        for names in defined:
            measure = _together(real, other, by_name[names[0]], by_name[names[1]], edges)
            blocks = [measure(block) for block in weights(real.patients, seed)]
            parts.append(np.concatenate(blocks) + shift)
    return Scores(each, _mean(parts))


def _together(real: Table, other: Table, a: Field, b: Field, edges: Mapping[str, Doubles]) -> _Shares | _Correlation:
    if a.is_number and b.is_number and all(len(np.unique(_present(other, one))) > 1 for one in (a, b)):
        return _Correlation(real, other, a, b)
    return _Shares(real, other, [a, b], edges)


class _Correlation:
    """1 - |r_R - r_S|/2 of two numbers, of weights (draws, n) of R's rows; NaN where R's correlation is undefined."""

    def __init__(self, real: Table, other: Table, a: Field, b: Field) -> None:
        self.moments, self.kept = _moments(real, a, b)
        theirs, kept = _moments(other, a, b)
        self.theirs = float(_correlation(np.ones((1, len(kept))) @ theirs)[0]) if len(kept) > 1 else np.nan

    def __call__(self, rows: Doubles) -> Doubles:
        mine = _correlation(rows[:, self.kept] @ self.moments)
        # Where S never has both values, nothing goes together there.
        theirs = self.theirs if np.isfinite(self.theirs) else 0.0
        return 1 - np.abs(mine - theirs) / 2


def _moments(table: Table, a: Field, b: Field) -> tuple[Doubles, np.ndarray]:
    """Return (1, x, y, x², y², xy) of rows with both, standardised so that sums lose no digits, and which rows."""
    x, y = table.values[a.name], table.values[b.name]
    kept = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    x, y = x[kept], y[kept]
    if len(kept):
        x, y = ((v - v.mean()) / (v.std() if v.std() > 0 else 1.0) for v in (x, y))
    return np.stack([np.ones(len(kept)), x, y, x * x, y * y, x * y], axis=1), kept


def _correlation(sums: Doubles) -> Doubles:
    n, x, y, xx, yy, xy = sums.T
    spread = (n * xx - x * x) * (n * yy - y * y)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(spread > 1e-9 * n**4, (n * xy - x * y) / np.sqrt(np.maximum(spread, 1e-300)), np.nan)


def matrix(scores: Scores, names: Sequence[str]) -> list[list[float | None]]:
    """Return scores of pairs as a square by column; the diagonal is None."""
    found = dict(scores.each)
    return [[found.get((a, b), found.get((b, a))) for b in names] for a in names]


# ---------------------------------------------------------------- covered, missing, rare


def coverage(real: Table, other: Table) -> float | None:
    """Return the share of R's occupied bins and levels (missing is one) that S hits; None without any."""
    edges, hit, occupied = edges_of(real), 0, 0
    for field in real.fields:
        mine, theirs = (set(table.codes(field, edges)[0].tolist()) for table in (real, other))
        hit, occupied = hit + len(mine & theirs), occupied + len(mine)
    return hit / occupied if occupied else None


def missing_gap(real: Table, other: Table) -> float | None:
    """Return the largest difference of a column's share of missing between R and S; None without any row.

    Columns that from 1 to 9 patients of R lack do not count: the difference would say how many.
    """
    if not len(real) or not len(other):
        return None
    gaps = [0.0]
    for field in real.fields:
        mine, theirs = (np.isnan(table.values[field.name]) for table in (real, other))
        if not 0 < len(np.unique(real.patients[mine])) < FEWEST:
            gaps.append(abs(float(mine.mean() - theirs.mean())))
    return max(gaps)


def broken_by_rarity(real: Table, other: Table, common: Mapping[str, Sequence[bool]] | None = None) -> tuple[int, int]:
    """Return how many levels with ≥ 10 real patients never appear, and how many with fewer do.

    Args:
        common: By column, levels that all regions together are known to have in 10 patients or more (opened sums):
            such a level may appear although this region has few patients with it.
    """
    absent, exposed = 0, 0
    for field in real.fields:
        if field.is_number:
            continue
        known = (common or {}).get(field.name, ())
        mine, theirs = real.codes(field, {})[0], other.codes(field, {})[0]
        for place, level in enumerate(field.levels):
            patients = len(np.unique(real.patients[mine == place]))
            appears = bool((theirs == place).any())
            absent += patients >= FEWEST and not appears
            rare = patients < FEWEST and level != "__other__" and not (place < len(known) and known[place])
            exposed += rare and appears
    return absent, exposed
