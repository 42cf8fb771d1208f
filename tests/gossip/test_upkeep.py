"""What an operator writes into the log, and what is taken out of it: all proofs hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from crypto.merkle import leaf_hash
from gossip.events import Asked, Erase, Forget
from gossip.network import Network
from protocol.entries import decode_entry
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
