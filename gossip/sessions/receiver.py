"""This region as receiver in one training round: whose values it sums up, and until when it waits for them.

Rules kept here, and nowhere else:
  * a receiver names its cohort when all that it waits for have announced themselves, or at T_adv;
  * T_adv is doubled once if a live neighbour is still in an earlier round; all later deadlines move with it. Where
    it is short, and too few would be left without such neighbours, they are waited for once more, for as long as one
    of them may itself wait for a lost one: so a wait moves on by one hop, and costs nobody's round;
  * fewer than h + c senders hide nothing, and where groups go together a part of a group is nobody: ``too-few``;
  * every value that is taken in gets its RECEIPT.

``StrictReceiver`` sums the whole cohort or nothing, also values that travel in the clear; sums that survive losses:
``receiver_recoverable``. Deadlines in percent of ``round_timeout_s`` from this region's own start of the round.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gossip.events import Buffer
from gossip.exchange.values import Exchange
from gossip.sessions.rules import SessionRules
from gossip.sessions.session import ReceiverSession, ReceiverState, Statement, receipt
from gossip.sessions.variant import rules_of
from gossip.step import Step
from gossip.studies.context import StudyContext
from protocol.codec import Value
from protocol.envelope import Envelope
from protocol.messages import TYPES


class Receiver(ABC):
    """One session with this region as its receiver, of one bucket if there are several, and all that is said in it.

    Attributes:
        planned: Regions that the plan lets send.
        kind: What is summed: ``mix``, or ``state`` where whole states are asked for.
        senders: Whose values are in the sum; empty before it is open.
        openings: Salt and seed of each commitment that ``opened`` has returned, in its order.
    """

    ADV_PERCENT: ClassVar[int]
    LONGER_PERCENT: ClassVar[int] = 0

    def __init__(self, context: StudyContext, exchange: Exchange, round: int, opened_ms: int, bucket: int = 0) -> None:
        self.planned = context.plan.part(context.me, round, bucket).names
        self.kind = "mix"
        self.senders: tuple[str, ...] = ()
        self.openings: list[tuple[bytes, bytes]] = []
        self.sid = context.sid(round, context.me, bucket)
        self._context = context
        self._exchange = exchange
        self._round = round
        self._opened_ms = opened_ms
        self._bucket = bucket
        self._rules: SessionRules = rules_of(context.plan, context.me, round, bucket)
        self._extended = self._longer = False
        self._said: list[tuple[Envelope, Buffer | None, tuple[str, ...]]] = []

    # ---------------------------------------------------------------- what a round asks

    @property
    @abstractmethod
    def state(self) -> ReceiverState:
        """Where the session is."""

    @property
    @abstractmethod
    def reason(self) -> str | None:
        """Why it is VOID."""

    @property
    @abstractmethod
    def adverts(self) -> dict[str, Envelope]:
        """Who has announced itself, and how."""

    @abstractmethod
    def total(self) -> NDArray[np.signedinteger]:
        """Return S; only when DONE."""

    def each(self) -> dict[str, Buffer]:
        """Return what every sender has sent; empty where masks let only the sum be seen."""
        return {}

    def opened(self) -> list[Value]:
        """Salted commitments to the seeds that were opened, as ``session.sum`` holds them."""
        return []

    @abstractmethod
    def void(self, reason: str) -> None:
        """End without a sum."""

    @abstractmethod
    def hear(self, envelope: Envelope, payload: Buffer | None) -> None:
        """Take in an announcement: ADVERT, or DELTA with its payload. Too late it has no effect."""

    @abstractmethod
    def awaits(self, envelope: Envelope) -> bool:
        """Whether a message of a member has its turn."""

    @abstractmethod
    def take(self, step: Step, envelope: Envelope, payload: Buffer) -> None:
        """Take in a message that is awaited."""

    @abstractmethod
    def progress(self, step: Step) -> None:
        """Do what can be done by now."""

    @abstractmethod
    def wake_ms(self) -> int | None:
        """The next deadline."""

    @abstractmethod
    def waiting_for(self) -> list[tuple[str, str]]:
        """(region, what) the session still waits for."""

    @property
    def is_final(self) -> bool:
        """DONE or VOID."""
        return self.state in (ReceiverState.DONE, ReceiverState.VOID)

    # ---------------------------------------------------------------- time

    def after(self, percent: int, more_ms: int = 0) -> int:
        """When this share of the timeout has passed, as ms; what moves with a doubled T_adv has moved."""
        extra = (self.ADV_PERCENT if self._extended else 0) + (self.LONGER_PERCENT if self._longer else 0)
        return self._opened_ms + self._context.timeout_ms * (percent + extra) // 100 + more_ms

    def gathered(self, now_ms: int) -> bool:
        """Whether the cohort is to be named now; who is late without an excuse is absent from here on."""
        context, announced = self._context, set(self.adverts)
        expected = {n for n in self.planned if n in announced or context.waits_for(n, self._round)}
        if expected <= announced and (expected or not self.planned):
            return True
        if now_ms < self.after(self.ADV_PERCENT):
            return False
        late = expected - announced
        if not self._extended and any(self._is_behind(n, now_ms) for n in late):
            self._extended = True
            return False
        if self.LONGER_PERCENT and not self._longer and self._is_worth_it(announced, late, now_ms):
            self._longer = True
            return False
        context.absent |= late
        return True

    def _is_worth_it(self, announced: set[str], late: set[str], now_ms: int) -> bool:
        """Whether there are too few to go on without those who are live and behind, and enough with them."""
        here = self._rules.whole(announced)
        there = self._rules.whole(announced | {n for n in late if self._is_behind(n, now_ms)})
        return len(here) < self._rules.fewest(len(here)) and len(there) >= self._rules.fewest(len(there))

    def _is_behind(self, name: str, now_ms: int) -> bool:
        presence = self._context.presence
        return presence.is_live(name, now_ms) and presence.of(name).reached < self._round

    def late_announcements(self) -> list[tuple[str, str]]:
        """Whose announcement is waited for."""
        announced = self.adverts
        return [
            (n, "its announcement")
            for n in self.planned
            if n not in announced and self._context.waits_for(n, self._round)
        ]

    # ---------------------------------------------------------------- words

    def asked(self) -> tuple[dict[str, int] | None, list[Envelope]]:
        """Decide the kind of the sum; return since when each member counts, and who of the rest excused itself."""
        context, announced = self._context, self.adverts
        needs = {name: bool(advert.fields.body["need_state"]) for name, advert in announced.items()}
        self.kind, since = self._exchange.kind_of(self._round, needs)
        missing = [n for n in self.planned if n not in announced and context.is_excused(n, self._round)]
        return dict(since) if since is not None else None, [context.absents[n] for n in missing if n in context.absents]

    def say(self, step: Step, statement: Statement, to: tuple[str, ...]) -> Envelope:
        """Sign, log and send a statement of this session; it is kept for sending again."""
        envelope = step.seal(
            statement.type,
            statement.body,
            to=to,
            study=self._context.study,
            round=self._round,
            session=self.sid,
            payload=statement.payload,
        )
        if TYPES[statement.type].carrier:
            step.keep(bytes(statement.payload or b""))
        self._said.append((envelope, statement.payload, to))
        return envelope

    def resend(self, step: Step, link: str) -> None:
        """Say again, byte for byte, to a member whose link is back, while the session is open."""
        if not self.is_final:
            for envelope, payload, to in self._said:
                step.send(envelope, payload, [link] if link in to else [])


class StrictReceiver(Receiver):
    """All of the cohort or nothing; in the clear where the plan discloses this neighbourhood."""

    ADV_PERCENT = 80
    MASK_PERCENT = 95

    def __init__(self, context: StudyContext, exchange: Exchange, round: int, opened_ms: int, bucket: int = 0) -> None:
        super().__init__(context, exchange, round, opened_ms, bucket)
        plan = context.plan
        self._is_disclosed = plan.is_disclosed(context.me, round)
        self._deltas: dict[str, Buffer] = {}
        needed = 1 if self._is_disclosed else plan.needed(context.me, round, bucket)
        self._session = ReceiverSession(
            self.sid, round, bucket, self.planned, needed, plan.ring_at(round), plan.row(context.me, round).of
        )
        if not self.planned:
            self._session.void("too-few")

    @property
    def state(self) -> ReceiverState:
        return self._session.state

    @property
    def reason(self) -> str | None:
        return self._session.reason

    @property
    def adverts(self) -> dict[str, Envelope]:
        return self._session.adverts

    def total(self) -> NDArray[np.signedinteger]:
        return self._session.total()

    def each(self) -> dict[str, Buffer]:
        return {name: self._deltas[name] for name in self.senders} if self._is_disclosed else {}

    def void(self, reason: str) -> None:
        self._session.void(reason)

    def hear(self, envelope: Envelope, payload: Buffer | None) -> None:
        if self.state is not ReceiverState.OPEN:
            return
        if payload is not None:
            self._deltas[envelope.fields.sender] = payload
        self._session.announce(envelope)

    def awaits(self, envelope: Envelope) -> bool:
        return envelope.fields.type == "MASKED" and self._session.awaits(envelope)

    def take(self, step: Step, envelope: Envelope, payload: Buffer) -> None:
        self._session.add(envelope.fields.sender, payload)
        self.say(step, receipt(envelope), (envelope.fields.sender,))

    def progress(self, step: Step) -> None:
        if self.state is ReceiverState.OPEN and self.gathered(step.now_ms):
            self._name(step)
        if self.state is ReceiverState.COHORT and step.now_ms >= self.after(self.MASK_PERCENT):
            self._session.void("missing")
        if self.state is ReceiverState.DONE:
            self.senders = self._session.members

    def _name(self, step: Step) -> None:
        session = self._session
        if self._is_disclosed:
            if len(self._deltas) < session.needed:
                session.void("too-few")
            else:
                session.disclose(self._deltas)
            return
        whole = self._rules.whole(session.adverts)
        for name in set(session.adverts) - set(whole):
            del session.adverts[name]
        if len(whole) < session.needed:
            session.void("too-few")
            return
        since, absents = self.asked()
        body, payload = session.cohort(self._context.entropy, self.kind, absents, since)
        envelope = self.say(step, Statement("COHORT", body, payload), session.members)
        session.sent = (envelope, payload)

    def wake_ms(self) -> int | None:
        match self.state:
            case ReceiverState.OPEN:
                return self.after(self.ADV_PERCENT)
            case ReceiverState.COHORT:
                return self.after(self.MASK_PERCENT)
            case _:
                return None

    def waiting_for(self) -> list[tuple[str, str]]:
        if self.state is ReceiverState.OPEN:
            return self.late_announcements()
        if self.state is ReceiverState.COHORT:
            return [(n, "its masked value") for n in self._session.missing]
        return []
