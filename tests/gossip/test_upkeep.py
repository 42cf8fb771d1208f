"""What an operator writes into the log, and what is taken out of it: all proofs hold."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from crypto.merkle import leaf_hash
from gossip.effects import Erase, Forget
from gossip.events import Asked
from gossip.logs.holdings import Records
from gossip.logs.redaction import carriers_leave
from gossip.network import Network
from gossip.step import Step
from protocol.codec import encode
from protocol.cosignature import checkpoint_note
from protocol.entries import decode_entry
from protocol.envelope import parse
from protocol.witnessing import Heads, encode_mirror
from tests.vectors.make_protocol import bodies

Make = Callable[..., Any]
MIRRORED = {"quorum": None, "max_lag_rounds": 3, "mirror": True}
SHEET = next(body for _, kind, _, body in bodies() if kind == "data.sheet")
YEAR_MS = 31_557_600_000


def place(net: Network, name: str, kind: str) -> int:
    """Where the last entry of a kind stands."""
    leaves = net.regions[name].store.leaves
    return max(n for n, leaf in enumerate(leaves) if decode_entry(leaf).kind == kind)


def asked(net: Network, name: str, op: str, **args: object) -> list[Any]:
    """The effects of an operator's request."""
    return net.peer(name).handle(Asked(net.now_ms, 0, op, args))


def test_a_sheet_is_recorded_with_what_opens_it(make_network: Make) -> None:
    net, _, _ = make_network(3, rounds=2)
    opening = {"field": "fingerprint", "salt": bytes(32), "value": b"leaf by leaf"}
    commit = asked(net, "region-a", "record", kind="data.sheet", body=SHEET, openings=[opening])[0]
    entry = decode_entry(commit.leaves[0].leaf)
    assert (entry.kind, entry.body) == ("data.sheet", SHEET)
    (row,) = commit.rows
    assert (row.seq, row.field, row.salt, row.value) == (entry.seq, "fingerprint", bytes(32), b"leaf by leaf")
    assert b"leaf by leaf" not in commit.leaves[0].leaf


def kept_with(net: Network, name: str, header: bytes) -> int:
    """How many of a region's kept payloads hold a message."""
    return sum(header in data for data in net.regions[name].store.kept.values())


def test_the_message_of_an_erased_entry_leaves_what_carried_it(make_network: Make) -> None:
    """Here and at the neighbours, once they copy the word of the erasure; evidence stays."""
    net, _, _ = make_network(4, rounds=3, witness=MIRRORED)
    assert net.run(limit_ms=120_000)
    net.run(lambda: False, limit_ms=5_000)
    leaves = net.regions["region-a"].store.leaves
    found = [(n, e.body["header"]) for n, e in enumerate(map(decode_entry, leaves)) if e.kind == "env.sent"]
    seq, header = next((n, h) for n, h in found if parse(h, bytes(64)).fields.type == "ADVERT")  # type: ignore[arg-type]
    assert isinstance(header, bytes)
    before = {name: kept_with(net, name, header) for name in net.names}
    assert sum(before.values()) >= 3
    net.ask("region-a", "redact", seq=seq, basis="erasure")
    net.run(lambda: False, limit_ms=20_000)
    assert {name: kept_with(net, name, header) for name in net.names} == dict.fromkeys(net.names, 0)
    for name in [name for name, count in before.items() if count]:
        pruned = [e for e in map(decode_entry, net.regions[name].store.leaves) if e.kind == "payload.prune"]
        assert [(e.body["rule"], e.body["count"]) for e in pruned] == [("redact", before[name])]


