"""A log as the checks pass it on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from crypto.merkle import Tree
from crypto.note import Checkpoint
from node.audit.bundle import Bundle
from node.audit.context import KeySet
from node.audit.evidence import consistency_piece, hash_piece, leaf_piece, note_piece
from node.audit.findings import Json
from node.audit.leaves import RawLog


@dataclass(slots=True)
class CheckedLog:
    """One log as handed over, after its own checks.

    Attributes:
        tree: Over all leaf hashes handed over.
        checkpoint, note: The signed checkpoint, None where it cannot be read.
        is_signed: The checkpoint is signed by the log's key.
        is_sound: It also covers just these entries.
        faulty: Positions of messages with a false head.
        unsigned: Why the bundle is not signed by this region; None where it is.
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
    faulty: set[int] = field(default_factory=set)
    unsigned: str | None = None

    @property
    def lacking(self) -> tuple[str | None, str | None]:
        """Subject and source of a finding about what is not in this log: its region, or a bundle that it did not sign.

        Somebody who carried the file can have left out its end, or put a fingerprint in the place of an entry; the
        log is as soundly signed as before.
        """
        return (self.region, None) if self.unsigned is None else (None, self.bundle.label)

    @property
    def withheld(self) -> int:
        """How many entries came as hashes only."""
        return self.raw.withheld

    def sent(self, seq: int) -> int | None:
        """Index of the region's own message at a position; None where there is none."""
        code = self.raw.leaves.codes[seq] if seq < self.tree.size else 0
        return None if not code or code & 1 else (code >> 1) - 1

    @property
    def note(self) -> dict[str, Json]:
        """The checkpoint as a piece of evidence."""
        return note_piece(self.raw.checkpoint or b"")

    def proof(self, seq: int) -> dict[str, Json]:
        """The entry with its path to the checkpoint, as a piece of evidence."""
        leaf = self.raw.leaves[seq]
        assert leaf is not None
        return leaf_piece(leaf, seq, self.tree.size, self.tree.inclusion_path(seq))

    def place(self, seq: int) -> dict[str, Json]:
        """The hash of an entry with its path, where the entry itself is not at hand."""
        return hash_piece(self.tree.hash_at(seq), seq, self.tree.size, self.tree.inclusion_path(seq))

    def earlier(self, size: int) -> dict[str, Json]:
        """The root of the first ``size`` entries with its path, as a piece of evidence."""
        return consistency_piece(size, self.tree.root_at(size), self.tree.consistency_path(size))


def genesis_keys(raw: RawLog) -> tuple[str, KeySet] | None:
    """Return network and keys that a log's first entry names; None where it cannot be read."""
    entry = raw.genesis
    if entry is None:
        return None
    keys: Any = entry.body["keys"]
    return str(entry.body["network"]), KeySet(
        keys["sign"], keys["log"], keys["witness"], keys["serial"], keys["release"]
    )
