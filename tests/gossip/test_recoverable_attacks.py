"""Ways to cheat in sums that survive losses, tried on real regions: each is noticed, and only the guilty are named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gossip.effects import Send
from gossip.network import Network
from gossip.sessions.recoverable_member import RecoverableMember
from gossip.sessions.recoverable_receiver import RecoverableReceiver
from gossip.sessions.session import Statement, session_id
from gossip.studies.inbox import FROM_RECEIVERS
from protocol.codec import decode, encode
from protocol.envelope import Envelope, encode_carried, parse
from tests.gossip.exact import Codes, count_exact, entries

Make = Callable[..., Any]
AUTO = {"mode": "auto"}


def head_of(send: Send) -> tuple[str, int | None]:
    fields = parse(send.header, send.signature).fields
    return fields.type, fields.round


def said(net: Network, name: str, type: str) -> list[Envelope]:
    """What a region has signed, by its log."""
    sent = [parse(e.body["header"], e.body["sig"]) for e in entries(net, name, "env.sent")]
    return [envelope for envelope in sent if envelope.fields.type == type]


def heard(net: Network, name: str, type: str) -> list[Envelope]:
    got = [parse(e.body["header"], e.body["sig"]) for e in entries(net, name, "env.recv")]
    return [envelope for envelope in got if envelope.fields.type == type]


def outcomes(net: Network, name: str) -> list[tuple[str, str | None]]:
    study = net.peer(name).current
    assert study is not None
    return [(h["outcome"], h["reason"]) for h in study.history]


def until_said(net: Network, name: str, type: str, round: int) -> None:
    """Let time pass until a region has signed this, and nothing of it has left."""
    stopped: list[Send] = []

    def stop(sender: str, send: Send) -> list[Send]:
        if sender == name and head_of(send) == (type, round):
            stopped.append(send)
        return [] if stopped and sender == name else [send]

    net.on_send = stop
    assert net.run(lambda: bool(stopped))


def survivors_without(net: Network, plan: Any, liar: str, left_out: str, round: int) -> tuple[dict[str, Any], bytes]:
    """A SURVIVORS of the liar's own session in which one member is called lost."""
    routed = next(e for e in said(net, liar, "ROUTED") if e.fields.round == round)
    masked = {e.fields.sender: e for e in heard(net, liar, "MASKED") if e.fields.round == round}
    kept = [masked[n] for n in sorted(masked) if n != left_out]
    body = {
        "view": routed.eid,
        "members": [[e.fields.sender, e.eid] for e in kept],
        "left_out": [[left_out, "lost"]],
    }
    return body, encode_carried([(e, None) for e in kept])


def place(plan: Any, receiver: str, round: int) -> dict[str, Any]:
    return {"study": plan.study, "round": round, "session": session_id(plan.study, round, receiver, plan.roster)}


# ---------------------------------------------------------------- the receiver lies


@pytest.mark.attack("S02")
def test_who_was_given_a_receipt_and_called_lost_shows_it_to_all(make_network: Make, hostile: Any) -> None:
    """One member is slower than the rest, so that the others have their RECEIPT long before the SURVIVORS."""
    net, _, plan = make_network(
        5,
        rounds=6,
        round_min_s=1,
        masking=AUTO,
        network={"train_ms": lambda region, _round: 500 if region == "region-e" else 20},
    )
    liar, victim = net.names[:2]
    until_said(net, liar, "SURVIVORS", 1)
    body, payload = survivors_without(net, plan, liar, victim, 1)
    teller = hostile.liar(net, liar)
    net.kill(liar)
    net.on_send = lambda _n, s: [s]
    # As the log stood before its SURVIVORS: only one of them is ever shown.
    at = next(i for i, e in enumerate(reversed(net.regions[liar].store.leaves)) if b"SURVIVORS" in e)
    teller.fork(at + 1)
    teller.say(victim, "SURVIVORS", body, payload, **place(plan, liar, 1))
    assert (liar, "LS-FALSE-DROPOUT") in hostile.faults(net, victim)
    assert net.run(lambda: all(liar in net.peer(n).blame.suspended for n in net.names[1:]), limit_ms=20_000)
    assert all(e.fields.session != place(plan, liar, 1)["session"] for e in said(net, victim, "CONFIRM"))


@pytest.mark.attack("S03")
def test_a_second_set_of_survivors_convicts_and_reveals_nothing(make_network: Make, hostile: Any) -> None:
    net, _, plan = make_network(6, rounds=6, round_min_s=1, masking=AUTO)
    liar, victim = net.names[:2]
    shown: list[Send] = []

    def watch(sender: str, send: Send) -> list[Send]:
        if sender == liar and head_of(send) == ("SURVIVORS", 1):
            shown.append(send)
        return [] if sender == liar and head_of(send) == ("CONFIRMS", 1) else [send]

    net.on_send = watch

    def confirmed() -> bool:
        session = place(plan, liar, 1)["session"]
        return any(e.fields.round == 1 and e.fields.session == session for e in said(net, victim, "CONFIRM"))

    assert net.run(confirmed)
    body, payload = survivors_without(net, plan, liar, net.names[5], 1)
    teller = hostile.liar(net, liar)
    net.kill(liar)
    teller.say(victim, "SURVIVORS", body, payload, **place(plan, liar, 1))
    assert (liar, "LS-EQUIVOCATION") in hostile.faults(net, victim)
    assert net.run(lambda: all(liar in net.peer(n).blame.suspended for n in net.names[1:]), limit_ms=20_000)
    for name in net.names[1:]:
        assert [e for e in said(net, name, "REVEAL") if e.fields.session == place(plan, liar, 1)["session"]] == []


