"""One training round as one region sees it.

Train, announce the value to every receiver, gather what the neighbours send, mix, and the round is over. To receivers
whose sum survives losses a region announces itself when the round begins, before it trains: all that can be said
beforehand is said while the models train. To all others when its value is ready.

Rules kept here, and nowhere else:
  * a region that has no value this time does not run ahead of the others for it;
  * after ``mixed`` or ``kept`` nothing changes the outcome.

Whose values are summed and until when they are waited for: ``receiver``. A member's sessions live T_adv longer than
the receiver's round. No sockets, clock or disk.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crypto.hashing import tagged_hash
from gossip.effects import Adopt, Suspect, Train
from gossip.events import Buffer, TrainReport
from gossip.exchange.mixing import model_hash
from gossip.sessions.receiver import Receiver, StrictReceiver
from gossip.sessions.receiver_recoverable import SurvivingReceiver, member_ends_ms
from gossip.sessions.sender import Sender
from gossip.sessions.session import ReceiverState
from gossip.sessions.variant import is_recoverable
from gossip.step import Step
from gossip.studies.context import StudyContext
from gossip.studies.early import Announcement
from protocol.codec import Value
from protocol.entries import Entry
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
        self._context = context
        self._sender = sender
        assert context.exchange is not None
        self._exchange = context.exchange
        self._planned = plan.neighbours(context.me, number)
        kind = SurvivingReceiver if is_recoverable(plan, context.me, number) else StrictReceiver
        self._receiver: Receiver = kind(context, context.exchange, number, opened_ms)

    # ---------------------------------------------------------------- deadlines

    def _member_ends_ms(self, receiver: str) -> int:
        """When this region's session as a member of a receiver's sum ends: T_end + T_adv."""
        if self._survives(receiver):
            return member_ends_ms(self.opened_ms, self._context.timeout_ms)
        return self.opened_ms + self._context.timeout_ms * 180 // 100

    def _survives(self, receiver: str) -> bool:
        """Whether the session of a receiver in which this region is a member survives losses."""
        plan, me = self._context.plan, self._context.me
        return is_recoverable(plan, receiver, self.number, plan.bucket_of(receiver, self.number, me))

    def wake_ms(self) -> int | None:
        """The next deadline of this round."""
        return self.opened_ms + self._pause_ms if self.outcome is not None else self._receiver.wake_ms()

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
        """Begin: say what can be said without a value, and take in what came before."""
        for receiver in self._planned:
            if receiver not in self._context.blame.suspended and self._survives(receiver):
                self._announce(step, receiver)
        for envelope, payload in early:
            self.hear(envelope, payload)

    def train(self, step: Step) -> None:
        """Ask for the local update."""
        step.do(Train(self._context.study, self.number, self.model, self._context.totals()))

    def _announce(self, step: Step, receiver: str) -> None:
        context, number = self._context, self.number
        bucket = context.plan.bucket_of(receiver, number, context.me)
        self._sender.announce(step, number, receiver, bucket, self._member_ends_ms(receiver), context.stats(number))

    def report(self, step: Step, report: TrainReport, vector: NDArray[np.float32]) -> None:
        """Log the local update: what it cost in privacy and, where rounds are drawn, a commitment to it."""
        plan, recording = self._context.plan, self._context.recording
        trained = np.ascontiguousarray(vector, dtype="<f4").data.cast("B")
        salt, delta = self._committed(trained)
        entry = step.add(
            "round.train",
            {
                "round": self.number,
                "base": model_hash(self.model),
                "delta": delta,
                "settings_sha256": plan.settings_sha256,
                "code_sha256": self._context.code_sha256,
                "steps": report.steps,
                "norm_bucket": norm_bucket(report.norm),
                "dp": dict(report.dp) if report.dp is not None else None,
            },
            plan.study,
        )
        if delta is not None:
            base = np.ascontiguousarray(self.model, dtype="<f4").data.cast("B")
            recording.deposit(step, entry, self.number, "delta", salt, trained)
            recording.deposit(step, entry, self.number, "base", bytes(32), base)

    def _committed(self, value: Buffer) -> tuple[bytes, bytes | None]:
        """Return a salt and the commitment to a value; None where the plan draws no rounds."""
        if not self._context.recording.drawn:
            return b"", None
        salt = self._context.entropy(32)
        return salt, tagged_hash("commit", salt + bytes(value))

    def ready(self, step: Step, value: NDArray[np.float32]) -> None:
        """The local update is done: announce it to every receiver.

        Raises:
            ValueError: The value holds NaN or infinity; nothing is sent.
        """
        context, plan = self._context, self._context.plan
        self._exchange.ready(step, self.number, value)
        self.value = value
        for receiver in self._planned:
            if receiver in context.blame.suspended or self._survives(receiver):
                continue
            if plan.is_disclosed(receiver, self.number):
                code = self._exchange.integers(step, self.number, receiver)
                self._sender.disclose(step, self.number, receiver, self._member_ends_ms(receiver), code)
            else:
                self._announce(step, receiver)
        self._sender.ready(step, self.number)

    def give_up(self, reason: str) -> None:
        """There is no value this time: the model stays as it was, and what the others sent is of no use."""
        self.value = self.model
        self._receiver.void(reason)
        self.reason = reason

    def hear(self, envelope: Envelope, payload: Buffer | None) -> None:
        """Take in an ADVERT or DELTA of this round; what comes too late for its session has no effect."""
        if envelope.fields.sender not in self._context.blame.suspended:
            self._receiver.hear(envelope, payload)

    def awaits(self, envelope: Envelope) -> bool:
        """Whether a message of a member has its turn in this region's own session."""
        return self._receiver.awaits(envelope)

    def take(self, step: Step, envelope: Envelope, payload: Buffer) -> None:
        """Take in a message that is awaited."""
        self._receiver.take(step, envelope, payload)

    def progress(self, step: Step) -> None:
        """Do what can be done by now; ``outcome`` is set when the round is over."""
        if self.outcome is None:
            self._receiver.progress(step)
            if self._receiver.is_final and self.value is not None:
                self._finish(step)

    def resend(self, step: Step, link: str) -> None:
        """Say again what the region's own session has said to a member whose link is back."""
        self._receiver.resend(step, link)

    # ---------------------------------------------------------------- the end

    def _finish(self, step: Step) -> None:
        assert self.value is not None
        context, receiver, plan = self._context, self._receiver, self._context.plan
        if receiver.state is ReceiverState.VOID:
            self.keep(step, self.reason or receiver.reason or "missing")
            return
        mixed: NDArray[np.float32] | None
        if plan.is_clear:
            mixed, far = self._exchange.mix_each(self.number, self.value, receiver.each())
            for name in far:
                step.do(Suspect(name, "LIMIT", "its update is more than ten times clip away: not counted"))
        else:
            mixed = self._exchange.mix(step, self.number, receiver.kind, self.value, receiver.total(), receiver.senders)
        if mixed is None:
            context.warn("a sum was more than ten times clip long: some neighbour sent false values; it was not used")
            self.keep(step, "clip")
            return
        self._mixed(step, [receiver], mixed)

    def _mixed(self, step: Step, receivers: Sequence[Receiver], mixed: NDArray[np.float32]) -> None:
        """Log the sums that were opened and what was made of them, and end the round with it."""
        context, row = self._context, self._context.plan.row(self._context.me, self.number)
        used: list[Value] = []
        for receiver in receivers:
            sum_hash = hashlib.sha256(receiver.total().data.cast("B")).digest()
            entry = step.add(
                "session.sum",
                {
                    "session": receiver.sid,
                    "receiver": context.me,
                    "survivors": list(receiver.senders),
                    "sum": sum_hash,
                    "opened": receiver.opened(),
                },
                context.study,
            )
            self._deposit_seeds(step, entry, receiver)
            used.append({"session": receiver.sid, "sum": sum_hash})
        senders = sorted(name for receiver in receivers for name in receiver.senders)
        weights: dict[str, Value] = {name: row.of[name] for name in senders}
        weights[context.me] = row.own(senders)
        own = np.ascontiguousarray(self.value, dtype="<f4").data.cast("B")
        salt, committed = self._committed(own)
        entry = step.add(
            "round.mix",
            {
                "round": self.number,
                "in": used,
                "missing": [n for n in self._planned if n not in senders],
                "weights": weights,
                "den": row.den,
                "own": committed,
                "model": model_hash(mixed),
            },
            context.study,
        )
        if committed is not None:
            context.recording.deposit(step, entry, self.number, "own", salt, own)
        self._end(step, "mixed", None, mixed)

    def _deposit_seeds(self, step: Step, entry: Entry, receiver: Receiver) -> None:
        """Keep the seeds by which masks were taken away, as long as the round is kept."""
        for index, (salt, seed) in enumerate(receiver.openings):
            self._context.recording.deposit(step, entry, self.number, f"opened.{index}", salt, seed)

    def keep(self, step: Step, reason: str) -> None:
        """End the round with the region's own model; nothing of its session is opened or used."""
        if self._receiver.state is not ReceiverState.VOID:
            self._receiver.void(reason)
        self._log_voids(step)
        self._end(step, "kept", reason, self.value if self.value is not None else self.model)

    def _log_voids(self, step: Step) -> None:
        """Log every session of this round that is void."""
        self._log_void(step, self._receiver)

    def _log_void(self, step: Step, receiver: Receiver) -> None:
        step.add(
            "session.void",
            {"session": receiver.sid, "receiver": self._context.me, "reason": receiver.reason},
            self._context.study,
        )

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
        return self._receiver.waiting_for()

    @property
    def senders(self) -> tuple[str, ...]:
        """Neighbours whose values were mixed in."""
        return self._receiver.senders if self.outcome == "mixed" else ()

    @property
    def missing(self) -> tuple[str, ...]:
        """Planned neighbours that did not take part."""
        return tuple(n for n in self._planned if n not in self.senders)
