"""A neighbour's log that was begun anew: judged by its first entry, and followed from then on.

Rules kept here, and nowhere else:
  * a new epoch counts once its first entry is here under a checkpoint that the log's key has signed, is by the
    region's own identity and a key set that counts, and goes on from a head that contradicts nothing held;
  * who holds a larger head of an earlier epoch shows it (BEHIND) and signs nothing, until the region has shown the
    same head back: then it knows what it must not say a second time;
  * both logs are kept, and all that is held of the earlier one stays evidence: a region that is suspended is followed
    nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from crypto.merkle import leaf_hash
from crypto.note import checkpoint_body
from gossip.effects import HeadRow, MirrorRow, Suspect
from gossip.errors import RemoteError
from gossip.logs.holdings import Seen
from gossip.logs.mirror import Mirror
from gossip.step import Step
from protocol.codec import Value, encode
from protocol.envelope import Envelope
from protocol.epochs import Genesis, Previous, epoch_of, read_genesis, read_origin
from protocol.errors import CodecError
from protocol.messages import TYPES
from protocol.witnessing import Behind

if TYPE_CHECKING:
    from gossip.peer import Peer

MAX_EPOCHS = 64
MAX_SHOWN = 64
NOTICE_MS = 10_000
Place = tuple[int, int]


class Following:
    """Others' new epochs."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._offered: dict[str, Seen] = {}  # by region: the checkpoint over the first entry that it shows
        self._noticed_ms: dict[str, int] = {}  # by region: from when on it may be asked again
        self._acknowledged: dict[str, Place] = {}  # by region: the largest earlier head that it has shown back

    def load(self, firsts: Iterable[tuple[str, bytes]]) -> None:
        """Take first entries that earlier runs have verified: origin, leaf."""
        for _, leaf in firsts:
            genesis = read_genesis(leaf)
            if genesis.origin.region != self._peer.me:
                self._follow(genesis)

    def is_new(self, origin: str) -> bool:
        """Whether a log is of an epoch that is not followed yet."""
        return epoch_of(origin) > self._peer.membership.epochs.current(origin.split("/")[1])

    def awaits(self, name: str, origin: str) -> bool:
        """Whether entries of a log that is not followed yet are asked for: the first one of the epoch shown last."""
        seen = self._offered.get(name)
        return seen is not None and seen.checkpoint.origin == origin

    # ---------------------------------------------------------------- what the region shows

    def offered(self, step: Step, name: str, seen: Seen) -> None:
        """HEADS of an epoch that is not followed yet: its first entry is awaited, and judged once it is here.

        Raises:
            RemoteError: It is of no member, or the region has begun too often.
        """
        origin = seen.checkpoint.origin
        if name not in self._peer.membership.names:
            raise RemoteError(name, "STATE", f"shows {origin}, and is no member")
        if len(self._peer.membership.epochs.began(name)) >= MAX_EPOCHS:
            raise RemoteError(name, "LIMIT", f"began its log anew more than {MAX_EPOCHS} times")
        if seen.checkpoint.size != 1:
            self.noticed(step, name, origin)
            return
        before = self._offered.get(name)
        if before is not None and before.checkpoint.origin != origin and self.is_new(before.checkpoint.origin):
            self._peer.witness.mirrors.pop(before.checkpoint.origin, None)  # of one new log at a time
        self._offered[name] = seen
        self._peer.witness.mirrors.setdefault(origin, Mirror(origin))
        self.progress(step, name)

    def noticed(self, step: Step, name: str, origin: str) -> None:
        """A member speaks under an epoch that is not followed: it is asked for the first entry (PROVE of one).

        Its log may have been followed before this region's home was put back: of itself it shows that entry no more.
        """
        is_due = step.now_ms >= self._noticed_ms.get(name, 0) and name not in self._offered
        if is_due and self.is_new(origin) and name in self._peer.membership.names:
            self._noticed_ms[name] = step.now_ms + NOTICE_MS
            step.seal("PROVE", {"size": 1, "places": [], "heads": []}, to=[name])

    def acknowledged(self, step: Step, name: str, origin: str, size: int) -> None:
        """A region shows a head of its own earlier log back: it knows of it."""
        place = epoch_of(origin), size
        self._acknowledged[name] = max(place, self._acknowledged.get(name, (0, 0)))
        self.progress(step, name)

    def progress(self, step: Step, name: str) -> None:
        """Judge the new epoch of a region as soon as its first entry is here.

        Raises:
            RemoteError: It cannot be followed.
        """
        seen = self._offered.get(name)
        if seen is None:
            return
        origin = seen.checkpoint.origin
        mirror = self._peer.witness.mirrors[origin]
        if not mirror.coming or not self.is_new(origin):
            return
        leaf, digest = mirror.coming[0]
        if leaf is None or leaf_hash(leaf) != seen.checkpoint.root:
            mirror.forget_coming()
            raise RemoteError(name, "STATE", f"a first entry of {origin} that is not the one it has signed")
        genesis = self._judged(name, seen, leaf)
        if self._is_contradicted(step, name, seen, leaf, genesis.previous):
            return
        known = max(genesis.previous.place, self._acknowledged.get(name, (0, 0)))
        if self._largest(name, genesis.origin.epoch) > known:
            step.do(Suspect(name, "LS-ROLLBACK", f"began {origin} after less than it has shown of its log"))
            self._show_larger(step, name, genesis)
            return
        del self._offered[name]
        self._follow(genesis)
        mirror.verify(seen.checkpoint, seen.signature)
        step.row(MirrorRow(origin, 0, leaf, digest))
        step.row(HeadRow(origin, 1, seen.checkpoint.root, self._peer.witness.held.note(seen), "verified"))
        step.do(Suspect(name, "LS-EPOCH-GAP", f"began {origin} after {genesis.previous.size} entries of the last one"))
        self._peer.witness.confirm(step, name, seen.checkpoint)

    def _judged(self, name: str, seen: Seen, leaf: bytes) -> Genesis:
        try:
            genesis = read_genesis(leaf)
        except CodecError as error:
            raise RemoteError(name, "STATE", str(error)) from error
        card, ring = self._peer.membership.card_of(name), self._peer.membership.ring
        if str(genesis.origin) != seen.checkpoint.origin or card is None or genesis.identity != card.identity:
            raise RemoteError(name, "STATE", f"the first entry of {seen.checkpoint.origin} is another region's")
        serial = genesis.keys["serial"]
        keys = ring.keys(name, serial) if isinstance(serial, int) else None
        if keys is None or keys.value() != genesis.keys or ring.is_revoked(name, keys.serial):
            raise RemoteError(name, "LS-KEY-UNKNOWN", f"{seen.checkpoint.origin} begins with keys that do not count")
        if self._peer.witness.held.log_key(seen) != keys.log:
            raise RemoteError(name, "STATE", f"{seen.checkpoint.origin} is signed by other keys than it names")
        return genesis

    def _follow(self, genesis: Genesis) -> None:
        origin, membership = genesis.origin, self._peer.membership
        membership.epochs.follow(origin.region, origin.epoch, genesis.previous)
        serial = genesis.keys["serial"]
        keys = membership.ring.keys(origin.region, serial) if isinstance(serial, int) else None
        if keys is not None:
            membership.ring.rotated(origin.region, keys, 0, origin.epoch)

    # ---------------------------------------------------------------- what is held of the earlier logs

    def _largest(self, name: str, before: int) -> Place:
        """The largest head held of a region's epochs before one, by whatever proof."""
        notes = [s.checkpoint for s in self._notes(name, before)]
        heads = [(epoch_of(n.origin), n.size) for n in notes]
        newest = self._peer.mailbox.newest_of(name)
        heads += [(epoch_of(log), size) for log, size in newest.items() if epoch_of(log) < before]
        return max(heads, default=(0, 0))

    def _notes(self, name: str, before: int) -> list[Seen]:
        held = self._peer.witness.held
        origins = {*held.mirrors, *held.proved, *held.relayed}
        earlier = [o for o in sorted(origins) if o.split("/")[1] == name and epoch_of(o) < before]
        return [seen for origin in earlier for seen in held.notes(origin)]

    def _is_contradicted(self, step: Step, name: str, seen: Seen, leaf: bytes, previous: Previous) -> bool:
        """Whether the head that a new epoch names has another root here; then its log is forked."""
        origin, size = previous.origin, previous.size
        shown: Value = [checkpoint_body(seen.checkpoint), seen.signature, leaf]
        mirror = self._peer.witness.mirrors.get(origin)
        for one in self._notes(name, read_origin(seen.checkpoint.origin).epoch):
            point = one.checkpoint
            root = mirror.root_at(size) if mirror is not None and mirror.checkpoint == point else None
            root = point.root if (point.origin, point.size) == (origin, size) else root
            if root is not None and root != previous.root:
                other: Value = [checkpoint_body(point), one.signature, None]
                return self._convict(step, name, seen, encode([shown, other]))
        for held in self._peer.mailbox.heads_of(origin, size):
            if held.fields.head_root != previous.root:
                said: Value = [held.header, held.signature, None]
                return self._convict(step, name, seen, encode([shown, said]))
        return False

    def _convict(self, step: Step, name: str, seen: Seen, payload: bytes) -> bool:
        if self._peer.witness.standing.is_revoked(name, seen):
            step.do(Suspect(name, "LS-KEY-REVOKED", "two histories of its log, one by a revoked key set"))
        else:
            self._peer.blame.suspend(step, name, "LS-FORK", payload)
        return True

    def _show_larger(self, step: Step, name: str, genesis: Genesis) -> None:
        """BEHIND with the largest head held of an earlier epoch, note or message."""
        place = self._largest(name, genesis.origin.epoch)
        for seen in self._notes(name, genesis.origin.epoch):
            if (epoch_of(seen.checkpoint.origin), seen.checkpoint.size) == place:
                step.seal("BEHIND", {}, to=[name], payload=Behind(note=self._peer.witness.held.note(seen)).encode())
                return
        origin = str(read_origin(f"{genesis.origin.network}/{name}/{place[0]}"))
        for held in self._peer.mailbox.heads_of(origin, place[1]):
            step.seal("BEHIND", {}, to=[name], payload=Behind(envelope=(held.header, held.signature)).encode())

    def show_rounds(self, step: Step, name: str, log: str) -> None:
        """Of each study, the message of the latest round that is held of a region's epochs before this one."""
        before = epoch_of(log)
        latest: dict[bytes, Envelope] = {}
        for origin in self._peer.mailbox.newest_of(name):
            for held in self._peer.mailbox.heads_of(origin) if epoch_of(origin) < before else ():
                fields = held.fields
                if fields.study is None or fields.round is None or not TYPES[fields.type].logged:
                    continue
                known = latest.get(fields.study)
                if known is None or _round(known) < _round(held):
                    latest[fields.study] = held
        newest = sorted(latest.values(), key=lambda e: (epoch_of(e.fields.log), e.fields.head_size))
        for held in newest[-MAX_SHOWN:]:
            step.seal("BEHIND", {}, to=[name], payload=Behind(envelope=(held.header, held.signature)).encode())


def _round(envelope: Envelope) -> int:
    """The last round that a message speaks in."""
    fields = envelope.fields
    last = fields.body["last"] if fields.type == "ABSENT" else fields.round
    return last if isinstance(last, int) else -1