@pytest.mark.attack("S05")
@pytest.mark.parametrize("last", ["COHORT", "ROUTED", "SURVIVORS", "CONFIRMS"])
def test_a_receiver_that_comes_back_says_nothing_more_in_that_session(make_network: Make, last: str) -> None:
    """It dies with this on disk and unsent; afterwards it may say it again byte for byte, and nothing else."""
    net, _, plan = make_network(5, rounds=5, round_min_s=1, round_timeout_s=10, masking=AUTO)
    name = net.names[0]
    until_said(net, name, last, 1)
    before = {
        t: [e.eid for e in said(net, name, t) if e.fields.round == 1]
        for t in ("ADVERT", "COHORT", "ROUTED", "SURVIVORS", "CONFIRMS", "MASKED", "CONFIRM", "REVEAL", "RECEIPT")
    }
    net.kill(name)
    net.on_send = lambda _n, s: [s]
    net.start(name)
    net._connect()
    assert net.run(limit_ms=600_000)
    for type, eids in before.items():
        assert [e.eid for e in said(net, name, type) if e.fields.round == 1] == eids
    session = place(plan, name, 1)["session"]
    assert all(e.body["session"] != session for e in entries(net, name, "session.sum"))
    assert ("kept", "restart") in outcomes(net, name)
    for other in net.names[1:]:
        revealed = [e for e in said(net, other, "REVEAL") if e.fields.session == session]
        assert not revealed


@pytest.mark.attack("S23")
@pytest.mark.parametrize("type", ["COHORT", "ROUTED", "RECEIPT", "SURVIVORS", "CONFIRMS"])
def test_a_receiver_that_goes_mute_costs_the_others_nothing(make_network: Make, codes: Codes, type: str) -> None:
    net, _, plan = make_network(5, rounds=3, round_timeout_s=10, masking=AUTO)
    mute = net.names[4]
    net.on_send = lambda sender, send: [] if sender == mute and head_of(send)[0] == type else [send]
    assert net.run(limit_ms=600_000)
    count_exact(net, plan, codes)
    for name in net.names[:4]:
        assert outcomes(net, name) == [("mixed", None)] * 3
    assert {o for o, _ in outcomes(net, mute)} == ({"mixed"} if type == "RECEIPT" else {"kept"})


@pytest.mark.attack("S06")
@pytest.mark.attack("S30")
def test_a_receiver_that_loses_another_value_each_round_is_not_confirmed(make_network: Make, hostile: Any) -> None:
    masking = {"mode": "auto", "change_budget": 2}
    net, _, plan = make_network(6, rounds=6, round_timeout_s=6, round_min_s=6, masking=masking)
    receiver, others = net.names[0], net.names[1:]

    def lose(sender: str, send: Send) -> list[Send]:
        type, round = head_of(send)
        is_lost = type == "MASKED" and send.link == receiver and sender == others[(round or 0) % len(others)]
        return [] if is_lost else [send]

    net.on_send = lose
    assert net.run(limit_ms=600_000)
    assert [o for o, _ in outcomes(net, receiver)][:2] == ["mixed", "kept"]
    for name in others:
        assert (receiver, "STATE") in hostile.faults(net, name)
        confirmed = [
            e
            for e in said(net, name, "CONFIRM")
            if e.fields.session in {place(plan, receiver, r)["session"] for r in range(6)}
        ]
        assert len(confirmed) <= 2


# ---------------------------------------------------------------- a member lies


@pytest.mark.attack("S09")
def test_a_dealer_of_bad_shares_is_complained_about_and_the_sum_is_exact(
    make_network: Make, hostile: Any, codes: Codes, monkeypatch: pytest.MonkeyPatch
) -> None:
    dealer, victim = "region-b", "region-c"
    original = RecoverableMember.share

    def share(self: RecoverableMember, entropy: Any) -> Statement:
        statement = original(self, entropy)
        if self._me != dealer or self.receiver != "region-a" or self.round != 1:
            return statement
        rows: Any = decode(bytes(statement.payload or b""), max_bytes=1 << 20)
        at = self._need_cohort().members.index(victim)
        rows[at] = bytes(len(rows[at]))
        return Statement(statement.type, statement.body, encode(rows))

    monkeypatch.setattr(RecoverableMember, "share", share)
    net, _, plan = make_network(5, rounds=3, round_timeout_s=10, masking=AUTO)
    assert net.run(limit_ms=600_000)
    complaints = heard(net, "region-a", "COMPLAINT")
    assert [(e.fields.sender, e.fields.body) for e in complaints] == [(victim, {"about": dealer, "reason": "sealing"})]
    assert count_exact(net, plan, codes) == 15
    assert all(outcomes(net, n) == [("mixed", None)] * 3 for n in net.names)
    assert all(hostile.faults(net, n) == [] for n in net.names)  # a complaint is a statement, and proves nothing


