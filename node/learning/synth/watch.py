"""Looks at what a generator of tables makes after each round, and goes back where it has gone astray.

| looked at | astray |
|---|---|
| weights and losses | not finite |
| places that rows of all regions have, never made in ``SAMPLES`` rows | over a quarter of them |
| where no shares were opened: columns of which one place alone is made | over a quarter of them |
| mean distance between made rows, over that between real ones | below .7 |
| pairs of equal made rows, beyond those among real ones | over a tenth |
| share of rows that D tells apart | above .95 for 50 steps and made rows near each other (below .85) |
| AUROC on own validation rows of a line fitted on made rows | .1 below its best |

Back means: the generator becomes its last good running mean, D is what it was then, moments begin anew, and the
learning rate here is halved; it is counted. What is kept for that stays in the region. With differential privacy
weights and made rows alone are looked at: what a real row decided would be in what is sent, and outside epsilon.

A D that tells all apart is no harm by itself: with 30 rows of its own it always does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from node.learning.metrics import auroc
from node.learning.synth.coding import TableCoding
from node.learning.task import BACKS, Encoded, Local
from node.learning.vectors import Arrays, Floats

SAMPLES = 256
CALM = 100  # steps before which nothing but finiteness is looked at
MISSED, NEAR, EQUAL, CERTAIN, CERTAIN_STEPS, CLOSE, WORSE = 0.25, 0.7, 0.1, 0.95, 50, 0.85, 0.1
LEAST_SHARE = 0.02  # of rows: rarer places may be missed in so few samples
FEWEST_ROWS, FEWEST_OF_CLASS = 20, 5  # validation rows from which on AUROC is a figure
LEAST_RATE = 1 / 16
RIDGE = 1.0
PREFIX = "watch."


@dataclass(frozen=True, slots=True)
class Look:
    """What made rows look like; None is undefined.

    Attributes:
        missed: Share of places, each with 2 % of rows or more, that no made row has; of a column whose shares were
            not opened it counts whether more than one place is made.
        spread: Mean distance between made rows over that between real ones.
        equal: Share of made rows that equal another one, beyond the same share of real ones.
        auroc: On real rows, of a line fitted on made ones.
    """

    missed: float
    spread: float | None
    equal: float | None
    auroc: float | None


def look(made: Floats, made_labels: NDArray[np.int64], real: Encoded, *, judged: Encoded | None = None) -> Look:
    """Return how made rows compare with real ones.

    Args:
        real: For distances; may have no row.
        judged: For the AUROC; None or few rows: undefined.
    """
    coding = real.coding
    assert coding is not None
    missed = _missed(made, coding)
    spread = equal = None
    if len(real) > 1:
        some = real.x[:: max(1, len(real) // SAMPLES)]
        apart = _apart(some)
        spread = _apart(made) / apart if apart > 0 else None
        equal = max(0.0, _equal(made, coding) - _equal(some, coding))
    return Look(missed, spread, equal, _told(made, made_labels, judged) if judged is not None else None)


def _missed(made: Floats, coding: TableCoding) -> float:
    wanted = never = 0
    for part in coding.parts:
        is_made = (made[:, part.at : part.until] > 0.5).any(axis=0)
        if part.shares is None:  # nobody knows which places rows have, but one alone is no table
            wanted += 1
            never += is_made.sum() < 2
            continue
        common = np.asarray(part.shares) >= LEAST_SHARE
        wanted += int(common.sum())
        never += int((common & ~is_made).sum())
    return never / wanted if wanted else 0.0


def _apart(x: Floats) -> float:
    """Return the mean Euclidean distance between two different rows."""
    if len(x) < 2:
        return 0.0
    squares = np.square(x).sum(axis=1)
    gaps = np.sqrt(np.maximum(squares[:, None] + squares - 2 * x @ x.T, 0))
    return float(gaps.sum(dtype=np.float64) / (len(x) * (len(x) - 1)))


def _equal(x: Floats, coding: TableCoding) -> float:
    """Return the share of rows whose places all equal those of another row; where a number stands within its bin counts
    by tenths."""
    rounded = x.copy()
    for at in coding.offsets:
        rounded[:, at] = np.round(5 * x[:, at])
    return 1 - len(np.unique(rounded, axis=0)) / max(1, len(x))


def _told(made: Floats, labels: NDArray[np.int64], rows: Encoded) -> float | None:
    """Return the mean over classes of the AUROC on real rows of a ridge line fitted on made ones."""
    areas = []
    coding = rows.coding
    assert coding is not None
    x = np.concatenate([made, np.ones((len(made), 1), np.float32)], axis=1).astype(np.float64)
    test = np.concatenate([rows.x, np.ones((len(rows), 1), np.float32)], axis=1).astype(np.float64)
    inner = x.T @ x + RIDGE * np.eye(x.shape[1])
    for k in range(len(coding.classes)):
        truth, learned = rows.y == k, labels == k
        if min(truth.sum(), (~truth).sum()) < FEWEST_OF_CLASS or not 0 < learned.sum() < len(learned):
            continue
        area = auroc(test @ np.linalg.solve(inner, x.T @ (2.0 * learned - 1)), truth)
        if area is not None:
            areas.append(area)
    return float(np.mean(areas)) if areas and len(rows) >= FEWEST_ROWS else None


# ---------------------------------------------------------------- going back


def finite(arrays: Arrays) -> bool:
    """Return whether all weights are finite."""
    return all(np.isfinite(value).all() for values in arrays.values() for value in values.values())


def rate_here(private: Mapping[str, Floats]) -> float:
    """Return what the learning rate is multiplied by in this region: halved at each step back."""
    return float(private.get(f"{PREFIX}rate", np.ones(1, np.float32))[0])


def astray(found: Look, private: dict[str, Floats], certain: list[bool], steps: int) -> str | None:
    """Return in words what has gone wrong; None if nothing. Keeps count of steps and of the best AUROC.

    Args:
        certain: Of each step of the round, whether D told nearly all rows apart; empty with privacy.
        steps: Done before this round.
    """
    run = int(private.get(f"{PREFIX}certain", np.zeros(1, np.float32))[0])
    for sure in certain:
        run = run + 1 if sure else 0
    private[f"{PREFIX}certain"] = np.array([run], np.float32)
    if steps < CALM:
        return None
    best = float(private.get(f"{PREFIX}best", np.zeros(1, np.float32))[0])
    if found.missed > MISSED:
        return f"{found.missed:.0%} of the bins and categories are never made"
    if found.spread is not None and found.spread < NEAR:
        return f"made rows lie at {found.spread:.2f} of the distance of real ones"
    if found.equal is not None and found.equal > EQUAL:
        return f"{found.equal:.0%} of made rows repeat others"
    if run >= CERTAIN_STEPS and found.spread is not None and found.spread < CLOSE:
        return f"the discriminator has told nearly all rows apart for {run} steps and made rows lie close together"
    if found.auroc is not None:
        if found.auroc < best - WORSE:
            return f"AUROC on validation rows fell to {found.auroc:.2f} from {best:.2f}"
        private[f"{PREFIX}best"] = np.array([max(best, found.auroc)], np.float32)
    return None


def remember(arrays: Arrays, private: dict[str, Floats], modules: Mapping[str, str]) -> None:
    """Keep what is good now: of each module (key) the one (value) that it goes back to."""
    for module, source in modules.items():
        for name, value in arrays[source].items():
            private[f"{PREFIX}good.{module}.{name}"] = value.copy()


def back(arrays: Arrays, local: Local, why: str) -> None:
    """Put the last good weights into ``arrays``, halve the rate, forget moments, count it; say so in ``local.notes``.

    Where nothing good was kept yet the weights stay, unless they are not finite: then the caller begins the round anew.
    """
    private = local.private
    for module, values in arrays.items():
        for name in values:
            good = private.get(f"{PREFIX}good.{module}.{name}")
            if good is not None:
                values[name] = good.copy()
    for name in [name for name in private if name.startswith("optimizer.")]:
        del private[name]
    rate = max(LEAST_RATE, rate_here(private) / 2)
    private[f"{PREFIX}rate"] = np.array([rate], np.float32)
    private[f"{PREFIX}certain"] = np.zeros(1, np.float32)
    private[BACKS] = np.append(private.get(BACKS, np.empty(0, np.float32)), np.float32(local.before))
    local.notes.append(f"{why}: back to the last good generator, learning rate here times {rate:g}")
