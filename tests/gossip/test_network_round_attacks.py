"""Ways to be cheated in a sum of everybody over a tree."""

from __future__ import annotations

from typing import Any

import pytest

from gossip.effects import Send
from gossip.network import Network
from gossip.tree.shape import counts_rightly, root_of
from protocol.entries import decode_entry
from protocol.envelope import Envelope, parse
from protocol.evidence import encode_evidence, excludes, verify_evidence
from tests.gossip.conftest import Hostile
from tests.gossip.test_schedules import Make, _once
from tests.gossip.trees import NETWORK, dropping, history_of, places_of


@pytest.mark.attack("S28")
def test_a_root_that_sends_two_results_is_convicted(make_network: Make) -> None:
    net, _, plan = make_network(5, rounds=3, round_min_s=2, **NETWORK)
    root, victim = root_of(plan, 0), net.names[3]
    net.run(lambda: (victim, 0) in net.adopted)
    liar = Hostile.liar(net, root)
    net.kill(root)
    first = net.peer(victim).mailbox.said(
        plan.study,
        net.peer(victim).current.context.sid(0, root),
        "RESULT",
        root,  # type: ignore[union-attr]
    )
    assert first is not None
    body = {**first.fields.body, "sum": bytes(32)}
    liar.say(victim, "RESULT", body, b"x" * first.fields.bytes, study=plan.study, round=0, session=first.fields.session)
    assert root in net.peer(victim).blame.suspended
    assert (root, "LS-EQUIVOCATION") in Hostile.faults(net, victim)


@pytest.mark.attack("S28")
def test_an_honest_parent_can_account_for_its_sum_and_a_false_one_cannot(make_network: Make) -> None:
    net, worker, plan = make_network(7, rounds=1, **NETWORK)
    _once(worker)
    parent = places_of(plan, 0).order[1]
    said: list[Envelope] = []

    def keep(who: str, send: Send) -> list[Send]:
        envelope = parse(send.header, send.signature)
        if who == parent and envelope.fields.type == "PARTIAL":
            said.append(envelope)
        return [send]

    net.on_send = keep
    net.run(lambda: bool(said))
    kept = net.peer(parent).current.context.trees[0].kept  # type: ignore[union-attr]
    assert len(kept) == 3
    assert counts_rightly(said[0], kept, plan.ring_at(0))
    assert not counts_rightly(said[0], kept[:2], plan.ring_at(0))


@pytest.mark.attack("S28")
def test_a_parent_that_leaves_out_whom_it_gave_a_receipt_accuses_itself(make_network: Make) -> None:
    net, worker, plan = make_network(7, rounds=1, **NETWORK)
    _once(worker)
    parent = places_of(plan, 0).order[1]
    child = places_of(plan, 0).children(parent)[0]
    said: dict[str, list[Envelope]] = {"RECEIPT": [], "PARTIAL": []}

    def keep(who: str, send: Send) -> list[Send]:
        envelope = parse(send.header, send.signature)
        if who == parent and envelope.fields.type in said:
            said[envelope.fields.type].append(envelope)
        return [send]

    net.on_send = keep
    assert net.run()
    (receipt,) = [one for one in said["RECEIPT"] if one.fields.body["about"] == child]
    (honest,) = said["PARTIAL"]
    assert excludes(receipt, honest) is None
    liar = Hostile.liar(net, parent)
    rows: Any = honest.fields.body["members"]
    body = {"view": honest.fields.body["view"], "members": [row for row in rows if row[0] != child]}
    false = liar.log.seal(
        "PARTIAL", body, to=[root_of(plan, 0)], now_ms=net.now_ms, study=plan.study, round=0,
        session=honest.fields.session, payload=bytes(48),
    )  # fmt: skip
    key = net.regions[parent].card.keys.sign
    code, first, second = verify_evidence(encode_evidence(receipt, false), lambda _: key)
    assert (code, first.fields.sender, second.fields.sender) == ("LS-FALSE-DROPOUT", parent, parent)


@pytest.mark.attack("S28")
def test_a_leaf_whose_header_never_reaches_the_root_costs_its_branch_and_convicts_nobody(make_network: Make) -> None:
    net, worker, plan = make_network(10, rounds=2, **NETWORK)
    _once(worker)
    tree, root = places_of(plan, 0), root_of(plan, 0)
    leaf = tree.children(tree.order[2])[0]

    def lose(who: str, send: Send) -> list[Send]:
        fields = parse(send.header, send.signature).fields
        is_bare = (who, send.link, fields.type, fields.round) == (leaf, root, "MASKED", 0)
        return [] if is_bare else [send]

    net.on_send = lose
    assert net.run()
    branch = set(tree.subtree(tree.order[2]))
    for name in net.names:
        assert not net.peer(name).blame.suspended
        assert history_of(net, name)[0][1:] == ("mixed", None, sorted(branch - {name}))


def test_a_result_over_others_than_were_shown_as_survivors_is_not_adopted(make_network: Make) -> None:
    net, _, plan = make_network(5, rounds=2, round_min_s=2, **NETWORK)
    root, victim = root_of(plan, 0), net.names[3]
    dropping(net, lambda who, fields: fields.type == "RESULT" and fields.round == 0)
    Hostile.until_round(net, root, 1)
    liar = Hostile.liar(net, root)
    liar.fork(_after_result(net, root))
    net.kill(root)
    sid = net.peer(victim).current.context.sid(0, root)  # type: ignore[union-attr]
    body = {"outcome": "done", "reason": None, "members": [victim], "sum": bytes(32)}
    liar.say(victim, "RESULT", body, bytes(4 * 12), study=plan.study, round=0, session=sid)
    net.run(lambda: (victim, 0) in net.adopted)
    assert history_of(net, victim)[0][1:3] == ("kept", "conflict")


def _after_result(net: Network, root: str) -> int:
    """How many of the newest entries follow the root's own RESULT, it included."""
    entries = [decode_entry(leaf) for leaf in net.regions[root].store.leaves]
    for back, entry in enumerate(reversed(entries), start=1):
        if entry.kind == "env.sent":
            fields = parse(entry.body["header"], entry.body["sig"]).fields  # type: ignore[arg-type]
            if fields.type == "RESULT":
                return back
    raise AssertionError("no RESULT was sent")


def test_an_announcement_to_a_region_that_is_not_the_root_is_a_fault(make_network: Make) -> None:
    net, _, plan = make_network(5, rounds=2, round_min_s=2, **NETWORK)
    victim = next(name for name in net.names if name != root_of(plan, 1))
    Hostile.until_round(net, victim, 1)
    name = next(name for name in net.names if name not in (victim, root_of(plan, 1)))
    liar = Hostile.liar(net, name)
    net.kill(name)
    sid = net.peer(victim).current.context.sid(1, victim)  # type: ignore[union-attr]
    body = {"mask_key": b"\x09" + bytes(31), "eph": b"\x09" + bytes(31), "need_state": False, "stats": None}
    liar.say(victim, "ADVERT", body, study=plan.study, round=1, session=sid)
    assert (name, "STATE") in Hostile.faults(net, victim)
