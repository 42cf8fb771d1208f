"""Who is blamed, and what one member can cost the others: memory, log, and the good name of an honest region."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gossip import blame
from gossip.effects import Admit, Send
from gossip.errors import RemoteError
from gossip.events import Arrived, Payload
from gossip.network import Network
from gossip.sessions.session import session_id
from gossip.step import Step
from protocol.entries import decode_entry
from protocol.envelope import Envelope, encode_carried, parse
from protocol.plan import Plan

Make = Callable[..., Any]
ADVERT = {"mask_key": bytes([7]) * 32, "eph": bytes(32), "need_state": False, "stats": None}


def place(plan: Plan, round: int, receiver: str, attempt: int = 0) -> dict[str, Any]:
    """Where a message of one session stands."""
    sid = session_id(plan.study, round, receiver, plan.roster, attempt)
    return {"study": plan.study, "round": round, "session": sid}


def liar_between(net: Network, hostile: Any, name: str, round: int) -> Any:
    """A member that has spoken the truth up to a round, and has lines to all."""
    hostile.until_round(net, name, round)
    liar = hostile.liar(net, name)
    net.kill(name)
    for other in net.names:
        if other != name:
            net._up.add(frozenset((name, other)))
    return liar


def liar_with_advert(net: Network, hostile: Any, name: str, victim: str) -> tuple[Any, Envelope]:
    """A member that has the victim's announcement and has named no cohort yet; and the announcement."""
    adverts = hostile.last_sent(net, victim, "ADVERT")

    def newest() -> Envelope | None:
        to_liar = [parse(s.header, s.signature) for s in adverts if s.link == name]
        return to_liar[-1] if to_liar and (to_liar[-1].fields.round or 0) >= 2 else None

    assert net.run(lambda: newest() is not None)
    liar = hostile.liar(net, name)
    net.kill(name)
    net._up.add(frozenset((name, victim)))
    advert = newest()
    assert advert is not None
    return liar, advert


@pytest.mark.attack("S07")
@pytest.mark.attack("S20")
def test_a_mask_key_on_which_all_agree_alike_is_refused_and_stops_nobody(make_network: Make, hostile: Any) -> None:
    net, _, plan = make_network(4, rounds=6, round_min_s=2)
    liar = liar_between(net, hostile, net.names[0], 1)
    for victim in net.names[1:]:
        for key in (bytes(32), bytes([1]) + bytes(31)):
            liar.say(victim, "ADVERT", {**ADVERT, "mask_key": key}, **place(plan, 2, victim))
    assert net.run(limit_ms=300_000)
    for victim in net.names[1:]:
        assert (liar.name, "STATE") in hostile.faults(net, victim)
        assert net.peer(victim).current.outcome == "done"


@pytest.mark.attack("S07")
def test_a_cohort_with_such_a_key_is_refused_by_its_members(make_network: Make, hostile: Any) -> None:
    net, _, plan = make_network(4, rounds=6, round_min_s=2)
    name, victim, friend = net.names[:3]
    liar, own = liar_with_advert(net, hostile, name, victim)
    at = place(plan, own.fields.round, name)
    weak = hostile.liar(net, friend).log.seal(
        "ADVERT", {**ADVERT, "mask_key": bytes(32)}, to=[name], now_ms=net.now_ms, **at
    )
    members = [[e.fields.sender, e.eid, None] for e in (own, weak)]
    body = {"members": members, "eph": bytes(32), "kind": "mix", "variant": "strict"}
    liar.say(victim, "COHORT", body, encode_carried([(own, None), (weak, None)]), **at)
    assert (name, "LS-COHORT") in hostile.faults(net, victim)


@pytest.mark.attack("S07")
def test_a_receiver_is_not_blamed_for_a_member_that_tells_two_stories(make_network: Make, hostile: Any) -> None:
    """The liar shows one log to its receiver and another to the other members: these must not suspect the receiver."""
    net, _, plan = make_network(4, rounds=6, round_min_s=2)
    name, member, receiver = net.names[:3]
    liar = liar_between(net, hostile, name, 1)
    liar.say(receiver, "ADVERT", ADVERT, **place(plan, 2, receiver))
    liar.fork(0)
    liar.say(member, "ABSENT", {"first": 5, "last": 5}, study=plan.study, round=2)
    assert net.run(limit_ms=300_000)
    assert {region for region, code in hostile.faults(net, member) if code == "LS-FORK"} == {name}
    assert all(region == name for region, _ in hostile.faults(net, member))
    net.kill(member)
    net.start(member)
    assert net.peer(member).blame.suspended == {name}


