"""Rosters and studies come about by signatures alone, in whatever order they arrive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from crypto.keys import PrivateKeys
from gossip.consent.agreement import MAX_NEIGHBOURS, MAX_REGIONS
from gossip.effects import Send
from gossip.errors import Refusal
from gossip.events import Arrived, Payload
from gossip.memory import SeededEntropy
from gossip.network import Network
from protocol.envelope import parse
from protocol.plan import Plan
from protocol.roster import Roster, card_line, make_card, parse_card, sign_roster

Make = Callable[..., Any]


class Still:
    """A worker that is never asked."""

    def open(self, region: str, plan: Plan) -> Any:
        raise AssertionError("no study starts here")

    measure = train = open


def lines(net: Network) -> list[str]:
    return [card_line(r.card) for r in net.regions.values()]


def test_a_roster_is_in_force_when_the_last_region_has_signed() -> None:
    net = Network(["a", "b", "c"], Still())  # type: ignore[arg-type]
    for name in net.names:
        net.start(name)
    for name in ("a", "b"):
        net.ask(name, "roster_found", cards=lines(net), role="technical", ref=None)
    net.run(lambda: False, limit_ms=5_000)
    shown = net.ask("a", "roster_show")["rosters"][0]  # type: ignore[index]
    assert (shown["signed"], shown["missing"], shown["in_force"]) == (["a", "b"], ["c"], False)
    net.ask("c", "roster_found", cards=list(reversed(lines(net))), role="technical", ref=None)
    net.run(lambda: all(net.peer(n).membership.in_force for n in net.names), limit_ms=60_000)
    assert len({net.peer(n).membership.in_force.hash for n in net.names}) == 1  # type: ignore[union-attr]


def test_regions_that_founded_different_rosters_see_it() -> None:
    net = Network(["a", "b", "c"], Still())  # type: ignore[arg-type]
    for name in net.names:
        net.start(name)
    net.ask("a", "roster_found", cards=lines(net), role="technical", ref=None)
    net.ask("b", "roster_found", cards=lines(net)[:2], role="technical", ref=None)
    net.run(lambda: False, limit_ms=5_000)
    assert len(net.ask("a", "roster_show")["rosters"]) == 2  # type: ignore[arg-type]
    assert net.peer("a").membership.in_force is None


def test_a_roster_without_the_own_card_is_refused_and_leaves_no_trace() -> None:
    net = Network(["a", "b", "c"], Still())  # type: ignore[arg-type]
    net.start("a")
    before = len(net.regions["a"].store.leaves)
    with pytest.raises(ValueError, match="own card"):
        net.ask("a", "roster_found", cards=lines(net)[1:], role="technical", ref=None)
    assert len(net.regions["a"].store.leaves) == before


def test_a_diary_number_that_looks_like_a_person_is_refused() -> None:
    net = Network(["a", "b", "c"], Still())  # type: ignore[arg-type]
    net.start("a")
    with pytest.raises(ValueError, match="diary number"):
        net.ask("a", "roster_found", cards=lines(net), role="technical", ref="19121212-1212")


@pytest.mark.parametrize("lost", ["ACCEPT", "PROPOSE"])
def test_one_lost_message_does_not_block_a_start_once_the_line_is_back(make_network: Make, lost: str) -> None:
    net, _, _ = make_network(3, rounds=2)
    assert net.run()
    first = net.peer(net.names[0]).current.context.plan
    second = Plan.make(**{**first.value(), "title": "second"})
    a, b = net.names[:2]
    dropped: list[Send] = []

    def lossy(sender: str, send: Send) -> list[Send]:
        if parse(send.header, send.signature).fields.type == lost and send.link == b and len(dropped) < 2:
            dropped.append(send)
            return []
        return [send]

    net.on_send = lossy
    net.ended.clear()
    net.ask(a, "propose", plan=second.encode())
    net.run(lambda: all(second.study in net.peer(n).agreement.proposals for n in (a, net.names[2])), limit_ms=20_000)
    for name in (a, net.names[2]):
        net.ask(name, "accept", study=second.study, role="technical", ref=None)
    net.run(lambda: False, limit_ms=2_000)
    assert dropped
    for other in (a, net.names[2]):
        net.cut(b, other)
    net.run(lambda: False, limit_ms=100)
    for other in (a, net.names[2]):
        net.heal(b, other)
    net.run(lambda: second.study in net.peer(b).agreement.proposals, limit_ms=20_000)
    net.ask(b, "accept", study=second.study, role="technical", ref=None)
    assert net.run(limit_ms=200_000)
    assert {e.outcome for e in net.ended.values()} == {"done"}


def test_a_plan_that_hides_nothing_is_refused_in_words(make_network: Make) -> None:
    net, _, plan = make_network(3, rounds=2)
    values = {**plan.value(), "topology": "path", "graphs": [[[0, 1], [1, 2]]]}
    with pytest.raises(ValueError, match="UNMASKABLE"):
        net.ask(net.names[0], "propose", plan=Plan.make(**values).encode())


def test_accepting_with_other_code_is_refused(make_network: Make) -> None:
    net, _, plan = make_network(3, rounds=2)
    net.run()
    other = Plan.make(**{**plan.value(), "code_sha256s": [bytes([1]) * 32]})
    net.ask(net.names[0], "propose", plan=other.encode())
    with pytest.raises(ValueError, match="CODE"):
        net.ask(net.names[0], "accept", study=other.study, role="technical", ref=None)


def test_a_second_study_waits_until_the_first_has_ended(make_network: Make) -> None:
    net, _, plan = make_network(3, rounds=6, round_min_s=1)
    second = Plan.make(**{**plan.value(), "title": "second", "rounds": 2})
    net.run(lambda: all(net.peer(n).current for n in net.names))
    net.agree(second)
    assert net.run(lambda: all(len(net.peer(n).studies) == 2 and net.peer(n).current.outcome for n in net.names))
    for name in net.names:
        assert [s.outcome for s in net.peer(name).studies.values()] == ["done", "done"]


def test_after_an_accept_has_left_the_operator_cannot_say_no_at_home_only(make_network: Make) -> None:
    net, _, plan = make_network(3, rounds=2)
    net.run()
    second = Plan.make(**{**plan.value(), "title": "second"})
    a = net.names[0]
    net.ask(a, "propose", plan=second.encode())
    net.ask(a, "accept", study=second.study, role="technical", ref=None)
    size = len(net.regions[a].store.leaves)
    with pytest.raises(ValueError, match="others count on it"):
        net.ask(a, "reject", study=second.study, reason="law", role="dpo", ref=None)
    assert len(net.regions[a].store.leaves) == size


def founded(net: Network, names: Sequence[str], by: Sequence[str]) -> None:
    """Some regions found the roster of these cards, and time passes."""
    cards = [card_line(net.regions[n].card) for n in names]
    for name in by:
        net.ask(name, "roster_found", cards=cards, role="technical", ref=None)
    net.run(lambda: False, limit_ms=2_000)


def test_of_two_rosters_that_wait_the_operator_names_one() -> None:
    """Else a member could slip one in between looking and signing."""
    net = Network(["a", "b", "c", "d"], Still())  # type: ignore[arg-type]
    for name in net.names:
        net.start(name)
    founded(net, "abc", "abc")
    founded(net, "abcd", "a")
    founded(net, "bcd", "c")
    with pytest.raises(ValueError, match="2 rosters wait"):
        net.ask("b", "roster_sign", role="technical", ref=None)
    waiting = [r for r in net.ask("b", "roster_show")["rosters"] if "b" in r["missing"]]  # type: ignore[attr-defined]
    wanted = next(r["roster"] for r in waiting if r["regions"] == list("abcd"))
    shown = net.ask("b", "roster_sign", role="technical", ref=None, roster=wanted[:12])
    assert [r["regions"] for r in shown["rosters"] if "b" in r["missing"]] == [list("bcd")]  # type: ignore[attr-defined]


@pytest.mark.attack("S20")
def test_a_roster_with_another_card_under_the_own_name_is_not_signed() -> None:
    net = Network(["a", "b", "c"], Still())  # type: ignore[arg-type]
    for name in net.names:
        net.start(name)
    founded(net, "abc", "abc")
    assert net.peer("b").membership.in_force
    stranger = PrivateKeys.generate(SeededEntropy("a stranger"))
    forged = make_card("simulated.example", "b", ["tcp://b.example:7700"], stranger)
    cards = [card_line(net.regions["a"].card), card_line(forged), card_line(net.regions["c"].card)]
    previous = net.peer("a").membership.in_force
    assert previous is not None
    roster = Roster("simulated.example", 2, previous.hash, tuple(parse_card(c) for c in cards))
    signature = sign_roster(roster.hash, net.regions["a"].keys.identity)
    liar = net.regions["a"].log()
    net.kill("a")
    body = {"roster": roster.hash, "serial": 2, "sig": signature}
    envelope = liar.seal("ROSTER", body, to=["b"], now_ms=net.now_ms, payload=roster.encode())
    net._handle("b", Arrived(0, "a", envelope.header, envelope.signature))
    net._handle("b", Payload(0, "a", envelope.eid, roster.encode()))
    assert len(net.ask("b", "roster_show")["rosters"]) == 2  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="own card"):
        net.ask("b", "roster_sign", role="technical", ref=None)


def test_a_region_that_has_ended_still_sends_its_last_value_again(make_network: Make) -> None:
    """Its MASKED of the last round was lost with the line; the receiver waits for it until T_mask."""
    net, _, _ = make_network(4, rounds=3, round_timeout_s=30)
    a, b = net.names[:2]
    lost: list[Send] = []

    def lossy(sender: str, send: Send) -> list[Send]:
        fields = parse(send.header, send.signature).fields
        if (sender, send.link) == (a, b) and fields.type == "MASKED" and fields.round == 2 and not lost:
            lost.append(send)
            return []
        return [send]

    net.on_send = lossy
    assert net.run(lambda: bool(lost) and a in net.ended)
    net.cut(a, b)
    net.run(lambda: False, limit_ms=100)
    net.heal(a, b)
    assert net.run(limit_ms=20_000)
    assert net.peer(b).current.rounds_mixed == 3


def test_more_regions_than_a_header_or_an_entry_can_name_are_refused_in_words(make_network: Make) -> None:
    net, _, plan = make_network(3, rounds=2)
    agreement = net.peer(net.names[0]).agreement
    for n, graph in (
        (170, [[i, j] for i in range(170) for j in range(i + 1, 170)]),
        (420, sorted(sorted([i, (i + 1) % 420]) for i in range(420))),
    ):
        names = sorted([net.names[0], *(f"region-{i:03d}" for i in range(n - 1))])
        topology = "complete" if n == 170 else "ring"
        wide = Plan.make(**{**plan.value(), "regions": names, "topology": topology, "graphs": [graph]})
        with pytest.raises(Refusal, match="at most 400 regions and 160 neighbours"):
            agreement._read(wide.encode(), SimpleNamespace(hash=plan.roster, names=names))  # type: ignore[arg-type]


def test_the_largest_study_fits_its_header_and_its_entry(make_network: Make) -> None:
    net = Network(["a"], Still())  # type: ignore[arg-type]
    log, wide = net.regions["a"].log(), bytes([255]) * 32
    names = [f"{i:040d}" for i in range(MAX_REGIONS)]
    members = [[name, wide, None] for name in names[:MAX_NEIGHBOURS]]
    body = {"members": members, "eph": wide, "kind": "mix", "variant": "strict"}
    place = {"study": wide, "round": 2**40, "session": wide}
    log.seal("COHORT", body, to=names[:MAX_NEIGHBOURS], now_ms=net.now_ms, payload=b"x", **place)
    accepts = [{"region": name, "eid": wide} for name in names]
    start = {"roster": wide, "regions": names, "init": wide, "masking": "strict", "lab": True, "accepts": accepts}
    log.add("study.start", start, study=wide, now_ms=net.now_ms)


def test_a_roster_of_one_region_is_refused() -> None:
    net = Network(["a", "b", "c"], Still())  # type: ignore[arg-type]
    net.start("a")
    own = card_line(net.regions["a"].card)
    with pytest.raises(ValueError, match="two at least"):
        net.ask("a", "roster_found", cards=[own, own], role="technical", ref=None)
    assert net.peer("a").membership.in_force is None


def test_a_study_that_has_ended_is_neither_proposed_nor_accepted_again(make_network: Make) -> None:
    net, _, plan = make_network(3, rounds=2)
    assert net.run()
    name = net.names[0]
    shown = net.ask(name, "study", study=plan.study)
    assert (shown["state"], shown["outcome"]) == ("ended", "done")
    with pytest.raises(ValueError, match="has ended"):
        net.ask(name, "propose", plan=plan.encode())
    with pytest.raises(ValueError, match="has ended"):
        net.ask(name, "accept", study=plan.study, role="technical", ref=None)
