"""Storms: random kills, restarts, cut lines, slow lines and failing workers, each from one seed.

Whatever happens, and in the calm after it: nothing is signed twice, every opened sum is the plain sum, nobody
mixes with fewer than h + c, nobody honest is blamed, every study ends, and masks change no bit.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gossip.effects import Commit, Send
from gossip.memory import MemoryStore
from gossip.peer import Peer
from protocol.entries import Entry, decode_entry
from protocol.envelope import parse
from protocol.evidence import place_of
from protocol.messages import TYPES
from tests.gossip.exact import Codes, count_exact

Make = Callable[..., Any]


def assert_remembers(replayed: Peer, live: Peer) -> None:
    """A region that starts again knows from its log all that it knew, less who is there right now."""
    assert memory(replayed) == memory(live)
    for study in live.studies.values():
        past = replayed.studies[study.id]._past
        if study._stage is not None:
            # One above what the log knows: the same attempt only if nothing of it was said or heard.
            assert study.attempt <= past.next_attempt(study._stage.number) <= study.attempt + 1
        if study._current is not None and study._current.outcome is None:
            begun = int.from_bytes(study.context.blob(f"round/{study.id.hex()}") or b"", "big")
            assert max(past.spoken, begun) == study._current.number > past.last
        to_come = past.last if study.outcome is None else study.context.plan.end_round
        waiting = {
            (n, r): e.eid for n, kept in study._inbox.early._kept.items() for r, (e, _) in kept.items() if r > to_come
        }
        known = {(n, r): e.eid for n, kept in past.early._kept.items() for r, (e, _) in kept.items()}
        assert waiting.items() <= known.items()


def memory(peer: Peer) -> dict[str, object]:
    """What must outlive a stop, with an eid for each envelope."""
    mailbox, rosters, proposals = peer.mailbox, peer.membership.candidates, peer.agreement.proposals
    found: dict[str, object] = {
        "known": mailbox._known,
        "places": {k: e.eid for k, e in mailbox._places.items()},
        "heads": {k: e.eid for k, e in mailbox._heads.items()},
        "said": {k: e.eid for k, e in mailbox._said.items()},
        "in force": peer.membership.in_force and peer.membership.in_force.hash,
        "rosters": {h: (c.is_ours, {n: e.eid for n, e in c.signed.items()}) for h, c in rosters.items()},
        "proposals": {
            s: (p.roles, p.has_started, p.has_ended, {n: e.eid for n, e in p.answers.items()})
            for s, p in proposals.items()
        },
        "suspended": peer.blame.suspended,
    }
    for study in peer.studies.values():
        context, answered, round = study.context, study._sums._answers._answered, study._current
        history = [(h["round"], h["outcome"], h["reason"]) for h in study.history]
        if round is not None and round.outcome is not None:  # over, but round_min_s is not
            history.append((round.number, round.outcome, round.reason))
        found[study.id.hex()] = {
            "outcome": (study.outcome, study.reason, study.epsilon_u),
            "history": history,
            "excused": context.excused,
            "absents": {n: e.eid for n, e in context.absents.items()},
            "change budget": {k: list(w) for k, w in study._sender._budget._windows.items()},
            "answered attempts": answered or {k: attempt for k, (attempt, _) in study._past.adverts.items()},
        }
    return found


def cycle(n: int, step: int) -> list[list[int]]:
    """Edges of a ring over n regions, each ``step`` places on."""
    return sorted(sorted([i, (i + step) % n]) for i in range(n))


class DyingStore(MemoryStore):
    """Kills its region right after the n-th commit: on disk, and nothing of it has left."""

    __slots__ = ("after", "kill")

    def commit(self, commit: Commit) -> None:
        MemoryStore.commit(self, commit)
        self.after -= 1
        if self.after == 0:
            self.kill()


@dataclass
class Storm:
    """One network, one study and one seed."""

    make: Make
    seed: int
    masking: str = "strict"
    rng: random.Random = field(init=False)
    twice: list[str] = field(default_factory=list)
    failing: dict[tuple[str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = rng = random.Random(self.seed)
        n, shape = rng.choice([3, 4, 4, 5]), rng.choice(["complete", "complete", "ring", "turn", "pair"])
        if self.masking == "recoverable":
            n += 1
        plan: dict[str, Any] = {
            "rounds": rng.choice([3, 5, 8]),
            "sums": rng.choice([[], ["count"], ["count", "moment"]]),
            "round_min_s": rng.choice([0, 0, 1, 2]),
            "round_timeout_s": rng.choice([2, 10, 10]),
            "masking": {"mode": self.masking},
        }
        if shape == "ring":
            plan |= {"topology": "ring", "graphs": [cycle(n, 1)]}
        elif shape == "turn":
            n = 5
            plan |= {"topology": "edges", "graphs": [cycle(n, 1), cycle(n, 2)]}
        elif shape == "pair":
            n = 2
            plan["masking"] |= {"on_unmaskable": "disclose"}
            plan |= {
                "sums": [],
                "dp": {
                    "eps_max_u": 3_000_000,
                    "delta_u12": 10**9,
                    "clip_u": 10**6,
                    "q_u": 100_000,
                    "sigma_min_u": 10**6,
                },
            }
        network = {"seed": self.seed, "delay_ms": self._delay_ms, "train_ms": self._train_ms}
        self.net, self.worker, self.plan = self.make(n, dim=6, network=network, **plan)
        self.said: dict[tuple[Any, ...], bytes] = {}
        self.net.on_send = self._see
        for op in ("open", "measure", "train"):
            setattr(self.worker, op, self._unsteady(op, getattr(self.worker, op)))

    # What follows depends on the seed and the clock alone, so that masks change nothing of it.

    def _chance(self, *what: object) -> random.Random:
        return random.Random(repr((self.seed, *what)))

    def _delay_ms(self, sender: str, receiver: str) -> int:
        return self._chance(sender, receiver, self.net.now_ms).choice([2] * 9 + [40, 200, 1500]) if self._is_on else 2

    def _train_ms(self, region: str, round: int) -> int:
        return self._chance(region, round).choice([20, 20, 50, 400, 900, 3000, 12_000 if self.seed % 5 == 0 else 900])

    @property
    def _is_on(self) -> bool:
        return hasattr(self, "net")

    def _unsteady(self, op: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def do(region: str, *args: Any) -> Any:
            if self.failing.get((region, op), 0) > 0:
                self.failing[(region, op)] -= 1
                raise ValueError("the worker died")
            return work(region, *args)

        return do

    def _see(self, sender: str, send: Send) -> list[Send]:
        envelope = parse(send.header, send.signature)
        fields = envelope.fields
        if TYPES[fields.type].logged:
            keys: list[tuple[Any, ...]] = [(fields.log, fields.head_size)]
            if fields.session is not None:
                keys.append(place_of(fields) or ())
            for key in keys:
                if self.said.setdefault(key, envelope.eid) != envelope.eid:
                    self.twice.append(f"{fields.type} of {fields.sender} in round {fields.round}")
        return [send]

    # ---------------------------------------------------------------- faults

    def blow(self) -> None:
        """Carry out this seed's faults, in order of time."""
        rng, net, begin_ms = self.rng, self.net, self.net.now_ms
        horizon_ms = rng.choice([3_000, 20_000, 60_000])
        faults: list[tuple[int, int, Callable[[], None]]] = []

        def at(ms: int, what: Callable[[], None]) -> None:
            faults.append((begin_ms + ms, len(faults), what))

        for _ in range(rng.choice([1, 2, 4, 8])):
            ms, who = rng.randrange(horizon_ms), rng.choice(net.names)
            other = rng.choice([n for n in net.names if n != who])
            match rng.choice(["kill", "die", "cut", "flap", "fail", "all"]):
                case "kill":
                    at(ms, partial(self.kill, who))
                    at(ms + rng.choice([0, 10, 500, 3_000, 15_000, 90_000]), partial(self.restart, who))
                case "die":
                    at(ms, partial(self.die_after, who, rng.randrange(1, 9)))
                    at(ms + rng.choice([500, 5_000, 20_000]), partial(self.restart, who))
                case "cut":
                    at(ms, partial(net.cut, who, other))
                    at(ms + rng.choice([10, 2_000, 20_000]), partial(net.heal, who, other))
                case "flap":
                    for k in range(4):
                        at(ms + 60 * k, partial(net.cut, who, other))
                        at(ms + 60 * k + 25, partial(net.heal, who, other))
                case "fail":
                    what = (who, rng.choice(["open", "measure", "train"]))
                    at(ms, partial(self.failing.__setitem__, what, rng.choice([1, 3])))
                case "all" if rng.random() < 0.4:
                    for name in net.names:
                        at(ms, partial(self.kill, name))
                        at(ms + rng.choice([0, 100, 9_000]), partial(self.restart, name))
        for due_ms, _, fault in sorted(faults, key=lambda f: f[:2]):
            net.run(lambda: False, limit_ms=max(0, due_ms - net.now_ms))
            fault()

    def kill(self, name: str) -> None:
        live = self.net.regions[name].peer
        if live is not None:
            assert_remembers(self.net.replayed(name), live)
            self.net.kill(name)

    def die_after(self, name: str, commits: int) -> None:
        region = self.net.regions[name]
        life = region.life
        store = DyingStore(region.store.leaves, region.store.kept, region.store.blobs)
        store.after, store.kill = commits, lambda: self.kill(name) if region.life == life else None
        region.store = store

    def restart(self, name: str) -> None:
        self.kill(name)
        self.net.start(name)

    def calm(self) -> bool:
        """Mend all lines, start all regions, and wait until the study has ended everywhere."""
        net = self.net
        for a in net.names:
            for b in net.names:
                if a < b:
                    net.heal(a, b)

        def over() -> bool:
            for name in net.names:
                if net.regions[name].peer is None:
                    net.start(name)
            return all((s := net.peer(n).current) is not None and s.outcome for n in net.names)

        return bool(net.run(over, limit_ms=3_600_000))

    # ---------------------------------------------------------------- what must hold

    def entries(self, name: str) -> list[Entry]:
        return [decode_entry(leaf) for leaf in self.net.regions[name].store.leaves]

    def check(self) -> None:
        plan, net = self.plan, self.net
        assert self.twice == []
        expected = [int(x) for s in plan.sums for x in sum(self.worker.integers(n, s) for n in plan.regions)]
        assert all(totals == expected for _, totals in self.worker.seen_totals)
        for name in net.names:
            entries = self.entries(name)
            assert [e.body for e in entries if e.kind == "fault"] == []
            rounds = [e.body["round"] for e in entries if e.kind == "round.end"]
            assert rounds == sorted(set(rounds)), "a round ends once, and time goes on"
            for entry in entries:
                if entry.kind == "round.mix":
                    round = entry.body["round"]
                    least = 1 if plan.is_disclosed(name, round) else plan.needed(name, round)
                    assert len(entry.body["weights"]) - 1 >= least

    def outcomes(self) -> dict[str, tuple[str | None, str | None]]:
        """Every region's outcome, after whatever it lived through."""
        studies = {n: self.net.peer(n).current for n in self.net.names}
        return {n: (s.outcome, s.reason) for n, s in studies.items() if s is not None}