# ---------------------------------------------------------------- what is left behind


@pytest.mark.attack("S22")
@pytest.mark.attack("S27")
def test_nothing_that_is_kept_anywhere_opens_a_value(make_network: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """One value comes too late, its mask key is opened: no home holds that value, a seed, or what a seed is made of."""
    drawn: set[bytes] = set()
    opened: set[bytes] = set()
    late: list[bytes] = []
    net, _, _ = make_network(5, rounds=3, round_timeout_s=6, masking=AUTO)
    for name in net.names:
        study_entropy = net.regions[name].entropy

        def noted(n: int, draw: Callable[[int], bytes] = study_entropy) -> bytes:
            data = draw(n)
            if n >= 31:
                drawn.add(data)
            return data

        assert net.run(lambda name=name: net.peer(name).current is not None)
        net.peer(name).current.context.entropy = noted
    original = RecoverableReceiver._open

    def opening(self: RecoverableReceiver, t: int) -> None:
        original(self, t)
        opened.update(one.seed for one in self.opened)

    monkeypatch.setattr(RecoverableReceiver, "_open", opening)
    receiver, slow = net.names[0], net.names[3]

    def hold(sender: str, send: Send) -> list[Send]:
        if (sender, send.link, *head_of(send)) == (slow, receiver, "MASKED", 1):
            late.append(bytes(send.payload or b""))
            return []
        return [send]

    net.on_send = hold
    assert net.run(limit_ms=600_000)
    assert late
    assert opened
    assert len(drawn) > 100
    for region in net.regions.values():
        store = region.store
        for data in (*store.leaves, *store.kept.values(), *store.blobs.values()):
            assert late[0] not in data
            assert not any(secret in data for secret in opened | drawn)


def test_a_group_is_left_out_as_a_whole(make_network: Make, codes: Codes) -> None:
    """Four open groups of two: who loses one value leaves out its twin's too, and the sum is over the rest."""
    edges = [[i, j] for i in range(8) for j in range(i + 1, 8) if i // 2 != j // 2]
    net, _, plan = make_network(
        8,
        rounds=2,
        round_timeout_s=10,
        topology="edges",
        graphs=[edges],
        masking={"mode": "auto", "survivors": "group_atomic"},
    )
    silent, twin = net.names[6:]
    net.on_send = lambda sender, send: [] if (sender, head_of(send)[0]) == (silent, "MASKED") else [send]
    assert net.run(limit_ms=600_000)
    assert count_exact(net, plan, codes) > 0
    for name in net.names[:6]:
        for entry in entries(net, name, "session.sum"):
            assert not {silent, twin} & set(entry.body["survivors"])
            assert len(entry.body["survivors"]) == 4
        out = said(net, name, "SURVIVORS")[0].fields.body["left_out"]
        assert out == [[silent, "lost"], [twin, "group"]]
    assert all(len(e.body["survivors"]) == 6 for e in entries(net, twin, "session.sum"))


@pytest.mark.attack("S18")
def test_who_waits_with_its_value_hears_nothing_of_the_others(make_network: Make) -> None:
    """A member may wait, see the sum that it receives itself, and correlate: only noise bounds that.

    As a member it gains nothing by waiting. Two runs in which the others hold other values: whatever receivers say to
    it until it speaks is the same.
    """
    late = "region-e"

    def heard_by_it(shift: float) -> list[tuple[str, dict[str, Any]]]:
        net, worker, _ = make_network(
            5,
            rounds=1,
            round_timeout_s=20,
            masking=AUTO,
            network={"train_ms": lambda region, _round: 5_000 if region == late else 20},
        )
        for name in net.names[:4]:
            worker.targets[name] = worker.targets[name] + shift
        found: list[tuple[str, dict[str, Any]]] = []
        spoken: list[str] = []

        def listen(sender: str, send: Send) -> list[Send]:
            fields = parse(send.header, send.signature).fields
            if sender == late and fields.type == "MASKED":
                spoken.append(send.link)
            if send.link == late and not spoken and fields.type in ("ADVERT", "PING", *FROM_RECEIVERS):
                found.append((fields.type, {k: v for k, v in fields.body.items() if k not in ("seq", "echo")}))
            return [send]

        net.on_send = listen
        assert net.run()
        return found

    first, second = heard_by_it(0.0), heard_by_it(3.0)
    assert {"ADVERT", "COHORT", "ROUTED", "PING"} <= {type for type, _ in first}
    assert first == second
