"""``study new --number``: how models travel and are weighed, by the plan's own names."""

from __future__ import annotations

import click
import pytest

from node.cli.study_new import number_of, with_flag
from node.draft import NUMBERS, Draft, draft_plan
from protocol.errors import PlanError
from protocol.plan_form import PLAN

IDLE = {"roster": bytes(32), "regions": ("east", "north", "south"), "task": "idle", "settings": {"dim": 50}}


def drafted(*numbers: str) -> Draft:
    return Draft(**IDLE, lab=True, numbers=dict(number_of(one) for one in numbers))  # type: ignore[arg-type]


def test_numbers_stand_in_the_plan_as_they_are_given() -> None:
    weights = ("weights=metropolis", "weight_den=16")
    plan = draft_plan(drafted("exchange=diff", "ring=16", "step_log2=14", *weights, "clip=1.50"))
    plan.check()
    assert (plan.exchange, plan.ring, plan.step_log2, plan.weights) == ("diff", 16, ((0, "", 14),), "metropolis")
    assert (plan.clip, plan.robustness) == ("1.5", "clip_sum")


def test_every_number_is_a_key_of_the_plan() -> None:
    assert set(NUMBERS) <= set(PLAN)


@pytest.mark.parametrize("text", ["rounds=3", "ring", "=16", "masking.mode=off"])
def test_other_keys_are_refused(text: str) -> None:
    with pytest.raises(click.UsageError, match="--number is KEY=VALUE with one of weights"):
        number_of(text)


def test_a_number_that_cannot_be_is_refused_by_its_rule() -> None:
    with pytest.raises(PlanError, match="Set step_log2") as refused:
        draft_plan(drafted("exchange=diff", "ring=16")).check()
    flag = with_flag(refused.value).fix.split()[2].rstrip(".")
    draft_plan(drafted("exchange=diff", "ring=16", flag)).check()  # what it says to type is taken
