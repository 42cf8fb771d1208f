"""Real peers in one process under a virtual clock: every message, mask and fault, no sockets.

A ``Network`` holds N ``Peer``s with stores in memory and carries out their effects: it delivers what they
send (in order on each link, with a delay; what is under way when a link breaks is lost), answers ``Open``,
``Measure`` and ``Train`` through a ``Worker`` and wakes them when they ask. The same seeds give the same bytes
as real daemons.
"""

from __future__ import annotations

import dataclasses
import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gossip.effects import (
    Admit,
    Adopt,
    Commit,
    Deposit,
    Effect,
    Ended,
    Forget,
    Links,
    Measure,
    Open,
    Rekeyed,
    Reply,
    Retain,
    Send,
    SetTimer,
    Sift,
    Suspect,
    Train,
)
from gossip.events import (
    Arrived,
    Asked,
    Event,
    Failed,
    LinkDown,
    LinkUp,
    Measured,
    Opened,
    Payload,
    Started,
    Tick,
    Trained,
)
from gossip.memory import MemoryHome, SeededEntropy, Worker
from gossip.peer import Peer
from protocol.epochs import Previous
from protocol.plan import Plan
from protocol.roster import Card, Roster, card_line

EPOCH_MS = 1_700_000_000_000


@dataclass(slots=True)
class _Region(MemoryHome):
    peer: Peer | None = None
    life: int = 0
    timer_ms: int | None = None
    dials: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Travelling:
    """A message under way, and which connection of the two regions carries it."""

    arrived: Arrived
    send: Send
    connection: int


