"""The leaves of a log as a bundle holds them: records, reading view, and how both are streamed.

``leaves.bin`` is a row of records: u32 big-endian length and leaf, or length 0 and a 32-byte leaf
hash where only the hash was handed over. ``leaves.jsonl`` shows each leaf to people; it is only
ever compared with what the leaves give.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field

from crypto.merkle import leaf_hash
from node.audit.archive import BundleError
from protocol.codec import MAX_ENTRY
from protocol.entries import view
from protocol.errors import CodecError

MAX_LEAVES = 1_000_000

_LENGTH = struct.Struct(">I")


@dataclass(slots=True)
class RawLog:
    """One log of a bundle, not judged yet.

    Attributes:
        leaves: By position; None where only the hash was handed over.
        hashes: 32-byte leaf hashes by position.
        broken: Why the record after the last leaf cannot be read; None where all could.
        view_differs: Position of the first line of the reading view that is not its leaf's.
        checkpoint: Bytes of ``checkpoint.note``; None if missing.
        has_leaves, has_view: Whether the files were there.
    """

    leaves: list[bytes | None] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    broken: str | None = None
    view_differs: int | None = None
    checkpoint: bytes | None = None
    has_leaves: bool = False
    has_view: bool = False


def record(leaf: bytes | None, leaf_hash: bytes) -> bytes:
    """Return one record of ``leaves.bin``: the leaf, or its hash where ``leaf`` is None."""
    return _LENGTH.pack(0) + leaf_hash if leaf is None else _LENGTH.pack(len(leaf)) + leaf


def hash_only_line(seq: int, leaf_hash: bytes) -> str:
    """Return the line of the reading view for an entry of which only the hash was handed over."""
    return json.dumps({"at": seq, "entry": None, "leaf": leaf_hash.hex()}, sort_keys=True, separators=(",", ":")) + "\n"


class LeafReader:
    """Reads ``leaves.bin`` as it comes; a record that is none ends the log there."""

    def __init__(self, log: RawLog) -> None:
        log.has_leaves = True
        self._log = log
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the file.

        Raises:
            BundleError: More entries than this version reads.
        """
        log = self._log
        if log.broken is not None:
            return
        data = self._rest + chunk
        at = 0
        while len(data) - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(data, at)
            if length > MAX_ENTRY:
                log.broken = f"a record of {length} bytes; an entry has at most {MAX_ENTRY}"
                break
            end = at + _LENGTH.size + (length or 32)
            if end > len(data):
                break
            if len(log.hashes) == MAX_LEAVES:
                raise BundleError("LS-BUNDLE-LIMIT", f"a log of more than {MAX_LEAVES} entries is not in this version")
            body = data[at + _LENGTH.size : end]
            log.leaves.append(body if length else None)
            log.hashes.append(leaf_hash(body) if length else body)
            at = end
        self._rest = data[at:]

    def close(self) -> None:
        """The file has ended."""
        if self._rest and self._log.broken is None:
            self._log.broken = f"{len(self._rest)} bytes are left that are no record"


class ViewReader:
    """Compares ``leaves.jsonl`` with what the leaves give, as it comes; holds one line."""

    def __init__(self, log: RawLog) -> None:
        log.has_view = True
        self._log = log
        self._seq = 0
        self._line = b""
        self._over = False

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""
        at = 0
        while at < len(chunk) and not self._over:
            if not self._line:
                self._next()
                continue
            size = min(len(self._line), len(chunk) - at)
            if chunk[at : at + size] != self._line[:size]:
                self._differs(self._seq - 1)
            self._line = self._line[size:]
            at += size

    def close(self) -> None:
        """The file has ended."""
        if not self._over and (self._line or self._seq < len(self._log.leaves)):
            self._differs(self._seq - 1 if self._line else self._seq)

    def _next(self) -> None:
        log, seq = self._log, self._seq
        if seq == len(log.leaves):
            if log.broken is None:
                self._differs(seq)
            self._over = True
            return
        leaf = log.leaves[seq]
        try:
            line = hash_only_line(seq, log.hashes[seq]) if leaf is None else view(seq, leaf)
        except CodecError:
            self._over = True  # the entry itself is found out elsewhere
            return
        self._line = line.encode() if line.endswith("\n") else line.encode() + b"\n"
        self._seq += 1

    def _differs(self, seq: int) -> None:
        self._log.view_differs = seq
        self._over = True
