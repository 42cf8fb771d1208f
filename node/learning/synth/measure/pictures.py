"""What a report draws, as numbers: shares of groups, how columns go together, distances, ROC curves.

Rules kept here, and nowhere else:
  * a group of real rows with fewer than 10 patients is never by itself: it is put together with others until there
    are 10, so that no difference gives it away either;
  * the edges of bins come from the synthetic rows, never from the real ones, whose ends are patients;
  * real shares are rounded to a half percent, curves have at most 40 places, each of at least 10 rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.learning.synth.measure.likeness import Scores, matrix
from node.learning.synth.measure.tables import FEWEST, Doubles, Field, Integers, Table, edges_of

PARTS = 16  # bins of a number that are drawn at most
PLACES = 40  # of a curve
MOST_COLUMNS = 40  # that are drawn
ROUND = 200  # shares of real groups are rounded to 1 in so many


def marginals(real: Table, synthetic: Table, scores: Scores) -> list[dict[str, Any]]:
    """Return each column's groups with their shares in R and in S, the least alike columns first."""
    found = [_marginal(real, synthetic, field) | {"score": scores.each.get((field.name,))} for field in real.fields]
    found.sort(key=lambda one: (one["score"] is None, one["score"] or 0.0))
    return found[:MOST_COLUMNS]


def _marginal(real: Table, synthetic: Table, field: Field) -> dict[str, Any]:
    groups = _number_groups if field.is_number else _level_groups
    names, sides, kind = groups(real, synthetic, field)
    shares = [[_share(n, table) for n in counts] for counts, table in zip(sides, (real, synthetic), strict=True)]
    return {
        "name": field.name,
        "kind": kind,
        "unit": field.unit,
        "groups": names,
        "real": [round(ROUND * share) / ROUND for share in shares[0]],
        "synthetic": [round(share, 4) for share in shares[1]],
    }


def _share(count: int, table: Table) -> float:
    return count / len(table) if len(table) else 0.0


def _level_groups(real: Table, synthetic: Table, field: Field) -> tuple[list[Any], tuple[list[int], list[int]], str]:
    """Return names of levels (``?`` is missing, ``*`` those of few patients) and how many rows each has."""
    mine, theirs = real.codes(field, {})[0], synthetic.codes(field, {})[0]
    names = [*field.levels, "?"]
    patients = [len(np.unique(real.patients[mine == place])) for place in range(len(names))]
    few = [place for place, n in enumerate(patients) if 0 < n < FEWEST]
    if few and sum(patients[place] for place in few) < FEWEST:
        rest = [place for place, n in enumerate(patients) if n >= FEWEST]
        few += sorted(rest, key=lambda place: patients[place])[:1]
    counts = [[int((codes == place).sum()) for place in range(len(names))] for codes in (mine, theirs)]
    kept = [place for place in range(len(names)) if place not in few and (counts[0][place] or counts[1][place])]
    out = [[side[place] for place in kept] for side in counts]
    shown: list[Any] = [names[place] for place in kept]
    if few:
        shown.append("*")
        for side, all_of in zip(out, counts, strict=True):
            side.append(sum(all_of[place] for place in few))
    return shown, (out[0], out[1]), "levels"


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
    if any(gone) and (gone[0] == 0 or len(np.unique(real.patients[~present])) >= FEWEST):
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


def together(real: Table, synthetic: Table, scores: Scores) -> dict[str, Any]:
    """Return how strongly each two columns go together in R and in S, from 0 to 1, and how alike that is."""
    names = [field.name for field in real.fields][:MOST_COLUMNS]
    edges = edges_of(real)
    shown = len(np.unique(real.patients)) >= FEWEST
    return {
        "names": names,
        "real": _strengths(real, names, edges) if shown else [],
        "synthetic": _strengths(synthetic, names, edges),
        "alike": [[None if v is None else round(v, 3) for v in row] for row in matrix(scores, names)],
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
        return round(float(min(1.0, abs(np.corrcoef(x, y)[0, 1]))), 3)
    (u, wide), (v, high) = table.codes(a, edges), table.codes(b, edges)
    counts = np.bincount(u * high + v, minlength=wide * high).reshape(wide, high).astype(np.float64)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    least = min(counts.shape) - 1
    if least < 1:
        return None
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / counts.sum()
    return round(float(np.sqrt(((counts - expected) ** 2 / expected).sum() / counts.sum() / least)), 3)


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
