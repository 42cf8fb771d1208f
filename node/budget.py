"""What a study under differential privacy would bring a region's epsilon to, before anything of it is paid.

Counted are the lines of the ledger, what is still to pay of each other study that this region has accepted and that
has not ended, and what is still to pay of the plan. The node refuses by it before the region's ACCEPT leaves,
whoever asks. The training worker counts again before each round, and its count rules (``node.learning.ledger``);
this one spares a study that would stop early.

Numbers alone: no task and no torch is loaded, for the node's own process must not hold them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from gossip.consent.agreement import Proposal
from node.errors import Refused
from node.learning.accounting import MICRO, Spent, epsilon
from node.learning.errors import ConfigError, LearningError
from node.learning.ledger import Line, least_delta, ledger_lines
from node.learning.privacy import Terms
from node.learning.registry import STEPS
from node.policy import Policy
from node.privacy_words import listed
from protocol.plan import Plan

LEDGER = "ledger.jsonl"


def cost_of(plan: Plan, paid: Collection[int] = ()) -> list[Spent]:
    """Return what a study costs each region, its sums with noise and its rounds; nothing without privacy.

    Args:
        paid: Numbers of rounds that are paid for, and left out.

    Raises:
        ConfigError (of learning): What a round costs is not known, or the plan's terms are none.
    """
    if plan.dp is None:
        return []
    terms = Terms.of_plan(plan.dp)
    stages = [round for round in range(plan.sum_rounds) if round not in paid]
    rounds = plan.rounds - sum(plan.first_round <= round < plan.end_round for round in set(paid))
    sums = Spent(MICRO, terms.statistics_sigma_u(plan.sum_rounds), len(stages))
    return [one for one in (sums, Spent(terms.q_u, terms.sigma_u, rounds * _local_steps(plan))) if one.steps]


def _local_steps(plan: Plan) -> int:
    """Return the steps of one round: a plan that was written by hand may leave its task's default out."""
    task = str(plan.task["name"])
    steps = plan.settings.get("local_steps", STEPS.get(task))
    if isinstance(steps, int) and not isinstance(steps, bool) and steps >= 0:
        return steps
    raise ConfigError(
        f"a plan with privacy for task {task} that does not say its local steps: what a round costs is not known",
        "settings.local_steps, a whole number",
        "landsting study new writes every setting into the plan.",
    )


def epsilon_with(home: Path, plan: Plan, accepted: Iterable[Plan] = ()) -> float:
    """Return the epsilon of all that the region has paid for, has accepted, and would pay for a plan.

    It counts at the least delta of all these. A round that was paid for twice, since a crash had it trained from two
    vectors, counts twice, and a round that a running study has still to pay for counts once.

    Args:
        accepted: Other studies that it has accepted and that have not ended.

    Raises:
        ConfigError (of learning): As ``cost_of``; the ledger cannot be read, or is damaged.
    """
    assert plan.dp is not None
    whole = {one.study.hex(): one for one in (*accepted, plan) if one.dp is not None}
    lines = ledger_lines(home / LEDGER)
    paid: dict[str, set[int]] = {study: set() for study in whole}
    for line in lines:
        paid.get(line.study, set()).add(line.round)
    spent = [Spent(*kind, steps) for kind, steps in _steps(lines).items()]
    costs = [cost for study, one in whole.items() for cost in cost_of(one, paid[study])]
    deltas = [Terms.of_plan(one.dp).delta_u12 for one in whole.values() if one.dp is not None]
    return epsilon([*spent, *costs], least_delta(lines, *deltas))


def _steps(lines: Iterable[Line]) -> Counter[tuple[int, int]]:
    """Return the steps of a ledger, by sampling rate and noise."""
    steps = Counter[tuple[int, int]]()
    for line in lines:
        steps[line.q_u, line.sigma_u] += line.steps
    return steps


def accepted_plans(proposals: Iterable[Proposal], me: str, but: bytes) -> list[Plan]:
    """Return the plans with privacy that a region has accepted and that have not ended, without one."""
    return [
        one.plan
        for one in proposals
        if one.plan.dp is not None and one.plan.study != but and not one.has_ended and not one.rejected_by
        and one.answers.get(me) is not None
    ]  # fmt: skip


def over_budget(home: Path, plan: Plan, accepted: Sequence[Plan] = ()) -> str | None:
    """Return in words that a plan would pass the region's budget (``budget`` of its policy); None if it does not.

    Raises:
        Refused: It cannot be counted: as ``epsilon_with``, in the node's words.
    """
    budget_u = Policy.load(home).budget_u
    if plan.dp is None or budget_u is None:
        return None
    try:
        value = epsilon_with(home, plan, accepted)
    except LearningError as error:
        raise Refused(error.code, error.found, error.expected, error.fix) from error
    except (ArithmeticError, ValueError):  # numbers that no plan of ours has: what cannot be counted is not paid for
        value = math.inf
    if value * MICRO <= budget_u:
        return None
    others = listed([f"study {one.study.hex()[:12]}" for one in accepted if one.dp is not None])
    before = f"what the ledger holds and the whole of {others}" if others else "what the ledger holds"
    return f"with {before}, epsilon would come to {value:.4f}, and the region's budget is {budget_u / MICRO:g}"


def check_budget(home: Path, plan: Plan, accepted: Sequence[Plan] = ()) -> None:
    """Refuse a plan that would pass the region's budget.

    Raises:
        Refused: What epsilon would come to, and the budget; or why it cannot be counted.
    """
    if (words := over_budget(home, plan, accepted)) is not None:
        raise Refused(
            "BUDGET",
            words,
            "a study that the budget pays for",
            f"Propose one of a smaller epsilon, or raise budget: landsting policy edit --home {home}",
        )
