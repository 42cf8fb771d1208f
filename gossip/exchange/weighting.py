"""How much a region's local update counts: alike for every region, or as its patients do.

With ``weighting = "patient"`` a region scales the change of its local round by n_i / mean n **before** it becomes
integers; what is sent is the model so obtained, and mixing stays as it is. (Scaling what is sent would break
consensus: four equal models 1 with factors .5, 1.5, 1, 1 would mix to .5, 1.5, 1, 1.) The plan bounds the factor;
a larger one is cut, and said. n_i itself is never sent: it is the first integer of the stage ``count``.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from gossip.step import Step
from gossip.studies.context import StudyContext

COUNT = "count"


def own_count(context: StudyContext) -> str:
    """Name of the state file with this region's number of patients; it never leaves the region."""
    return f"patients/{context.study.hex()}"


def keep_count(context: StudyContext, step: Step, stage: str, own: NDArray[np.int64]) -> None:
    """Remember this region's number of patients when its stage is counted."""
    if stage == COUNT and context.plan.weighting == "patient":
        step.blob(own_count(context), int(own[0]).to_bytes(9, "big", signed=True), durable=True)


def forget_count(context: StudyContext, step: Step) -> None:
    """The study is over: the number is needed no more."""
    if context.plan.weighting == "patient":
        step.blob(own_count(context), None)


def factor(context: StudyContext) -> tuple[Fraction, bool]:
    """Return what this region's local update is multiplied by, and whether the plan's bound has cut it.

    Raises:
        ValueError: The region's own number of patients is gone from its disk, or nobody has any.
    """
    plan = context.plan
    if plan.weighting != "patient":
        return Fraction(1), False
    stored = context.blob(own_count(context))
    if stored is None:
        raise ValueError("this region's number of patients is gone from its disk; its update cannot be weighted")
    place = plan.sums.index(COUNT)
    total = int(context.opened[place].total[0])
    return share(int.from_bytes(stored, "big", signed=True), total, plan.n, plan.weighting_max_u)


def share(own: int, total: int, regions: int, most_u: int) -> tuple[Fraction, bool]:
    """Return n_i / mean n, at least 0 and at most the bound, and whether the bound has cut it.

    Args:
        own, total: Numbers of patients; noise may have made ``own`` negative.
        most_u: The bound in 1e-6.

    Raises:
        ValueError: A total of nobody.
    """
    if total < 1:
        raise ValueError(f"a total of {total} patients; weights follow from at least one")
    exact, most = Fraction(max(0, own) * regions, total), Fraction(most_u, 10**6)
    return min(exact, most), exact > most


def scaled(before: NDArray[np.float32], after: NDArray[np.float32], by: Fraction) -> NDArray[np.float32]:
    """Return before + by (after - before) in float64, rounded once; ``after`` itself where the factor is 1."""
    if by == 1:
        return after
    change = after.astype(np.float64) - before
    change *= float(by)
    change += before
    return change.astype(np.float32)


def weighted(context: StudyContext, before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the model with its local update weighted as the plan says; a cut factor is said once.

    Raises:
        ValueError: As ``factor``.
    """
    by, is_cut = factor(context)
    if is_cut:
        most = context.plan.weighting_max_u / 1e6
        context.warn(f"this region's weight by patients is cut to {most:g} times the mean")
    return scaled(before, after, by)
