"""How this region, as a member, answers a COHORT whose sum is over all of its members or void.

Rules kept here, and nowhere else:
  * a COHORT is taken once for each session, and only if the plan and the change budget allow its members;
  * what a COHORT carries counts when it is answered, and only then.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crypto.errors import CryptoError
from gossip.errors import SessionRefused
from gossip.sessions.budget import ChangeBudget
from gossip.sessions.rules import SessionError
from gossip.sessions.session import Cohort, MemberSession, MemberState, Statement, read_cohort
from gossip.sessions.variant import rules_of
from gossip.step import Step
from gossip.studies.context import StudyContext, span_of
from protocol.envelope import Envelope
from protocol.errors import CodecError


class StrictMembers:
    """This region's side of all strict sessions of one study."""

    def __init__(self, context: StudyContext, budget: ChangeBudget) -> None:
        self._context = context
        self._budget = budget
        self._cohorts: dict[bytes, tuple[Envelope, bytes | None]] = {}

    def take(self, step: Step, session: MemberSession, envelope: Envelope, payload: bytes) -> None:
        """Check a COHORT and answer it with MASKED.

        Raises:
            SessionRefused: A rule is broken; the session is ABORTED, and what came inside counts for nothing.
        """
        context = self._context
        step.keep(payload)
        try:
            cohort = self._checked(session, envelope, payload)
            weight = context.plan.row(session.receiver, session.round).of[context.me]
            value = self._integers(step, session, cohort)
            y = session.mask(cohort, value, masked=context.is_masked, weight=weight, prg=context.plan.prg)
        except (CodecError, CryptoError, SessionError) as error:
            session.close(MemberState.ABORTED)
            raise SessionRefused("LS-COHORT", str(error)) from error
        except SessionRefused:
            session.close(MemberState.ABORTED)
            raise
        self._answered(cohort)
        statement = Statement("MASKED", {"view": envelope.eid, "self_commit": b""}, y)
        place = context.trees.get(session.round)
        if place is not None:
            place.plant(step, envelope.eid, cohort.members)
            session.sent.append(place.masked(step, statement))
            return
        masked = step.seal(
            statement.type,
            statement.body,
            to=[session.receiver],
            study=context.study,
            round=session.round,
            session=session.sid,
            payload=y,
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
            return context.exchange.integers(step, session.round, session.receiver)
        except ValueError as error:
            raise SessionRefused("LS-COHORT", str(error)) from error

    def _answered(self, cohort: Cohort) -> None:
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
                self._answered(read_cohort(cohort, inside))

    def forget(self) -> None:
        """What an earlier run heard is taken in: only events count from here on."""
        self._cohorts.clear()

    def _checked(self, session: MemberSession, envelope: Envelope, payload: bytes) -> Cohort:
        context, plan = self._context, self._context.plan
        cohort = read_cohort(envelope, payload)
        round, receiver = session.round, session.receiver
        own = session.sent[0][0]
        if context.me not in cohort.adverts or cohort.adverts[context.me].eid != own.eid:
            raise SessionRefused("LS-COHORT", "the COHORT does not hold this region's ADVERT unchanged")
        allowed = set(plan.part(receiver, round, session.bucket).names)
        strangers = {carried.fields.sender for carried in cohort.carried} - allowed
        if strangers:
            raise SessionRefused("LS-COHORT", f"the plan does not let {sorted(strangers)} send to {receiver}")
        is_sum = round < plan.sum_rounds
        if is_sum and set(cohort.members) != allowed:
            raise SessionRefused("LS-COHORT", "a sum round takes all participants or nobody")
        needed = plan.needed(receiver, round, session.bucket)
        if len(cohort.members) < needed:
            raise SessionRefused("LS-COHORT", f"a cohort of {len(cohort.members)}; at least {needed} hide one value")
        body = envelope.fields.body
        if body["variant"] != "strict" or (body["kind"] == "sum") != is_sum:
            raise SessionRefused("LS-COHORT", "kind or variant of the COHORT is not what the plan says here")
        if not is_sum:
            rules_of(plan, receiver, round, session.bucket).check_whole(cohort.members, "the cohort")
        for carried in cohort.carried:
            contradiction = context.check_carried(carried)
            if contradiction is not None:
                raise SessionRefused(contradiction.code, "a carried envelope contradicts another", contradiction)
        excuses = {absent.fields.sender: [span_of(absent)] for absent in cohort.absents}
        if not is_sum and not self._budget.allows(receiver, round, cohort.members, excuses):
            raise SessionRefused("STATE", f"change-budget: {receiver} shows ever new sets of senders")
        return cohort