def test_an_erasure_by_the_guilty_takes_no_evidence_along(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=3, witness=MIRRORED)
    assert net.run(limit_ms=120_000)
    leaves = net.regions["region-a"].store.leaves
    entry = next(e for e in map(decode_entry, leaves) if e.kind == "env.sent" and e.study is not None)
    header, sig = entry.body["header"], entry.body["sig"]
    payload = encode([[header, sig, None]])
    peer = net.peer("region-b")
    step = Step(peer.log, peer.mailbox, net.now_ms)
    body: dict[str, Any] = {"round": None, "region": "region-a", "code": "LS-FORK", "evidence": [step.keep(payload)]}
    step.add("fault", body)
    for effect in step.finish():
        net._do("region-b", net.regions["region-b"], effect)
    step = Step(peer.log, peer.mailbox, net.now_ms)
    carriers_leave(peer, step, leaves[entry.seq])
    assert payload in net.regions["region-b"].store.kept.values()
    assert hashlib.sha256(payload).digest() not in {e.sha256 for e in step.finish() if isinstance(e, Forget)}


@pytest.mark.parametrize(
    "args",
    [
        {"kind": "round.mix", "body": {}},
        {"kind": "data.sheet", "body": {"rows": 3}},
        {"kind": "data.sheet", "body": SHEET, "openings": [{"field": "x"}]},
        {"kind": "data.sheet", "body": SHEET, "study": bytes(32)},
    ],
)
def test_nothing_else_is_recorded(make_network: Make, args: dict[str, Any]) -> None:
    net, _, _ = make_network(3, rounds=2)
    with pytest.raises(ValueError, match=r"VALUE|STUDY"):
        net.ask("region-a", "record", **args)


def test_an_erased_entry_leaves_its_hash_and_a_reason_and_the_copies_follow(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=12, round_min_s=2, witness=MIRRORED)
    net.ask("region-a", "record", kind="data.sheet", body=SHEET)
    seq = place(net, "region-a", "data.sheet")
    assert net.run(lambda: (study := net.peer("region-a").current) is not None and study.round >= 3, limit_ms=60_000)
    origin = net.peer("region-a").log.origin
    assert net.regions["region-b"].store.mirrors[origin][seq][0] is not None
    found = net.ask("region-a", "redact", seq=seq, basis="erasure")
    assert found["leaf"] == leaf_hash(net.regions["region-a"].store.leaves[seq]).hex()
    assert net.run(limit_ms=200_000)
    for name in ("region-b", "region-c", "region-d"):
        leaf, digest = net.regions[name].store.mirrors[origin][seq]
        assert (leaf, digest.hex()) == (None, found["leaf"])
        assert not net.peer(name).blame.suspended


def test_what_the_log_stands_on_and_a_study_under_way_are_not_erased(make_network: Make) -> None:
    net, _, _ = make_network(3, rounds=4)
    assert net.run(lambda: net.peer("region-a").current is not None, limit_ms=60_000)
    for seq in (0, place(net, "region-a", "roster.accept"), place(net, "region-a", "study.start"), 10**6):
        with pytest.raises(ValueError, match="VALUE"):
            net.ask("region-a", "redact", seq=seq, basis="erasure")
    with pytest.raises(ValueError, match="ground"):
        net.ask("region-a", "redact", seq=1, basis="whim")


def test_after_an_erasure_is_the_deed(make_network: Make) -> None:
    net, _, _ = make_network(3, rounds=2)
    seq = place(net, "region-a", "node.start")
    effects = asked(net, "region-a", "redact", seq=seq, basis="order")
    assert decode_entry(effects[0].leaves[-1].leaf).kind == "redact"
    assert Erase(net.peer("region-a").log.origin, seq) in effects[1:]


def test_carried_payloads_go_when_their_years_are_over_and_not_before(make_network: Make) -> None:
    net, _, _ = make_network(3, rounds=3, retention={"years": 5})
    assert net.run(limit_ms=60_000)
    assert net.ask("region-a", "prune") == {"pruned": []}
    net.now_ms += 6 * YEAR_MS
    effects = asked(net, "region-a", "prune")
    entry = decode_entry(effects[0].leaves[0].leaf)
    assert (entry.kind, entry.body["rounds"], entry.body["rule"]) == ("payload.prune", [0, 2], "years")
    gone = [effect.sha256 for effect in effects if isinstance(effect, Forget)]
    assert len(gone) == entry.body["count"] > 0
    kept = net.regions["region-a"].store.kept
    plan = next(iter(net.peer("region-a").agreement.proposals.values()))
    assert all(sha in kept for sha in gone)
    assert plan.envelope.fields.sha256 not in gone  # a plan stays


