"""Neighbours as witnesses: copies, cosignatures, and what a region learns of its own log when it starts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from crypto.merkle import Tree, leaf_hash
from crypto.note import Checkpoint, checkpoint_body
from gossip.effects import Send
from gossip.events import Stopping
from gossip.logs import mirror, returned
from gossip.network import Network
from protocol.cosignature import Cosignature, checkpoint_note, verify_cosignature
from protocol.entries import decode_entry
from protocol.envelope import Envelope, parse
from protocol.witnessing import Behind, Heads, decode_proof, encode_mirror
from tests.gossip.conftest import quadratic_plan

Make = Callable[..., Any]
MIRRORED = {"quorum": None, "max_lag_rounds": 3, "mirror": True}


def kinds(net: Network, name: str, kind: str) -> list[dict[str, Any]]:
    """Bodies of a region's entries of one kind."""
    return [e.body for e in map(decode_entry, net.regions[name].store.leaves) if e.kind == kind]  # type: ignore[misc]


def origin(net: Network, name: str) -> str:
    return net.peer(name).log.origin


def pass_time(net: Network, ms: int) -> None:
    net.run(lambda: False, limit_ms=ms)


def until_round(net: Network, name: str, round: int) -> None:
    assert net.run(lambda: (study := net.peer(name).current) is not None and study.round >= round, limit_ms=120_000)


@pytest.mark.parametrize(
    "witness", [MIRRORED, {"quorum": 1, "max_lag_rounds": 3, "mirror": False}], ids=["mirror", "proofs"]
)
def test_each_round_is_cosigned_by_every_neighbour_and_the_logs_say_so(
    make_network: Make, witness: dict[str, Any]
) -> None:
    net, _, _ = make_network(4, rounds=5, witness=witness)
    assert net.run(limit_ms=120_000)
    pass_time(net, 3_000)
    for name in net.names:
        heads = kinds(net, name, "round.heads")
        assert [h["round"] for h in heads] == [0, 1, 2, 3]
        others = [n for n in net.names if n != name]
        assert [c["by"] for c in heads[-1]["cosigned"]] == others
        assert {s["origin"] for s in heads[-1]["seen"] if s["how"] == "verified"} == {origin(net, n) for n in others}
        leaves = net.peer(name).log.tree
        for one in heads[-1]["cosigned"]:
            point = Checkpoint(origin(net, name), one["size"], leaves.root_at(one["size"]))
            key = net.regions[one["by"]].card.keys.witness
            verify_cosignature(point, Cosignature(one["by"], one["size"], one["t_s"], one["sig"]), key)
        assert net.peer(name).witness.confirmed_by == others
        assert not net.peer(name).blame.suspended
        assert not kinds(net, name, "fault")


def test_a_copy_is_the_log_as_its_owner_has_it(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=4, witness=MIRRORED)
    assert net.run(limit_ms=120_000)
    pass_time(net, 12_000)
    for name in net.names:
        for other in net.names:
            if other != name:
                copy = net.regions[name].store.mirrors[origin(net, other)]
                leaves = net.regions[other].store.leaves
                assert len(copy) == len(leaves)  # what came after the last round as well
                assert all(copy[n][0] == leaves[n] for n in copy)


def test_a_clean_stop_leaves_no_end_of_the_log_without_a_copy(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=6, witness=MIRRORED)
    assert net.run(limit_ms=120_000)
    peer, leaves = net.peer("region-a"), net.regions["region-a"].store.leaves
    net._handle("region-a", Stopping(0, "signal"))
    assert decode_entry(leaves[-1]).kind == "node.stop"
    assert peer.witness.lacks_copy()
    pass_time(net, 500)
    assert not peer.witness.lacks_copy()
    assert decode_entry(leaves[-1]).kind == "node.stop"  # nothing is written behind it
    for name in net.names[1:]:
        assert len(net.regions[name].store.mirrors[origin(net, "region-a")]) == len(leaves)


