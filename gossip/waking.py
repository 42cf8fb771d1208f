"""A start with a study under way: is this log the newest that the neighbours know?

Rules kept here, and nowhere else:
  * until enough neighbours hold nothing larger, a region is QUIET: it asks (HELLO) and answers, and appends nothing;
  * once a valid larger head of its own log is shown to it, it is ROLLED BACK, and appends nothing ever again: to go
    on would be a second history;
  * what the neighbours' copies give back counts only where it leads to the largest head that was shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING

from crypto.errors import CryptoError
from crypto.merkle import Tree
from crypto.note import Checkpoint
from gossip.errors import RemoteError
from gossip.events import Arrived, Buffer, Event, Payload, Suspect
from gossip.mirror import MAX_COMING, MAX_COMING_BYTES, Item, weight
from gossip.step import Step
from gossip.witness import is_witnessed, neighbours_of, quorum_of
from protocol.envelope import Envelope, parse, verify
from protocol.errors import CodecError
from protocol.messages import TYPES
from protocol.witnessing import Behind, decode_behind

if TYPE_CHECKING:
    from gossip.peer import Peer

MAX_HELD = 4096
HELLO_MS = 2_000


class Mode(Enum):
    """Whether a region may append to its log."""

    DOWN = "down"
    QUIET = "quiet"
    UP = "up"
    ROLLED_BACK = "rolled-back"


class Waking:
    """Asking at a start, and what follows from the answers.

    Attributes:
        heard: Neighbours that hold nothing larger, with the size they were told.
        answered: Regions that have answered in this run, whatever they hold.
        larger: The largest head of the own log that was shown; None if none was.
        alone: Whether the operator let this region start without asking.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self.mode = Mode.DOWN
        self.heard: dict[str, int] = {}
        self.answered: set[str] = set()
        self.larger: Checkpoint | None = None
        self.alone = False
        self.hello_ms = 0
        self._wanted: tuple[frozenset[str], int] = (frozenset(), 0)
        self._held: list[Event] = []
        self._copies: dict[str, tuple[int, list[Item]]] = {}

    def begin(self, step: Step, *, alone: bool, recovering: bool) -> None:
        """Decide whether to ask first."""
        self.alone = alone
        running = [s for s in self._peer.studies.values() if s.outcome is None and is_witnessed(s)]
        asked = [(frozenset(neighbours_of(s, s.round)), quorum_of(s, s.round)) for s in running]
        self._wanted = max(asked, key=lambda one: one[1], default=(frozenset(), 0))
        self.heard.clear()
        self.hello_ms = step.now_ms
        if recovering:
            self.mode = Mode.ROLLED_BACK
        else:
            self.mode = Mode.UP if alone or not self._wanted[1] else Mode.QUIET

    @property
    def is_asking(self) -> bool:
        """Whether neighbours are asked about this log."""
        return self.mode in (Mode.QUIET, Mode.ROLLED_BACK)

    @property
    def waits_for(self) -> list[str]:
        """Neighbours that have not answered."""
        return sorted(self._wanted[0] - set(self.heard)) if self.mode is Mode.QUIET else []

    def hello(self, step: Step, name: str) -> None:
        """Ask one region."""
        log = self._peer.log
        step.seal("HELLO", {"size": log.size, "root": log.root}, to=[name])

    def ask_again(self, step: Step) -> None:
        """Ask all that have not answered, every 2 s."""
        if self.is_asking and step.now_ms >= self.hello_ms:
            self.hello_ms = step.now_ms + HELLO_MS
            for name in self._peer.presence.links():
                if name not in self.heard:
                    self.hello(step, name)

    def hold(self, event: Arrived | Payload) -> None:
        """Keep what others say in a study until this region may write that it heard it."""
        if len(self._held) < MAX_HELD:
            self._held.append(event)

    def released(self) -> list[Event]:
        """What was held, in order; once."""
        held, self._held = self._held, []
        return held

    # ---------------------------------------------------------------- the answers

    def hear(self, step: Step, envelope: Envelope, payload: Buffer | None) -> None:
        """Take in HELLO or BEHIND.

        Raises:
            RemoteError: It is not what it says.
        """
        fields, name = envelope.fields, envelope.fields.sender
        self._peer.mailbox.remember(envelope)
        if fields.type == "HELLO":
            size, root = fields.body["size"], fields.body["root"]
            assert isinstance(size, int)
            assert isinstance(root, bytes)
            self._peer.witness.copying.tell_behind(step, name, fields.log, size, root)
            return
        try:
            behind = decode_behind(bytes(payload or b""))
            head = self._head(behind)
        except (CodecError, CryptoError) as error:
            raise RemoteError(name, "STATE", f"BEHIND: {error}") from error
        if head is not None:
            self.shown(step, head)
        self.answered.add(name)
        if self.mode is Mode.QUIET:
            self.heard[name] = self._peer.log.size
            if len(self._wanted[0] & set(self.heard)) >= self._wanted[1]:
                self.mode = Mode.UP

    def _head(self, behind: Behind) -> Checkpoint | None:
        """The head that a BEHIND proves; None for "nothing larger".

        Raises:
            CodecError, CryptoError: It proves nothing: not of this log, or not signed by its keys.
        """
        log = self._peer.log
        if behind.note is not None:
            seen = self._peer.witness.held.read(behind.note)
            if seen is None or seen.checkpoint.origin != log.origin:
                raise CryptoError("a checkpoint that this log has not signed")
            if self._peer.witness.standing.is_revoked(self._peer.me, seen):
                raise CryptoError("a checkpoint by a key set that this region has revoked")
            return seen.checkpoint
        if behind.envelope is None:
            return None
        envelope = parse(*behind.envelope)
        fields = envelope.fields
        if fields.log != log.origin:
            raise CryptoError(f"an envelope of the log {fields.log}")
        keys = self._peer.membership.ring.at(self._peer.me, fields.head_size)
        if not any(_is_signed(envelope, one.sign) for one in keys):
            raise CryptoError("an envelope that this region has not signed")
        if self._peer.is_by_revoked(envelope):
            raise CryptoError("an envelope by a key set that this region has revoked")
        if fields.head_size < log.size and self._peer.mailbox.knows(envelope.eid):
            return None
        # An entry stands at its place, after what it was signed over; a service message stands nowhere.
        is_lost = TYPES[fields.type].logged and fields.head_size >= log.size
        return Checkpoint(log.origin, fields.head_size + is_lost, fields.head_root)

    def shown(self, step: Step, head: Checkpoint) -> None:
        """A validly signed head of the own log: if it is not on this log, this log has been put back."""
        log = self._peer.log
        if head.origin != log.origin or (head.size <= log.size and log.tree.root_at(head.size) == head.root):
            return
        if self.larger is None or head.size > self.larger.size:
            self.larger = head
        if self.mode is not Mode.ROLLED_BACK:
            self.mode = Mode.ROLLED_BACK
            step.do(Suspect(self._peer.me, "ROLLED-BACK", f"this log has {log.size} entries, but has had {head.size}"))

    # ---------------------------------------------------------------- what comes back

    def recovered(self, step: Step, name: str, first: int, items: Sequence[Item]) -> None:
        """Entries of the own log from a neighbour's copy; taken only while this region has been rolled back."""
        if self.mode is not Mode.ROLLED_BACK:
            return
        begun, held = self._copies.get(name, (self._peer.log.size, []))
        end = begun + len(held)
        new = items[end - first :] if first <= end else []
        if new and len(held) + len(new) <= MAX_COMING and weight([*held, *new]) <= MAX_COMING_BYTES:
            held.extend(new)
            self._copies[name] = begun, held

    def complete(self) -> tuple[list[Item], dict[str, int]] | None:
        """The lost entries, and up to where each neighbour had them; None as long as they do not reach ``larger``.

        Bytes of one copy stand in for hashes of another.
        """
        log, wanted = self._peer.log, self.larger
        if wanted is None:
            return None
        for _, longest in sorted(self._copies.values(), key=lambda one: -len(one[1])):
            tree = Tree([log.tree.hash_at(n) for n in range(log.size)] + [digest for _, digest in longest])
            if tree.size < wanted.size or tree.root_at(wanted.size) != wanted.root:
                continue
            joined = [
                (leaf or self._leaf(at, digest), digest) for at, (leaf, digest) in enumerate(longest)
            ]
            sizes = {name: begun + len(items) for name, (begun, items) in self._copies.items()}
            return joined, sizes
        return None

    def _leaf(self, at: int, digest: bytes) -> bytes | None:
        for _, items in self._copies.values():
            if at < len(items) and items[at][1] == digest and items[at][0] is not None:
                return items[at][0]
        return None


def _is_signed(envelope: Envelope, public: bytes) -> bool:
    try:
        verify(envelope, public)
    except CryptoError:
        return False
    return True
