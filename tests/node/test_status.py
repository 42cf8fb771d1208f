"""What status says of a node's training: which alarm, and in which words."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gossip.effects import Open
from gossip.events import Failed
from node.cli.output import CODES
from node.cli.status import in_words, verdict
from node.home import Home
from node.status import completed
from node.training import Training
from node.worker import Answer, Job, TrainingWorker
from protocol.plan import Plan

STUDY = bytes(range(32))
PASSED = "round 7 would bring epsilon to 3.0412; expected at most 3, the budget of the study. Propose a smaller one."
ALONE = {"code": "ALONE", "since": None, "fix": "too few neighbours"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.create(tmp_path / "north", "test.example", "north", ["tcp://127.0.0.1:1"], None)


def peers(**more: object) -> dict[str, Any]:
    """Return a status as the region's own log and neighbours have it."""
    return {"state": "done", "study": STUDY.hex(), "round": 7, "alarms": [ALONE], "reason": None, **more}


@pytest.mark.parametrize("complaint", [PASSED, None], ids=["while it runs", "after a new start"])
def test_a_study_that_ended_for_its_budget_says_so_in_words(home: Home, complaint: str | None) -> None:
    found: Any = completed(peers(reason="budget"), home, pid=7, complaint=complaint)

    first, alarm = found["alarms"]
    assert first == ALONE
    assert alarm["code"] == "BUDGET"
    assert alarm["code"] in CODES
    assert alarm["fix"].startswith("the privacy budget is spent: " + (complaint or "one more round"))
    for part in ("trains, sends and mixes nothing more", "landsting model export", "landsting policy show"):
        assert part in alarm["fix"]
    assert "ALARM       BUDGET: the privacy budget is spent" in in_words(found)
    assert verdict(found)[0].startswith("WARNING: ALONE (too few neighbours); BUDGET (the privacy budget is spent")


def test_whatever_else_the_worker_could_not_do_is_the_workers_alarm(home: Home) -> None:
    found: Any = completed(peers(reason="data"), home, pid=7, complaint="a file has changed")

    assert found["alarms"] == [ALONE, {"code": "WORKER", "since": None, "fix": "a file has changed"}]


def test_a_node_that_trains_well_has_no_alarm_of_it(home: Home) -> None:
    assert completed(peers(), home)["alarms"] == [ALONE]


def test_a_round_that_the_budget_does_not_pay_for_ends_the_study_and_is_kept_in_the_workers_words(home: Home) -> None:
    worker = cast("TrainingWorker", SimpleNamespace(put=lambda *_: None))
    training = Training(home.path, "north", worker, lambda _: None)
    training.do(Open(STUDY, plan()), 1)

    heard = training.event(Answer(Job("train", STUDY, 7), None, "BUDGET", PASSED), 2)

    assert heard == Failed(2, STUDY, 7, "budget")
    assert training.complaint(STUDY) == PASSED


def plan() -> Plan:
    """Return a plan of three regions."""
    return Plan.make(
        roster=bytes(32), regions=["east", "north", "south"], task={"name": "idle", "version": "1"}, schema=bytes(32),
        layout=bytes(32), dim=4, init=bytes(32), code_sha256s=[bytes(32)],
    )  # fmt: skip
