"""Entries and proofs on their way: the own log to those who keep a copy of it, and proofs to those who do not.

Rules kept here, and nowhere else:
  * an entry of a study that a neighbour takes no part in travels to it as its hash;
  * what goes at once is bounded: the rest goes with the next round, or with the next answer;
  * what is given back of a lost log goes once over a link, and again after a minute: who asks without end costs little;
  * a proof shows what was said, never another entry: where no copies are kept, the rest of a log stays at home;
  * without a copy a checkpoint counts only if every head and every message held of its log lies on the way to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crypto.merkle import leaf_hash, verify_consistency, verify_inclusion
from gossip.errors import RemoteError
from gossip.logs.holdings import Holdings, Seen
from gossip.logs.mirror import Mirror
from gossip.step import Step
from protocol.codec import Value
from protocol.entries import decode_entry
from protocol.envelope import Envelope
from protocol.epochs import epoch_of
from protocol.messages import TYPES
from protocol.witnessing import Behind, Proof, encode_mirror

if TYPE_CHECKING:
    from gossip.peer import Peer

CHUNK = 3 * 2**20
MAX_CHUNKS = 8
MAX_ASKED = 64
READ = 256  # entries that are read at once
GIVEN_MS = 1_000, 60_000  # between two parts that are given back, and from the first one to the first one again


@dataclass(slots=True)
class _Given:
    """What one region was given back of its log since its link came up: from where on, up to where, since when."""

    first: int
    end: int
    begun_ms: int
    at_ms: int


class Copying:
    """What is sent of logs, and what is asked for."""

    def __init__(self, peer: Peer, held: Holdings) -> None:
        self._peer = peer
        self._held = held
        self._asked: dict[str, tuple[list[int], list[int]]] = {}
        self._given: dict[str, _Given] = {}

    def forget_link(self, name: str) -> None:
        """A link is gone: what was under way may not have arrived."""
        self._given.pop(name, None)

    def mirror_to(self, step: Step, name: str, since: int) -> None:
        """Send the own log's entries from ``since`` on, in pieces."""
        for first, items in self._pieces(self._items(name, since)):
            step.seal("MIRROR", {"log": self._peer.log.origin}, to=[name], payload=encode_mirror(since + first, items))

    def _items(self, name: str, since: int) -> Iterator[bytes]:
        log = self._peer.log
        pending = log.pending_leaves
        on_disk = log.size - len(pending)
        for first in range(since, on_disk, READ):
            for leaf, digest in self._held.records.own(first, min(first + READ, on_disk)):
                yield leaf if leaf is not None and self._held.may_read(name, leaf) else digest
        for one in pending:
            if one.seq >= since:
                yield one.leaf if self._held.may_read(name, one.leaf) else one.hash

    @staticmethod
    def _pieces(items: Iterable[bytes]) -> Iterator[tuple[int, list[bytes]]]:
        """Yield position and entries of at most ``MAX_CHUNKS`` pieces; no more is read."""
        first, size, count = 0, 0, 0
        piece: list[bytes] = []
        for one in items:
            if piece and size + len(one) > CHUNK:
                yield first, piece
                first, size, count, piece = first + len(piece), 0, count + 1, []
                if count == MAX_CHUNKS:
                    return
            piece.append(one)
            size += len(one) + 5
        if piece:
            yield first, piece

    def ask(self, step: Step, name: str, seen: Seen, *, by_entries: bool) -> None:
        """Ask for what is missing: entries from where the copy ends, or the paths from all that is held."""
        origin, size = seen.checkpoint.origin, seen.checkpoint.size
        mirror = self._held.mirrors.get(origin)
        begun = [end] if mirror is not None and (end := mirror.size + len(mirror.coming)) else []
        sizes, places = (begun, []) if by_entries else self._wanted(origin, size)
        self._asked[origin] = sizes, places
        heads: list[Value] = list(sizes)
        at: list[Value] = list(places)
        step.seal("PROVE", {"size": size, "places": at, "heads": heads}, to=[name])

    def _wanted(self, origin: str, size: int) -> tuple[list[int], list[int]]:
        """Heads and places that a proof for ``size`` must cover: the last verified, and the newest held beyond it."""
        proved = self._held.proved.get(origin)
        begun = proved.checkpoint.size if proved is not None else 0
        fitting = self._peer.mailbox.heads_between(origin, begun, size)[1 - MAX_ASKED :]
        known = {e.fields.head_size for e in fitting} | ({proved.checkpoint.size} if proved is not None else set())
        placed = {e.fields.head_size for e in fitting if TYPES[e.fields.type].logged and e.fields.head_size < size}
        return sorted(known), sorted(placed)

    def prove(self, step: Step, envelope: Envelope) -> list[int]:
        """Answer a PROVE with the paths that are asked for; returns the heads from which they start."""
        fields, log = envelope.fields, self._peer.log
        size, places, heads = fields.body["size"], fields.body["places"], fields.body["heads"]
        assert isinstance(size, int)
        assert isinstance(places, list)
        assert isinstance(heads, list)
        if size > log.size:
            raise RemoteError(fields.sender, "STATE", "asks for proofs of more entries than this log has")
        consistency = {n: log.tree.consistency_path(n, size) for n in heads if isinstance(n, int) and n <= size}
        shown: dict[int, tuple[bytes, list[bytes]]] = {}
        for n in places:
            if isinstance(n, int) and n < size:
                leaf = next((leaf for leaf, _ in self._held.records.own(n, n + 1)), None)
                is_said = leaf is not None and decode_entry(leaf).kind == "env.sent"
                if leaf is not None and is_said and self._held.may_read(fields.sender, leaf):
                    shown[n] = leaf, log.tree.inclusion_path(n, size)
        step.seal("PROOF", {}, to=[fields.sender], payload=Proof(size, consistency, shown).encode())
        return [n for n in heads if isinstance(n, int)]

    def foreign(self, proof: Proof, seen: Seen) -> Envelope | None:
        """Check that all that was asked for lies on the way to a checkpoint; a message that does not is returned.

        Raises:
            CryptoError, CodecError: A path is missing or leads elsewhere.
        """
        origin = seen.checkpoint.origin
        sizes, places = self._asked.get(origin, ([], []))
        roots = {e.fields.head_size: e.fields.head_root for e in self._peer.mailbox.heads_of(origin)}
        if origin in self._held.proved:
            before = self._held.proved[origin].checkpoint
            roots[before.size] = before.root
        for n in sizes:
            verify_consistency(n, proof.size, roots[n], seen.checkpoint.root, proof.consistency.get(n, []))
        held = {e.fields.head_size: e for e in self._peer.mailbox.heads_of(origin) if TYPES[e.fields.type].logged}
        for n in places:
            leaf, path = proof.places.get(n, (b"", []))
            verify_inclusion(n, proof.size, leaf_hash(leaf), path, seen.checkpoint.root)
            if decode_entry(leaf).body.get("header") != held[n].header:
                return held[n]
        return None

    def _later(self, name: str, origin: str) -> Seen | None:
        """A checkpoint of a later epoch than the one that is asked about: that log was put back to before it."""
        current = self._peer.membership.epochs.current(name)
        if current <= epoch_of(origin):
            return None
        notes = self._held.notes(f"{origin.rpartition('/')[0]}/{current}")
        return max(notes, key=lambda seen: seen.checkpoint.size, default=None)

    def tell_behind(self, step: Step, name: str, origin: str, size: int, root: bytes | None = None) -> None:
        """Answer who asks whether its log is the newest: the largest head of it that is held here, and its entries.

        Who has forked its log is shown what it had signed before, even where its log is longer by now.
        """
        mirror, code = self._held.mirrors.get(origin), self._peer.blame.codes.get(name)
        has_signed = self._peer.membership.ring.has_signed  # by a key that counts there: none that was revoked since
        least = 0 if code == "LS-FORK" else size
        notes = sorted(self._held.notes(origin), key=lambda s: s.checkpoint.size, reverse=True)
        note = next((seen for seen in notes if not self._peer.witness.standing.is_revoked(name, seen)), None)
        said = sorted(self._peer.mailbox.heads_of(origin), key=_shown, reverse=True)
        last = next(filter(has_signed, said), None)
        noted = note.checkpoint.size if note is not None else 0
        is_noted = noted > least or (note is not None and noted == size and root not in (None, note.checkpoint.root))
        is_said = last is not None and _shown(last) > max(noted, least)
        if not is_noted and not is_said:  # what no entry shows: it has had so many, and nobody knows which
            last = self._peer.mailbox.largest(name)
            is_larger = last is not None and last.fields.log == origin and last.fields.head_size > size
            is_said = is_larger and last is not None and has_signed(last)
        answer = Behind(
            note=self._held.note(note) if note is not None and is_noted else None,
            envelope=(last.header, last.signature) if last is not None and is_said else None,
            suspended=code,
        )
        later = self._later(name, origin)
        if later is not None:
            answer = Behind(note=self._held.note(later), suspended=code)
        step.seal("BEHIND", {}, to=[name], payload=answer.encode())
        if mirror is not None and (answer.note is not None or answer.envelope is not None):
            self._give_back(step, name, mirror, size)

    def _give_back(self, step: Step, name: str, mirror: Mirror, size: int) -> None:
        """Send the entries of a region's log from a size on: those that go at once, and the next ones next time."""
        given, (part_ms, whole_ms) = self._given.get(name), GIVEN_MS
        if given is None or step.now_ms >= given.begun_ms + whole_ms:
            given = self._given[name] = _Given(size, size, step.now_ms, step.now_ms - part_ms)
        if given.first != size or given.end >= mirror.size or step.now_ms < given.at_ms + part_ms:
            return
        given.at_ms, begun = step.now_ms, given.end
        entries = (
            self._held.records.mirrored(mirror.origin, seq) or mirror.hash_at(seq) for seq in range(begun, mirror.size)
        )
        for first, piece in self._pieces(entries):
            payload = encode_mirror(begun + first, piece)
            step.seal("MIRROR", {"log": mirror.origin}, to=[name], payload=payload)
            given.end = begun + first + len(piece)


def _shown(envelope: Envelope) -> int:
    """How many entries a message shows that its log has: its head's, and where it is an entry itself, one more."""
    return envelope.fields.head_size + TYPES[envelope.fields.type].logged
