"""What a region's own log says of a study in earlier runs: enough to go on, and never to say a thing twice.

Fed entry by entry and envelope by envelope, in the order of the log, before any event. Rules kept here, and
nowhere else:
  * a round is behind this region once it has ended or an own ABSENT excuses it;
  * a round in which something of a session was signed, or for which training has begun, is open: it is not begun
    a second time;
  * an own sum session goes on one above the highest attempt that the log knows of.
"""

from __future__ import annotations

import hashlib

from gossip.studies.context import StudyContext, span_of
from gossip.studies.early import Early
from protocol.entries import Entry
from protocol.envelope import Envelope
from protocol.epochs import epoch_of
from protocol.messages import MAX_ATTEMPTS


class Past:
    """One study, up to the last stop.

    Attributes:
        last: Latest round that is behind this region; -1 if none.
        announced: Latest round in which it announced a value (ADVERT, DELTA); -1 if none.
        spoken: Latest round in which it signed or trained anything at all; -1 if none.
        adverts: (stage, receiver) to the attempt and the newest ADVERT sent.
        absent: Its newest own ABSENT.
        early: Announcements of others for rounds to come.
        models: Round to the hash of the model mixed in it.
        masked: Receiver to the latest training round in which it was sent a value under masks.
        lost: Latest round of which the log may have lost what was said and mixed in it; -1 if none.
    """

    def __init__(self, context: StudyContext) -> None:
        self._context = context
        self._attempts: dict[int, int] = {}
        self.last = -1
        self.announced = -1
        self.spoken = -1
        self.adverts: dict[tuple[int, str], tuple[int, Envelope]] = {}
        self.absent: Envelope | None = None
        self.early = Early(context.study)
        self.models: dict[int, bytes] = {}
        self.masked: dict[str, int] = {}
        self.lost = -1

    def entry(self, entry: Entry) -> None:
        """Take one of the region's own entries."""
        body, round = entry.body, entry.body.get("round")
        match entry.kind:
            case "round.end" if isinstance(round, int):
                self.last = max(self.last, round)
                if body["reason"] == "restart" and epoch_of(entry.log) > 1:  # given up, for what its log had lost
                    self.lose(round)
            case "round.train" if isinstance(round, int):
                self.spoken = max(self.spoken, round)
            case "round.mix" if isinstance(round, int) and isinstance(body["model"], bytes):
                self.models[round] = body["model"]

    def envelope(self, envelope: Envelope, own: bool) -> None:
        """Take one envelope that was sent or received."""
        fields = envelope.fields
        if fields.type == "ABSENT" and own:
            self.absent = envelope
            self.last = max(self.last, span_of(envelope)[1])
        if fields.round is None or fields.session is None:
            return
        place = self._context.place_of(fields.round, fields.session)
        if place is None:
            return
        receiver, attempt = place
        is_sum = fields.round < self._context.plan.sum_rounds
        if is_sum and receiver == self._context.me:
            self._attempts[fields.round] = max(self._attempts.get(fields.round, -1), attempt)
        if own:
            self.spoken = max(self.spoken, fields.round)
            if fields.type == "MASKED" and not is_sum:
                self.masked[receiver] = max(self.masked.get(receiver, -1), fields.round)
            if fields.type in ("ADVERT", "DELTA"):
                self.announced = max(self.announced, fields.round)
                if is_sum:
                    self.adverts[(fields.round, receiver)] = (attempt, envelope)
        elif fields.type == "ADVERT":
            self.early.keep(envelope, None)
        elif fields.type == "DELTA":
            value = self._context.blob(self.early.file_of(envelope))
            if value is not None and hashlib.sha256(value).digest() == fields.sha256:
                self.early.keep(envelope, value)

    def is_open(self, round: int, begun: int) -> bool:
        """Whether a training round was open when the region stopped; ``begun`` is what its own state says."""
        return round >= self._context.plan.sum_rounds and max(self.spoken, begun) >= round

    def lose(self, round: int) -> None:
        """Anything may have been said and mixed up to a training round, and the log does not tell."""
        plan = self._context.plan
        if round >= plan.first_round:
            self.last, self.lost = max(self.last, round), round
            self.announced, self.spoken = max(self.announced, round), max(self.spoken, round)
            for number in range(plan.first_round, min(round + 1, plan.first_round + len(plan.graphs))):
                for name in plan.neighbours(self._context.me, number):
                    self.masked[name] = round

    def next_attempt(self, stage: int) -> int:
        """The attempt to go on with as receiver of a stage; MAX_ATTEMPTS when all are used up."""
        return min(self._attempts.get(stage, -1) + 1, MAX_ATTEMPTS)
