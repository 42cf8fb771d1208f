"""Which plans with ``robustness = "buckets"`` are refused: where parts would be too few or too small to hide in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol.buckets import BUCKETS, LEAST_DEGREE, LEAST_MEMBERS, LEAST_PARTS
from protocol.errors import PlanError
from protocol.weights import METROPOLIS

if TYPE_CHECKING:
    from protocol.plan import Plan

_SAID = 'robustness = "buckets"'
_OTHER = 'or robustness = "clip_sum" with clip.'


def check_buckets(plan: Plan) -> None:
    """Refuse a plan whose neighbourhoods cannot be cut, or whose other values do not go with it.

    Raises:
        PlanError: The first rule that it breaks.
    """
    if plan.robustness != BUCKETS:
        return
    if plan.exchange == "diff" or plan.aggregation == "network":
        other = 'exchange = "diff"' if plan.exchange == "diff" else 'aggregation = "network"'
        raise PlanError(
            rule="buckets-full",
            found=f"{_SAID} with {other}",
            expected='exchange = "full" between neighbours: means are compared as they are, each round anew',
            fix=f'Set exchange = "full" and aggregation = "neighbourhood", {_OTHER}',
        )
    if plan.weights == METROPOLIS:
        raise PlanError(
            rule="buckets-weights",
            found=f'{_SAID} with weights = "metropolis"',
            expected='"uniform": the middle of several means has no neighbours to weigh',
            fix='Set weights = "uniform".',
        )
    if plan.masking["on_unmaskable"] == "disclose":
        raise PlanError(
            rule="buckets-disclose",
            found=f'{_SAID} with masking.on_unmaskable = "disclose"',
            expected='"refuse": every bucket is masked',
            fix='Set masking.on_unmaskable = "refuse", or robustness = "clear" for values that travel without masks.',
        )
    if len(plan.graphs) > 1:
        raise PlanError(
            rule="buckets-graphs",
            found=f"{_SAID} with {len(plan.graphs)} graphs",
            expected="one graph: sums over parts that change say more than those of one cut",
            fix=f"Use one graph, {_OTHER}",
        )
    for name in plan.regions:
        _parts(plan, name)


def _parts(plan: Plan, name: str) -> None:
    parts, round = plan.parts(name, plan.first_round), plan.first_round
    degree = plan.degree(name, round)
    if degree < LEAST_DEGREE:
        raise PlanError(
            rule="buckets-degree",
            found=f"{_SAID} where {name} has {degree} neighbours in round {round}",
            expected=f"at least {LEAST_DEGREE} at every region: {LEAST_PARTS} buckets of {LEAST_MEMBERS}",
            fix=f"Use a topology with more neighbours, {_OTHER}",
        )
    sizes = ", ".join(str(part.degree) for part in parts)
    if len(parts) < LEAST_PARTS or min(part.degree for part in parts) < LEAST_MEMBERS:
        raise PlanError(
            rule="buckets-groups",
            found=f"{_SAID} where the neighbours of {name} fall into groups that go together: buckets of {sizes}",
            expected=f"at least {LEAST_PARTS} of at least {LEAST_MEMBERS}, no group being cut",
            fix=f'Set masking.survivors = "free", use a topology of more groups, {_OTHER}',
        )
    for part in parts:
        if not part.is_maskable:
            raise PlanError(
                rule="unmaskable",
                found=f"a bucket of {name} has {part.degree} regions ({', '.join(part.names)})",
                expected=f"at least {part.needed} to hide among, {part.colluders} of whom may be in league with {name}",
                fix=f"Lower masking.min_hidden or masking.colluders, {_OTHER}",
            )
