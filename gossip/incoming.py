"""What comes in over a link: judged in one order, logged, acted on and passed on.

Form, way, member and signature are ``admission``'s; here come repeat, contradiction, size, and the state of the
study. A payload is admitted only for a header that passed them all, and its header passes them again when it is here.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from crypto.errors import CryptoError
from gossip.admission import Admission
from gossip.blame import UNTIMELY
from gossip.effects import Admit, Suspect
from gossip.errors import RemoteError
from gossip.events import Arrived, Buffer, Payload, PayloadFailed
from gossip.logs.waking import Mode
from gossip.logs.witness import WITNESS_TYPES
from gossip.mailbox import Contradiction
from gossip.sessions.carried import most_bytes
from gossip.step import Step
from gossip.studies.study import Study
from gossip.studies.whereabouts import BEFORE_TRAINING, Phase
from protocol.codec import MAX_CONTROL, MAX_HEADER, MAX_PLAN
from protocol.envelope import Envelope, is_signed
from protocol.epochs import epoch_of
from protocol.errors import CodecError
from protocol.evidence import verify_evidence
from protocol.messages import TYPES

if TYPE_CHECKING:
    from gossip.peer import Peer


MAX_LATER = 16  # of one link
ASKING = (Mode.QUIET.value, Mode.ROLLED_BACK.value)  # as PING says it


class Incoming:
    """Everything a region hears from others.

    Args:
        peer: The region.
        admission: The first four checks.
    """

    def __init__(self, peer: Peer, admission: Admission) -> None:
        self._peer = peer
        self._admission = admission
        self._later: set[tuple[str, bytes]] = set()

    def arrived(self, step: Step, event: Arrived) -> None:
        """Two frames came."""
        envelope = self._admission.admitted(step, event.link, event.header, event.signature)
        if envelope is None:
            return
        fields = envelope.fields
        if self._peer.waking.is_asking and TYPES[fields.type].logged:
            self._hold(step, event, envelope)
        else:
            self._judge(step, event.link, envelope, None)

    def payload(self, step: Step, event: Payload) -> None:
        """All chunks of a header came."""
        if self._peer.waking.is_asking and (event.link, event.eid) in self._later:
            self._peer.waking.hold(event)
            return
        envelope = self._peer.mailbox.take(event.link, event.eid)
        if envelope is not None and memoryview(event.data).nbytes == envelope.fields.bytes:
            self._judge(step, event.link, envelope, event.data)

    def _hold(self, step: Step, event: Arrived, envelope: Envelope) -> None:
        """Keep for later what this region may not write down yet; its payload only where it is sent but once."""
        fields = envelope.fields
        self._peer.waking.hold(event)
        is_sent_once = TYPES[fields.type].flooded or fields.type == "EVIDENCE"
        of_link = sum(link == event.link for link, _ in self._later)
        if is_sent_once and fields.sha256 is not None and of_link < MAX_LATER:
            self._later.add((event.link, envelope.eid))
            step.do(Admit(event.link, envelope.eid, fields.bytes, fields.sha256))

    def failed(self, step: Step, event: PayloadFailed) -> None:
        """They did not, or were others."""
        self._peer.mailbox.take(event.link, event.eid)
        step.do(Suspect(event.link, "LIMIT", event.reason))

    def _judge(self, step: Step, link: str, envelope: Envelope, payload: Buffer | None) -> None:
        """Repeat, contradiction, size, state; then take it in, or await its payload."""
        fields = envelope.fields
        if self._peer.mailbox.knows(envelope.eid):
            return
        contradiction = self._peer.mailbox.judge(envelope)
        if contradiction is not None:
            self._peer.blame.convict(step, contradiction, fields.study if fields.study in self._peer.studies else None)
            self._show_what_it_signed(step, envelope)
        elif not self._peer.witness.standing.judge(step, envelope):
            self._show_what_it_signed(step, envelope)
        elif fields.type == "PING":
            self._heard_ping(step, envelope)
        elif not self._size_fits(envelope):
            self._peer.blame.drop(step, link, "LIMIT", f"{fields.type} with a payload of {fields.bytes} bytes")
        elif fields.bytes == 0 or payload is not None or self._is_bare(envelope):
            self._take(step, link, envelope, payload)
        else:
            self._await(step, link, envelope)

    def _show_what_it_signed(self, step: Step, envelope: Envelope) -> None:
        """A region asks whether its log is the newest, and contradicts itself by asking: it is answered."""
        if envelope.fields.type == "HELLO":
            self._peer.waking.answer(step, envelope)

    def _await(self, step: Step, link: str, envelope: Envelope) -> None:
        fields = envelope.fields
        if not TYPES[fields.type].flooded and fields.type not in ("EVIDENCE", *WITNESS_TYPES):
            self._study_of(envelope).hearing.check(envelope)
        if self._peer.mailbox.awaits(link, envelope):
            assert fields.sha256 is not None
            step.do(Admit(link, envelope.eid, fields.bytes, fields.sha256))
        else:
            self._peer.blame.drop(step, link, "LIMIT", "too many payloads are under way")

    def _is_bare(self, envelope: Envelope) -> bool:
        """Whether a header counts although its payload goes elsewhere (whole-network mode)."""
        study = self._peer.studies.get(envelope.fields.study or b"")
        return envelope.fields.type == "MASKED" and study is not None and study.hearing.is_bare(envelope)

    def _size_fits(self, envelope: Envelope) -> bool:
        fields = envelope.fields
        match fields.type:
            case "ROSTER" | "PROPOSE":
                return 0 < fields.bytes <= MAX_PLAN
            case "COHORT":
                study = self._peer.studies.get(fields.study or b"")
                most = 0 if study is None else 2 * study.context.plan.n * (MAX_HEADER + 128)
                return 0 < fields.bytes <= min(MAX_CONTROL, most)
            case "SHARES" | "ROUTED" | "SURVIVORS" | "CONFIRMS" | "REVEAL":
                study = self._peer.studies.get(fields.study or b"")
                return study is not None and 0 < fields.bytes <= most_bytes(fields.type, study.context.plan.n)
            case "RESULT" if fields.body["outcome"] == "void":
                return fields.bytes == 0
            case "MASKED" | "DELTA" | "PARTIAL" | "RESULT":
                study = self._peer.studies.get(fields.study or b"")
                return study is not None and fields.bytes > 0 and study.hearing.payload_bytes(envelope) == fields.bytes
            case _:
                return TYPES[fields.type].payload[0] <= fields.bytes <= TYPES[fields.type].payload[1]

    def _heard_ping(self, step: Step, envelope: Envelope) -> None:
        fields = envelope.fields
        before = self._peer.presence.of(fields.sender).reached
        self._peer.mailbox.remember(envelope)
        if fields.body["state"] not in ASKING:
            self._peer.mailbox.goes_on(envelope)
        self._peer.presence.heard(fields.sender, fields.study, fields.round, fields.body, step.now_ms)
        self._peer.following.noticed(step, fields.sender, fields.log)
        other = self._peer.studies.get(fields.study or b"")
        if other is not None and other is not self._peer.current and fields.body["state"] != "done":
            # It comes late: the study has ended here, another one runs.
            self._peer.linking.ping_one(step, fields.sender, other)
        if self._peer.waking.is_asking:
            return
        self._give_way(step, fields.study)
        study = self._peer.current
        if study is None or study.phase is Phase.ENDED:
            return
        if before < 0 <= self._peer.presence.of(fields.sender).reached:
            study.link_up(step, fields.sender)
        study.advance(step)

    def _give_way(self, step: Step, heard: bytes | None) -> None:
        """Two regions that began two studies at the same time would wait for each other: the larger id gives way."""
        mine, other = self._peer.current, self._peer.agreement.proposals.get(heard or b"")
        if mine is None or other is None or mine.phase not in BEFORE_TRAINING or not other.plan.study < mine.id:
            return
        if other.is_agreed and not other.has_started and self._peer.me in other.plan.regions:
            mine.words = f"gave way to study {other.plan.study.hex()[:16]}, which began elsewhere at the same time"
            mine.end(step, "stopped", "left")

    def _take(self, step: Step, link: str, envelope: Envelope, payload: Buffer | None) -> None:
        """Judge by the state at hand, log, and act."""
        fields = envelope.fields
        via = link if link != fields.sender else None
        match fields.type:
            case "ROSTER":
                data = bytes(payload or b"")
                roster = self._peer.membership.check(envelope, data)
                step.keep(data)
                self._flood(step, envelope, data, link, via, roster.names)
                self._peer.membership.take(step, envelope, data, roster)
            case "PROPOSE":
                if self._peer.membership.in_force is None:
                    raise RemoteError(fields.sender, "STATE", "proposes before a roster is in force here")
                if fields.study in self._peer.agreement.proposals:
                    return
                data = bytes(payload or b"")
                plan = self._peer.agreement.check_proposal(envelope, data, self._peer.membership.in_force)
                step.keep(data)
                self._flood(step, envelope, data, link, via, plan.regions)
                self._peer.agreement.take_proposal(envelope, data, plan)
            case "HELLO" | "BEHIND":
                self._peer.waking.hear(step, envelope, payload)
            case "HEADS" | "COSIGN" | "PROVE" | "PROOF" | "MIRROR":
                self._peer.witness.hear(step, envelope, payload)
            case "EVIDENCE":
                self._evidence(step, envelope, bytes(payload or b""))
            case "ACCEPT" | "REJECT":
                proposal = self._peer.agreement.check_answer(envelope)
                self._flood(step, envelope, None, link, via, proposal.plan.regions)
                self._peer.agreement.take_answer(envelope)
            case "APPROVE":
                self._flood(step, envelope, None, link, via, self._peer.releasing.check(envelope).plan.regions)
                self._peer.releasing.take(envelope)
            case _:
                self._study_of(envelope).hear(step, envelope, payload)

    def _evidence(self, step: Step, envelope: Envelope, payload: bytes) -> None:
        """Two statements that exclude each other, shown by a third: suspend their signer here too."""
        name, body, peer = envelope.fields.sender, envelope.fields.body, self._peer
        if body["region"] in peer.blame.suspended:
            return
        try:
            code, first, second = verify_evidence(payload, self._key_of)
        except (CodecError, CryptoError) as error:
            raise RemoteError(name, "STATE", f"evidence that shows nothing: {error}") from error
        if (first.fields.sender, code) != (body["region"], body["code"]):
            raise RemoteError(name, "STATE", "evidence against another region, or of another kind, than it says")
        contradiction = Contradiction(code, first.fields.sender, first, second)
        if peer.blame.is_settled(contradiction) or peer.is_by_revoked(first) or peer.is_by_revoked(second):
            return
        step.received(envelope, None)
        step.keep(payload)
        if first.fields.sender != peer.me:
            peer.blame.convict(step, contradiction, first.fields.study if first.fields.study in peer.studies else None)

    def _key_of(self, envelope: Envelope) -> bytes | None:
        position = envelope.fields.head_size if TYPES[envelope.fields.type].logged else None
        keys = self._peer.membership.ring.at(envelope.fields.sender, position, epoch_of(envelope.fields.log))
        return next((one.sign for one in keys if is_signed(envelope, one.sign)), keys[0].sign if keys else None)

    def _study_of(self, envelope: Envelope) -> Study:
        fields = envelope.fields
        study = self._peer.studies.get(fields.study or b"")
        if study is None or fields.sender not in study.context.plan.regions:
            proposal = self._peer.agreement.proposals.get(fields.study or b"")
            is_early = study is None and proposal is not None and fields.sender in proposal.plan.regions
            code = UNTIMELY if is_early else "STATE"
            raise RemoteError(fields.sender, code, f"{fields.type} of a study that does not run here")
        if fields.sender in self._peer.blame.suspended:
            raise RemoteError(fields.sender, "STATE", "is suspended after contradicting itself")
        return study

    def _flood(
        self, step: Step, envelope: Envelope, payload: bytes | None, link: str, via: str | None, names: Collection[str]
    ) -> None:
        """Log what is new to this region, and pass it on as it is over every other link to one of ``names``."""
        step.received(envelope, via)
        onward = [n for n in self._peer.presence.links() if n in names and n not in (link, envelope.fields.sender)]
        step.send(envelope, payload, onward)
