"""What the demo grants, what it refuses, and what it tells. Whole demos run in tests/conformance."""

from __future__ import annotations

import os
import subprocess
import sys

import click
import pytest

from crypto.keys import PrivateKeys
from node.cli.demo import parse_dp
from node.cli.output import Refusal
from node.demo.faults import Faults
from node.demo.nodes import PORTS, free_ports
from node.demo.table import lonely, rounds_mixed
from node.demo.wish import REGIONS, Kill, Wish, check, kills
from protocol.roster import found, make_card

# ---------------------------------------------------------------- refused before anything starts


def test_two_regions_are_refused_with_the_command_that_works():
    with pytest.raises(Refusal) as refused:
        check(Wish(regions=2))
    assert refused.value.code == "UNMASKABLE"
    assert "two regions cannot hide from each other" in refused.value.found
    assert refused.value.fix == "landsting demo --regions 2 --disclose --dp epsilon=3,delta=1e-3"


def test_two_regions_with_privacy_are_granted():
    check(Wish(regions=2, disclose=True, dp=("3", "0.001")))


@pytest.mark.parametrize("topology", ["star", "path"])
def test_region_with_one_neighbour_is_refused(topology):
    with pytest.raises(Refusal, match="hears one neighbour only") as refused:
        check(Wish(topology=topology))
    assert refused.value.fix == "landsting demo"


def test_remedy_keeps_what_was_asked_for():
    with pytest.raises(Refusal) as refused:
        check(Wish(regions=12, topology="star", rounds=5, seed=3))
    assert refused.value.fix == "landsting demo --regions 12 --topology ring --rounds 5 --seed 3"


def test_unknown_topology_is_refused():
    with pytest.raises(Refusal) as refused:
        check(Wish(topology="rnig"))
    assert refused.value.code == "TOPOLOGY"


def test_kill_of_a_region_that_is_not_there_is_refused():
    with pytest.raises(Refusal, match="no such region"):
        check(Wish(kills=(("5", 8, None),)))


def test_kill_in_a_round_that_never_comes_is_refused():
    check(Wish(rounds=20, kills=(("2", 8, 21),)))
    with pytest.raises(Refusal, match="rounds 0 to 21"):
        check(Wish(rounds=20, kills=(("2", 8, 22),)))


def test_kills_go_by_number_from_one_or_by_name():
    assert kills(Wish(kills=(("2", 8, 14), ("vgr", 3, None)))) == [Kill("vgr", 3, None), Kill("skane", 8, 14)]


def test_all_regions_of_the_demo_fit_one_roster():
    cards = [make_card("demo", name, [], PrivateKeys.generate(os.urandom)) for name in REGIONS]
    assert len(found(cards).names) == 32


# ---------------------------------------------------------------- options


def test_dp_is_read_as_decimals():
    assert parse_dp("epsilon=3,delta=1e-3") == ("3", "0.001")
    assert parse_dp(" delta=0.00001, epsilon=0.5 ") == ("0.5", "0.00001")


@pytest.mark.parametrize(
    "text",
    ["", "3", "epsilon=3", "epsilon=x,delta=1e-3", "epsilon=0,delta=1e-3", "epsilon=3,delta=1", "epsilon=nan,delta=.1"],
)
def test_dp_that_promises_nothing_is_a_usage_error(text):
    with pytest.raises(click.UsageError, match="epsilon=3,delta=1e-3"):
        parse_dp(text)


def test_free_ports_are_distinct_and_below_those_of_outgoing_connections():
    found = free_ports(20)
    assert len(set(found)) == 20
    assert set(found) <= set(PORTS)


def test_a_port_that_a_demo_was_given_is_nobody_else_s_before_its_node_listens():
    mine = free_ports(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.demo.nodes.PORTS", range(mine[0], mine[0] + 1))
        program = f"from node.demo import nodes; nodes.PORTS = range({mine[0]}, {mine[0] + 1}); nodes.free_ports(1)"
        other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        with pytest.raises(Refusal, match="fewer than 1 free port"):  # nor mine a second time
            free_ports(1)
    assert "fewer than 1 free port" in other.stderr


# ---------------------------------------------------------------- faults


class Recorder:
    """Stands for a node; notes what is done to it."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def kill(self) -> None:
        self.calls.append("kill")

    def start(self) -> None:
        self.calls.append("start")


def status(round: int, state: str = "train", **more):
    return {"study": "ab", "round": round, "state": state, **more}


def test_region_is_killed_in_its_round_and_started_when_the_others_reach_another():
    nodes = {"vgr": Recorder(), "skane": Recorder()}
    faults = Faults([Kill("skane", 8, 14)], nodes)
    assert faults.act({"vgr": status(7), "skane": status(7)}) == []
    assert faults.act({"vgr": status(8), "skane": status(8)}) == ["skane is killed (SIGKILL) in round 8"]
    assert (faults.down, faults.gone_for_good) == ({"skane"}, set())
    # What is left of skane's last status says nothing about the others.
    assert faults.act({"vgr": status(13), "skane": status(20)}) == []
    assert faults.act({"vgr": status(14), "skane": status(8)}) == ["skane is started again in round 14"]
    assert nodes["skane"].calls == ["kill", "start"]
    assert faults.down == set()


def test_region_without_a_return_is_gone_for_good():
    faults = Faults([Kill("skane", 1, None)], {"vgr": Recorder(), "skane": Recorder()})
    faults.act({"vgr": status(1), "skane": status(1)})
    assert faults.gone_for_good == {"skane"}


def test_loneliness_is_told_once_and_so_is_its_end():
    faults = Faults([], {"vgr": Recorder()})
    [line] = faults.act({"vgr": status(9, "alone")})
    assert "ALONE: too few neighbours to hide behind" in line
    assert faults.act({"vgr": status(10, "alone")}) == []
    mixed = [{"round": 11, "outcome": "mixed"}]
    assert faults.act({"vgr": status(12, "train", rounds=mixed)}) == ["vgr mixes again"]


# ---------------------------------------------------------------- figures

HISTORY = {
    "rounds": [
        {"round": 0, "outcome": "summed", "reason": None},
        {"round": 1, "outcome": "mixed", "reason": None},
        {"round": 2, "outcome": "kept", "reason": "too-few"},
        {"round": 3, "outcome": "kept", "reason": "restart"},
        {"round": 4, "outcome": "mixed", "reason": None},
    ]
}


def test_rounds_mixed_counts_rounds_with_somebody_else():
    assert rounds_mixed(HISTORY) == 2


def test_lonely_rounds_are_those_with_too_few_neighbours():
    assert lonely(HISTORY) == [2]
