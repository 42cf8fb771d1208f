"""Whole networks of real peers, one story each."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gossip.events import TrainReport
from gossip.network import Network
from protocol.envelope import parse

Make = Callable[..., Any]
RING4 = [[[0, 1], [0, 3], [1, 2], [2, 3]]]


def hashes(net: Network) -> dict[str, str]:
    return {n: hashlib.sha256(m.tobytes()).hexdigest() for n, m in net.models.items()}


def outcomes(net: Network, name: str) -> list[str]:
    study = net.peer(name).current
    assert study is not None
    return [str(h["outcome"]) for h in study.history]


def pass_time_until(net: Network, name: str, round: int) -> None:
    """Let time pass until a region is in that round of its study."""

    def reached() -> bool:
        study = net.peer(name).current
        return study is not None and study.round >= round

    assert net.run(reached)


def test_four_regions_settle_at_the_mean_of_their_targets(make_network: Make) -> None:
    net, worker, _ = make_network(4, rounds=60)
    assert net.run()
    for name in net.names:
        np.testing.assert_allclose(net.models[name], worker.optimum, atol=0.02)
        assert outcomes(net, name) == ["mixed"] * 60


def test_masked_and_clear_give_each_region_the_same_bytes(make_network: Make) -> None:
    masked, _, _ = make_network(4, rounds=8, sums=["count", "moment"])
    clear, _, _ = make_network(4, rounds=8, sums=["count", "moment"], masking={"mode": "off"})
    assert masked.run()
    assert clear.run()
    assert hashes(masked) == hashes(clear)


def test_sum_rounds_open_the_plain_sum_at_every_region(make_network: Make) -> None:
    net, worker, _ = make_network(
        5, rounds=1, sums=["count", "moment"], topology="ring", graphs=[[[0, 1], [0, 4], [1, 2], [2, 3], [3, 4]]]
    )
    assert net.run()
    expected = [
        sum(int(worker.integers(n, s)[i]) for n in net.names) for s, i in (("count", 0), ("moment", 0), ("moment", 1))
    ]
    assert {tuple(t) for _, t in worker.seen_totals} == {tuple(expected)}


def test_more_columns_than_an_announcement_has_room_for_are_summed_all_the_same(make_network: Make) -> None:
    net, worker, _ = make_network(3, rounds=1, sums=["count"])
    columns = tuple((f"column-{i}", 1) for i in range(9_000))
    worker.measure = lambda region, *_: (np.arange(9_000, dtype=np.int64), columns)
    assert net.run()
    assert {e.outcome for e in net.ended.values()} == {"done"}
    assert {tuple(t[:3]) for _, t in worker.seen_totals} == {(0, 3, 6)}


@pytest.mark.parametrize("victim_round", [1, 5])
def test_a_killed_region_costs_the_others_at_most_two_rounds(make_network: Make, victim_round: int) -> None:
    net, _, _ = make_network(4, rounds=12, sums=["count"], round_min_s=2)
    victim = net.names[1]
    pass_time_until(net, net.names[0], victim_round + 1)
    net.kill(victim)
    pass_time_until(net, net.names[0], victim_round + 5)
    net.start(victim)
    assert net.run()
    for name in net.names:
        mixed = outcomes(net, name).count("mixed")
        if name != victim:
            assert mixed >= 10, (name, outcomes(net, name))
    assert net.ended[victim].outcome == "done"


def test_a_restarted_region_mixes_within_two_rounds_of_its_first_answered_ping(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=14, round_min_s=2)
    victim, other = net.names[2], net.names[0]
    pass_time_until(net, other, 4)
    net.kill(victim)
    pass_time_until(net, other, 8)
    net.start(victim)
    net.run(lambda: any(net.peer(victim).presence.of(n).answered for n in net.names if n != victim))
    answered_in = net.peer(other).current.round
    net.run()
    history = net.peer(victim).current.history
    mixed = [h["round"] for h in history if h["outcome"] == "mixed" and h["round"] >= answered_in]
    assert mixed[0] <= answered_in + 2


def test_on_a_ring_a_loss_leaves_both_neighbours_alone_until_it_is_back(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=14, topology="ring", graphs=RING4, round_min_s=2)
    a, b, c, d = net.names
    pass_time_until(net, a, 3)
    net.kill(b)
    pass_time_until(net, a, 7)
    assert net.peer(a).current.state == "alone"
    assert net.peer(c).current.alone
    assert not net.peer(d).current.alone
    net.start(b)
    assert net.run()
    for name in (a, b, c, d):
        assert outcomes(net, name)[-1] == "mixed"


def test_two_regions_disclose_and_meet(make_network: Make) -> None:
    dp = {"eps_max_u": 3_000_000, "delta_u12": 10**9, "clip_u": 10**6, "q_u": 100_000, "sigma_min_u": 10**6}
    net, worker, _ = make_network(2, rounds=40, masking={"mode": "strict", "on_unmaskable": "disclose"}, dp=dp)
    assert net.run()
    for name in net.names:
        assert outcomes(net, name) == ["mixed"] * 40
        np.testing.assert_allclose(net.models[name], worker.optimum, atol=0.05)


def test_a_value_without_stated_noise_never_leaves_where_the_plan_asks_for_it(make_network: Make) -> None:
    dp = {"eps_max_u": 3_000_000, "delta_u12": 10**9, "clip_u": 10**6, "q_u": 100_000, "sigma_min_u": 10**6}
    net, worker, _ = make_network(2, rounds=2, masking={"mode": "strict", "on_unmaskable": "disclose"}, dp=dp)
    train = worker.train
    worker.train = lambda region, *args: (
        (train(region, *args)[0], TrainReport(steps=1, norm=1.0)) if region == net.names[0] else train(region, *args)
    )
    said: list[tuple[str, str]] = []
    net.on_send = lambda who, send: [said.append((who, parse(send.header, send.signature).fields.type)), send][1:]
    assert net.run()
    assert (net.names[0], "DELTA") not in said
    assert (net.names[1], "DELTA") in said


def test_a_region_that_trains_too_long_costs_nobody_a_session(make_network: Make) -> None:
    slow = "region-b"
    net, _, _ = make_network(
        4,
        rounds=8,
        network={"train_ms": lambda r, _t: 40_000 if r == slow else 20},
    )
    assert net.run()
    for name in net.names:
        if name != slow:
            study = net.peer(name).current
            assert study.rounds_mixed == 8
            assert all(h["reason"] != "missing" for h in study.history)


def test_a_cut_line_is_survived_and_healed(make_network: Make) -> None:
    net, _, _ = make_network(5, rounds=12, round_min_s=2)
    a, b = net.names[:2]
    pass_time_until(net, a, 3)
    net.cut(a, b)
    pass_time_until(net, a, 6)
    net.heal(a, b)
    assert net.run()
    for name in net.names:
        assert outcomes(net, name).count("mixed") >= 10


def test_one_reject_ends_the_proposal_everywhere(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=2)
    roster = net.peer(net.names[0]).membership.in_force
    net.run()
    plan = net.peer(net.names[0]).current.context.plan
    from protocol.plan import Plan

    values = plan.value()
    values["title"] = "second"
    second = Plan.make(**values)
    net.ask(net.names[0], "propose", plan=second.encode())
    net.run(lambda: all(second.study in net.peer(n).agreement.proposals for n in net.names))
    net.ask(net.names[1], "reject", study=second.study, reason="law", role="dpo", ref="RS 2026-1")
    for n in net.names[2:]:
        net.run(lambda: False, limit_ms=500)
        with pytest.raises(ValueError, match="rejected"):
            net.ask(n, "accept", study=second.study, role="technical", ref=None)
    assert roster is not None
