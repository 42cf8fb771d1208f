"""Of what use synthetic rows are: models fitted on one side and tested on another, and a detector of synthetic rows.

Inputs: numbers as they are (missing: R's mean and an indicator), levels one-hot. ``logistic`` is StandardScaler and
LogisticRegression(max_iter=500), ``forest`` RandomForest(150, min_samples_leaf=3, random_state=0). AUROC of more than
two classes is the mean of each against the rest.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from node.learning.metrics import auroc
from node.learning.synth.measure.bootstrap import bounds, weighted_auroc, weights
from node.learning.synth.measure.gate import Figure
from node.learning.synth.measure.tables import Doubles, Integers, Space, Table

MODELS = ("logistic", "forest")
FOLDS = 5
TREES = 150
CHANCE = 0.5


def model_of(name: str) -> Any:
    """Return an unfitted model of scikit-learn."""
    # 2 s to import, only where models are fitted.
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if name == "logistic":
        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    return RandomForestClassifier(TREES, min_samples_leaf=3, random_state=0)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What models see: inputs (n, width) without the label, and class numbers; rows without a class are left out."""

    x: Doubles
    y: Integers
    patients: Integers
    classes: int

    @classmethod
    def of(cls, table: Table, space: Space) -> Inputs | None:
        """Return a table's inputs by R's means; None if it has no classes to predict."""
        found = table.label()
        if found is None:
            return None
        y, classes = found
        kept = y >= 0
        return cls(space.place(table)[kept], y[kept], table.patients[kept], classes)


def inputs_of(real: Table, *others: Table) -> list[Inputs] | None:
    """Return inputs of R and others by R's levels and means; None if nothing to predict is a class."""
    space = Space.of(real, [field.name for field in real.fields if field.label])
    found = [Inputs.of(table, space) for table in (real, *others)]
    known = [one for one in found if one is not None]
    return known if len(known) == len(found) else None


def predictions(name: str, fitted_on: Inputs, tested_on: Inputs) -> Doubles | None:
    """Return the probability of each class, (n, classes), of a model fitted on one side; None if that has one class."""
    seen = np.unique(fitted_on.y)
    if len(seen) < 2:
        return None
    model = model_of(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit that stopped early is judged by its figures, like any other
        model.fit(fitted_on.x, fitted_on.y)
    out = np.zeros((len(tested_on.y), fitted_on.classes))
    if len(tested_on.y):
        out[:, seen] = model.predict_proba(tested_on.x)
    return out


def transfer(name: str, fitted_on: Inputs, tested_on: Inputs, seed: int | None, against: float | None = None) -> Figure:
    """Return the AUROC of a model fitted on one side and tested on the other, with bounds over the tested patients.

    A side of one class to fit on gives .5, for such a model says nothing; one to test on makes it undefined.
    """
    said = predictions(name, fitted_on, tested_on)
    present = np.unique(tested_on.y)
    if len(present) < 2:
        return Figure(None, against=against, why="one_class" if len(tested_on.y) else "few_rows")
    if said is None:
        return Figure(CHANCE, against=against)
    of = [int(present[-1])] if fitted_on.classes == 2 else [int(k) for k in present]
    areas = [auroc(said[:, k], tested_on.y == k) for k in of]
    value = float(np.mean([area for area in areas if area is not None]))
    if seed is None:
        return Figure(value, against=against)
    parts = [
        np.mean([weighted_auroc(said[:, k], tested_on.y == k, block) for k in of], axis=0)
        for block in weights(tested_on.patients, seed)
    ]
    return Figure(value, *bounds(np.concatenate(parts), value), against)


def detection(real: Table, synthetic: Table, seed: int) -> Figure:
    """Return how well a forest tells S from R, by 5 folds: .5 is not at all, 1 always. Bounds over R's patients."""
    return scored_detection(real, synthetic, seed)[0]


def scored_detection(real: Table, synthetic: Table, seed: int) -> tuple[Figure, Doubles, np.ndarray]:
    """Return the figure, the held-out score of each row of R and then of S, and which are synthetic."""
    from sklearn.model_selection import StratifiedGroupKFold  # 2 s

    if min(len(real), len(synthetic)) < 2 * FOLDS or len(np.unique(real.patients)) < FOLDS:
        return Figure(None, why="few_rows"), np.empty(0), np.empty(0, bool)
    space = Space.of(real)
    x = np.concatenate([space.place(real), space.place(synthetic)])
    made = np.repeat([False, True], [len(real), len(synthetic)])
    groups = np.concatenate([real.patients, len(real) + np.arange(len(synthetic))])  # no patient on both sides
    scores = np.zeros(len(x))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed % 2**32)
    for fit, test in folds.split(x, made, groups):
        scores[test] = model_of("forest").fit(x[fit], made[fit]).predict_proba(x[test])[:, 1]
    value = auroc(scores, made)
    parts = [
        weighted_auroc(scores, made, np.concatenate([block, np.ones((len(block), len(synthetic)))], axis=1))
        for block in weights(real.patients, seed)
    ]
    return Figure(value, *bounds(np.concatenate(parts), value)), scores, made