def test_entries_of_a_study_travel_as_hashes_to_who_takes_no_part(make_network: Make) -> None:
    """Three of four regions run a first study; in a second one of all four the fourth gets its entries as hashes."""
    net, worker, _ = make_network(4, rounds=2, witness=MIRRORED)
    from tests.gossip.conftest import quadratic_plan

    assert net.run(limit_ms=120_000)
    roster = net.peer(net.names[0]).membership.in_force
    few = quadratic_plan(roster, worker, regions=list(net.names[:3]), rounds=3, witness=MIRRORED, seed=5)
    net.ended.clear()
    net.agree(few)
    assert net.run(lambda: all(n in net.ended for n in few.regions), limit_ms=120_000)
    whole = quadratic_plan(roster, worker, rounds=2, witness=MIRRORED, seed=9)
    net.ended.clear()
    net.agree(whole)
    assert net.run(limit_ms=120_000)
    pass_time(net, 3_000)
    copy = net.regions[net.names[3]].store.mirrors[origin(net, net.names[0])]
    leaves = net.regions[net.names[0]].store.leaves
    hidden = [n for n in sorted(copy) if copy[n][0] is None]
    assert hidden
    assert {decode_entry(leaves[n]).study for n in hidden} == {few.study}


@pytest.mark.attack("L13")
def test_a_region_whose_backup_was_restored_learns_it_and_appends_nothing(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=30, round_min_s=2, witness=MIRRORED)
    until_round(net, "region-a", 3)
    backup = list(net.regions["region-a"].store.leaves)
    until_round(net, "region-a", 8)
    net.kill("region-a")
    net.regions["region-a"].store.leaves[:] = backup
    net.start("region-a")
    pass_time(net, 20_000)
    peer = net.peer("region-a")
    assert peer.state == "rolled-back"
    assert net.regions["region-a"].store.leaves == backup
    assert any(a["code"] == "ROLLED-BACK" for a in net.ask("region-a", "status")["alarms"])  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="put back"):
        net.ask("region-a", "export")
    for name in net.names[1:]:
        assert not net.peer(name).blame.suspended


@pytest.mark.attack("L14")
def test_the_neighbours_copies_give_back_what_was_lost(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=30, round_min_s=2, witness=MIRRORED)
    until_round(net, "region-a", 3)
    store = net.regions["region-a"].store
    backup = list(store.leaves)
    until_round(net, "region-a", 8)
    net.kill("region-a")
    whole = list(store.leaves)
    store.leaves[:] = backup
    net.start("region-a")
    pass_time(net, 20_000)
    found = net.peer("region-a").waking.complete()
    assert found is not None or net.peer("region-a").waking.larger.size == len(whole)  # the tail went to nobody
    larger = net.peer("region-a").waking.larger
    assert larger is not None
    assert larger.size <= len(whole)
    if found is not None:
        items, sizes = found
        assert [leaf for leaf, _ in items] == whole[len(backup) : len(backup) + len(items)]
        assert set(sizes) <= set(net.names)


def test_a_restart_with_neighbours_waits_for_their_word_and_goes_on(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=12, round_min_s=2, witness=MIRRORED)
    until_round(net, "region-b", 3)
    net.kill("region-b")
    net.start("region-b")
    assert net.peer("region-b").state == "quiet"
    assert net.run(limit_ms=200_000)
    started = kinds(net, "region-b", "node.start")[-1]
    assert len(started["heard"]) >= 2
    assert not started["alone"]
    assert {str(net.ended[n].outcome) for n in net.names} == {"done"}
    for name in net.names:
        assert not kinds(net, name, "fault")


def test_a_region_that_reaches_nobody_stays_quiet_and_one_told_to_go_alone_does_not(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=12, round_min_s=2, witness=MIRRORED)
    until_round(net, "region-b", 3)
    net.kill("region-b")
    size = len(net.regions["region-b"].store.leaves)
    for other in net.names:
        if other != "region-b":
            net.cut("region-b", other)
    net.start("region-b")
    pass_time(net, 30_000)
    assert net.peer("region-b").state == "quiet"
    assert len(net.regions["region-b"].store.leaves) == size
    with pytest.raises(ValueError, match="QUIET"):
        net.ask("region-b", "export")


