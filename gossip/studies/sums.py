"""Sum rounds: masked sums over all participants, opened at every region alike.

Stage p is round p. Every region is receiver of one session and member of all the others', in the ring Z_2^64.

Rules kept here, and nowhere else:
  * the cohort is everybody or nobody, and X is the same to the byte in every attempt: all attempts open one
    sum or none;
  * a receiver whose session is VOID raises its *attempt* in PING; members answer the highest attempt heard;
  * a stage is answered until every participant has been heard in a later round;
  * the log keeps a salted commitment to S: S beside the opened total would show this region's own integers.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from crypto.hashing import tagged_hash
from gossip.effects import Measure
from gossip.events import Buffer
from gossip.sessions.sender import Sender
from gossip.sessions.session import ReceiverSession, ReceiverState, receipt
from gossip.step import Step
from gossip.studies.context import Columns, Opened, StudyContext
from protocol.envelope import Envelope
from protocol.messages import MAX_ATTEMPTS


def own_integers(context: StudyContext, stage: int) -> str:
    """Name of the state file with this region's integers: the same bytes in every attempt, also after a restart."""
    return f"sum/{context.study.hex()}/{stage}"


def opened_total(context: StudyContext, stage: int) -> str:
    """Name of the state file with the total of an opened stage."""
    return f"total/{context.study.hex()}/{stage}"


