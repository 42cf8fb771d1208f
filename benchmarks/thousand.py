"""A thousand regions in one process: real masked sessions over 10 x 10 x 10 cliques, to the exact mean of all.

Every region is a whole ``gossip.peer.Peer`` with keys and a log of its own, under ``gossip.network``'s virtual clock.
Three rounds, strict sessions of nine members, 16 parameters, uniform weights. What is left out is what a thousand
regions cannot do in version 1, signing one roster and answering one proposal (400 at most): roster and study are put
in force by hand. CPU seconds are those of the process, and the largest memory is the system's figure.
"""

from __future__ import annotations

import hashlib
import resource
import time
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossip.consent.agreement import Proposal
from gossip.events import TrainReport
from gossip.network import Network
from gossip.step import Step
from protocol.plan import Plan
from protocol.roster import Roster, found
from topologies import build

REGIONS, LABEL, DIM, ROUNDS = 1000, "cliques:10x10x10", 16, 3
MOST_CPU_S, MOST_GB = 300.0, 2.0
LETTERS = "bdfghkmpst"  # no two names of these look alike
MILLION = 1e6


class Once:
    """Every region adds a vector of its own in the first round, and nothing later."""

    def __init__(self, names: tuple[str, ...], seed: int) -> None:
        draw = np.random.default_rng(seed)
        self.own = {name: draw.normal(size=DIM).astype(np.float32) for name in names}

    def open(self, region: str, plan: Plan) -> NDArray[np.float32]:
        """Return zeros."""
        return np.zeros(DIM, dtype=np.float32)

    def measure(self, region: str, plan: Plan, stage: str, totals: object) -> Any:
        """Never asked: there are no sum rounds."""
        raise ValueError("no stage is measured")

    def train(
        self, region: str, plan: Plan, round: int, vector: NDArray[np.float32], totals: object
    ) -> tuple[NDArray[np.float32], TrainReport]:
        """Return the vector with the region's own added, in round 0."""
        return vector + self.own[region] * (round == 0), TrainReport(steps=1, norm=1.0)


class Along(Network):
    """A network whose lines run along a plan's graphs only."""

    edges: tuple[tuple[str, str], ...] = ()

    def _pairs(self) -> Iterator[tuple[str, str]]:
        return iter(self.edges)


def run(seed: int) -> list[dict[str, Any]]:
    """Return CPU seconds, memory, messages, and how far the models are from the mean."""
    begun_s = time.process_time()
    names = tuple("".join(letters) for letters in product(LETTERS, repeat=3))[:REGIONS]
    worker = Once(names, seed)
    net = Along(names, worker, seed=seed)
    roster = found([region.card for region in net.regions.values()])
    plan = _plan(roster)
    founded_s = time.process_time()
    _begin(net, plan, roster)
    assert net.run(lambda: len(net.ended) == REGIONS)
    ended_s = time.process_time()
    mean = np.mean(list(worker.own.values()), axis=0, dtype=np.float64)
    off = max(float(np.abs(model - mean).max()) for model in net.models.values())
    entries = sum(len(region.store.leaves) for region in net.regions.values())
    sessions = REGIONS * ROUNDS
    memory_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MILLION
    return [
        {"name": "thousand.cpu", "value": ended_s - begun_s, "unit": "s", "limit": MOST_CPU_S},
        {"name": "thousand.setup", "value": founded_s - begun_s, "unit": "s"},
        {"name": "thousand.session", "value": 1000 * (ended_s - founded_s) / sessions, "unit": "ms"},
        {"name": "thousand.memory", "value": memory_gb, "unit": "GB", "limit": MOST_GB},
        {"name": "thousand.mixed", "value": len(net.adopted), "unit": "rounds", "limit": sessions, "direction": "more"},
        {"name": "thousand.off-mean", "value": off, "unit": "", "limit": 30 * 2.0**-24},
        {"name": "thousand.entries", "value": entries, "unit": "entries"},
        {"name": "thousand.sent", "value": sum(net.sent_bytes.values()) / MILLION, "unit": "MB"},
    ]


def _plan(roster: Roster) -> Plan:
    return Plan.make(
        lab=True, roster=roster.hash, regions=list(roster.names), task={"name": "once", "version": "1"},
        schema=bytes(32), layout=bytes(32), dim=DIM, init=hashlib.sha256(bytes(4 * DIM)).digest(),
        code_sha256s=[bytes(32)], sums=[], rounds=ROUNDS, round_timeout_s=60, topology=LABEL,
        graphs=[[list(edge) for edge in graph] for graph in build(LABEL, REGIONS)], masking={"mode": "strict"},
        witness={"quorum": 0, "mirror": False},
    )  # fmt: skip


def _begin(net: Along, plan: Plan, roster: Roster) -> None:
    """Start every region, put roster and study in force, and bring up the lines."""
    plan.check()
    net.edges = tuple(
        (plan.regions[i], plan.regions[j]) for i, j in sorted({edge for graph in plan.graphs for edge in graph})
    )
    encoded = plan.encode()
    for name, region in net.regions.items():
        net.start(name)
        region.dials = frozenset(roster.names)
        peer = net.peer(name)
        peer.membership.in_force = roster
        peer.membership.ring.learn(roster.cards)
        # Settled, so that nobody sends a thousand answers on.
        peer.agreement.proposals[plan.study] = Proposal(plan, encoded, None, outcome="done")  # type: ignore[arg-type]
        peer.current = peer.new_study(plan.study)
        peer.presence.follow(plan.study)
        # Lines run along the graphs only, so nobody hears from all others that they are ready: one stands for them.
        near = {other for graph in plan.turn for other in graph[name].names}
        peer.presence.advanced(next(other for other in plan.regions if other != name and other not in near), 1)
        step = Step(peer.log, peer.mailbox, net.now_ms)
        peer.current.start(step, [(name, bytes(32))])
        for effect in step.finish():
            net._do(name, region, effect)
    net._connect()