class Network:
    """N regions, a virtual clock, and links that can be cut.

    Args:
        names: Names of the regions.
        worker: What answers ``Open``, ``Measure`` and ``Train``.
        delay_ms: One-way delay of a message, or a function of sender and receiver that says it for the next one.
        train_ms: Time that a local round takes, by region and round.
        with_release: Whether the regions have release keys.
    """

    def __init__(
        self,
        names: Sequence[str],
        worker: Worker,
        *,
        seed: int = 0,
        network: str = "simulated.example",
        delay_ms: int | Callable[[str, str], int] = 2,
        train_ms: Callable[[str, int], int] = lambda _region, _round: 20,
        with_release: bool = False,
    ) -> None:
        self.names = tuple(sorted(names))
        self.now_ms = EPOCH_MS
        self.models: dict[str, NDArray[np.float32]] = {}
        self.adopted: dict[tuple[str, int], NDArray[np.float32]] = {}
        self.suspects: list[tuple[str, Suspect]] = []
        self.ended: dict[str, Ended] = {}
        self.sent_bytes: dict[str, int] = dict.fromkeys(self.names, 0)
        self.on_send: Callable[[str, Send], list[Send]] = lambda _sender, send: [send]
        self._worker = worker
        self._delay_ms = delay_ms if callable(delay_ms) else lambda _sender, _receiver: delay_ms
        self._train_ms = train_ms
        self._queue: list[tuple[int, int, str, int, Event | _Travelling]] = []
        self._count = itertools.count()
        self._cut: set[frozenset[str]] = set()
        self._up: set[frozenset[str]] = set()
        self._breaks: dict[frozenset[str], int] = {}
        self._arrives_ms: dict[tuple[str, str], int] = {}
        self._plans: dict[bytes, Plan] = {}
        self._replies: dict[int, Reply] = {}
        self.regions: dict[str, _Region] = {}
        for name in self.names:
            region = _Region(network, name, SeededEntropy(seed, name), with_release)
            region.found(self.now_ms)
            self.regions[name] = region

    def begin_anew(self, name: str, previous: Previous, recovered: Sequence[bytes] = ()) -> None:
        """Begin the log of a region that is down anew, after what neighbours gave back of the one before."""
        self.regions[name].begin_anew(self.now_ms, previous, recovered)

    # ---------------------------------------------------------------- regions

    def start(self, name: str, code_sha256: bytes = bytes(32), *, alone: bool = False, moved: bool = False) -> None:
        """Start (or start again) one region's daemon; ``alone`` and ``moved`` as in ``Started``."""
        region = self.regions[name]
        region.life += 1
        region.peer = self.replayed(name, code_sha256)
        self._handle(name, Started(self.now_ms, alone=alone, moved=moved))

    def replayed(self, name: str, code_sha256: bytes = bytes(32)) -> Peer:
        """A peer that knows what the region's store holds, before any event."""
        return self.regions[name].replayed(code_sha256)

    def rotate(self, name: str) -> Card:
        """Make and offer a region's next key set; returns its card, for the next roster."""
        card, keys = self.regions[name].next_keys()
        self.ask(name, "keys_rotate", card=card, keys=keys)
        return card

    def kill(self, name: str) -> None:
        """SIGKILL: nothing more is written, all its links break."""
        region = self.regions[name]
        region.peer, region.timer_ms = None, None
        region.life += 1
        for pair in [p for p in self._up if name in p]:
            self._break(pair)

    def cut(self, a: str, b: str) -> None:
        """Cut the line between two regions."""
        pair = frozenset((a, b))
        self._cut.add(pair)
        if pair in self._up:
            self._break(pair)

    def heal(self, a: str, b: str) -> None:
        """Mend it."""
        self._cut.discard(frozenset((a, b)))
        self._connect()

    def peer(self, name: str) -> Peer:
        """A running region's peer."""
        peer = self.regions[name].peer
        assert peer is not None, f"{name} is not running"
        return peer

    def ask(self, name: str, op: str, **args: object) -> dict[str, object]:
        """Ask as an operator; returns the result.

        Raises:
            ValueError: It was refused; the text holds code, found, expected, fix.
        """
        ticket = next(self._count)
        self._handle(name, Asked(self.now_ms, ticket, op, dict(args)))
        reply = self._replies.pop(ticket)
        if reply.result is None:
            raise ValueError(str(reply.error))
        return reply.result

    def found(self) -> Roster:
        """Start every region and put the roster of all of them in force; returns it."""
        lines = [card_line(r.card) for r in self.regions.values()]
        for name in self.names:
            self.start(name)
        for name in self.names:
            self.ask(name, "roster_found", cards=lines, role="technical", ref=None)
        self.run(lambda: all(self.peer(n).membership.in_force for n in self.names), limit_ms=60_000)
        roster = self.peer(self.names[0]).membership.in_force
        assert roster is not None
        return roster

    def agree(self, plan: Plan, proposer: str | None = None) -> None:
        """Propose a plan at one region and accept it at all."""
        self.ask(proposer or self.names[0], "propose", plan=plan.encode())
        self.run(lambda: all(plan.study in self.peer(n).agreement.proposals for n in plan.regions), limit_ms=60_000)
        for name in plan.regions:
            self.ask(name, "accept", study=plan.study, role="technical", ref=None)

    # ---------------------------------------------------------------- time

    def run(self, until: Callable[[], bool] | None = None, *, limit_ms: int = 3_600_000) -> bool:
        """Let time pass until a condition holds (or all studies have ended); False if the limit comes first."""
        done = until or (lambda: len(self.ended) == sum(r.peer is not None for r in self.regions.values()))
        stop_ms = self.now_ms + limit_ms
        while not done():
            if not self._queue or self._queue[0][0] > stop_ms:
                self.now_ms = stop_ms
                return False
            at_ms, _, name, life, event = heapq.heappop(self._queue)
            region = self.regions[name]
            self.now_ms = max(self.now_ms, at_ms)
            if region.peer is None or region.life != life:
                continue
            if isinstance(event, _Travelling):
                self._deliver(name, event)
            elif isinstance(event, LinkUp) and frozenset((name, event.region)) not in self._up:
                continue
            elif not isinstance(event, Tick) or region.timer_ms == at_ms:
                self._handle(name, event)
        return True

    def _later(self, name: str, after_ms: int, event: Event | _Travelling) -> None:
        life = self.regions[name].life
        heapq.heappush(self._queue, (self.now_ms + after_ms, next(self._count), name, life, event))

    def _deliver(self, name: str, message: _Travelling) -> None:
        link, send = message.arrived.link, message.send
        pair = frozenset((name, link))
        if pair not in self._up or self._breaks.get(pair, 0) != message.connection:
            return
        admitted = self._handle(name, message.arrived)
        if send.payload is not None and any(isinstance(e, Admit) and e.eid == send.eid for e in admitted):
            self._handle(name, Payload(self.now_ms, link, send.eid, send.payload))

    def _handle(self, name: str, event: Event) -> list[Effect]:
        region = self.regions[name]
        if region.peer is None:
            return []
        event = dataclasses.replace(event, now_ms=self.now_ms)
        effects = region.peer.handle(event)
        for effect in effects:
            self._do(name, region, effect)
        return effects

    def _do(self, name: str, region: _Region, effect: Effect) -> None:
        match effect:
            case Commit():
                region.store.commit(effect)
            case Send():
                for send in self.on_send(name, effect):
                    self._send(name, send)
            case SetTimer(at_ms=at_ms):
                region.timer_ms = at_ms
                self._later(name, at_ms - self.now_ms, Tick(at_ms))
            case Links(roster=roster):
                region.dials = frozenset(roster.names)
                self._connect()
            case Open(study=study, plan=plan):
                self._plans[study] = plan
                self._work(name, study, None, 1, lambda: Opened(0, study, self._worker.open(name, plan)))
            case Measure():
                self._work(name, effect.study, effect.round, 1, lambda: self._measured(name, effect))
            case Train():
                duration_ms = self._train_ms(name, effect.round)
                self._work(name, effect.study, effect.round, duration_ms, lambda: self._trained(name, effect))
            case Adopt(round=round, vector=vector):
                self.models[name] = vector
                self.adopted[(name, round)] = vector
            case Ended():
                self.ended[name] = effect
            case Rekeyed(serial=serial):
                region.use(serial)
            case Forget(sha256=sha256):
                region.store.kept.pop(sha256, None)
            case Suspect():
                self.suspects.append((name, effect))
            case Reply():
                self._replies[effect.ticket] = effect
            case Retain() | Deposit() | Sift():
                region.store.record(effect)
            case _:
                pass

    def _work(self, name: str, study: bytes, round: int | None, after_ms: int, work: Callable[[], Event]) -> None:
        """The worker's answer, or that it could not."""
        try:
            event = work()
        except ValueError as error:
            event = Failed(0, study, round, str(error))
        self._later(name, after_ms, event)

    def _measured(self, name: str, wanted: Measure) -> Event:
        plan = self._plans[wanted.study]
        vector, columns = self._worker.measure(name, plan, wanted.stage, wanted.totals)
        return Measured(0, wanted.study, wanted.round, vector, columns)

    def _trained(self, name: str, wanted: Train) -> Event:
        plan = self._plans[wanted.study]
        vector, report = self._worker.train(name, plan, wanted.round, wanted.vector, wanted.totals)
        return Trained(0, wanted.study, wanted.round, vector, report)

    def _send(self, name: str, send: Send) -> None:
        pair = frozenset((name, send.link))
        if pair not in self._up:
            return
        size = len(send.header) + len(send.signature) + (len(send.payload) if send.payload is not None else 0)
        self.sent_bytes[name] += size
        at_ms = max(self.now_ms + self._delay_ms(name, send.link), self._arrives_ms.get((name, send.link), 0))
        self._arrives_ms[(name, send.link)] = at_ms
        arrived = Arrived(0, name, send.header, send.signature)
        self._later(send.link, at_ms - self.now_ms, _Travelling(arrived, send, self._breaks.get(pair, 0)))

    # ---------------------------------------------------------------- links

    def _connect(self) -> None:
        """Bring up every link that both ends want and nothing has cut."""
        for a, b in self._pairs():
            pair = frozenset((a, b))
            ready = self.regions[a].peer is not None and self.regions[b].peer is not None
            wanted = b in self.regions[a].dials and a in self.regions[b].dials
            if ready and wanted and pair not in self._cut and pair not in self._up:
                self._up.add(pair)
                self._later(a, self._delay_ms(b, a), LinkUp(0, b))
                self._later(b, self._delay_ms(a, b), LinkUp(0, a))

    def _pairs(self) -> Iterator[tuple[str, str]]:
        return itertools.combinations(self.names, 2)

    def _break(self, pair: frozenset[str]) -> None:
        self._up.discard(pair)
        self._breaks[pair] = self._breaks.get(pair, 0) + 1
        a, b = sorted(pair)
        for one, other in ((a, b), (b, a)):
            if self.regions[one].peer is not None:
                self._later(one, 0, LinkDown(0, other))
