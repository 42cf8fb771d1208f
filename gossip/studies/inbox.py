"""What a message that a study may hear leads to: each goes to the one machine that waits for it.

What was heard is logged before it comes here, and checked before that (``hearing``). Rules kept here, and nowhere
else:
  * an announcement of a later round waits until that round begins;
  * who opened other sums than this region is not trained with: the column that differs is named.
"""

from __future__ import annotations

from gossip.effects import Suspect
from gossip.errors import RemoteError, SessionRefused
from gossip.events import Buffer
from gossip.sessions.sender import Sender
from gossip.step import Step
from gossip.studies.context import StudyContext
from gossip.studies.early import Announcement, Early
from gossip.studies.network_round import NetworkRound
from gossip.studies.round import TrainingRound
from gossip.studies.sum_rounds import SumRounds
from gossip.studies.sums import SumStage
from gossip.studies.training import Training
from protocol.envelope import Envelope

FROM_RECEIVERS = ("COHORT", "ROUTED", "RECEIPT", "SURVIVORS", "CONFIRMS")


class Inbox:
    """Hands on what one study hears.

    Attributes:
        early: Announcements of rounds to come.
        words: Which sums differ, once somebody has announced others than this region opened.
    """

    def __init__(self, context: StudyContext, sender: Sender, sums: SumRounds, training: Training) -> None:
        self.early = Early(context.study)
        self.words: str | None = None
        self._context = context
        self._sender = sender
        self._sums = sums
        self._training = training

    def awaiting(self, envelope: Envelope) -> SumStage | TrainingRound | None:
        """The machine in whose own session this message of a member has its turn."""
        machines = (self._sums.stage, self._training.current)
        return next((m for m in machines if m is not None and m.awaits(envelope)), None)

    def is_bare(self, envelope: Envelope) -> bool:
        """Whether the header of a MASKED counts by itself."""
        current = self._training.current
        return isinstance(current, NetworkRound) and current.is_bare(envelope)

    def take(self, step: Step, envelope: Envelope, payload: Buffer | None, at: int | None) -> None:
        """Hand on a message that has been checked and logged; ``at`` is the round at hand, None after the end."""
        if payload is not None:
            self._context.recording.heard(step, envelope, payload)
        match envelope.fields.type:
            case "ABSENT":
                self._context.take_absent(envelope)
            case "ADVERT" | "DELTA":
                self._announcement(step, envelope, payload, at)
            case type if type in FROM_RECEIVERS:
                self._answer(step, envelope, bytes(payload or b""), at)
            case _:
                machine = self.awaiting(envelope)
                assert machine is not None
                machine.take(step, envelope, payload if payload is not None else b"")

    def _answer(self, step: Step, envelope: Envelope, payload: bytes, at: int | None) -> None:
        session = self._sender.answers(envelope)
        assert session is not None
        try:
            self._sender.take(step, session, envelope, payload)
        except SessionRefused as refused:
            context, name = self._context, envelope.fields.sender
            if refused.contradiction is not None:
                context.blame.convict(step, refused.contradiction, context.study)
            else:
                error = RemoteError(name, refused.code, str(refused))
                context.blame.refuse(step, error, context.study, at)

    # ---------------------------------------------------------------- announcements

    def _announcement(self, step: Step, envelope: Envelope, payload: Buffer | None, at: int | None) -> None:
        name, round = envelope.fields.sender, envelope.fields.round
        assert round is not None
        self._context.absent.discard(name)
        self._context.presence.advanced(name, round)
        if at is None or round < at:
            return
        if round > at or (self._sums.stage is None and self._training.current is None):
            self.early.keep(envelope, payload)
            if payload is not None:
                step.blob(self.early.file_of(envelope), payload, durable=True)
            self._clear(step)
        else:
            self._announce(step, envelope, payload)

    def _announce(self, step: Step, envelope: Envelope, payload: Buffer | None) -> None:
        if not self._agrees(step, envelope):
            return
        if self._sums.stage is not None:
            self._sums.stage.hear(envelope)
        elif self._training.current is not None:
            self._training.current.hear(envelope, payload)

    def _clear(self, step: Step) -> None:
        for name in self.early.gone():
            step.blob(name, None)

    def leave(self, step: Step) -> None:
        """The study is over: no round is to come."""
        self.early.take(self._context.plan.end_round)
        self._clear(step)

    def begin_stage(self, step: Step, number: int) -> None:
        """A stage begins: hand on what came before it."""
        for envelope, payload in self.early.take(number):
            self._announce(step, envelope, payload)

    def begin_round(self, step: Step, number: int) -> list[Announcement] | None:
        """Return what came before a training round; None if somebody announced for it with other sums."""
        early = self.early.take(number)
        self._clear(step)
        return early if all(self._agrees(step, envelope) for envelope, _ in early) else None

    def _agrees(self, step: Step, envelope: Envelope) -> bool:
        """Whether the sender of an ADVERT opened the same sums."""
        fields, context = envelope.fields, self._context
        assert fields.round is not None
        ours, theirs = context.stats(fields.round), fields.body.get("stats")
        if fields.type != "ADVERT" or ours is None or theirs == ours:
            return True
        column = context.differing_column(fields.round, theirs if isinstance(theirs, bytes) else b"")
        self.words = f"{fields.sender} opened other sums than this region; the first column that differs: {column}"
        step.do(Suspect(fields.sender, "STATE", self.words))
        return False
