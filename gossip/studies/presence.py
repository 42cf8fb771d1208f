"""Who is there, how far each has come, and how long an answer takes.

A neighbour is *heard* by its PINGs and ADVERTs; it has *answered* when a PING of it echoes one of this
run. Nothing here is logged: presence decides whom to wait for, never what is summed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from protocol.codec import Value

PING_MS = 2_000
LIVE_MS = 10_000


@dataclass(slots=True)
class Neighbour:
    """What is known of one region's daemon right now.

    Attributes:
        round: Round of its last PING in the study at hand, -1 if none.
        reached: Latest round heard of it by PING or ADVERT, -1 if none.
        seq: Last PING number heard.
    """

    linked: bool = False
    heard_ms: int | None = None
    study: bytes | None = None
    round: int = -1
    reached: int = -1
    attempt: int = 0
    state: str = "unknown"
    seq: int | None = None
    answered: bool = False
    answered_ms: int | None = None
    rtt_ms: int | None = None


@dataclass(slots=True)
class Presence:
    """PINGs out and in.

    Attributes:
        study: The study whose rounds are counted; set with ``follow``.
    """

    study: bytes | None = None
    _neighbours: dict[str, Neighbour] = field(default_factory=dict)
    _first_seq: int = 0
    _seq: int = 0
    _sent_ms: dict[int, int] = field(default_factory=dict)

    def begin(self, now_ms: int) -> None:
        """Number this run's PINGs from the clock, so that an echo of an earlier run is not taken for an answer."""
        self._first_seq = self._seq = now_ms

    def of(self, name: str) -> Neighbour:
        """The record of one region."""
        return self._neighbours.setdefault(name, Neighbour())

    def follow(self, study: bytes | None) -> None:
        """Count rounds of another study from now on."""
        if study == self.study:
            return
        self.study = study
        for neighbour in self._neighbours.values():
            neighbour.round = neighbour.reached = -1
            neighbour.attempt = 0

    def links(self) -> list[str]:
        """Regions with a connection, ascending."""
        return sorted(name for name, n in self._neighbours.items() if n.linked)

    def is_live(self, name: str, now_ms: int) -> bool:
        """Connected, and a PING within 10 s."""
        n = self.of(name)
        return n.linked and n.heard_ms is not None and now_ms - n.heard_ms <= LIVE_MS

    def ping_body(self, link: str, state: str, attempt: int, now_ms: int) -> dict[str, Value]:
        """Body of the next PING to one region."""
        self._seq += 1
        self._sent_ms[self._seq] = now_ms
        if len(self._sent_ms) > 512:
            for old in sorted(self._sent_ms)[:256]:
                del self._sent_ms[old]
        return {"state": state, "attempt": attempt, "seq": self._seq, "echo": self.of(link).seq}

    def heard(self, name: str, study: bytes | None, round: int | None, body: dict[str, Value], now_ms: int) -> None:
        """Take in a PING."""
        n = self.of(name)
        n.heard_ms = now_ms
        n.study = study
        n.state = str(body["state"])
        seq, echo = body["seq"], body["echo"]
        assert isinstance(seq, int)
        n.seq = seq
        if isinstance(echo, int) and self._first_seq < echo <= self._seq:
            n.answered = True
            n.answered_ms = now_ms
            if echo in self._sent_ms:
                n.rtt_ms = now_ms - self._sent_ms[echo]
        if study is not None and study == self.study and round is not None:
            attempt = body["attempt"]
            assert isinstance(attempt, int)
            if round != n.round or attempt > n.attempt:
                n.attempt = attempt
            n.round = round
            n.reached = max(n.reached, round)

    def advanced(self, name: str, round: int) -> None:
        """An ADVERT of this round was heard."""
        n = self.of(name)
        n.reached = max(n.reached, round)

    def common_round(self, names: tuple[str, ...], witnesses: int, now_ms: int) -> int | None:
        """The largest round that min(witnesses, number heard) of the live ones among ``names`` have reached."""
        rounds = sorted((self.of(n).reached for n in names if self.is_live(n, now_ms)), reverse=True)
        rounds = [r for r in rounds if r >= 0]
        if not rounds:
            return None
        return rounds[min(witnesses, len(rounds)) - 1]
