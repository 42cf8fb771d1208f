"""What status, follow, log and bench say, word for word where a monitoring system or a person acts on it."""

from __future__ import annotations

import json

import pytest

from node.__main__ import main
from node.cli import following, log, roster, status
from node.cli.asking import with_home
from node.cli.bench import is_met

RESTING = {"state": "idle", "pid": 7, "version": "0.1.0", "alarms": [], "peers": [], "waiting_for": []}
ALONE = {"code": "ALONE", "since": None, "fix": "ALONE: too few neighbours to hide behind"}


@pytest.mark.parametrize(
    ("now", "code", "begins"),
    [
        (RESTING, 0, "OK: no study"),
        ({**RESTING, "state": "train"}, 0, "OK: training"),
        ({**RESTING, "state": "alone", "alarms": [ALONE]}, 1, "WARNING: ALONE"),
        ({**RESTING, "state": "quiet"}, 1, "WARNING: asking the neighbours"),
        ({**RESTING, "state": "rolled-back"}, 2, "CRITICAL: ROLLED BACK"),
        ({**RESTING, "pid": None}, 2, "CRITICAL: the node does not run"),
        ({**RESTING, "alarms": [{"code": "LS-FORK", "fix": "call"}]}, 2, "CRITICAL: LS-FORK (call)"),
    ],
    ids=["idle", "train", "alone", "quiet", "rolled back", "no daemon", "evidence"],
)
def test_check_speaks_as_monitoring_systems_read(now, code, begins):
    line, found = status.verdict(now)
    assert found == code
    assert line.startswith(begins)


def test_status_in_words_names_whom_it_waits_for():
    wait = {"region": "skane", "what": "its announcement", "since_s": 3.2, "until_s": None}
    text = status.in_words({**RESTING, "state": "waiting", "study": "ab" * 32, "round": 4, "waiting_for": [wait]})
    assert "waits for   skane: its announcement, since 3 s" in text


def test_status_in_words_says_who_sees_whose_updates():
    text = status.in_words({**RESTING, "study": "ab" * 32, "round": 4, "disclosed": ["vgr sees every update of skane"]})
    assert "vgr sees every update of skane; differential privacy alone protects it" in text


def test_status_in_words_says_laboratory_and_undefined():
    text = status.in_words({**RESTING, "study": "ab" * 32, "round": 4, "lab": True, "metrics": {"auroc": None}})
    assert "laboratory: not for patients" in text
    assert "auroc       undefined" in text


def test_a_long_name_does_not_run_into_its_value():
    text = status.in_words({**RESTING, "study": "ab" * 32, "round": 4, "metrics": {"balanced_accuracy": 0.75}})
    assert "balanced_accuracy 0.750" in text


def test_a_stopped_node_does_not_say_that_no_study_runs():
    text = status.in_words({**RESTING, "pid": None})
    assert "state       stopped" in text
    assert "no study" not in text


def test_a_study_that_has_ended_is_at_its_last_round():
    ended = {**RESTING, "state": "done", "study": "ab" * 32, "round": 9, "first_round": 3, "end_round": 9}
    assert "round       8 of 8" in status.in_words(ended)


def test_a_roster_that_a_later_one_has_replaced_is_in_force_no_longer(capsys, tmp_path):
    one = {"words": "oboe", "network": "n", "regions": ["vgr"], "signed": ["vgr"], "missing": []}
    rosters = [{**one, "serial": 2, "in_force": True}, {**one, "serial": 1, "in_force": False}]
    roster._report({"rosters": rosters}, tmp_path, as_json=False)
    assert "in force    no longer: a later one is" in capsys.readouterr().out


def test_alone_is_said_in_the_agreed_words():
    assert status.STATES["alone"].startswith("ALONE: too few neighbours to hide behind")


def test_follow_says_who_has_not_answered():
    line = {"round": None, "state": "proposed", "doing": None, "waiting_for": ["skane", "vgr"]}
    assert following.in_words(line) == "proposed; waits for skane, vgr"


def test_entry_in_words_has_time_kind_and_what_matters():
    entry = {"t_ms": 0, "kind": "round.end", "body": {"round": 3, "outcome": "kept", "reason": "too-few"}}
    assert log.in_words(12, entry) == (
        "    12  1970-01-01 00:00:00  round.end       round 3; outcome kept; reason too-few"
    )


def test_envelope_in_words_says_type_and_direction():
    header = {"type": "MASKED", "from": "skane", "round": 3}
    entry = {"t_ms": 0, "kind": "env.recv", "body": {"header": header, "sig": "0x00", "via": None}}
    assert log.in_words(1, entry).endswith("env.recv        MASKED; from skane; round 3")


@pytest.mark.parametrize(
    ("fix", "typed"),
    [
        ("landsting study list", "landsting study list --home h"),
        ("landsting card --home HOME > own.card", "landsting card --home h > own.card"),
        ("landsting demo --regions 4", "landsting demo --regions 4"),
        ("Ask each region for a fresh card.", "Ask each region for a fresh card."),
    ],
)
def test_remedy_can_be_typed_as_it_stands(tmp_path, fix, typed):
    assert with_home(fix, tmp_path / "h").replace(str(tmp_path / "h"), "h") == typed


# ---------------------------------------------------------------- bench


@pytest.mark.parametrize(
    ("value", "limit", "direction", "met"),
    [
        (1, 2, "less", True),
        (3, 2, "less", False),
        (3, 2, "more", True),
        (1, 2, "more", False),
        (9, None, "less", True),
        (2, 2, "exactly", True),
        (3, 2, "exactly", False),
        (1, 2, "exactly", False),
    ],
)
def test_limit_is_met(value, limit, direction, met):
    assert is_met({"value": value, "limit": limit, "direction": direction}) is met


def test_figures_of_a_benchmark_have_every_key(capsys):
    # 1: the limit was missed, as it may be on a machine that does other things as well.
    assert main(["bench", "help", "--json"]) in (0, 1)
    [figure] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert list(figure) == [
        "name", "value", "unit", "limit", "direction", "floor", "ratio", "seeds", "spread", "command", "machine",
    ]  # fmt: skip
    assert figure["limit"] == 0.3


def test_list_names_every_benchmark(capsys):
    assert main(["bench", "--list", "--json"]) == 0
    names = [one["name"] for one in json.loads(capsys.readouterr().out)]
    assert {"help", "round"} <= set(names)


def test_unknown_benchmark_is_refused_with_the_names(capsys):
    assert main(["bench", "speed", "--json"]) == 1
    assert "round" in json.loads(capsys.readouterr().err)["expected"]
