"""The training rounds of a study at one region, one after another.

Rules kept here, and nowhere else:
  * where the plan asks for differential privacy, a value whose report does not state it is never announced;
  * a region that has no value in a round says so (ABSENT), and so does one that skips rounds to catch up;
  * training is never cut short to catch up; a value that is ready then counts in the round that is entered.

What happens inside a round: ``round``. When a round is left and where to: ``pace``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gossip.events import TrainReport
from gossip.exchange.mixing import model_hash
from gossip.exchange.weighting import weighted
from gossip.sessions.sender import Sender
from gossip.step import Step
from gossip.studies import pace
from gossip.studies.bucket_round import BucketRound
from gossip.studies.context import StudyContext
from gossip.studies.early import Announcement
from gossip.studies.network_round import NetworkRound
from gossip.studies.record import Record
from gossip.studies.round import TrainingRound, stored_model
from protocol.buckets import BUCKETS
from protocol.codec import Value
from protocol.envelope import Envelope


class Training:
    """All training rounds of one study.

    Attributes:
        model: The region's model, float32 (p,); None before the worker has built it.
        current: The round at hand.
        own_absent: Its newest ABSENT.
    """

    def __init__(self, context: StudyContext, sender: Sender, record: Record) -> None:
        self.model: NDArray[np.float32] | None = None
        self.current: TrainingRound | None = None
        self.own_absent: Envelope | None = None
        self._context = context
        self._sender = sender
        self._record = record

    # ---------------------------------------------------------------- the model

    def begin(self, initial: NDArray[np.float32], mixed: dict[int, bytes]) -> None:
        """The initial model is here; ``mixed`` is what the log says of rounds that were mixed in earlier runs."""
        self.model = self._restored(np.ascontiguousarray(initial, dtype="<f4"), mixed)

    def _restored(self, reference: NDArray[np.float32], mixed: dict[int, bytes]) -> NDArray[np.float32]:
        """The newest stored model, if it is the one that the log says was mixed; else where the study began."""
        context = self._context
        restored: NDArray[np.float32] | None = None
        for number in range(context.last, context.plan.sum_rounds - 1, -1):
            stored = context.blob(stored_model(context, number))
            if stored is None:
                continue
            context.stored_models.insert(0, number)
            if restored is None and len(stored) == 4 * reference.size:
                model = np.frombuffer(stored, dtype="<f4").copy()
                if mixed.get(number, model_hash(model)) == model_hash(model):
                    restored = model
            if len(context.stored_models) == 2:
                break
        return restored if restored is not None else reference

    @property
    def _begun_name(self) -> str:
        return f"round/{self._context.study.hex()}"

    def begun(self) -> int:
        """The training round that was entered last, as the region's own state has it; -1 if there is none."""
        stored = self._context.blob(self._begun_name)
        return int.from_bytes(stored, "big") if stored is not None else -1

    def leave(self) -> None:
        """The study has ended: nothing more is mixed."""
        self.current = None

    # ---------------------------------------------------------------- rounds

    def enter(
        self, step: Step, number: int, early: list[Announcement], ready: NDArray[np.float32] | None = None
    ) -> None:
        """Begin a round, with what came before it; with the value that is ``ready``, if training is done."""
        assert self.model is not None
        context = self._context
        self._sender.leave_before(max(number - 2, context.plan.sum_rounds))
        plan = context.plan
        kind = (
            NetworkRound if plan.aggregation == "network"
            else BucketRound if plan.robustness == BUCKETS
            else TrainingRound
        )  # fmt: skip
        self.current = kind(context, self._sender, number, step.now_ms, self.model)
        step.blob(self._begun_name, number.to_bytes(8, "big"))
        edges: list[Value] = [*sorted(context.plan.neighbours(context.me, number))]
        step.add("round.start", {"round": number, "base": model_hash(self.model), "edges": edges}, context.study)
        self.current.open(step, early)
        if ready is None:
            self.current.train(step)
        else:
            self._announce(step, self.current, ready)

    def trained(self, step: Step, round: int, vector: NDArray[np.float32], report: TrainReport) -> int | None:
        """Take the worker's local update; returns the round to enter with it, where the others are too far ahead."""
        current, plan = self.current, self._context.plan
        if current is None or current.number != round or current.value is not None:
            return None
        if report.dp is not None:
            self._record.spent(report.dp)
        if report.dp is not None or self._context.recording.drawn:
            current.report(step, report, vector)
        target = pace.caught_up(self._context, round, step.now_ms)
        lacks_noise = plan.dp is not None and report.dp is None
        if vector.size != plan.dim or not np.isfinite(vector).all() or lacks_noise:
            self.give_up(step, current)
            return None
        try:
            vector = weighted(self._context, current.model, vector)
        except ValueError as error:
            self._context.warn(str(error))
            self.give_up(step, current)
            return None
        if target is not None:
            current.value = vector
            current.keep(step, "catch-up")
            self.close()
            # Whoever has announced itself in a round has no excuse for it.
            self.excuse(step, round + self._sender.has_announced(round), target - 1)
            return target
        else:
            self._announce(step, current, vector)
        return None

    def _announce(self, step: Step, current: TrainingRound, vector: NDArray[np.float32]) -> None:
        try:
            current.ready(step, np.ascontiguousarray(vector, dtype="<f4"))
        except ValueError:
            self.give_up(step, current)

    def failed(self, step: Step, round: int | None) -> bool:
        """Take that the worker could not train; False if nothing of it was awaited."""
        current = self.current
        if current is None or current.number != round or current.value is not None:
            return False
        self.give_up(step, current)
        return True

    def give_up(self, step: Step, current: TrainingRound) -> None:
        """No value this round; where nothing was announced, the region says so."""
        current.give_up("training")
        if not self._sender.has_announced(current.number):
            self.excuse(step, current.number, current.number)

    def close(self) -> None:
        """The round at hand is over: its model is the region's."""
        current = self.current
        assert current is not None
        assert current.outcome is not None
        self.model, self._context.last, self.current = current.model, current.number, None
        if current.outcome == "mixed":
            self._record.rounds_mixed += 1
        # Who rests in this round of a schedule is not alone.
        plans_some = bool(self._context.plan.neighbours(self._context.me, current.number))
        self._record.alone = current.reason == "too-few" and plans_some
        self._record.note(current.number, current.outcome, current.reason, current.missing, current.senders)

    def excuse(self, step: Step, first: int, last: int) -> None:
        """Sign ABSENT for rounds in which nothing was announced."""
        plan, me = self._context.plan, self._context.me
        neighbours = sorted({n for r in range(first, last + 1) for n in plan.neighbours(me, r)})
        now = self.current.number if self.current is not None else self._context.last + 1
        self.own_absent = step.seal(
            "ABSENT", {"first": first, "last": last}, to=neighbours, study=plan.study, round=now
        )
