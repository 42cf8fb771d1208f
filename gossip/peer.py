"""One region: everything it hears goes in, everything it wants done comes out.

``handle(event) -> list[Effect]`` is the one implementation of a region's behaviour; daemon, simulator
and tests drive the same one. Time arrives in events, chance as ``entropy``, disk as ``blob`` and ``kept``.

What is checked of a message, and in which order (section "What an honest receiver checks" of README.md):
form, way, member and signature in ``admission``; then repeat, contradiction, size, and the state of the study.
A payload is admitted only for a header that passed them all, and its header passes them again when it is here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from crypto.keys import PrivateKeys
from gossip.admission import Admission
from gossip.agreement import Agreement
from gossip.blame import UNTIMELY, Blame
from gossip.context import StudyContext
from gossip.errors import Refusal, RemoteError
from gossip.events import (
    Admit,
    Arrived,
    Asked,
    Buffer,
    Effect,
    Event,
    Failed,
    LinkDown,
    Links,
    LinkUp,
    Measured,
    Opened,
    Payload,
    PayloadFailed,
    Reply,
    SetTimer,
    Started,
    Stopping,
    Suspect,
    Tick,
    Trained,
)
from gossip.mailbox import Mailbox
from gossip.membership import Membership
from gossip.presence import PING_MS, Presence
from gossip.requests import answer
from gossip.session import Entropy
from gossip.step import Step
from gossip.study import BEFORE_TRAINING, Phase, Study
from protocol.codec import MAX_CONTROL, MAX_HEADER, MAX_PLAN, Value
from protocol.entries import decode_entry
from protocol.envelope import Envelope, parse
from protocol.log import Log
from protocol.messages import TYPES
from protocol.plan import Plan
from protocol.roster import Card, decode_roster


class Peer:
    """A region's behaviour.

    Args:
        keys: The region's private keys.
        card: Its own card, by which others know it.
        log: Its update log, with every leaf that is on disk.
        entropy: n -> n random bytes.
        code_sha256: SHA-256 of the training code installed here, stated in ACCEPT.
        software: name, version, source_sha256; written by ``node.start``.
        roles: Roles whose acceptance the region's policy asks for.
        blob: Reads a file of the region's own state by name; None if there is none.
        kept: Reads a kept payload by SHA-256; None if there is none.
    """

    def __init__(
        self,
        *,
        keys: PrivateKeys,
        card: Card,
        log: Log,
        entropy: Entropy,
        code_sha256: bytes,
        software: dict[str, Value],
        blob: Callable[[str], bytes | None],
        kept: Callable[[bytes], bytes | None],
        roles: tuple[str, ...] = ("technical",),
    ) -> None:
        self.me = card.name
        self.log = log
        self.membership = Membership(card, keys)
        self.agreement = Agreement(card.name, code_sha256, roles)
        self.presence = Presence()
        self.mailbox = Mailbox()
        self.blame = Blame()
        self.studies: dict[bytes, Study] = {}
        self.current: Study | None = None
        self._admission = Admission(card.name, card.network, self.membership, self.blame)
        self._code_sha256 = code_sha256
        self._entropy = entropy
        self._software = software
        self._blob = blob
        self._kept = kept
        self._ping_ms = 0
        self._pinged: tuple[object, ...] | None = None
        self._is_up = False

    # ---------------------------------------------------------------- an earlier run

    def replay(self, leaves: Iterable[bytes]) -> None:
        """Rebuild everything from the leaves of the own log; before any event.

        Raises:
            CodecError: A leaf is not in its one form.
        """
        for leaf in leaves:
            entry = decode_entry(leaf)
            body, study = entry.body, self.studies.get(entry.study or b"")
            match entry.kind:
                case "env.sent" | "env.recv":
                    envelope = parse(bytes(body["header"]), bytes(body["sig"]))  # type: ignore[arg-type]
                    self._replay_envelope(envelope, entry.kind == "env.sent", study)
                case "roster.accept" if isinstance(body["roster"], bytes):
                    self._accepted_roster(body["roster"])
                case "study.accept" if entry.study in self.agreement.proposals:
                    self.agreement.proposals[entry.study].roles.add(str(body["role"]))
                case "study.start" if entry.study in self.agreement.proposals:
                    self._new_study(entry.study)
                case "fault":
                    self.blame.replay(entry)
                case _:
                    if study is not None:
                        study.replay(entry)
            if entry.kind == "study.end" and entry.study in self.agreement.proposals:
                proposal = self.agreement.proposals[entry.study]
                proposal.outcome, proposal.reason = str(entry.body["outcome"]), _text(entry.body["reason"])

    def _accepted_roster(self, roster: bytes) -> None:
        encoded = self._kept(roster) or self._kept_roster(roster)
        if encoded is not None:
            self.membership.own(decode_roster(encoded), encoded)

    def _kept_roster(self, roster: bytes) -> bytes | None:
        candidate = self.membership.candidates.get(roster)
        return candidate.encoded if candidate is not None else None

    def _replay_envelope(self, envelope: Envelope, own: bool, study: Study | None) -> None:
        fields = envelope.fields
        self.mailbox.remember(envelope)
        has_kept = fields.type in ("ROSTER", "PROPOSE", "COHORT") and fields.sha256 is not None
        payload = self._kept(fields.sha256 or b"") if has_kept else None
        match fields.type:
            case "ROSTER" if payload is not None:
                self.membership.take(None, envelope, payload, decode_roster(payload))
            case "PROPOSE" if payload is not None:
                self.agreement.take_proposal(envelope, payload, Plan.decode(payload))
            case "ACCEPT" | "REJECT":
                self.agreement.take_answer(envelope)
            case _ if study is not None:
                study.replay_envelope(envelope, own, payload)

    # ---------------------------------------------------------------- the one way in and out

    def handle(self, event: Event) -> list[Effect]:
        """Advance by one event and return what to do about it, in order."""
        step = Step(self.log, self.mailbox, event.now_ms)
        try:
            self._dispatch(step, event)
        except RemoteError as error:
            running = self.current if self.current is not None and self.current.phase is not Phase.ENDED else None
            round = running.round if running is not None else None
            self.blame.refuse(step, error, running.id if running is not None else None, round)
        if self._is_up:
            self._start_agreed(step)
            self._ping(step)
            step.do(SetTimer(self._wake_ms(step.now_ms)))
        return step.finish()

    def _dispatch(self, step: Step, event: Event) -> None:
        match event:
            case Started():
                self._started(step, event)
            case Stopping(reason=reason):
                step.add("node.stop", {"reason": reason})
                step.publish()
                self._is_up = False
            case LinkUp(region=name):
                self._link_up(step, name)
            case LinkDown(region=name):
                self.presence.of(name).linked = False
                self.mailbox.forget_link(name)
            case Arrived(link=link, header=header, signature=signature):
                self._arrived(step, link, header, signature)
            case Payload(link=link, eid=eid, data=data):
                envelope = self.mailbox.take(link, eid)
                if envelope is not None and memoryview(data).nbytes == envelope.fields.bytes:
                    self._judge(step, link, envelope, data)
            case PayloadFailed(link=link, eid=eid, reason=reason):
                self.mailbox.take(link, eid)
                step.do(Suspect(link, "LIMIT", reason))
            case Asked():
                step.do(self._answer(step, event))
            case Opened(study=study, vector=vector) if study in self.studies:
                self.studies[study].opened(step, vector)
            case Measured(study=study) if study in self.studies:
                self.studies[study].measured(step, event.round, event.vector, event.columns)
            case Trained(study=study) if study in self.studies:
                self.studies[study].trained(step, event.round, event.vector, event.report)
            case Failed(study=study) if study in self.studies:
                self.studies[study].failed(step, event.round, event.reason)
            case Tick():
                for one in self.studies.values():
                    one.tick(step)
            case _:
                pass

    def _started(self, step: Step, event: Started) -> None:
        self._is_up = True
        self.presence.begin(event.now_ms)
        step.add(
            "node.start",
            {
                "software": dict(self._software), "config_sha256": event.config_sha256, "clean": event.clean,
                "heard": [], "alone": False,
            },
        )
        # The newest that this region has founded: whoever is new in it must be reached for its signature.
        newest, in_force = self.membership.newest, self.membership.in_force
        if newest is not None and (in_force is None or newest.roster.serial > in_force.serial):
            step.do(Links(newest.roster))
        elif in_force is not None:
            step.do(Links(in_force))
        running = [s for s in self.studies.values() if s.phase is not Phase.ENDED]
        if running:
            self.current = running[-1]
            self.presence.follow(self.current.id)
            self.current.resume(step)
        elif self.studies:
            self.current = list(self.studies.values())[-1]
            self.presence.follow(self.current.id)

    def _answer(self, step: Step, event: Asked) -> Reply:
        try:
            return Reply(event.ticket, answer(self, step, event.op, event.args))
        except Refusal as refusal:
            return Reply(event.ticket, None, refusal.to_dict())

    # ---------------------------------------------------------------- studies

    def _new_study(self, id: bytes) -> Study:
        proposal = self.agreement.proposals[id]
        roster = self.membership.in_force
        candidate = self.membership.candidates.get(proposal.plan.roster)
        if candidate is not None:
            roster = candidate.roster
        assert roster is not None
        context = StudyContext(
            self.me, proposal.plan, roster, self._code_sha256, self.presence, self.mailbox, self.blame,
            self._entropy, self._blob,
        )
        study = Study(context)
        self.studies[id] = study
        proposal.has_started = True
        return study

    def _start_agreed(self, step: Step) -> None:
        """Begin the next study that everybody has accepted, once no other runs."""
        if self.current is not None and self.current.phase is Phase.ENDED:
            ended = self.agreement.proposals[self.current.id]
            ended.outcome, ended.reason = self.current.outcome, self.current.reason
        if self.current is not None and self.current.phase is not Phase.ENDED:
            return
        proposal = self.agreement.startable()
        if proposal is None:
            return
        self.current = self._new_study(proposal.plan.study)
        self.presence.follow(self.current.id)
        self.current.start(step, [(name, e.eid) for name, e in sorted(proposal.answers.items())])

    # ---------------------------------------------------------------- links

    def _link_up(self, step: Step, name: str) -> None:
        self.presence.of(name).linked = True
        for candidate in self.membership.candidates.values():
            for envelope in candidate.signed.values():
                if envelope.fields.sender != name:
                    step.send(envelope, candidate.encoded, [name])
        for proposal in self.agreement.proposals.values():
            heard = proposal.has_started and self.presence.of(name).reached >= 0
            if proposal.has_ended or heard or name not in proposal.plan.regions:
                continue
            if proposal.envelope.fields.sender != name:
                step.send(proposal.envelope, proposal.encoded, [name])
            for envelope in proposal.answers.values():
                if envelope.fields.sender != name:
                    step.send(envelope, None, [name])
        for study in self.studies.values():
            study.link_up(step, name)
        self._ping_one(step, name, self.current)

    def _ping(self, step: Step) -> None:
        """PING every 2 s and on each change of round or attempt."""
        study = self.current
        at = (study.id, study.has_begun, study.round, study.attempt) if study is not None else None
        if step.now_ms < self._ping_ms and at == self._pinged:
            return
        self._ping_ms, self._pinged = step.now_ms + PING_MS, at
        for name in self.presence.links():
            self._ping_one(step, name, self.current)

    def _ping_one(self, step: Step, name: str, study: Study | None) -> None:
        body = self.presence.ping_body(
            name, study.state if study else "idle", study.attempt if study else 0, step.now_ms
        )
        begun = study is not None and study.has_begun
        step.seal(
            "PING", body, to=[name],
            study=study.id if study is not None and begun else None,
            round=study.round if study is not None and begun else None,
        )

    def _wake_ms(self, now_ms: int) -> int:
        wakes = [wake for study in self.studies.values() if (wake := study.wake_ms(now_ms)) is not None]
        return max(now_ms + 1, min([self._ping_ms, *wakes]))

    # ---------------------------------------------------------------- what comes in

    def _arrived(self, step: Step, link: str, header: bytes, signature: bytes) -> None:
        envelope = self._admission.admitted(step, link, header, signature)
        if envelope is not None:
            self._judge(step, link, envelope, None)

    def _judge(self, step: Step, link: str, envelope: Envelope, payload: Buffer | None) -> None:
        """Repeat, contradiction, size, state; then take it in, or await its payload."""
        fields = envelope.fields
        if self.mailbox.knows(envelope.eid):
            return
        contradiction = self.mailbox.judge(envelope)
        if contradiction is not None:
            self.blame.convict(step, contradiction, fields.study if fields.study in self.studies else None)
        elif fields.type == "PING":
            self._heard_ping(step, envelope)
        elif not self._size_fits(envelope):
            self.blame.drop(step, link, "LIMIT", f"{fields.type} with a payload of {fields.bytes} bytes")
        elif fields.bytes == 0 or payload is not None:
            self._take(step, link, envelope, payload)
        else:
            self._await(step, link, envelope)

    def _await(self, step: Step, link: str, envelope: Envelope) -> None:
        fields = envelope.fields
        if not TYPES[fields.type].flooded:
            self._study_of(envelope).hearing.check(envelope)
        if self.mailbox.awaits(link, envelope):
            assert fields.sha256 is not None
            step.do(Admit(link, envelope.eid, fields.bytes, fields.sha256))
        else:
            self.blame.drop(step, link, "LIMIT", "too many payloads are under way")

    def _size_fits(self, envelope: Envelope) -> bool:
        fields = envelope.fields
        match fields.type:
            case "ROSTER" | "PROPOSE":
                return 0 < fields.bytes <= MAX_PLAN
            case "COHORT":
                study = self.studies.get(fields.study or b"")
                most = 0 if study is None else 2 * study.context.plan.n * (MAX_HEADER + 128)
                return 0 < fields.bytes <= min(MAX_CONTROL, most)
            case "MASKED" | "DELTA":
                study = self.studies.get(fields.study or b"")
                return study is not None and fields.bytes > 0 and study.hearing.payload_bytes(envelope) == fields.bytes
            case _:
                return fields.bytes == 0

    def _heard_ping(self, step: Step, envelope: Envelope) -> None:
        fields = envelope.fields
        before = self.presence.of(fields.sender).reached
        self.mailbox.remember(envelope)
        self.presence.heard(fields.sender, fields.study, fields.round, fields.body, step.now_ms)
        other = self.studies.get(fields.study or b"")
        if other is not None and other is not self.current and fields.body["state"] != "done":
            self._ping_one(step, fields.sender, other)  # it comes late: the study has ended here, another one runs
        self._give_way(step, fields.study)
        study = self.current
        if study is None or study.phase is Phase.ENDED:
            return
        if before < 0 <= self.presence.of(fields.sender).reached:
            study.link_up(step, fields.sender)
        study.advance(step)

    def _give_way(self, step: Step, heard: bytes | None) -> None:
        """Two regions that began two studies at the same time would wait for each other: the larger id gives way."""
        mine, other = self.current, self.agreement.proposals.get(heard or b"")
        if mine is None or other is None or mine.phase not in BEFORE_TRAINING or not other.plan.study < mine.id:
            return
        if other.is_agreed and not other.has_started and self.me in other.plan.regions:
            mine.words = f"gave way to study {other.plan.study.hex()[:16]}, which began elsewhere at the same time"
            mine.end(step, "stopped", "left")

    def _take(self, step: Step, link: str, envelope: Envelope, payload: Buffer | None) -> None:
        """Judge by the state at hand, log, and act."""
        fields = envelope.fields
        via = link if link != fields.sender else None
        match fields.type:
            case "ROSTER":
                data = bytes(payload or b"")
                roster = self.membership.check(envelope, data)
                step.keep(data)
                self._flood(step, envelope, data, link, via, roster.names)
                self.membership.take(step, envelope, data, roster)
            case "PROPOSE":
                if self.membership.in_force is None:
                    raise RemoteError(fields.sender, "STATE", "proposes before a roster is in force here")
                if fields.study in self.agreement.proposals:
                    return
                data = bytes(payload or b"")
                plan = self.agreement.check_proposal(envelope, data, self.membership.in_force)
                step.keep(data)
                self._flood(step, envelope, data, link, via, plan.regions)
                self.agreement.take_proposal(envelope, data, plan)
            case "ACCEPT" | "REJECT":
                proposal = self.agreement.check_answer(envelope)
                self._flood(step, envelope, None, link, via, proposal.plan.regions)
                self.agreement.take_answer(envelope)
            case _:
                self._study_of(envelope).hear(step, envelope, payload)

    def _study_of(self, envelope: Envelope) -> Study:
        fields = envelope.fields
        study = self.studies.get(fields.study or b"")
        if study is None or fields.sender not in study.context.plan.regions:
            proposal = self.agreement.proposals.get(fields.study or b"")
            is_early = study is None and proposal is not None and fields.sender in proposal.plan.regions
            code = UNTIMELY if is_early else "STATE"
            raise RemoteError(fields.sender, code, f"{fields.type} of a study that does not run here")
        if fields.sender in self.blame.suspended:
            raise RemoteError(fields.sender, "STATE", "is suspended after contradicting itself")
        return study

    def _flood(
        self, step: Step, envelope: Envelope, payload: bytes | None, link: str, via: str | None, names: Collection[str]
    ) -> None:
        """Log what is new to this region, and pass it on as it is over every other link to one of ``names``."""
        step.received(envelope, via)
        onward = [n for n in self.presence.links() if n in names and n not in (link, envelope.fields.sender)]
        step.send(envelope, payload, onward)


def _text(value: Value) -> str | None:
    return value if isinstance(value, str) else None
