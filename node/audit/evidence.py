"""Evidence inside a finding: how it is written down, and how it convinces without a bundle.

An ``Exhibit`` opens the pieces with the subject's keys; what they show is in ``proofs``. What does
not hold raises ``EvidenceError``.

Pieces (JSON objects, bytes as ``0x`` and hex): ``envelope`` {header, sig, holder}, ``note`` {text},
``leaf`` {leaf, at, size, path}, ``hash`` {hash, at, size, path} of a leaf, ``consistency`` {size, root, path},
``rotation`` {body} and ``revocation`` {body} of key sets, ``plan`` {plan}, ``payload`` {sha256}, ``log`` {size}:
what the whole log does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crypto.errors import CryptoError
from crypto.merkle import leaf_hash, verify_consistency, verify_inclusion
from crypto.note import Checkpoint, open_note, parse_checkpoint, parse_note
from node.audit.findings import Json
from protocol.card import Keys
from protocol.codec import MAX_ENTRY, decode, encode
from protocol.entries import Entry, decode_entry
from protocol.envelope import Envelope, parse, verify
from protocol.epochs import read_genesis
from protocol.errors import CodecError, PlanError, RosterError
from protocol.keys import Revocation, check_revocation, check_rotation
from protocol.plan import Plan
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


def hash_piece(hashed: bytes, at: int, size: int, path: Sequence[bytes]) -> dict[str, Json]:
    """Return the hash of an entry with its inclusion path in the tree of ``size`` entries."""
    return {"type": "hash", "hash": "0x" + hashed.hex(), "at": at, "size": size, "path": _path(path)}


def consistency_piece(size: int, root: bytes, path: Sequence[bytes]) -> dict[str, Json]:
    """Return the root of the first ``size`` entries with its path to the checkpoint's tree."""
    return {"type": "consistency", "size": size, "root": "0x" + root.hex(), "path": _path(path)}


def payload_piece(sha256: bytes) -> dict[str, Json]:
    """Return the name of a payload whose bytes only a bundle holds."""
    return {"type": "payload", "sha256": "0x" + sha256.hex()}


def plan_piece(plan: Plan) -> dict[str, Json]:
    """Return a plan."""
    return {"type": "plan", "plan": "0x" + plan.encode().hex()}


def rotation_piece(body: Mapping[str, Any]) -> dict[str, Json]:
    """Return a key set that followed, as its region logged it."""
    return {"type": "rotation", "body": "0x" + encode(dict(body)).hex()}


def revocation_piece(body: Mapping[str, Any]) -> dict[str, Json]:
    """Return a revocation of a key set."""
    return {"type": "revocation", "body": "0x" + encode(dict(body)).hex()}


