"""A linear Cox model, fitted by Newton's steps: what logistic regression is to classes.

Maximises the partial likelihood (Breslow's for ties) less ½ |β|², inputs standardised: the same weight on β as
``LogisticRegression(C=1)`` has.

Sources: Cox (1972); Breslow (1974); Therneau, Grambsch and Fleming (1990) for the residuals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
STEPS = 30
CLOSE = 1e-8
HALVINGS = 20


@dataclass(frozen=True, slots=True)
class Cox:
    """A fitted model: ``predict`` gives the log of the risk, up to a constant; higher is earlier."""

    mean: Doubles
    spread: Doubles
    beta: Doubles

    def predict(self, x: Doubles) -> Doubles:
        """Return the risk of each row, (n,)."""
        out: Doubles = (x - self.mean) / self.spread @ self.beta
        return out


def fit_cox(x: Doubles, time: Doubles, event: NDArray[np.bool_]) -> Cox:
    """Return the model of inputs (n, width), times (n,) and whether each event was seen (n,); at least one was."""
    mean, spread = x.mean(axis=0), x.std(axis=0)
    spread[spread == 0] = 1.0
    order = np.argsort(-time, kind="stable")  # at risk at a time: all rows up to the last of that time
    z, t, seen = ((x - mean) / spread)[order], time[order], event[order]
    last = np.searchsorted(-t, -t[seen], side="right") - 1
    beta = np.zeros(x.shape[1])
    value, slope, bend = _likelihood(beta, z, seen, last)
    for _ in range(STEPS):
        step = np.linalg.solve(bend, slope)
        for _ in range(HALVINGS):
            after = _likelihood(beta + step, z, seen, last)
            if after[0] >= value:
                break
            step = step / 2
        else:
            break
        beta, gained = beta + step, after[0] - value
        value, slope, bend = after
        if gained < CLOSE:
            break
    return Cox(mean, spread, beta)


def _likelihood(
    beta: Doubles, z: Doubles, seen: NDArray[np.bool_], last: NDArray[np.int64]
) -> tuple[float, Doubles, Doubles]:
    """Return the penalised log likelihood, its slope, and minus its second derivative."""
    risk = z @ beta
    top = risk.max()
    w = np.exp(risk - top)
    s0, s1 = np.cumsum(w)[last], np.cumsum(w[:, None] * z, axis=0)[last]
    means = s1 / s0[:, None]
    value = float((risk[seen] - top - np.log(s0)).sum() - beta @ beta / 2)
    slope = (z[seen] - means).sum(axis=0) - beta
    # Each row is at risk at the events whose set reaches it: its share of each is w over the set's sum.
    reached = np.zeros(len(w))
    np.add.at(reached, last, 1 / s0)
    at_risk = np.cumsum(reached[::-1])[::-1]
    bend = (z * (w * at_risk)[:, None]).T @ z - means.T @ means + np.eye(len(beta))
    return value, slope, bend


def residuals(time: Doubles, event: NDArray[np.bool_]) -> Doubles:
    """Return the martingale residuals without any input, (n,): the event (0 or 1) less what was to be expected.

    What was to be expected at a time is the Nelson-Aalen sum of events over rows at risk. A regression of them ranks
    rows by risk.
    """
    order = np.argsort(time, kind="stable")
    t, seen = time[order], event[order]
    at_risk = len(t) - np.searchsorted(t, t, side="left")
    sums = np.cumsum(np.where(seen, 1 / at_risk, 0.0))
    expected = sums[np.searchsorted(t, t, side="right") - 1]
    out = np.empty(len(time))
    out[order] = seen - expected
    return out
