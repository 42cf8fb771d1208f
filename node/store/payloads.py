"""Kept payloads of a home: the small ones in the log's database, the others as files.

Rules kept here, and nowhere else:
  * one below ``SMALL`` bytes is written in the transaction that names it, and costs no flush of its own;
  * a larger one is a file that is on disk before that transaction;
  * a home made by an earlier version has small ones as files as well: they are read where they lie.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable

from node.files import Buffer, Files

SMALL = 64 * 1024  # bytes; below it SQLite is faster than a flushed file, above it copies too much

SCHEMA = """
CREATE TABLE IF NOT EXISTS payload (
  sha256 BLOB PRIMARY KEY CHECK (length(sha256) = 32), data BLOB NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS payload_update BEFORE UPDATE ON payload
BEGIN SELECT RAISE(ABORT, 'payloads are never changed'); END;
"""


class Payloads:
    """Kept payloads by SHA-256.

    Args:
        db: The log's database; its owner opens and ends the transactions.
        files: Where the larger ones lie.
    """

    def __init__(self, db: sqlite3.Connection, files: Files) -> None:
        self._db = db
        self._files = files

    def get(self, sha256: bytes) -> bytes | None:
        """Return a kept payload; None if there is none."""
        with contextlib.suppress(sqlite3.OperationalError):  # no such table: nobody has opened this home to write yet
            found = self._db.execute("SELECT data FROM payload WHERE sha256 = ?", (sha256,)).fetchone()
            if found is not None:
                data: bytes = found[0]
                return data
        return self._files.kept(sha256)

    def put_large(self, items: Iterable[tuple[bytes, Buffer]]) -> None:
        """Have the large ones of some payloads on disk when this returns."""
        self._files.put_kept((sha256, data) for sha256, data in items if not _is_small(data))

    def put_small(self, items: Iterable[tuple[bytes, Buffer]]) -> None:
        """Write the small ones of some payloads; the caller's transaction is open. What is there already stays."""
        small = [(sha256, data) for sha256, data in items if _is_small(data)]
        self._db.executemany("INSERT OR IGNORE INTO payload VALUES (?, ?)", small)

    def remove(self, sha256: bytes) -> None:
        """Remove a payload, its bytes overwritten; one that is gone already is no error. No transaction is open."""
        if self._db.execute("SELECT 1 FROM payload WHERE sha256 = ?", (sha256,)).fetchone() is not None:
            self._db.execute("PRAGMA secure_delete=ON")
            self._db.execute("DELETE FROM payload WHERE sha256 = ?", (sha256,))
        self._files.remove_kept(sha256)

    def removed(self) -> None:
        """Have nothing left of what was removed in the database's write-ahead log either."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _is_small(data: Buffer) -> bool:
    return memoryview(data).nbytes < SMALL
