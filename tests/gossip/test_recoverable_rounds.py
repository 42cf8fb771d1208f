"""Rounds whose sums survive losses: who is lost when, what it costs, and that no sum is ever wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gossip.effects import Send
from gossip.network import Network
from protocol.envelope import parse
from tests.gossip.exact import Codes, count_exact, entries

Make = Callable[..., Any]


def type_of(send: Send) -> str:
    return parse(send.header, send.signature).fields.type


def round_of(send: Send) -> int | None:
    return parse(send.header, send.signature).fields.round


def outcomes(net: Network, name: str) -> list[tuple[int, str, str | None]]:
    study = net.peer(name).current
    assert study is not None
    return [(h["round"], h["outcome"], h["reason"]) for h in study.history]


@pytest.mark.parametrize(("regions", "mode"), [(3, "recoverable"), (4, "recoverable"), (5, "auto"), (7, "auto")])
def test_masked_and_clear_end_in_the_same_model_at_each_region(
    make_network: Make, codes: Codes, regions: int, mode: str
) -> None:
    net, _, plan = make_network(regions, rounds=4, masking={"mode": mode})
    assert net.run()
    clear, _, _ = make_network(regions, rounds=4, masking={"mode": "off"})
    assert clear.run()
    for name in net.names:
        assert net.models[name].tobytes() == clear.models[name].tobytes()
        assert [o for _, o, _ in outcomes(net, name)] == ["mixed"] * 4
        opened = entries(net, name, "session.sum")[0].body["opened"]
        assert [(row["region"], row["kind"]) for row in opened] == [(n, "self") for n in net.names if n != name]
    assert count_exact(net, plan, codes) == 4 * regions


PHASES = {"ADVERT": "never announces", "SHARES": "never shares", "MASKED": "never sends its value",
          "CONFIRM": "never signs", "REVEAL": "never reveals"}  # fmt: skip


@pytest.mark.parametrize("phase", PHASES)
def test_one_loss_in_any_phase_leaves_an_exact_sum_over_the_others(
    make_network: Make, codes: Codes, phase: str
) -> None:
    net, _, plan = make_network(5, rounds=3, round_timeout_s=10, masking={"mode": "auto"})
    silent = net.names[4]
    net.on_send = lambda sender, send: [] if sender == silent and type_of(send) == phase else [send]
    assert net.run(limit_ms=600_000)
    assert count_exact(net, plan, codes) > 0
    is_in = phase in ("CONFIRM", "REVEAL")
    for name in net.names[:4]:
        assert [o for _, o, _ in outcomes(net, name)] == ["mixed"] * 3
        for entry in entries(net, name, "session.sum"):
            assert (silent in entry.body["survivors"]) is is_in
            kinds = {row["region"]: row["kind"] for row in entry.body["opened"]}
            assert kinds.get(silent) == {"MASKED": "pair", "CONFIRM": "self", "REVEAL": "self"}.get(phase)


@pytest.mark.parametrize("phase", ["SHARES", "MASKED", "CONFIRM", "REVEAL"])
def test_one_loss_too_many_is_void_and_never_a_wrong_sum(make_network: Make, codes: Codes, phase: str) -> None:
    net, _, plan = make_network(5, rounds=2, round_timeout_s=10, masking={"mode": "auto"})
    silent = net.names[3:]
    net.on_send = lambda sender, send: [] if sender in silent and type_of(send) == phase else [send]
    net.run(limit_ms=600_000)
    count_exact(net, plan, codes)
    for name in net.names[:3]:
        assert {o for _, o, _ in outcomes(net, name)} == {"kept"}
        assert entries(net, name, "session.sum") == []
        assert {e.body["reason"] for e in entries(net, name, "session.void")} <= {"missing", "too-few"}


def test_a_dead_region_costs_each_neighbour_one_t_adv(make_network: Make) -> None:
    net, _, _ = make_network(5, rounds=6, round_timeout_s=20, masking={"mode": "auto"})
    dead = net.names[2]
    net.run(lambda: any(n == net.names[0] and r == 1 for n, r in net.adopted))
    net.kill(dead)
    began_ms = net.now_ms
    others = [n for n in net.names if n != dead]
    assert net.run(lambda: all(net.peer(n).current.outcome for n in others), limit_ms=600_000)
    assert net.now_ms - began_ms < 0.1 * 20_000 + 0.8 * 20_000 + 5_000
    for name in others:
        assert [o for r, o, _ in outcomes(net, name) if r >= 2] == ["mixed"] * 4


def test_a_slow_region_voids_nobody_and_is_mixed_when_it_is_there(make_network: Make, codes: Codes) -> None:
    """It trains three times as long as T_adv in the clear; its shares are routed while it trains."""
    slow = "region-b"
    net, _, plan = make_network(
        5,
        rounds=4,
        round_timeout_s=20,
        masking={"mode": "auto"},
        network={"train_ms": lambda region, round: 6_000 if region == slow else 500},
    )
    assert net.run(limit_ms=600_000)
    for name in net.names:
        assert [o for _, o, _ in outcomes(net, name)] == ["mixed"] * 4
    assert all(slow in e.body["survivors"] for n in net.names if n != slow for e in entries(net, n, "session.sum"))
    assert count_exact(net, plan, codes) == 20


def test_a_region_slower_than_the_timeout_costs_the_others_no_session(make_network: Make) -> None:
    slow = "region-b"
    net, _, _ = make_network(
        6,
        rounds=8,
        round_timeout_s=4,
        masking={"mode": "auto"},
        network={"train_ms": lambda region, round: 9_000 if region == slow else 200},
    )
    assert net.run(limit_ms=600_000)
    for name in net.names:
        if name != slow:
            assert [o for _, o, _ in outcomes(net, name)] == ["mixed"] * 8


def test_two_hops_of_waiting_do_not_cascade(make_network: Make) -> None:
    """On a torus one region hangs for a round: its neighbours wait T_adv and T_mask once, theirs not at all."""
    edges = sorted(
        {tuple(sorted((3 * r + c, 3 * r + (c + 1) % 3))) for r in range(3) for c in range(3)}
        | {tuple(sorted((3 * r + c, 3 * ((r + 1) % 3) + c))) for r in range(3) for c in range(3)}
    )
    hung = "region-e"
    net, _, _ = make_network(
        9,
        rounds=5,
        round_timeout_s=20,
        topology="torus:3x3",
        graphs=[[list(e) for e in edges]],
        masking={"mode": "auto"},
        network={"train_ms": lambda region, round: 60_000 if (region, round) == (hung, 1) else 200},
    )
    began_ms = net.now_ms
    others = [n for n in net.names if n != hung]
    assert net.run(lambda: all(net.peer(n).current is not None for n in net.names))
    assert net.run(lambda: all(net.peer(n).current.outcome for n in others), limit_ms=600_000)
    assert net.now_ms - began_ms < 2 * 20_000
    for name in others:
        assert [o for _, o, _ in outcomes(net, name)] == ["mixed"] * 5


def test_who_is_left_out_learns_it_and_forgets_its_value(make_network: Make) -> None:
    net, _, _ = make_network(5, rounds=2, round_timeout_s=10, masking={"mode": "auto"})
    receiver, late = net.names[:2]
    seen: list[Send] = []

    def hold(sender: str, send: Send) -> list[Send]:
        if (sender, send.link, type_of(send), round_of(send)) == (late, receiver, "MASKED", 0):
            return []
        if (sender, send.link, type_of(send), round_of(send)) == (receiver, late, "SURVIVORS", 0):
            seen.append(send)
        return [send]

    net.on_send = hold
    assert net.run(lambda: bool(seen))
    session = net.peer(late).current._sender._sessions[(0, receiver, 0)]
    assert session.sent == [] or net.run(lambda: session.sent == [], limit_ms=100)
    net.on_send = lambda _n, s: [s]
    assert net.run(limit_ms=600_000)


def test_values_come_again_when_a_line_is_back(make_network: Make, codes: Codes) -> None:
    """A line is cut in every phase of a session for a moment: what was lost is said again, and nobody is left out."""
    net, _, plan = make_network(5, rounds=4, round_timeout_s=20, masking={"mode": "auto"})
    a, b = net.names[:2]
    cut: set[str] = set()

    def flap(sender: str, send: Send) -> list[Send]:
        type = type_of(send)
        if {sender, send.link} == {a, b} and type != "PING" and type not in cut:
            cut.add(type)
            net.cut(a, b)
            net.heal(a, b)
            return []
        return [send]

    net.on_send = flap
    assert net.run(limit_ms=600_000)
    assert {"ADVERT", "COHORT", "SHARES", "ROUTED", "MASKED", "SURVIVORS", "CONFIRM", "CONFIRMS", "REVEAL"} <= cut
    assert count_exact(net, plan, codes) == 20
    for name in net.names:
        assert [o for _, o, _ in outcomes(net, name)] == ["mixed"] * 4


def test_every_value_that_is_taken_in_has_its_receipt_in_both_variants(make_network: Make) -> None:
    for mode in ("strict", "recoverable"):
        net, _, _ = make_network(4, rounds=2, sums=["count"], masking={"mode": mode})
        assert net.run()
        net.run(lambda: False, limit_ms=100)
        for name in net.names:
            sent = {
                (h.fields.type, h.fields.session): h
                for e in entries(net, name, "env.sent")
                if (h := parse(e.body["header"], e.body["sig"])).fields.type == "MASKED"
            }
            got = {
                (h.fields.session, h.fields.body["masked"])
                for e in entries(net, name, "env.recv")
                if (h := parse(e.body["header"], e.body["sig"])).fields.type == "RECEIPT"
            }
            assert got == {(h.fields.session, h.eid) for h in sent.values()}
            assert len(got) == 3 * 3


def test_no_value_in_a_round_is_a_loss_without_an_excuse(make_network: Make, codes: Codes) -> None:
    """Training fails after the ADVERT: the region was announced, so it has no ABSENT for that round."""
    unlucky = "region-b"
    net, worker, plan = make_network(5, rounds=3, round_timeout_s=6, masking={"mode": "auto"})
    worker.failing[(unlucky, 1)] = "the worker died"
    assert net.run(limit_ms=600_000)
    count_exact(net, plan, codes)
    assert (1, "kept", "training") in outcomes(net, unlucky)
    assert net.peer(net.names[0]).current.context.excused == {}
    for name in net.names:
        if name != unlucky:
            assert [o for _, o, _ in outcomes(net, name)] == ["mixed"] * 3