def log_piece(size: int) -> dict[str, Json]:
    """Return the size of a log: the finding is about what is not in it, which only the whole log shows."""
    return {"type": "log", "size": size}


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
        self.card = card_of(roster, subject)
        self.envelopes: list[Envelope] = []
        self.notes: list[Checkpoint] = []
        self.leaves: list[_Leaf] = []
        self.hashes: dict[tuple[str, int], set[bytes]] = {}
        self.earlier: dict[int, bytes] = {}
        self.roots: dict[tuple[str, int], bytes] = {}
        self.sets = [self.card.keys]
        self.revocations: list[Revocation] = []
        self.plan: Plan | None = None
        self.payloads = self.logs = 0
        ranked = sorted(pieces, key=lambda piece: _ORDER.get(str(piece.get("type")), 9))
        for piece in ranked:
            self._open(piece)

    def _open(self, piece: Mapping[str, Json]) -> None:
        match piece:
            case {"type": "envelope"}:
                self.envelopes.append(self.signed(_bytes(piece, "header"), _bytes(piece, "sig")))
            case {"type": "note", "text": str(text)}:
                self.notes.append(self._note(text.encode()))
                self.notes.sort(key=lambda note: note.size)
            case {"type": "leaf", "at": int(at), "size": int(size)}:
                leaf = _bytes(piece, "leaf")
                self._included(at, size, leaf_hash(leaf), _nodes(piece))
                self.leaves.append(_Leaf(leaf, at))
            case {"type": "hash", "at": int(at), "size": int(size)}:
                self._included(at, size, _bytes(piece, "hash"), _nodes(piece))
            case {"type": "consistency", "size": int(size)}:
                root = _bytes(piece, "root")
                note = self._leading(size, root, _nodes(piece))
                self.roots[note.origin, size] = root
                if note == self.note:
                    self.earlier[size] = root
            case {"type": "rotation"}:
                self.sets.append(self._rotation(_bytes(piece, "body")))
            case {"type": "revocation"}:
                self.revocations.append(self._revocation(_bytes(piece, "body")))
            case {"type": "plan"}:
                self.plan = self._plan(_bytes(piece, "plan"))
            case {"type": "payload"}:
                self.payloads += 1
            case {"type": "log"}:
                self.logs += 1
            case _:
                raise EvidenceError(f"a piece of an unknown type: {str(piece.get('type'))[:20]!r}")

    def _leading(self, size: int, root: bytes, path: Sequence[bytes]) -> Checkpoint:
        """The checkpoint that a path leads to: the largest, or where two logs are shown, one of the other's."""
        note = self.note
        for other in [each for each in self.notes if each.origin != note.origin and each.size >= size]:
            try:
                verify_consistency(size, other.size, root, other.root, path)
            except (CryptoError, ValueError):
                continue
            return other
        _crypto(verify_consistency, size, note.size, root, note.root, path)
        return note

    def _included(self, at: int, size: int, hashed: bytes, path: Sequence[bytes]) -> None:
        """See that an entry stands at its place under a checkpoint of that size."""
        fitting = [note for note in self.notes if note.size == size]
        if not fitting:
            raise EvidenceError(f"the path of entry {at} is for {size} entries; no checkpoint has so many")
        for index, note in enumerate(fitting):
            try:
                _crypto(verify_inclusion, at, size, hashed, path, note.root)
                break
            except EvidenceError:
                if index == len(fitting) - 1:
                    raise
        self.hashes.setdefault((note.origin, at), set()).add(hashed)

    def signed(self, header: bytes, signature: bytes) -> Envelope:
        """Return a message once it is seen to be the subject's."""
        try:
            envelope = parse(header, signature)
            self._by_any(lambda keys: verify(envelope, keys.sign))
        except (CodecError, CryptoError) as error:
            raise EvidenceError(f"a message is not {self.subject}'s: {error}") from error
        if envelope.fields.sender != self.subject or not self._owns(envelope.fields.log):
            raise EvidenceError(f"a message is from {envelope.fields.sender}, log {envelope.fields.log}")
        return envelope

    def _note(self, note: bytes) -> Checkpoint:
        try:
            checkpoint = parse_checkpoint(parse_note(note).body)
            self._by_any(lambda keys: open_note(note, checkpoint.origin, keys.log))
        except (CodecError, CryptoError, UnicodeError) as error:
            raise EvidenceError(f"a checkpoint is not {self.subject}'s: {error}") from error
        if not self._owns(checkpoint.origin):
            raise EvidenceError(f"a checkpoint is of the log {checkpoint.origin}")
        return checkpoint

    def _by_any(self, check: Callable[[Keys], object]) -> None:
        """See that one of the region's key sets signed it."""
        for keys in self.sets[:-1]:
            try:
                check(keys)
                return
            except CryptoError:
                continue
        check(self.sets[-1])

    def _rotation(self, data: bytes) -> Keys:
        try:
            return check_rotation(_map(data), self.card.identity)
        except (CodecError, CryptoError, KeyError, TypeError, ValueError) as error:
            raise EvidenceError(f"a rotation of keys does not hold: {error}") from error

    def _revocation(self, data: bytes) -> Revocation:
        try:
            return check_revocation(_map(data), self.roster)
        except (CodecError, CryptoError, RosterError, KeyError, TypeError, ValueError) as error:
            raise EvidenceError(f"a revocation does not hold: {error}") from error

    def _plan(self, data: bytes) -> Plan:
        try:
            plan = Plan.decode(data)
        except (CodecError, PlanError, ValueError) as error:
            raise EvidenceError(f"the plan cannot be read: {error}") from error
        if plan.roster != self.roster.hash:
            raise EvidenceError("the plan names another roster")
        return plan

    def _owns(self, origin: str) -> bool:
        return origin.rpartition("/")[0] == f"{self.roster.network}/{self.subject}"

    @property
    def note(self) -> Checkpoint:
        """The largest checkpoint."""
        if not self.notes:
            raise EvidenceError("a signed checkpoint is missing")
        return self.notes[-1]

    def named(self) -> list[tuple[str, int, bytes, bytes | None]]:
        """Heads of an earlier epoch that the first entry of a later one names."""
        found: list[tuple[str, int, bytes, bytes | None]] = []
        for leaf in self.leaves:
            try:
                one = read_genesis(leaf.leaf)
            except CodecError:
                continue
            if leaf_hash(leaf.leaf) in self.hashes.get((str(one.origin), 0), ()):
                found.append((one.previous.origin, one.previous.size, one.previous.root, None))
        return found

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


_RANKS = (("rotation",), ("revocation", "plan", "note"), ("envelope",), ("consistency",), ("leaf", "hash"))
_ORDER = {name: rank for rank, names in enumerate(_RANKS) for name in names}


def _map(data: bytes) -> dict[str, Any]:
    value = decode(data, max_bytes=MAX_ENTRY)
    if not isinstance(value, dict):
        raise EvidenceError("a map is expected")
    return value


def card_of(roster: Roster, name: str) -> Card:
    """Return a region's card, or say that it has none."""
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
