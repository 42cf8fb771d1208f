"""One study at one region: from its start through sum rounds and training rounds to its end.

Rules kept here, and nowhere else:
  * after a restart an open training round is ``kept``, and nothing is signed twice;
  * sums that others opened otherwise stop the study: nobody trains on them;
  * X of a round is forgotten three rounds on.

A study is in one phase at a time; the diagram is in README.md. When a region goes on and where to: ``pace``;
what its log says of earlier runs: ``past``; its stages: ``sum_rounds``; its rounds: ``training``; what it takes
in: ``hearing``; where it is and what it has come to: ``whereabouts``, ``record``.
No sockets, clock or disk.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gossip.effects import Ended, Open
from gossip.events import Buffer, TrainReport
from gossip.exchange.choice import exchange_for
from gossip.exchange.mixing import model_hash
from gossip.exchange.weighting import forget_count
from gossip.step import Step
from gossip.studies import pace
from gossip.studies.context import Columns, StudyContext
from gossip.studies.hearing import Hearing
from gossip.studies.inbox import Inbox
from gossip.studies.network_round import falls_back
from gossip.studies.whereabouts import Phase, Whereabouts
from protocol.entries import Entry
from protocol.envelope import Envelope

REJOIN_MS = 10_000
RETRY_MS = 2_000
FINAL_FAILURES = ("budget", "data", "stats", "code")


class Study(Whereabouts):
    """A study that has started here."""

    def __init__(self, context: StudyContext) -> None:
        super().__init__(context)
        self._inbox = Inbox(context, self._sender, self._sums, self._training)
        self.hearing = Hearing(context, self._sender, self._sums, self._inbox)
        self._retry_ms: int | None = None

    # ---------------------------------------------------------------- start, restart

    def start(self, step: Step, accepts: list[tuple[str, bytes]], lost: int | None = None) -> None:
        """Every participant has accepted: log it and build the model; ``lost`` as in ``resume``."""
        plan = self.context.plan
        step.add(
            "study.start",
            {
                "roster": plan.roster,
                "regions": list(plan.regions),
                "init": plan.init,
                "masking": plan.masking["mode"],
                "lab": plan.lab,
                "accepts": [{"region": name, "eid": eid} for name, eid in accepts],
            },
            self.id,
        )
        if lost is None or self._lose(step, lost):
            self.context.last = self._past.last
            step.do(Open(self.id, plan))

    def replay(self, entry: Entry) -> None:
        """Take one of this region's own entries of an earlier run."""
        self._past.entry(entry)
        self.recall(entry)
        self.context.recording.take(entry)
        if entry.kind == "study.end":
            self._sender.forget_cohorts()
            self.phase = Phase.ENDED

    def replay_envelope(self, envelope: Envelope, own: bool, payload: bytes | None) -> None:
        """Take one envelope of this study from the log of an earlier run; ``payload`` if it was kept."""
        fields = envelope.fields
        self._past.envelope(envelope, own)
        self.context.recording.recall(envelope)
        if fields.type == "ABSENT" and not own:
            self.context.take_absent(envelope)
        self._sender.recall(envelope, own, payload)

    def resume(self, step: Step, lost: int | None = None) -> None:
        """Go on after a restart: what was opened is read back, an open training round is kept.

        Args:
            lost: Latest round in which something was said that this region's log has lost (-1: none), where that
                may be; None where nothing can have been lost.
        """
        plan, past = self.context.plan, self._past
        if lost is not None and not self._lose(step, lost):
            return
        self.context.forgotten = max(past.lost, lost if lost is not None else -1)  # an earlier run may have given up
        self._sender.forget_cohorts()
        self.context.last, self._training.own_absent, self._inbox.early = past.last, past.absent, past.early
        if not self._sums.restore():
            self.end(step, "stopped", "stats")
            return
        number = self.context.last + 1
        if number < plan.end_round and past.is_open(number, self._training.begun()):
            step.add("round.end", {"round": number, "outcome": "kept", "reason": "restart"}, self.id)
            self.note(number, "kept", "restart")
            self.context.last = number
            if past.announced < number:
                self._training.excuse(step, number, number)
        self._entered_ms = step.now_ms
        step.do(Open(self.id, plan))

    def _lose(self, step: Step, lost: int) -> bool:
        """Give up the rounds in which something may have been said that is lost; False if the study is over by it."""
        past, plan = self._past, self.context.plan
        self.context.forgotten, self.context.given_up = lost, range(past.last + 1, lost + 1)
        if past.last + 1 < plan.sum_rounds:
            self.words = "this region's log was begun anew while sums were open: they cannot be counted a second time"
            self.end(step, "stopped", "stats")
            return False
        for number in range(past.last + 1, lost + 1):
            step.add("round.end", {"round": number, "outcome": "kept", "reason": "restart"}, self.id)
            self.note(number, "kept", "restart")
        past.lose(lost)
        return True

    def opened(self, step: Step, vector: NDArray[np.float32], layout: tuple[tuple[str, int], ...] = ()) -> None:
        """The worker has built the initial model; ``layout``: (name, size) of its parameters."""
        if self.phase is not Phase.OPENING:
            return
        plan = self.context.plan
        self._retry_ms = None
        if vector.size != plan.dim or model_hash(vector) != plan.init:
            self.end(step, "stopped", "init")
            return
        try:
            reference = np.ascontiguousarray(vector, dtype="<f4")
            self.context.recording.begin(step, reference.data.cast("B"))
            self.context.layout = layout
            self.context.exchange = exchange_for(self.context, self._past, reference)
        except ValueError as error:
            self.words = str(error)
            self.end(step, "stopped", "code")
            return
        self._training.begin(vector, self._past.models)
        if not self._fall_back(step):
            return
        self._entered_ms = step.now_ms
        number = self.context.last + 1
        if number < plan.sum_rounds:
            self._open_stage(step, number)
        else:
            self.phase = Phase.REJOINING if number > plan.sum_rounds else Phase.WAITING
        self.advance(step)

    # ---------------------------------------------------------------- what the worker says

    def measured(self, step: Step, round: int, vector: NDArray[np.int64], columns: Columns) -> None:
        """The worker's integers for a stage."""
        if self._stage is not None and self._stage.number == round:
            self._retry_ms = None
            self._stage.measured(step, vector, columns)
            self.advance(step)

    def trained(self, step: Step, round: int, vector: NDArray[np.float32], report: TrainReport) -> None:
        """The worker's local update of the round."""
        target = self._training.trained(step, round, vector, report)
        if target is not None:
            self._enter(step, target, ready=self._training.model)
        self.advance(step)

    def failed(self, step: Step, round: int | None, reason: str) -> None:
        """The worker could not: try again, keep the round, or stop where trying again is no use."""
        if self.phase is Phase.ENDED:
            return
        if reason in FINAL_FAILURES:
            self.end(step, "stopped", reason)
        elif self._training.failed(step, round):
            self.advance(step)
        elif self.phase in (Phase.OPENING, Phase.SUM):
            self._retry_ms = step.now_ms + RETRY_MS

    # ---------------------------------------------------------------- what others say

    def hear(self, step: Step, envelope: Envelope, payload: Buffer | None) -> None:
        """Take in ADVERT, COHORT, MASKED, DELTA or ABSENT; it is logged here.

        Raises:
            RemoteError: As ``Hearing.check``.
        """
        self._sender.tick(step.now_ms)
        self.hearing.check(envelope)
        step.received(envelope, None)
        self._inbox.take(step, envelope, payload, None if self.phase is Phase.ENDED else self.round)
        self.advance(step)

    # ---------------------------------------------------------------- time and links

    def advance(self, step: Step) -> None:
        """Do all that can be done by now."""
        self._sender.tick(step.now_ms)
        self._stop_unequal(step)
        while self._advance_once(step):
            pass
        self._answer(step)
        self._forget()

    def _advance_once(self, step: Step) -> bool:
        context = self.context
        match self.phase:
            case Phase.SUM:
                return self._advance_sums(step)
            case Phase.WAITING:
                if pace.may_begin(context, self._entered_ms, step.now_ms):
                    self._sums.leave(step)
                    return self._go_on(step)
            case Phase.REJOINING:
                known = [context.presence.of(n) for n in context.others]
                answered = any(n.answered and n.reached >= 0 for n in known)
                if answered or step.now_ms >= self._entered_ms + REJOIN_MS:
                    return self._go_on(step)
            case Phase.TRAINING:
                current = self._current
                assert current is not None
                current.progress(step)
                if current.may_leave(step.now_ms, pace.is_passed(context, current.number, step.now_ms)):
                    self._training.close()
                    return self._fall_back(step) and self._go_on(step)
        return False

    def _fall_back(self, step: Step) -> bool:
        """After two whole-network rounds that were void, do what the plan says; False if the study is over."""
        plan = self.context.plan
        if plan.aggregation != "network" or not falls_back(self.history):
            return True
        if plan.fallback == "stop":
            self.words = "two whole-network rounds in a row were void, and the plan's fallback is to stop"
            self.end(step, "stopped", "training")
            return False
        self.context.plan = plan.fallen_back()
        if self.context.exchange is not None:
            self.context.exchange.plan = self.context.plan
        return True

    def _advance_sums(self, step: Step) -> bool:
        if not self._sums.progress(step):
            self._stop_sums(step)
            return False
        self.context.last += 1
        self.note(self.context.last, "summed", None)
        self._entered_ms = step.now_ms
        if self.context.last + 1 < self.context.plan.sum_rounds:
            self._open_stage(step, self.context.last + 1)
        else:
            self.phase = Phase.WAITING
        return True

    def _open_stage(self, step: Step, number: int) -> None:
        self.phase = Phase.SUM
        self._sums.begin(step, number)
        self._stop_sums(step)
        self._inbox.begin_stage(step, number)
        self._stop_unequal(step)

    def _stop_sums(self, step: Step) -> None:
        if self._sums.over is not None:
            reason, self.words = self._sums.over
            self.end(step, "stopped", reason)

    def _go_on(self, step: Step) -> bool:
        """Enter the next round, or catch up with the others."""
        target = pace.caught_up(self.context, self.context.last, step.now_ms)
        if target is not None and target > self.context.last + 1:
            self._training.excuse(step, self.context.last + 1, target - 1)
        self._enter(step, target if target is not None else self.context.last + 1)
        return self.phase is Phase.TRAINING

    def _enter(self, step: Step, number: int, ready: NDArray[np.float32] | None = None) -> None:
        if number >= self.context.plan.end_round:
            self.end(step, "done", None)
            return
        self.phase = Phase.TRAINING
        early = self._inbox.begin_round(step, number)
        if early is None:
            self._stop_unequal(step)
        else:
            self._training.enter(step, number, early, ready)

    def _stop_unequal(self, step: Step) -> None:
        if self._inbox.words is not None and self.phase is not Phase.ENDED:
            self.words = self._inbox.words
            self.end(step, "stopped", "stats")

    def _answer(self, step: Step) -> None:
        """As a member of sum rounds: answer attempts of every stage that somebody may still be in."""
        if self.phase is Phase.ENDED:
            return
        self._sums.answer(step, self.round)

    def _forget(self) -> None:
        """Drop the X of rounds that nobody may ask for any more."""
        asked = self._sender.oldest_round()
        needed = [] if self.phase is Phase.ENDED else [self.round]
        oldest = min([*needed, *([asked] if asked is not None else [])], default=None)
        for number in [r for r in self.context.code if oldest is None or r < oldest]:
            if not self._sums.keeps(number):
                del self.context.code[number]

    def tick(self, step: Step) -> None:
        """Look at the clock."""
        if self._retry_ms is not None and step.now_ms >= self._retry_ms:
            self._retry_ms = None
            if self.phase is Phase.OPENING:
                step.do(Open(self.id, self.context.plan))
            elif self._stage is not None:
                self._stage.open(step, None)
        self.advance(step)

    def wake_ms(self, now_ms: int) -> int | None:
        """When this study next wants to look at the clock."""
        times = [self._sender.deadline_ms(), self._retry_ms]
        if self.phase is Phase.SUM and self._stage is not None:
            times.append(self._stage.deadline_ms())
        elif self.phase is Phase.REJOINING:
            times.append(self._entered_ms + REJOIN_MS)
        elif self.phase is Phase.WAITING:
            times.append(now_ms + 1000)
        elif self.phase is Phase.TRAINING and self._current is not None:
            times.append(self._current.wake_ms())
        return min((t for t in times if t is not None), default=None)

    def link_up(self, step: Step, name: str) -> None:
        """Send again what this region has said in open sessions, and its newest ABSENT."""
        if name not in self.context.plan.regions:
            return
        if self._training.own_absent is not None:
            step.send(self._training.own_absent, None, [name])
        for (round, receiver), (_, envelope) in self._past.adverts.items():
            if receiver == name and self.context.presence.of(name).reached <= round:
                step.send(envelope, None, [name])
        self._sender.resend(step, name)
        if self._stage is not None:
            self._stage.resend(step, name)
        if self._current is not None:
            self._current.resend(step, name)

    def leave(self, step: Step) -> None:
        """The region leaves: it excuses itself from all rounds in which it has announced nothing, and ends here."""
        if self.phase is Phase.ENDED:
            return
        plan, first = self.context.plan, max(self.round, self.context.plan.sum_rounds)
        if self._sender.has_announced(first):
            first += 1
        if first < plan.end_round:
            self._training.excuse(step, first, plan.end_round - 1)
        self.end(step, "left", "operator")

    def end(self, step: Step, outcome: str, reason: str | None) -> None:
        """The study is over here."""
        if self.phase is Phase.ENDED:
            return
        number = self.context.plan.end_round if outcome == "done" else self.round
        step.add("study.end", {"round": number, "outcome": outcome, "reason": reason, "model": None}, self.id)
        self.phase, self.outcome, self.reason = Phase.ENDED, outcome, reason
        self._training.leave()
        self._sums.leave(step)
        self._inbox.leave(step)
        if self.context.exchange is not None:
            self.context.exchange.leave(step)
        forget_count(self.context, step)
        self._sender.leave_before(self.context.plan.sum_rounds)
        step.publish()
        step.do(Ended(self.id, outcome, reason))
