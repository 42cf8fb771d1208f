"""A region's policy: what is allowed is done, what is not is refused by name; own tasks by their hash."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from click.testing import CliRunner

from node.cli.policy import policy as command
from node.draft import Draft, draft_plan
from node.errors import ConfigError, Refused
from node.home import Home
from node.policy import Policy, patients_of
from node.region import Region
from protocol.envelope import Envelope
from protocol.plan import Plan

WHOLE = """
proposers = ["north"]
tasks = ["idle", "mytask.make"]
roles = ["technical", "dpo"]
anonymity = "block"
eps_max = "3"
delta_max = "1e-5"
budget = "8.5"
device = "cuda:1"

[data]
heart = ["research"]

[code."mytask.make"]
path = "/srv/tasks"
sha256 = "ab"
"""
PLAN = draft_plan(Draft(roster=bytes(32), regions=["east", "north", "south"], task="idle", settings={"dim": 8}))


def test_a_policy_is_what_its_text_says_and_comes_back_from_it() -> None:
    found = Policy.parse(WHOLE)

    assert found.roles == ("technical", "dpo")
    assert (found.eps_max_u, found.delta_max_u12, found.budget_u) == (3_000_000, 10**7, 8_500_000)
    assert found.data == {"heart": ("research",)}
    assert Policy.parse(found.to_toml()) == found
    assert Policy.parse(Policy().to_toml()) == Policy()


def test_no_file_is_the_policy_of_the_defaults(tmp_path: Path) -> None:
    assert Policy.load(tmp_path) == Policy()


def test_a_policy_that_is_being_written_is_not_taken_for_no_rules_at_all(tmp_path: Path) -> None:
    """An editor that empties the file before it writes would switch a budget off for the study that begins then."""
    (tmp_path / "policy.toml").write_text("\n")

    with pytest.raises(ConfigError, match=r"policy\.toml: it is empty; expected at least one rule, or no such file"):
        Policy.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("proposer = []", "unknown key 'proposer'; expected 'proposers', perhaps", id="unknown key"),
        pytest.param('device = "cuda:x"', '"auto", "cpu" or "cuda:0"', id="no such device"),
        pytest.param('[data]\nheart = ["reserch"]', "purpose 'reserch' of data set heart", id="unknown purpose"),
        pytest.param('roles = ["boss"]', "one or more of technical, controller, dpo", id="unknown role"),
        pytest.param("roles = []", "one or more of", id="nobody accepts"),
        pytest.param('eps_max = "much"', "eps_max is no number above 0", id="epsilon"),
        pytest.param("eps_max = -1", "eps_max is no number above 0", id="negative"),
        pytest.param('device = "gpu"', "device of another form", id="device"),
        pytest.param('delta_max = "1"', "delta_max is no number between 0 and 1", id="delta of one"),
        pytest.param("delta_max = 0", "delta_max is no number between 0 and 1", id="delta of nothing"),
        pytest.param('[code."x"]\npath = "a"\nsha256 = "b"', r"\[code\] x of another form", id="own task"),
        pytest.param("tasks = 3", "tasks of another form", id="no list"),
        pytest.param("=", "it is not TOML", id="no TOML"),
    ],
)
def test_a_policy_that_cannot_be_read_is_refused_whole(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Policy.parse(text)


def private(plan: Plan, eps_max_u: int, delta_u12: int = 10**9, lab: bool = False) -> Plan:
    """Return a plan with that epsilon and delta."""
    dp = {"eps_max_u": eps_max_u, "delta_u12": delta_u12, "clip_u": 1, "q_u": 1, "sigma_min_u": 1}
    return Plan.make(
        roster=plan.roster, regions=list(plan.regions), task=dict(plan.task), schema=b"s" * 32, layout=plan.layout,
        dim=plan.dim, init=plan.init, code_sha256s=list(plan.code_sha256s), rounds=3, dp=dp, lab=lab,
        graphs=[[list(edge) for edge in graph] for graph in plan.graphs], topology=plan.topology,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "proposer", "data", "words"),
    [
        pytest.param({"proposers": ("south",)}, "north", None, "proposed by north.*a proposal of south", id="proposer"),
        pytest.param({"tasks": ("classifier",)}, "north", None, "task idle.*one of classifier", id="task"),
        pytest.param({"data": {"heart": ("research",)}}, "north", "other", "data set other", id="data"),
        pytest.param({"data": {"heart": ("quality",)}}, "north", "heart", "heart for research", id="purpose"),
    ],
)
def test_what_the_policy_does_not_allow_is_refused(
    rules: dict[str, object], proposer: str, data: str | None, words: str
) -> None:
    with pytest.raises(Refused, match=words):
        replace(Policy(), **rules).check(PLAN, proposer, data)  # type: ignore[arg-type] # a test's words


def test_the_default_policy_allows_what_is_proposed() -> None:
    Policy().check(PLAN, "north", "heart")


@pytest.mark.parametrize(("eps_u", "ok"), [(3_000_000, True), (3_000_001, False)])
def test_the_largest_epsilon_is_one_that_may_be_spent(eps_u: int, ok: bool) -> None:
    policy = Policy(eps_max_u=3_000_000)
    if ok:
        policy.check(private(PLAN, eps_u), "north", None)
        return
    with pytest.raises(Refused, match=r"epsilon 3.*at most 3"):
        policy.check(private(PLAN, eps_u), "north", None)


def test_a_limit_on_epsilon_refuses_studies_without_privacy() -> None:
    plan = Plan.make(
        roster=bytes(32), regions=["a", "b", "c"], task={"name": "classifier", "version": "1"}, schema=b"s" * 32,
        layout=bytes(32), dim=3, init=bytes(32), code_sha256s=[bytes(32)], rounds=3,
    )  # fmt: skip
    with pytest.raises(Refused, match="without differential privacy"):
        Policy(eps_max_u=1_000_000).check(plan, "a", None)


@pytest.mark.parametrize(
    ("text", "delta_u12", "words"),
    [
        pytest.param("", 10**10, None, id="a hundredth, where nothing is said"),
        pytest.param("", 10**10 + 1, "delta 0.010000000001; .*at most 0.01 ", id="more than a hundredth"),
        pytest.param("", 10**12 - 1, "delta 0.999999999999; .*at most 0.01 ", id="all but one"),
        pytest.param('delta_max = "1e-5"', 10**7, None, id="as much as is said"),
        pytest.param('delta_max = "1e-5"', 10**7 + 1, "delta 0.000010000001; .*at most 0.00001 ", id="more than said"),
        pytest.param('delta_max = "0.2"', 2 * 10**11, None, id="a looser limit"),
    ],
)
def test_the_largest_delta_is_one_that_may_be_promised(text: str, delta_u12: int, words: str | None) -> None:
    policy, plan = Policy.parse(text or "roles = ['dpo']"), private(PLAN, 10**6, delta_u12)
    if words is None:
        policy.check(plan, "north", None)
        return
    with pytest.raises(Refused, match=words):
        policy.check(plan, "north", None)


@pytest.mark.parametrize(("patients", "ok"), [(999, True), (1000, False), (None, True)])
def test_a_delta_that_shows_one_whole_patient_is_refused(patients: int | None, ok: bool) -> None:
    plan = private(PLAN, 10**6, 10**9)  # a thousandth
    if ok:
        Policy().check(plan, "north", "heart", patients)
        return
    with pytest.raises(Refused, match=r"delta 0\.001 on 1000 patients, .* a delta below 1/1000 = 0\.001"):
        Policy().check(plan, "north", "heart", patients)
    Policy().check(private(PLAN, 10**6, 10**9, lab=True), "north", "heart", patients)  # it is not for patients


def test_patients_are_those_of_the_newest_sheet_of_that_data_set(tmp_path: Path) -> None:
    sheets = tmp_path / "data" / "sheets"
    sheets.mkdir(parents=True)
    for name, text in {"heart-2": '{"patients": 20}', "heart-10": '{"patients": 90}', "heart-b-11": '{"patients": 5}',
                       "torn-1": "{"}.items():  # fmt: skip
        (sheets / f"{name}.json").write_text(text)

    assert [patients_of(tmp_path, name) for name in ("heart", "heart-b", "torn", "none")] == [90, 5, None, None]


def test_the_node_counts_the_patients_of_the_data_that_a_study_is_accepted_with(tmp_path: Path) -> None:
    home = tmp_path / "north"
    Home.create(home, "test.example", "north", ["tcp://127.0.0.1:1"], None)
    (home / "data" / "sheets").mkdir(parents=True)
    (home / "data" / "heart.toml").touch()
    (home / "data" / "sheets" / "heart-1.json").write_text('{"patients": 5000}')
    plan = private(PLAN, 10**6, 10**9)
    with Region.open(home) as region:
        sealed = cast("Envelope", SimpleNamespace(fields=SimpleNamespace(sender="east")))
        region.peer.agreement.take_proposal(sealed, plan.encode(), plan)

        with pytest.raises(Refused, match="on 5000 patients") as no:
            region.prepare("accept", {"study": plan.study, "role": "technical", "data": "heart"})

    assert no.value.code == "POLICY"


def test_the_command_shows_the_defaults_and_keeps_only_what_can_be_read(tmp_path: Path) -> None:
    home = tmp_path / "north"
    Home.create(home, "test.example", "north", ["tcp://127.0.0.1:1"], None)
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text('budget = "4"\n')
    bad.write_text("nonsense = 1\n")
    run = CliRunner().invoke

    before = json.loads(run(command, ["show", "--home", str(home), "--json"]).output)
    edited = run(command, ["edit", "--home", str(home), "--file", str(good)])
    refused = run(command, ["edit", "--home", str(home), "--file", str(bad)])
    after = json.loads(run(command, ["show", "--home", str(home), "--json"]).output)

    assert before["budget"] is None
    assert before["delta_max"] == 0.01
    assert before["roles"] == ["technical"]
    assert edited.exit_code == 0
    assert isinstance(refused.exception, ConfigError)
    assert after["budget"] == 4
    assert (home / "policy.toml").stat().st_mode & 0o077 == 0


def test_roles_count_as_they_are_when_somebody_accepts(tmp_path: Path) -> None:
    """The node may have started before the policy asked for a second role."""
    home = tmp_path / "north"
    Home.create(home, "test.example", "north", ["tcp://127.0.0.1:1"], None)
    with Region.open(home) as region:
        sealed = cast("Envelope", SimpleNamespace(fields=SimpleNamespace(sender="east")))
        region.peer.agreement.take_proposal(sealed, PLAN.encode(), PLAN)
        before = region.peer.agreement.describe(PLAN.study)["roles_needed"]
        (home / "policy.toml").write_text('roles = ["technical", "dpo"]\n')

        region.prepare("accept", {"study": PLAN.study, "role": "technical"})

        assert before == ["technical"]
        assert region.peer.agreement.describe(PLAN.study)["roles_needed"] == ["technical", "dpo"]
