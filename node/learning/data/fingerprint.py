"""What binds a data sheet to its rows without saying anything about them.

Each row that is read is hashed under a key that never leaves the region; the sorted hashes are the leaves
of a Merkle tree, whose root under a fresh salt is the fingerprint. Without the key nobody can try rows out:
a personal number has fewer than 10^10 values.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

import msgpack

from node.learning.data.readers import Chunk
from node.learning.hashing import tagged_hash

KEY_BYTES = SALT_BYTES = 32


class RowHashes:
    """HMAC-SHA-256 of each row's cells, in the order of the manifest's columns.

    Also counts equal rows, for the gate.
    """

    def __init__(self, columns: Sequence[str], key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key of {len(key)} bytes; {KEY_BYTES} are needed")
        self._columns, self._key = list(columns), key
        self._hashes: list[bytes] = []

    def take(self, chunk: Chunk, _patients: Sequence[str]) -> None:
        """Hash some rows; the patient is in them where there is a column for it."""
        columns = [chunk.cells[name] for name in self._columns if name in chunk.cells]
        for cells in zip(*columns, strict=True):
            self._hashes.append(hmac.digest(self._key, msgpack.packb(cells), "sha256"))

    @property
    def equal(self) -> int:
        """How many rows are the same as an earlier one."""
        return len(self._hashes) - len(set(self._hashes))

    def root(self) -> bytes:
        """Return the Merkle root (RFC 6962, section 2.1) of the sorted hashes."""
        level = [hashlib.sha256(b"\0" + one).digest() for one in sorted(self._hashes)]
        if not level:
            return hashlib.sha256(b"").digest()
        while len(level) > 1:
            pairs = [hashlib.sha256(b"\1" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
            level = pairs + ([level[-1]] if len(level) % 2 else [])
        return level[0]


def commitment(root: bytes, salt: bytes) -> bytes:
    """Return what may be logged of a root: C(root), under a salt that stays in the region."""
    return tagged_hash("commit", salt + root)
