"""Which plans are refused for their numbers: rings, steps, weights, exchange, bounds against false updates.

Part of ``plan_rules``: a plan that passes here never makes a sum that wraps, a weight without an inverse, or a
bound that cannot be computed exactly.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from protocol.errors import PlanError
from protocol.steps import finest
from protocol.weights import METROPOLIS

if TYPE_CHECKING:
    from protocol.plan import Plan

LEAST_X_MAX = 15
LEAST_REACH = {"full": 0.5, "diff": 1 / 64}
FINEST = 40  # a model may move 2^62 / 2^40 from where the study began
WIDEST = 24  # between the finest and the coarsest step
LONGEST = (1 << 32) - 1  # coordinates of a step are bounded by this before its length is taken
ALARM = 10
WHOLE_BP, WHOLE_U = 10_000, 1_000_000
CLEAR = ("clear", "clear-nearest", "clear-trimmed")


def check_numbers(plan: Plan) -> None:
    """Refuse a plan whose numbers contradict each other.

    Raises:
        PlanError: The first rule that it breaks.
    """
    _weights(plan)
    _robustness(plan)
    if plan.exchange == "diff":
        _diff(plan)
    else:
        _only_diff(plan)
    if plan.ring == 8 and plan.dp is None:
        raise PlanError(
            rule="ring-8",
            found="ring = 8 without [dp]",
            expected="noise whose size says how coarse the steps may be",
            fix="Use ring = 16, or add a [dp] table.",
        )


def check_range(plan: Plan) -> None:
    """Refuse a ring that leaves one region fewer than 15 steps on either side of 0, or none that reach far enough."""
    reach = plan.x_max(plan.first_round)
    if reach < LEAST_X_MAX:
        larger = next((w for w in (16, 32, 64) if w > plan.ring), 64)
        fewer = ", or a smaller weight_den" if plan.weights == METROPOLIS else ""
        raise PlanError(
            rule="range",
            found=f"ring = {plan.ring} bits, shared by weights that add up to {plan.weight_bound}, leaves {reach} steps"
            " on either side of 0",
            expected=f"at least {LEAST_X_MAX}",
            fix=f"Use a larger ring ({larger}), or a topology with fewer neighbours{fewer}.",
        )
    finest_of_all = max(k for _, prefix, k in plan.step_log2 if not prefix)
    least = LEAST_REACH[plan.exchange]
    if reach < least * 2.0**finest_of_all:
        coarser = math.floor(math.log2(reach / least))
        what = "from where the study began" if plan.exchange == "full" else "in a round"
        raise PlanError(
            rule="reach",
            found=f"steps of 2^-{finest_of_all}, of which ring = {plan.ring} holds {reach} on either side of 0:"
            f" a parameter can be told to have moved {reach / 2.0**finest_of_all:.2g} {what}",
            expected=f"at least {least:g}",
            fix=f"Set step_log2 = {coarser} or less, or use a larger ring.",
        )


def _weights(plan: Plan) -> None:
    degree = max(around.degree for graph in plan.turn for around in graph.values())
    if plan.weights == METROPOLIS and plan.weight_den < 1 + degree:
        raise PlanError(
            rule="weight-den",
            found=f"weight_den = {plan.weight_den}",
            expected="at least 1 + the largest number of neighbours",
            fix="Set weight_den = 256.",
        )
    if plan.weights == METROPOLIS and plan.aggregation == "network":
        raise PlanError(
            rule="network-weights",
            found='weights = "metropolis" with aggregation = "network"',
            expected='"uniform": the mean of all regions has no neighbours to weigh',
            fix='Set weights = "uniform".',
        )
    if plan.weighting == "patient" and "count" not in plan.sums:
        raise PlanError(
            rule="weighting",
            found='weighting = "patient" without the stage count',
            expected="count among `sums`: weights follow from the number of patients",
            fix='Add "count" to sums, or set weighting = "region".',
        )


def _robustness(plan: Plan) -> None:
    if plan.robustness in CLEAR and plan.dp is None:
        raise PlanError(
            rule="clear-needs-dp",
            found=f'robustness = "{plan.robustness}" without [dp]',
            expected="noise on updates that travel without masks",
            fix='Add a [dp] table, or set robustness = "none".',
        )
    if plan.robustness in CLEAR and (plan.exchange == "diff" or plan.aggregation == "network"):
        other = 'exchange = "diff"' if plan.exchange == "diff" else 'aggregation = "network"'
        raise PlanError(
            rule="clear-full",
            found=f'robustness = "{plan.robustness}" with {other}',
            expected='exchange = "full" between neighbours: each value is judged by itself, each round anew',
            fix='Set exchange = "full" and aggregation = "neighbourhood", or robustness = "clip_sum" with clip.',
        )
    if plan.robustness in CLEAR and plan.ring == 64:
        raise PlanError(
            rule="clear-ring",
            found=f'robustness = "{plan.robustness}" with ring = 64',
            expected="at most 32 bits, so that two values can be compared",
            fix="Set ring = 32.",
        )
    if plan.robustness == "clip_sum" and plan.aggregation == "network" and (plan.ring == 64 or len(plan.step_log2) > 1):
        raise PlanError(
            rule="network-clip",
            found='robustness = "clip_sum" with aggregation = "network" and '
            + ("ring = 64" if plan.ring == 64 else "several steps"),
            expected="at most 32 bits and one step, so that two means can be compared exactly",
            fix="Set ring = 32 and one step_log2, or leave clip out.",
        )
    if plan.robustness in ("clear-nearest", "clear-trimmed") and plan.weights == METROPOLIS:
        raise PlanError(
            rule="clear-weights",
            found=f'robustness = "{plan.robustness}" with weights = "metropolis"',
            expected='"uniform": this mean counts whom it keeps alike',
            fix='Set weights = "uniform".',
        )
    if plan.robustness in ("clip_sum", "clear") and plan.clip is None:
        raise PlanError(
            rule="clip",
            found=f'robustness = "{plan.robustness}" without clip',
            expected="the bound that it clips to",
            fix='Give clip, such as clip = 1.5, or set robustness = "none".',
        )
    if plan.robustness in ("none", "buckets", "clear-nearest", "clear-trimmed") and plan.clip is not None:
        raise PlanError(
            rule="clip",
            found=f'clip = {plan.clip} with robustness = "{plan.robustness}", which clips nothing',
            expected='robustness = "clip_sum"',
            fix='Set robustness = "clip_sum", or leave clip out.',
        )
    if plan.clip is not None:
        _clip(plan, plan.clip)


def _clip(plan: Plan, clip: str) -> None:
    """In u32 and below no coordinate of a whole step is cut before its length is taken; else T must leave room."""
    longest = max(plan.clip_threshold(round) for round in plan.step_rounds)
    shortest = min(plan.clip_threshold(round) for round in plan.step_rounds)
    is_bounded = plan.exchange == "full" and plan.ring <= 32 and len({k for _, _, k in plan.step_log2}) == 1
    if shortest < 1 or (not is_bounded and ALARM * longest > LONGEST):
        raise PlanError(
            rule="clip-range",
            found=f"clip = {clip} is {longest if shortest >= 1 else shortest} steps of the finest step_log2,"
            " times what weights are divided by",
            expected=f"1 to {LONGEST // ALARM}, so that lengths are exact",
            fix="Use coarser steps (a smaller step_log2) or a smaller clip." if shortest >= 1 else "Use finer steps.",
        )


def _diff(plan: Plan) -> None:
    if len(plan.graphs) > 1:
        raise PlanError(
            rule="diff-graphs",
            found=f'exchange = "diff" with {len(plan.graphs)} graphs',
            expected="one graph for the whole study, since a region keeps a weighted sum over all rounds",
            fix='Use one graph, or exchange = "full".',
        )
    if plan.aggregation == "network":
        raise PlanError(
            rule="diff-network",
            found='exchange = "diff" with aggregation = "network"',
            expected='exchange = "full": the mean of all regions is opened anew each round',
            fix='Set exchange = "full".',
        )
    if plan.ring == 64:
        raise PlanError(
            rule="diff-ring",
            found='exchange = "diff" with ring = 64',
            expected="16 or 32, or 8 with [dp]: differences are small",
            fix="Set ring = 16.",
        )
    if plan.disclosures():
        raise PlanError(
            rule="diff-disclose",
            found=f'exchange = "diff" where {plan.sentences()[0]}',
            expected="masks at every receiver: what was counted is agreed on in their sessions",
            fix='Set exchange = "full", or use a topology that hides everybody.',
        )
    steps = [k for _, _, k in plan.step_log2]
    if finest(plan.step_log2) > FINEST or max(steps) - min(steps) > WIDEST:
        raise PlanError(
            rule="diff-steps",
            found=f"steps from 2^-{min(steps)} to 2^-{max(steps)}",
            expected=f"none finer than 2^-{FINEST}, and the finest at most 2^{WIDEST} times finer than the coarsest",
            fix="Choose steps nearer to what a round changes.",
        )


def _only_diff(plan: Plan) -> None:
    for key, value, whole in (
        ("gamma_u", plan.gamma_u, WHOLE_U),
        ("block_share_bp", plan.block_share_bp, WHOLE_BP),
    ):
        if value != whole:
            raise PlanError(
                rule="diff-only",
                found=f'{key} = {value} with exchange = "full"',
                expected='exchange = "diff": only there is what was left out sent later',
                fix=f'Set {key} = {whole}, or exchange = "diff".',
            )
