"""A start among members that lie, hide, flood and replay: not kept out for good, not led into a second history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from crypto.merkle import leaf_hash
from gossip.events import Arrived, LinkUp
from gossip.logs import mirror, returned
from gossip.network import Network
from protocol.cosignature import checkpoint_note, cosign, cosignature_line, witness_name
from protocol.entries import decode_entry
from protocol.epochs import Previous
from protocol.log import Log
from protocol.witnessing import Behind, Heads, encode_mirror
from tests.gossip.conftest import Quadratic, quadratic_plan
from tests.gossip.test_rotation import new_roster, until_round
from tests.gossip.test_waking import (
    A,
    B,
    C,
    D,
    another_study,
    copied,
    last,
    leaves,
    nobody_is_blamed,
    pass_time,
    put_back,
    rest,
)

Make = Callable[..., Any]
RING = [[[0, 1], [0, 3], [1, 2], [2, 3]]]
MIRRORED = {"quorum": None, "max_lag_rounds": 3, "mirror": True}


@pytest.fixture
def net(make_network: Make) -> Network:
    """Four regions after a first study, at rest."""
    network: Network = make_network(4, rounds=2, witness=MIRRORED)[0]
    assert network.run(limit_ms=120_000)
    rest(network)
    return network


def link(net: Network, to: str, name: str) -> None:
    """A liar's line to a region comes up."""
    net._up.add(frozenset((to, name)))
    net._handle(to, LinkUp(0, name))


# ---------------------------------------------------------------- answers that are too quick, or not worth a vote


@pytest.mark.attack("L13")
def test_a_quick_liar_does_not_outrun_who_holds_the_rest(make_network: Make, hostile: Any) -> None:
    """On a ring one neighbour's word is a quorum; the other's comes a moment later, and shows more."""
    net, _, _ = make_network(4, rounds=40, round_min_s=2, topology="ring", graphs=RING, witness=MIRRORED)
    hostile.until_round(net, A, 3)
    backup = copied(net, A)
    hostile.until_round(net, A, 6)
    liar = hostile.liar(net, B)
    net.kill(B)
    put_back(net, A, backup)
    net.cut(A, D)
    net.start(A)
    link(net, A, B)
    liar.say(A, "BEHIND", {}, Behind().encode())
    assert net.peer(A).state == "quiet"
    net.heal(A, D)
    pass_time(net, 3_000)
    assert net.peer(A).state == "rolled-back"
    assert leaves(net, A) == backup.leaves
    assert nobody_is_blamed(net)


@pytest.mark.attack("L13")
@pytest.mark.parametrize("t_s", [7, 2**50], ids=["long ago", "in the far future"])
def test_the_time_that_a_liar_states_does_not_make_its_answer_enough(net: Network, hostile: Any, t_s: int) -> None:
    """Of three that cosigned, two must answer; a cosignature dated otherwise does not make it one."""
    liar = hostile.liar(net, D)
    net.kill(D)
    point = net.peer(A).log.signed()[0]
    made = cosign(point, D, liar.keys.witness, t_s)
    line = cosignature_line(witness_name("simulated.example", D), liar.keys.witness.public, made)
    liar.say(A, "COSIGN", {"size": point.size, "t_s": t_s, "line": line})
    backup = copied(net, A)
    another = net.peer(A).witness.held.cosigned[D]
    assert another.t_s == t_s
    net.ask(A, "export")
    rest(net)
    put_back(net, A, backup)
    for gone in (B, C):
        net.kill(gone)
    net.start(A)
    link(net, A, D)
    liar.say(A, "BEHIND", {}, Behind().encode())
    pass_time(net, 60_000)
    assert net.peer(A).state == "quiet"
    assert leaves(net, A) == backup.leaves


# ---------------------------------------------------------------- what others pass on


@pytest.mark.attack("S32")
def test_checkpoints_of_made_up_networks_do_not_push_the_real_ones_out(make_network: Make, hostile: Any) -> None:
    net, _, plan = make_network(4, rounds=8, round_min_s=2, witness=MIRRORED, masking={"mode": "recoverable"})
    hostile.until_round(net, A, 2)
    liar = hostile.liar(net, B)
    net.kill(B)
    notes = []
    for n in range(600):
        log = Log(network=f"a{n}.example", region=B, sign_key=liar.keys.sign, log_key=liar.keys.log, leaves=[])
        log.add("node.stop", {"reason": "error"}, study=None, now_ms=net.now_ms)
        point, signature = log.signed()
        notes.append(checkpoint_note(point, liar.keys.log.public, signature))
    point, signature = liar.log.signed()
    own = checkpoint_note(point, liar.keys.log.public, signature)
    for first in range(0, len(notes), 300):
        told = tuple(sorted(notes[first : first + 300]))
        liar.say(A, "HEADS", {}, Heads(2, own, point.size, told).encode(), study=plan.study, round=2)
    hostile.until_round(net, A, 4)
    origins = [origin for origin, _, _ in net.peer(A).witness.held.known()]
    assert not [one for one in origins if not one.startswith("simulated.example/")]
    seen = [e.body["seen"] for e in map(decode_entry, leaves(net, A)) if e.kind == "round.heads"][-1]
    assert {C, D} <= {str(one["origin"]).split("/")[1] for one in seen}  # type: ignore[union-attr, index, call-overload]


