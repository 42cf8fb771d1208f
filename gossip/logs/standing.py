"""Does what a region signs fit what is held of its log? Two histories of one log suspend whoever signed them.

A message must have the root, and be the entry, that the verified copy of its log has at its place; two checkpoints of
one size must have one root, whoever passed them on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from crypto.note import checkpoint_body
from gossip.effects import ErasedRow, Suspect
from gossip.logs.holdings import Holdings, Seen
from gossip.logs.redaction import carriers_leave
from gossip.step import Step
from protocol.codec import Value, encode
from protocol.entries import Entry, decode_entry
from protocol.envelope import Envelope
from protocol.errors import CodecError
from protocol.messages import TYPES

if TYPE_CHECKING:
    from gossip.peer import Peer


class Standing:
    """The comparisons."""

    def __init__(self, peer: Peer, held: Holdings) -> None:
        self._peer = peer
        self._held = held

    def judge(self, step: Step, envelope: Envelope) -> bool:
        """Whether an envelope fits the verified copy of its sender's log; if not, its sender is suspended."""
        if not self.is_foreign(envelope, {}):
            return True
        mirror = self._held.mirrors[envelope.fields.log]
        assert mirror.checkpoint is not None
        self.fork(step, envelope.fields.sender, [envelope], Seen(mirror.checkpoint, mirror.signature))
        return False

    def is_foreign(self, envelope: Envelope, leaves: dict[int, bytes | None]) -> bool:
        """Whether the verified copy of its log has another root, or another entry, where an envelope stands."""
        fields = envelope.fields
        mirror = self._held.mirrors.get(fields.log)
        if mirror is None or fields.head_size > mirror.size:
            return False
        if mirror.root_at(fields.head_size) != fields.head_root:
            return True
        if not TYPES[fields.type].logged or fields.head_size >= mirror.size:
            return False
        leaf = leaves.get(fields.head_size) or self._held.records.mirrored(fields.log, fields.head_size)
        if leaf is None:
            return False  # only its hash is here: of a study that this region takes no part in
        entry = _entry(leaf)
        return entry is None or entry.kind != "env.sent" or entry.body["header"] != envelope.header

    def contradicts(self, step: Step, name: str, seen: Seen) -> bool:
        """Whether a checkpoint has another root than one that is held for its size; then its log is forked."""
        origin, size = seen.checkpoint.origin, seen.checkpoint.size
        mirror, envelopes = self._held.mirrors.get(origin), self._peer.mailbox.heads_of(origin, size)
        others = [s for s in (self._held.relayed.get(origin), self._held.proved.get(origin)) if s is not None]
        root = mirror.root_at(size) if mirror is not None else None
        if root is not None and root != seen.checkpoint.root:
            assert mirror is not None
            assert mirror.checkpoint is not None
            self.fork(step, name, [], seen, Seen(mirror.checkpoint, mirror.signature))
            return True
        for other in others:
            if other.checkpoint.size == size and other.checkpoint.root != seen.checkpoint.root:
                return self.fork(step, name, [], seen, other) or self.is_revoked(name, seen)
        for envelope in envelopes:
            if envelope.fields.head_root != seen.checkpoint.root:
                return self.fork(step, name, [envelope], seen) or self.is_revoked(name, seen)
        return False

    def _is_verified(self, seen: Seen) -> bool:
        mirror = self._held.mirrors.get(seen.checkpoint.origin)
        return mirror is not None and mirror.root_at(seen.checkpoint.size) == seen.checkpoint.root

    def is_revoked(self, name: str, seen: Seen) -> bool:
        """Whether a checkpoint is signed by a key set that has been revoked."""
        revoked = self._peer.membership.ring.revoked(name)
        return bool(revoked) and self._held.log_key(seen) in {keys.log for keys in revoked}

    def relayed(self, step: Step, note: bytes) -> None:
        """Take in a checkpoint of some log that another region passed on."""
        if self._held.is_known(note):
            return
        seen = self._held.read(note)
        if seen is None:
            return
        name = seen.checkpoint.origin.split("/")[1]
        if name == self._peer.me:
            if not self.is_revoked(name, seen):
                self._peer.waking.shown(step, seen.checkpoint, seen.checkpoint.size)
        elif name in self._peer.membership.names and not self.contradicts(step, name, seen):
            self._held.relay(seen)

    def fork(self, step: Step, region: str, envelopes: list[Envelope], *notes: Seen) -> bool:
        """Suspend a region whose log has two histories; both are kept, as ``[signed bytes, signature, nil]``.

        Returns:
            False if a revoked key set has signed one of them: it may be the thief's, and accuses nobody.
        """
        claimed = [one for one in notes if not self._is_verified(one)]
        if any(map(self._peer.is_by_revoked, envelopes)) or any(self.is_revoked(region, one) for one in claimed):
            step.do(Suspect(region, "LS-KEY-REVOKED", "two histories of its log, one by a revoked key set"))
            return False
        shown: list[Value] = [[e.header, e.signature, None] for e in envelopes]
        shown += [[checkpoint_body(one.checkpoint), one.signature, None] for one in notes]
        self._peer.blame.suspend(step, region, "LS-FORK", encode(shown))
        return True

    def erased(
        self, step: Step, origin: str, redactions: Iterable[bytes], reading: Callable[[int], bytes | None]
    ) -> None:
        """An owner has erased entries of its log: the copy keeps their hashes alone.

        Args:
            redactions: Entries of the log that may say so.
            reading: Position to the entry of the copy; None where its bytes are not here.
        """
        mirror, gone = self._held.mirrors[origin], dict[int, bytes | None]()
        for entry in map(_entry, redactions):
            seq = entry.body.get("seq") if entry is not None and entry.kind == "redact" else None
            is_here = isinstance(seq, int) and seq < mirror.size and seq not in gone
            if entry is not None and isinstance(seq, int) and is_here and mirror.hash_at(seq) == entry.body["leaf"]:
                gone[seq] = reading(seq)
        carriers_leave(self._peer, step, *(leaf for leaf in gone.values() if leaf is not None))
        for seq in gone:
            step.row(ErasedRow(origin, seq))


def _entry(leaf: bytes) -> Entry | None:
    """The entry of another's leaf; None if it is none: roots bind bytes, whatever these are."""
    try:
        return decode_entry(leaf)
    except CodecError:
        return None
