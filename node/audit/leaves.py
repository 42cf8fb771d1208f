"""The leaves of a log as a bundle holds them, read once: records, entries, messages, reading view.

``leaves.bin`` is a row of records: u32 big-endian length and leaf, or length 0 and a 32-byte leaf
hash where only the hash was handed over. ``leaves.jsonl`` shows each leaf to people; it is only
ever compared with what the leaves give. Both come as a stream: the leaves are kept as one block of
bytes, each is decoded once, when its line of the view is here, and its messages go to ``Statements``.

What is noted here needs no key: whom a fault belongs to is the business of ``checks``.
"""

from __future__ import annotations

import json
import struct
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from crypto.merkle import leaf_hash
from node.audit.archive import BundleError
from node.audit.claims import frame_fault
from node.audit.shapes import MessageError, Shapes, read_leaf
from node.audit.statements import Statement, Statements
from protocol.codec import MAX_ENTRY
from protocol.errors import CodecError, SchemaError

MAX_LEAVES = 1_000_000
MAX_LINE = 4 * MAX_ENTRY

_LENGTH = struct.Struct(">I")


class Leaves(Sequence[bytes | None]):
    """Leaves by position, out of one block of bytes; None where only the hash was handed over."""

    def __init__(self) -> None:
        self.block = bytearray()
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
        if index < 0:
            index += len(self._ends)
        end = self._ends[index]
        start = self._ends[index - 1] if index else 0
        return bytes(self.block[start:end]) if end > start else None

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Sequence)
            and len(other) == len(self)
            and all(mine == theirs for mine, theirs in zip(self, other, strict=True))
        )

    __hash__ = None  # type: ignore[assignment] # a log grows while it is read

    def add(self, leaf: bytes | None) -> None:
        """Add one leaf."""
        if leaf is not None:
            self.block += leaf
        self._ends.append(len(self.block))


