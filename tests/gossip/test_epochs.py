"""A log that lost its tail is begun anew: confirmed first, followed by all, and nothing is said a second time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gossip.network import Network
from protocol.entries import decode_entry
from protocol.envelope import parse
from protocol.epochs import Previous
from protocol.evidence import place_of

Make = Callable[..., Any]
MIRRORED = {"quorum": None, "max_lag_rounds": 3, "mirror": True}
PROVED = {"quorum": 1, "max_lag_rounds": 3, "mirror": False}


def pass_time(net: Network, ms: int) -> None:
    net.run(lambda: False, limit_ms=ms)


def until_round(net: Network, name: str, round: int) -> None:
    assert net.run(lambda: (study := net.peer(name).current) is not None and study.round >= round, limit_ms=240_000)


def entries(net: Network, name: str, kind: str) -> list[Any]:
    return [e for e in map(decode_entry, net.regions[name].store.leaves) if e.kind == kind]


def lose(net: Network, name: str, kept: int) -> list[bytes]:
    """Kill a region whose disk loses what came after its first ``kept`` entries; returns all it had written."""
    net.kill(name)
    store = net.regions[name].store
    whole = list(store.leaves)
    del store.leaves[kept:]
    return whole


def restore(net: Network, name: str, wait_ms: int = 5_000) -> Previous:
    """What ``landsting restore`` does: ask, take back what leads to a signed head, begin anew after the largest."""
    net.start(name)
    pass_time(net, wait_ms)
    waking = net.peer(name).waking
    assert waking.is_rolled_back
    assert waking.larger is not None
    found = waking.partial()
    recovered = [leaf for leaf, _ in found[0]] if found is not None else []
    assert None not in recovered
    net.kill(name)
    larger = waking.larger
    previous = Previous(larger.origin, larger.size, larger.root, "lost")
    net.begin_anew(name, previous, recovered)  # type: ignore[arg-type]
    return previous


def statements(net: Network) -> dict[tuple[Any, ...], set[bytes]]:
    """Every place that one statement only may have, with the ids of all that any log holds there."""
    found: dict[tuple[Any, ...], set[bytes]] = {}
    for region in net.regions.values():
        for leaf in [*region.store.past, *region.store.leaves]:
            entry = decode_entry(leaf)
            if entry.kind in ("env.sent", "env.recv"):
                envelope = parse(entry.body["header"], entry.body["sig"])  # type: ignore[arg-type]
                place = place_of(envelope.fields)
                if place is not None:
                    found.setdefault(place, set()).add(envelope.eid)
    return found


@pytest.mark.attack("L14")
@pytest.mark.parametrize("witness", [MIRRORED, PROVED], ids=["mirror", "proofs"])
@pytest.mark.parametrize("masking", ["strict", "recoverable"])
def test_a_region_that_lost_its_tail_begins_anew_and_trains_on(
    make_network: Make, witness: dict[str, Any], masking: str
) -> None:
    net, _, plan = make_network(4, rounds=24, round_min_s=2, witness=witness, masking={"mode": masking})
    until_round(net, "region-a", 4)
    kept = len(net.regions["region-a"].store.leaves)
    until_round(net, "region-a", 7)
    lost = lose(net, "region-a", kept)
    previous = restore(net, "region-a")
    assert kept < previous.size <= len(lost)
    net.start("region-a")
    assert net.peer("region-a").state == "quiet"
    assert net.run(limit_ms=600_000)
    assert {str(net.ended[n].outcome) for n in net.names} == {"done"}
    assert net.peer("region-a").log.origin.endswith("/2")
    assert entries(net, "region-a", "round.mix")
    for name in net.names:
        assert not net.peer(name).blame.suspended
        assert not entries(net, name, "fault"), [s for s in net.suspects if s[0] == name]
    assert all(len(eids) == 1 for eids in statements(net).values())
    assert plan.rounds == 24
