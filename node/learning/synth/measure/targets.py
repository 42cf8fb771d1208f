"""What is learned from a table, by its kind: what is to be predicted, and the figure that tells how well it was.

| target | figure | a guess has | |
|---|---|---|---|
| classes | ``auroc`` | .5 | of more than two the mean of each against the rest |
| several labels | ``auroc`` | .5 | the mean over labels |
| number | ``r2`` | 0 | share of the spread that is explained; what lies below -1 is -1 |
| survival | ``c_index`` | .5 | Harrell's: of two patients, does the one with the higher risk have the event first |

A figure needs ``FEWEST`` patients on each side of what it tells apart (with the class and without; with the event; with
a number): of fewer it is noise, and says something of each of them. A class or label of fewer is left out of a mean.

Sources: ``metrics``, whose figures these are; Harrell et al. (1982).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from node.learning.data.schema import Target
from node.learning.metrics import auroc, c_index, number_figures
from node.learning.synth.measure.bootstrap import weighted_auroc
from node.learning.synth.measure.tables import FEWEST, Doubles, Field, Integers, Table

FIGURES = {Target.CLASSES: "auroc", Target.LABELS: "auroc", Target.NUMBER: "r2", Target.SURVIVAL: "c_index"}
"""By the target, what use is measured by: the end of ``tstr_…``, ``trtr_…`` and ``trts_…``."""

GUESS = {"auroc": 0.5, "c_index": 0.5, "r2": 0.0}
"""What a figure is of a model that says the same of everybody."""

LEAST = -1.0  # of R2, which has no lower end: worse is told as this


@dataclass(frozen=True, slots=True)
class Truth:
    """What is to be predicted of some rows.

    Attributes:
        y: float64 (n, t): the class's number; the number; 0 or 1 of each label; time, and 1 where the event was seen.
        width: How many scores a prediction has of each row: classes or labels, else one.
    """

    target: Target
    y: Doubles
    width: int

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: Integers) -> Truth:
        """Return these rows, in this order."""
        return Truth(self.target, self.y[rows], self.width)

    def joined(self, other: Truth) -> Truth:
        """Return these rows and then the other's."""
        return Truth(self.target, np.concatenate([self.y, other.y]), self.width)

    @property
    def figure(self) -> str:
        """What use is measured by: a key of ``GUESS``."""
        return FIGURES[self.target]

    def sides(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield, of each class or label that a figure is the mean of, its place and which rows are of it."""
        match self.target:
            case Target.CLASSES:
                yield from (
                    (k, self.y[:, 0] == k) for k in (range(1, 2) if self.width == 2 else range(self.width))
                )  # fmt: skip
            case Target.LABELS:
                yield from ((k, self.y[:, k] > 0) for k in range(self.width))


def truth_of(table: Table) -> tuple[Truth, Integers] | None:
    """Return what a table asks to predict, and the rows that have it; None if its labels are of no known form."""
    labels = [field for field in table.fields if field.label]
    numbers, levels = [one for one in labels if one.is_number], [one for one in labels if not one.is_number]
    match len(numbers), len(levels):
        case 0, 1:
            return _known(table, levels, Target.CLASSES, len(levels[0].levels))
        case 0, n if n > 1:
            return _known(table, levels, Target.LABELS, n)
        case 1, 0:
            return _known(table, numbers, Target.NUMBER, 1)
        case 1, 1:
            return _known(table, [*numbers, *levels], Target.SURVIVAL, 1)
    return None


def _known(table: Table, fields: list[Field], target: Target, width: int) -> tuple[Truth, Integers]:
    y = np.stack([table.values[field.name] for field in fields], axis=1)
    kept = np.flatnonzero(np.isfinite(y).all(axis=1))
    return Truth(target, y[kept], width), kept


def lacking(truth: Truth, patients: Integers) -> str:
    """Return why no figure of predictions can be had on these rows, a code of ``words.WHY``; "" where one can."""
    if not len(truth):
        return "few_rows"
    match truth.target:
        case Target.NUMBER:
            if len(np.unique(truth.y[:, 0])) < 2:
                return "constant"
            return "" if len(np.unique(patients)) >= FEWEST else "few_rows"
        case Target.SURVIVAL:
            event = truth.y[:, 1] > 0
            if len(np.unique(patients[event])) < FEWEST:
                return "few_events"
            return "" if c_index(np.zeros(len(truth)), truth.y[:, 0], event) is not None else "few_events"
    if _counted(truth, patients):
        return ""
    return "few_cases" if any(of.any() and not of.all() for _, of in truth.sides()) else "one_class"


def _counted(truth: Truth, patients: Integers) -> list[tuple[int, np.ndarray]]:
    """Return the classes or labels that enough patients have, and enough have not."""
    return [
        (k, of) for k, of in truth.sides() if min(len(np.unique(patients[of])), len(np.unique(patients[~of]))) >= FEWEST
    ]


def score(said: Doubles, truth: Truth, patients: Integers) -> float:
    """Return the figure of predictions (n, width); to be asked where nothing is ``lacking``.

    A prediction of classes and labels is a score of each, of a number the number, of survival the risk.
    """
    match truth.target:
        case Target.NUMBER:
            return max(LEAST, number_figures(said[:, 0], truth.y[:, 0])["r2"] or 0.0)
        case Target.SURVIVAL:
            return c_index(said[:, 0], truth.y[:, 0], truth.y[:, 1] > 0) or 0.0
    return float(np.mean([auroc(said[:, k], of) for k, of in _counted(truth, patients)]))


def drawn(said: Doubles, truth: Truth, patients: Integers, rows: Doubles) -> Doubles:
    """Return the figure of each draw of rows with weights (draws, n); NaN where a draw has none."""
    match truth.target:
        case Target.NUMBER:
            return _weighted_r2(said[:, 0], truth.y[:, 0], rows)
        case Target.SURVIVAL:
            return _weighted_c_index(said[:, 0], truth.y[:, 0], truth.y[:, 1] > 0, rows)
    parts = [weighted_auroc(said[:, k], of, rows) for k, of in _counted(truth, patients)]
    out: Doubles = np.mean(parts, axis=0)
    return out


def _weighted_r2(said: Doubles, true: Doubles, rows: Doubles) -> Doubles:
    total = rows.sum(axis=1)
    mean = rows @ true / np.maximum(total, 1)
    spread = rows @ (true - true.mean()) ** 2 - total * (mean - true.mean()) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(spread > 0, np.maximum(LEAST, 1 - rows @ (true - said) ** 2 / spread), np.nan)


def _weighted_c_index(risk: Doubles, time: Doubles, event: np.ndarray, rows: Doubles) -> Doubles:
    """As ``metrics.concordant_pairs``, a pair weighing the product of its rows'; events block by block."""
    right, pairs = np.zeros(len(rows)), np.zeros(len(rows))
    events = np.flatnonzero(event)
    edges = [*range(0, len(events), 256), len(events)]
    for start, stop in pairwise(edges):
        some = events[start:stop]
        later = (time > time[some, None]) | ((time == time[some, None]) & ~event)  # (events, n)
        ahead = np.where(later, (risk < risk[some, None]) + 0.5 * (risk == risk[some, None]), 0.0)
        right += (rows[:, some] * (rows @ ahead.T)).sum(axis=1)
        pairs += (rows[:, some] * (rows @ later.T.astype(np.float64))).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(pairs > 0, right / np.maximum(pairs, 1), np.nan)
