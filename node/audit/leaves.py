"""The leaves of a log as a bundle holds them, read once: entries, messages, reading view.

The leaves come out of ``records``; ``leaves.jsonl`` shows each to people, and is only ever compared with what
the leaves give. It comes as a stream: each leaf is read once, when its line of the view is here; it goes into
the tree, and its message to ``Statements``. What a region says of its own log, in the head of a message, is compared
with the tree as it stands just then. An entry that holds a message is not kept: a canonical encoding is the only
one of its value, so that the entry can be written again.

What is noted here needs no key: whom a fault belongs to is the business of ``checks``.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, overload

import msgpack

from crypto.merkle import HASH_BYTES, Tree, leaf_hash
from node.audit.claims import frame_fault
from node.audit.records import Records, hash_only_line
from node.audit.shapes import Form, MessageError, Shapes, read_leaf
from node.audit.statements import Statement, Statements
from protocol.codec import MAX_ENTRY, Value, encode
from protocol.entries import VERSION
from protocol.errors import CodecError, SchemaError

MAX_LINE = 4 * MAX_ENTRY

_DECODED, _SMALL = 6000, 1500


class Told(NamedTuple):
    """One entry that is no message."""

    seq: int
    t_ms: int
    kind: str
    study: bytes | None
    leaf: bytes

    @property
    def body(self) -> dict[str, Any]:
        """What it says, decoded; of small entries, those asked for last stay decoded."""
        return _kept_body(self.leaf) if len(self.leaf) <= _SMALL else _body(self.leaf)


def _body(leaf: bytes) -> dict[str, Any]:
    body: dict[str, Any] = msgpack.unpackb(leaf)["body"]
    return body


_kept_body = lru_cache(maxsize=_DECODED)(_body)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one entry by itself; ``code`` as in a finding."""

    code: str
    seq: int
    detail: str


