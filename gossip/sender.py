"""This region as a sender: its sessions towards other receivers.

Rules kept here, and nowhere else:
  * a COHORT is taken once for each session, and only if the plan and the change budget allow its members;
  * what a COHORT carries counts when it is answered, and only then;
  * a payload is kept for sending again until its session closes: at its deadline, or three rounds on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crypto.errors import CryptoError
from gossip.budget import ChangeBudget
from gossip.context import StudyContext, span_of
from gossip.mailbox import Contradiction
from gossip.session import Cohort, MemberSession, MemberState, read_cohort
from gossip.step import Step
from protocol.envelope import Envelope
from protocol.errors import CodecError


class CohortRefused(Exception):
    """A COHORT that this member does not answer; ``code`` is the fault it logs."""

    def __init__(self, code: str, reason: str, contradiction: Contradiction | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.contradiction = contradiction


class Sender:
    """Member sessions of one study, keyed by (round, receiver, bucket)."""

    def __init__(self, context: StudyContext) -> None:
        self._context = context
        self._budget = ChangeBudget(context)
        self._sessions: dict[tuple[int, str, int], MemberSession] = {}
        self._deadlines: dict[tuple[int, str, int], int | None] = {}
        self._disclosed: dict[tuple[int, str], tuple[int, Envelope, memoryview]] = {}
        self._cohorts: dict[bytes, tuple[Envelope, bytes | None]] = {}

    def announce(
        self, step: Step, round: int, receiver: str, bucket: int, deadline_ms: int | None, stats: bytes | None
    ) -> None:
        """Send an ADVERT for one session of a receiver; the value is ready."""
        context = self._context
        key = (round, receiver, bucket)
        if key in self._sessions:
            return
        session = MemberSession(context.sid(round, receiver, bucket), round, bucket, context.me, receiver)
        exchange = context.exchange if round >= context.plan.sum_rounds else None
        body = session.advert(context.entropy, stats, exchange is not None and exchange.needs_state(receiver))
        envelope = step.seal(
            "ADVERT", body, to=[receiver], study=context.study, round=round, session=session.sid
        )
        session.sent.append((envelope, None))
        self._sessions[key] = session
        self._deadlines[key] = deadline_ms

    def disclose(
        self, step: Step, round: int, receiver: str, deadline_ms: int, code: NDArray[np.signedinteger]
    ) -> None:
        """Send the value itself to a receiver whose neighbourhood cannot be masked (DP is on)."""
        context = self._context
        payload = code.data.cast("B")
        envelope = step.seal(
            "DELTA", {}, to=[receiver], study=context.study, round=round,
            session=context.sid(round, receiver), payload=payload,
        )
        self._disclosed[(round, receiver)] = (deadline_ms, envelope, payload)

    def has_announced(self, round: int) -> bool:
        """Whether an ADVERT or a DELTA of this round has been signed in this run."""
        return any(k[0] == round for k in self._sessions) or any(k[0] == round for k in self._disclosed)

    def answers(self, envelope: Envelope) -> MemberSession | None:
        """The session that a COHORT is for, if it still waits for one."""
        fields = envelope.fields
        for session in self._sessions.values():
            if (session.sid, session.round, session.receiver) == (fields.session, fields.round, fields.sender):
                return session if session.state is MemberState.ADVERTISED else None
        return None

    def on_cohort(self, step: Step, session: MemberSession, envelope: Envelope, payload: bytes) -> None:
        """Check a COHORT and answer it with MASKED.

        Raises:
            CohortRefused: A rule is broken; the session is ABORTED, and what came inside counts for nothing.
        """
        context = self._context
        try:
            cohort = self._checked(session, envelope, payload)
            weight = context.plan.row(session.receiver, session.round).of[context.me]
            value = self._integers(step, session, cohort)
            y = session.mask(cohort, value, masked=context.is_masked, weight=weight)
        except (CodecError, CryptoError) as error:
            session.close(MemberState.ABORTED)
            raise CohortRefused("LS-COHORT", str(error)) from error
        except CohortRefused:
            session.close(MemberState.ABORTED)
            raise
        self.answered(cohort)
        masked = step.seal(
            "MASKED", {"view": envelope.eid, "self_commit": b""}, to=[session.receiver],
            study=context.study, round=session.round, session=session.sid, payload=y,
        )
        session.sent.append((masked, y))

    def _integers(self, step: Step, session: MemberSession, cohort: Cohort) -> NDArray[np.signedinteger]:
        """What this receiver gets of this round, as its COHORT asks for it."""
        context, kind = self._context, str(cohort.envelope.fields.body["kind"])
        if session.round < context.plan.sum_rounds:
            return context.code[session.round]
        assert context.exchange is not None
        try:
            context.exchange.admit(session.round, session.receiver, kind, cohort.since)
        except ValueError as error:
            raise CohortRefused("LS-COHORT", str(error)) from error
        return context.exchange.integers(step, session.round, session.receiver)

    def answered(self, cohort: Cohort) -> None:
        """Take in what an answered COHORT has shown (also one of an earlier run)."""
        fields = cohort.envelope.fields
        for carried in cohort.carried:
            self._context.mailbox.remember(carried)
        for absent in cohort.absents:
            self._context.take_absent(absent)
        if fields.round is not None and fields.round >= self._context.plan.sum_rounds:
            self._budget.spend(fields.sender, fields.round, cohort.members)

    def recall(self, envelope: Envelope, own: bool, payload: bytes | None) -> None:
        """Take what an earlier run heard and answered; ``payload`` if it was kept."""
        fields = envelope.fields
        if fields.type == "COHORT" and not own:
            self._cohorts[envelope.eid] = (envelope, payload)
        elif fields.type == "MASKED" and own:
            cohort, inside = self._cohorts.pop(bytes(fields.body["view"]), (None, None))  # type: ignore[arg-type]
            if cohort is not None and inside is not None:
                self.answered(read_cohort(cohort, inside))

    def forget_cohorts(self) -> None:
        """What an earlier run heard is taken in: only events count from here on."""
        self._cohorts.clear()

    def _checked(self, session: MemberSession, envelope: Envelope, payload: bytes) -> Cohort:
        context, plan = self._context, self._context.plan
        cohort = read_cohort(envelope, payload)
        round, receiver = session.round, session.receiver
        own = session.sent[0][0]
        if context.me not in cohort.adverts or cohort.adverts[context.me].eid != own.eid:
            raise CohortRefused("LS-COHORT", "the COHORT does not hold this region's ADVERT unchanged")
        allowed = set(plan.neighbours(receiver, round))
        strangers = {carried.fields.sender for carried in cohort.carried} - allowed
        if strangers:
            raise CohortRefused("LS-COHORT", f"the plan does not let {sorted(strangers)} send to {receiver}")
        is_sum = round < plan.sum_rounds
        if is_sum and set(cohort.members) != allowed:
            raise CohortRefused("LS-COHORT", "a sum round takes all participants or nobody")
        needed = plan.needed(receiver, round)
        if len(cohort.members) < needed:
            raise CohortRefused("LS-COHORT", f"a cohort of {len(cohort.members)}; at least {needed} hide one value")
        body = envelope.fields.body
        if body["variant"] != "strict" or (body["kind"] == "sum") != is_sum:
            raise CohortRefused("LS-COHORT", "kind or variant of the COHORT is not what the plan says here")
        for carried in cohort.carried:
            contradiction = context.check_carried(carried)
            if contradiction is not None:
                raise CohortRefused(contradiction.code, "a carried envelope contradicts another", contradiction)
        excuses = {absent.fields.sender: [span_of(absent)] for absent in cohort.absents}
        if not is_sum and not self._budget.allows(receiver, round, cohort.members, excuses):
            raise CohortRefused("STATE", f"change-budget: {receiver} shows ever new sets of senders")
        return cohort

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
