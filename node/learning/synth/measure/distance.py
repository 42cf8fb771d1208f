"""Distances between rows, and what they tell of who was in training.

Euclidean distance in ``tables.Space`` (of images: in pixels). The nearest neighbour is found by products of
matrices, block by block, and its distance computed again from the difference: products alone lose the digits
that tell a copy.
"""

from __future__ import annotations

import numpy as np

from node.learning.metrics import auroc
from node.learning.synth.measure.bootstrap import two_sided, weighted_auroc
from node.learning.synth.measure.gate import Figure
from node.learning.synth.measure.tables import Doubles, Integers

SAME = 1e-6
BLOCK = 8_000_000  # distances that are held at once
NEAREST = 50  # neighbours that are kept for the bootstrap of dcr_share


def squared(a: Doubles, b: Doubles) -> Doubles:
    """Return squared distances, (len(a), len(b)); never below 0."""
    out: Doubles = np.maximum((a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)[None] - 2 * (a @ b.T), 0.0)
    return out


def nearest(rows: Doubles, among: Doubles) -> tuple[Doubles, Integers]:
    """Return the distance of each row to its nearest among others, and that one's place; both (n,)."""
    places = np.zeros(len(rows), np.int64)
    if not len(among):
        return np.full(len(rows), np.inf), places
    step = max(1, BLOCK // len(among))
    for start in range(0, len(rows), step):
        places[start : start + step] = squared(rows[start : start + step], among).argmin(axis=1)
    exact = np.empty(len(rows))
    for start in range(0, len(rows), step):
        some = slice(start, start + step)
        exact[some] = np.sqrt(((rows[some] - among[places[some]]) ** 2).sum(axis=1))
    return exact, places


def exact_copies(synthetic: Doubles, real: Doubles) -> int:
    """Return how many synthetic rows lie within 1e-6 of a real one."""
    return int((nearest(synthetic, real)[0] < SAME).sum())


def membership(scores: tuple[Doubles, Doubles], patients: tuple[Integers, Integers], seed: int) -> Figure:
    """Return how well a score tells training rows (first) from held-out ones: AUROC with bounds.

    Args:
        scores: Higher means "was in training"; of R and of H.
        patients: Of the same rows.
    """
    both = np.concatenate(scores)
    was = np.repeat([True, False], [len(scores[0]), len(scores[1])])
    value = auroc(both, was)
    if value is None or not np.isfinite(both).all():
        return Figure(None, why="few_rows")

    def drawn(a: Doubles, b: Doubles) -> Doubles:
        return weighted_auroc(both, was, np.concatenate([a, b], axis=1))

    return Figure(value, *two_sided(value, *patients, drawn, seed))


def dcr_share(
    synthetic: Doubles, real: Doubles, held: Doubles, patients: tuple[Integers, Integers], seed: int
) -> Figure:
    """Return the share of synthetic rows nearer to R than to H, ties half; .5 is ideal.

    R and H are drawn to the smaller of them (seed 0). Bounds: patients of R and of H drawn apart; of each
    synthetic row the nearest rows are kept, of which the first that was drawn counts.
    """
    few = min(len(real), len(held))
    if few < 2 or not len(synthetic):
        return Figure(None, why="few_rows")
    mine, theirs = (np.sort(np.random.default_rng(0).permutation(len(x))[:few]) for x in (real, held))
    to_real, to_held = nearest(synthetic, real[mine])[0], nearest(synthetic, held[theirs])[0]
    close = np.abs(to_real - to_held) <= 1e-12
    value = float(np.where(close, 0.5, to_real < to_held).mean())
    among = np.concatenate([real[mine], held[theirs]])
    keep = min(NEAREST, len(among))
    order = np.empty((len(synthetic), keep), np.int64)
    gaps = np.empty((len(synthetic), keep))
    step = max(1, BLOCK // len(among))
    for start in range(0, len(synthetic), step):
        found = squared(synthetic[start : start + step], among)
        best = np.argpartition(found, keep - 1, axis=1)[:, :keep]
        sort = np.take_along_axis(found, best, axis=1).argsort(axis=1, kind="stable")
        order[start : start + step] = np.take_along_axis(best, sort, axis=1)
        gaps[start : start + step] = np.take_along_axis(found, order[start : start + step], axis=1)
    which = (patients[0][mine], patients[1][theirs])
    which = (np.unique(which[0], return_inverse=True)[1], np.unique(which[1], return_inverse=True)[1])

    def drawn(a: Doubles, b: Doubles) -> Doubles:
        there = np.concatenate([a > 0, b > 0], axis=1)
        return np.array([_nearer(one, order, gaps, few) for one in there])

    return Figure(value, *two_sided(value, *which, drawn, seed))


def _nearer(there: np.ndarray, order: Integers, gaps: Doubles, few: int) -> float:
    """Return the share of rows whose first neighbour that is there is one of R (a place below ``few``), ties half."""
    here = there[order]
    first = here.argmax(axis=1)
    rows = np.flatnonzero(here.any(axis=1))
    if not len(rows):
        return float("nan")
    at = first[rows]
    real = order[rows, at] < few
    # A tie: another neighbour of the other side as near.
    least = gaps[rows, at][:, None]
    tied = (here[rows] & (np.abs(gaps[rows] - least) <= 1e-12) & ((order[rows] < few) != real[:, None])).any(axis=1)
    return float(np.where(tied, 0.5, real).mean())
