"""Evidence inside a finding: how it is written down, and how it convinces without a bundle.

``check(finding, roster)`` needs the finding and the roster alone. It believes no word of the
finding: it opens each piece with the subject's own keys and sees for itself that two of the
subject's signed statements exclude each other. What is not shown raises ``EvidenceError``.

Pieces (JSON objects, bytes as ``0x`` and hex): ``envelope`` {header, sig, holder}, ``note`` {text},
``leaf`` {leaf, at, size, path}, ``consistency`` {size, root, path}, ``payload`` {sha256}.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from crypto.errors import CryptoError
from crypto.merkle import leaf_hash, verify_consistency, verify_inclusion
from crypto.note import Checkpoint, open_note, parse_checkpoint, parse_note
from node.audit.findings import Json
from protocol.entries import Entry, decode_entry
from protocol.envelope import Envelope, parse, verify
from protocol.errors import CodecError
from protocol.roster import Card, Roster


class EvidenceError(Exception):
    """The evidence does not show what the finding says; the text says why."""


class NeedsBundleError(EvidenceError):
    """The evidence names a payload by its hash: only a bundle can show its bytes."""


def envelope_piece(envelope: Envelope, holder: str) -> dict[str, Json]:
    """Return a message with its signature, and who holds it."""
    return {
        "type": "envelope",
        "header": "0x" + envelope.header.hex(),
        "sig": "0x" + envelope.signature.hex(),
        "holder": holder,
    }


def note_piece(note: bytes) -> dict[str, Json]:
    """Return a signed checkpoint."""
    return {"type": "note", "text": note.decode("utf-8")}


def leaf_piece(leaf: bytes, at: int, size: int, path: Sequence[bytes]) -> dict[str, Json]:
    """Return an entry with its inclusion path in the tree of ``size`` entries."""
    return {"type": "leaf", "leaf": "0x" + leaf.hex(), "at": at, "size": size, "path": _path(path)}


def consistency_piece(size: int, root: bytes, path: Sequence[bytes]) -> dict[str, Json]:
    """Return the root of the first ``size`` entries with its path to the checkpoint's tree."""
    return {"type": "consistency", "size": size, "root": "0x" + root.hex(), "path": _path(path)}


def payload_piece(sha256: bytes) -> dict[str, Json]:
    """Return the name of a payload whose bytes only a bundle holds."""
    return {"type": "payload", "sha256": "0x" + sha256.hex()}


def _path(path: Sequence[bytes]) -> list[Json]:
    return ["0x" + node.hex() for node in path]


@dataclass(frozen=True, slots=True)
class _Leaf:
    leaf: bytes
    at: int