# ---------------------------------------------------------------- what comes while nothing may be written


def test_what_one_member_floods_a_start_with_leaves_room_for_the_others(net: Network, hostile: Any) -> None:
    """An answer that comes while it asks is not lost to a member that sends without end."""
    liar = hostile.liar(net, D)
    net.kill(D)
    net.kill(A)
    for other in (B, C):
        net.cut(A, other)
    net.start(A)
    link(net, A, D)
    for n in range(5_000):
        liar.say(A, "REJECT", {"reason": "law"}, study=n.to_bytes(32, "big"))
        liar.log.pending()
    roster = net.peer(B).membership.in_force
    assert roster is not None
    plan = quadratic_plan(roster, Quadratic(net.names), rounds=2, witness=MIRRORED, seed=5, regions=[A, B, C])
    net.ask(B, "propose", plan=plan.encode())
    pass_time(net, 100)
    for other in (B, C):
        net.ask(other, "accept", study=plan.study, role="technical", ref=None)
    for other in (B, C):
        net.heal(A, other)
    pass_time(net, 40_000)
    assert net.peer(A).state == "done"
    assert set(net.peer(A).agreement.proposals[plan.study].answers) == {B, C}


def test_who_was_off_while_somebody_was_convicted_learns_of_it_when_it_starts(net: Network, hostile: Any) -> None:
    current = net.peer(B).current
    assert current is not None
    study = current.id
    net.kill(A)
    liar = hostile.liar(net, D)
    net.kill(D)
    liar.say(B, "ABSENT", {"first": 1, "last": 1}, study=study, round=1)
    liar.fork(0)
    liar.say(B, "ABSENT", {"first": 0, "last": 1}, study=study, round=0)
    assert net.peer(B).blame.suspended == {D}
    pass_time(net, 3_000)
    net.start(A)
    rest(net)
    assert net.peer(A).state == "done"
    assert net.peer(A).blame.suspended == {D}


# ---------------------------------------------------------------- what a revoked key has signed


@pytest.mark.attack("L29")
def test_what_a_thief_signed_before_the_keys_were_revoked_keeps_no_start_out(make_network: Make) -> None:
    """The others still hold a message far beyond the log: by a key that counts no more it is no answer to a start."""
    net, _, plan = make_network(4, rounds=60, round_min_s=2, witness=MIRRORED)
    until_round(net, A, 3)
    stolen = net.regions[B].keys
    made_up = [*leaves(net, B), *(bytes([n]) * 40 for n in range(200))]
    forged = Log(
        network="simulated.example", region=B, sign_key=stolen.sign, log_key=stolen.log,
        hashes=[leaf_hash(leaf) for leaf in made_up], leaves=[None] * len(made_up),
    )  # fmt: skip
    lie = forged.seal("ABSENT", {"first": 50, "last": 50}, to=[A], study=plan.study, round=3, now_ms=net.now_ms)
    for name in (A, C, D):
        net._handle(name, Arrived(0, B, lie.header, lie.signature))
        assert net.peer(name).mailbox.knows(lie.eid)
    new_roster(net, net.rotate(B))
    until_round(net, A, 6)
    net.ask(B, "keys_revoke", serial=1, reason="stolen")
    until_round(net, A, 10)
    assert nobody_is_blamed(net)
    net.kill(B)
    net.start(B)
    pass_time(net, 60_000)
    assert net.peer(B).state not in ("quiet", "rolled-back")
    assert {one["region"] for one in last(net, B, "node.start")["heard"]} == {A, C, D}
    assert nobody_is_blamed(net)


# ---------------------------------------------------------------- a log that was begun anew, and put back


