"""What somebody could learn of a patient from synthetic rows: guessing a column, singling out by quasi-identifiers.

Membership is in ``distance``. Every attack is measured beside the same through rows of other patients (H): what
holds for everybody alike is no leak.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from node.learning.synth.measure.bootstrap import bounds, weights
from node.learning.synth.measure.distance import nearest
from node.learning.synth.measure.gate import Figure
from node.learning.synth.measure.tables import Doubles, Integers, Space, Table, edges_of

Guesser = Callable[[Table], tuple[Doubles, int]]


def attribute_inference(real: Table, held: Table, synthetic: Table, column: str, seed: int) -> tuple[Figure, Figure]:
    """Return how often a column of R is guessed from its nearest row of S by the other columns, and the gain over H.

    H and S are drawn to the smaller of them, so that both guess from equally many rows. A number is guessed when it
    falls in the same of R's 10 bins. The first figure's ``against`` is the same through H.
    """
    field = next((one for one in real.fields if one.name == column), None)
    few = min(len(held), len(synthetic))
    if field is None or len(real.fields) < 2:
        return Figure(None, why="no_sensitive"), Figure(None, why="no_sensitive")
    edges = edges_of(real)
    truth, width = real.codes(field, edges)
    known = np.flatnonzero(truth < width - 1)
    if few < 1 or not len(known):
        return Figure(None, why="few_rows"), Figure(None, why="few_rows")
    if len(np.unique(truth[known])) < 2:
        return Figure(None, why="constant"), Figure(None, why="constant")
    space = Space.of(real, [column])
    places = space.place(real)[known]

    def hits(among: Table) -> Doubles:
        some = among.drawn(few, seed)
        guess: Integers = some.codes(field, edges)[0][nearest(places, space.place(some))[1]]
        return np.equal(guess, truth[known]).astype(np.float64)

    through, without = hits(synthetic), hits(held)
    patients = np.unique(real.patients[known], return_inverse=True)[1].astype(np.int64).reshape(-1)
    drawn = [(_share(block, through), _share(block, without)) for block in weights(patients, seed)]
    a, b = (np.concatenate(part) for part in zip(*drawn, strict=True))
    other, value = float(without.mean()), float(through.mean())
    return Figure(value, *bounds(a, value), other), Figure(value - other, *bounds(a - b, value - other))


def _share(rows: Doubles, hits: Doubles) -> Doubles:
    out: Doubles = (rows @ hits) / np.maximum(rows.sum(axis=1), 1)
    return out


def k_map(real: Table, synthetic: Table, k: int) -> tuple[Figure, Figure, int]:
    """Return which shares of S match fewer than k patients of R by the quasi-identifiers, and which match nobody.

    Numbers count in the classes of the manifest's ``band``, or in R's 10 bins without one. The third is how many rows
    the first share is.
    """
    quasi = [field for field in real.fields if field.quasi]
    if not quasi:
        return Figure(None, why="no_quasi"), Figure(None, why="no_quasi"), 0
    if not len(synthetic):
        return Figure(None, why="few_rows"), Figure(None, why="few_rows"), 0
    keys = [_classes(table, real) for table in (real, synthetic)]
    both = np.unique(np.concatenate(keys), axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
    mine, theirs = both[: len(real)], both[len(real) :]
    pairs = np.unique(np.stack([mine, real.patients], axis=1), axis=0)[:, 0]  # a patient counts once in a class
    count = np.bincount(pairs, minlength=int(both.max()) + 1)[theirs]
    few, none = (count > 0) & (count < k), count == 0
    return Figure(float(few.mean())), Figure(float(none.mean())), int(few.sum())


def _classes(table: Table, real: Table) -> Integers:
    edges, out = edges_of(real), []
    for field in table.fields:
        if field.quasi:
            values = table.values[field.name]
            if field.is_number and field.band:
                gone = np.isnan(values)
                out.append(np.where(gone, -(2**40), np.floor(np.where(gone, 0, values) / field.band)).astype(np.int64))
            else:
                out.append(table.codes(field, edges)[0])
    return np.stack(out, axis=1)
