"""How this region, as a member, takes part in sums that survive losses.

Rules kept here, and nowhere else:
  * the change budget is asked at COHORT for its members and at SURVIVORS for the survivors, and spent on these when
    they are confirmed;
  * a value that is ready goes out once its shares are routed; one that is not ready is a loss, nobody waits for it;
  * who learns that it was left out, or has revealed, forgets the value it has sent.

The machine is ``recoverable_member``; when its sessions begin and end: ``sender``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from crypto.errors import CryptoError
from gossip.errors import SessionRefused
from gossip.sessions.budget import ChangeBudget
from gossip.sessions.recoverable_member import RecoverableMember
from gossip.sessions.rules import SessionError
from gossip.sessions.session import Cohort, MemberState, Statement, read_cohort
from gossip.sessions.variant import rules_of
from gossip.step import Step
from gossip.studies.context import StudyContext, span_of
from protocol.envelope import Envelope, decode_carried
from protocol.errors import CodecError

# What this region says last, and what it thereby answers: its type, and the field that names it.
_ANSWERS = {
    "SHARES": ("COHORT", "cohort"),
    "MASKED": ("ROUTED", "view"),
    "CONFIRM": ("SURVIVORS", "survivors"),
    "REVEAL": ("CONFIRMS", "survivors"),
}


class SurvivingMembers:
    """This region's side of all recoverable sessions of one study.

    Attributes:
        values: Rounds whose own value is ready.
    """

    def __init__(self, context: StudyContext, budget: ChangeBudget) -> None:
        self.values: set[int] = set()
        self._context = context
        self._budget = budget
        self._heard: dict[tuple[str, bytes], tuple[Envelope, bytes | None]] = {}

    def new(self, round: int, receiver: str, bucket: int) -> RecoverableMember:
        """A session with a receiver in a round."""
        context = self._context
        return RecoverableMember(
            context.sid(round, receiver, bucket),
            round,
            bucket,
            context.me,
            receiver,
            rules_of(context.plan, receiver, round, bucket),
            lasting=context.lasting,
            check=self._check,
            weight=context.plan.row(receiver, round).of[context.me],
        )

    def _check(self, carried: Envelope) -> None:
        contradiction = self._context.check_carried(carried)
        if contradiction is not None:
            raise SessionRefused(contradiction.code, "a carried envelope contradicts another", contradiction)

    def say(self, step: Step, session: RecoverableMember, statement: Statement) -> None:
        """Sign, log and send what the machine states; it is kept for sending again until the session ends."""
        envelope = step.seal(
            statement.type,
            statement.body,
            to=[session.receiver],
            study=self._context.study,
            round=session.round,
            session=session.sid,
            payload=statement.payload,
        )
        session.sealed(envelope, statement.payload)

    def take(self, step: Step, session: RecoverableMember, envelope: Envelope, payload: bytes) -> None:
        """Take what a receiver says when it has its turn, and answer.

        Raises:
            SessionRefused: It breaks a rule; the session is ABORTED.
        """
        if envelope.fields.type != "RECEIPT":
            step.keep(payload)
        try:
            self._take(step, session, envelope, payload)
        except SessionError as error:
            if error.rule == "left-out":
                session.sent = []  # nobody has a use for the value any more
                return
            raise SessionRefused("LS-COHORT", str(error)) from error
        except (CodecError, CryptoError) as error:
            raise SessionRefused("LS-COHORT", str(error)) from error

    def _take(self, step: Step, session: RecoverableMember, envelope: Envelope, payload: bytes) -> None:
        match envelope.fields.type:
            case "COHORT":
                self._cohort(step, session, envelope, payload)
            case "ROUTED":
                complaint = session.on_routed(envelope, payload)
                if complaint is not None:
                    self.say(step, session, complaint)
                    return
                place, routed = self._context.trees.get(session.round), session.routed
                if place is not None and routed is not None:
                    place.plant(step, envelope.eid, routed.members)
                self.ready(step, session)
            case "RECEIPT":
                session.on_receipt(envelope)
            case "SURVIVORS":
                self._survivors(step, session, envelope, payload)
            case _:
                reveal = session.on_confirms(envelope, payload)
                self.remember(one for one, _ in decode_carried(payload))
                self.say(step, session, reveal)
                session.sent = [one for one in session.sent if one[0].fields.type != "MASKED"]

    def _cohort(self, step: Step, session: RecoverableMember, envelope: Envelope, payload: bytes) -> None:
        cohort = session.check_cohort(envelope, payload)
        exchange, kind = self._context.exchange, str(envelope.fields.body["kind"])
        assert exchange is not None
        excuses = {absent.fields.sender: [span_of(absent)] for absent in cohort.absents}
        if not self._budget.allows(session.receiver, session.round, cohort.members, excuses):
            self._abort(session, "STATE", f"change-budget: {session.receiver} shows ever new sets of senders")
        try:
            exchange.admit(session.round, session.receiver, kind, cohort.since, is_whole=False)
        except ValueError as error:
            self._abort(session, "LS-COHORT", str(error))
        session.rules = replace(session.rules, ring=exchange.ring(kind))
        self.shown(cohort)
        self.say(step, session, session.share(self._context.entropy))

    def shown(self, cohort: Cohort) -> None:
        """Take in what a COHORT that is answered has shown."""
        self.remember(cohort.carried)
        for absent in cohort.absents:
            self._context.take_absent(absent)

    def remember(self, carried: Iterable[Envelope]) -> None:
        """Take in what came inside a message that is answered."""
        for envelope in carried:
            self._context.mailbox.remember(envelope)

    def _survivors(self, step: Step, session: RecoverableMember, envelope: Envelope, payload: bytes) -> None:
        if session.is_routed:  # before the own value was ready: it is lost, and its secrets are of no more use
            if self._context.me in _names(envelope):
                self._abort(session, "LS-COHORT", "counts a value that was never sent")
            session.close(MemberState.CLOSED)
            return
        survivors = session.check_survivors(envelope, payload)
        if not self._budget.allows(session.receiver, session.round, survivors.members, {}):
            self._abort(session, "STATE", f"change-budget: {session.receiver} shows ever new sets of survivors")
        self.remember(survivors.carried)
        self._budget.spend(session.receiver, session.round, survivors.members)
        exchange = self._context.exchange
        assert exchange is not None
        exchange.survived(session.round, session.receiver, survivors.members)
        self.say(step, session, session.confirm())

    def _abort(self, session: RecoverableMember, code: str, reason: str) -> None:
        session.close(MemberState.ABORTED)
        raise SessionRefused(code, reason)

    def ready(self, step: Step, session: RecoverableMember) -> None:
        """Send the value under its masks, if it is ready and may go."""
        exchange, routed = self._context.exchange, session.routed
        if not session.is_routed or routed is None or exchange is None or session.round not in self.values:
            return
        try:
            statement = session.mask(exchange.integers(step, session.round, session.receiver))
        except (ValueError, CryptoError):
            session.close(MemberState.ABORTED)  # a later round was asked for meanwhile: in this one it is a loss
            return
        self.remember(routed.carried)
        place = self._context.trees.get(session.round)
        if place is None:
            self.say(step, session, statement)
        else:
            session.sealed(*place.masked(step, statement))

    # ---------------------------------------------------------------- an earlier run

    def recall(self, envelope: Envelope, own: bool, payload: bytes | None) -> None:
        """Take what an earlier run heard and answered; ``payload`` if it was kept."""
        fields, body = envelope.fields, envelope.fields.body
        if not own and fields.type in ("COHORT", "ROUTED", "SURVIVORS", "CONFIRMS"):
            key = body["survivors"] if fields.type == "CONFIRMS" else envelope.eid
            self._heard[(fields.type, bytes(key))] = envelope, payload  # type: ignore[arg-type]
            return
        answered = _ANSWERS.get(fields.type) if own else None
        if answered is None:
            return
        type, name = answered
        heard, inside = self._heard.pop((type, bytes(body[name])), (None, None))  # type: ignore[arg-type]
        if heard is None:
            return
        if type == "SURVIVORS" and heard.fields.round is not None:
            self._budget.spend(heard.fields.sender, heard.fields.round, _names(heard))
        if inside is not None and type == "COHORT":
            self.shown(read_cohort(heard, inside))
        elif inside is not None:
            self.remember(one for one, _ in decode_carried(inside))

    def forget(self) -> None:
        """What an earlier run heard is taken in: only events count from here on."""
        self._heard.clear()


def _names(envelope: Envelope) -> list[str]:
    """Members that a COHORT, ROUTED or SURVIVORS names."""
    rows: Any = envelope.fields.body["members"]
    return [row[0] for row in rows]
