"""What the audit says of who deals with whom, where the plan's graph is not everybody with everybody."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from node.audit import verify
from protocol.codec import Value
from protocol.envelope import encode_carried
from protocol.plan import Plan
from tests.node.audit_network import CODE, Small
from tests.node.kept import said


class Drawn(Small):
    """A network on a graph of its own."""

    def __init__(self, names: tuple[str, ...], edges: list[list[int]], masking: dict[str, object]) -> None:
        self._edges, self._masks = edges, masking
        super().__init__(names)

    def _plan(self) -> Plan:
        return Plan.make(
            roster=self.roster.hash, regions=list(self.names), task={"name": "idle", "version": "1"}, schema=bytes(32),
            layout=bytes(32), dim=4, init=bytes(32), code_sha256s=[CODE], sums=[], rounds=2, topology="edges",
            graphs=[self._edges], masking=self._masks, witness={"quorum": 0},
        )  # fmt: skip

    def summed(self, receiver: str, members: list[str], survivors: list[str]) -> None:
        """One strict sum of round 0 over some of its members."""
        sid = self.sid(receiver, 0)
        adverts = {name: self.advert(name, receiver, 0) for name in members}
        cohort = self.say(
            receiver, "COHORT", self.cohort_body(adverts), members, study=self.study, round=0, session=sid,
            payload=encode_carried([(adverts[name], None) for name in sorted(adverts)]),
        )  # fmt: skip
        for name in survivors:
            vector = hashlib.sha256(name.encode()).digest()[:16]
            masked: dict[str, Value] = {"view": cohort.eid, "self_commit": b""}
            self.say(name, "MASKED", masked, [receiver], payload=vector, keep=False, study=self.study, round=0,
                     session=sid)  # fmt: skip
        body: dict[str, Value] = {
            "session": sid, "receiver": receiver, "survivors": [*survivors], "sum": bytes(32), "opened": [],
        }  # fmt: skip
        self.add(receiver, "session.sum", body)


RING = [[0, 1], [0, 4], [1, 2], [2, 3], [3, 4]]
# Three on one side, four on the other: who is on one side has the same neighbours, and goes together or not at all.
SIDES = [[a, b] for a in range(3) for b in range(3, 7)]
FIVE = ("halland", "kalmar", "orebro", "skane", "vgr")
SEVEN = ("dalarna", "gotland", "halland", "kalmar", "orebro", "skane", "vgr")


@pytest.mark.attack("L26")
def test_a_value_announced_to_a_region_that_is_no_neighbour_is_found(tmp_path: Path) -> None:
    net = Drawn(FIVE, RING, {"mode": "strict"})
    net.begin()
    net.advert("vgr", "orebro", 0)
    report = verify(net.export_all(tmp_path), study=net.study)
    assert (said(report), report.exit_code) == ({("LS-EDGE", "vgr")}, 3)


@pytest.mark.attack("L26")
def test_a_cohort_named_to_a_region_that_is_no_neighbour_is_found(tmp_path: Path) -> None:
    """The receiver deals with one it should not: it is named, and the one that it dealt with is not."""
    net = Drawn(FIVE, RING, {"mode": "strict"})
    net.begin()
    members = ["halland", "skane"]
    adverts = {name: net.advert(name, "vgr", 0) for name in members}
    names: list[Value] = [[name, adverts[name].eid, None] for name in members] + [["kalmar", bytes(32), None]]
    body = {**net.cohort_body(adverts), "members": sorted(names)}  # type: ignore[type-var]
    net.say("vgr", "COHORT", body, [*members, "kalmar"], study=net.study, round=0, session=net.sid("vgr", 0),
            payload=encode_carried([(adverts[name], None) for name in members]))  # fmt: skip
    report = verify(net.export_all(tmp_path), study=net.study)
    assert (said(report), report.exit_code) == ({("LS-COHORT", "vgr")}, 3)


def test_neighbours_of_the_graph_are_no_finding(tmp_path: Path) -> None:
    net = Drawn(FIVE, RING, {"mode": "strict"})
    net.begin()
    net.advert("vgr", "skane", 0)
    report = verify(net.export_all(tmp_path), study=net.study)
    assert (said(report), report.exit_code) == (set(), 0)


@pytest.mark.attack("L23")
@pytest.mark.parametrize(
    ("survivors", "found"),
    [
        (["kalmar", "orebro", "skane", "vgr"], set()),
        (["kalmar", "orebro", "skane"], {("LS-COHORT", "halland")}),
    ],
    ids=["whole", "cut"],
)
def test_a_group_that_was_cut_is_found(tmp_path: Path, survivors: list[str], found: set[tuple[str, str]]) -> None:
    net = Drawn(SEVEN, SIDES, {"mode": "strict", "survivors": "group_atomic"})
    net.begin()
    net.summed("halland", ["kalmar", "orebro", "skane", "vgr"], survivors)
    report = verify(net.export_all(tmp_path), study=net.study)
    assert said(report) == found, [f.values for f in report.findings]
    cut = [f for f in report.findings if f.code == "LS-COHORT"]
    assert all("vgr was left out without its whole group" in str(f.values["detail"]) for f in cut)


def test_without_groups_the_same_sum_is_allowed(tmp_path: Path) -> None:
    net = Drawn(SEVEN, SIDES, {"mode": "strict"})
    net.begin()
    net.summed("halland", ["kalmar", "orebro", "skane", "vgr"], ["kalmar", "orebro", "skane"])
    assert said(verify(net.export_all(tmp_path), study=net.study)) == set()
