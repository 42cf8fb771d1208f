"""Schedules that vary by round, with real peers: clique products under masks, pairs only where they are disclosed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gossip.events import TrainReport
from gossip.network import Network
from protocol.entries import decode_entry
from protocol.errors import PlanError
from protocol.plan import Plan
from tests.gossip.conftest import Quadratic, quadratic_plan
from topologies import build

Make = Callable[..., tuple[Network, Quadratic, Plan]]
LETTERS = "abcdefghkmprstwxz"
DP = {"eps_max_u": 3_000_000, "delta_u12": 10**9, "clip_u": 10**6, "q_u": 100_000, "sigma_min_u": 10**6}


@pytest.fixture
def make_network() -> Make:
    """make_network(27, …): as the common one, with names for many regions."""

    def make(regions: int, **plan: object) -> tuple[Network, Quadratic, Plan]:
        names = [f"{side}-{letter}" for side in ("east", "west") for letter in LETTERS][:regions]
        worker = Quadratic(names)
        net = Network(names, worker)
        made = quadratic_plan(net.found(), worker, **plan)
        made.check()
        net.agree(made)
        return net, worker, made

    return make


def _schedule(label: str, n: int) -> dict[str, Any]:
    return {"topology": label, "graphs": [[list(edge) for edge in graph] for graph in build(label, n)]}


def _once(worker: Quadratic) -> dict[str, NDArray[np.float32]]:
    """Let every region add a vector of its own in round 0 and nothing later; returns what each added."""
    draw = np.random.default_rng(7)
    own = {name: draw.normal(size=worker.dim).astype(np.float32) for name in worker.names}

    def train(
        region: str, plan: Plan, round: int, vector: NDArray[np.float32], _totals: object
    ) -> tuple[NDArray[np.float32], TrainReport]:
        return vector + own[region] * (round == plan.first_round), TrainReport(steps=1, norm=1.0)

    worker.train = train  # type: ignore[method-assign, assignment]
    return own


def _mixes(net: Network, name: str) -> list[dict[str, Any]]:
    entries = map(decode_entry, net.regions[name].store.leaves)
    return [entry.body for entry in entries if entry.kind == "round.mix"]


@pytest.mark.parametrize(
    ("label", "n"), [("cliques:3x4", 12), ("cliques:3x3", 9), pytest.param("cliques:3x3x3", 27, marks=pytest.mark.slow)]
)
def test_after_one_turn_of_a_clique_product_all_hold_the_exact_mean(make_network: Make, label: str, n: int) -> None:
    schedule = _schedule(label, n)
    turn = len(schedule["graphs"])
    net, worker, _ = make_network(n, rounds=turn, masking={"mode": "strict", "change_budget": 1}, **schedule)
    own = _once(worker)
    assert net.run()
    mean = worker.initial + np.mean(list(own.values()), axis=0)
    for model in net.models.values():
        # Each round's codes are rounded to 2^-24 once a member, and float32 has 24 bits.
        np.testing.assert_allclose(model, mean, atol=n * turn * 2.0**-24)


def test_each_round_has_its_own_neighbours_and_its_own_denominator(make_network: Make) -> None:
    net, _, plan = make_network(12, rounds=4, masking={"mode": "strict"}, **_schedule("cliques:3x4", 12))
    assert net.run()
    for name in net.names:
        for mix in _mixes(net, name):
            others = set(mix["weights"]) - {name}
            assert others == set(plan.neighbours(name, mix["round"]))
            assert mix["den"] == 1 + len(others) == (4 if mix["round"] % 2 == 0 else 3)
            assert mix["weights"][name] == 1


def test_a_schedule_spends_nothing_of_the_change_budget(make_network: Make) -> None:
    net, _, _ = make_network(9, rounds=8, masking={"mode": "strict", "change_budget": 1}, **_schedule("cliques:3x3", 9))
    assert net.run()
    assert net.suspects == []
    assert all(len(_mixes(net, name)) == 8 for name in net.names)


def test_a_region_lost_in_one_round_leaves_those_alone_that_would_be_too_few(make_network: Make) -> None:
    net, _, plan = make_network(16, rounds=6, masking={"mode": "strict"}, **_schedule("cliques:4x4", 16))
    assert plan.may_be_away == 1
    lost = net.names[5]
    net.run(lambda: all((name, 1) in net.adopted for name in net.names))
    net.kill(lost)
    assert net.run()
    for name in set(net.names) - {lost}:
        late = [mix for mix in _mixes(net, name) if mix["round"] == 5]
        assert [lost in plan.neighbours(name, 5)] == [mix["missing"] == [lost] for mix in late]


@pytest.mark.parametrize(
    ("label", "n"), [("cliques:2x4", 8), ("one-peer", 8), ("matchings", 6), ("matchings", 5)],
    ids=["a side of two", "one peer", "matchings", "matchings, one rests"],
)  # fmt: skip
def test_pairs_are_refused_under_masks_and_run_where_they_are_disclosed(make_network: Make, label: str, n: int) -> None:
    with pytest.raises(PlanError, match="unmaskable"):
        make_network(n, rounds=2, masking={"mode": "strict"}, **_schedule(label, n))
    schedule = _schedule(label, n)
    turn = len(schedule["graphs"])
    net, _, plan = make_network(
        n, rounds=turn, masking={"mode": "strict", "on_unmaskable": "disclose"}, dp=dict(DP), **schedule
    )
    assert net.run()
    assert plan.sentences()
    for name in net.names:
        met = {other for mix in _mixes(net, name) for other in mix["weights"]} - {name}
        assert met == {other for round in range(turn) for other in plan.neighbours(name, round)}
        # Who rests in a round is not alone.
        assert not net.peer(name).current.alone  # type: ignore[union-attr]