@dataclass(frozen=True, slots=True)
class Told:
    """One entry that is no message, decoded."""

    seq: int
    t_ms: int
    kind: str
    study: bytes | None
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one entry by itself; ``code`` as in a finding."""

    code: str
    seq: int
    detail: str


@dataclass(slots=True)
class RawLog:
    """One log of a bundle, read and not judged yet.

    Attributes:
        region, epoch: As its folder is called.
        leaves: By position; None where only the hash was handed over.
        hashes: 32-byte leaf hashes by position.
        broken: Why the record after the last leaf cannot be read; None where all could.
        view_differs: Position of the first line of the reading view that is not its leaf's.
        checkpoint: Bytes of ``checkpoint.note``; None if missing.
        has_leaves, has_view: Whether the files were there.
        network: That of the origin in its first readable entry; None while there is none.
        told: Entries that are no messages.
        places, messages: Positions of messages, and for each 2 * index in ``Statements``, + 1 if received.
        faults: Entries that are in no allowed form or at another place, in order.
        misplaced: Positions of own messages in entries at another place.
        backwards: (position, milliseconds) of entries dated before their predecessor.
        withheld: How many entries came as hashes only.
        times: By position; where an entry cannot be read, that of the one before.
    """

    region: str = ""
    epoch: int = 1
    leaves: Leaves = field(default_factory=Leaves)
    hashes: list[bytes] = field(default_factory=list)
    broken: str | None = None
    view_differs: int | None = None
    checkpoint: bytes | None = None
    has_leaves: bool = False
    has_view: bool = False
    network: str | None = None
    told: list[Told] = field(default_factory=list)
    places: array[int] = field(default_factory=lambda: array("I"))
    messages: array[int] = field(default_factory=lambda: array("I"))
    faults: list[Fault] = field(default_factory=list)
    misplaced: set[int] = field(default_factory=set)
    backwards: list[tuple[int, int]] = field(default_factory=list)
    withheld: int = 0
    times: array[int] = field(default_factory=lambda: array("Q"))

    @property
    def origin(self) -> str:
        """Origin of the log by its own words; ``?`` for a network that no entry names."""
        return f"{self.network or '?'}/{self.region}/{self.epoch}"

    @property
    def genesis(self) -> Told | None:
        """The first entry, if it is a readable ``log.genesis``."""
        first = self.told[0] if self.told else None
        return first if first is not None and first.seq == 0 and first.kind == "log.genesis" else None


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
        at, end_of_data = 0, len(data)
        while end_of_data - at >= 4:
            length = int.from_bytes(data[at : at + 4], "big")
            if length > MAX_ENTRY:
                log.broken = f"a record of {length} bytes; an entry has at most {MAX_ENTRY}"
                break
            end = at + 4 + (length or 32)
            if end > end_of_data:
                break
            if len(log.hashes) == MAX_LEAVES:
                raise BundleError("LS-BUNDLE-LIMIT", f"a log of more than {MAX_LEAVES} entries is not in this version")
            body = data[at + 4 : end]
            log.leaves.add(body if length else None)
            log.hashes.append(leaf_hash(body) if length else body)
            at = end
        self._rest = data[at:]

    def close(self) -> None:
        """The file has ended."""
        if self._rest and self._log.broken is None:
            self._log.broken = f"{len(self._rest)} bytes are left that are no record"


class Reader:
    """Decodes the leaves of one log, each once, and compares each with its line of ``leaves.jsonl``.

    ``feed`` takes the view as it comes and decodes as far as it goes; ``finish`` decodes the rest.

    Args:
        check: Is told each message of the log's own region when it is read first: (statement, header).
    """

    def __init__(
        self,
        log: RawLog,
        shapes: Shapes,
        statements: Statements,
        check: Callable[[RawLog, Statement, bytes], None] | None = None,
    ) -> None:
        self._log = log
        self._shapes = shapes
        self._statements = statements
        self._check = check
        self._rest = b""
        self._seq = 0
        self._last_ms = 0
        self._before = False
        self._over = False

    # ------------------------------------------------------------ the view

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the reading view."""
        self._log.has_view = True
        if self._over:
            return
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._compare(line)
            if self._over:
                return
        if len(self._rest) > MAX_LINE:
            self._differs(self._seq)

    def close(self) -> None:
        """The reading view has ended."""
        self._log.has_view = True
        if not self._over and (self._rest or self._seq < len(self._log.hashes)):
            self._differs(self._seq)

    def _compare(self, line: bytes) -> None:
        seq = self._seq
        if seq == len(self._log.hashes):
            if self._log.broken is None:
                self._differs(seq)
            self._over = True
            return
        expected = self._next()
        if expected is None:
            self._over = True  # the entry itself is found out elsewhere
        elif expected != line + b"\n":
            self._differs(seq)

    def _differs(self, seq: int) -> None:
        self._log.view_differs = seq
        self._over = True
        self._rest = b""

    # ------------------------------------------------------------ the entries

    def finish(self) -> None:
        """Decode what the view did not reach."""
        while self._seq < len(self._log.hashes):
            self._next()

    def _next(self) -> bytes | None:
        """Take in the next leaf; return its line of the view, None where the leaf is in no allowed form."""
        log, seq = self._log, self._seq
        self._seq += 1
        leaf = log.leaves[seq]
        if leaf is None:
            log.withheld += 1
            log.times.append(self._last_ms)
            self._before = False
            return hash_only_line(seq, log.hashes[seq]).encode()
        try:
            frame, line = read_leaf(self._shapes, leaf, seq, log.hashes[seq])
        except MessageError as error:
            self._fault("LS-ENTRY-FORMAT", seq, f"the message in it: {_words(error)}")
            return None
        except SchemaError as error:
            self._fault("LS-ENTRY-SCHEMA", seq, _words(error))
            return None
        except CodecError as error:
            self._fault("LS-ENTRY-FORMAT", seq, _words(error))
            return None
        self._take(seq, frame)
        return line

    def _fault(self, code: str, seq: int, detail: str) -> None:
        self._log.faults.append(Fault(code, seq, detail))
        self._log.times.append(self._last_ms)
        self._before = False

    def _take(self, seq: int, frame: dict[str, Any]) -> None:
        log = self._log
        kind, body, t_ms = frame["kind"], frame["body"], frame["t_ms"]
        if log.network is None:
            log.network = frame["log"].partition("/")[0]
        if t_ms < self._last_ms and self._before:
            log.backwards.append((seq, self._last_ms - t_ms))
        self._last_ms = t_ms
        self._before = True
        log.times.append(t_ms)
        statement: Statement | None = None
        index = 0
        if kind == "env.sent" or kind == "env.recv":
            index = self._statements.find(body["header"], body["sig"], log.leaves, seq)
            statement = self._statements.all[index]
        fault = frame_fault(frame, log.origin, seq, statement)
        if fault is not None:
            log.faults.append(Fault("LS-ENTRY-SEQ", seq, fault))
        if statement is None:
            log.told.append(Told(seq, t_ms, kind, frame["study"], body))
            return
        if kind == "env.recv":
            log.places.append(seq)
            log.messages.append(2 * index + 1)
        else:
            log.places.append(seq)
            log.messages.append(2 * index)
            if fault is not None:
                log.misplaced.add(seq)
            elif self._check is not None and statement.key is None:
                self._check(log, statement, body["header"])


def _words(error: BaseException) -> str:
    """Return an error's words so that a report can print them: printable ASCII, at most 160 characters."""
    text = "".join(character if " " <= character <= "~" else "?" for character in str(error))
    return text if len(text) <= 160 else text[:157] + "..."


def reread(log: RawLog, network: str, statements: Statements) -> RawLog:
    """Return the same log as it reads under another network than its first entry names."""
    again = RawLog(
        log.region, log.epoch, log.leaves, log.hashes, log.broken, log.view_differs, log.checkpoint, log.has_leaves,
        log.has_view, network,
    )  # fmt: skip
    Reader(again, Shapes(), statements).finish()
    return again


def positions(log: RawLog) -> Iterator[tuple[int, int, bool]]:
    """Yield (position, index of the statement, was it received) of every message in a log."""
    for seq, code in zip(log.places, log.messages, strict=True):
        yield seq, code >> 1, bool(code & 1)