class Exhibit:
    """The pieces of one finding, opened with the subject's keys.

    Raises:
        EvidenceError: A piece is malformed or not validly signed by the subject.
    """

    def __init__(self, subject: str, roster: Roster, pieces: Sequence[Mapping[str, Json]]) -> None:
        self.subject = subject
        self.roster = roster
        self.card = _card(roster, subject)
        self.envelopes: list[Envelope] = []
        self.notes: list[Checkpoint] = []
        self.leaves: list[_Leaf] = []
        self.earlier: dict[int, bytes] = {}
        self.payloads = 0
        ranked = sorted(pieces, key=lambda piece: _ORDER.get(str(piece.get("type")), 9))
        for piece in ranked:
            self._open(piece)

    def _open(self, piece: Mapping[str, Json]) -> None:
        match piece:
            case {"type": "envelope"}:
                self.envelopes.append(self._envelope(_bytes(piece, "header"), _bytes(piece, "sig")))
            case {"type": "note", "text": str(text)}:
                self.notes.append(self._note(text.encode()))
                self.notes.sort(key=lambda note: note.size)
            case {"type": "leaf", "at": int(at), "size": int(size)}:
                leaf, note = _bytes(piece, "leaf"), self.note
                if size != note.size:
                    raise EvidenceError(f"the path of entry {at} is for {size} entries; the checkpoint has {note.size}")
                _crypto(verify_inclusion, at, size, leaf_hash(leaf), _nodes(piece), note.root)
                self.leaves.append(_Leaf(leaf, at))
            case {"type": "consistency", "size": int(size)}:
                root, note = _bytes(piece, "root"), self.note
                _crypto(verify_consistency, size, note.size, root, note.root, _nodes(piece))
                self.earlier[size] = root
            case {"type": "payload"}:
                self.payloads += 1
            case _:
                raise EvidenceError(f"a piece of an unknown type: {str(piece.get('type'))[:20]!r}")

    def _envelope(self, header: bytes, signature: bytes) -> Envelope:
        try:
            envelope = parse(header, signature)
            verify(envelope, self.card.keys.sign)
        except (CodecError, CryptoError) as error:
            raise EvidenceError(f"a message is not {self.subject}'s: {error}") from error
        if envelope.fields.sender != self.subject or not self._owns(envelope.fields.log):
            raise EvidenceError(f"a message is from {envelope.fields.sender}, log {envelope.fields.log}")
        return envelope

    def _note(self, note: bytes) -> Checkpoint:
        try:
            checkpoint = parse_checkpoint(parse_note(note).body)
            open_note(note, checkpoint.origin, self.card.keys.log)
        except (CodecError, CryptoError, UnicodeError) as error:
            raise EvidenceError(f"a checkpoint is not {self.subject}'s: {error}") from error
        if not self._owns(checkpoint.origin):
            raise EvidenceError(f"a checkpoint is of the log {checkpoint.origin}")
        return checkpoint

    def _owns(self, origin: str) -> bool:
        return origin.rpartition("/")[0] == f"{self.roster.network}/{self.subject}"

    @property
    def note(self) -> Checkpoint:
        """The largest checkpoint."""
        if not self.notes:
            raise EvidenceError("a signed checkpoint is missing")
        return self.notes[-1]

    def leaf(self, at: int | None = None) -> _Leaf:
        """The entry at a position, or the only one."""
        for leaf in self.leaves:
            if at is None or leaf.at == at:
                return leaf
        raise EvidenceError(f"the entry {'' if at is None else at} is missing")

    def entry(self, at: int | None = None) -> Entry:
        """The same, decoded."""
        try:
            return decode_entry(self.leaf(at).leaf)
        except CodecError as error:
            raise EvidenceError(f"the entry cannot be read: {error}") from error

    def envelope(self) -> Envelope:
        """The only message."""
        if not self.envelopes:
            raise EvidenceError("the message is missing")
        return self.envelopes[0]


_ORDER = {"note": 0, "envelope": 1, "consistency": 2, "leaf": 3, "payload": 4}


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
    return _SHOWS[code](Exhibit(str(subject), roster, pieces))


def _fork(exhibit: Exhibit) -> str:
    heads: list[tuple[str, int, bytes, bytes | None]] = [
        (e.fields.log, e.fields.head_size, e.fields.head_root, e.eid) for e in exhibit.envelopes
    ]
    heads += [(note.origin, note.size, note.root, None) for note in exhibit.notes]
    for origin, size, root, _ in heads:
        if exhibit.notes and origin == exhibit.note.origin and exhibit.earlier.get(size, root) != root:
            return f"the log of {exhibit.subject} has another root over its first {size} entries than it signed"
    for index, (origin, size, root, eid) in enumerate(heads):
        for other, other_size, other_root, other_eid in heads[index + 1 :]:
            if (origin, size) != (other, other_size):
                continue
            if root != other_root or (None not in (eid, other_eid) and eid != other_eid):
                return f"{exhibit.subject} signed two statements about place {size} of its log that exclude each other"
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
    envelope, note = exhibit.envelope(), exhibit.note
    if envelope.fields.log != note.origin or envelope.fields.head_size < note.size:
        raise EvidenceError(f"the message is entry {envelope.fields.head_size}, and {note.size} were handed over")
    return f"{exhibit.subject} signed a message as entry {envelope.fields.head_size}; {note.size} were handed over"


def _equivocation(exhibit: Exhibit) -> str:
    if len(exhibit.envelopes) != 2:
        raise EvidenceError("two messages are needed")
    one, two = exhibit.envelopes
    if one.eid == two.eid or slot(one) is None or slot(one) != slot(two):
        raise EvidenceError("the two messages do not exclude each other")
    return f"{exhibit.subject} signed two different {one.fields.type} for one session"


def slot(envelope: Envelope) -> tuple[object, ...] | None:
    """Return the place that one statement only may have; None for types without a session."""
    fields = envelope.fields
    if fields.session is None:
        return None
    return (fields.study, fields.session, fields.type, fields.sender, fields.body.get("about"))


def _head_self(exhibit: Exhibit) -> str:
    leaf = exhibit.leaf()
    entry = exhibit.entry(leaf.at)
    if entry.kind != "env.sent":
        raise EvidenceError(f"entry {leaf.at} is no env.sent")
    envelope = exhibit._envelope(bytes(entry.body["header"]), bytes(entry.body["sig"]))  # type: ignore[arg-type]
    fault = head_fault(envelope, exhibit.note.origin, leaf.at, exhibit.earlier.get(leaf.at))
    if fault is None:
        raise EvidenceError("the head in the message is the one of its place")
    return f"entry {leaf.at} of {exhibit.subject}: {fault}"


