"""What a plan's own graphs and weights let a coalition see, and the bound that it sets itself.

The algebra is ``topologies``'; here a plan becomes the weights that it computes with, and a plan whose least
coalition is below its own ``masking.min_coalition`` is refused. Pure and without a clock: how much is
searched is bounded by counting, so that every region comes to the same answer.
"""

from __future__ import annotations

from protocol.buckets import BUCKETS
from protocol.errors import PlanError
from protocol.plan import Plan
from topologies.integers import Mixing, metropolis_mixing, uniform_mixing
from topologies.recommend import hidden_from
from topologies.schedule import Schedule

MOST_REGIONS = 200  # twins of more are not looked for: a proposal comes from another region


def mixing_of(plan: Plan) -> Mixing:
    """Return the weights that a plan's training rounds mix by, and who is sent single values.

    A whole-network sum is the complete graph: everybody learns the sum of all, which is that of all others
    once one's own is taken off. With masks off, every neighbour sees every value.
    """
    if plan.aggregation == "network":
        everybody = [(i, j) for j in range(plan.n) for i in range(j)]
        whole = Schedule(plan.n, [everybody])
        return uniform_mixing(whole, disclosed=_all_shown(plan, 1) if plan.masking["mode"] == "off" else None)
    schedule = Schedule(plan.n, plan.graphs)
    shown = [[i for i, name in enumerate(plan.regions) if around[name].disclosed] for around in plan.turn]
    if plan.masking["mode"] == "off":
        shown = _all_shown(plan, schedule.turn)
    if plan.weights == "metropolis":
        return metropolis_mixing(schedule, plan.weight_den, disclosed=shown)
    return uniform_mixing(schedule, disclosed=shown, parts=_cuts(plan))


def _cuts(plan: Plan) -> list[dict[int, list[list[int]]]] | None:
    """Return the buckets of each receiver, whose sums it opens each by itself; None where it opens one of all."""
    if plan.robustness != BUCKETS:
        return None
    index = {name: i for i, name in enumerate(plan.regions)}
    rounds = range(plan.first_round, plan.first_round + len(plan.graphs))
    return [
        {index[name]: [[index[one] for one in part.names] for part in plan.parts(name, round)] for name in plan.regions}
        for round in rounds
    ]


def check_min_coalition(plan: Plan) -> None:
    """Refuse a plan in which fewer than ``masking.min_coalition`` regions together see what another sends in a round.

    Raises:
        PlanError: Rule ``min-coalition``, with a coalition by name; also where it would take too long to prove.
    """
    bound = int(plan.masking["min_coalition"])
    if bound <= 1:
        return
    fix = f"Lower masking.min_coalition, or take a topology that hides better: {_commands(plan, bound)}."
    if plan.n > MOST_REGIONS:
        raise PlanError(
            rule="min-coalition", found=f"masking.min_coalition = {bound} over {plan.n} regions, too many to search",
            expected=f"at most {MOST_REGIONS} regions, or min_coalition = 1", fix="Set masking.min_coalition = 1.",
        )  # fmt: skip
    found = hidden_from(mixing_of(plan), bound - 1)
    if found.proved:
        return
    expected = f"at least {bound}, as masking.min_coalition says"
    if not found.coalition:
        words = f"it cannot be shown in good time that fewer than {bound} regions together see nobody's update"
        raise PlanError(rule="min-coalition", found=words, expected=expected, fix=fix)
    names = [plan.regions[i] for i in found.coalition]
    who = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    verb = "together see" if len(names) > 1 else "alone sees"
    raise PlanError(
        rule="min-coalition",
        found=f"{who} {verb} the update of {plan.regions[found.sees[0]]}: a coalition of {len(names)}",
        expected=expected,
        fix=fix,
    )


def _all_shown(plan: Plan, turn: int) -> list[list[int]]:
    return [list(range(plan.n))] * turn


def _commands(plan: Plan, bound: int) -> str:
    return f"`landsting topology compare --nodes {plan.n} --min-coalition {bound}`"
