"""What a region keeps of its rounds for an audit, and what goes: by the plan, and by nobody's choice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from crypto.hashing import tagged_hash
from crypto.merkle import Tree, leaf_hash
from gossip.effects import Send
from gossip.logs.upkeep import YEAR_MS
from gossip.network import Network
from gossip.studies.recording import ALWAYS, Recording
from protocol.beacon import is_drawn
from protocol.entries import Entry, decode_entry
from protocol.envelope import parse
from protocol.plan import Plan

Make = Callable[..., tuple[Network, Any, Plan]]
MIRRORED = {"quorum": None, "max_lag_rounds": 3, "mirror": True}


def entries(net: Network, name: str, *kinds: str) -> list[Entry]:
    read = [decode_entry(leaf) for leaf in net.regions[name].store.leaves]
    return [entry for entry in read if not kinds or entry.kind in kinds]


def heard(net: Network, name: str, round: int) -> set[bytes]:
    """SHA-256 of the masked values that a region's log says it received in a round."""
    found = set()
    for entry in entries(net, name, "env.recv"):
        fields = parse(entry.body["header"], entry.body["sig"]).fields  # type: ignore[arg-type]
        if fields.type == "MASKED" and fields.round == round and fields.sha256 is not None:
            found.add(fields.sha256)
    return found


def kept(net: Network, name: str) -> dict[int, set[bytes]]:
    rounds: dict[int, set[bytes]] = {}
    for round, sha in net.regions[name].store.bulk:
        rounds.setdefault(round, set()).add(sha)
    return rounds


def test_nothing_is_kept_or_committed_to_where_the_plan_does_not_ask(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=3)
    assert net.run(limit_ms=60_000)
    store = net.regions["region-a"].store
    assert not store.bulk
    assert not store.openings
    assert not entries(net, "region-a", "payload.prune", "round.train")
    assert all(entry.body["own"] is None for entry in entries(net, "region-a", "round.mix"))


def test_payloads_of_the_last_rounds_are_kept_and_those_before_are_named_and_gone(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=6, sums=["count"], retention={"payload_rounds": 2})
    assert net.run(limit_ms=60_000)
    for name in net.names:
        assert kept(net, name) == {round: heard(net, name, round) for round in (5, 6)}
        pruned = entries(net, name, "payload.prune")
        assert [entry.body["rounds"] for entry in pruned] == [[1, 1], [2, 2], [3, 3], [4, 4]]
        for entry in pruned:
            shas = sorted(heard(net, name, entry.body["rounds"][0]))  # type: ignore[index,arg-type]
            assert entry.body["count"] == len(shas) == 3
            assert entry.body["hashes_root"] == Tree(map(leaf_hash, shas)).root()
            assert entry.body["rule"] == "payload_rounds"
    assert all(hashlib.sha256(data).digest() == sha for (_, sha), data in net.regions["region-a"].store.bulk.items())


def test_payloads_of_sum_rounds_are_never_kept(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=2, sums=["count", "moment"], retention={"payload_rounds": 100})
    assert net.run(limit_ms=60_000)
    assert sorted(kept(net, "region-a")) == [2, 3]
    assert heard(net, "region-a", 0)


@pytest.mark.parametrize("sample_bp", [3000, 10_000])
def test_the_beacon_decides_what_stays_for_good(make_network: Make, sample_bp: int) -> None:
    net, _, plan = make_network(4, rounds=8, witness=MIRRORED, retention={"sample_bp": sample_bp})
    assert net.run(limit_ms=90_000)
    for name in net.names:
        roots = {
            entry.body["round"]: {s["origin"]: s["root"] for s in entry.body["seen"] if s["how"] == "verified"}  # type: ignore[index,union-attr,call-overload]
            for entry in entries(net, name, "round.heads")
        }
        expected = [r for r in range(8) if is_drawn(plan.study, r, name, roots.get(r, {}), sample_bp)]  # type: ignore[arg-type]
        assert sorted(kept(net, name)) == expected
        assert 7 in expected  # nobody has shown a log after the last round
        assert {round for round, _, _ in net.regions[name].store.openings} == {ALWAYS, *expected}


def test_what_is_kept_opens_the_commitments_of_the_log(make_network: Make) -> None:
    net, worker, _ = make_network(4, rounds=3, witness=MIRRORED, retention={"sample_bp": 10_000})
    assert net.run(limit_ms=60_000)
    store = net.regions["region-b"].store
    trained, mixed = entries(net, "region-b", "round.train"), entries(net, "region-b", "round.mix")
    assert len(trained) == len(mixed) == 3
    for train, mix in zip(trained, mixed, strict=True):
        delta = store.openings[(train.body["round"], train.seq, "delta")]  # type: ignore[index]
        base = store.openings[(train.body["round"], train.seq, "base")]  # type: ignore[index]
        own = store.openings[(mix.body["round"], mix.seq, "own")]  # type: ignore[index]
        assert tagged_hash("commit", delta) == train.body["delta"]
        assert tagged_hash("commit", own) == mix.body["own"]
        assert hashlib.sha256(base[32:]).digest() == train.body["base"]
        assert delta[32:] == own[32:]  # weighted by region: what was trained is what is sent
    start = entries(net, "region-b", "study.start")[0]
    assert store.openings[(ALWAYS, start.seq, "init")][32:] == worker.initial.astype("<f4").tobytes()


