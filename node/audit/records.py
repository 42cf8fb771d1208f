"""``leaves.bin``, read as it comes: a row of records.

A record is a u32 big-endian length and the leaf, or length 0 and a 32-byte leaf hash where only the hash was
handed over. What the leaves say is the business of ``leaves``.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING

from crypto.merkle import HASH_BYTES, leaf_hash
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


class Records:
    """The records of one ``leaves.bin`` until they are read.

    Attributes:
        leaves: By position; None where only the hash was handed over.
        hashes: Those hashes one after the other, 32 bytes each.
    """

    def __init__(self, leaves: Iterable[bytes | None] = (), hashes: bytes = b"") -> None:
        self.leaves: list[bytes | None] = list(leaves)
        self.hashes = bytearray(hashes)


class RecordReader:
    """Cuts ``leaves.bin`` into records as it comes; a record that is none ends the log there.

    Args:
        records: Takes what is cut; None for a mirror, of which the tree alone is kept.
    """

    def __init__(self, log: RawLog, records: Records | None) -> None:
        log.has_leaves = True
        self._log = log
        self._records = records
        self._count = 0
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the file.

        Raises:
            BundleError: More entries than this version reads.
        """
        if self._log.broken is not None:
            return
        data = self._rest + chunk
        at, last = 0, len(data) - 4
        while at <= last:
            (length,) = _LENGTH.unpack_from(data, at)
            if length > MAX_ENTRY:
                self._log.broken = f"a record of {length} bytes; an entry has at most {MAX_ENTRY}"
                break
            end = at + 4 + (length or HASH_BYTES)
            if end > last + 4:
                break
            self._take(data[at + 4 : end], is_hash=not length)
            at = end
        self._rest = data[at:]

    def _take(self, body: bytes, *, is_hash: bool) -> None:
        if self._count == MAX_LEAVES:
            raise BundleError("LS-BUNDLE-LIMIT", f"a log of more than {MAX_LEAVES} entries is not in this version")
        self._count += 1
        if self._records is None:
            self._log.tree.append(body if is_hash else leaf_hash(body))
        elif is_hash:
            self._records.leaves.append(None)
            self._records.hashes += body
        else:
            self._records.leaves.append(body)

    def close(self) -> None:
        """The file has ended."""
        if self._rest and self._log.broken is None:
            self._log.broken = f"{len(self._rest)} bytes are left that are no record"
