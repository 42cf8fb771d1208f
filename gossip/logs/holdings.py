"""What one region holds of logs: verified copies, checkpoints, cosignatures; and whose key signed which."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crypto.errors import CryptoError
from crypto.note import Checkpoint, parse_checkpoint, parse_note
from gossip.logs.mirror import Mirror
from protocol.cosignature import Cosignature, checkpoint_note, log_signature
from protocol.entries import decode_entry
from protocol.epochs import epoch_of

if TYPE_CHECKING:
    from gossip.peer import Peer


@dataclass(frozen=True, slots=True)
class Records:
    """What is on disk of logs.

    Attributes:
        own: (first, stop) -> entries of the own log: (leaf or None where only the hash is left, hash).
        mirrored: (origin, seq) -> leaf of another's log; None if it is not there.
    """

    own: Callable[[int, int], list[tuple[bytes | None, bytes]]] = lambda _first, _stop: []
    mirrored: Callable[[str, int], bytes | None] = lambda _origin, _seq: None


@dataclass(frozen=True, slots=True)
class Seen:
    """A checkpoint of another log with the signature of its key."""

    checkpoint: Checkpoint
    signature: bytes


MAX_READ = 1024


class Holdings:
    """Checkpoints, copies and cosignatures as one region holds them.

    Attributes:
        records: What is on disk.
        mirrors: Verified copies by origin.
        cosigned: Newest cosignature on the own log, by region.
        relayed: Newest checkpoint of each other log that came through a third region.
        proved: Largest checkpoint of each other log that was verified by proofs, without a copy.
        since: Up to where each neighbour has verified the own log.
    """

    def __init__(self, peer: Peer, records: Records) -> None:
        self._peer = peer
        self.records = records
        self.mirrors: dict[str, Mirror] = {}
        self.cosigned: dict[str, Cosignature] = {}
        self.relayed: dict[str, Seen] = {}
        self.proved: dict[str, Seen] = {}
        self.since: dict[str, int] = {}
        self._studies: dict[bytes, bytes | None] = {}
        self._signers: dict[str, tuple[bytes, bytes]] = {}  # origin: a signature, and whose key made it

    def load(self, mirrors: list[Mirror], cosignatures: list[Cosignature], proved: Iterable[Seen] = ()) -> None:
        """Take what an earlier run has verified, with and without copies, and been given."""
        for seen in proved:
            self.proved[seen.checkpoint.origin] = seen
        for mirror in mirrors:
            self.mirrors[mirror.origin] = mirror
        for one in cosignatures:
            if one.size >= self.since.get(one.by, 0):
                self.cosigned[one.by], self.since[one.by] = one, one.size

    def read(self, note: bytes) -> Seen | None:
        """A note of a log of this network, if the log's key has signed it."""
        checkpoint = parse_checkpoint(parse_note(note).body)
        parts = checkpoint.origin.split("/")
        if len(parts) != 3 or parts[0] != self._peer.network or checkpoint.size < 1:
            return None
        if not parts[2].isdecimal():
            return None
        for keys in self._peer.membership.ring.at(parts[1], checkpoint.size - 1, int(parts[2])):
            try:
                seen = Seen(*log_signature(note, checkpoint.origin, keys.log))
            except CryptoError:
                continue
            if len(self._signers) >= MAX_READ:
                self._signers.clear()
            self._signers[checkpoint.origin] = seen.signature, keys.log
            return seen
        return None

    def relay(self, seen: Seen) -> None:
        """Hold the newest checkpoint of a log that came through a third region.

        Of epochs that nobody has followed here, which any member can make up, the latest alone.
        """
        origin, epochs = seen.checkpoint.origin, self._peer.membership.epochs
        name, epoch = origin.split("/")[1], epoch_of(origin)
        began = epochs.began(name)
        real = {1, epochs.current(name), *began, *(epoch_of(p.origin) for p in began.values())}
        if epoch not in real:
            pending = [o for o in self.relayed if o.split("/")[1] == name and epoch_of(o) not in real]
            if epoch < epochs.current(name) or any(epoch_of(other) > epoch for other in pending):
                return
            for other in pending:
                if other != origin:
                    del self.relayed[other]
        held = self.relayed.get(origin)
        if held is None or held.checkpoint.size < seen.checkpoint.size:
            self.relayed[origin] = seen

    def is_known(self, note: bytes) -> bool:
        """Whether a note says nothing new: its size and root are those of the copy, or of what was passed on."""
        checkpoint = parse_checkpoint(parse_note(note).body)
        mirror, seen = self.mirrors.get(checkpoint.origin), self.relayed.get(checkpoint.origin)
        if mirror is not None and mirror.root_at(checkpoint.size) == checkpoint.root:
            return True
        return seen is not None and seen.checkpoint == checkpoint

    def known(self) -> list[tuple[str, Seen, str]]:
        """Newest checkpoint of each other region's log, with how it is known, ascending by origin."""
        epochs = self._peer.membership.epochs
        found: dict[str, tuple[Seen, str]] = {origin: (seen, "relayed") for origin, seen in self.relayed.items()}
        for origin, seen in self.proved.items():
            found[origin] = (seen, "verified")
        for origin, mirror in self.mirrors.items():
            if mirror.checkpoint is not None:
                found[origin] = (Seen(mirror.checkpoint, mirror.signature), "verified")
        for origin, seen in self.relayed.items():
            if seen.checkpoint.size > found[origin][0].checkpoint.size:
                found[origin] = (seen, "relayed")
        # Of a log that was begun anew only the new one is told: the earlier one does not grow any more.
        return [
            (origin, *found[origin]) for origin in sorted(found)
            if epoch_of(origin) >= epochs.current(origin.split("/")[1])
        ]  # fmt: skip

    def notes(self, origin: str) -> list[Seen]:
        """Checkpoints of a log that are held: of the copy, proved, relayed."""
        mirror = self.mirrors.get(origin)
        copied = [Seen(mirror.checkpoint, mirror.signature)] if mirror is not None and mirror.checkpoint else []
        return copied + [s for s in (self.proved.get(origin), self.relayed.get(origin)) if s is not None]

    def log_key(self, seen: Seen) -> bytes:
        """Whose key of that log has signed: also one that was revoked since, for what it signed before."""
        signature, signer = self._signers.get(seen.checkpoint.origin, (b"", b""))
        if signature == seen.signature:
            return signer
        name, ring = seen.checkpoint.origin.split("/")[1], self._peer.membership.ring
        sets = [keys for serial in ring.serials(name) if (keys := ring.keys(name, serial)) is not None]
        for keys in sets:
            try:
                log_signature(
                    checkpoint_note(seen.checkpoint, keys.log, seen.signature), seen.checkpoint.origin, keys.log
                )
            except CryptoError:
                continue
            self._signers[seen.checkpoint.origin] = seen.signature, keys.log
            return keys.log
        raise CryptoError(f"a checkpoint of {name} that none of its keys has signed")

    def may_read(self, name: str, leaf: bytes) -> bool:
        """Whether an own entry may be read by a region: one of no study, or of one that it takes part in."""
        study = self._study_of(leaf)
        proposal = self._peer.agreement.proposals.get(study) if study is not None else None
        return study is None or (proposal is not None and name in proposal.plan.regions)

    def _study_of(self, leaf: bytes) -> bytes | None:
        """Study of an own entry; every neighbour is sent the same ones, so they are read once."""
        if leaf not in self._studies:
            if len(self._studies) >= MAX_READ:
                self._studies.clear()
            self._studies[leaf] = decode_entry(leaf).study
        return self._studies[leaf]

    def note(self, seen: Seen) -> bytes:
        """The signed note of a checkpoint of another log."""
        return checkpoint_note(seen.checkpoint, self.log_key(seen), seen.signature)

    def largest(self, origin: str) -> int:
        """The largest size of a log that was verified here."""
        mirror, proved = self.mirrors.get(origin), self.proved.get(origin)
        return max(mirror.size if mirror is not None else 0, proved.checkpoint.size if proved is not None else 0)
