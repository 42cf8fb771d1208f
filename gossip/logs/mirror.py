"""A neighbour's log as this region has verified it: all leaf hashes, and the leaves that it may read.

Rules kept here, and nowhere else:
  * what comes goes on exactly where the verified copy ends, and counts only when it gives the root of a checkpoint
    that the log's key has signed;
  * what was verified is never given up again, but for entries that contradict what their owner has said: of two
    histories the first one stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from crypto.merkle import Tree
from crypto.note import Checkpoint

Item = tuple[bytes | None, bytes]
MAX_COMING = 200_000
MAX_COMING_BYTES = 128 * 2**20


def weight(items: Iterable[Item]) -> int:
    """Bytes that entries on their way hold in memory."""
    return sum(len(digest) + (len(leaf) if leaf is not None else 0) for leaf, digest in items)


@dataclass(slots=True)
class Mirror:
    """The verified copy of one log.

    Attributes:
        origin: Whose log.
        checkpoint: The largest verified one; None before the first.
        signature: Of the log's key on it.
        coming: Entries beyond it, not verified yet: (leaf or None, hash).
    """

    origin: str
    hashes: Iterable[bytes] = ()
    checkpoint: Checkpoint | None = None
    signature: bytes = b""
    coming: list[Item] = field(default_factory=list)
    _tree: Tree = field(init=False)
    _waiting: int = 0

    def __post_init__(self) -> None:
        self._tree = Tree(self.hashes)
        self.hashes = ()

    @property
    def size(self) -> int:
        """Number of verified entries."""
        return self.checkpoint.size if self.checkpoint is not None else 0

    def root_at(self, size: int) -> bytes | None:
        """Root of the first ``size`` entries; None beyond what is verified."""
        return self._tree.root_at(size) if 0 < size <= self.size else None

    def hash_at(self, seq: int) -> bytes:
        """Leaf hash of a verified entry."""
        return self._tree.hash_at(seq)

    def consistency(self, old: int) -> list[bytes]:
        """Consistency path from ``old`` to the verified size."""
        return self._tree.consistency_path(old, self.size)

    def take(self, first: int, items: Sequence[Item]) -> bool:
        """Take entries from position ``first`` on, those that are held passed over.

        Returns:
            False if a gap would be left, or if more would wait than one log may have wait: nothing is taken.
        """
        end = self.size + len(self.coming)
        if first > end:
            return False
        new = items[end - first :]
        waiting = self._waiting + weight(new)
        if len(self.coming) + len(new) > MAX_COMING or waiting > MAX_COMING_BYTES:
            return False
        self.coming.extend(new)
        self._waiting = waiting
        return True

    def forget_coming(self) -> None:
        """Drop what is not verified."""
        self.coming.clear()
        self._waiting = 0

    def verify(self, checkpoint: Checkpoint, signature: bytes) -> list[Item] | None:
        """Count what has come as verified if it gives this checkpoint; returns the new entries, None if it does not.

        What does not fit is dropped; what was verified stays.
        """
        new = self.coming[: checkpoint.size - self.size]
        if self.size + len(new) != checkpoint.size:
            return None
        before = self.size
        for _, digest in new:
            self._tree.append(digest)
        if self._tree.root() != checkpoint.root:
            self._cut(before)
            return None
        self.coming = self.coming[len(new) :]
        self._waiting -= weight(new)
        self.checkpoint, self.signature = checkpoint, signature
        return new

    def back_to(self, checkpoint: Checkpoint | None, signature: bytes) -> None:
        """Give up what was verified last: it is another history than the one up to this checkpoint."""
        self.checkpoint, self.signature = checkpoint, signature
        self._cut(self.size)

    def _cut(self, size: int) -> None:
        self._tree = Tree([self._tree.hash_at(n) for n in range(size)])
        self.forget_coming()
