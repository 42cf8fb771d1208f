"""Of what use synthetic rows are: models fitted on one side and tested on another, and a detector of synthetic rows.

Inputs: numbers as they are (missing: R's mean and an indicator), levels one-hot. By the target (``targets``):

| | ``logistic``: linear | ``forest``: 150 trees, min_samples_leaf=3, random_state=0 |
|---|---|---|
| classes, each label | StandardScaler, LogisticRegression(max_iter=500) | RandomForestClassifier |
| number | StandardScaler, Ridge | RandomForestRegressor |
| survival | ``cox`` | RandomForestRegressor of ``cox.residuals`` |
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from node.learning.data.schema import Target
from node.learning.metrics import auroc
from node.learning.synth.measure import targets
from node.learning.synth.measure.bootstrap import bounds, weighted_auroc, weights
from node.learning.synth.measure.cox import fit_cox, residuals
from node.learning.synth.measure.gate import Figure
from node.learning.synth.measure.tables import Doubles, Integers, Space, Table
from node.learning.synth.measure.targets import GUESS, Truth, truth_of

MODELS = ("logistic", "forest")
FOLDS = 5
TREES = 150


def model_of(name: str, *, number: bool = False) -> Any:
    """Return an unfitted model of scikit-learn, of classes or of a number."""
    # 2 s to import, only where models are fitted.
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if name == "logistic":
        return make_pipeline(StandardScaler(), Ridge() if number else LogisticRegression(max_iter=500))
    return (RandomForestRegressor if number else RandomForestClassifier)(TREES, min_samples_leaf=3, random_state=0)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What models see: inputs (n, width) without labels, and the truth; rows without it are left out."""

    x: Doubles
    truth: Truth
    patients: Integers

    @classmethod
    def of(cls, table: Table, space: Space) -> Inputs | None:
        """Return a table's inputs by R's means; None if it has nothing to predict."""
        found = truth_of(table)
        if found is None:
            return None
        truth, kept = found
        return cls(space.place(table)[kept], truth, table.patients[kept])


def inputs_of(real: Table, *others: Table) -> list[Inputs] | None:
    """Return inputs of R and others by R's levels and means; None if there is nothing to predict."""
    space = Space.of(real, [field.name for field in real.fields if field.label])
    found = [Inputs.of(table, space) for table in (real, *others)]
    known = [one for one in found if one is not None]
    return known if len(known) == len(found) else None


def predictions(name: str, fitted_on: Inputs, tested_on: Inputs) -> Doubles | None:
    """Return scores (n, width) by a model fitted on one side; None if that side has nothing to tell apart."""
    truth, x = fitted_on.truth, tested_on.x
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit that stopped early is judged by its figures, like any other
        match truth.target:
            case Target.NUMBER:
                return _regressed(name, fitted_on.x, truth.y[:, 0], x) if len(truth) else None
            case Target.SURVIVAL:
                time, event = truth.y[:, 0], truth.y[:, 1] > 0
                if not event.any():
                    return None
                if name == "logistic":
                    return fit_cox(fitted_on.x, time, event).predict(x)[:, None]
                return _regressed(name, fitted_on.x, residuals(time, event), x)
            case Target.LABELS:
                each = [_classified(name, fitted_on.x, truth.y[:, k], x, 2) for k in range(truth.width)]
                if all(one is None for one in each):
                    return None
                return np.stack([np.zeros(len(x)) if one is None else one[:, 1] for one in each], axis=1)
        return _classified(name, fitted_on.x, truth.y[:, 0], x, truth.width)


def _classified(name: str, x: Doubles, y: Doubles, tested: Doubles, classes: int) -> Doubles | None:
    """Return the probability of each class, (n, classes); None if there is one class to fit on."""
    seen = np.unique(y).astype(np.int64)
    if len(seen) < 2:
        return None
    model = model_of(name).fit(x, y.astype(np.int64))
    out = np.zeros((len(tested), classes))
    if len(tested):
        out[:, seen] = model.predict_proba(tested)
    return out


def _regressed(name: str, x: Doubles, y: Doubles, tested: Doubles) -> Doubles:
    if not len(tested):
        return np.empty((0, 1))
    return np.asarray(model_of(name, number=True).fit(x, y).predict(tested), np.float64)[:, None]


def transfer(name: str, fitted_on: Inputs, tested_on: Inputs, seed: int | None, against: float | None = None) -> Figure:
    """Return the figure of a model fitted on one side and tested on the other, with bounds over the tested patients.

    A side to fit on with nothing to tell apart gives what a guess does; one to test on makes it undefined.
    """
    truth, patients = tested_on.truth, tested_on.patients
    if why := targets.lacking(truth, patients):
        return Figure(None, against=against, why=why)
    said = predictions(name, fitted_on, tested_on)
    if said is None:
        return Figure(GUESS[truth.figure], against=against)
    value = targets.score(said, truth, patients)
    if seed is None:
        return Figure(value, against=against)
    parts = [targets.drawn(said, truth, patients, block) for block in weights(patients, seed)]
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
