"""One training round as one region sees it.

Train, announce the value to every receiver, gather what the neighbours send, mix, and the round is over.

Rules kept here, and nowhere else:
  * a receiver names its cohort when all that it waits for have announced themselves, or at T_adv;
  * T_adv is doubled once if a live neighbour is still in an earlier round;
  * fewer than h + c senders hide nothing: the round ends ``kept``, the region trains on alone;
  * a region that has no value this time does not run ahead of the others for it;
  * after ``mixed`` or ``kept`` nothing changes the outcome.

Deadlines in percent of ``round_timeout_s`` from this region's own start of the round: T_adv 80, T_mask 95,
T_end 100; a member's sessions live T_adv longer than T_end. No sockets, clock or disk.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gossip.context import StudyContext
from gossip.early import Announcement
from gossip.events import Adopt, Buffer, Train, TrainReport
from gossip.mixing import model_hash
from gossip.sender import Sender
from gossip.session import ReceiverSession, ReceiverState
from gossip.step import Step
from protocol.codec import Value
from protocol.envelope import Envelope


def norm_bucket(norm: float) -> int:
    """Return floor(2 log2 norm), clamped to -40 … 40; 40 for a norm that is no number."""
    if norm == 0:
        return -40
    return max(-40, min(40, math.floor(2 * math.log2(norm)))) if math.isfinite(norm) else 40


def stored_model(context: StudyContext, round: int) -> str:
    """Name of the state file with the model after a round; the newest two are kept."""
    return f"model/{context.study.hex()}/{round}"


class TrainingRound:
    """One round P … P + rounds - 1.

    Args:
        model: The model it begins with, float32 (p,); unchanged by it.
    """

    def __init__(
        self,
        context: StudyContext,
        sender: Sender,
        number: int,
        opened_ms: int,
        model: NDArray[np.float32],
    ) -> None:
        plan = context.plan
        self.number = number
        self.opened_ms = opened_ms
        self.model = model
        self.value: NDArray[np.float32] | None = None
        self.outcome: str | None = None
        self.reason: str | None = None
        self.senders: tuple[str, ...] = ()
        self._context = context
        self._sender = sender
        assert context.exchange is not None
        self._exchange = context.exchange
        self._kind = "mix"
        self._extended = False
        self._planned = plan.neighbours(context.me, number)
        self._disclosed = plan.is_disclosed(context.me, number)
        self._deltas: dict[str, Buffer] = {}
        self._session = ReceiverSession(
            context.sid(number, context.me), number, 0, self._planned,
            1 if self._disclosed else plan.needed(context.me, number), plan.ring_at(number),
            plan.row(context.me, number).of,
        )
        if not self._planned:
            self._session.void("too-few")

    # ---------------------------------------------------------------- deadlines

    def _after(self, percent: int) -> int:
        extra = 80 if self._extended else 0
        return self.opened_ms + self._context.timeout_ms * (percent + extra) // 100

    @property
    def member_deadline_ms(self) -> int:
        """When this region's sessions as a member end: T_end + T_adv."""
        return self.opened_ms + self._context.timeout_ms * 180 // 100

    def wake_ms(self) -> int | None:
        """The next deadline of this round."""
        if self.outcome is not None:
            return self.opened_ms + self._pause_ms
        if self._session.state is ReceiverState.OPEN:
            return self._after(80)
        if self._session.state is ReceiverState.COHORT:
            return self._after(95)
        return None

    def may_leave(self, now_ms: int, is_passed: bool) -> bool:
        """Whether the next round may begin: after ``round_min_s``; without a value when the others go on, or at T_adv.

        Args:
            is_passed: Enough neighbours are in a later round.
        """
        paused = now_ms >= self.opened_ms + int(self._context.plan.round_min_s) * 1000
        return self.outcome is not None and paused and (is_passed or now_ms >= self.opened_ms + self._pause_ms)

    @property
    def _pause_ms(self) -> int:
        shortest = int(self._context.plan.round_min_s) * 1000
        return max(shortest, self._context.timeout_ms * 80 // 100) if self.reason == "training" else shortest

    # ---------------------------------------------------------------- what happens

    def open(self, step: Step, early: Sequence[Announcement]) -> None:
        """Begin: take in what came before, and train."""
        for envelope, payload in early:
            self.hear(envelope, payload)
        step.do(Train(self._context.study, self.number, self.model, self._context.totals()))

    def report(self, step: Step, report: TrainReport) -> None:
        """Log what the local update cost in privacy."""
        plan = self._context.plan
        step.add(
            "round.train",
            {
                "round": self.number,
                "base": model_hash(self.model),
                "delta": None,
                "settings_sha256": plan.settings_sha256,
                "code_sha256": self._context.code_sha256,
                "steps": report.steps,
                "norm_bucket": norm_bucket(report.norm),
                "dp": dict(report.dp) if report.dp is not None else None,
            },
            plan.study,
        )

    def ready(self, step: Step, value: NDArray[np.float32]) -> None:
        """The local update is done: announce it to every receiver.

        Raises:
            ValueError: The value holds NaN or infinity; nothing is sent.
        """
        context, plan = self._context, self._context.plan
        self._exchange.ready(step, self.number, value)
        self.value = value
        for receiver in self._planned:
            if receiver in context.blame.suspended:
                continue
            if plan.is_disclosed(receiver, self.number):
                code = self._exchange.integers(step, self.number, receiver)
                self._sender.disclose(step, self.number, receiver, self.member_deadline_ms, code)
            else:
                self._sender.announce(
                    step, self.number, receiver, 0, self.member_deadline_ms, context.stats(self.number)
                )

    def give_up(self, reason: str) -> None:
        """There is no value this time: the model stays as it was, and what the others sent is of no use."""
        self.value = self.model
        self._session.void(reason)
        self.reason = reason

    def hear(self, envelope: Envelope, payload: Buffer | None) -> None:
        """Take in an ADVERT or DELTA of this round; what comes too late for its session has no effect."""
        if envelope.fields.sender in self._context.blame.suspended or self._session.state is not ReceiverState.OPEN:
            return
        if payload is not None:
            self._deltas[envelope.fields.sender] = payload
        self._session.announce(envelope)

    def awaits(self, masked: Envelope) -> bool:
        """Whether this MASKED is awaited."""
        return self._session.awaits(masked)

    def add(self, masked: Envelope, payload: Buffer) -> None:
        """Add the value of a MASKED that is awaited."""
        self._session.add(masked.fields.sender, payload)

    def progress(self, step: Step) -> None:
        """Do what can be done by now; ``outcome`` is set when the round is over."""
        if self.outcome is not None:
            return
        if self._session.state is ReceiverState.OPEN:
            self._gather(step)
        if self._session.state is ReceiverState.COHORT and step.now_ms >= self._after(95):
            self._session.void("missing")
        if self._session.is_final and self.value is not None:
            self._finish(step)

    def _gather(self, step: Step) -> None:
        context = self._context
        announced = set(self._session.adverts)
        expected = {n for n in self._planned if n in announced or context.waits_for(n, self.number)}
        if not (expected <= announced and (expected or not self._planned)):
            if step.now_ms < self._after(80):
                return
            late = expected - announced
            if not self._extended and any(self._is_behind(n, step.now_ms) for n in late):
                self._extended = True
                return
            context.absent |= late
        if len(announced) < self._session.needed:
            self._session.void("too-few")
        elif self._disclosed:
            self._session.disclose(self._deltas)
        else:
            missing = [n for n in self._planned if n not in announced and context.is_excused(n, self.number)]
            absents = [context.absents[n] for n in missing if n in context.absents]
            announced_state = {n: bool(a.fields.body["need_state"]) for n, a in self._session.adverts.items()}
            self._kind, since = self._exchange.kind_of(self.number, announced_state)
            body, payload = self._session.cohort(context.entropy, self._kind, absents, since)
            envelope = step.seal(
                "COHORT", body, to=self._session.members, study=context.study, round=self.number,
                session=self._session.sid, payload=payload,
            )
            step.keep(payload)
            self._session.sent = (envelope, payload)

    def _is_behind(self, name: str, now_ms: int) -> bool:
        presence = self._context.presence
        return presence.is_live(name, now_ms) and presence.of(name).reached < self.number

    def resend(self, step: Step, link: str) -> None:
        """Send the COHORT again to a member whose link is back."""
        if self._session.state is ReceiverState.COHORT and self._session.sent and link in self._session.members:
            step.send(*self._session.sent, [link])

    # ---------------------------------------------------------------- the end

    def _finish(self, step: Step) -> None:
        assert self.value is not None
        context, session, plan = self._context, self._session, self._context.plan
        if session.state is ReceiverState.VOID:
            self.keep(step, self.reason or session.reason or "missing")
            return
        self.senders = session.members
        total, row = session.total(), plan.row(context.me, self.number)
        mixed = self._exchange.mix(step, self.number, self._kind, self.value, total, self.senders)
        if mixed is None:
            self.senders = ()
            self.keep(step, "clip")
            return
        sum_hash = hashlib.sha256(total.data.cast("B")).digest()
        names: list[Value] = list(self.senders)
        step.add(
            "session.sum",
            {"session": session.sid, "receiver": context.me, "survivors": names, "sum": sum_hash, "opened": []},
            context.study,
        )
        weights: dict[str, Value] = {name: row.of[name] for name in self.senders}
        weights[context.me] = row.own(self.senders)
        step.add(
            "round.mix",
            {
                "round": self.number,
                "in": [{"session": session.sid, "sum": sum_hash}],
                "missing": [n for n in self._planned if n not in self.senders],
                "weights": weights,
                "den": row.den,
                "own": None,
                "model": model_hash(mixed),
            },
            context.study,
        )
        self._end(step, "mixed", None, mixed)

    def keep(self, step: Step, reason: str) -> None:
        """End the round with the region's own model; nothing of its session is opened or used."""
        session = self._session
        if session.state is not ReceiverState.VOID:
            session.void(reason)
        step.add(
            "session.void",
            {"session": session.sid, "receiver": self._context.me, "reason": session.reason},
            self._context.study,
        )
        self._end(step, "kept", reason, self.value if self.value is not None else self.model)

    def _end(self, step: Step, outcome: str, reason: str | None, model: NDArray[np.float32]) -> None:
        study = self._context.study
        step.add("round.end", {"round": self.number, "outcome": outcome, "reason": reason}, study)
        self.outcome, self.reason, self.model = outcome, reason, model
        stored = self._context.stored_models
        step.blob(stored_model(self._context, self.number), np.ascontiguousarray(model, dtype="<f4").data.cast("B"))
        stored.append(self.number)
        while len(stored) > 2:
            step.blob(stored_model(self._context, stored.pop(0)), None)
        step.publish()
        step.do(Adopt(study, self.number, model, self.senders))

    # ---------------------------------------------------------------- words

    def waiting_for(self) -> list[tuple[str, str]]:
        """(region, what) this round still waits for."""
        if self._session.state is ReceiverState.OPEN:
            announced = self._session.adverts
            return [
                (n, "its announcement")
                for n in self._planned
                if n not in announced and self._context.waits_for(n, self.number)
            ]
        if self._session.state is ReceiverState.COHORT:
            return [(n, "its masked value") for n in self._session.missing]
        return []

    @property
    def missing(self) -> tuple[str, ...]:
        """Planned neighbours that did not take part."""
        return tuple(n for n in self._planned if n not in self.senders)
