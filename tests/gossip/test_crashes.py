"""A region dies at any moment: nothing is signed twice, and the others go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gossip.effects import Commit, Send
from gossip.network import Network
from protocol.envelope import parse
from protocol.evidence import place_of
from protocol.messages import TYPES

Make = Callable[..., Any]


class Watcher:
    """Records every envelope that leaves a region, and can kill one after its n-th commit."""

    def __init__(self, net: Network) -> None:
        self.places: dict[tuple[str, int], bytes] = {}
        self.said: dict[tuple[object, ...], bytes] = {}
        self.twice: list[str] = []
        net.on_send = self.see

    def see(self, sender: str, send: Send) -> list[Send]:
        envelope = parse(send.header, send.signature)
        fields = envelope.fields
        if not TYPES[fields.type].logged:
            return [send]
        keys: list[tuple[dict[Any, bytes], tuple[Any, ...]]] = [(self.places, (fields.log, fields.head_size))]
        if fields.session is not None:
            keys.append((self.said, place_of(fields) or ()))
        for table, key in keys:
            if table.setdefault(key, envelope.eid) != envelope.eid:
                self.twice.append(f"{fields.type} at {key}")
        return [send]


def kill_after_commit(net: Network, name: str, commits: int) -> None:
    """SIGKILL between the n-th commit from now and the sends that hang on it."""
    store = net.regions[name].store
    original = type(store).commit
    left = [commits]

    class Dying(type(store)):  # type: ignore[misc]
        __slots__ = ()

        def commit(self, commit: Commit) -> None:
            original(self, commit)
            left[0] -= 1
            if left[0] == 0:
                net.kill(name)

    dying = Dying(store.leaves, store.kept, store.blobs)
    net.regions[name].store = dying


# Commits 1 … 40 of a region cover every state of sum rounds and of the first training rounds.
@pytest.mark.attack("S21")
@pytest.mark.attack("S05")
@pytest.mark.parametrize("commits", range(1, 41, 3))
def test_killed_after_any_commit_a_region_signs_nothing_twice(make_network: Make, commits: int) -> None:
    net, worker, _ = make_network(4, rounds=6, sums=["count", "moment"], round_min_s=2)
    victim = net.names[1]
    watcher = Watcher(net)
    kill_after_commit(net, victim, commits)
    net.run(lambda: net.regions[victim].peer is None, limit_ms=30_000)
    net.run(lambda: False, limit_ms=3_000)
    if net.regions[victim].peer is None:
        net.start(victim)
    assert net.run(limit_ms=600_000), {n: net.peer(n).status(net.now_ms)["waiting_for"] for n in net.names}
    assert watcher.twice == []
    assert {e.outcome for e in net.ended.values()} == {"done"}
    totals = {tuple(t) for _, t in worker.seen_totals}
    assert len(totals) == 1, "every region opens the same sums"
    for name in net.names:
        if name != victim:
            history = net.peer(name).current.history
            kept = [h for h in history if h["outcome"] == "kept"]
            assert len(kept) <= 2, (name, history)


def test_everybody_restarts_at_once_in_the_middle(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=8, round_min_s=2)
    watcher = Watcher(net)
    net.run(lambda: all(net.peer(n).current and net.peer(n).current.round >= 3 for n in net.names))
    for name in net.names:
        net.kill(name)
    for name in net.names:
        net.start(name)
    assert net.run(limit_ms=600_000)
    assert watcher.twice == []
    for name in net.names:
        assert net.peer(name).current.history[-1]["outcome"] == "mixed"


@pytest.mark.attack("S31")
def test_all_attempts_of_a_sum_round_open_one_sum(make_network: Make) -> None:
    net, worker, _ = make_network(3, rounds=1, sums=["count"])
    victim = net.names[2]
    net.run(lambda: False, limit_ms=1)
    # MASKED of the victim never arrives until two attempts are void everywhere.
    dropped = [0]

    def lossy(sender: str, send: Send) -> list[Send]:
        fields = parse(send.header, send.signature).fields
        if sender == victim and fields.type == "MASKED" and fields.round == 0 and dropped[0] < 4:
            dropped[0] += 1
            return []
        return [send]

    net.on_send = lossy
    assert net.run(limit_ms=600_000)
    assert dropped[0] == 4
    expected = sum(int(worker.integers(n, "count")[0]) for n in net.names)
    assert {tuple(t) for _, t in worker.seen_totals} == {(expected,)}
