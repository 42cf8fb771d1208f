"""What a report draws, as numbers: shares of groups, how columns go together, distances, ROC curves.

Rules kept here, and nowhere else:
  * a group of real rows with fewer than 10 patients is never by itself: it is put together with others until there
    are 10, so that no difference gives it away either;
  * the edges of bins come from the synthetic rows, never from the real ones, whose ends are patients;
  * real shares are rounded to a half percent and are of the groups shown, what is said of one column or of two to a
    percent: whoever has the synthetic rows could tell a small count from more digits;
  * curves have at most 40 places, each of at least 10 rows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.learning.synth.measure.likeness import matrix, pairs, shapes
from node.learning.synth.measure.tables import FEWEST, Doubles, Field, Integers, Table, edges_of

PARTS = 16  # bins of a number that are drawn at most
PLACES = 40  # of a curve
MOST_COLUMNS = 40  # that are drawn
ROUND = 200  # shares of real groups are rounded to 1 in so many


def coarse(real: Table, synthetic: Table) -> tuple[Table, Table]:
    """Return both with levels of fewer than 10 patients of R put together (``*``), and what few lack filled in.

    What is said of single columns and pairs is said of these: nothing of it follows from a group that is not shown.
    """
    fields, values = list[Field](), (dict[str, Doubles](), dict[str, Doubles]())
    for field in real.fields:
        changed, mine, theirs = (_filled if field.is_number else _joined)(real, synthetic, field)
        fields.append(changed)
        values[0][field.name], values[1][field.name] = mine, theirs
    sides = zip(values, (real, synthetic), strict=True)
    first, second = (Table(tuple(fields), of, table.patients) for of, table in sides)
    return first, second


def _filled(real: Table, synthetic: Table, field: Field) -> tuple[Field, Doubles, Doubles]:
    """Return a number's values; what from 1 to 9 patients lack is R's mean on both sides."""
    mine, theirs = real.values[field.name], synthetic.values[field.name]
    if 0 < len(np.unique(real.patients[np.isnan(mine)])) < FEWEST and np.isfinite(mine).any():
        mean = float(np.nanmean(mine))
        return field, np.where(np.isnan(mine), mean, mine), np.where(np.isnan(theirs), mean, theirs)
    return field, mine, theirs


def _joined(real: Table, synthetic: Table, field: Field) -> tuple[Field, Doubles, Doubles]:
    """Return a column with the levels of few patients as one, with the smallest other level if they are still few."""
    codes = [table.codes(field, {})[0] for table in (real, synthetic)]
    width = len(field.levels) + 1  # missing is the last
    patients = [len(np.unique(real.patients[codes[0] == place])) for place in range(width)]
    few = [place for place, n in enumerate(patients) if 0 < n < FEWEST]
    if not few:
        return field, real.values[field.name], synthetic.values[field.name]
    if len(np.unique(real.patients[np.isin(codes[0], few)])) < FEWEST:
        rest = [place for place, n in enumerate(patients) if n >= FEWEST]
        few += sorted(rest, key=lambda place: patients[place])[:1]
    kept = [place for place in range(width - 1) if place not in few]
    new = np.full(width, np.nan)
    new[kept], new[few] = np.arange(len(kept)), len(kept)
    levels = (*(field.levels[place] for place in kept), "*")
    return replace(field, levels=levels), new[codes[0]], new[codes[1]]


def marginals(real: Table, synthetic: Table) -> list[dict[str, Any]]:
    """Return each column's groups with their shares in R and in S, the least alike first; of ``coarse`` tables."""
    scores = shapes(real, synthetic, None)
    each = {field.name: scores.each.get((field.name,)) for field in real.fields}
    order = sorted(real.fields, key=lambda field: (each[field.name] is None, each[field.name] or 0.0))
    return [
        _marginal(real, synthetic, field) | {"score": _percent(each[field.name])} for field in order[:MOST_COLUMNS]
    ]  # fmt: skip


