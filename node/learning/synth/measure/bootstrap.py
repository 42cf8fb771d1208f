"""Bounds by bootstrap over patients: all draws at once, as weights of rows.

A draw takes as many patients as there are, with repeats; a row weighs as often as its patient was drawn. What is
released is fixed, so synthetic rows are not drawn. Bounds are percentiles of the draws, moved so that the draws'
mean is the figure: repeats alone push distributions apart and thin out neighbours, which says nothing of the data.

Source: Efron and Tibshirani (1993), chapters 10 (the bias of draws) and 13 (percentiles).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from node.learning.synth.measure.tables import Doubles, Integers

DRAWS = 1000
BLOCK = 4_000_000  # weights that are held at once
TAIL = 0.025


def weights(patients: Integers, seed: int, *, beside: int = 0) -> Iterator[Doubles]:
    """Yield blocks of rows' weights, float64 (some draws, n), ``DRAWS`` in all; the same for equal seeds.

    Args:
        beside: Rows of another group whose blocks must have the same size.
    """
    if not len(patients):
        return
    times = _times(DRAWS, int(patients.max()) + 1, seed)
    block = max(1, BLOCK // max(1, len(patients), beside))
    for start in range(0, DRAWS, block):
        yield times[start : start + block][:, patients].astype(np.float64)


@lru_cache(maxsize=8)  # the same draws serve every column and pair
def _times(draws: int, count: int, seed: int) -> NDArray[np.uint16]:
    """Return how often each of so many patients is drawn, (draws, count)."""
    rng, out = np.random.default_rng(seed), np.empty((draws, count), np.uint16)
    for one in out:
        one[:] = np.bincount(rng.integers(0, count, count), minlength=count)
    return out


def bounds(values: Doubles, value: float | None) -> tuple[float | None, float | None]:
    """Return the 2.5 and 97.5 percentile of the draws about a figure, within [-1, 1].

    None where the figure, or every draw of it, is undefined.
    """
    known = values[np.isfinite(values)]
    if value is None or not len(known):
        return None, None
    low, high = np.clip(np.quantile(known, [TAIL, 1 - TAIL]) - known.mean() + value, -1, 1)
    return float(low), float(high)


def weighted_auroc(scores: Doubles, positive: NDArray[np.bool_], rows: Doubles) -> Doubles:
    """Return the area under the ROC curve of each draw, ties counted half; NaN where only one class was drawn.

    Args:
        scores, positive: (n,).
        rows: Weights, (draws, n).
    """
    order = np.argsort(scores, kind="stable")
    first = np.flatnonzero(np.diff(scores[order], prepend=-np.inf) != 0)  # of equal scores
    sorted_rows = rows[:, order]
    ones = np.add.reduceat(np.where(positive[order], sorted_rows, 0), first, axis=1)
    zeros = np.add.reduceat(np.where(positive[order], 0, sorted_rows), first, axis=1)
    pairs = ones.sum(axis=1) * zeros.sum(axis=1)
    below = np.cumsum(zeros, axis=1) - zeros / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(pairs > 0, (ones * below).sum(axis=1) / np.maximum(pairs, 1), np.nan)


def two_sided(
    value: float, first: Integers, second: Integers, of: Callable[[Doubles, Doubles], Doubles], seed: int
) -> tuple[float | None, float | None]:
    """Return bounds of a figure of two groups whose patients are drawn apart.

    Args:
        first, second: Patients of the rows of each.
        of: From the weights of both, (draws, n) and (draws, m), to the figure of each draw.
    """
    if not len(first) or not len(second):
        return None, None
    pairs = zip(weights(first, seed, beside=len(second)), weights(second, seed + 1, beside=len(first)), strict=True)
    return bounds(np.concatenate([of(a, b) for a, b in pairs]), value)
