"""What a study sends and keeps beside its vectors, against a network in which every message is counted."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gossip.events import TrainReport
from gossip.network import Network
from node.draft import Draft, draft_plan
from node.volume import AHEAD_BYTES, disk_bytes, link_bytes
from protocol.plan import Plan

NAMES = ("halland", "kalmar", "orebro", "skane", "vgr", "uppsala")
DIM, ROUNDS = 8, 6


class Still:
    """In the place of training workers: a study in which every round moves a little."""

    def open(self, region: str, plan: Plan) -> NDArray[np.float32]:
        """Return zeros."""
        return np.zeros(DIM, np.float32)

    def measure(self, region: str, plan: Plan, stage: str, totals: object) -> Any:
        """There are no sum rounds here."""
        raise ValueError("no stages")

    def train(
        self, region: str, plan: Plan, round: int, vector: NDArray[np.float32], totals: object
    ) -> tuple[NDArray[np.float32], TrainReport]:
        """Move by a hundredth."""
        return vector + np.float32(0.01), TrainReport(1, 0.01)


def plan_of(net: Network, names: tuple[str, ...], **wish: Any) -> Plan:
    """Return a plan for a simulated network."""
    draft = Draft(
        roster=net.found().hash, regions=names, task="idle", settings={"dim": DIM}, rounds=ROUNDS, lab=True, **wish
    )
    first = hashlib.sha256(np.zeros(DIM, "<f4").tobytes()).digest()
    return Plan.make(**{**draft_plan(draft).value(), "init": first, "code_sha256s": [bytes(32)]})


@pytest.mark.parametrize(
    ("n", "wish"),
    [
        pytest.param(3, {"topology": "complete", "masking": "strict"}, id="three, strict"),
        pytest.param(4, {"topology": "ring"}, id="a ring of four"),
        pytest.param(4, {"topology": "complete"}, id="four"),
        pytest.param(5, {"topology": "complete"}, id="five, where sums survive losses"),
        pytest.param(6, {"topology": "complete"}, id="six"),
    ],
)
def test_what_is_said_over_a_link_is_within_a_third(n: int, wish: dict[str, Any]) -> None:
    names = NAMES[:n]
    net = Network(names, Still())
    plan = plan_of(net, names, **wish)
    net.agree(plan)
    before = sum(net.sent_bytes.values())
    assert net.run()

    links = sum(len(plan.neighbours(name, plan.first_round)) for name in names)
    real = (sum(net.sent_bytes.values()) - before) / links

    assert all(link_bytes(plan, name) == pytest.approx(real, rel=0.3) for name in names)


def test_vectors_and_the_vectors_of_sums_come_on_top() -> None:
    net = Network(NAMES[:3], Still())
    small = plan_of(net, NAMES[:3], masking="strict")
    large = Plan.make(**{**small.value(), "dim": 1_000_000})
    payload = large.payload_bytes(0) - small.payload_bytes(0)

    assert payload == pytest.approx(4e6, rel=0.01)
    assert link_bytes(large, "halland") - link_bytes(small, "halland") == ROUNDS * payload
    assert link_bytes(small, "halland", 700) - link_bytes(small, "halland") == 700
    assert disk_bytes(large, "halland") - disk_bytes(small, "halland") >= 5 * payload


@pytest.mark.parametrize(
    ("n", "wish", "bytes_a_round"),
    [
        pytest.param(3, {"topology": "complete", "masking": "strict"}, 39_300, id="three"),
        pytest.param(4, {"topology": "ring"}, 39_900, id="a ring of four"),
        pytest.param(4, {"topology": "complete"}, 73_500, id="four"),
        pytest.param(5, {"topology": "complete"}, 311_500, id="five"),
    ],
)
def test_what_a_home_keeps_is_what_real_nodes_of_small_vectors_kept(
    n: int, wish: dict[str, Any], bytes_a_round: int
) -> None:
    """The figures are the growth of ``log.sqlite`` of real nodes between 10 and 30 or 40 rounds."""
    names = NAMES[:n]
    plan = plan_of(Network(names, Still()), names, **wish)

    assert (disk_bytes(plan, "halland") - AHEAD_BYTES) / ROUNDS == pytest.approx(bytes_a_round, rel=0.3)