# ---------------------------------------------------------------- leaving, and where rounds begin


def test_a_region_that_leaves_excuses_itself_and_the_others_go_on_without_waiting(make_network: Make) -> None:
    net, _, plan = make_network(5, rounds=12, round_min_s=2)
    assert net.run(lambda: (study := net.peer("region-a").current) is not None and study.round >= 3, limit_ms=60_000)
    left = net.ask("region-e", "leave", study=plan.study)
    assert (left["outcome"], left["reason"]) in ((None, None), ("left", "operator"))
    begun = net.now_ms
    assert net.run(limit_ms=120_000)
    assert net.now_ms - begun < 12 * 4_000  # nobody waits out a deadline for it
    assert str(net.ended["region-e"].outcome) == "left"
    for name in net.names[:4]:
        assert str(net.ended[name].outcome) == "done"
        entries = [decode_entry(leaf) for leaf in net.regions[name].store.leaves]
        assert [e for e in entries if e.kind == "round.mix"][-1].body["missing"] == ["region-e"]
        assert not [e for e in entries if e.kind == "fault"]
    with pytest.raises(ValueError, match="does not run here"):
        net.ask("region-e", "leave", study=plan.study)


def test_each_training_round_begins_with_its_base_and_its_edges(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=3)
    assert net.run(limit_ms=60_000)
    entries = [decode_entry(leaf) for leaf in net.regions["region-a"].store.leaves]
    begun = [e.body for e in entries if e.kind == "round.start"]
    mixed = {e.body["round"]: e.body["model"] for e in entries if e.kind == "round.mix"}
    assert [b["round"] for b in begun] == [0, 1, 2]
    assert [b["base"] for b in begun[1:]] == [mixed[0], mixed[1]]
    assert all(b["edges"] == ["region-b", "region-c", "region-d"] for b in begun)


@pytest.mark.attack("S32")
def test_erasures_without_end_cost_the_neighbours_one_look_and_one_entry(make_network: Make, hostile: Any) -> None:
    """A thousand erasures told at once, most of them of entries that were erased before."""
    net, _, _ = make_network(4, rounds=3, witness=MIRRORED)
    assert net.run(limit_ms=120_000)
    net.run(lambda: False, limit_ms=15_000)
    peer, liar = net.peer("region-a"), hostile.liar(net, "region-d")
    net.kill("region-d")
    mirror = peer.witness.mirrors[liar.log.origin]
    said = [n for n, leaf in enumerate(net.regions["region-d"].store.leaves) if decode_entry(leaf).kind == "env.sent"]
    for at in range(1_000):
        seq = said[at % len(said)]
        body = {"seq": seq, "leaf": liar.log.tree.hash_at(seq), "basis": "error"}
        liar.log.add("redact", body, study=None, now_ms=net.now_ms)
    point, signature = liar.log.signed()
    note = checkpoint_note(point, liar.keys.log.public, signature)
    looks: list[int] = []
    own = peer.witness.held.records.own
    counted = Records(lambda a, b: (looks.append(b - a), own(a, b))[1], peer.witness.held.records.mirrored)  # type: ignore[func-returns-value]
    peer.witness.held.records = counted
    leaves = [one.leaf for one in liar.log.pending_leaves]
    study = peer.current
    assert study is not None
    liar.say("region-a", "HEADS", {}, Heads(2, note, mirror.size, ()).encode(), study=study.id, round=2)
    liar.say("region-a", "MIRROR", {"log": point.origin}, encode_mirror(mirror.size, leaves))
    assert mirror.size == point.size
    pruned = [e for e in map(decode_entry, net.regions["region-a"].store.leaves) if e.kind == "payload.prune"]
    assert len(pruned) == 1
    assert len([n for n in looks if n > 1]) <= 1
    assert all(net.regions["region-a"].store.mirrors[point.origin][seq][0] is None for seq in said)
