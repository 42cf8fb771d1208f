"""``leaves.bin``, read as it comes: a row of records.

A record is a u32 big-endian length and the leaf, or length 0 and a 32-byte leaf hash where only the hash was
handed over. What the leaves say is the business of ``leaves``.
"""

from __future__ import annotations

import json
import struct
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from crypto.merkle import leaf_hash
from node.audit.archive import BundleError
from protocol.codec import MAX_ENTRY

if TYPE_CHECKING:
    from node.audit.leaves import RawLog

MAX_LEAVES = 1_000_000
_LENGTH = struct.Struct(">I")


def record(leaf: bytes | None, leaf_hash: bytes) -> bytes:
    """Return one record of ``leaves.bin``: the leaf, or its hash where ``leaf`` is None."""
    return _LENGTH.pack(0) + leaf_hash if leaf is None else _LENGTH.pack(len(leaf)) + leaf


def hash_only_line(seq: int, leaf_hash: bytes) -> str:
    """Return the line of the reading view for an entry of which only the hash was handed over."""
    return json.dumps({"at": seq, "entry": None, "leaf": leaf_hash.hex()}, sort_keys=True, separators=(",", ":")) + "\n"


class Records(Sequence[bytes | None]):
    """Leaves as they came, out of one block of bytes, until they are read."""

    def __init__(self) -> None:
        self._block = bytearray()
        self._ends = array("Q")

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> bytes | None: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes | None]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes | None] | None:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        end = self._ends[index]
        start = self._ends[index - 1] if index else 0
        return bytes(self._block[start:end]) if end > start else None

    def add(self, leaf: bytes | None) -> None:
        """Add one leaf; None where it is a hash only."""
        if leaf is not None:
            self._block += leaf
        self._ends.append(len(self._block))


class RecordReader:
    """Reads ``leaves.bin`` as it comes; a record that is none ends the log there."""

    def __init__(self, log: RawLog, records: Records | None) -> None:
        log.has_leaves = True
        self._log = log
        self._records = records
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the file.

        Raises:
            BundleError: More entries than this version reads.
        """
        log, records = self._log, self._records
        if log.broken is not None:
            return
        data = self._rest + chunk
        at, end_of_data = 0, len(data)
        while end_of_data - at >= 4:
            length = int.from_bytes(data[at : at + 4], "big")
            if length > MAX_ENTRY:
                log.broken = f"a record of {length} bytes; an entry has at most {MAX_ENTRY}"
                break
            end = at + 4 + (length or 32)
            if end > end_of_data:
                break
            body = data[at + 4 : end]
            if log.tree.append(leaf_hash(body) if length else body) == MAX_LEAVES:
                raise BundleError("LS-BUNDLE-LIMIT", f"a log of more than {MAX_LEAVES} entries is not in this version")
            if records is not None:
                records.add(body if length else None)
            at = end
        self._rest = data[at:]

    def close(self) -> None:
        """The file has ended."""
        if self._rest and self._log.broken is None:
            self._log.broken = f"{len(self._rest)} bytes are left that are no record"
