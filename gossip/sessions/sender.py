"""This region as a sender: its sessions towards other receivers, from its ADVERT to their end.

Rules kept here, and nowhere else:
  * one session for each (round, receiver, attempt), announced once;
  * a payload is kept for sending again until its session closes: at its deadline, or three rounds on.

What is answered inside a session: ``sender_strict``, ``sender_recoverable``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gossip.sessions.budget import ChangeBudget
from gossip.sessions.recoverable_member import RecoverableMember
from gossip.sessions.sender_recoverable import SurvivingMembers
from gossip.sessions.sender_strict import StrictMembers
from gossip.sessions.session import MemberSession, MemberState
from gossip.sessions.variant import is_recoverable
from gossip.step import Step
from gossip.studies.context import StudyContext
from protocol.envelope import Envelope

Member = MemberSession | RecoverableMember


class Sender:
    """Member sessions of one study, keyed by (round, receiver, bucket)."""

    def __init__(self, context: StudyContext) -> None:
        self._context = context
        self._budget = ChangeBudget(context)
        self._strict = StrictMembers(context, self._budget)
        self._surviving = SurvivingMembers(context, self._budget)
        self._sessions: dict[tuple[int, str, int], Member] = {}
        self._deadlines: dict[tuple[int, str, int], int | None] = {}
        self._disclosed: dict[tuple[int, str], tuple[int, Envelope, memoryview]] = {}

    def announce(
        self, step: Step, round: int, receiver: str, bucket: int, deadline_ms: int | None, stats: bytes | None
    ) -> None:
        """Send an ADVERT for one session of a receiver, once.

        In the strict variant the value is ready; where sums survive losses it need not be.
        """
        context = self._context
        key = (round, receiver, bucket)
        if key in self._sessions:
            return
        exchange = context.exchange if round >= context.plan.sum_rounds else None
        needs_state = exchange is not None and exchange.needs_state(receiver)
        session: Member
        if is_recoverable(context.plan, receiver, round, bucket):
            session = self._surviving.new(round, receiver, bucket)
            self._surviving.say(step, session, session.advert(context.entropy, stats, needs_state))
        else:
            session = MemberSession(context.sid(round, receiver, bucket), round, bucket, context.me, receiver)
            body = session.advert(context.entropy, stats, needs_state)
            envelope = step.seal("ADVERT", body, to=[receiver], study=context.study, round=round, session=session.sid)
            session.sent.append((envelope, None))
        self._sessions[key] = session
        self._deadlines[key] = deadline_ms

    def ready(self, step: Step, round: int) -> None:
        """The value of a round is ready: send it where its shares are routed already."""
        self._surviving.values.add(round)
        for key, session in self._sessions.items():
            if key[0] == round and isinstance(session, RecoverableMember):
                self._surviving.ready(step, session)

    def disclose(
        self, step: Step, round: int, receiver: str, deadline_ms: int, code: NDArray[np.signedinteger]
    ) -> None:
        """Send the value itself to a receiver whose neighbourhood cannot be masked (DP is on)."""
        context = self._context
        payload = code.data.cast("B")
        envelope = step.seal(
            "DELTA",
            {},
            to=[receiver],
            study=context.study,
            round=round,
            session=context.sid(round, receiver),
            payload=payload,
        )
        self._disclosed[(round, receiver)] = (deadline_ms, envelope, payload)

    def has_announced(self, round: int) -> bool:
        """Whether an ADVERT or a DELTA of this round has been signed in this run."""
        return any(k[0] == round for k in self._sessions) or any(k[0] == round for k in self._disclosed)

    def answers(self, envelope: Envelope) -> Member | None:
        """The session in which this message of its receiver has its turn."""
        fields = envelope.fields
        for session in self._sessions.values():
            if (session.sid, session.round) != (fields.session, fields.round):
                continue
            # In whole-network mode a parent gives the RECEIPT.
            if fields.type == "RECEIPT" and (session.receiver == fields.sender or session.round in self._context.trees):
                return session if self._is_receipt(envelope) else None
            if session.receiver == fields.sender:
                if isinstance(session, RecoverableMember):
                    # Who has no value yet may learn that nobody waits for it any more.
                    too_late = fields.type == "SURVIVORS" and session.is_routed
                    return session if too_late or session.awaits(envelope) else None
                is_next = fields.type == "COHORT" and session.state is MemberState.ADVERTISED
                return session if is_next else None
        return None

    def _is_receipt(self, receipt: Envelope) -> bool:
        """Whether this is the RECEIPT of what this region has sent."""
        context, body = self._context, receipt.fields.body
        masked = context.mailbox.said(context.study, receipt.fields.session or b"", "MASKED", context.me)
        return masked is not None and (body["about"], body["masked"]) == (context.me, masked.eid)

    def take(self, step: Step, session: Member, envelope: Envelope, payload: bytes) -> None:
        """Take what has its turn in a session, and answer it.

        Raises:
            SessionRefused: It breaks a rule; the session is ABORTED.
        """
        if envelope.fields.type == "RECEIPT" and envelope.fields.sender != session.receiver:
            return  # logged, which is all: a proof of delivery
        if isinstance(session, RecoverableMember):
            self._surviving.take(step, session, envelope, payload)
        elif envelope.fields.type == "COHORT":
            self._strict.take(step, session, envelope, payload)
        # A RECEIPT is logged, which is all: a proof of delivery.

    def recall(self, envelope: Envelope, own: bool, payload: bytes | None) -> None:
        """Take what an earlier run heard and answered; ``payload`` if it was kept."""
        fields = envelope.fields
        if fields.round is None or fields.session is None:
            return
        place = self._context.place_of(fields.round, fields.session)
        if place is None:
            return
        if is_recoverable(self._context.plan, place[0], fields.round, place[1]):
            self._surviving.recall(envelope, own, payload)
        else:
            self._strict.recall(envelope, own, payload)

    def forget_cohorts(self) -> None:
        """What an earlier run heard is taken in: only events count from here on."""
        self._strict.forget()
        self._surviving.forget()

    def close(self, round: int, receiver: str, bucket: int | None = None) -> None:
        """Close the sessions of one receiver in one round (with a bucket: only the attempts before it)."""
        for (r, who, b), session in self._sessions.items():
            if r == round and who == receiver and (bucket is None or b < bucket) and session.is_open:
                session.close(MemberState.CLOSED)

    def leave_before(self, round: int) -> None:
        """End and forget the sessions of rounds before this one."""
        for key in [k for k in self._sessions if k[0] < round]:
            self._end(key)
        self._disclosed = {k: v for k, v in self._disclosed.items() if k[0] >= round}
        self._surviving.values = {r for r in self._surviving.values if r >= round}

    def _end(self, key: tuple[int, str, int]) -> None:
        self._sessions.pop(key).close(MemberState.CLOSED)
        del self._deadlines[key]

    def tick(self, now_ms: int) -> None:
        """End and forget what is past its deadline."""
        for key in [k for k, d in self._deadlines.items() if d is not None and now_ms >= d]:
            self._end(key)
        self._disclosed = {k: v for k, v in self._disclosed.items() if now_ms < v[0]}

    def oldest_round(self) -> int | None:
        """The oldest round whose value a receiver may still ask for."""
        return min((k[0] for k, s in self._sessions.items() if s.is_open), default=None)

    def deadline_ms(self) -> int | None:
        """The next deadline."""
        deadlines = [d for d in self._deadlines.values() if d is not None]
        return min([*deadlines, *(d for d, _, _ in self._disclosed.values())], default=None)

    def resend(self, step: Step, link: str) -> None:
        """Send again, byte for byte, what open sessions towards this region have said."""
        for (round, receiver, bucket), session in self._sessions.items():
            if receiver != link:
                continue
            last = bucket == max(b for r, who, b in self._sessions if (r, who) == (round, receiver))
            in_sum = round < self._context.plan.sum_rounds
            if session.is_open or (in_sum and last):
                for envelope, payload in session.sent:
                    step.send(envelope, payload, [link])
        for (_, receiver), (_, envelope, data) in self._disclosed.items():
            if receiver == link:
                step.send(envelope, data, [link])
