"""What a contradiction leads to: evidence that all check for themselves, a suspension, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from crypto.errors import CryptoError
from gossip.sessions.session import session_id
from protocol.entries import decode_entry
from protocol.envelope import Envelope, parse
from protocol.errors import CodecError
from protocol.evidence import encode_evidence, verify_evidence
from protocol.roster import card_line, make_card

Make = Callable[..., Any]
ADVERT = {"mask_key": bytes([7]) * 32, "eph": bytes([8]) * 32, "need_state": False, "stats": None}


def two_faced(net: Any, plan: Any, hostile: Any, victim: str) -> tuple[Any, Envelope, Envelope]:
    """The first region says two things in one session of the victim."""
    liar = hostile.liar(net, net.names[0])
    net.kill(liar.name)
    sid = session_id(plan.study, 3, victim, plan.roster)
    place = {"study": plan.study, "round": 3, "session": sid}
    first = liar.say(victim, "ADVERT", ADVERT, **place)
    second = liar.say(victim, "ADVERT", {**ADVERT, "mask_key": bytes([9]) * 32}, **place)
    return liar, first, second


def keys_of(net: Any) -> Callable[[Envelope], bytes | None]:
    return lambda envelope: net.regions[envelope.fields.sender].card.keys.sign


@pytest.mark.attack("S03")
def test_who_contradicts_itself_before_one_region_is_suspended_by_all(make_network: Make, hostile: Any) -> None:
    net, _, plan = make_network(4, rounds=12, round_min_s=2)
    victim = net.names[1]
    hostile.until_round(net, victim, 2)
    liar, first, second = two_faced(net, plan, hostile, victim)
    assert net.run(lambda: all(liar.name in net.peer(n).blame.suspended for n in net.names[1:]), limit_ms=10_000)
    for name in net.names[1:]:
        assert hostile.faults(net, name) == [(liar.name, "LS-EQUIVOCATION")]
        evidence = next(e for leaf in net.regions[name].store.leaves if (e := decode_entry(leaf)).kind == "fault")
        payload = net.regions[name].store.kept[evidence.body["evidence"][0]]
        code, *statements = verify_evidence(payload, keys_of(net))
        assert (code, {e.eid for e in statements}) == ("LS-EQUIVOCATION", {first.eid, second.eid})


def test_evidence_reaches_a_region_that_was_away(make_network: Make, hostile: Any) -> None:
    net, _, plan = make_network(4, rounds=30, round_min_s=2)
    victim, away = net.names[1], net.names[3]
    hostile.until_round(net, victim, 2)
    net.kill(away)
    liar, _, _ = two_faced(net, plan, hostile, victim)
    net.run(lambda: False, limit_ms=3_000)
    net.start(away)
    net._connect()
    assert net.run(lambda: liar.name in net.peer(away).blame.suspended, limit_ms=10_000)


def test_what_shows_nothing_blames_only_who_showed_it(make_network: Make, hostile: Any) -> None:
    """Two statements that may both stand, or that their alleged sender has not signed."""
    net, _, plan = make_network(4, rounds=12, round_min_s=2)
    liar, honest, victim = net.names[:3]
    hostile.until_round(net, victim, 2)
    said = [e for leaf in net.regions[honest].store.leaves if (e := decode_entry(leaf)).kind == "env.sent"]
    first, second = (parse(e.body["header"], e.body["sig"]) for e in said[-2:])
    teller = hostile.liar(net, liar)
    net.kill(liar)
    for payload in (
        encode_evidence(first, second),
        encode_evidence(*two_faced_by_another(hostile, net, plan, honest, teller)),
    ):
        body = {"region": honest, "code": "LS-EQUIVOCATION"}
        teller.say(victim, "EVIDENCE", body, payload, study=plan.study, round=2)
    assert hostile.faults(net, victim) == [(liar, "STATE"), (liar, "STATE")]
    assert net.peer(victim).blame.suspended == set()


def two_faced_by_another(hostile: Any, net: Any, plan: Any, honest: str, teller: Any) -> tuple[Envelope, Envelope]:
    """Two contradicting statements in the name of an honest region, signed by another."""
    forger = hostile.liar(net, honest)
    forger.log = type(forger.log)(
        network="simulated.example",
        region=honest,
        sign_key=teller.keys.sign,
        log_key=teller.keys.log,
        leaves=net.regions[honest].store.leaves,
    )
    sid = session_id(plan.study, 3, teller.name, plan.roster)
    place: dict[str, Any] = {"study": plan.study, "round": 3, "session": sid, "to": [], "now_ms": net.now_ms}
    first = forger.log.seal("ADVERT", ADVERT, **place)
    return first, forger.log.seal("ADVERT", {**ADVERT, "eph": bytes(32)}, **place)


def test_evidence_is_a_pure_function_of_two_statements_and_keys(make_network: Make, hostile: Any) -> None:
    net, _, plan = make_network(4, rounds=12, round_min_s=2)
    victim = net.names[1]
    hostile.until_round(net, victim, 2)
    _, first, second = two_faced(net, plan, hostile, victim)
    payload = encode_evidence(first, second)
    assert verify_evidence(payload, keys_of(net))[0] == "LS-EQUIVOCATION"
    with pytest.raises(CryptoError, match="nobody knows"):
        verify_evidence(payload, lambda _: None)
    with pytest.raises(CryptoError):
        verify_evidence(payload, lambda _: net.regions[victim].card.keys.sign)
    with pytest.raises(CodecError):
        verify_evidence(encode_evidence(first, first), keys_of(net))


def test_the_next_roster_ends_a_suspension_and_old_statements_do_not_bring_it_back(
    make_network: Make, hostile: Any
) -> None:
    net, _, plan = make_network(4, rounds=2)
    assert net.run()
    liar, victim = hostile.liar(net, net.names[0]), net.names[1]
    sid = session_id(plan.study, 1, victim, plan.roster)
    place = {"study": plan.study, "round": 1, "session": sid}
    liar.log = hostile.liar(net, liar.name).log
    net.kill(liar.name)
    for key in (bytes([7]) * 32, bytes([9]) * 32):
        liar.say(victim, "ADVERT", {**ADVERT, "mask_key": key}, **place)
    assert net.run(lambda: all(liar.name in net.peer(n).blame.suspended for n in net.names[1:]), limit_ms=10_000)
    moved = make_card("simulated.example", liar.name, ["tcp://elsewhere.example:7700"], liar.keys)
    lines = [card_line(moved if n == liar.name else r.card) for n, r in net.regions.items()]
    for name in net.names[1:]:
        net.ask(name, "roster_found", cards=lines, role="technical", ref=None)
    serial_two = lambda: all(net.peer(n).membership.in_force.serial == 2 for n in net.names[1:])  # noqa: E731
    assert net.run(serial_two, limit_ms=60_000)
    for name in net.names[1:]:
        assert net.peer(name).blame.suspended == set()
        assert net.replayed(name).blame.suspended == set()
    old = hostile.liar(net, liar.name)
    old.fork(6)
    old.say(victim, "ABSENT", {"first": 0, "last": 0}, study=plan.study, round=0)
    assert net.peer(victim).blame.suspended == set()
    liar.say(victim, "ADVERT", {**ADVERT, "mask_key": bytes([11]) * 32}, **place)
    assert net.peer(victim).blame.suspended == {liar.name}, "a third story is a new one"
