"""A log and the messages found in it, as the checks pass them on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from crypto.merkle import Tree
from crypto.note import Checkpoint
from node.audit.bundle import Bundle
from node.audit.context import KeySet
from node.audit.evidence import consistency_piece, leaf_piece, note_piece
from node.audit.findings import Json
from node.audit.leaves import RawLog
from protocol.entries import decode_entry
from protocol.envelope import Envelope
from protocol.errors import CodecError


@dataclass(slots=True)
class Statement:
    """One validly signed message, wherever it was found.

    Attributes:
        holders: Regions whose logs or payloads show it, besides its sender.
        at: Position in its sender's own log as handed over; None if only others show it.
    """

    envelope: Envelope
    holders: set[str] = field(default_factory=set)
    at: int | None = None

    @property
    def holder(self) -> str:
        """One who holds it: another region where there is one."""
        return min(self.holders, default=self.envelope.fields.sender)


Statements = dict[bytes, Statement]


@dataclass(slots=True)
class CheckedLog:
    """One log as handed over, after its own checks.

    Attributes:
        tree: Over all leaf hashes handed over.
        checkpoint, note: The signed checkpoint, None where it cannot be read.
        is_signed: The checkpoint is signed by the log's key.
        is_sound: It also covers just these entries.
        sent: eid of each own message by position.
        faulty: Positions of messages with a false head.
        withheld: How many entries came as hashes only.
    """

    bundle: Bundle
    region: str
    epoch: int
    origin: str
    raw: RawLog
    tree: Tree
    checkpoint: Checkpoint | None = None
    is_signed: bool = False
    is_sound: bool = False
    sent: dict[int, bytes] = field(default_factory=dict)
    faulty: set[int] = field(default_factory=set)
    withheld: int = 0

    @property
    def note(self) -> dict[str, Json]:
        """The checkpoint as a piece of evidence."""
        return note_piece(self.raw.checkpoint or b"")

    def proof(self, seq: int) -> dict[str, Json]:
        """The entry with its path to the checkpoint, as a piece of evidence."""
        leaf = self.raw.leaves[seq]
        assert leaf is not None
        return leaf_piece(leaf, seq, self.tree.size, self.tree.inclusion_path(seq))

    def earlier(self, size: int) -> dict[str, Json]:
        """The root of the first ``size`` entries with its path, as a piece of evidence."""
        return consistency_piece(size, self.tree.root_at(size), self.tree.consistency_path(size))


def genesis_keys(raw: RawLog) -> tuple[str, KeySet] | None:
    """Return network and keys that a log's first entry names; None where it cannot be read."""
    if not raw.leaves or raw.leaves[0] is None:
        return None
    try:
        entry = decode_entry(raw.leaves[0])
    except CodecError:
        return None
    if entry.kind != "log.genesis":
        return None
    keys: Any = entry.body["keys"]
    return str(entry.body["network"]), KeySet(keys["sign"], keys["log"], keys["witness"])
