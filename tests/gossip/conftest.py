"""A toy task of known optimum, and networks of real peers under a virtual clock."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gossip.effects import Admit, Send
from gossip.events import Arrived, Payload, TrainReport
from gossip.network import Network
from protocol.entries import decode_entry
from protocol.envelope import Envelope, parse
from protocol.log import Log
from protocol.plan import Plan
from protocol.roster import Roster
from tests.gossip.exact import Codes

CODE = bytes(32)
DP_STATED: dict[str, int | str] = {
    "q_u": 1,
    "sigma_u": 1,
    "steps": 1,
    "clip_u": 1,
    "delta_u12": 1,
    "accountant": "rdp",
    "eps_round_u": 1,
    "eps_study_u": 1,
    "eps_data_u": 1,
}
Vector = NDArray[np.float32]


class Quadratic:
    """Region i pulls its model towards its own target c_i; all together settle at the mean of the targets.

    Stage ``count`` sums one number a region (its index + 1) and stage ``moment`` two.
    """

    def __init__(self, names: Sequence[str], dim: int = 12, rate: float = 0.1) -> None:
        rng = np.random.default_rng(7)
        self.dim = dim
        self.rate = rate
        self.names = sorted(names)
        self.targets = {n: rng.normal(size=dim).astype(np.float32) for n in self.names}
        self.initial = rng.normal(size=dim).astype(np.float32)
        self.failing: dict[tuple[str, int], str] = {}
        self.seen_totals: list[tuple[str, list[int]]] = []

    @property
    def optimum(self) -> Vector:
        return np.mean([self.targets[n] for n in self.names], axis=0, dtype=np.float64).astype(np.float32)

    def integers(self, region: str, stage: str) -> NDArray[np.int64]:
        index = self.names.index(region)
        if stage == "count":
            return np.array([index + 1], dtype=np.int64)
        return np.array([-(2**50) * (index + 1), 7 - index], dtype=np.int64)

    def open(self, region: str, plan: Plan) -> Vector:
        return self.initial

    def measure(
        self, region: str, plan: Plan, stage: str, totals: Sequence[NDArray[np.int64]]
    ) -> tuple[NDArray[np.int64], tuple[tuple[str, int], ...]]:
        vector = self.integers(region, stage)
        return vector, (("rows", 1),) if stage == "count" else (("age", 1), ("weight", 1))

    def train(
        self, region: str, plan: Plan, round: int, vector: Vector, totals: Sequence[NDArray[np.int64]]
    ) -> tuple[Vector, TrainReport]:
        if (region, round) in self.failing:
            raise ValueError(self.failing[(region, round)])
        self.seen_totals.append((region, [int(x) for t in totals for x in t]))
        after = vector - np.float32(self.rate) * (vector - self.targets[region])
        dp = dict(DP_STATED) if plan.dp is not None else None
        return after.astype(np.float32), TrainReport(steps=1, norm=float(np.linalg.norm(after - vector)), dp=dp)


def quadratic_plan(roster: Roster, worker: Quadratic, **changes: object) -> Plan:
    """A lab plan for the toy task; keyword arguments replace its values."""
    values: dict[str, object] = {
        "lab": True,
        "roster": roster.hash,
        "regions": list(roster.names),
        "task": {"name": "quadratic", "version": "1"},
        "schema": bytes(32),
        "layout": bytes(32),
        "dim": worker.dim,
        "init": hashlib.sha256(worker.initial.astype("<f4").tobytes()).digest(),
        "code_sha256s": [CODE],
        "sums": [],
        "rounds": 20,
        "round_timeout_s": 10,
        "topology": "complete",
        "masking": {"mode": "strict"},
        "witness": {"quorum": 0, "mirror": False},  # what neighbours witness has tests of its own
    }
    values.update(changes)
    return Plan.make(**values)


Made = tuple[Network, Quadratic, Plan]


@pytest.fixture
def make_network() -> Callable[..., Made]:
    """make_network(4, rounds=20, …) -> network, worker, plan; the study is proposed and accepted, not yet run."""

    def make(regions: int = 4, *, network: dict[str, object] | None = None, dim: int = 12, **plan: object) -> Made:
        names = [f"region-{chr(97 + i)}" for i in range(regions)]
        worker = Quadratic(names, dim=dim)
        net = Network(names, worker, **(network or {}))  # type: ignore[arg-type]
        roster = net.found()
        made = quadratic_plan(roster, worker, **plan)
        made.check()
        net.agree(made)
        return net, worker, made

    return make


@pytest.fixture
def codes(monkeypatch: pytest.MonkeyPatch) -> Codes:
    """Every region's own integers, as it makes them."""
    return Codes(monkeypatch)


# ---------------------------------------------------------------- hostile members


class Liar:
    """A region of the roster that says what it likes, with its own keys."""

    def __init__(self, net: Network, name: str) -> None:
        region = net.regions[name]
        self.net, self.name = net, name
        self.keys = region.keys
        self.fork(0)

    def fork(self, drop: int) -> None:
        """Go on from the log as it is, less its last entries."""
        leaves = self.net.regions[self.name].store.leaves
        self.log = Log(
            network="simulated.example",
            region=self.name,
            sign_key=self.keys.sign,
            log_key=self.keys.log,
            leaves=leaves[: len(leaves) - drop],
        )

    def say(self, to: str, type: str, body: dict[str, Any], payload: bytes | None = None, **place: Any) -> Envelope:
        envelope = self.log.seal(type, body, to=[to], now_ms=self.net.now_ms, payload=payload, **place)
        self.deliver(to, envelope, payload)
        return envelope

    def deliver(self, to: str, envelope: Envelope, payload: bytes | None = None) -> list[Any]:
        return Hostile.tell(self.net, to, self.name, envelope.header, envelope.signature, payload, envelope.eid)


class Hostile:
    """What a member can do that says what it likes, and what the others have written about it."""

    liar = Liar

    @staticmethod
    def tell(
        net: Network, to: str, link: str, header: bytes, sig: bytes, payload: bytes | None = None, eid: bytes = b""
    ) -> list[Any]:
        """Two frames arrive over a link, and, if admitted, their payload; returns the effects."""
        effects = net._handle(to, Arrived(0, link, header, sig))
        if payload is not None and any(isinstance(e, Admit) for e in effects):
            effects = net._handle(to, Payload(0, link, eid, payload))
        return effects

    @staticmethod
    def until_round(net: Network, name: str, round: int) -> None:
        """Let time pass until a region is in that round."""
        assert net.run(lambda: (study := net.peer(name).current) is not None and study.round >= round)

    @staticmethod
    def faults(net: Network, name: str) -> list[tuple[str, str]]:
        """(region, code) of every fault that a region has logged."""
        entries = [decode_entry(leaf) for leaf in net.regions[name].store.leaves]
        return [(str(e.body["region"]), str(e.body["code"])) for e in entries if e.kind == "fault"]

    @staticmethod
    def last_sent(net: Network, sender: str, type: str) -> list[Send]:
        """A list that fills with what leaves."""
        found: list[Send] = []

        def keep(who: str, send: Send) -> list[Send]:
            if who == sender and parse(send.header, send.signature).fields.type == type:
                found.append(send)
            return [send]

        net.on_send = keep
        return found


@pytest.fixture
def hostile() -> type[Hostile]:
    """Members that say what they like; kill the honest one first."""
    return Hostile
