"""Every signed message in the bundles once, however many logs and payloads hold it.

A statement keeps what the checks ask for; its header stays in the leaf where it was found first, and is
read again where a finding shows it. ``Statements`` is the register of one audit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgpack

from crypto.hashing import tagged
from node.audit.evidence import envelope_piece
from node.audit.findings import Json
from protocol.codec import Value
from protocol.envelope import Envelope, parse
from protocol.messages import TYPES

_Bin = bytes  # in ``Statement`` the name is a field
# Types whose body no check reads: masks, shares and commitments.
_BULK = frozenset({"ADVERT", "SHARES", "MASKED", "REVEAL", "DELTA"})
_TYPE = b"\xa4type"
_NOTHING: dict[str, Value] = {}
_NOBODY: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class Statement:
    """One message with one signature.

    Attributes:
        eid: Identity of what is said; two signatures over one header are two statements of one eid.
        size, root: The head in it; of a logged type the message is entry ``size`` of ``log``.
        body: Empty for types whose body no check reads.
        key, valid: The key it was checked with last, and whether the signature holds under it.
        holders: Regions whose logs or payloads show it, besides its sender.
        at: Position in its sender's own log as handed over; None if only others show it.
        judged: Whether any check has asked for its signature.
    """

    eid: _Bin
    signature: _Bin
    type: str
    sender: str
    log: str
    study: _Bin | None
    round: int | None
    session: _Bin | None
    size: int
    root: _Bin
    bytes: int
    sha256: _Bin | None
    body: dict[str, Value]
    leaves: Sequence[_Bin | None] | _Bin
    seq: int
    key: _Bin | None = None
    valid: bool = False
    holders: frozenset[str] = _NOBODY
    at: int | None = None
    judged: bool = False

    @property
    def holder(self) -> str:
        """One who holds it: another region where there is one."""
        return min(self.holders, default=self.sender)

    @property
    def header(self) -> _Bin:
        """Canonical bytes of its header."""
        if isinstance(self.leaves, bytes):
            return self.leaves
        leaf = self.leaves[self.seq]
        header: _Bin = msgpack.unpackb(leaf)["body"]["header"]
        return header

    @property
    def envelope(self) -> Envelope:
        """The whole message, read again."""
        return parse(self.header, self.signature)

    @property
    def piece(self) -> dict[str, Json]:
        """The message as a piece of evidence."""
        return envelope_piece(self.envelope, self.holder)


class Statements:
    """All messages of an audit, by their eid.

    Attributes:
        all: In the order in which they were found; an index stands for a statement elsewhere.
    """

    def __init__(self) -> None:
        self.all: list[Statement] = []
        self._index: dict[bytes, int] = {}
        self._others: dict[tuple[bytes, bytes], int] = {}
        self._hash = {name.encode(): hashlib.sha256(tagged(name, b"")) for name in TYPES}
        self._sessions: dict[bytes, bytes] = {}
        self._unions: dict[tuple[frozenset[str], str], frozenset[str]] = {}

    @property
    def valid(self) -> int:
        """How many distinct signatures of messages were judged and hold."""
        return sum(statement.judged and statement.valid for statement in self.all)

    def find(self, header: bytes, signature: bytes, leaves: Sequence[bytes | None] | bytes, seq: int = 0) -> int:
        """Return the index of a message; it is entered where it is new.

        Args:
            header: Has been through ``parse``.
            leaves, seq: Where the header is found again: in this leaf, or it is ``leaves`` itself.
        """
        # Keys are sorted, and after ``type`` comes ``v`` alone: b"\\xa4type" + length + name + b"\\xa1v\\x01".
        digest = self._hash[header[header.rfind(_TYPE) + 6 : -3]].copy()
        digest.update(header)
        eid = digest.digest()
        index = self._index.get(eid)
        if index is None:
            index = self._index[eid] = self._enter(eid, header, signature, leaves, seq)
        elif self.all[index].signature != signature:
            other = self._others.get((eid, signature))
            if other is None:
                other = self._others[eid, signature] = self._enter(eid, header, signature, leaves, seq)
            return other
        return index

    def known(self, header: bytes, signature: bytes) -> int | None:
        """Return the index of a message that is entered already; the header may be any bytes."""
        start = self._hash.get(header[header.rfind(_TYPE) + 6 : -3])
        if start is None:
            return None
        digest = start.copy()
        digest.update(header)
        index = self._index.get(digest.digest())
        return index if index is not None and self.all[index].signature == signature else None

    def held(self, statement: Statement, region: str) -> None:
        """Note that a region other than the sender shows it."""
        if region not in statement.holders and region != statement.sender:
            key = statement.holders, region
            joined = self._unions.get(key)
            if joined is None:
                joined = self._unions[key] = statement.holders | {region}
            statement.holders = joined

    def _enter(
        self, eid: bytes, header: bytes, signature: bytes, leaves: Sequence[bytes | None] | bytes, seq: int
    ) -> int:
        fields: dict[str, Any] = msgpack.unpackb(header)
        type, session = fields["type"], fields["session"]
        size, root = fields["head"]
        if session is not None:
            session = self._sessions.setdefault(session, session)
        body = _NOTHING if type in _BULK else fields["body"]
        self.all.append(
            Statement(
                eid,
                signature,
                type,
                fields["from"],
                fields["log"],
                fields["study"],
                fields["round"],
                session,
                size,
                root,
                fields["bytes"],
                fields["sha256"],
                body,
                leaves,
                seq,
            )
        )
        return len(self.all) - 1
