"""One training round under ``robustness = "buckets"``: a sum of each part of the neighbourhood, and the middle of them.

Each bucket is a session of its own, strict or surviving losses by how many the plan has in it; a member takes part in
the one it is in and sees nothing of the others. Rules kept here, and nowhere else:
  * a bucket that is VOID is left out; where fewer than three can be left the round is ``kept``, and of the other
    buckets nothing more is opened;
  * the model is moved towards the median of the buckets' means, with the weight of all who are in them.

How a cut is made: ``protocol.buckets``. What the median bounds: ``robust``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gossip.events import Buffer
from gossip.exchange.values import Exchange
from gossip.sessions.receiver import Receiver, StrictReceiver
from gossip.sessions.receiver_recoverable import SurvivingReceiver
from gossip.sessions.sender import Sender
from gossip.sessions.session import ReceiverState
from gossip.sessions.variant import is_recoverable
from gossip.step import Step
from gossip.studies.context import StudyContext
from gossip.studies.round import TrainingRound
from protocol.buckets import LEAST_PARTS
from protocol.envelope import Envelope


class Buckets(Receiver):
    """All sessions of a round with this region as their receiver, as a round asks one.

    Attributes:
        parts: The receivers of the buckets, in their order.
    """

    def __init__(self, context: StudyContext, exchange: Exchange, round: int, opened_ms: int) -> None:
        super().__init__(context, exchange, round, opened_ms)
        plan, me = context.plan, context.me
        self.planned = plan.neighbours(me, round)
        self.parts: list[Receiver] = [
            (SurvivingReceiver if is_recoverable(plan, me, round, bucket) else StrictReceiver)(
                context, exchange, round, opened_ms, bucket
            )
            for bucket in range(len(plan.parts(me, round)))
        ]
        self._reason: str | None = None

    def those(self, state: ReceiverState) -> list[Receiver]:
        """Return the receivers of the buckets in that state."""
        return [part for part in self.parts if part.state is state]

    @property
    def state(self) -> ReceiverState:
        if len(self.parts) - len(self.those(ReceiverState.VOID)) < LEAST_PARTS:
            return ReceiverState.VOID
        return ReceiverState.DONE if all(part.is_final for part in self.parts) else ReceiverState.OPEN

    @property
    def reason(self) -> str | None:
        return self._reason

    @property
    def adverts(self) -> dict[str, Envelope]:
        return {name: advert for part in self.parts for name, advert in part.adverts.items()}

    def total(self) -> NDArray[np.signedinteger]:
        raise ValueError("there is one sum for each bucket, and none of all")

    def means(self) -> list[tuple[NDArray[np.signedinteger], int]]:
        """Return S and how many are in it, for each bucket that is open."""
        return [(part.total(), len(part.senders)) for part in self.those(ReceiverState.DONE)]

    def void(self, reason: str) -> None:
        self._reason = reason
        for part in self.parts:
            if part.state is not ReceiverState.VOID:
                part.void(reason)

    def hear(self, envelope: Envelope, payload: Buffer | None) -> None:
        for part in self.parts:
            if part.sid == envelope.fields.session:
                part.hear(envelope, payload)

    def awaits(self, envelope: Envelope) -> bool:
        return any(part.awaits(envelope) for part in self.parts)

    def take(self, step: Step, envelope: Envelope, payload: Buffer) -> None:
        next(part for part in self.parts if part.awaits(envelope)).take(step, envelope, payload)

    def progress(self, step: Step) -> None:
        for part in self.parts:
            part.progress(step)
        if self.state is ReceiverState.VOID:
            self.void(self.those(ReceiverState.VOID)[0].reason or "missing")
        if self.state is ReceiverState.DONE:
            done = self.those(ReceiverState.DONE)
            self.senders = tuple(sorted(name for part in done for name in part.senders))

    def resend(self, step: Step, link: str) -> None:
        for part in self.parts:
            part.resend(step, link)

    def wake_ms(self) -> int | None:
        return min((at for part in self.parts if (at := part.wake_ms()) is not None), default=None)

    def waiting_for(self) -> list[tuple[str, str]]:
        return [one for part in self.parts for one in part.waiting_for()]


class BucketRound(TrainingRound):
    """One round P … P + rounds - 1 of ``robustness = "buckets"``."""

    def __init__(
        self, context: StudyContext, sender: Sender, number: int, opened_ms: int, model: NDArray[np.float32]
    ) -> None:
        super().__init__(context, sender, number, opened_ms, model)
        self._buckets = Buckets(context, self._exchange, number, opened_ms)
        self._receiver = self._buckets

    def _finish(self, step: Step) -> None:
        assert self.value is not None
        buckets = self._buckets
        if buckets.state is ReceiverState.VOID:
            self.keep(step, self.reason or buckets.reason or "missing")
            return
        mixed = self._exchange.mix_buckets(self.number, self.value, buckets.means())
        self._log_voids(step)
        self._mixed(step, buckets.those(ReceiverState.DONE), mixed)

    def _log_voids(self, step: Step) -> None:
        for part in self._buckets.those(ReceiverState.VOID):
            self._log_void(step, part)