class SumStage:
    """One stage at one region, through all its attempts."""

    def __init__(self, context: StudyContext, number: int, opened_ms: int, attempt: int = 0) -> None:
        self.number = number
        self.opened_ms = opened_ms
        self.attempt = attempt
        self.vector: NDArray[np.int64] | None = None
        self.opened: Opened | None = None
        self._context = context
        self._columns: Columns = ()
        self._cohort_ms = 0
        self._session = self._new_session()

    def _new_session(self) -> ReceiverSession:
        context = self._context
        self._receipts: dict[str, Envelope] = {}
        sid = context.sid(self.number, context.me, self.attempt)
        return ReceiverSession(sid, self.number, self.attempt, context.others, len(context.others), 64)

    @property
    def has_failed(self) -> bool:
        """Whether the last attempt is void."""
        return self.attempt >= MAX_ATTEMPTS

    @property
    def stage(self) -> str:
        """Code of the stage, as in the plan's ``sums``."""
        return str(self._context.plan.sums[self.number])

    def open(self, step: Step, stored: Opened | None) -> None:
        """Ask for this region's integers; after a restart they are the ``stored`` ones."""
        if stored is not None:
            self.vector, self._columns = stored.total, stored.columns
        elif self.vector is None:
            step.do(Measure(self._context.study, self.number, self.stage, self._context.totals()))

    def measured(self, step: Step, vector: NDArray[np.int64], columns: Columns) -> None:
        """This region's integers are here; they are on disk before anything is announced."""
        if self.vector is None:
            self.vector, self._columns = vector.astype("<i8"), columns
            step.blob(own_integers(self._context, self.number), self.own.encode(), durable=True)

    @property
    def own(self) -> Opened:
        """This region's integers as they are stored."""
        assert self.vector is not None
        return Opened(self.vector, self._columns)

    def payload_bytes(self) -> int | None:
        """Length of a MASKED of this stage; None until this region's own integers are here."""
        return None if self.vector is None else 8 * self.vector.size

    def hear(self, envelope: Envelope) -> None:
        """Take in an ADVERT for the attempt at hand."""
        if envelope.fields.session == self._session.sid:
            self._session.announce(envelope)

    def awaits(self, masked: Envelope) -> bool:
        """Whether this MASKED is awaited."""
        return self._session.awaits(masked)

    def take(self, step: Step, masked: Envelope, payload: Buffer) -> None:
        """Add the value of a MASKED that is awaited; its sender gets a RECEIPT."""
        self._session.add(masked.fields.sender, payload)
        said, name = receipt(masked), masked.fields.sender
        self._receipts[name] = step.seal(
            said.type, said.body, to=[name], study=self._context.study, round=self.number, session=self._session.sid
        )

    def deadline_ms(self) -> int | None:
        """T_mask, counted from COHORT; while OPEN nobody is given up."""
        if self._session.state is not ReceiverState.COHORT:
            return None
        share = min(100, 15 * (self.attempt + 1))
        return self._cohort_ms + self._context.timeout_ms * share // 100

    def progress(self, step: Step) -> None:
        """Do what can be done by now; ``opened`` is set when the stage is open."""
        context, session = self._context, self._session
        if self.opened is not None or self.vector is None or self.has_failed:
            return
        if session.state is ReceiverState.OPEN and set(session.adverts) == set(context.others):
            body, payload = session.cohort(context.entropy, "sum", [])
            envelope = step.seal(
                "COHORT",
                body,
                to=session.members,
                study=context.study,
                round=self.number,
                session=session.sid,
                payload=payload,
            )
            step.keep(payload)
            session.sent = (envelope, payload)
            self._cohort_ms = step.now_ms
        deadline = self.deadline_ms()
        if deadline is not None and step.now_ms >= deadline:
            session.void("missing")
            self._void(step)
        if session.state is ReceiverState.DONE:
            self._finish(step)

    def _void(self, step: Step) -> None:
        context, session = self._context, self._session
        step.add(
            "session.void", {"session": session.sid, "receiver": context.me, "reason": session.reason}, context.study
        )
        self.attempt += 1
        if self.attempt < MAX_ATTEMPTS:
            self._session = self._new_session()

    def _finish(self, step: Step) -> None:
        assert self.vector is not None
        context, session = self._context, self._session
        s = session.total()
        total = (s.view("<u8") + self.vector.view("<u8")).view("<i8")
        self.opened = Opened(total, self._columns)
        context.opened.append(self.opened)
        commitment = tagged_hash("commit", context.entropy(32) + s.tobytes())
        step.add(
            "session.sum",
            {
                "session": session.sid,
                "receiver": context.me,
                "survivors": list(session.members),
                "sum": commitment,
                "opened": [],
            },
            context.study,
        )
        stats = context.stats(self.number + 1)
        assert stats is not None
        step.add(
            "stats.open",
            {
                "round": self.number,
                "stage": self.stage,
                "session": session.sid,
                "sum": hashlib.sha256(total.tobytes()).digest(),
                "stats": stats[:32],
            },
            context.study,
        )
        step.add("round.end", {"round": self.number, "outcome": "summed", "reason": None}, context.study)
        step.blob(opened_total(context, self.number), self.opened.encode(), durable=True)
        step.publish()

    def resend(self, step: Step, link: str) -> None:
        """Send COHORT and RECEIPT again to a member whose link is back."""
        if self._session.state is ReceiverState.COHORT and self._session.sent and link in self._session.members:
            step.send(*self._session.sent, [link])
            if link in self._receipts:
                step.send(self._receipts[link], None, [link])

    def waiting_for(self) -> list[tuple[str, str]]:
        """(region, what) this stage still waits for."""
        if self.vector is None:
            return []
        if self._session.state is ReceiverState.OPEN:
            return [(n, "its announcement") for n in self._context.others if n not in self._session.adverts]
        return [(n, "its masked value") for n in self._session.missing]


class Answers:
    """This region as a member of sum rounds: every attempt of every receiver gets the same integers."""

    def __init__(self, context: StudyContext, sender: Sender) -> None:
        self._context = context
        self._sender = sender
        self._answered: dict[tuple[int, str], int] = {}

    def restore(self, round: int, receiver: str, attempt: int) -> None:
        """An ADVERT for this attempt was signed before a restart; its secrets are gone."""
        self._answered[(round, receiver)] = attempt

    def answer(self, step: Step, round: int, vector: NDArray[np.int64]) -> None:
        """Announce to every receiver still in this stage, in the highest attempt heard of it."""
        context = self._context
        context.code[round] = vector
        for receiver in context.others:
            neighbour = context.presence.of(receiver)
            if neighbour.reached > round:
                self._sender.close(round, receiver)
                continue
            attempt = neighbour.attempt if neighbour.round == round else 0
            if attempt > self._answered.get((round, receiver), -1) and attempt < MAX_ATTEMPTS:
                self._sender.close(round, receiver, attempt)
                self._answered[(round, receiver)] = attempt
                self._sender.announce(step, round, receiver, attempt, None, context.stats(round))