def lived_through(make: Make, seed: int, masking: str = "strict") -> tuple[Storm, dict[Any, NDArray[np.float32]]]:
    storm = Storm(make, seed, masking)
    storm.blow()
    assert storm.calm(), {n: storm.net.peer(n).status(storm.net.now_ms)["waiting_for"] for n in storm.net.names}
    storm.check()
    return storm, storm.net.adopted


def assert_withstands(make: Make, seed: int) -> None:
    storm, masked = lived_through(make, seed)
    _, clear = lived_through(make, seed, "off")
    assert masked.keys() == clear.keys()
    assert all(masked[k].tobytes() == clear[k].tobytes() for k in masked), "masks change no bit"
    # A region that was away for five timeouts while the others opened sums and began to train misses the study.
    left = [n for n, outcome in storm.outcomes().items() if outcome == ("stopped", "left")]
    assert not left or storm.plan.sums
    assert all(outcome == ("done", None) for n, outcome in storm.outcomes().items() if n not in left)


@pytest.mark.attack("S05")
@pytest.mark.attack("S21")
@pytest.mark.attack("S31")
@pytest.mark.parametrize("seed", range(12))
def test_a_storm_costs_rounds_and_nothing_else(make_network: Make, seed: int) -> None:
    assert_withstands(make_network, seed)


def assert_survives(make: Make, seed: int, codes: Codes) -> None:
    """Sums that survive losses, in the same storms: every sum is exact, and everybody comes to the end."""
    storm, _ = lived_through(make, seed, "recoverable")
    count_exact(storm.net, storm.plan, codes)
    left = [n for n, outcome in storm.outcomes().items() if outcome == ("stopped", "left")]
    assert not left or storm.plan.sums
    assert all(outcome == ("done", None) for n, outcome in storm.outcomes().items() if n not in left)


@pytest.mark.attack("S05")
@pytest.mark.attack("S21")
@pytest.mark.parametrize("seed", range(20, 28))
def test_sums_that_survive_losses_withstand_storms(make_network: Make, seed: int, codes: Codes) -> None:
    assert_survives(make_network, seed, codes)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1300))
def test_three_hundred_storms_over_sums_that_survive_losses(make_network: Make, seed: int, codes: Codes) -> None:
    assert_survives(make_network, seed, codes)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 600))
def test_five_hundred_storms(make_network: Make, seed: int) -> None:
    assert_withstands(make_network, seed)