def test_seeds_by_which_masks_were_taken_away_open_what_the_sum_names(make_network: Make) -> None:
    net, _, _ = make_network(5, rounds=2, masking={"mode": "recoverable"}, retention={"payload_rounds": 9})
    assert net.run(limit_ms=90_000)
    store = net.regions["region-c"].store
    for entry in entries(net, "region-c", "session.sum"):
        rows = entry.body["opened"]
        assert isinstance(rows, list)
        assert len(rows) == 4
        for index, row in enumerate(rows):
            opened = {place[1:]: value for place, value in store.openings.items()}[(entry.seq, f"opened.{index}")]
            assert len(opened) == 64
            assert tagged_hash("commit", opened) == row["c"]  # type: ignore[index,call-overload]


def lost(sender: str) -> Callable[[str, Send], list[Send]]:
    """A line on which the masked values of one region get lost."""

    def on_send(name: str, send: Send) -> list[Send]:
        is_value = name == sender and parse(send.header, send.signature).fields.type == "MASKED"
        return [] if is_value else [send]

    return on_send


@pytest.mark.attack("L37")
def test_values_of_a_session_that_opened_nothing_are_not_kept(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=2, retention={"payload_rounds": 9})
    net.on_send = lost("region-d")
    assert net.run(limit_ms=200_000)
    assert heard(net, "region-a", 0)
    assert not kept(net, "region-a")
    assert kept(net, "region-d")  # its own sums were whole


@pytest.mark.attack("L37")
def test_beside_opened_seeds_lies_no_value_of_a_region_that_was_left_out(make_network: Make) -> None:
    net, _, _ = make_network(5, rounds=2, masking={"mode": "recoverable"}, retention={"payload_rounds": 9})
    net.on_send = lost("region-e")
    assert net.run(limit_ms=200_000)
    sums = entries(net, "region-a", "session.sum")
    assert any(row["kind"] == "pair" for entry in sums for row in entry.body["opened"])  # type: ignore[union-attr,index,call-overload]
    for round, shas in kept(net, "region-a").items():
        assert shas == heard(net, "region-a", round)


@pytest.mark.attack("L37")
def test_a_value_that_came_and_was_left_out_goes_when_its_round_ends(make_network: Make) -> None:
    net, _, plan = make_network(5, rounds=2, masking={"mode": "recoverable"}, retention={"payload_rounds": 9})
    assert net.run(limit_ms=90_000)
    live = next(iter(net.peer("region-a").studies.values())).context.recording
    recording = Recording(plan, "region-a")
    for entry in entries(net, "region-a"):
        if entry.kind == "env.recv":
            recording.recall(parse(entry.body["header"], entry.body["sig"]))  # type: ignore[arg-type]
        elif entry.kind == "round.mix" and isinstance(entry.body["weights"], dict):
            weights = {name: weight for name, weight in entry.body["weights"].items() if name != "region-b"}
            recording.take(replace(entry, body={**entry.body, "weights": weights}))
    for round, shas in live.held.items():
        assert len(shas) == 4
        assert len(recording.held[round]) == 3


def test_after_a_restart_the_same_rounds_stay_and_go(make_network: Make) -> None:
    retention = {"payload_rounds": 3, "sample_bp": 2000}
    net, _, _ = make_network(4, rounds=8, round_min_s=1, witness=MIRRORED, retention=retention)
    assert net.run(lambda: ("region-a", 4) in net.adopted, limit_ms=120_000)
    before = dict(net.peer("region-a").studies.popitem()[1].context.recording.held)
    again = net.replayed("region-a")
    held = next(iter(again.studies.values())).context.recording.held
    assert {r: shas for r, shas in held.items() if shas} == {r: shas for r, shas in before.items() if shas}
    assert before


def test_when_the_years_are_over_nothing_is_left(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=3, retention={"payload_rounds": 9, "years": 1})
    assert net.run(limit_ms=60_000)
    assert kept(net, "region-a")
    net.now_ms += 2 * YEAR_MS
    net.ask("region-a", "prune")
    assert not kept(net, "region-a")
    entry = entries(net, "region-a", "payload.prune")[-1]
    assert entry.body["rule"] == "years"
    assert entry.body["count"] >= 9  # type: ignore[operator]


def test_whole_network_rounds_keep_what_each_region_has_added_up(make_network: Make) -> None:
    net, _, _ = make_network(5, rounds=2, aggregation="network", retention={"payload_rounds": 9})
    assert net.run(limit_ms=200_000)
    for name in net.names:
        for round, shas in kept(net, name).items():
            assert shas, (name, round)
        size = {len(data) for data in net.regions[name].store.bulk.values()}
        assert size == {12 * 4}
    assert np.all([len(kept(net, name)) == 2 for name in net.names])