def _percent(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _marginal(real: Table, synthetic: Table, field: Field) -> dict[str, Any]:
    groups = _number_groups if field.is_number else _level_groups
    names, sides, kind = groups(real, synthetic, field)
    shares = [[n / max(1, sum(counts)) for n in counts] for counts in sides]
    return {
        "name": field.name,
        "kind": kind,
        "unit": field.unit,
        "groups": names,
        "real": [round(ROUND * share) / ROUND for share in shares[0]],
        "synthetic": [round(share, 4) for share in shares[1]],
    }


def _level_groups(real: Table, synthetic: Table, field: Field) -> tuple[list[Any], tuple[list[int], list[int]], str]:
    """Return names of levels (``?`` is missing, ``*`` those of few patients) and how many rows each has."""
    names = [*field.levels, "?"]
    counts = [np.bincount(table.codes(field, {})[0], minlength=len(names)).tolist() for table in (real, synthetic)]
    kept = [place for place in range(len(names)) if counts[0][place] or counts[1][place]]
    out = [[int(side[place]) for place in kept] for side in counts]
    return [names[place] for place in kept], (out[0], out[1]), "levels"


def _number_groups(real: Table, synthetic: Table, field: Field) -> tuple[list[Any], tuple[list[int], list[int]], str]:
    """Return [low, high] of bins (None is open, ``?`` is missing) and how many rows each has."""
    values = synthetic.values[field.name]
    there = values[np.isfinite(values)]
    edges = _round_edges(there, field.whole)
    theirs = np.bincount(np.searchsorted(edges, there, side="right"), minlength=len(edges) + 1)
    x = real.values[field.name]
    present = np.isfinite(x)
    place = np.searchsorted(edges, x[present], side="right")
    mine = np.bincount(place, minlength=len(edges) + 1)
    owners = [set(real.patients[present][place == i].tolist()) for i in range(len(edges) + 1)]
    groups = _merged(owners)
    ends: list[float | None] = [None, *edges.tolist(), None]
    names: list[Any] = [[ends[a], ends[b]] for a, b in groups]
    out = [[int(side[a:b].sum()) for a, b in groups] for side in (mine, theirs)]
    gone = [int((~present).sum()), int(np.isnan(values).sum())]
    if any(gone):
        names.append("?")
        for side, n in zip(out, gone, strict=True):
            side.append(n)
    return names, (out[0], out[1]), "bins"


def _merged(owners: list[set[int]]) -> list[tuple[int, int]]:
    """Return spans of neighbouring bins in which there are at least 10 patients each; one span if there are fewer."""
    spans, start, held = list[tuple[int, int]](), 0, set[int]()
    for i, some in enumerate(owners):
        held |= some
        if len(held) >= FEWEST:
            spans.append((start, i + 1))
            start, held = i + 1, set()
    if start < len(owners):
        first = spans.pop()[0] if spans else 0
        spans.append((first, len(owners)))
    return spans


def _round_edges(values: Doubles, whole: bool) -> Doubles:
    """Return inner edges between the ends of synthetic values, at round numbers that people read."""
    if not len(values) or values.min() == values.max():
        return np.empty(0)
    low, high = np.quantile(values, [0.01, 0.99])
    if low == high:
        low, high = values.min(), values.max()
    rough = (high - low) / PARTS
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    if whole:
        step = max(1.0, np.ceil(step))
    edges: Doubles = np.round(np.arange(np.ceil(low / step) + (low % step == 0), np.ceil(high / step)) * step, 12)
    return edges


# ---------------------------------------------------------------- how columns go together


def together(real: Table, synthetic: Table) -> dict[str, Any]:
    """Return how strongly each two columns go together in R and in S, and how alike that is; of ``coarse`` tables."""
    scores = pairs(real, synthetic, None)
    names = [field.name for field in real.fields][:MOST_COLUMNS]
    edges = edges_of(real)
    shown = len(np.unique(real.patients)) >= FEWEST
    return {
        "names": names,
        "real": _strengths(real, names, edges) if shown else [],
        "synthetic": _strengths(synthetic, names, edges),
        "alike": [[_percent(v) for v in row] for row in matrix(scores, names)],
    }


def _strengths(table: Table, names: list[str], edges: dict[str, Doubles]) -> list[list[float | None]]:
    fields = [field for field in table.fields if field.name in names]
    return [[None if a is b else _strength(table, a, b, edges) for b in fields] for a in fields]


def _strength(table: Table, a: Field, b: Field, edges: dict[str, Doubles]) -> float | None:
    """Return |r| of two numbers, else Cramér's V of the table of both; None where one of them is constant."""
    if a.is_number and b.is_number:
        x, y = table.values[a.name], table.values[b.name]
        both = np.isfinite(x) & np.isfinite(y)
        x, y = x[both], y[both]
        if len(x) < 2 or x.std() == 0 or y.std() == 0:
            return None
        return round(float(min(1.0, abs(np.corrcoef(x, y)[0, 1]))), 2)
    (u, wide), (v, high) = table.codes(a, edges), table.codes(b, edges)
    counts = np.bincount(u * high + v, minlength=wide * high).reshape(wide, high).astype(np.float64)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    least = min(counts.shape) - 1
    if least < 1:
        return None
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / counts.sum()
    return round(float(np.sqrt(((counts - expected) ** 2 / expected).sum() / counts.sum() / least)), 2)


# ---------------------------------------------------------------- curves


def distances(gaps: Doubles) -> list[list[float]]:
    """Return [distance, share of rows that are nearer] at places that have at least 10 rows between them."""
    gaps = np.sort(gaps[np.isfinite(gaps)])
    places = min(PLACES, len(gaps) // FEWEST)
    if places < 1:
        return []
    shares = (np.arange(places) + 0.5) / places
    return [[round(float(d), 4), round(float(s), 4)] for d, s in zip(np.quantile(gaps, shares), shares, strict=True)]


def roc(scores: Doubles, positive: NDArray[np.bool_]) -> list[list[float]]:
    """Return [false positive rate, true positive rate] at even steps; empty with fewer than 10 rows of a class."""
    p, n = int(positive.sum()), int((~positive).sum())
    if min(p, n) < FEWEST:
        return []
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)
    hits = np.concatenate([[0], np.cumsum(positive[order])[last] / p])
    false = np.concatenate([[0], np.cumsum(~positive[order])[last] / n])
    grid = np.linspace(0, 1, min(PLACES, n // FEWEST, p // FEWEST) + 1)
    return [[round(float(x), 4), round(float(np.interp(x, false, hits)), 4)] for x in grid]


def classes(y: Integers, count: int, patients: Integers | None = None) -> list[int | None]:
    """Return rows of each class; None where fewer than 10 patients have it."""
    out: list[int | None] = []
    for k in range(count):
        owners = len(np.unique(patients[y == k])) if patients is not None else int((y == k).sum())
        out.append(None if 0 < owners < FEWEST else int((y == k).sum()))
    return out