@pytest.mark.attack("L14")
@pytest.mark.parametrize("moved", [False, True], ids=["snapshot", "copy"])
def test_a_backup_of_a_new_epoch_from_before_it_was_confirmed_is_told(net: Network, moved: bool) -> None:
    """Who confirms its first entry once more has heard what came behind it: that is no word that there is nothing."""
    point, _ = net.peer(A).log.signed()
    net.kill(A)
    net.begin_anew(A, Previous(point.origin, point.size, point.root, "lost"))
    backup = copied(net, A)
    net.start(A)
    assert net.run(lambda: net.peer(A).state not in ("quiet", "rolled-back"), limit_ms=60_000)
    roster = net.peer(B).membership.in_force
    assert roster is not None
    plan = quadratic_plan(roster, Quadratic(net.names), rounds=2, witness=MIRRORED, seed=5)
    net.ask(A, "propose", plan=plan.encode())
    pass_time(net, 50)
    origin = f"simulated.example/{A}/2"
    for name in (B, C, D):
        assert net.peer(name).mailbox.newest_of(A)[origin] > 1
        assert net.peer(name).witness.mirrors[origin].size == 1  # nobody has a copy of it yet
    put_back(net, A, backup)
    net.start(A, moved=moved)
    rest(net)
    assert net.peer(A).state == "rolled-back"
    assert leaves(net, A) == backup.leaves
    assert nobody_is_blamed(net)


# ---------------------------------------------------------------- two that were put back, and a fork by one entry


@pytest.mark.attack("L13")
def test_who_was_put_back_as_well_is_no_witness_of_the_end(net: Network) -> None:
    """B alone has heard what A said last; both are put back to before that. B's log, once it is back, knows it."""
    roster = net.peer(B).membership.in_force
    assert roster is not None
    first, second = copied(net, A), copied(net, B)
    net.kill(D)
    net.cut(A, C)
    plan = quadratic_plan(roster, Quadratic(net.names), rounds=2, witness=MIRRORED, seed=5, regions=[A, B, D])
    net.ask(A, "propose", plan=plan.encode())
    rest(net)
    put_back(net, A, first)
    whole = put_back(net, B, second)
    net.heal(A, C)
    net.start(D)
    net.start(B)
    rest(net)
    assert net.peer(B).state == "rolled-back"
    net.start(A, moved=True)
    rest(net)
    assert net.peer(A).state == "quiet"
    assert net.peer(A).waking.waits_for == [B]
    net.kill(B)
    net.regions[B].store.leaves[:] = whole  # what its neighbours' copies give back
    net.start(B)
    rest(net)
    assert net.peer(A).state == "rolled-back"
    assert nobody_is_blamed(net)


@pytest.mark.attack("L13")
def test_a_region_that_forked_at_its_very_last_message_is_told(net: Network, hostile: Any) -> None:
    """Two messages over one head: the head lies on both histories, the message on one."""
    backup = copied(net, A)
    liar = hostile.liar(net, A)
    net.kill(A)
    study = net.peer(B).current
    assert study is not None
    for name in (B, C, D):  # what it said before its home was put back
        link(net, name, A)
    said = liar.log.seal("ABSENT", {"first": 0, "last": 0}, to=[B], study=study.id, round=0, now_ms=net.now_ms)
    for name in (B, C, D):
        net.peer(name).mailbox.remember(said)
    put_back(net, A, backup)
    net.start(A, alone=True)
    rest(net)
    assert net.peer(B).blame.suspended == {A}
    net.kill(A)
    net.start(A)
    rest(net)
    assert net.peer(A).state == "rolled-back"


@pytest.mark.attack("L13")
def test_a_ping_from_an_end_that_was_lost_before_does_not_hide_the_entries_that_came_instead(
    net: Network, hostile: Any
) -> None:
    """The log lost an entry once that nobody had, and went on; a member that kept a PING of it shows that one."""
    once = hostile.liar(net, A)
    once.log.add("node.stop", {"reason": "error"}, study=None, now_ms=net.now_ms)
    body = {"state": "idle", "attempt": 0, "seq": 0, "echo": None}
    ping = once.log.seal("PING", body, to=[C], now_ms=net.now_ms)
    backup = copied(net, A)
    another_study(net)
    liar = hostile.liar(net, C)
    net.kill(C)
    whole = put_back(net, A, backup)
    net.start(A)
    link(net, A, C)
    liar.say(A, "BEHIND", {}, Behind(envelope=(ping.header, ping.signature)).encode())
    rest(net)
    given = net.peer(A).waking.complete()
    assert given is not None
    assert [leaf for leaf, _ in given[0]] == whole[len(backup.leaves) :]


