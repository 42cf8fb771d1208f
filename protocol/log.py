"""A region's update log in memory: the tree, its keys, and the one way to add to it.

Rules kept here, and nowhere else:
  * a logged envelope is signed over the head that the log has at that moment, and is its next entry;
  * time never goes back: an entry is dated no earlier than the one before it;
  * a checkpoint is signed over the size that ``pending`` hands out, so there is no unsigned tail;
  * at a release and at the end of a study it is signed once more, for the long term (``release_line``), and the
    key set before a new one does so for the entry that brings the new one.

What is refused leaves no trace. No disk and no clock: who owns a ``Log`` writes what ``pending`` returns,
in one transaction, before anything sealed leaves.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from crypto.merkle import Tree, leaf_hash
from crypto.mldsa import ReleaseKey, UnavailableError
from crypto.note import Checkpoint, checkpoint_body, note_key_id, note_with
from crypto.signing import SigningKey
from protocol.codec import Value
from protocol.entries import Entry, decode_entry, encode_entry
from protocol.envelope import Envelope, Header, build
from protocol.errors import CodecError, LogError
from protocol.messages import message_type
from protocol.release_line import PROTECTED, RELEASE, cosigned_message, line_of, release_name


@dataclass(frozen=True, slots=True)
class Leaf:
    """One entry as it is stored.

    Attributes:
        seq: Its place, from 0.
        leaf: Canonical bytes of the entry.
        hash: RFC 6962 leaf hash.
    """

    seq: int
    leaf: bytes
    hash: bytes


class Log:
    """The update log of one region.

    Args:
        network, region, epoch: Make up the origin ``<network>/<region>/<epoch>``.
        sign_key: Signs envelopes.
        log_key: Signs checkpoints.
        leaves: What is stored, from 0. Only the last is read: the root shows whether the others are right.
        hashes: The leaf hashes, where of some entries nothing else is left (their leaf is None).
        release_key: Signs checkpoints for the long term; None where the key set has none.

    Raises:
        LogError: The last stored entry is unreadable, or not of this log and place.
    """

    def __init__(
        self,
        *,
        network: str,
        region: str,
        sign_key: SigningKey,
        log_key: SigningKey,
        leaves: Iterable[bytes | None] = (),
        hashes: Iterable[bytes] | None = None,
        epoch: int = 1,
        release_key: ReleaseKey | None = None,
    ) -> None:
        self.origin = f"{network}/{region}/{epoch}"
        self._release_name = release_name(network, region)
        self._release_key = release_key
        self._due: list[ReleaseKey] = []
        self.lines: dict[bytes, tuple[int, bytes]] = {}  # of this run, by key id: size and note
        self.region = region
        self.last_ms = 0
        self._sign_key = sign_key
        self._log_key = log_key
        self._pending: list[Leaf] = []
        kept = list(leaves)
        self.tree = Tree(hashes if hashes is not None else (leaf_hash(leaf) for leaf in kept if leaf is not None))
        if self.tree.size != len(kept):
            raise LogError(f"{self.origin}: {len(kept)} entries and {self.tree.size} hashes")
        last = max((seq for seq, leaf in enumerate(kept) if leaf is not None), default=-1)
        if last >= 0:
            self.last_ms = self._read(last, kept[last] or b"").t_ms

    @property
    def size(self) -> int:
        """Number of entries, those pending among them."""
        return self.tree.size

    @property
    def root(self) -> bytes:
        """Root over all entries."""
        return self.tree.root()

    def add(self, kind: str, body: dict[str, Value], *, study: bytes | None, now_ms: int) -> Entry:
        """Append an entry and return it.

        Raises:
            LogError: Kind, study or body are not what the format allows; nothing is appended.
        """
        entry = Entry(self.origin, self.size, max(now_ms, self.last_ms), kind, study, body)
        leaf = encode_entry(entry)
        digest = leaf_hash(leaf)
        self._pending.append(Leaf(entry.seq, leaf, digest))
        self.tree.append(digest)
        self.last_ms = entry.t_ms
        if kind in PROTECTED:
            self._fall_due()
        return entry

    def seal(
        self,
        type: str,
        body: dict[str, Value],
        *,
        study: bytes | None = None,
        round: int | None = None,
        session: bytes | None = None,
        payload: memoryview | bytes | None = None,
        to: Sequence[str],
        now_ms: int,
        payload_sha256: bytes | None = None,
    ) -> Envelope:
        """Sign a message; one of a logged type is appended as ``env.sent``.

        Args:
            type, body, study, round, session: As the message table says.
            payload: What follows the header; contiguous.
            to: Regions it goes to. Of a service type nothing is kept, and ``to`` may be empty.
            now_ms: Unix time.
            payload_sha256: The payload's hash, if it is known already.

        Raises:
            LogError: The log has no genesis yet, or the message is not what its type allows; nothing is appended.
        """
        if self.size == 0:
            raise LogError(f"{self.origin}: nothing can be signed before log.genesis")
        size = memoryview(payload).nbytes if payload is not None else 0
        digest = None
        if payload is not None and size:
            digest = payload_sha256 if payload_sha256 is not None else hashlib.sha256(payload).digest()
        fields = Header(
            type=type, sender=self.region, log=self.origin, head_size=self.size, head_root=self.root,
            study=study, round=round, session=session, body=body, bytes=size, sha256=digest,
        )  # fmt: skip
        try:
            is_logged = message_type(type).logged
            envelope = build(fields, self._sign_key)
        except CodecError as error:
            raise LogError(f"{self.origin}: {error}") from error
        if is_logged:
            names: list[Value] = [*sorted(to)]
            sent: dict[str, Value] = {"header": envelope.header, "sig": envelope.signature, "to": names}
            self.add("env.sent", sent, study=study, now_ms=now_ms)
        return envelope

    def rekey(self, sign_key: SigningKey, log_key: SigningKey, release_key: ReleaseKey | None = None) -> None:
        """Sign with another key set from here on; its ``key.rotate`` has just been added.

        The release key before signs for that entry: else who can forge the identity key one day could bring a
        release key of his own.
        """
        self._fall_due()
        self._sign_key, self._log_key, self._release_key = sign_key, log_key, release_key

    def _fall_due(self) -> None:
        if self._release_key is not None and self._release_key not in self._due:
            self._due.append(self._release_key)

    def protected(self, checkpoint: Checkpoint, signature: bytes) -> list[tuple[bytes, bytes]]:
        """Return the lines for the long term that are due, each in a note of the checkpoint that ``pending`` gave.

        Returns:
            Key id and note; none where this installation cannot sign them.
        """
        due, self._due = self._due, []
        note = note_with(checkpoint_body(checkpoint), self.origin, self._log_key.public, signature)
        notes = []
        for key in due:
            t_s = self.last_ms // 1000
            with contextlib.suppress(UnavailableError):
                sig = key.sign(cosigned_message(checkpoint, self._release_name, t_s))
                key_id = note_key_id(self._release_name, RELEASE, key.public)
                notes.append((key_id, note + line_of(self._release_name, key.public, t_s, sig)))
        self.lines |= {key_id: (checkpoint.size, signed) for key_id, signed in notes}
        return notes

    @property
    def log_public(self) -> bytes:
        """The log's public key."""
        return self._log_key.public

    @property
    def pending_leaves(self) -> tuple[Leaf, ...]:
        """Entries added since ``pending`` was last called."""
        return tuple(self._pending)

    def signed(self, size: int | None = None) -> tuple[Checkpoint, bytes]:
        """Return the checkpoint over all entries (or the first ``size``), and its signature by the log key."""
        checkpoint = Checkpoint(self.origin, self.size, self.root)
        if size is not None:
            checkpoint = Checkpoint(self.origin, size, self.tree.root_at(size))
        return checkpoint, self._log_key.sign(checkpoint_body(checkpoint))

    def pending(self) -> tuple[list[Leaf], Checkpoint, bytes] | None:
        """Return the entries added since the last call, with a checkpoint over them all; None if there are none.

        Returns:
            Leaves in order, the checkpoint, and its Ed25519 signature (64 bytes) by the log key over the note's body.
        """
        if not self._pending:
            return None
        leaves, self._pending = self._pending, []
        return leaves, *self.signed()

    def _read(self, seq: int, leaf: bytes) -> Entry:
        try:
            entry = decode_entry(leaf)
        except CodecError as error:
            raise LogError(f"{self.origin}: entry {seq} is unreadable: {error}") from error
        if (entry.log, entry.seq) != (self.origin, seq):
            raise LogError(f"the last stored entry is {entry.seq} of {entry.log}; expected {seq} of {self.origin}")
        return entry
