"""What a region knows again from its own log, before any event: rosters, proposals, studies, who is blamed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gossip.consent.membership import withdrawn
from gossip.studies.study import Study
from protocol.entries import Entry, decode_entry
from protocol.envelope import Envelope, parse
from protocol.messages import TYPES
from protocol.plan import Plan
from protocol.roster import decode_roster

if TYPE_CHECKING:
    from gossip.peer import Peer


def replay(peer: Peer, leaves: Iterable[bytes]) -> None:
    """Rebuild a region's state from the leaves of its own log.

    Raises:
        CodecError: A leaf is not in its one form.
    """
    for leaf in leaves:
        entry = decode_entry(leaf)
        peer.reentry.replay(entry, leaf)
        _entry(peer, entry)
    peer.reentry.load()


def _entry(peer: Peer, entry: Entry) -> None:
    body, study = entry.body, peer.studies.get(entry.study or b"")
    match entry.kind:
        case "env.sent" | "env.recv":
            envelope = parse(bytes(body["header"]), bytes(body["sig"]))  # type: ignore[arg-type]
            _envelope(peer, envelope, entry.kind == "env.sent", study)
        case "roster.accept" if isinstance(body["roster"], bytes):
            _accepted_roster(peer, body["roster"])
        case "study.accept" if entry.study in peer.agreement.proposals:
            peer.agreement.proposals[entry.study].roles.add(str(body["role"]))
        case "study.start" if entry.study in peer.agreement.proposals:
            peer.new_study(entry.study)
        case "key.rotate" | "key.revoke":
            peer.rotation.replay(entry)
        case "release.approve" | "release.offer" | "data.release" | "model.release":
            peer.releasing.replay(entry)
        case "fault":
            peer.blame.replay(entry)
            peer.releasing.replay(entry)
        case _:
            if study is not None:
                study.replay(entry)
    peer.follow_roster()
    if entry.kind == "study.end" and entry.study in peer.agreement.proposals:
        proposal = peer.agreement.proposals[entry.study]
        proposal.outcome, proposal.reason = str(entry.body["outcome"]), _text(entry.body["reason"])


def _accepted_roster(peer: Peer, roster: bytes) -> None:
    encoded = peer.kept(roster) or _kept_roster(peer, roster)
    if encoded is not None and peer.blob(withdrawn(roster)) is None:
        peer.membership.own(decode_roster(encoded), encoded)


def _kept_roster(peer: Peer, roster: bytes) -> bytes | None:
    candidate = peer.membership.candidates.get(roster)
    return candidate.encoded if candidate is not None else None


def _envelope(peer: Peer, envelope: Envelope, own: bool, study: Study | None) -> None:
    fields = envelope.fields
    peer.mailbox.remember(envelope)
    is_kept = fields.type in ("ROSTER", "PROPOSE") or TYPES[fields.type].carrier
    has_kept = is_kept and fields.sha256 is not None
    payload = peer.kept(fields.sha256 or b"") if has_kept else None
    match fields.type:
        case "ROSTER" if payload is not None:
            peer.membership.take(None, envelope, payload, decode_roster(payload))
        case "PROPOSE" if payload is not None:
            peer.agreement.take_proposal(envelope, payload, Plan.decode(payload))
        case "ACCEPT" | "REJECT":
            peer.agreement.take_answer(envelope)
        case "APPROVE" if fields.study in peer.agreement.proposals:
            peer.releasing.take(envelope)
        case "EVIDENCE" if own and payload is not None:
            peer.blame.recall(envelope, payload)
        case _ if study is not None:
            study.replay_envelope(envelope, own, payload)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
