"""RFC 6962 Merkle trees over SHA-256; proofs and their checks as RFC 9162, 2.1.3 and 2.1.4."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from crypto.errors import CryptoError

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(leaf: bytes) -> bytes:
    """Return SHA-256(0x00 ‖ leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """An append-only tree of leaf hashes; every full node is kept, so any root costs O(log n)."""

    def __init__(self, hashes: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        for one in hashes:
            self.append(one)

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self._levels[0])

    def append(self, leaf_hash: bytes) -> int:
        """Append a leaf hash (32 bytes); returns its index."""
        index = len(self._levels[0])
        node, level, position = leaf_hash, 0, index
        while True:
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(node)
            if position % 2 == 0:
                return index
            node = node_hash(self._levels[level][position - 1], node)
            position //= 2
            level += 1

    def hash_at(self, index: int) -> bytes:
        """Return the leaf hash at an index."""
        return self._levels[0][index]

    def root(self) -> bytes:
        """Return the root over all leaves."""
        return self.root_at(self.size)

    def root_at(self, size: int) -> bytes:
        """Return the root over the first ``size`` leaves; ValueError beyond the tree."""
        if not 0 <= size <= self.size:
            raise ValueError(f"the tree has {self.size} leaves, not {size}")
        return EMPTY_ROOT if size == 0 else self._range(0, size)

    def _range(self, start: int, end: int) -> bytes:
        """Root of leaves start … end-1; start is a multiple of the subtree's capacity."""
        size = end - start
        if size & (size - 1) == 0:
            level = size.bit_length() - 1
            if start % size == 0:
                return self._levels[level][start >> level]
        split = 1 << ((size - 1).bit_length() - 1)
        return node_hash(self._range(start, start + split), self._range(start + split, end))

    def inclusion_path(self, index: int, size: int | None = None) -> list[bytes]:
        """Return the audit path of a leaf in the tree of ``size`` leaves (all by default)."""
        size = self.size if size is None else size
        if not 0 <= index < size <= self.size:
            raise ValueError(f"no leaf {index} in a tree of {size} of {self.size}")
        path: list[bytes] = []
        start, end = 0, size
        while end - start > 1:
            split = start + (1 << ((end - start - 1).bit_length() - 1))
            if index < split:
                path.append(self._range(split, end))
                end = split
            else:
                path.append(self._range(start, split))
                start = split
        return path[::-1]

    def consistency_path(self, old: int, new: int | None = None) -> list[bytes]:
        """Return the proof that the tree of ``old`` leaves begins that of ``new`` (all by default)."""
        new = self.size if new is None else new
        if not 0 <= old <= new <= self.size:
            raise ValueError(f"no trees of {old} and {new} leaves in one of {self.size}")
        if old in (0, new):
            return []
        path: list[bytes] = []
        start, end, whole = 0, new, True
        while old != end:
            split = start + (1 << ((end - start - 1).bit_length() - 1))
            if old <= split:
                path.append(self._range(split, end))
                end = split
            else:
                path.append(self._range(start, split))
                start, whole = split, False
        if not whole:
            path.append(self._range(start, end))
        return path[::-1]


def verify_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes) -> None:
    """Check that a leaf hash stands at an index of the tree with this size and root (RFC 9162, 2.1.3.2).

    Raises:
        CryptoError: It does not, or the path is longer or shorter than needed.
    """
    if not 0 <= index < size:
        raise CryptoError(f"no leaf {index} in a tree of {size}")
    fn, sn, node = index, size - 1, leaf
    for step in path:
        if sn == 0:
            raise CryptoError("the inclusion path is too long")
        if fn & 1 or fn == sn:
            node = node_hash(step, node)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            node = node_hash(node, step)
        fn >>= 1
        sn >>= 1
    if sn != 0 or node != root:
        raise CryptoError("the inclusion path does not lead to the root")


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> None:
    """Check that the tree (old, old_root) begins the tree (new, new_root) (RFC 9162, 2.1.4.2).

    Raises:
        CryptoError: It does not, or the path is longer or shorter than needed.
    """
    if not 0 <= old <= new:
        raise CryptoError(f"a tree of {old} leaves does not begin one of {new}")
    if old in (0, new):
        wanted = EMPTY_ROOT if old == 0 else new_root
        if path or old_root != wanted:
            raise CryptoError("the consistency path does not lead to the roots")
        return
    steps = list(path)
    if old & (old - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        raise CryptoError("the consistency path is too short")
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    first = second = steps[0]
    for step in steps[1:]:
        if sn == 0:
            raise CryptoError("the consistency path is too long")
        if fn & 1 or fn == sn:
            first, second = node_hash(step, first), node_hash(step, second)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            second = node_hash(second, step)
        fn >>= 1
        sn >>= 1
    if sn != 0 or first != old_root or second != new_root:
        raise CryptoError("the consistency path does not lead to the roots")
