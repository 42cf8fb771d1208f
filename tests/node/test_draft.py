"""A plan from a few wishes: complete, agreed to the byte, and refused in words where it cannot run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.cli.faults import refusal_of
from node.cli.study import privacy_sentences
from node.draft import Draft, check_facts, draft_plan
from node.learning.demo_data import write
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


def test_topology_is_complete_up_to_eight_and_regular_beyond():
    assert draft_plan(IDLE).topology == "complete"
    nine = draft_plan(replace(IDLE, regions=[f"region-{i}" for i in "abcdefghi"]))
    assert nine.topology == "regular:4"
    nine.check()


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


def test_sums_of_three_hide_against_one_neighbour():
    lines = privacy_sentences(draft_plan(IDLE))
    assert lines[0].startswith("A neighbour learns only sums")
    assert lines[1] == "Any 1 may be away and the others still mix."


def test_ring_of_four_says_that_nobody_may_be_away():
    assert privacy_sentences(draft_plan(replace(IDLE, topology="ring")))[-1].startswith("Nobody may be away")


def test_masks_off_are_said_first():
    assert privacy_sentences(draft_plan(replace(IDLE, masking="off")))[0].startswith("The masks are off")


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
    lines = privacy_sentences(draft_plan(wish))
    assert lines[0].startswith("skane sees the update of vgr without a mask")
    assert lines[1].startswith("vgr sees the update of skane without a mask")


@pytest.mark.parametrize("change", [{"dim": 7}, {"init": bytes(32)}, {"layout": bytes(32)}, {"seed": 9}])
def test_a_plan_whose_facts_do_not_follow_from_its_task_is_refused(change):
    plan = draft_plan(IDLE)
    check_facts(plan, None)
    with pytest.raises(PlanError, match="not what its task, settings and seed give"):
        check_facts(Plan.make(**{**plan.value(), **change}), None)
