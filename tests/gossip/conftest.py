"""A toy task of known optimum, and networks of real peers under a virtual clock."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from gossip.events import TrainReport
from gossip.network import Network
from protocol.plan import Plan
from protocol.roster import Roster

CODE = bytes(32)
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
        return after.astype(np.float32), TrainReport(steps=1, norm=float(np.linalg.norm(after - vector)))


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
