"""Where a study is at one region: its phase and round, and whom it waits for, as PING and status say it.

Nothing here changes anything: ``study`` does.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray

from gossip.sessions.sender import Sender
from gossip.studies.context import StudyContext
from gossip.studies.past import Past
from gossip.studies.record import Record
from gossip.studies.round import TrainingRound
from gossip.studies.sum_rounds import SumRounds
from gossip.studies.sums import SumStage
from gossip.studies.training import Training


class Phase(Enum):
    """Where a study is."""

    OPENING = "opening"
    SUM = "sum"
    WAITING = "waiting"
    TRAINING = "training"
    REJOINING = "rejoining"
    ENDED = "ended"


BEFORE_TRAINING = (Phase.OPENING, Phase.SUM, Phase.WAITING)


class Whereabouts(Record):
    """A study's parts, and what can be said of it.

    Attributes:
        context: What its machines share.
        phase: Where it is in its life.
    """

    def __init__(self, context: StudyContext) -> None:
        super().__init__()
        self.context = context
        self.phase = Phase.OPENING
        self._sender = Sender(context)
        self._past = Past(context)
        self._sums = SumRounds(context, self._sender, self._past)
        self._training = Training(context, self._sender, self)
        self._entered_ms = 0

    @property
    def _stage(self) -> SumStage | None:
        return self._sums.stage

    @property
    def _current(self) -> TrainingRound | None:
        return self._training.current

    @property
    def model(self) -> NDArray[np.float32] | None:
        """The region's model, float32 (p,); None before the worker has built it."""
        return self._training.model

    @property
    def id(self) -> bytes:
        """The study id."""
        return self.context.study

    @property
    def round(self) -> int:
        """The round this region is in; P + rounds from the end on."""
        plan = self.context.plan
        if self.phase is Phase.ENDED:
            return plan.end_round if self.outcome == "done" else max(self.context.last, 0)
        if self._stage is not None:
            return self._stage.number
        if self._current is not None:
            return self._current.number
        return self.context.last + 1

    @property
    def has_begun(self) -> bool:
        """Whether PING may name this study: from when the model is built, or at once after a restart."""
        return self.phase is not Phase.OPENING or self.context.last >= 0

    @property
    def attempt(self) -> int:
        """Attempt of this region's own sum session; 0 elsewhere."""
        return self._stage.attempt if self._stage is not None and self.phase is Phase.SUM else 0

    @property
    def state(self) -> str:
        """The word that PING and status carry."""
        if self.phase is Phase.ENDED:
            return "done"
        if self.phase in (Phase.OPENING, Phase.WAITING, Phase.REJOINING):
            return "waiting"
        if self.phase is Phase.SUM:
            return "sum"
        if self.alone:
            return "alone"
        return "train" if self._current is None or self._current.value is None else "mix"

    def waiting_for(self, now_ms: int) -> list[dict[str, object]]:
        """Whom it waits for, for what, since and until when (ms; until None: for as long as it takes)."""
        if self.phase is Phase.SUM and self._stage is not None:
            until = self._stage.deadline_ms()
            pairs, since = self._stage.waiting_for(), self._stage.opened_ms
        elif self.phase is Phase.WAITING:
            first = self.context.plan.sum_rounds
            behind = [n for n in self.context.others if self.context.presence.of(n).reached < first]
            pairs, since, until = [(n, "to begin training together") for n in behind], self._entered_ms, None
        elif self.phase is Phase.TRAINING and self._current is not None:
            until = self._current.wake_ms()
            pairs, since = self._current.waiting_for(), self._current.opened_ms
        else:
            return []
        return [{"region": n, "what": what, "since_ms": since, "until_ms": until} for n, what in pairs]