def head_fault(envelope: Envelope, origin: str, at: int, root: bytes | None) -> str | None:
    """Return what is false in the head of a message that its sender logged as entry ``at``, or None.

    Args:
        root: Root of the first ``at`` entries; None if it is not known.
    """
    fields = envelope.fields
    if fields.log != origin:
        return f"the head is of the log {fields.log}"
    if fields.head_size != at:
        return f"the head says entry {fields.head_size}"
    if root is not None and fields.head_root != root:
        return f"the head has another root over the first {at} entries"
    return None


def _env_sig(exhibit: Exhibit) -> str:
    if exhibit.payloads:
        raise NeedsBundleError("the message travelled inside a payload: this needs the bundle that holds it")
    leaf = exhibit.leaf()
    entry = exhibit.entry(leaf.at)
    if entry.kind not in ("env.sent", "env.recv"):
        raise EvidenceError(f"entry {leaf.at} holds no message")
    try:
        envelope = parse(bytes(entry.body["header"]), bytes(entry.body["sig"]))  # type: ignore[arg-type]
    except CodecError as error:
        raise EvidenceError(f"the message cannot be read: {error}") from error
    try:
        verify(envelope, _card(exhibit.roster, envelope.fields.sender).keys.sign)
    except CryptoError:
        return f"entry {leaf.at} of {exhibit.subject} holds a message that {envelope.fields.sender} did not sign"
    raise EvidenceError("the signature of the message verifies")


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
    fault = place_fault(entry, exhibit.note.origin, leaf.at)
    if fault is None:
        raise EvidenceError(f"entry {leaf.at} is at its place")
    return f"{exhibit.subject} signed a log whose entry {leaf.at} {fault}"


def place_fault(entry: Entry, origin: str, at: int) -> str | None:
    """Return what is false in the place that an entry claims, or None."""
    if entry.seq != at or entry.log != origin:
        return f"says it is entry {entry.seq} of {entry.log}"
    if (entry.kind == "log.genesis") != (at == 0):
        return f"is {entry.kind}; a log begins with log.genesis, and only begins so"
    if at == 0:
        network, region, _ = origin.split("/")
        named = str(entry.body["network"]), str(entry.body["region"])
        if named != (network, region):
            return f"founds the log of {'/'.join(named)}"
    if entry.kind == "env.sent":
        header = parse(bytes(entry.body["header"]), bytes(entry.body["sig"]))  # type: ignore[arg-type]
        if header.fields.sender != origin.split("/")[1]:
            return f"holds as sent a message of {header.fields.sender}"
        if header.fields.study != entry.study:
            return "is filed under another study than its message"
    return None


_SHOWS: Mapping[str, Callable[[Exhibit], str]] = {
    "LS-FORK": _fork,
    "LS-OMITTED": _omitted,
    "LS-TRUNCATED": _truncated,
    "LS-EQUIVOCATION": _equivocation,
    "LS-HEAD-SELF": _head_self,
    "LS-ENV-SIG": _env_sig,
    "LS-TIME-ORDER": _time_order,
    "LS-EXPORT-UNLOGGED": _export,
    "LS-ENTRY-FORMAT": _entry_form,
    "LS-ENTRY-SCHEMA": _entry_form,
    "LS-ENTRY-SEQ": _entry_place,
}


def _card(roster: Roster, name: str) -> Card:
    if name not in roster.names:
        raise EvidenceError(f"{name} is not in the roster")
    return roster.card(name)


def _crypto(function: Callable[..., None], *arguments: object) -> None:
    try:
        function(*arguments)
    except (CryptoError, ValueError) as error:
        raise EvidenceError(f"a path in the tree does not hold: {error}") from error


def _bytes(piece: Mapping[str, Json], name: str) -> bytes:
    return _unhex(piece.get(name), name)


def _nodes(piece: Mapping[str, Json]) -> list[bytes]:
    path = piece.get("path")
    if not isinstance(path, list) or len(path) > 128:
        raise EvidenceError("a path in the tree is missing or too long")
    return [_unhex(node, "path") for node in path]


def _unhex(text: Json, name: str) -> bytes:
    if not isinstance(text, str) or not text.startswith("0x"):
        raise EvidenceError(f"{name} is not in hex")
    try:
        return bytes.fromhex(text[2:])
    except ValueError as error:
        raise EvidenceError(f"{name} is not in hex") from error
