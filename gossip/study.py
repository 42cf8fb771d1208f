"""One study at one region: from its start through sum rounds and training rounds to its end.

Rules kept here, and nowhere else:
  * after a restart an open training round is ``kept``, and nothing is signed twice;
  * sums that others opened otherwise stop the study: nobody trains on them;
  * where the plan asks for differential privacy, a value whose report does not state it is never announced;
  * training is never cut short to catch up; X of a round is forgotten three rounds on.

A study is in one phase at a time; the diagram is in README.md. When a region goes on and where to: ``pace``;
what its log says of earlier runs: ``past``; its stages: ``sum_rounds``; what it takes in: ``hearing``.
No sockets, clock or disk.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray

from gossip import pace
from gossip.context import Columns, StudyContext
from gossip.early import Early
from gossip.errors import RemoteError
from gossip.events import Buffer, Ended, Open, Suspect, TrainReport
from gossip.hearing import Hearing
from gossip.mixing import model_hash
from gossip.past import Past
from gossip.round import TrainingRound, stored_model
from gossip.sender import CohortRefused, Sender
from gossip.session import read_cohort
from gossip.step import Step
from gossip.sum_rounds import SumRounds
from gossip.sums import SumStage
from protocol.entries import Entry
from protocol.envelope import Envelope

REJOIN_MS = 10_000
RETRY_MS = 2_000
FINAL_FAILURES = ("budget", "data", "stats", "code")


class Phase(Enum):
    """Where a study is."""

    OPENING = "opening"
    SUM = "sum"
    WAITING = "waiting"
    TRAINING = "training"
    REJOINING = "rejoining"
    ENDED = "ended"


BEFORE_TRAINING = (Phase.OPENING, Phase.SUM, Phase.WAITING)


class Study:
    """A study that has started here."""

    def __init__(self, context: StudyContext) -> None:
        self.context = context
        self.phase = Phase.OPENING
        self.outcome: str | None = None
        self.reason: str | None = None
        self.words: str | None = None
        self.rounds_mixed = 0
        self.alone = False
        self.epsilon_u: int | None = None
        self.history: list[dict[str, object]] = []
        self.model: NDArray[np.float32] | None = None
        self._reference: NDArray[np.float32] | None = None
        self._sender = Sender(context)
        self._past = Past(context)
        self._sums = SumRounds(context, self._sender, self._past)
        self.hearing = Hearing(context, self._sender, self._sums, lambda masked: self._awaiting(masked) is not None)
        self._cohorts: dict[bytes, tuple[Envelope, bytes | None]] = {}
        self._current: TrainingRound | None = None
        self._early = Early()
        self._last = -1
        self._entered_ms = 0
        self._retry_ms: int | None = None
        self._own_absent: Envelope | None = None

    # ---------------------------------------------------------------- where it is

    @property
    def _stage(self) -> SumStage | None:
        return self._sums.stage

    @property
    def id(self) -> bytes:
        """The study id."""
        return self.context.study

    @property
    def round(self) -> int:
        """The round this region is in; P + rounds from the end on."""
        plan = self.context.plan
        if self.phase is Phase.ENDED:
            return plan.end_round if self.outcome == "done" else max(self._last, 0)
        if self._stage is not None:
            return self._stage.number
        if self._current is not None:
            return self._current.number
        return self._last + 1

    @property
    def has_begun(self) -> bool:
        """Whether PING may name this study: from when the model is built, or at once after a restart."""
        return self.phase is not Phase.OPENING or self._last >= 0

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

    # ---------------------------------------------------------------- start, restart

    def start(self, step: Step, accepts: list[tuple[str, bytes]]) -> None:
        """Every participant has accepted: log it and build the model."""
        plan = self.context.plan
        step.add(
            "study.start",
            {
                "roster": plan.roster, "regions": list(plan.regions), "init": plan.init,
                "masking": plan.masking["mode"], "lab": plan.lab,
                "accepts": [{"region": name, "eid": eid} for name, eid in accepts],
            },
            self.id,
        )
        step.do(Open(self.id, plan))

    def replay(self, entry: Entry) -> None:
        """Take one of this region's own entries of an earlier run."""
        body = entry.body
        self._past.entry(entry)
        match entry.kind:
            case "round.end":
                assert isinstance(body["round"], int)
                self._note(body["round"], str(body["outcome"]), body["reason"])
            case "round.mix":
                self.rounds_mixed += 1
            case "round.train":
                dp = body["dp"]
                if isinstance(dp, dict) and isinstance(dp["eps_study_u"], int):
                    self.epsilon_u = dp["eps_study_u"]
            case "study.end":
                self._cohorts.clear()
                self.phase = Phase.ENDED
                self.outcome, self.reason = str(body["outcome"]), body["reason"]  # type: ignore[assignment]

    def replay_envelope(self, envelope: Envelope, own: bool, payload: bytes | None) -> None:
        """Take one envelope of this study from the log of an earlier run; ``payload`` if it was kept."""
        fields = envelope.fields
        self._past.envelope(envelope, own)
        if fields.type == "ABSENT" and not own:
            self.context.take_absent(envelope)
        elif fields.type == "COHORT" and not own:
            self._cohorts[envelope.eid] = (envelope, payload)
        elif fields.type == "MASKED" and own:
            cohort, inside = self._cohorts.pop(bytes(fields.body["view"]), (None, None))  # type: ignore[arg-type]
            if cohort is not None and inside is not None:
                self._sender.answered(read_cohort(cohort, inside))

    def resume(self, step: Step) -> None:
        """Go on after a restart: what was opened is read back, an open training round is kept."""
        plan, past = self.context.plan, self._past
        self._cohorts.clear()
        self._last, self._own_absent, self._early = past.last, past.absent, past.early
        if not self._sums.restore():
            self.end(step, "stopped", "stats")
            return
        number = self._last + 1
        if number < plan.end_round and past.is_open(number, self._begun()):
            step.add("round.end", {"round": number, "outcome": "kept", "reason": "restart"}, self.id)
            self._note(number, "kept", "restart")
            self._last = number
            if past.announced < number:
                self._excuse(step, number, number)
        self._entered_ms = step.now_ms
        step.do(Open(self.id, plan))

    def _begun(self) -> int:
        """The training round that was entered last, as the region's own state has it; -1 if there is none."""
        stored = self.context.blob(f"round/{self.id.hex()}")
        return int.from_bytes(stored, "big") if stored is not None else -1

    def opened(self, step: Step, vector: NDArray[np.float32]) -> None:
        """The worker has built the initial model."""
        if self.phase is not Phase.OPENING:
            return
        plan = self.context.plan
        self._retry_ms = None
        if vector.size != plan.dim or model_hash(vector) != plan.init:
            self.end(step, "stopped", "init")
            return
        self._reference = np.ascontiguousarray(vector, dtype="<f4")
        self.model = self._restored_model(self._reference)
        self._entered_ms = step.now_ms
        number = self._last + 1
        if number < plan.sum_rounds:
            self._open_stage(step, number)
        else:
            self.phase = Phase.REJOINING if number > plan.sum_rounds else Phase.WAITING
        self.advance(step)

    def _restored_model(self, reference: NDArray[np.float32]) -> NDArray[np.float32]:
        """The newest stored model, if it is the one that the log says was mixed; else where the study began."""
        restored: NDArray[np.float32] | None = None
        for number in range(self._last, self.context.plan.sum_rounds - 1, -1):
            stored = self.context.blob(stored_model(self.context, number))
            if stored is None:
                continue
            self.context.stored_models.insert(0, number)
            if restored is None and len(stored) == 4 * reference.size:
                model = np.frombuffer(stored, dtype="<f4").copy()
                if self._past.models.get(number, model_hash(model)) == model_hash(model):
                    restored = model
            if len(self.context.stored_models) == 2:
                break
        return restored if restored is not None else reference

    # ---------------------------------------------------------------- what the worker says

    def measured(self, step: Step, round: int, vector: NDArray[np.int64], columns: Columns) -> None:
        """The worker's integers for a stage."""
        if self._stage is not None and self._stage.number == round:
            self._retry_ms = None
            self._stage.measured(step, vector, columns)
            self.advance(step)

    def trained(self, step: Step, round: int, vector: NDArray[np.float32], report: TrainReport) -> None:
        """The worker's local update of the round."""
        current = self._current
        if current is None or current.number != round or current.value is not None:
            return
        if report.dp is not None:
            eps = report.dp.get("eps_study_u")
            self.epsilon_u = eps if isinstance(eps, int) else self.epsilon_u
            current.report(step, report)
        target = pace.caught_up(self.context, round, step.now_ms)
        plan = self.context.plan
        lacks_noise = plan.dp is not None and report.dp is None
        if vector.size != plan.dim or not np.isfinite(vector).all() or lacks_noise:
            self._give_up(step, current)
        elif target is not None and not self._sender.has_announced(round):
            current.value = vector
            current.keep(step, "catch-up")
            self._close_round()
            self._excuse(step, round, target - 1)
            self._enter(step, target, ready=vector)
        else:
            self._announce(step, current, vector)
        self.advance(step)

    def _announce(self, step: Step, current: TrainingRound, vector: NDArray[np.float32]) -> None:
        try:
            current.ready(step, np.ascontiguousarray(vector, dtype="<f4"))
        except ValueError:
            self._give_up(step, current)

    def _give_up(self, step: Step, current: TrainingRound) -> None:
        """No value this round: nothing was announced, and the region says so."""
        current.give_up("training")
        self._excuse(step, current.number, current.number)

    def failed(self, step: Step, round: int | None, reason: str) -> None:
        """The worker could not: try again, keep the round, or stop where trying again is no use."""
        if self.phase is Phase.ENDED:
            return
        if reason in FINAL_FAILURES:
            self.end(step, "stopped", reason)
        elif self._current is not None and self._current.number == round and self._current.value is None:
            self._give_up(step, self._current)
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
        match envelope.fields.type:
            case "ABSENT":
                self.context.take_absent(envelope)
            case "COHORT":
                self._hear_cohort(step, envelope, bytes(payload or b""))
            case "MASKED":
                machine = self._awaiting(envelope)
                assert machine is not None
                assert payload is not None
                machine.add(envelope, payload)
            case _:
                self._hear_announcement(step, envelope, payload)
        self.advance(step)

    def _awaiting(self, masked: Envelope) -> SumStage | TrainingRound | None:
        return next((m for m in (self._stage, self._current) if m is not None and m.awaits(masked)), None)

    def _hear_announcement(self, step: Step, envelope: Envelope, payload: Buffer | None) -> None:
        name, round = envelope.fields.sender, envelope.fields.round
        assert round is not None
        self.context.absent.discard(name)
        self.context.presence.advanced(name, round)
        if self.phase is Phase.ENDED or round < self.round:
            return
        if round > self.round or (self._stage is None and self._current is None):
            self._early.keep(envelope, payload)
        else:
            self._take(step, envelope, payload)

    def _take(self, step: Step, envelope: Envelope, payload: Buffer | None) -> None:
        if not self._agrees(step, envelope):
            return
        if self._stage is not None:
            self._stage.hear(envelope)
        elif self._current is not None:
            self._current.hear(envelope, payload)

    def _agrees(self, step: Step, envelope: Envelope) -> bool:
        """Whether the sender of an ADVERT opened the same sums; if not, the study stops and says where."""
        fields = envelope.fields
        assert fields.round is not None
        ours, theirs = self.context.stats(fields.round), fields.body.get("stats")
        if fields.type != "ADVERT" or ours is None or theirs == ours:
            return True
        column = self.context.differing_column(fields.round, theirs if isinstance(theirs, bytes) else b"")
        self.words = f"{fields.sender} opened other sums than this region; the first column that differs: {column}"
        step.do(Suspect(fields.sender, "STATE", self.words))
        self.end(step, "stopped", "stats")
        return False

    def _hear_cohort(self, step: Step, envelope: Envelope, payload: bytes) -> None:
        session = self._sender.answers(envelope)
        assert session is not None
        step.keep(payload)
        try:
            self._sender.on_cohort(step, session, envelope, payload)
        except CohortRefused as refused:
            blame, name = self.context.blame, envelope.fields.sender
            if refused.contradiction is not None:
                blame.convict(step, refused.contradiction, self.id)
            else:
                blame.refuse(step, RemoteError(name, refused.code, str(refused)), self.id, self.round)

    # ---------------------------------------------------------------- time and links

    def advance(self, step: Step) -> None:
        """Do all that can be done by now."""
        self._sender.tick(step.now_ms)
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
                    self._close_round()
                    return self._go_on(step)
        return False

    def _advance_sums(self, step: Step) -> bool:
        if not self._sums.progress(step):
            self._stop_sums(step)
            return False
        self._last += 1
        self._note(self._last, "summed", None)
        self._entered_ms = step.now_ms
        if self._last + 1 < self.context.plan.sum_rounds:
            self._open_stage(step, self._last + 1)
        else:
            self.phase = Phase.WAITING
        return True

    def _open_stage(self, step: Step, number: int) -> None:
        self.phase = Phase.SUM
        self._sums.begin(step, number)
        self._stop_sums(step)
        for envelope, payload in self._early.take(number):
            self._take(step, envelope, payload)

    def _stop_sums(self, step: Step) -> None:
        if self._sums.over is not None:
            reason, self.words = self._sums.over
            self.end(step, "stopped", reason)

    def _go_on(self, step: Step) -> bool:
        """Enter the next round, or catch up with the others."""
        target = pace.caught_up(self.context, self._last, step.now_ms)
        if target is not None and target > self._last + 1:
            self._excuse(step, self._last + 1, target - 1)
        self._enter(step, target if target is not None else self._last + 1)
        return self.phase is Phase.TRAINING

    def _enter(self, step: Step, number: int, ready: NDArray[np.float32] | None = None) -> None:
        if number >= self.context.plan.end_round:
            self.end(step, "done", None)
            return
        assert self.model is not None
        assert self._reference is not None
        self.phase = Phase.TRAINING
        self._sender.leave_before(max(number - 2, self.context.plan.sum_rounds))
        self._current = TrainingRound(
            self.context, self._sender, number, step.now_ms, self.model, self._reference
        )
        step.blob(f"round/{self.id.hex()}", number.to_bytes(8, "big"))
        early = self._early.take(number)
        if not all(self._agrees(step, envelope) for envelope, _ in early):
            return
        if ready is None:
            self._current.open(step, early)
        else:
            for envelope, payload in early:
                self._current.hear(envelope, payload)
            self._announce(step, self._current, ready)

    def _close_round(self) -> None:
        current = self._current
        assert current is not None
        assert current.outcome is not None
        self.model = current.model
        self._last = current.number
        if current.outcome == "mixed":
            self.rounds_mixed += 1
        self.alone = current.reason == "too-few"
        self._note(current.number, current.outcome, current.reason, current.missing, current.senders)
        self._current = None

    def _note(
        self, round: int, outcome: str, reason: object, missing: tuple[str, ...] = (), senders: tuple[str, ...] = ()
    ) -> None:
        self.history.append(
            {"round": round, "outcome": outcome, "reason": reason, "missing": list(missing), "with": list(senders)}
        )

    def _excuse(self, step: Step, first: int, last: int) -> None:
        """Sign ABSENT for rounds in which nothing was announced."""
        neighbours = sorted(
            {n for r in range(first, last + 1) for n in self.context.plan.neighbours(self.context.me, r)}
        )
        envelope = step.seal(
            "ABSENT", {"first": first, "last": last}, to=neighbours, study=self.id, round=max(self.round, 0)
        )
        self._own_absent = envelope

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
        if self._own_absent is not None:
            step.send(self._own_absent, None, [name])
        for (round, receiver), (_, envelope) in self._past.adverts.items():
            if receiver == name and self.context.presence.of(name).reached <= round:
                step.send(envelope, None, [name])
        self._sender.resend(step, name)
        if self._stage is not None:
            self._stage.resend(step, name)
        if self._current is not None:
            self._current.resend(step, name)

    def end(self, step: Step, outcome: str, reason: str | None) -> None:
        """The study is over here."""
        if self.phase is Phase.ENDED:
            return
        number = self.context.plan.end_round if outcome == "done" else self.round
        step.add("study.end", {"round": number, "outcome": outcome, "reason": reason, "model": None}, self.id)
        self.phase, self.outcome, self.reason = Phase.ENDED, outcome, reason
        self._current = self._reference = None
        self._sums.leave(step)
        self._sender.leave_before(self.context.plan.sum_rounds)
        step.publish()
        step.do(Ended(self.id, outcome, reason))
