"""Rosters and studies come about by signatures alone, in whatever order they arrive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gossip.events import Send
from gossip.network import Network
from protocol.plan import Plan
from protocol.roster import card_line

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
        from protocol.envelope import parse

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
