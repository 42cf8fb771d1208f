"""What a study under differential privacy would bring a region's epsilon to, before anything of it is paid.

Counted are the lines of the ledger, the whole of each other study that this region has accepted and that has not
ended, and the whole of the plan. The training worker counts again before each round, and its count rules
(``node.learning.privacy``); this one spares a study that would stop early.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from node.errors import Refused
from node.learning.accounting import MICRO, Spent, epsilon
from node.learning.privacy import Ledger, Terms, least_delta
from node.learning.registry import get_task
from node.learning.task import read_settings
from node.policy import Policy
from node.privacy_words import listed
from protocol.plan import Plan

LEDGER = "ledger.jsonl"


def cost_of(plan: Plan) -> list[Spent]:
    """Return what a whole study costs each region: its sums with noise, and its rounds; nothing without privacy."""
    if plan.dp is None:
        return []
    terms = Terms.of_plan(plan.dp)
    settings = read_settings(get_task(str(plan.task["name"])), plan.settings)  # a plan by hand may leave defaults out
    steps = plan.rounds * int(settings.get("local_steps", 1))
    sums = Spent(MICRO, terms.statistics_sigma_u(plan.sum_rounds), plan.sum_rounds)
    return [one for one in (sums, Spent(terms.q_u, terms.sigma_u, steps)) if one.steps]


def epsilon_with(home: Path, plan: Plan, accepted: Sequence[Plan] = ()) -> float:
    """Return the epsilon of all that the region has paid for, has accepted, and would pay for a plan.

    It counts at the least delta of all these.

    Args:
        accepted: Other studies that it has accepted and that have not ended; what the ledger holds of them is part of
            their whole.
    """
    assert plan.dp is not None
    whole = {one.study.hex(): one for one in (*accepted, plan)}
    with tempfile.TemporaryDirectory(prefix="landsting-ledger-") as name:  # a ledger that is opened may be mended
        copy = Path(name) / LEDGER
        if (home / LEDGER).exists():
            shutil.copyfile(home / LEDGER, copy)
        lines = [line for line in Ledger(copy).lines if line.study not in whole]
    deltas = [Terms.of_plan(one.dp).delta_u12 for one in whole.values() if one.dp is not None]
    costs = [spent for one in whole.values() for spent in cost_of(one)]
    return epsilon([*(line.spent for line in lines), *costs], least_delta(lines, *deltas))


def over_budget(home: Path, plan: Plan, accepted: Sequence[Plan] = ()) -> str | None:
    """Return in words that a plan would pass the region's budget (``budget`` of its policy); None if it does not."""
    budget_u = Policy.load(home).budget_u
    if plan.dp is None or budget_u is None:
        return None
    value = epsilon_with(home, plan, accepted)
    if value * MICRO <= budget_u:
        return None
    others = listed([f"study {one.study.hex()[:12]}" for one in accepted if one.dp is not None])
    before = f"what the ledger holds and the whole of {others}" if others else "what the ledger holds"
    return f"with {before}, epsilon would come to {value:.4f}, and the region's budget is {budget_u / MICRO:g}"


def check_budget(home: Path, plan: Plan, accepted: Sequence[Plan] = ()) -> None:
    """Refuse a plan that would pass the region's budget.

    Raises:
        Refused: What epsilon would come to, and the budget.
    """
    if (words := over_budget(home, plan, accepted)) is not None:
        raise Refused(
            "BUDGET",
            words,
            "a study that the budget pays for",
            f"Propose one of a smaller epsilon, or raise budget: landsting policy edit --home {home}",
        )
