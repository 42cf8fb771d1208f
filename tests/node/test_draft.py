"""A plan from a few wishes: complete, agreed to the byte, and refused in words where it cannot run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.cli.faults import refusal_of
from node.draft import Draft, check_facts, draft_plan
from node.learning.demo_data import write
from node.plan_privacy import privacy_of
from protocol.errors import PlanError
from protocol.plan import Plan

REGIONS = ("vgr", "skane", "halland", "orebro")
IDLE = Draft(roster=bytes(32), regions=REGIONS, task="idle", settings={"dim": 10}, masking="strict", lab=True)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write(tmp_path_factory.mktemp("data"), "breast-cancer", REGIONS, 1)


def test_draft_is_a_plan_that_breaks_no_rule_and_survives_its_toml(data):
    plan = draft_plan(replace(IDLE, task="classifier", settings={}, manifest=data.pooled))
    plan.check()
    assert plan.regions == ("halland", "orebro", "skane", "vgr")
    assert plan.sums == ("count", "moment")
    assert Plan.from_toml(plan.to_toml()) == plan


def test_every_region_drafts_the_same_plan_from_its_own_manifest(data):
    plans = {
        draft_plan(replace(IDLE, task="classifier", settings={}, manifest=m)).study for m in data.manifests.values()
    }
    assert len(plans) == 1


def test_topology_is_the_cheapest_in_which_one_may_be_away():
    assert draft_plan(IDLE).topology == "complete"
    sixteen = draft_plan(replace(IDLE, regions=[f"region-{i}" for i in "abcdefghijklmnop"]))
    assert (sixteen.topology, len(sixteen.graphs), sixteen.may_be_away) == ("cliques:4x4", 2, 1)
    sixteen.check()


def test_a_bound_on_coalitions_is_written_into_the_plan():
    assert draft_plan(replace(IDLE, min_coalition=3)).masking["min_coalition"] == 3


def test_privacy_leaves_the_sums_out_and_states_its_integers(data):
    wish = replace(IDLE, task="classifier", settings=data.private_settings, manifest=data.pooled, dp=("3", "0.001"))
    plan = draft_plan(wish)
    plan.check()
    assert plan.sums == ()
    assert plan.dp is not None
    assert (plan.dp["eps_max_u"], plan.dp["delta_u12"]) == (3_000_000, 10**9)


def test_two_regions_are_refused_unless_they_disclose_under_privacy(data):
    two = replace(IDLE, regions=REGIONS[:2])
    with pytest.raises(PlanError) as refused:
        draft_plan(two).check()
    refusal = refusal_of(refused.value)
    assert refusal is not None
    assert refusal.code == "UNMASKABLE"
    wish = replace(
        two, task="classifier", settings=data.private_settings, manifest=data.pooled, dp=("3", "0.001"), disclose=True
    )
    draft_plan(wish).check()


def test_masks_off_outside_a_laboratory_is_a_broken_rule_of_the_plan():
    with pytest.raises(PlanError) as refused:
        draft_plan(replace(IDLE, masking="off", lab=False)).check()
    refusal = refusal_of(refused.value)
    assert refusal is not None
    assert refusal.code == "PLAN"


# ---------------------------------------------------------------- what it promises, in words


def _words(draft):
    return privacy_of(draft_plan(draft))[1]


def test_sums_of_three_hide_from_fewer_than_all_the_others():
    lines = _words(IDLE)
    assert lines[0].startswith("It takes at least 3 of these regions acting together to see ")
    assert "Any 1 of the regions may be away, and all others go on mixing." in lines


def test_ring_of_four_says_that_nobody_may_be_away():
    assert any(line.startswith("None may be away") for line in _words(replace(IDLE, topology="ring")))


def test_masks_off_are_said_first():
    assert _words(replace(IDLE, masking="off"))[0].startswith("The masks are off")


def test_disclosure_names_who_sees_whom(data):
    wish = replace(
        IDLE,
        regions=REGIONS[:2],
        task="classifier",
        settings=data.private_settings,
        manifest=data.pooled,
        dp=("3", "0.001"),
        disclose=True,
    )
    lines = _words(wish)
    assert lines[:2] == ["skane sees every update of vgr.", "vgr sees every update of skane."]
    assert "differential privacy alone" in lines[2]


@pytest.mark.parametrize("change", [{"dim": 7}, {"init": bytes(32)}, {"layout": bytes(32)}, {"seed": 9}])
def test_a_plan_whose_facts_do_not_follow_from_its_task_is_refused(change):
    plan = draft_plan(IDLE)
    check_facts(plan, None)
    with pytest.raises(PlanError, match="not what its task, settings and seed give"):
        check_facts(Plan.make(**{**plan.value(), **change}), None)
