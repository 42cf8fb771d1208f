"""Links and PINGs: what is said again when a link comes up, and who is told where this region is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gossip.step import Step
from gossip.studies.presence import PING_MS
from gossip.studies.study import Study

if TYPE_CHECKING:
    from gossip.peer import Peer


class Linking:
    """A region's side of its links.

    Attributes:
        ping_ms: When the next PINGs are due.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self.ping_ms = 0
        self._pinged: tuple[object, ...] | None = None

    def down(self, name: str) -> None:
        """A link is gone."""
        self._peer.presence.of(name).linked = False
        self._peer.mailbox.forget_link(name)

    def up(self, step: Step, name: str) -> None:
        """Send again what open rosters, proposals and studies need, byte for byte."""
        self._peer.presence.of(name).linked = True
        for candidate in self._peer.membership.candidates.values():
            for envelope in candidate.signed.values():
                if envelope.fields.sender != name:
                    step.send(envelope, candidate.encoded, [name])
        for envelope, payload in self._peer.blame.evidence.values():
            step.send(envelope, payload, [name] if name != envelope.fields.body["region"] else [])
        for proposal in self._peer.agreement.proposals.values():
            heard = proposal.has_started and self._peer.presence.of(name).reached >= 0
            if proposal.has_ended or heard or name not in proposal.plan.regions:
                continue
            if proposal.envelope.fields.sender != name:
                step.send(proposal.envelope, proposal.encoded, [name])
            for envelope in proposal.answers.values():
                if envelope.fields.sender != name:
                    step.send(envelope, None, [name])
        self._peer.releasing.link_up(step, name)
        for study in self._peer.studies.values():
            study.link_up(step, name)
        self.ping_one(step, name, self._peer.current)

    def ping(self, step: Step) -> None:
        """PING every 2 s and on each change of round or attempt."""
        study = self._peer.current
        at = (study.id, study.has_begun, study.round, study.attempt) if study is not None else None
        if step.now_ms < self.ping_ms and at == self._pinged:
            return
        self.ping_ms, self._pinged = step.now_ms + PING_MS, at
        for name in self._peer.presence.links():
            self.ping_one(step, name, self._peer.current)

    def ping_one(self, step: Step, name: str, study: Study | None) -> None:
        """PING one region."""
        asking = self._peer.waking.is_asking
        state = self._peer.waking.word if asking else study.state if study else "idle"
        body = self._peer.presence.ping_body(name, state, study.attempt if study else 0, step.now_ms)
        begun = study is not None and study.has_begun and not asking
        step.seal(
            "PING",
            body,
            to=[name],
            study=study.id if study is not None and begun else None,
            round=study.round if study is not None and begun else None,
        )
