"""One study at one region: from its start through sum rounds and training rounds to its end.

Rules kept here, and nowhere else:
  * training begins together: nobody opens round P before all are heard in it (or one beyond it);
  * *catch-up*: a region two rounds behind what min(c + 2, heard) neighbours have reached excuses itself
    (ABSENT) and goes on where they are; training is never cut short for it;
  * after a restart the open training round is ``kept``, and nothing is signed twice.

A study is in one phase at a time; the diagram is in README.md. No sockets, clock or disk.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray

from gossip.context import Columns, Opened, StudyContext
from gossip.errors import RemoteError
from gossip.events import Buffer, Ended, Open, Suspect, TrainReport
from gossip.mixing import model_hash
from gossip.round import TrainingRound
from gossip.sender import CohortRefused, Sender
from gossip.step import Step
from gossip.sums import Answers, SumStage
from protocol.codec import Value
from protocol.entries import Entry
from protocol.envelope import Envelope

REJOIN_MS = 10_000
RETRY_MS = 2_000
MAX_ABSENTS = 256


class Phase(Enum):
    """Where a study is."""

    OPENING = "opening"
    SUM = "sum"
    WAITING = "waiting"
    TRAINING = "training"
    REJOINING = "rejoining"
    ENDED = "ended"


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
        self._answers = Answers(context, self._sender)
        self._stage: SumStage | None = None
        self._vectors: dict[int, NDArray[np.int64]] = {}
        self._current: TrainingRound | None = None
        self._recent: list[TrainingRound] = []
        self._early: dict[str, dict[int, tuple[Envelope, Buffer | None]]] = {}
        self._last = -1
        self._resumed = False
        self._interrupted = False
        self._entered_ms = 0
        self._retry_ms: int | None = None
        self._own_absent: Envelope | None = None
        self._old_adverts: dict[tuple[int, str], Envelope] = {}
        self._attempts: dict[int, int] = {}
        self._announced = -1

    # ---------------------------------------------------------------- where it is

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
        match entry.kind:
            case "round.end":
                assert isinstance(body["round"], int)
                self._last = max(self._last, body["round"])
                self._note(body["round"], str(body["outcome"]), body["reason"])
            case "round.mix":
                self.rounds_mixed += 1
            case "round.train":
                dp = body["dp"]
                if isinstance(dp, dict) and isinstance(dp["eps_study_u"], int):
                    self.epsilon_u = dp["eps_study_u"]
            case "session.void" if isinstance(body["session"], bytes):
                self._saw_session(body["session"])
            case "study.end":
                self.phase = Phase.ENDED
                self.outcome, self.reason = str(body["outcome"]), body["reason"]  # type: ignore[assignment]

    def replay_envelope(self, envelope: Envelope, own: bool) -> None:
        """Take one envelope of this study from the log of an earlier run."""
        fields = envelope.fields
        if fields.type == "ABSENT":
            if own:
                self._own_absent = envelope
            else:
                self.context.take_absent(envelope)
        if fields.session is None:
            return
        self._saw_session(fields.session)
        if own and fields.type in ("ADVERT", "DELTA") and fields.round is not None:
            self._announced = max(self._announced, fields.round)
            found = self._locate(fields.session, fields.round)
            if fields.round < self.context.plan.sum_rounds and found is not None:
                _, receiver, bucket = found
                self._answers.restore(fields.round, receiver, bucket)
                self._old_adverts[(fields.round, receiver)] = envelope

    def _locate(self, session: bytes, round: int) -> tuple[int, str, int] | None:
        """Which receiver's session of a sum round this is; buckets are searched, at most 100."""
        if round >= self.context.plan.sum_rounds:
            return None
        for bucket in range(100):
            for receiver in self.context.plan.regions:
                if self.context.sid(round, receiver, bucket) == session:
                    return round, receiver, bucket
        return None

    def _saw_session(self, session: bytes) -> None:
        for round in range(self.context.plan.sum_rounds):
            for bucket in range(self._attempts.get(round, -1) + 1, 100):
                if self.context.sid(round, self.context.me, bucket) == session:
                    self._attempts[round] = bucket
                    return
                if bucket > self._attempts.get(round, -1) + 3:
                    break

    def resume(self, step: Step) -> None:
        """Go on after a restart: what was opened is read back, an open training round is kept."""
        context, plan = self.context, self.context.plan
        for number in range(min(self._last + 1, plan.sum_rounds)):
            stored = context.blob(f"total/{self.id.hex()}/{number}")
            if stored is None:
                self.end(step, "stopped", "stats")
                return
            context.opened.append(Opened.decode(stored))
        for number in range(plan.sum_rounds):
            stored = context.blob(f"sum/{self.id.hex()}/{number}")
            if stored is not None:
                self._vectors[number] = Opened.decode(stored).total
        self._resumed = True
        open_round = self._last + 1
        announced = self._announced
        begun = open_round > plan.sum_rounds or (
            open_round == plan.sum_rounds and (announced >= open_round or plan.sum_rounds == 0)
        )
        if open_round >= plan.sum_rounds and begun and open_round < plan.end_round:
            step.add("round.end", {"round": open_round, "outcome": "kept", "reason": "restart"}, self.id)
            self._note(open_round, "kept", "restart")
            self._last = open_round
            if announced < open_round:
                self._excuse(step, open_round, open_round)
            self._interrupted = True
        self._entered_ms = step.now_ms
        step.do(Open(self.id, plan))

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
        nxt = self._last + 1
        if nxt < plan.sum_rounds:
            self._open_stage(step, nxt)
        elif self._interrupted or nxt > plan.sum_rounds:
            self.phase = Phase.REJOINING
        elif plan.sum_rounds > 0:
            self.phase = Phase.WAITING
        else:
            self._enter(step, 0)
        self.advance(step)

    def _restored_model(self, reference: NDArray[np.float32]) -> NDArray[np.float32]:
        for number in range(self._last, max(self._last - 3, -1), -1):
            stored = self.context.blob(f"model/{self.id.hex()}/{number}")
            if stored is not None and len(stored) == 4 * reference.size:
                return np.frombuffer(stored, dtype="<f4").copy()
        return reference

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
            dp: dict[str, Value] = dict(report.dp)
            step.add("round.train", _train_entry(round, current.model, self.context, report, dp), self.id)
        target = self._catch_up(current.number, step.now_ms)
        if target is not None and not self._sender.has_announced(round):
            current.value = vector
            current.keep(step, "catch-up")
            self._close_round(step)
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
        if reason in ("budget", "data", "stats", "code"):
            self.end(step, "stopped", reason)
        elif self._current is not None and self._current.number == round and self._current.value is None:
            self._give_up(step, self._current)
            self.advance(step)
        elif self.phase in (Phase.OPENING, Phase.SUM):
            self._retry_ms = step.now_ms + RETRY_MS

    # ---------------------------------------------------------------- what others say

    def payload_bytes(self, envelope: Envelope) -> int | None:
        """Exact length of the payload that this MASKED or DELTA must have; None if nothing is awaited."""
        round = envelope.fields.round
        if round is None:
            return None
        if round < self.context.plan.sum_rounds:
            return self._stage.payload_bytes() if self._stage is not None and self._stage.number == round else None
        return self.context.plan.payload_bytes(round)

    def hear(self, step: Step, envelope: Envelope, payload: Buffer | None) -> None:
        """Take in ADVERT, COHORT, MASKED, DELTA or ABSENT; it has been admitted, and is logged here.

        Raises:
            RemoteError: Round, session or step do not allow it; nothing has changed.
        """
        fields = envelope.fields
        match fields.type:
            case "ABSENT":
                if len(self.context.excused.get(fields.sender, ())) >= MAX_ABSENTS:
                    raise RemoteError(fields.sender, "LIMIT", f"more than {MAX_ABSENTS} absences in one study")
                step.received(envelope, None)
                self.context.mailbox.remember(envelope)
                self.context.take_absent(envelope)
            case "ADVERT" | "DELTA":
                self._hear_announcement(step, envelope, payload)
            case "COHORT":
                self._hear_cohort(step, envelope, payload)
            case "MASKED":
                self._hear_masked(step, envelope, payload)
            case _:
                raise RemoteError(fields.sender, "STATE", f"{fields.type} belongs to no running round")
        self.advance(step)

    def _hear_announcement(self, step: Step, envelope: Envelope, payload: Buffer | None) -> None:
        fields, context = envelope.fields, self.context
        round = fields.round
        assert round is not None
        if round >= context.plan.end_round or fields.sender not in context.plan.neighbours(context.me, round):
            raise RemoteError(fields.sender, "STATE", f"{fields.type} of round {round} is not for this region")
        in_sum = round < context.plan.sum_rounds
        buckets = range(100) if in_sum else range(1)
        if all(context.sid(round, context.me, b) != fields.session for b in buckets):
            raise RemoteError(fields.sender, "STATE", f"{fields.type} of round {round} names another session")
        if (fields.type == "DELTA") != (not in_sum and context.plan.is_disclosed(context.me, round)):
            raise RemoteError(fields.sender, "STATE", f"the plan does not allow {fields.type} in round {round}")
        if self.phase is Phase.ENDED:
            raise RemoteError(fields.sender, "STATE", "the study has ended here")
        step.received(envelope, None)
        context.mailbox.remember(envelope)
        context.absent.discard(fields.sender)
        context.presence.advanced(fields.sender, round)
        if round > self.round or self.phase in (Phase.OPENING, Phase.WAITING, Phase.REJOINING):
            kept = self._early.setdefault(fields.sender, {})
            kept[round] = (envelope, payload)
            for old in sorted(kept)[:-2]:
                del kept[old]
        elif round == self.round:
            self._take(step, envelope, payload)

    def _take(self, step: Step, envelope: Envelope, payload: Buffer | None) -> None:
        if not self._agrees(step, envelope):
            return
        if self._stage is not None:
            self._stage.hear(envelope, payload)
        elif self._current is not None:
            self._current.hear(step, envelope, payload)

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

    def _hear_cohort(self, step: Step, envelope: Envelope, payload: Buffer | None) -> None:
        fields = envelope.fields
        session = self._sender.answers(envelope)
        if session is None or payload is None:
            raise RemoteError(fields.sender, "STATE", "COHORT for a session that awaits none")
        data = bytes(payload)
        step.received(envelope, None)
        step.keep(data)
        self.context.mailbox.remember(envelope)
        try:
            self._sender.on_cohort(step, session, envelope, data)
        except CohortRefused as refused:
            evidence: list[Value] = []
            if refused.contradiction is not None:
                evidence = [step.keep(refused.contradiction.statement())]
            step.add(
                "fault",
                {"round": fields.round, "region": fields.sender, "code": refused.code, "evidence": evidence},
                self.id,
            )

    def _hear_masked(self, step: Step, envelope: Envelope, payload: Buffer | None) -> None:
        fields = envelope.fields
        taken = False
        if self._stage is not None and self._stage.number == fields.round:
            taken = self._stage.hear(envelope, payload)
        elif self._current is not None and self._current.number == fields.round:
            taken = self._current.hear(step, envelope, payload)
        if not taken:
            raise RemoteError(fields.sender, "STATE", f"MASKED of round {fields.round} is not awaited")
        step.received(envelope, None)
        self.context.mailbox.remember(envelope)

    # ---------------------------------------------------------------- time and links

    def advance(self, step: Step) -> None:
        """Do all that can be done by now."""
        self._sender.tick(step.now_ms)
        while self._advance_once(step):
            pass
        self._answer(step)
        self._forget()

    def _advance_once(self, step: Step) -> bool:
        match self.phase:
            case Phase.SUM:
                return self._advance_stage(step)
            case Phase.WAITING:
                if self._may_begin(step.now_ms):
                    for number in range(self.context.plan.sum_rounds):
                        step.blob(f"sum/{self.id.hex()}/{number}", None)
                    self._vectors.clear()
                    self._sender.leave_before(self.context.plan.sum_rounds)
                    return self._go_on(step)
            case Phase.REJOINING:
                answered = any(
                    self.context.presence.of(n).answered and self.context.presence.of(n).reached >= 0
                    for n in self.context.others
                )
                if answered or step.now_ms >= self._entered_ms + REJOIN_MS:
                    return self._go_on(step)
            case Phase.TRAINING:
                current = self._current
                assert current is not None
                current.progress(step)
                if current.outcome is not None:
                    pause_ms = int(self.context.plan.round_min_s) * 1000
                    if step.now_ms >= current.opened_ms + pause_ms:
                        self._close_round(step)
                        return self._go_on(step)
        return False

    def _advance_stage(self, step: Step) -> bool:
        stage = self._stage
        assert stage is not None
        if stage.vector is not None:
            self._vectors.setdefault(stage.number, stage.vector)
        stage.progress(step)
        if stage.failed:
            self.end(step, "stopped", "attempts")
            return False
        if stage.opened is None:
            return False
        self._last = stage.number
        self._note(stage.number, "summed", None)
        self._stage = None
        self._entered_ms = step.now_ms
        if stage.number + 1 < self.context.plan.sum_rounds:
            self._open_stage(step, stage.number + 1)
        else:
            self.phase = Phase.WAITING
        return True

    def _open_stage(self, step: Step, number: int) -> None:
        self.phase = Phase.SUM
        attempt = self._attempts.get(number, -1) + 1 if self._resumed else 0
        self._stage = SumStage(self.context, number, step.now_ms, attempt)
        self._stage.open(step)
        for envelope, payload in self._early_of(number):
            self._take(step, envelope, payload)

    def _may_begin(self, now_ms: int) -> bool:
        plan, presence = self.context.plan, self.context.presence
        first = plan.sum_rounds
        if any(presence.of(n).reached > first for n in self.context.others):
            return True
        patience_ms = 5 * self.context.timeout_ms
        for name in self.context.others:
            if presence.of(name).reached >= first:
                continue
            last = presence.of(name).answered_ms
            if now_ms - max(last or 0, self._entered_ms) < patience_ms:
                return False
            self.context.absent.add(name)
        return True

    def _catch_up(self, own: int, now_ms: int) -> int | None:
        """Judge catch-up: the round to enter, or None if this region is at most one behind."""
        context = self.context
        if own + 1 > context.plan.end_round:
            return None
        at = min(max(own, context.plan.sum_rounds), context.plan.end_round - 1)
        neighbours = context.plan.neighbours(context.me, at)
        witnesses = context.plan.colluders(context.me, at) + 2
        common = context.presence.common_round(neighbours, witnesses, now_ms)
        if common is None or common < own + 2:
            return None
        return min(common, context.plan.end_round)

    def _go_on(self, step: Step) -> bool:
        """Enter the next round, or catch up with the others."""
        target = self._catch_up(self._last, step.now_ms)
        if target is None:
            self._enter(step, self._last + 1)
        else:
            if target > self._last + 1:
                self._excuse(step, self._last + 1, target - 1)
            self._enter(step, target)
        return self.phase is Phase.TRAINING

    def _enter(self, step: Step, number: int, ready: NDArray[np.float32] | None = None) -> None:
        if number >= self.context.plan.end_round:
            self.end(step, "done", None)
            return
        assert self.model is not None
        assert self._reference is not None
        self.phase = Phase.TRAINING
        self._current = TrainingRound(
            self.context, self._sender, number, step.now_ms, self.model, self._reference
        )
        early = {envelope.fields.sender: (envelope, payload) for envelope, payload in self._early_of(number)}
        if not all(self._agrees(step, envelope) for envelope, _ in early.values()):
            return
        if ready is None:
            self._current.open(step, early)
        else:
            for envelope, payload in early.values():
                self._current.hear(step, envelope, payload)
            self._announce(step, self._current, ready)

    def _early_of(self, number: int) -> list[tuple[Envelope, Buffer | None]]:
        found = []
        for name in sorted(self._early):
            kept = self._early[name]
            if number in kept:
                found.append(kept.pop(number))
            for old in [r for r in kept if r < number]:
                del kept[old]
        return found

    def _close_round(self, step: Step) -> None:
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
        self.context.mailbox.remember(envelope)
        self._own_absent = envelope

    def _answer(self, step: Step) -> None:
        """As a member of sum rounds: answer attempts of every stage that somebody may still be in."""
        if self.phase is Phase.ENDED:
            return
        for number, vector in self._vectors.items():
            if number <= self.round:
                self._answers.answer(step, number, vector)

    def _forget(self) -> None:
        oldest = self._sender.oldest_round()
        keep_from = self.round - 1 if oldest is None else min(oldest, self.round - 1)
        for number in [r for r in self.context.code if r < keep_from and r not in self._vectors]:
            del self.context.code[number]

    def tick(self, step: Step) -> None:
        """Look at the clock."""
        if self._retry_ms is not None and step.now_ms >= self._retry_ms:
            self._retry_ms = None
            if self.phase is Phase.OPENING:
                step.do(Open(self.id, self.context.plan))
            elif self._stage is not None:
                self._stage.open(step)
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
            if self._current.outcome is not None:
                times.append(self._current.opened_ms + int(self.context.plan.round_min_s) * 1000)
            else:
                times.append(self._current.wake_ms())
        return min((t for t in times if t is not None), default=None)

    def link_up(self, step: Step, name: str) -> None:
        """Send again what this region has said in open sessions, and its newest ABSENT."""
        if name not in self.context.plan.regions:
            return
        if self._own_absent is not None:
            step.send(self._own_absent, None, [name])
        for (round, receiver), envelope in self._old_adverts.items():
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
        self._stage = self._current = None
        for stage in range(self.context.plan.sum_rounds):
            step.blob(f"sum/{self.id.hex()}/{stage}", None)
        self._vectors.clear()
        step.publish()
        step.do(Ended(self.id, outcome, reason))


def _train_entry(
    round: int, base: NDArray[np.float32], context: StudyContext, report: TrainReport, dp: dict[str, Value]
) -> dict[str, Value]:
    plan = context.plan
    bucket = 0 if report.norm <= 0 else max(-40, min(40, int(np.floor(2 * np.log2(report.norm)))))
    return {
        "round": round,
        "base": model_hash(base),
        "delta": None,
        "settings_sha256": plan.settings_sha256,
        "code_sha256": plan.code_sha256s[0],
        "steps": report.steps,
        "norm_bucket": bucket,
        "dp": dp,
    }