@pytest.mark.attack("L09")
def test_a_log_that_was_begun_otherwise_is_found_out_by_a_third_region(make_network: Make, hostile: Any) -> None:
    """Two neighbours were shown two logs: the checkpoints that travel with HEADS meet, and the forger is suspended."""
    net, _, _ = make_network(4, rounds=40, round_min_s=2, witness=MIRRORED)
    until_round(net, "region-a", 3)
    study, size = net.peer("region-a").current.id, len(net.regions["region-d"].store.leaves)
    net.kill("region-d")
    for to, first in (("region-a", 30), ("region-b", 31)):
        liar = hostile.liar(net, "region-d")
        since = net.peer(to).witness.mirrors[liar.log.origin].size
        absent = liar.log.seal(
            "ABSENT", {"first": first, "last": first}, to=[to], study=study, round=3, now_ms=net.now_ms
        )
        point, signature = liar.log.signed()
        leaves = [*net.regions["region-d"].store.leaves, liar.log.pending_leaves[-1].leaf]
        heads = Heads(3, checkpoint_note(point, liar.log.log_public, signature), since, ()).encode()
        assert absent.fields.head_size == size
        liar.say(to, "HEADS", {}, heads, study=study, round=3)
        liar.say(to, "MIRROR", {"log": liar.log.origin}, encode_mirror(since, leaves[since:]))
        assert net.peer(to).witness.mirrors[liar.log.origin].size == size + 1
    assert not net.peer("region-a").blame.suspended
    pass_time(net, 30_000)
    for name in ("region-a", "region-b", "region-c"):
        assert ("region-d", "LS-FORK") in hostile.faults(net, name) or name == "region-c"
        assert net.peer(name).blame.suspended <= {"region-d"}


@pytest.mark.attack("L09")
@pytest.mark.attack("L02")
def test_a_message_that_the_copy_of_its_log_does_not_hold_convicts_its_sender(make_network: Make, hostile: Any) -> None:
    net, _, _ = make_network(4, rounds=40, round_min_s=2, witness=MIRRORED)
    until_round(net, "region-a", 4)
    liar = hostile.liar(net, "region-d")
    net.kill("region-d")
    held = net.peer("region-a").witness.mirrors[liar.log.origin].size
    liar.fork(len(net.regions["region-d"].store.leaves) - held + 9)
    study = net.peer("region-a").current.id
    for first in (30, 31, 32):  # one of them, at the latest, stands where the copy has something else
        liar.say("region-a", "ABSENT", {"first": first, "last": first}, study=study, round=3)
    assert net.peer("region-a").blame.suspended == {"region-d"}
    assert ("region-d", "LS-FORK") in hostile.faults(net, "region-a")


def test_no_cosignature_is_given_on_a_smaller_or_another_log(make_network: Make, hostile: Any) -> None:
    net, _, _ = make_network(4, rounds=40, round_min_s=2, witness=MIRRORED)
    until_round(net, "region-a", 4)
    given = [c for c in net.regions["region-a"].store.cosignatures if c.by == "region-a"]
    sizes: dict[str, list[int]] = {}
    for one in given:
        sizes.setdefault(one.origin, []).append(one.size)
    assert sizes
    for told in sizes.values():
        assert told == sorted(told)
    roots = {(c.origin, c.size): net.peer(c.origin.split("/")[1]).log.tree.root_at(c.size) for c in given}
    for one in given:
        point = Checkpoint(one.origin, one.size, roots[one.origin, one.size])
        key = net.regions["region-a"].card.keys.witness
        verify_cosignature(point, Cosignature(one.by, one.size, one.t_s, one.sig), key)


def test_a_lost_copy_is_sent_again(make_network: Make) -> None:
    """A neighbour that starts without its copies asks from where it stands."""
    net, _, _ = make_network(4, rounds=14, round_min_s=2, witness=MIRRORED)
    until_round(net, "region-b", 4)
    net.kill("region-b")
    net.regions["region-b"].store.mirrors.clear()
    net.regions["region-b"].store.heads.clear()
    net.start("region-b")
    assert net.run(limit_ms=200_000)
    pass_time(net, 3_000)
    copy = net.regions["region-b"].store.mirrors[origin(net, "region-a")]
    leaves = net.regions["region-a"].store.leaves
    assert sorted(copy) == list(range(len(copy)))
    assert all(copy[n][0] == leaves[n] for n in copy)