class Leaves(Sequence[bytes | None]):
    """The leaves of a log by position; None where only the hash was handed over.

    Attributes:
        times: By position, in ms; where an entry cannot be read, that of the one before.
        codes: By position: 0 where there is no message, else 2 * (index of the statement + 1), + 1 if received.
    """

    def __init__(self, statements: Statements | None = None, shapes: Shapes | None = None) -> None:
        self.times = array("Q")
        self.codes = array("I")
        self._forms = array("I")
        self._kept: dict[int, bytes] = {}
        self._statements = statements or Statements()
        self._shapes = shapes or Shapes()

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, index: int) -> bytes | None: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes | None]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes | None] | None:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        at = range(len(self))[index]
        kept = self._kept.get(at)
        return kept if kept is not None or not self.codes[at] else self._written(at)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Sequence)
            and len(other) == len(self)
            and all(mine == theirs for mine, theirs in zip(self, other, strict=True))
        )

    __hash__ = None  # type: ignore[assignment] # a log grows while it is read

    def keep(self, leaf: bytes | None, t_ms: int, code: int = 0) -> None:
        """Add a leaf with its bytes."""
        if leaf is not None:
            self._kept[len(self.codes)] = leaf
        self.times.append(t_ms)
        self.codes.append(code)
        self._forms.append(0)

    def file(self, form: Form, t_ms: int, code: int) -> None:
        """Add a leaf at its own place whose message is filed under ``code``; its bytes follow from both."""
        self.times.append(t_ms)
        self.codes.append(code)
        self._forms.append(form.number)

    def _written(self, at: int) -> bytes:
        form = self._shapes.forms[self._forms[at]]
        statement = self._statements.all[self.codes[at] // 2 - 1]
        way: Value = form.tail if form.received else list(form.tail)
        body: Value = {"header": statement.header, "sig": statement.signature, "via" if form.received else "to": way}
        return encode(
            {
                "v": VERSION, "log": form.log, "seq": at, "t_ms": self.times[at], "kind": form.kind,
                "study": form.study, "body": body,
            }
        )  # fmt: skip


@dataclass(slots=True)
class RawLog:
    """One log of a bundle, read and not judged yet.

    Attributes:
        region, epoch: As its folder is called.
        leaves: By position.
        tree: Over the leaf hashes.
        broken: Why the record after the last leaf cannot be read; None where all could.
        view_differs: Position of the first line of the reading view that is not its leaf's.
        checkpoint: Bytes of ``checkpoint.note``; None if missing.
        has_leaves, has_view: Whether the files were there.
        network: That of the origin in its first readable entry; None while there is none.
        signer: Key of messages that its first entry names, 32 bytes; None where that is no ``log.genesis``.
        told: Entries that are no messages.
        faults: Entries that are in no allowed form or at another place, in order.
        misplaced: Positions of own messages in entries at another place.
        astray: Positions of own messages whose head has another root than the entries before them.
        backwards: (position, milliseconds) of entries dated before their predecessor.
        withheld: How many entries came as hashes only.
        lines: Notes with a line for the long term, by the key id in their name.
    """

    region: str = ""
    epoch: int = 1
    leaves: Leaves = field(default_factory=Leaves)
    tree: Tree = field(default_factory=Tree)
    broken: str | None = None
    view_differs: int | None = None
    checkpoint: bytes | None = None
    has_leaves: bool = False
    has_view: bool = False
    network: str | None = None
    signer: bytes | None = None
    told: list[Told] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    misplaced: set[int] = field(default_factory=set)
    astray: set[int] = field(default_factory=set)
    backwards: list[tuple[int, int]] = field(default_factory=list)
    withheld: int = 0
    lines: dict[str, bytes] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """Origin of the log by its own words; ``?`` for a network that no entry names."""
        return f"{self.network or '?'}/{self.region}/{self.epoch}"

    @property
    def genesis(self) -> Told | None:
        """The first entry, if it is a readable ``log.genesis``."""
        first = self.told[0] if self.told else None
        return first if first is not None and first.seq == 0 and first.kind == "log.genesis" else None

    @property
    def times(self) -> Sequence[int]:
        """Milliseconds by position; where an entry cannot be read, those of the one before."""
        return self.leaves.times

    @property
    def hashes(self) -> list[bytes]:
        """Leaf hashes by position, 32 bytes each."""
        return [self.tree.hash_at(at) for at in range(self.tree.size)]

    def messages(self) -> Iterator[tuple[int, int, bool]]:
        """Yield (position, index of the statement, was it received) of every message."""
        for seq, code in enumerate(self.leaves.codes):
            if code:
                yield seq, (code >> 1) - 1, bool(code & 1)


class Reader:
    """Reads the leaves of one log, each once, and compares each with its line of ``leaves.jsonl``.

    ``feed`` takes the view as it comes and reads leaves as far as it goes; ``finish`` reads the rest.

    Args:
        records: The leaves of the log, whose tree is empty; by the time of the first line all are there.
        check: Is told each message of the log's own region when it is read first.
    """

    def __init__(
        self,
        log: RawLog,
        records: Records,
        shapes: Shapes,
        statements: Statements,
        check: Callable[[RawLog, Statement], None] | None = None,
    ) -> None:
        self._log = log
        self._records = records
        self._unread = records.leaves
        self._shapes = shapes
        self._statements = statements
        self._check = check
        self._rest = b""
        self._seq = 0
        self._last_ms = 0
        self._before = False
        self._over = False
        self._origin = log.origin

    # ------------------------------------------------------------ the view

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the reading view."""
        self._log.has_view = True
        if self._over:
            return
        lines = (self._rest + chunk).splitlines(keepends=True)
        self._rest = b"" if lines and lines[-1].endswith(b"\n") else lines.pop()
        for line in lines:
            self._compare(line)
            if self._over:
                return
        if len(self._rest) > MAX_LINE:
            self._differs(self._seq)

    def close(self) -> None:
        """The reading view has ended."""
        self._log.has_view = True
        if not self._over and (self._rest or self._seq < len(self._unread)):
            self._differs(self._seq)
        self.finish()

    def _compare(self, line: bytes) -> None:
        seq = self._seq
        if seq == len(self._unread):
            if self._log.broken is None:
                self._differs(seq)
            self._over = True
            return
        expected = self._next()
        if expected is None:
            self._over = True  # the entry itself is found out elsewhere
        elif expected != line:
            self._differs(seq)

    def _differs(self, seq: int) -> None:
        self._log.view_differs = seq
        self._over = True
        self._rest = b""

    # ------------------------------------------------------------ the entries

    def finish(self) -> None:
        """Read what the view did not reach."""
        while self._seq < len(self._unread):
            self._next()
        self._unread.clear()

    def _next(self) -> bytes | None:
        """Take in the next leaf; return its line of the view, None where the leaf is in no allowed form."""
        log, seq = self._log, self._seq
        self._seq += 1
        leaf, self._unread[seq] = self._unread[seq], None  # what is read gives room to what is kept of it
        if leaf is None:
            hashed = bytes(self._records.hashes[HASH_BYTES * log.withheld :][:HASH_BYTES])
            log.tree.append(hashed)
            log.withheld += 1
            log.leaves.keep(None, self._last_ms)
            self._before = False
            return hash_only_line(seq, hashed).encode()
        hashed = leaf_hash(leaf)
        line = self._read(seq, leaf, hashed)
        log.tree.append(hashed)
        return line

    def _read(self, seq: int, leaf: bytes, hashed: bytes) -> bytes | None:
        log = self._log
        try:
            form, claimed, t_ms, line = read_leaf(self._shapes, leaf, seq, hashed)
        except MessageError as error:
            self._fault("LS-ENTRY-FORMAT", leaf, f"the message in it: {_words(error)}")
            return None
        except SchemaError as error:
            self._fault("LS-ENTRY-SCHEMA", leaf, _words(error))
            return None
        except CodecError as error:
            self._fault("LS-ENTRY-FORMAT", leaf, _words(error))
            return None
        if log.network is None:
            log.network = form.log.partition("/")[0]
            self._origin = log.origin
        if t_ms < self._last_ms and self._before:
            log.backwards.append((seq, self._last_ms - t_ms))
        self._last_ms = t_ms
        self._before = True
        if form.type is None:
            self._tell(seq, leaf, form, claimed, t_ms)
        else:
            self._file(seq, leaf, form, claimed, t_ms)
        return line

    def _fault(self, code: str, leaf: bytes, detail: str) -> None:
        self._log.faults.append(Fault(code, self._seq - 1, detail))
        self._log.leaves.keep(leaf, self._last_ms)
        self._before = False

    def _tell(self, seq: int, leaf: bytes, form: Form, claimed: int, t_ms: int) -> None:
        """Take in an entry that is no message."""
        log, told = self._log, Told(seq, t_ms, form.kind, form.study, leaf)
        fault = frame_fault(form, claimed, told.body if not seq else {}, self._origin, seq)
        if fault is not None:
            log.faults.append(Fault("LS-ENTRY-SEQ", seq, fault))
        log.leaves.keep(leaf, t_ms)
        log.told.append(told)
        if log.genesis is told:
            log.signer = told.body["keys"]["sign"]

    def _file(self, seq: int, leaf: bytes, form: Form, claimed: int, t_ms: int) -> None:
        """Take in an entry that holds a message."""
        log = self._log
        index = self._statements.find(*form.message(leaf))
        code = 2 * index + 2 + form.received
        fault = frame_fault(form, claimed, {}, self._origin, seq)
        if fault is None:
            log.leaves.file(form, t_ms, code)
        else:
            log.faults.append(Fault("LS-ENTRY-SEQ", seq, fault))
            log.leaves.keep(leaf, t_ms, code)
        if form.received:
            return
        if fault is not None:
            log.misplaced.add(seq)
            return
        statement = self._statements.all[index]
        if statement.root != log.tree.root():
            log.astray.add(seq)
        if statement.key is None and self._check is not None:
            self._check(log, statement)


def _words(error: BaseException) -> str:
    """Return an error's words so that a report can print them: printable ASCII, at most 160 characters."""
    text = "".join(character if " " <= character <= "~" else "?" for character in str(error))
    return text if len(text) <= 160 else text[:157] + "..."


def reread(log: RawLog, network: str, statements: Statements) -> RawLog:
    """Return the same log as it reads under another network than its first entry names."""
    shapes = Shapes()
    again = RawLog(
        log.region, log.epoch, Leaves(statements, shapes), Tree(), log.broken, log.view_differs, log.checkpoint,
        log.has_leaves, log.has_view, network, log.signer, lines=log.lines,
    )  # fmt: skip
    hashes = b"".join(log.tree.hash_at(seq) for seq, leaf in enumerate(log.leaves) if leaf is None)
    Reader(again, Records(log.leaves, hashes), shapes, statements).finish()
    return again
