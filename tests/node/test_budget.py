"""A region's privacy budget before a study is accepted: what is paid, what is promised, what would come."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from node.budget import check_budget, cost_of, epsilon_with
from node.cli.study import study as command
from node.demo.network import make_homes, start
from node.demo.nodes import stop_all
from node.draft import Draft, draft_plan
from node.errors import Refused
from node.learning.accounting import Spent, epsilon
from node.learning.demo_data import write
from protocol.plan import Plan

NAMES = ("east", "north", "south")
DELTA = 1e-3


def drafted(folder: Path, **wish: object) -> Plan:
    """Return a plan of epsilon 3 over five rounds of two steps, for breast cancer."""
    made = write(folder / "data", "breast-cancer", NAMES, 1)
    draft = Draft(
        roster=bytes(32), regions=NAMES, manifest=made.manifests["north"], lab=True, masking="strict",
        dp=("3", "1e-3"), settings={"hidden": 0, "local_steps": 2}, rounds=5,
    )  # fmt: skip
    return draft_plan(replace(draft, **wish))  # type: ignore[arg-type] # a test's words


def paid(home: Path, *spent: Spent, study: str = "ab" * 32) -> None:
    """Write a ledger in which a study has paid for that."""
    home.mkdir(exist_ok=True)
    lines = [
        {"study": study, "round": i, "base": "", "data": "", "delta_u12": 10**9, "chance": "",
         "q_u": one.q_u, "sigma_u": one.sigma_u, "steps": one.steps}
        for i, one in enumerate(spent)
    ]  # fmt: skip
    (home / "ledger.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def budget(home: Path, value: str) -> None:
    """Write a policy with that budget."""
    home.mkdir(exist_ok=True)
    (home / "policy.toml").write_text(f'budget = "{value}"\n')


def test_a_study_costs_its_rounds_and_its_sums_with_noise(tmp_path: Path) -> None:
    plan = drafted(tmp_path, preprocess_bp=1000)
    assert plan.dp is not None

    sums, rounds = cost_of(plan)

    assert (sums.q_u, sums.steps) == (1_000_000, plan.sum_rounds)
    assert rounds == Spent(plan.dp["q_u"], plan.dp["sigma_min_u"], 10)
    assert 2.9 < epsilon([sums, rounds], DELTA) <= 3


def test_a_plan_that_leaves_its_steps_out_takes_the_tasks_own(tmp_path: Path) -> None:
    plan = drafted(tmp_path)
    bare = Plan.make(**{**plan.value(), "settings": {"hidden": 0}})

    assert cost_of(bare)[0].steps == 5 * 20  # the default of a classifier


def test_without_privacy_a_study_costs_nothing_and_passes_no_budget(tmp_path: Path) -> None:
    plan = drafted(tmp_path, dp=None)
    budget(tmp_path / "north", "0.1")

    check_budget(tmp_path / "north", plan)

    assert cost_of(plan) == []


def test_what_the_ledger_holds_counts_beside_the_plan(tmp_path: Path) -> None:
    plan, home = drafted(tmp_path), tmp_path / "north"
    before = [Spent(500_000, 2_000_000, 5)]
    paid(home, *before)

    assert epsilon_with(home, plan) == epsilon([*before, *cost_of(plan)], DELTA)


def test_what_was_paid_of_the_plan_itself_is_not_counted_twice(tmp_path: Path) -> None:
    plan, home = drafted(tmp_path), tmp_path / "north"
    once = cost_of(plan)[0]
    paid(home, replace(once, steps=2), study=plan.study.hex())

    assert epsilon_with(home, plan) == epsilon(cost_of(plan), DELTA)


def test_another_study_that_was_accepted_counts_in_whole_and_once(tmp_path: Path) -> None:
    plan, other, home = drafted(tmp_path), drafted(tmp_path, seed=7), tmp_path / "north"
    paid(home, replace(cost_of(other)[0], steps=2), study=other.study.hex())

    assert epsilon_with(home, plan, [other]) == epsilon([*cost_of(other), *cost_of(plan)], DELTA)


def test_a_plan_of_a_larger_delta_does_not_make_what_was_spent_smaller(tmp_path: Path) -> None:
    plan, home = drafted(tmp_path, dp=("3", "0.5")), tmp_path / "north"
    before = [Spent(500_000, 2_000_000, 5)]
    paid(home, *before)

    assert epsilon_with(home, plan) == epsilon([*before, *cost_of(plan)], DELTA)


@pytest.mark.parametrize(("value", "fits"), [("3", True), ("2.9", False)], ids=["all of it", "less"])
def test_a_plan_may_spend_all_of_the_budget_and_no_more(value: str, fits: bool, tmp_path: Path) -> None:
    plan, home = drafted(tmp_path), tmp_path / "north"
    budget(home, value)
    if fits:
        check_budget(home, plan)
        return
    with pytest.raises(Refused, match=r"epsilon would come to 2\.9\d+, and the region's budget is 2\.9") as no:
        check_budget(home, plan)
    assert no.value.code == "BUDGET"


def test_the_refusal_names_what_was_accepted_before(tmp_path: Path) -> None:
    plan, other, home = drafted(tmp_path), drafted(tmp_path, seed=7), tmp_path / "north"
    budget(home, "4")

    check_budget(home, plan)
    with pytest.raises(Refused, match=f"the whole of study {other.study.hex()[:12]}, epsilon would come to 4"):
        check_budget(home, plan, [other])


def test_a_ledger_that_is_looked_at_is_not_touched(tmp_path: Path) -> None:
    """The node may be writing its last line at this moment: what looks like half a line is not ours to cut off."""
    plan, home = drafted(tmp_path), tmp_path / "north"
    budget(home, "9")
    paid(home, Spent(500_000, 2_000_000, 5))
    with (home / "ledger.jsonl").open("a") as file:
        file.write('{"study": "cd')
    before = (home / "ledger.jsonl").read_bytes()

    check_budget(home, plan)

    assert (home / "ledger.jsonl").read_bytes() == before


def test_a_region_does_not_accept_what_would_overdraw_its_budget(tmp_path: Path) -> None:
    nodes = make_homes(tmp_path / "homes", NAMES)
    try:
        made = write(tmp_path / "data", "breast-cancer", NAMES, 1)
        roster = start(nodes)
        first, second = (drafted(tmp_path, roster=roster, seed=seed, title=str(seed)) for seed in (1, 2))
        home = nodes[0].home
        (home / "policy.toml").write_text('budget = "4"\n')
        from node.cli.data import bind

        bind(home, made.manifests["east"].with_suffix(".csv"), made.manifests["east"])
        for plan in (first, second):
            nodes[0].ask("propose", {"plan": plan.encode()})

        accepted, refused = (
            CliRunner().invoke(command, ["accept", plan.study.hex(), "--home", str(home)], standalone_mode=False)
            for plan in (first, second)
        )
        answers = nodes[0].ask("study", {"study": second.study})["answers"]
    finally:
        stop_all(nodes)

    assert accepted.exception is None
    assert isinstance(refused.exception, Refused)
    assert refused.exception.code == "BUDGET"
    assert f"the whole of study {first.study.hex()[:12]}" in refused.exception.found
    assert answers == {}
