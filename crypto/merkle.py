"""The Merkle tree of RFC 6962, section 2.1, with the checks of RFC 9162.

``Tree`` keeps every full node of every level, about two hashes a leaf, so that the root at any earlier
size, an inclusion path and a consistency path each cost O(log n) and no leaf is hashed twice.
The two ``verify_`` functions need no tree: they are all that an auditor runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

from crypto.errors import CryptoError

HASH_BYTES = 32
EMPTY_ROOT: bytes = sha256(b"").digest()
"""Root of a tree without leaves."""


def leaf_hash(leaf: bytes) -> bytes:
    """Return SHA-256(0x00 || leaf)."""
    return sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 || left || right). Another prefix than a leaf's: a node can never pass for a leaf."""
    return sha256(b"\1" + left + right).digest()


class Tree:
    """An append-only Merkle tree of leaf hashes, in memory."""

    __slots__ = ("_levels", "_peaks")

    def __init__(self, hashes: Iterable[bytes] = ()) -> None:
        """Build the tree of these leaf hashes, in order."""
        # Bytes 32 i and on of _levels[k] are the root over the leaves from i * 2^k up to (i + 1) * 2^k; only full
        # nodes are held, side by side: as objects of their own they would take twice the room.
        self._levels: list[bytearray] = [bytearray()]
        # The full nodes that make up the root, largest first: one for each bit of the size.
        self._peaks: list[bytes] = []
        for each in hashes:
            self.append(each)

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self._levels[0]) // HASH_BYTES

    def append(self, leaf_hash: bytes) -> int:
        """Add one leaf hash of 32 bytes; return its index, counted from 0."""
        if len(leaf_hash) != HASH_BYTES:
            raise ValueError(f"leaf hash of {len(leaf_hash)} bytes; expected {HASH_BYTES}")
        levels, peaks = self._levels, self._peaks
        level, node = levels[0], leaf_hash
        index = position = len(level) // HASH_BYTES
        level += node
        height = 0
        while position & 1:
            node = sha256(b"\1" + peaks.pop() + node).digest()
            position >>= 1
            height += 1
            if height == len(levels):
                levels.append(bytearray())
            level = levels[height]
            level += node
        peaks.append(node)
        return index

    def hash_at(self, index: int) -> bytes:
        """Return the leaf hash at ``index``."""
        self._check(index, self.size - 1, "index")
        return self._node(0, index)

    def root(self) -> bytes:
        """Return the root over all leaves."""
        # As root_at(size), and faster.
        result = b""
        for node in reversed(self._peaks):
            result = sha256(b"\1" + node + result).digest() if result else node
        return result or EMPTY_ROOT

    def root_at(self, size: int) -> bytes:
        """Return the root over the first ``size`` leaves."""
        self._check(size, self.size, "size")
        return self._over(0, size) if size else EMPTY_ROOT

    def inclusion_path(self, index: int, size: int | None = None) -> list[bytes]:
        """Return the audit path of leaf ``index`` in the tree of the first ``size`` leaves (all), leaf first.

        Source: RFC 6962, section 2.1.1, PATH(index, D[size]).
        """
        size = self.size if size is None else size
        self._check(size, self.size, "size")
        self._check(index, size - 1, "index")
        path: list[bytes] = []
        position, last, height = index, size - 1, 0
        while last:
            sibling = position ^ 1
            if sibling < last:
                path.append(self._node(height, sibling))
            elif sibling == last:  # the ragged right edge of the smaller tree; happens once at most
                path.append(self._over(last << height, size))
            position >>= 1
            last >>= 1
            height += 1
        return path

    def consistency_path(self, old: int, new: int | None = None) -> list[bytes]:
        """Return the proof that the first ``old`` leaves begin the first ``new`` (all) ones.

        Empty for ``old == 0`` and ``old == new``: there is nothing to prove.
        Source: RFC 6962, section 2.1.2, PROOF(old, D[new]).
        """
        new = self.size if new is None else new
        self._check(new, self.size, "size")
        self._check(old, new, "old size")
        if not old:
            return []
        path: list[bytes] = []
        start, end, known = 0, new, True
        while old < end:
            split = start + (1 << ((end - start - 1).bit_length() - 1))
            if old <= split:
                path.append(self._over(split, end))
                end = split
            else:
                path.append(self._over(start, split))
                start = split
                known = False
        if not known:  # the old root itself is left out: who checks has it
            path.append(self._over(start, end))
        path.reverse()
        return path

    def _over(self, start: int, end: int) -> bytes:
        """Return the root over leaves start..end; ``start`` is a multiple of a power of two >= end - start."""
        rest, height = end - start, 0
        result = b""
        while rest:
            if rest & 1:
                last = (end >> height) * HASH_BYTES
                node = self._levels[height][last - HASH_BYTES : last]
                result = sha256(b"\1" + node + result).digest() if result else bytes(node)
            rest >>= 1
            height += 1
        return result

    def _node(self, height: int, index: int) -> bytes:
        return bytes(self._levels[height][index * HASH_BYTES : (index + 1) * HASH_BYTES])

    @staticmethod
    def _check(value: int, largest: int, what: str) -> None:
        if not 0 <= value <= largest:
            raise ValueError(f"{what} {value}; expected 0 to {largest}")


