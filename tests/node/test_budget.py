"""A region's privacy budget before a study is accepted: what is paid, what is promised, what would come."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from click.testing import CliRunner

from node.audit.rdp import epsilon as audited
from node.budget import check_budget, cost_of, epsilon_with
from node.cli.output import Refusal
from node.cli.study import study as command
from node.control import ask
from node.demo.network import make_homes, start
from node.demo.nodes import stop_all
from node.draft import Draft, draft_plan
from node.errors import Refused
from node.home import Home
from node.learning.accounting import Spent, epsilon
from node.learning.demo_data import write
from node.learning.registry import STEPS, TASKS, get_task
from node.region import Region
from protocol.envelope import Envelope
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


def test_the_steps_that_a_plan_may_leave_out_are_each_tasks_own() -> None:
    found = {name: get_task(name).defaults.get("local_steps") for name in TASKS}

    assert {name: steps for name, steps in found.items() if steps is not None} == STEPS


def test_a_plan_whose_cost_is_not_known_passes_no_budget(tmp_path: Path) -> None:
    """The code of a task of one's own is not for the node's process, which asks what a study would cost."""
    plan = drafted(tmp_path)
    own = Plan.make(**{**plan.value(), "settings": {}, "task": {"name": "mytask.make", "version": "1"}})
    budget(tmp_path / "north", "9")

    with pytest.raises(
        Refused, match=r"mytask\.make that does not say its local steps: what a round costs is not known"
    ):
        check_budget(tmp_path / "north", own)


def test_what_a_study_would_cost_is_counted_without_torch(tmp_path: Path) -> None:
    plan, home = drafted(tmp_path), tmp_path / "north"
    paid(home, Spent(500_000, 2_000_000, 5))
    budget(home, "9")
    (tmp_path / "plan").write_bytes(plan.encode())
    program = (
        "import sys, pathlib; from node.budget import check_budget, epsilon_with; from protocol.plan import Plan;"
        "plan, home = Plan.decode(pathlib.Path(sys.argv[1]).read_bytes()), pathlib.Path(sys.argv[2]);"
        "check_budget(home, plan); print(epsilon_with(home, plan));"
        "print(*sorted({'torch', 'opacus', 'pandas', 'sklearn'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "plan"), str(home)], capture_output=True, check=True, text=True
    )

    value, loaded = done.stdout.splitlines()
    assert float(value) == epsilon_with(home, plan)
    assert loaded == ""


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


# ---------------------------------------------------------------- the node refuses, whoever asks


@pytest.fixture
def region(tmp_path: Path) -> Iterator[Region]:
    """A home whose budget is 4, opened by its owner."""
    home = tmp_path / "home"
    Home.create(home, "test.example", "north", ["tcp://127.0.0.1:1"], None)
    budget(home, "4")
    with Region.open(home) as opened:
        yield opened


def propose(region: Region, plan: Plan) -> None:
    """Have the region hold a proposal."""
    sealed = cast("Envelope", SimpleNamespace(fields=SimpleNamespace(sender="east")))
    region.peer.agreement.take_proposal(sealed, plan.encode(), plan)


def accepted(region: Region, plan: Plan) -> None:
    """Have the region hold its own ACCEPT."""
    answer = SimpleNamespace(fields=SimpleNamespace(sender="north", type="ACCEPT", study=plan.study))
    region.peer.agreement.take_answer(cast("Envelope", answer))


def test_the_node_refuses_what_its_ledger_and_budget_do_not_pay_for(region: Region, tmp_path: Path) -> None:
    plan = drafted(tmp_path)
    propose(region, plan)
    paid(region.home.path, *[Spent(500_000, 2_000_000, 5)] * 9)

    with pytest.raises(Refused, match="with what the ledger holds, epsilon would come to") as no:
        region.prepare("accept", {"study": plan.study, "role": "technical"})

    assert no.value.code == "BUDGET"
    assert f"landsting policy edit --home {region.home.path}" in no.value.fix


def test_of_two_studies_that_are_accepted_at_once_the_second_is_refused(region: Region, tmp_path: Path) -> None:
    """Both commands looked before either had been answered; the node hears one after the other."""
    first, second = drafted(tmp_path), drafted(tmp_path, seed=7)
    propose(region, first)
    propose(region, second)

    region.prepare("accept", {"study": first.study, "role": "technical"})
    accepted(region, first)
    with pytest.raises(Refused, match=f"the whole of study {first.study.hex()[:12]}, epsilon would come to 4"):
        region.prepare("accept", {"study": second.study, "role": "technical"})


def test_a_study_that_ended_early_leaves_what_it_did_not_spend(region: Region, tmp_path: Path) -> None:
    first, second = drafted(tmp_path), drafted(tmp_path, seed=7)
    propose(region, first)
    propose(region, second)
    accepted(region, first)
    paid(region.home.path, replace(cost_of(first)[0], steps=2), study=first.study.hex())

    region.peer.agreement.proposals[first.study].outcome = "stopped"

    region.prepare("accept", {"study": second.study, "role": "technical"})


@pytest.mark.parametrize("digits", [8, 31], ids=["few", "all but one"])
def test_a_study_named_by_part_of_its_id_goes_round_no_rule(digits: int, region: Region, tmp_path: Path) -> None:
    plan = drafted(tmp_path)
    propose(region, plan)
    budget(region.home.path, "0.1")

    for part in (plan.study[:digits], plan.study.hex()[: 2 * digits], plan.study.hex()):
        with pytest.raises(Refused, match="no whole study id"):
            region.prepare("accept", {"study": part, "role": "technical"})


def test_a_refused_study_is_bound_to_no_data(region: Region, tmp_path: Path) -> None:
    plan = drafted(tmp_path)
    propose(region, plan)
    budget(region.home.path, "0.1")
    (region.home.path / "data").mkdir(exist_ok=True)
    (region.home.path / "data" / "heart.toml").touch()

    with pytest.raises(Refused):
        region.prepare("accept", {"study": plan.study, "role": "technical", "data": "heart"})

    assert region.manifest(plan.study) is None


def test_a_damaged_ledger_is_said_and_does_not_end_the_node(region: Region, tmp_path: Path) -> None:
    plan = drafted(tmp_path)
    propose(region, plan)
    (region.home.path / "ledger.jsonl").write_text("[]\n")

    with pytest.raises(Refused, match="line 1 of the privacy ledger"):
        region.prepare("accept", {"study": plan.study, "role": "technical"})


# ---------------------------------------------------------------- an attacker's ledger


def test_a_round_that_was_paid_for_twice_counts_twice_while_its_study_runs(tmp_path: Path) -> None:
    """A crash in mid-round had it trained from another vector, or under another secret: two releases."""
    plan, other, home = drafted(tmp_path), drafted(tmp_path, seed=7), tmp_path / "north"
    a_round = replace(cost_of(other)[0], steps=2)
    paid(home, a_round, study=other.study.hex())
    once = (home / "ledger.jsonl").read_text()
    (home / "ledger.jsonl").write_text(once + once.replace('"chance": ""', '"chance": "ab"'))

    assert epsilon_with(home, plan, [other]) == epsilon([a_round, *cost_of(other), *cost_of(plan)], DELTA)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"sigma_min_u": 10**15}, id="noise for which the accountant's series has no end"),
        pytest.param({"sigma_min_u": 1, "q_u": 1}, id="no noise, and nobody drawn"),
        pytest.param({"delta_u12": 10**12 - 1}, id="a delta of all but one"),
    ],
)
def test_no_terms_of_a_plan_make_it_look_like_nothing(change: dict[str, int], tmp_path: Path) -> None:
    plan, home = drafted(tmp_path), tmp_path / "north"
    assert plan.dp is not None
    paid(home, *[Spent(500_000, 1_000_000, 20)] * 2)
    budget(home, "3")

    with pytest.raises(Refused):
        check_budget(home, Plan.make(**{**plan.value(), "dp": {**plan.dp, **change}}))


@pytest.mark.parametrize(
    ("q_u", "sigma_u"),
    [
        (1, 1_000),
        (1, 10**10),
        (999_999, 500_000),
        (1_000_000, 1),
        (1_000_000, 10**10),
        (200_000, 1_000_000),
        (10, 50_000),
    ],
)
def test_in_no_corner_of_what_a_plan_may_say_is_less_counted_than_the_audit_counts(q_u: int, sigma_u: int) -> None:
    """Two arithmetics that share no line: a series that breaks off early would make a study look cheap."""
    for steps in (1, 100_000):
        theirs = audited([(q_u / 1e6, sigma_u / 1e6, steps)], DELTA)
        assert epsilon([Spent(q_u, sigma_u, steps)], DELTA) >= theirs * (1 - 1e-6) - 1e-12


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
        with pytest.raises(Refused) as round_the_command:
            ask(home, "accept", {"study": second.study, "role": "technical", "ref": None})
        answers = nodes[0].ask("study", {"study": second.study})["answers"]
    finally:
        stop_all(nodes)

    assert accepted.exception is None
    assert isinstance(refused.exception, Refusal)
    assert (round_the_command.value.code, round_the_command.value.found) == ("BUDGET", refused.exception.found)
    assert refused.exception.code == "BUDGET"
    assert f"the whole of study {first.study.hex()[:12]}" in refused.exception.found
    assert answers == {}
