"""Every signed message in the bundles once, however many logs and payloads hold it.

``Statements`` is the register of one audit: a statement is kept with its header, and whoever holds it again
is told its index.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgpack

from crypto.hashing import tagged_hash
from node.audit.evidence import envelope_piece
from node.audit.findings import Json
from protocol.codec import Value
from protocol.envelope import Envelope, parse

_Bin = bytes  # in ``Statement`` the name is a field


@dataclass(slots=True, eq=False)
class Statement:
    """One message with one signature.

    Attributes:
        header: Canonical bytes; has been through ``parse``. It is what is said: two signatures over one header are
            two statements of one ``eid``.
        size, root: The head in it; of a logged type the message is entry ``size`` of ``log``.
        key, valid: The key it was checked with last, and whether the signature holds under it.
        shown_by: The first by name of the other regions whose logs or payloads show it; None if none does.
        at: Position in its sender's own log as handed over; None if only others show it.
        judged: Whether any check has asked for its signature.
    """

    header: _Bin
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
    key: _Bin | None = None
    valid: bool = False
    shown_by: str | None = None
    at: int | None = None
    judged: bool = False

    def show(self, region: str) -> None:
        """Note that a region shows it."""
        if region != self.sender and (self.shown_by is None or region < self.shown_by):
            self.shown_by = region

    @property
    def eid(self) -> _Bin:
        """Identity of what is said."""
        return tagged_hash(self.type, self.header)

    @property
    def holder(self) -> str:
        """One who holds it: another region where there is one."""
        return self.shown_by or self.sender

    @property
    def body(self) -> dict[str, Value]:
        """Fields of its type."""
        body: dict[str, Value] = msgpack.unpackb(self.header)["body"]
        return body

    @property
    def envelope(self) -> Envelope:
        """The whole message, read again."""
        return parse(self.header, self.signature)

    @property
    def piece(self) -> dict[str, Json]:
        """The message as a piece of evidence."""
        return envelope_piece(self.envelope, self.holder)


class Statements:
    """All messages of an audit, by their header.

    Attributes:
        all: In the order in which they were found; an index stands for a statement elsewhere.
    """

    def __init__(self) -> None:
        self.all: list[Statement] = []
        self._index: dict[bytes, int] = {}
        self._others: dict[tuple[bytes, bytes], int] = {}
        self._same: dict[Any, Any] = {}

    @property
    def valid(self) -> int:
        """How many distinct signatures of messages were judged and hold."""
        return sum(statement.judged and statement.valid for statement in self.all)

    def forget(self) -> None:
        """Forget what checks have noted of the messages, not the messages."""
        for statement in self.all:
            statement.shown_by = statement.at = None
            statement.judged = False

    def find(self, header: bytes, signature: bytes) -> int:
        """Return the index of a message whose header has been through ``parse``; it is entered where it is new."""
        index = self._index.get(header)
        if index is None:
            index = self._index[header] = self._enter(header, signature)
        elif self.all[index].signature != signature:
            other = self._others.get((header, signature))
            if other is None:
                other = self._others[header, signature] = self._enter(header, signature)
            return other
        return index

    def known(self, header: bytes, signature: bytes) -> int | None:
        """Return the index of a message that is entered already; the header may be any bytes."""
        index = self._index.get(header)
        return index if index is not None and self.all[index].signature == signature else None

    def _enter(self, header: bytes, signature: bytes) -> int:
        fields: dict[str, Any] = msgpack.unpackb(header)
        size, root = fields["head"]
        same = self._same.setdefault
        study, round, session = fields["study"], fields["round"], fields["session"]
        self.all.append(
            Statement(
                header,
                signature,
                same(fields["type"], fields["type"]),
                same(fields["from"], fields["from"]),
                same(fields["log"], fields["log"]),
                study and same(study, study),
                same(round, round),
                session and same(session, session),
                size,
                root,
                fields["bytes"],
                fields["sha256"],
            )
        )
        return len(self.all) - 1