def verify_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes) -> None:
    """Return if the leaf hash ``leaf`` is number ``index`` of the ``size`` leaves under ``root``.

    Raises:
        CryptoError: It is not shown to be; also for a path that is longer or shorter than needed.

    Source: RFC 9162, section 2.1.3.2.
    """
    _check_hashes((leaf, root, *path))
    if not 0 <= index < size:
        raise CryptoError(f"inclusion proof for leaf {index} of {size}; expected an index below the size")
    position, last, node = index, size - 1, leaf
    for sibling in path:
        if not last:
            raise CryptoError("inclusion proof is longer than needed")
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            node = node_hash(node, sibling)
        position >>= 1
        last >>= 1
    if last:
        raise CryptoError("inclusion proof is shorter than needed")
    if node != root:
        raise CryptoError(f"inclusion proof of leaf {index} of {size} leads to another root")


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> None:
    """Return if the tree of size ``new`` under ``new_root`` begins with that of size ``old`` under ``old_root``.

    Raises:
        CryptoError: It is not shown to; also for a path that is longer or shorter than needed.

    Source: RFC 9162, section 2.1.4.2; sizes 0 and equal sizes take an empty path and are checked by hand.
    """
    _check_hashes((old_root, new_root, *path))
    if not 0 <= old <= new:
        raise CryptoError(f"consistency proof from size {old} to {new}; expected an old size from 0 to the new one")
    if old in (0, new):
        if path:
            raise CryptoError("consistency proof is longer than needed")
        _same(old_root, new_root if old == new else EMPTY_ROOT, old)
        if not new:
            _same(new_root, EMPTY_ROOT, new)
        return
    nodes = list(path)
    if not old & (old - 1):  # a power of two: the old root is a node of the new tree and stands for itself
        nodes.insert(0, old_root)
    if not nodes:
        raise CryptoError("consistency proof is shorter than needed")
    position, last = old - 1, new - 1
    while position & 1:
        position >>= 1
        last >>= 1
    of_old = of_new = nodes[0]
    for node in nodes[1:]:
        if not last:
            raise CryptoError("consistency proof is longer than needed")
        if position & 1 or position == last:
            of_old = node_hash(node, of_old)
            of_new = node_hash(node, of_new)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            of_new = node_hash(of_new, node)
        position >>= 1
        last >>= 1
    if last:
        raise CryptoError("consistency proof is shorter than needed")
    _same(of_old, old_root, old)
    _same(of_new, new_root, new)


def _same(found: bytes, expected: bytes, size: int) -> None:
    if found != expected:
        raise CryptoError(f"consistency proof leads to another root at size {size}")


def _check_hashes(hashes: Sequence[bytes]) -> None:
    for each in hashes:
        if len(each) != HASH_BYTES:
            raise CryptoError(f"hash of {len(each)} bytes in a proof; expected {HASH_BYTES}")