@pytest.mark.attack("S32")
def test_many_small_parts_of_a_lost_log_are_weighed_one_by_one(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    weighed: list[int] = []
    real = mirror.weight
    monkeypatch.setattr(returned, "weight", lambda items: (weighed.append(len(items)), real(items))[1])
    log, given = net.peer(A).log, returned.Returned()
    for at in range(1_000):
        given.take(log, B, log.size + at, [(None, bytes(32))])
    assert given.reached == {B: log.size + 1_000}
    assert sum(weighed) == 1_000


# ---------------------------------------------------------------- what comes back


@pytest.mark.attack("L13")
def test_a_copy_that_gives_hashes_alone_is_not_gone_on_with(net: Network, hostile: Any) -> None:
    """What a region has said in a study must be known to it, or it would say it once more."""
    backup = copied(net, A)
    another_study(net)
    copy_of_b = net.peer(B).witness.mirrors[net.peer(A).log.origin]
    note = net.peer(B).witness.held.note(net.peer(B).witness.held.notes(copy_of_b.origin)[0])
    liar = hostile.liar(net, B)
    whole = put_back(net, A, backup)
    for gone in (B, C, D):
        net.kill(gone)
    net.start(A)
    link(net, A, B)
    liar.say(A, "BEHIND", {}, Behind(note=note).encode())
    hashes = [leaf_hash(leaf) for leaf in whole[len(backup.leaves) :]]
    liar.say(A, "MIRROR", {"log": copy_of_b.origin}, encode_mirror(len(backup.leaves), hashes))
    waking = net.peer(A).waking
    assert waking.reached == {B: len(whole)}
    assert waking.complete() is None
    assert waking.partial() is not None  # its end is known all the same: a log that is begun anew goes on from there
    net.start(C)
    pass_time(net, 5_000)
    given = waking.complete()
    assert given is not None
    assert [leaf for leaf, _ in given[0]] == whole[len(backup.leaves) :]


def test_what_a_region_has_erased_itself_does_not_have_to_come_back(net: Network) -> None:
    backup = copied(net, A)
    net.ask(A, "export")
    at = len(leaves(net, A)) - 1
    rest(net)
    net.ask(A, "redact", seq=at, basis="error")
    rest(net)
    whole = put_back(net, A, backup)
    net.start(A)
    rest(net)
    given = net.peer(A).waking.complete()
    assert given is not None
    assert [leaf for leaf, _ in given[0]] == [None if n == at else leaf for n, leaf in enumerate(whole)][at:]


# ---------------------------------------------------------------- what is noticed while nothing may be written


@pytest.mark.attack("L09")
@pytest.mark.parametrize("by", ["messages", "checkpoints"])
def test_who_contradicts_itself_towards_a_start_is_convicted_once_it_may_write(
    net: Network, hostile: Any, by: str
) -> None:
    liar, current = hostile.liar(net, D), net.peer(A).current
    assert current is not None
    net.kill(D)
    net.kill(A)
    for other in (B, C):
        net.cut(A, other)
    net.start(A)
    link(net, A, D)
    liar.fork(1)
    liar.log.add("node.stop", {"reason": "error"}, study=None, now_ms=net.now_ms)
    if by == "messages":  # against the copy of its log
        liar.say(A, "PING", {"state": "idle", "attempt": 0, "seq": 0, "echo": None})
    else:
        point, signature = liar.log.signed()
        note = checkpoint_note(point, liar.keys.log.public, signature)
        liar.say(A, "HEADS", {}, Heads(1, note, point.size, ()).encode(), study=current.id, round=1)
    assert net.peer(A).blame.suspended == {D}
    assert hostile.faults(net, A) == []
    for other in (B, C):
        net.heal(A, other)
    pass_time(net, 40_000)
    assert net.peer(A).state == "done"
    assert hostile.faults(net, A) == [(D, "LS-FORK")]
    net.kill(A)
    net.start(A)
    rest(net)
    assert net.peer(A).blame.suspended == {D}


@pytest.mark.attack("L09")
def test_two_messages_of_a_liar_to_a_start_are_evidence_for_all(net: Network, hostile: Any) -> None:
    liar = hostile.liar(net, D)
    net.kill(D)
    net.kill(A)
    for other in (B, C):
        net.cut(A, other)
    net.start(A)
    link(net, A, D)
    body = {"state": "idle", "attempt": 0, "seq": 0, "echo": None}
    for reason in ("error", "signal"):
        liar.fork(0)
        liar.log.add("node.stop", {"reason": reason}, study=None, now_ms=net.now_ms)
        liar.say(A, "PING", body)
    for other in (B, C):
        net.heal(A, other)
    pass_time(net, 40_000)
    assert hostile.faults(net, A) == [(D, "LS-FORK")]
    assert net.peer(B).blame.suspended == net.peer(C).blame.suspended == {D}
