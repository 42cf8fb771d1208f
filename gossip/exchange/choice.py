"""Which exchange a study uses, taken up where earlier runs of this region left it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gossip.exchange.diff import Diff
from gossip.exchange.values import Exchange, Full
from gossip.studies.context import StudyContext
from gossip.studies.past import Past
from protocol.steps import parts_of


def exchange_for(context: StudyContext, past: Past, reference: NDArray[np.float32]) -> Exchange:
    """Return the exchange that the plan names.

    Args:
        past: What the region's log says of earlier runs.
        reference: The study's initial model, float32 (dim,).

    Raises:
        ValueError: The plan's steps go by names of parameters, and the worker has not said where they lie.
    """
    plan = context.plan
    parts_of(plan.step_log2, plan.end_round, context.layout, plan.dim)
    if plan.exchange == "full":
        return Full(plan, context.me, reference, context.code, context.layout)
    diff = Diff(plan, context.me, reference, context.layout)
    mixed = max((round for round in [*past.models, past.lost] if round >= plan.first_round), default=-1)
    diff.restore(context.blob, past.announced if past.announced >= plan.first_round else -1, past.masked, mixed)
    return diff
