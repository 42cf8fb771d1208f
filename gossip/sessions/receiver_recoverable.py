"""This region as receiver of a sum that survives losses: what is said when, and until when it waits.

    OPEN        all awaited have announced themselves, or T_adv (10 %)       COHORT
    COHORT      all SHARES are in, or T_share (20 %)                         ROUTED
    ROUTED      all MASKED are in, or T_mask (80 %)                          SURVIVORS
    SURVIVORS   t have signed; T_conf = T_mask + 5 s: void                   CONFIRMS
    CONFIRMS    t good shares of each; T_reveal = T_conf + 5 s: void         DONE

Everything up to ROUTED happens while the models train. The machine is ``recoverable_receiver``. SURVIVORS goes to
all whose shares were routed, so that who was left out forgets its value. A region that dealt or revealed false
shares is blamed here and nowhere else: a proof would need the keys of its channels.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from crypto.errors import CryptoError
from crypto.hashing import tagged_hash
from gossip.effects import Suspect
from gossip.errors import RemoteError
from gossip.events import Buffer
from gossip.exchange.values import Exchange
from gossip.sessions.receiver import Receiver
from gossip.sessions.recoverable_receiver import RecoverableReceiver
from gossip.sessions.session import ReceiverState, Statement
from gossip.step import Step
from gossip.studies.context import StudyContext
from protocol.codec import Value
from protocol.envelope import Envelope
from protocol.errors import CodecError

CONFIRM_MS = 5_000
_WORDS = {
    ReceiverState.COHORT: "its shares",
    ReceiverState.ROUTED: "its masked value",
    ReceiverState.SURVIVORS: "its signature under the survivors",
    ReceiverState.CONFIRMS: "its shares of what is to be opened",
}


class SurvivingReceiver(Receiver):
    """One session that opens the sum over whoever is left, if that are enough."""

    MACHINE: ClassVar[type[RecoverableReceiver]] = RecoverableReceiver
    ADV_PERCENT = 10
    LONGER_PERCENT = 80
    SHARE_PERCENT = 20
    MASK_PERCENT = 80

    def __init__(self, context: StudyContext, exchange: Exchange, round: int, opened_ms: int, bucket: int = 0) -> None:
        super().__init__(context, exchange, round, opened_ms, bucket)
        self._adverts: dict[str, Envelope] = {}
        self._session: RecoverableReceiver | None = None
        self._too_few: str | None = None
        self._blamed = 0

    @property
    def state(self) -> ReceiverState:
        if self._session is not None:
            return self._session.state
        return ReceiverState.OPEN if self._too_few is None else ReceiverState.VOID

    @property
    def reason(self) -> str | None:
        return self._session.reason if self._session is not None else self._too_few

    @property
    def adverts(self) -> dict[str, Envelope]:
        return self._adverts

    def total(self) -> NDArray[np.signedinteger]:
        assert self._session is not None
        return self._session.total()

    def opened(self) -> list[Value]:
        assert self._session is not None
        rows: list[Value] = []
        for one in self._session.opened:
            salt = self._context.entropy(32)
            self.openings.append((salt, one.seed))
            salted = tagged_hash("commit", salt + one.seed)
            rows.append({"region": one.region, "kind": one.kind, "of": one.of, "c": salted})
        return rows

    def void(self, reason: str) -> None:
        if self._session is not None:
            self._session.void(reason)
        else:
            self._too_few = reason

    # ---------------------------------------------------------------- what members say

    def hear(self, envelope: Envelope, payload: Buffer | None) -> None:
        if self.state is ReceiverState.OPEN:
            self._adverts[envelope.fields.sender] = envelope

    def awaits(self, envelope: Envelope) -> bool:
        return self._session is not None and self._session.awaits(envelope)

    def take(self, step: Step, envelope: Envelope, payload: Buffer) -> None:
        session, name = self._session, envelope.fields.sender
        assert session is not None
        try:
            match envelope.fields.type:
                case "SHARES":
                    session.take_shares(envelope, bytes(payload))
                case "MASKED":
                    self._tell(step, session.add(envelope, payload))
                case "COMPLAINT":
                    about = str(envelope.fields.body["about"])
                    session.take_complaint(envelope)
                    step.do(Suspect(about, "STATE", f"{name} complains of the shares that {about} has dealt"))
                    self._blamed = len(session.blamed)
                case "CONFIRM":
                    self._tell(step, session.take_confirm(envelope))
                case _:
                    session.take_reveal(envelope, bytes(payload))
        except (CodecError, CryptoError) as error:
            if len(session.blamed) == self._blamed:
                self._refuse(step, name, str(error))
        for who, why in session.blamed[self._blamed :]:
            self._refuse(step, who, f"false shares: {why}")
        self._blamed = len(session.blamed)

    def _refuse(self, step: Step, name: str, reason: str) -> None:
        self._context.blame.refuse(step, RemoteError(name, "STATE", reason), self._context.study, self._round)

    # ---------------------------------------------------------------- time

    def progress(self, step: Step) -> None:
        if self.state is ReceiverState.OPEN and self.gathered(step.now_ms):
            self._name(step)
        session, now_ms = self._session, step.now_ms
        if session is None:
            return
        if session.state is ReceiverState.COHORT and (session.has_all_shares or now_ms >= self._deadline()):
            self._tell(step, session.route())
        if session.state is ReceiverState.ROUTED and (session.has_all_values or now_ms >= self._deadline()):
            self._tell(step, session.survive())
        if session.state in (ReceiverState.SURVIVORS, ReceiverState.CONFIRMS) and now_ms >= self._deadline():
            session.void("missing")
        if session.state is ReceiverState.DONE:
            self.senders = session.survivors

    def _name(self, step: Step) -> None:
        """Only now it is known what is summed, and so in which ring."""
        context, plan = self._context, self._context.plan
        since, absents = self.asked()
        ring = self._exchange.ring(self.kind)
        session = self.MACHINE(
            self.sid,
            self._round,
            self._bucket,
            context.me,
            replace(self._rules, ring=ring),
            words=8 * self._exchange.payload_bytes(self._round) // ring,
            lasting=context.lasting,
            weights=plan.row(context.me, self._round).of,
        )
        for name, advert in self._adverts.items():
            try:
                session.announce(advert)
            except CryptoError as error:
                self._refuse(step, name, str(error))
        self._session = session
        self._tell(step, session.cohort(context.entropy, self.kind, absents, since))

    def _tell(self, step: Step, statement: Statement | None) -> None:
        session = self._session
        if statement is None or session is None:
            return
        to = {"COHORT": session.members, "CONFIRMS": session.survivors}.get(statement.type, session.routed)
        if statement.type == "RECEIPT":
            to = (str(statement.body["about"]),)
        session.sealed(self.say(step, statement, to), statement.payload)

    def _deadline(self) -> int:
        assert self._session is not None
        match self._session.state:
            case ReceiverState.COHORT:
                return self.after(self.SHARE_PERCENT)
            case ReceiverState.ROUTED:
                return self.after(self.MASK_PERCENT)
            case ReceiverState.SURVIVORS:
                return self.after(self.MASK_PERCENT, CONFIRM_MS)
            case _:
                return self.after(self.MASK_PERCENT, 2 * CONFIRM_MS)

    def wake_ms(self) -> int | None:
        if self.is_final:
            return None
        return self.after(self.ADV_PERCENT) if self._session is None else self._deadline()

    def waiting_for(self) -> list[tuple[str, str]]:
        if self._session is None:
            return self.late_announcements()
        return [(n, _WORDS[self._session.state]) for n in self._session.missing]


def member_ends_ms(opened_ms: int, timeout_ms: int) -> int:
    """When a member's session ends: T_end + all by which T_adv may move, T_end being T_reveal + 5 s."""
    kind = SurvivingReceiver
    share = kind.MASK_PERCENT + kind.ADV_PERCENT + kind.LONGER_PERCENT
    return opened_ms + timeout_ms * share // 100 + 3 * CONFIRM_MS
