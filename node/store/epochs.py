"""Epochs of a region's own log in its database: the current one, and those that it was begun anew after.

The log at hand lies in the tables ``entry`` and ``ckpt``; when it is begun anew, they become ``entry_<epoch>`` and
``ckpt_<epoch>``, with their triggers, and new ones take their place: in one transaction, so that a home has the one
log or the other. What opens commitments of an earlier epoch (``opening_<epoch>``) stays beside it.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from crypto.merkle import Tree
from crypto.note import Checkpoint, checkpoint_body, note_with
from node.errors import StoreError
from node.store.database import connect, entries_of, unreadable
from protocol.codec import MAX_ENTRY, decode
from protocol.entries import decode_entry
from protocol.epochs import epoch_of
from protocol.errors import CodecError

_TABLE = re.compile(r"entry_([1-9][0-9]{0,5})")


@dataclass(frozen=True, slots=True)
class Past:
    """An epoch that is over, as it was handed on.

    Attributes:
        origin: Of its log.
        checkpoint, signature: The last one over it.
        public: Log key that signed it.
        records: (leaf or None, hash) of its entries, from 0.
    """

    origin: str
    checkpoint: Checkpoint
    signature: bytes
    public: bytes
    records: tuple[tuple[bytes | None, bytes], ...]

    @property
    def note(self) -> bytes:
        """The checkpoint as a signed note."""
        return note_with(checkpoint_body(self.checkpoint), self.origin, self.public, self.signature)


def epoch_in(home: Path) -> int:
    """Return the epoch of the log in a home, by its first entry; 1 where there is none that can be read."""
    if not (home / "log" / "log.sqlite").exists():
        return 1
    try:
        connection = connect(home, "rw")
        try:
            row = connection.execute("SELECT leaf FROM entry WHERE seq = 0").fetchone()
        finally:
            connection.close()
        first = decode(row[0], max_bytes=MAX_ENTRY) if row is not None and row[0] is not None else None
        return epoch_of(str(first["log"])) if isinstance(first, dict) else 1
    except (sqlite3.Error, CodecError, KeyError):
        return 1  # whoever opens the log itself says what is wrong with it


def numbers(db: sqlite3.Connection) -> list[int]:
    """Return the epochs that are over and here, ascending."""
    rows = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
    return sorted(int(found[1]) for (name,) in rows if (found := _TABLE.fullmatch(name)))


def past_of(db: sqlite3.Connection, home: Path, prefix: str) -> Iterator[Past]:
    """Yield the epochs that are over, ascending.

    Args:
        prefix: ``<network>/<region>`` of the origin.

    Raises:
        StoreError: One of them is not what was written.
    """
    try:
        for epoch in numbers(db):
            entries = tuple(entries_of(db, home, 0, None, table=f"entry_{epoch}"))
            row = db.execute(f"SELECT size, root, sig FROM ckpt_{epoch} ORDER BY size DESC LIMIT 1").fetchone()  # noqa: S608
            origin = f"{prefix}/{epoch}"
            if row is None or row[0] != len(entries) or Tree(digest for _, digest in entries).root() != row[1]:
                raise StoreError(
                    f"LS-LOG-ROOT: the entries of {origin} do not give its last checkpoint; nothing is appended",
                    "the log as it was written",
                    "keep the home as it is, and restore it from its backup",
                )
            yield Past(origin, Checkpoint(origin, row[0], row[1]), row[2], _public(entries), entries)
    except sqlite3.Error as error:
        raise unreadable(home, error) from error


def _public(entries: Iterable[tuple[bytes | None, bytes]]) -> bytes:
    """Return the log key that counted at the end of a log; no bytes where its first entry is not here."""
    public = b""
    for leaf, _ in entries:
        if leaf is not None and (b"log.genesis" in leaf or b"key.rotate" in leaf):
            entry = decode_entry(leaf)
            keys = entry.body["keys"] if entry.kind in ("log.genesis", "key.rotate") else None
            public = bytes(keys["log"]) if isinstance(keys, dict) else public  # type: ignore[arg-type]
    return public


def set_aside(
    db: sqlite3.Connection,
    epoch: int,
    recovered: Iterable[tuple[int, bytes | None, bytes]],
    last: tuple[Checkpoint, bytes] | None,
    schema: Sequence[str],
) -> None:
    """Make the log at hand one that is over, and an empty one in its place; the caller's transaction is open.

    Args:
        epoch: Its epoch.
        recovered: Entries of it that came back, behind those that are here: (seq, leaf or None, hash).
        last: The checkpoint over it with those; None where nothing came back.
        schema: What makes the empty tables and their triggers, statement by statement.
    """
    db.executemany("INSERT INTO entry VALUES (?, ?, ?)", recovered)
    if last is not None:
        checkpoint, signature = last
        db.execute("INSERT OR IGNORE INTO ckpt VALUES (?, ?, ?, NULL)", (checkpoint.size, checkpoint.root, signature))
    triggers = db.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name IN ('entry', 'ckpt')"
    ).fetchall()
    for name, _ in triggers:
        db.execute(f"DROP TRIGGER {name}")
    for table in ("entry", "ckpt", "opening"):
        db.execute(f"ALTER TABLE {table} RENAME TO {table}_{epoch}")
    for name, sql in triggers:
        table = "entry" if name.startswith("entry") else "ckpt"
        db.execute(sql.replace(name, f"{name}_{epoch}", 1).replace(f" ON {table} ", f" ON {table}_{epoch} ", 1))
    for statement in schema:
        db.execute(statement)
