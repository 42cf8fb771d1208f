"""What the evidence of a finding shows about its subject, code by code; no bundle is needed.

``check(finding, roster)`` believes no word of the finding: it opens each piece with the subject's own
keys and sees for itself that two of the subject's signed statements exclude each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from crypto.errors import CryptoError
from node.audit.claims import head_fault, place_fault, slot
from node.audit.context import KeySet
from node.audit.evidence import EvidenceError, Exhibit, NeedsBundleError, card_of
from node.audit.findings import Json
from node.audit.helping import holds as signed_by
from node.audit.rules import ABSENCES, RULES, Item
from node.audit.times import judge_heads, quorum, signed_what, time_fault
from protocol.entries import Entry, decode_entry
from protocol.envelope import parse, verify
from protocol.epochs import epoch_of
from protocol.errors import CodecError
from protocol.roster import Roster


def check(finding: Mapping[str, Json], roster: Roster) -> str:
    """Return in words what the evidence of a finding shows about its subject.

    Raises:
        EvidenceError: It does not show it, belongs to another roster, or names nobody.
        NeedsBundleError: A bundle is needed.
    """
    code, subject, evidence = finding.get("code"), finding.get("subject"), finding.get("evidence")
    if not isinstance(code, str) or not isinstance(evidence, list):
        raise EvidenceError("this is no finding: code or evidence is missing")
    if subject is None:
        raise EvidenceError(f"{code} names nobody, so there is nothing to prove")
    if finding.get("roster") != "0x" + roster.hash.hex():
        raise EvidenceError(f"the finding was made with roster {finding.get('roster')}, not 0x{roster.hash.hex()}")
    if code not in _SHOWS:
        raise EvidenceError(f"{code} is no accusation that evidence could prove")
    pieces = [piece for piece in evidence if isinstance(piece, dict)]
    if len(pieces) != len(evidence):
        raise EvidenceError("a piece of evidence is no object")
    try:
        return _SHOWS[code](Exhibit(str(subject), roster, pieces))
    except CodecError as error:
        raise EvidenceError(f"a piece cannot be read: {error}") from error


def _fork(exhibit: Exhibit) -> str:
    heads: list[tuple[str, int, bytes, bytes | None]] = [
        (e.fields.log, e.fields.head_size, e.fields.head_root, e.eid) for e in exhibit.envelopes
    ]
    heads += [(note.origin, note.size, note.root, None) for note in exhibit.notes]
    for origin, size, root, _ in exhibit.named():
        heads.append((origin, size, root, None))
        if exhibit.roots.get((origin, size), root) != root:
            return f"{exhibit.subject} began a new log after another history of {origin} than it signed"
    for origin, size, root, _ in heads:
        if exhibit.notes and origin == exhibit.note.origin and exhibit.earlier.get(size, root) != root:
            return f"the log of {exhibit.subject} has another root over its first {size} entries than it signed"
    for index, (origin, size, root, eid) in enumerate(heads):
        for other, other_size, other_root, other_eid in heads[index + 1 :]:
            if (origin, size) != (other, other_size):
                continue
            if root != other_root or (None not in (eid, other_eid) and eid != other_eid):
                return f"{exhibit.subject} signed two statements about place {size} of its log that exclude each other"
    for (_, at), hashes in sorted(exhibit.hashes.items()):
        if len(hashes) > 1:
            return f"{exhibit.subject} signed two logs that differ at entry {at}"
    raise EvidenceError("the statements do not exclude each other")


def _omitted(exhibit: Exhibit) -> str:
    envelope = exhibit.envelope()
    place = envelope.fields.head_size
    if envelope.fields.log != exhibit.note.origin or exhibit.leaf(place).at != place:
        raise EvidenceError("message and checkpoint are of different logs")
    try:
        entry = decode_entry(exhibit.leaf(place).leaf)
    except CodecError:
        return f"entry {place} of {exhibit.subject} is unreadable where it signed a message"
    if entry.kind == "env.sent" and entry.body["header"] == envelope.header:
        raise EvidenceError(f"entry {place} does hold the message")
    return f"{exhibit.subject} signed a message as entry {place}; its log has {entry.kind} there"


def _truncated(exhibit: Exhibit) -> str:
    if not exhibit.envelopes and len(exhibit.notes) == 2:
        handed, later = exhibit.notes
        if handed.origin != later.origin or handed.size >= later.size:
            raise EvidenceError("the second checkpoint is not larger than the one that was handed over")
        return f"{exhibit.subject} signed a checkpoint over {later.size} entries; {handed.size} were handed over"
    envelope, note = exhibit.envelope(), exhibit.note
    if epoch_of(envelope.fields.log) > epoch_of(note.origin):
        return f"{exhibit.subject} signed a message of {envelope.fields.log}; {note.origin} was handed over"
    if envelope.fields.log != note.origin or envelope.fields.head_size < note.size:
        raise EvidenceError(f"the message is entry {envelope.fields.head_size}, and {note.size} were handed over")
    return f"{exhibit.subject} signed a message as entry {envelope.fields.head_size}; {note.size} were handed over"


def _equivocation(exhibit: Exhibit) -> str:
    if len(exhibit.envelopes) != 2:
        raise EvidenceError("two messages are needed")
    one, two = exhibit.envelopes
    if one.eid == two.eid or slot(one.fields) is None or slot(one.fields) != slot(two.fields):
        raise EvidenceError("the two messages do not exclude each other")
    return f"{exhibit.subject} signed two different {one.fields.type} for one session"


def _head_self(exhibit: Exhibit) -> str:
    leaf = exhibit.leaf()
    entry = exhibit.entry(leaf.at)
    if entry.kind != "env.sent":
        raise EvidenceError(f"entry {leaf.at} is no env.sent")
    envelope = exhibit.signed(bytes(entry.body["header"]), bytes(entry.body["sig"]))  # type: ignore[arg-type]
    fault = head_fault(envelope, exhibit.note.origin, leaf.at, exhibit.earlier.get(leaf.at))
    if fault is None:
        raise EvidenceError("the head in the message is the one of its place")
    return f"entry {leaf.at} of {exhibit.subject}: {fault}"


def _env_sig(exhibit: Exhibit) -> str:
    if exhibit.payloads:
        raise NeedsBundleError("the message travelled inside a payload: this needs the bundle that holds it")
    leaf = exhibit.leaf()
    entry = exhibit.entry(leaf.at)
    if entry.kind == "round.heads":
        return _heads(exhibit, entry, leaf.at)
    if entry.kind not in ("env.sent", "env.recv"):
        raise EvidenceError(f"entry {leaf.at} holds no message")
    try:
        envelope = parse(bytes(entry.body["header"]), bytes(entry.body["sig"]))  # type: ignore[arg-type]
    except CodecError as error:
        raise EvidenceError(f"the message cannot be read: {error}") from error
    try:
        verify(envelope, card_of(exhibit.roster, envelope.fields.sender).keys.sign)
    except CryptoError:
        return f"entry {leaf.at} of {exhibit.subject} holds a message that {envelope.fields.sender} did not sign"
    raise EvidenceError("the signature of the message verifies")


def _heads(exhibit: Exhibit, entry: Entry, at: int) -> str:
    keys = {name: [KeySet.of(exhibit.roster.card(name).keys)] for name in exhibit.roster.names}
    for row, signer in judge_heads(entry.body, exhibit.note.origin, keys, exhibit.earlier, signed_by):
        if signer is None:
            return f"entry {at} of {exhibit.subject} holds {signed_what(row)} that its alleged signer did not sign"
    raise EvidenceError("what the entry holds is signed")


def _backdated(exhibit: Exhibit) -> str:
    plan = exhibit.plan
    if plan is None:
        raise EvidenceError("the plan is missing")
    keys = {name: [KeySet.of(exhibit.roster.card(name).keys)] for name in exhibit.roster.names}
    heads = [leaf for leaf in exhibit.leaves if exhibit.entry(leaf.at).kind == "round.heads"]
    times = {leaf.at: exhibit.entry(leaf.at).t_ms for leaf in exhibit.leaves}
    for leaf in heads:
        body = exhibit.entry(leaf.at).body
        if not all(signer for _, signer in judge_heads(body, exhibit.note.origin, keys, exhibit.earlier, signed_by)):
            raise EvidenceError("a cosignature does not verify")
        fault = time_fault(body, leaf.at, times, plan.skew_ms)
        if fault is not None and len(fault.witnesses) >= quorum(plan, exhibit.subject, int(str(body["round"]))):
            return f"{exhibit.subject}: {fault.words}"
    raise EvidenceError("the signed times allow the dates of these entries")


def _time_order(exhibit: Exhibit) -> str:
    first, second = sorted(exhibit.leaves, key=lambda leaf: leaf.at)[:2] if len(exhibit.leaves) > 1 else (None, None)
    if first is None or second is None or second.at != first.at + 1:
        raise EvidenceError("an entry and its predecessor are needed")
    before, after = exhibit.entry(first.at), exhibit.entry(second.at)
    if after.t_ms >= before.t_ms:
        raise EvidenceError("the entries are in the order of their times")
    return f"entry {second.at} of {exhibit.subject} is dated {before.t_ms - after.t_ms} ms before entry {first.at}"


def _export(exhibit: Exhibit) -> str:
    last = exhibit.note.size - 1
    if exhibit.leaf(last).at != last:
        raise EvidenceError("the last entry is missing")
    kind = exhibit.entry(last).kind
    if kind == "audit.export":
        raise EvidenceError("the last entry is the hand-over")
    return f"the log of {exhibit.subject} ends in {kind}"


def _entry_form(exhibit: Exhibit) -> str:
    leaf = exhibit.leaf()
    try:
        entry = decode_entry(leaf.leaf)
        if entry.kind in ("env.sent", "env.recv"):
            parse(bytes(entry.body["header"]), bytes(entry.body["sig"]))  # type: ignore[arg-type]
    except CodecError as error:
        return f"{exhibit.subject} signed a log whose entry {leaf.at} is unreadable: {error}"
    raise EvidenceError(f"entry {leaf.at} is in the allowed form")


def _entry_place(exhibit: Exhibit) -> str:
    leaf = exhibit.leaf()
    entry = exhibit.entry(leaf.at)
    message = None
    if entry.kind in ("env.sent", "env.recv"):
        message = parse(bytes(entry.body["header"]), bytes(entry.body["sig"]))  # type: ignore[arg-type]
    fault = place_fault(entry, exhibit.note.origin, leaf.at, message.fields if message else None)
    if fault is None:
        raise EvidenceError(f"entry {leaf.at} is at its place")
    return f"{exhibit.subject} signed a log whose entry {leaf.at} {fault}"


def _ruled(code: str) -> Callable[[Exhibit], str]:
    """Return the check of a code whose rule speaks of a plan."""

    def shows(exhibit: Exhibit) -> str:
        plan = exhibit.plan
        if plan is None:
            raise EvidenceError("the plan is missing")
        items = [Item(e.fields.head_size, None, {}, e.fields, e.eid) for e in exhibit.envelopes]
        for leaf in exhibit.leaves:
            entry = exhibit.entry(leaf.at)
            if code == "LS-RELEASE-RULE" and entry.kind in ("env.recv", "env.sent", "key.revoke"):
                items += _approval(entry, leaf.at)
                continue
            if entry.study != plan.study or entry.kind in ("env.recv", "env.sent"):
                raise EvidenceError(f"entry {leaf.at} is not of this study, or not this region's word")
            items.append(Item(leaf.at, entry.kind, entry.body))
        strangers = any(item.message is not None and item.message.study != plan.study for item in items)
        if strangers and code != "LS-RELEASE-RULE":
            raise EvidenceError("a message is of another study")
        fault = RULES[code](plan, exhibit.subject, sorted(items, key=lambda item: item.seq))
        if fault is not None:
            return f"{exhibit.subject}: {fault}"
        if exhibit.logs:
            raise NeedsBundleError("the finding is about what the log does not hold: this needs the bundle")
        raise EvidenceError("by the plan, what the evidence shows is allowed")

    return shows


def _approval(entry: Entry, at: int) -> list[Item]:
    """Return the message that a log holds and a release in it may name; nothing for a revocation."""
    if entry.kind == "key.revoke":
        return []
    message = parse(bytes(entry.body["header"]), bytes(entry.body["sig"]))  # type: ignore[arg-type]
    return [Item(at, None, {}, message.fields, message.eid)]


def _epoch(exhibit: Exhibit) -> str:
    entry = exhibit.entry(0)
    prev = entry.body.get("prev")
    if entry.kind != "log.genesis" or not isinstance(prev, dict):
        raise EvidenceError("the first entry names no log before it")
    return f"{exhibit.subject} began {exhibit.note.origin} after {prev['size']!s} entries of {prev['origin']!s}"


def _lost(exhibit: Exhibit) -> str:
    if not exhibit.hashes:
        raise EvidenceError("the fingerprint is missing")
    (_, at), _ = next(iter(exhibit.hashes.items()))
    return f"entry {at} stands in the log of {exhibit.subject} as a fingerprint; that it is lost is seen in the bundle"


def _revoked(exhibit: Exhibit) -> str:
    envelope = exhibit.envelope()
    for said in exhibit.revocations:
        keys = next((keys for keys in exhibit.sets if keys.serial == said.serial), None)
        # Of an epoch after the one that the last good head is of, any place is later.
        good = [epoch_of(log) for (log, size), root in exhibit.roots.items() if (size, root) == (said.size, said.root)]
        is_late = envelope.fields.head_size >= said.size or epoch_of(envelope.fields.log) > min(good, default=10**6)
        if keys is None or said.region != exhibit.subject or not is_late:
            continue
        try:
            verify(envelope, keys.sign)
        except CryptoError:
            continue
        return f"key set {said.serial} of {said.region} was revoked from entry {said.size} on, and signed a later one"
    raise EvidenceError("no revoked key signed the message")


def _recomputed(exhibit: Exhibit) -> str:
    """What was computed again from bytes that a bundle holds: sums, mixes, what was opened."""
    if not exhibit.payloads:
        raise EvidenceError("the names of what it is computed from are missing")
    if not exhibit.envelopes and exhibit.entry().kind not in _COMPUTED:
        raise EvidenceError("the entry holds nothing that is computed again")
    raise NeedsBundleError("it is computed again from payloads or openings: this needs the bundle that holds them")


def _absence(exhibit: Exhibit) -> str:
    if not exhibit.logs:
        raise EvidenceError("what the log lacks is not said")
    raise NeedsBundleError("the finding is about what the log does not hold: this needs the bundle")


_COMPUTED = ("session.sum", "round.mix", "round.train", "round.eval", "study.start")

_SHOWS: Mapping[str, Callable[[Exhibit], str]] = (
    {
        "LS-FORK": _fork,
        "LS-OMITTED": _omitted,
        "LS-TRUNCATED": _truncated,
        "LS-EQUIVOCATION": _equivocation,
        "LS-HEAD-SELF": _head_self,
        "LS-ENV-SIG": _env_sig,
        "LS-TIME-ORDER": _time_order,
        "LS-BACKDATED": _backdated,
        "LS-COSIG-LAG": _absence,
        "LS-EPOCH-GAP": _epoch,
        "LS-KEY-REVOKED": _revoked,
        "LS-RECOMPUTE-SUM": _recomputed,
        "LS-RECOMPUTE-MIX": _recomputed,
        "LS-OPENING": _recomputed,
        "LS-LEAF-LOST": _lost,
        "LS-EXPORT-UNLOGGED": _export,
        "LS-ENTRY-FORMAT": _entry_form,
        "LS-ENTRY-SCHEMA": _entry_form,
        "LS-ENTRY-SEQ": _entry_place,
    }
    | {code: _ruled(code) for code in RULES}
    | dict.fromkeys(ABSENCES, _absence)
)