def test_what_a_member_cannot_show_is_not_cosigned(make_network: Make) -> None:
    """MIRRORs of one region are lost on the way: no cosignature, no blame, and the study goes on."""
    net, _, _ = make_network(4, rounds=6, round_min_s=1, witness=MIRRORED)

    def lose(sender: str, send: Send) -> list[Send]:
        fields = parse(send.header, send.signature).fields
        return [] if sender == "region-c" and fields.type == "MIRROR" else [send]

    net.on_send = lose
    assert net.run(limit_ms=200_000)
    assert not kinds(net, "region-c", "round.heads")[-1]["cosigned"]
    for name in net.names:
        assert not net.peer(name).blame.suspended


@pytest.mark.parametrize("type", ["PING", "COSIGN"])
def test_a_service_message_signed_over_the_whole_log_is_no_larger_head(
    make_network: Make, hostile: Any, type: str
) -> None:
    net, _, _ = make_network(4, rounds=30, round_min_s=2, witness=MIRRORED)
    said: list[Envelope] = []

    def keep(who: str, send: Send) -> list[Send]:
        envelope = parse(send.header, send.signature)
        if who == "region-b" and envelope.fields.type == type:
            said.append(envelope)
        return [send]

    net.on_send = keep
    until_round(net, "region-a", 3)
    store = net.regions["region-b"].store
    assert net.run(lambda: bool(said) and said[-1].fields.head_size == len(store.leaves), limit_ms=60_000)
    last = said[-1]
    liar = hostile.liar(net, "region-a")
    net.kill("region-a")
    net.kill("region-b")
    for other in ("region-c", "region-d"):
        net.cut("region-b", other)
    net.start("region-b")
    net._up.add(frozenset(("region-a", "region-b")))
    liar.say("region-b", "BEHIND", {}, Behind(envelope=(last.header, last.signature)).encode())
    assert net.peer("region-b").state == "quiet"


def test_a_copy_on_its_way_is_bounded_in_entries_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "MAX_COMING", 10)
    monkeypatch.setattr(mirror, "MAX_COMING_BYTES", 1_000)
    copy = mirror.Mirror("simulated.example/region-b/1")
    assert copy.take(0, [(bytes(100), bytes(32))] * 4)
    assert not copy.take(4, [(bytes(500), bytes(32))])
    assert copy.take(4, [(None, bytes(32))] * 6)
    assert not copy.take(10, [(None, bytes(32))])
    assert not copy.take(11, [])  # a gap
    assert len(copy.coming) == 10