@pytest.mark.attack("S32")
def test_who_contradicts_itself_a_thousand_times_is_written_down_once(make_network: Make, hostile: Any) -> None:
    net, _, plan = make_network(4, rounds=8, round_min_s=2)
    liar, victim = liar_between(net, hostile, net.names[0], 2), net.names[1]
    first = hostile.liar(net, liar.name)
    for last in range(3, 8):
        first.say(victim, "ABSENT", {"first": 3, "last": last}, study=plan.study, round=2)
    store = net.regions[victim].store
    before, kept = len(store.leaves), len(store.kept)
    for _ in range(200):
        for last in range(3, 8):
            liar.say(victim, "ABSENT", {"first": 2, "last": last}, study=plan.study, round=2)
    assert hostile.faults(net, victim).count((liar.name, "LS-FORK")) == 1
    assert len(store.leaves) - before <= 2
    assert len(store.kept) - kept <= 1


@pytest.mark.attack("S32")
def test_absences_make_at_most_one_entry_a_round(make_network: Make, hostile: Any) -> None:
    net, _, plan = make_network(4, rounds=8, round_min_s=2)
    liar, victim = liar_between(net, hostile, net.names[0], 2), net.names[1]
    before = len(net.regions[victim].store.leaves)
    for turn in range(3):
        for first in range(plan.end_round + 5):
            for last in (first, first + turn, 2**40):
                liar.say(victim, "ABSENT", {"first": first, "last": last}, study=plan.study, round=2)
    written = [decode_entry(leaf).kind for leaf in net.regions[victim].store.leaves[before:]]
    assert sum(kind in ("env.recv", "fault") for kind in written) <= plan.end_round + 8  # at most 4 faults of 2 codes
    assert len(written) <= plan.end_round + 9  # and the victim's own next round


@pytest.mark.attack("S31")
@pytest.mark.attack("S32")
def test_announcements_for_attempts_that_nobody_asked_for_are_refused(make_network: Make, hostile: Any) -> None:
    """They would use up the attempts of a region that starts again: it goes on one above the highest it knows of."""
    net, _, plan = make_network(3, rounds=2, sums=["count"])
    name, victim = net.names[:2]
    liar = hostile.liar(net, name)
    net.run(lambda: net.peer(victim).current is not None and net.peer(victim).current.phase.value == "sum")
    net.kill(name)
    for attempt in range(100):
        liar.say(victim, "ADVERT", ADVERT, **place(plan, 0, victim, attempt))
    net.kill(victim)
    net.start(victim)
    net.run(limit_ms=5_000)
    assert net.peer(victim).current.attempt <= 1


@pytest.mark.attack("S03")
def test_two_cohorts_whose_payloads_come_together_convict_their_signer(make_network: Make, hostile: Any) -> None:
    """Both headers are admitted before either is remembered; the second is judged again when its payload is here."""
    net, _, plan = make_network(4, rounds=6, round_min_s=2)
    name, victim = net.names[:2]
    liar, own = liar_with_advert(net, hostile, name, victim)
    at = place(plan, own.fields.round, name)
    payload = encode_carried([(own, None)])
    envelopes = []
    for eph in (bytes(32), bytes([1]) * 32):
        body = {"members": [[victim, own.eid, None]], "eph": eph, "kind": "mix", "variant": "strict"}
        envelope = liar.log.seal("COHORT", body, to=[victim], now_ms=net.now_ms, payload=payload, **at)
        effects = net._handle(victim, Arrived(0, name, envelope.header, envelope.signature))
        assert any(isinstance(e, Admit) for e in effects)
        envelopes.append(envelope)
    for envelope in envelopes:
        net._handle(victim, Payload(0, name, envelope.eid, payload))
    assert net.peer(victim).blame.suspended == {name}


@pytest.mark.attack("S19")
def test_a_message_whose_round_is_not_its_sessions_is_refused(make_network: Make, hostile: Any) -> None:
    net, _, plan = make_network(4, rounds=6, round_min_s=2)
    name, victim = net.names[:2]
    liar, own = liar_with_advert(net, hostile, name, victim)
    body = {"members": [[victim, own.eid, None]], "eph": bytes(32), "kind": "mix", "variant": "strict"}
    for round in (0, own.fields.round + 1):
        envelope = liar.log.seal(
            "COHORT",
            body,
            to=[victim],
            now_ms=net.now_ms,
            payload=encode_carried([(own, None)]),
            study=plan.study,
            round=round,
            session=own.fields.session,
        )
        effects = net._handle(victim, Arrived(0, name, envelope.header, envelope.signature))
        assert not any(isinstance(e, Admit) for e in effects), "not a byte of the payload is taken"


