"""The log's SQLite database: how it is opened, and what is read of it by its owner and beside it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from crypto.note import Checkpoint
from node.errors import StoreError
from protocol.entries import Entry, decode_entry

PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    # Not NORMAL: it may lose a committed transaction at power loss, and an entry that is lost after its
    # message has left looks like a fork.
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
)


def last_rotation(home: Path) -> int:
    """Return the serial of the key set at the end of a home's log: of its last ``key.rotate``, or of its first entry.

    Raises:
        StoreError: The log cannot be read.
    """
    try:
        connection = connect(home, "rw")
        try:
            found = rotation_of(connection) or genesis_of(connection)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise unreadable(home, error) from error
    keys = found.body["keys"] if found is not None else None
    return int(str(keys["serial"])) if isinstance(keys, dict) else 1


def genesis_of(db: sqlite3.Connection) -> Entry | None:
    """Return the first entry; None where its bytes are not here."""
    row = db.execute("SELECT leaf FROM entry WHERE seq = 0").fetchone()
    return decode_entry(row[0]) if row is not None and row[0] is not None else None


def rotation_of(db: sqlite3.Connection) -> Entry | None:
    """Return the last ``key.rotate``."""
    rows = db.execute("SELECT leaf FROM entry WHERE instr(leaf, ?) ORDER BY seq DESC", (b"key.rotate",))
    return next((entry for (leaf,) in rows if (entry := decode_entry(leaf)).kind == "key.rotate"), None)


def connect(home: Path, mode: str) -> sqlite3.Connection:
    """Open a home's log; ``mode`` as SQLite has it: rw, rwc."""
    # Through a URI, so that a missing file is an error and not a new log. No implicit transactions.
    path = (home / "log" / "log.sqlite").as_uri()
    connection = sqlite3.connect(f"{path}?mode={mode}", uri=True, isolation_level=None, timeout=10.0)
    for pragma in PRAGMAS:
        connection.execute(pragma)
    return connection


def leaves_of(db: sqlite3.Connection, home: Path) -> Iterator[bytes]:
    """Yield all leaves; StoreError where one is not there any more."""
    for seq, (leaf, _) in enumerate(entries_of(db, home, 0, None)):
        if leaf is None:
            raise missing(home, seq)
        yield leaf


def entries_of(
    db: sqlite3.Connection, home: Path, first: int, stop: int | None, table: str = "entry"
) -> Iterator[tuple[bytes | None, bytes]]:
    """Yield (leaf or None, hash) of entries ``first`` to ``stop``; ``table`` of an earlier epoch, see ``epochs``."""
    try:
        rows = db.execute(
            f"SELECT seq, leaf, hash FROM {table} WHERE seq >= ? AND seq < ? ORDER BY seq",  # noqa: S608
            (first, stop if stop is not None else 2**53),
        )
        for expected, (seq, leaf, digest) in enumerate(rows, first):
            if seq != expected:
                raise missing(home, expected)
            yield leaf, digest
    except sqlite3.Error as error:
        raise unreadable(home, error) from error


def missing(home: Path, seq: int) -> StoreError:
    """Return that an entry is missing, in words."""
    return StoreError(
        f"LS-LOG-ROOT: entry {seq} is missing from the log in {home}",
        "every entry from 0",
        "keep the home as it is, and restore it from its backup",
    )


def checkpoint_of(db: sqlite3.Connection, origin: str) -> tuple[Checkpoint, bytes] | None:
    """Return the newest checkpoint and its signature."""
    row = db.execute("SELECT size, root, sig FROM ckpt ORDER BY size DESC LIMIT 1").fetchone()
    return (Checkpoint(origin, row[0], row[1]), row[2]) if row is not None else None


def unreadable(home: Path, error: sqlite3.Error) -> StoreError:
    """Return a failed read in words."""
    return StoreError(
        f"the log in {home} cannot be read ({error})", "a sound log/log.sqlite",
        "keep the home as it is, and restore it from its backup",
    )  # fmt: skip


def unwritable(home: Path, error: sqlite3.Error) -> StoreError:
    """Return a failed write in words."""
    if "full" in str(error):
        return StoreError(
            f"the disk of {home} is full", "room for the log", "make room, then start the node again", code="DISK"
        )
    return StoreError(
        f"the log in {home} cannot be written ({error})",
        "a disk that takes writes",
        "check the disk, then start again",
        code="DISK",
    )