def test_what_neighbours_give_back_of_a_lost_log_is_bounded(
    make_network: Make, hostile: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(returned, "MAX_COMING_BYTES", 200_000)
    net, _, _ = make_network(4, rounds=30, round_min_s=2, witness=MIRRORED)
    until_round(net, "region-a", 3)
    backup = list(net.regions["region-a"].store.leaves)
    until_round(net, "region-a", 6)
    net.kill("region-a")
    net.regions["region-a"].store.leaves[:] = backup
    net.start("region-a")
    pass_time(net, 5_000)
    peer = net.peer("region-a")
    assert peer.state == "rolled-back"
    liar = hostile.liar(net, "region-b")
    net.kill("region-b")
    net._up.add(frozenset(("region-a", "region-b")))
    for turn in range(20):
        first = len(backup) + len(peer.waking._returned._copies.get("region-b", (0, []))[1])
        data = encode_mirror(first, [bytes([turn]) * 50_000])
        liar.say("region-a", "MIRROR", {"log": peer.log.origin}, data)
    assert mirror.weight(peer.waking._returned._copies["region-b"][1]) <= 200_000


@pytest.mark.parametrize("garbage", [b"no entry at all", b"redact", b"key.rotate"])
def test_a_copy_whose_leaves_are_no_entries_stops_nobody(make_network: Make, hostile: Any, garbage: bytes) -> None:
    net, _, _ = make_network(4, rounds=40, round_min_s=2, witness=MIRRORED)
    until_round(net, "region-a", 4)
    study = net.peer("region-a").current.id
    liar = hostile.liar(net, "region-d")
    net.kill("region-d")
    leaves = [*net.regions["region-d"].store.leaves]
    absent = liar.log.seal(
        "ABSENT", {"first": 30, "last": 30}, to=["region-a"], study=study, round=4, now_ms=net.now_ms
    )
    assert absent.fields.head_size == len(leaves)
    leaves.append(garbage.ljust(40))
    origin = liar.log.origin
    tree = Tree([leaf_hash(one) for one in leaves])
    point = Checkpoint(origin, tree.size, tree.root())
    note = checkpoint_note(point, liar.log.log_public, liar.keys.log.sign(checkpoint_body(point)))
    held = net.peer("region-a").witness.mirrors[origin].size
    liar.fork(0)
    liar.say("region-a", "HEADS", {}, Heads(4, note, held, ()).encode(), study=study, round=4)
    liar.say("region-a", "MIRROR", {"log": origin}, encode_mirror(held, leaves[held:]))
    assert net.peer("region-a").witness.mirrors[origin].size == len(leaves)
    liar.deliver("region-a", absent)
    until_round(net, "region-a", 6)
    assert net.peer("region-a").blame.suspended == {"region-d"}


def test_a_proof_shows_what_was_said_and_no_other_entry(make_network: Make, hostile: Any) -> None:
    net, _, _ = make_network(4, rounds=30, round_min_s=2, witness={"quorum": 1, "max_lag_rounds": 3, "mirror": False})
    until_round(net, "region-a", 3)
    liar = hostile.liar(net, "region-b")
    net.kill("region-b")
    size = len(net.regions["region-a"].store.leaves)
    body: dict[str, Any] = {"size": size, "places": list(range(size - 60, size)), "heads": []}
    envelope = liar.log.seal("PROVE", body, to=["region-a"], now_ms=net.now_ms)
    sends = [e for e in liar.deliver("region-a", envelope) if isinstance(e, Send)]
    (proof,) = [e for e in sends if parse(e.header, e.signature).fields.type == "PROOF"]
    shown = decode_proof(bytes(proof.payload or b"")).places
    assert shown
    assert {decode_entry(leaf).kind for leaf, _ in shown.values()} == {"env.sent"}


@pytest.mark.attack("L09")
def test_a_message_just_behind_the_copy_must_be_the_next_entry(make_network: Make, hostile: Any) -> None:
    """Its head is where the copy ends, so it is compared with what comes next, or with nothing."""
    net, _, _ = make_network(4, rounds=2, witness=MIRRORED)
    assert net.run(limit_ms=120_000)
    net.run(lambda: False, limit_ms=15_000)
    study, mirror = net.peer("region-a").current, net.peer("region-a").witness.mirrors["simulated.example/region-d/1"]
    liar = hostile.liar(net, "region-d")
    net.kill("region-d")
    assert mirror.size == liar.log.size
    liar.say("region-a", "ABSENT", {"first": 1, "last": 1}, study=study.id, round=1)
    liar.fork(0)
    liar.log.add("node.stop", {"reason": "signal"}, study=None, now_ms=net.now_ms)
    point, signature = liar.log.signed()
    note = checkpoint_note(point, liar.keys.log.public, signature)
    liar.say("region-a", "HEADS", {}, Heads(1, note, mirror.size, ()).encode(), study=study.id, round=1)
    entry = liar.log.pending_leaves[-1].leaf
    liar.say("region-a", "MIRROR", {"log": point.origin}, encode_mirror(mirror.size, [entry]))
    assert net.peer("region-a").blame.suspended == {"region-d"}


@pytest.mark.attack("L13")
def test_what_was_verified_by_proofs_is_known_after_a_restart_beside_the_copy(make_network: Make) -> None:
    """One study keeps copies, the next one does not: the copy ends before the largest head that was cosigned."""
    net, worker, _ = make_network(4, rounds=2, witness=MIRRORED)
    assert net.run(limit_ms=120_000)
    pass_time(net, 15_000)
    roster = net.peer("region-a").membership.in_force
    assert roster is not None
    proved = {"quorum": 1, "max_lag_rounds": 3, "mirror": False}
    net.ended.clear()
    net.agree(quadratic_plan(roster, worker, rounds=2, witness=proved, seed=5))
    assert net.run(limit_ms=120_000)
    pass_time(net, 15_000)
    log, held = origin(net, "region-a"), net.peer("region-b").witness.held
    copied, largest = held.mirrors[log].size, held.largest(log)
    assert copied < largest == net.peer("region-a").log.size
    net.kill("region-b")
    net.start("region-b")
    held = net.peer("region-b").witness.held
    assert (held.mirrors[log].size, held.largest(log)) == (copied, largest)