def test_a_value_that_comes_after_its_deadline_stops_and_accuses_nobody(make_network: Make, hostile: Any) -> None:
    net, _, _ = make_network(4, rounds=4, round_timeout_s=10, round_min_s=3)
    slow = net.names[0]
    held: list[tuple[str, Send]] = []

    def hold(sender: str, send: Send) -> list[Send]:
        fields = parse(send.header, send.signature).fields
        if sender == slow and fields.type == "MASKED" and fields.round == 1:
            held.append((sender, send))
            return []
        return [send]

    net.on_send = hold
    hostile.until_round(net, net.names[1], 2)
    # Its session is void, and the next round may have begun: as the daemon's transport would bring it.
    for sender, send in held:
        hostile.tell(net, send.link, sender, send.header, send.signature, send.payload, send.eid)
    assert held
    assert net.run(limit_ms=300_000)
    for name in net.names:
        assert hostile.faults(net, name) == []


def test_a_value_that_comes_between_the_deadline_and_the_next_round_stops_nobody(
    make_network: Make, hostile: Any
) -> None:
    """Its session is void, its round still trains: the value finds nobody who waits for it."""
    busy = "region-b"
    net, _, _ = make_network(
        4,
        rounds=3,
        round_timeout_s=10,
        network={"train_ms": lambda region, round: 30_000 if (region, round) == (busy, 1) else 20},
    )
    held: list[tuple[str, Send]] = []

    def hold(sender: str, send: Send) -> list[Send]:
        fields = parse(send.header, send.signature).fields
        if send.link == busy and sender == "region-a" and fields.type == "MASKED" and fields.round == 1:
            held.append((sender, send))
            return []
        return [send]

    net.on_send = hold
    net.run(lambda: bool(held))
    net.run(lambda: False, limit_ms=20_000)
    for sender, send in held:
        hostile.tell(net, send.link, sender, send.header, send.signature, send.payload, send.eid)
    assert net.run(limit_ms=300_000)
    assert hostile.faults(net, busy) == []


def test_a_worker_that_fails_after_all_values_are_in_costs_one_round(make_network: Make) -> None:
    unlucky = "region-b"
    net, worker, _ = make_network(
        4,
        rounds=4,
        network={"train_ms": lambda region, round: 3_000 if (region, round) == (unlucky, 1) else 20},
    )
    worker.failing[(unlucky, 1)] = "the worker died"
    assert net.run(limit_ms=300_000)
    history = net.peer(unlucky).current.history
    assert [(h["outcome"], h["reason"]) for h in history if h["round"] == 1] == [("kept", "training")]
    assert {e.outcome for e in net.ended.values()} == {"done"}


def test_an_honest_proposer_is_not_blamed_where_a_study_is_not_for_everybody(make_network: Make, hostile: Any) -> None:
    net, _, plan = make_network(4, rounds=2)
    assert net.run()
    graph = [[0, 1], [0, 2], [1, 2]]
    few = Plan.make(**{**plan.value(), "title": "three", "regions": list(net.names[:3]), "graphs": [graph]})
    net.ended.clear()
    net.agree(few)
    net.run(lambda: all(net.peer(n).current.id == few.study and net.peer(n).current.outcome for n in net.names[:3]))
    assert hostile.faults(net, net.names[3]) == []
    assert few.study not in net.peer(net.names[3]).agreement.proposals


def test_one_region_cannot_crowd_out_the_proposals_of_others(make_network: Make, hostile: Any) -> None:
    net, _, plan = make_network(3, rounds=2)
    assert net.run()
    liar, victim, third = hostile.liar(net, net.names[0]), *net.names[1:]
    net.kill(liar.name)
    for number in range(70):
        encoded = Plan.make(**{**plan.value(), "title": f"plan {number}"}).encode()
        study = Plan.decode(encoded).study
        liar.say(victim, "PROPOSE", {}, encoded, study=study)
    assert len(net.peer(victim).agreement.proposals) == 1 + 64
    honest = Plan.make(**{**plan.value(), "title": "honest"})
    net.ask(third, "propose", plan=honest.encode())
    assert net.run(lambda: honest.study in net.peer(victim).agreement.proposals, limit_ms=10_000)


def test_what_is_untimely_makes_no_entry_until_there_is_no_end_of_it(
    make_network: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blame, "MAX_UNTIMELY", 20)
    net, _, _ = make_network(3)
    peer = net.peer("region-a")
    size = peer.log.size
    step = Step(peer.log, peer.mailbox, net.now_ms)
    late = RemoteError("region-b", blame.UNTIMELY, "a second answer")
    for _ in range(20):
        peer.blame.refuse(step, late, None, None)
    assert peer.log.size == size
    for _ in range(100):
        peer.blame.refuse(step, late, None, None)
    assert [e.body["code"] for e in step.added] == ["LIMIT"] * 4
    assert not peer.blame.suspended
