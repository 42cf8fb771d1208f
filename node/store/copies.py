"""What a home knows of other regions' logs: verified copies, checkpoints, cosignatures given and received.

Written in the transaction of the step that learned it; read at a start, for witnesses, and for an export.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from crypto.note import Checkpoint, parse_note
from gossip.effects import CosigRow, ErasedRow, HeadRow, MirrorRow, OpeningRow, ProtectedRow, Row
from gossip.logs.holdings import Seen
from gossip.logs.mirror import Mirror
from protocol.cosignature import Cosignature
from protocol.epochs import epoch_of

SCHEMA = """
CREATE TABLE IF NOT EXISTS mirror (
  origin TEXT NOT NULL, seq INTEGER NOT NULL, leaf BLOB, hash BLOB NOT NULL CHECK (length(hash) = 32),
  PRIMARY KEY (origin, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS head (
  origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL CHECK (length(root) = 32),
  proof BLOB NOT NULL, how TEXT NOT NULL CHECK (how IN ('claimed', 'verified')), PRIMARY KEY (origin, size)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cosig (
  origin TEXT NOT NULL, size INTEGER NOT NULL, "by" TEXT NOT NULL, t_s INTEGER NOT NULL,
  sig BLOB NOT NULL CHECK (length(sig) = 64), PRIMARY KEY (origin, size, "by")
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS protected (
  origin TEXT NOT NULL, key BLOB NOT NULL CHECK (length(key) = 4), size INTEGER NOT NULL, note BLOB NOT NULL,
  PRIMARY KEY (origin, key)
) STRICT;
"""
OPENING = """
CREATE TABLE IF NOT EXISTS opening (
  seq INTEGER NOT NULL, field TEXT NOT NULL, salt BLOB NOT NULL CHECK (length(salt) = 32), value BLOB NOT NULL,
  PRIMARY KEY (seq, field)
) STRICT, WITHOUT ROWID;
"""
SCHEMA += OPENING


@dataclass(frozen=True, slots=True)
class Copy:
    """A verified copy of another region's log, for an export.

    Attributes:
        origin: Whose log.
        note: The largest verified checkpoint, signed by that log's key.
        records: (leaf or None, leaf hash) from position 0 up to the checkpoint's size.
    """

    origin: str
    note: bytes
    records: tuple[tuple[bytes | None, bytes], ...]


class Copies:
    """The tables of one home's database."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def write(self, rows: Iterable[Row]) -> None:
        """Write rows in their order; the caller's transaction is open. What is there already stays."""
        for kind, some in groupby(rows, type):
            if kind is MirrorRow:  # by far the most
                values = [(row.origin, row.seq, row.leaf, row.hash) for row in some if isinstance(row, MirrorRow)]
                self._db.executemany("INSERT OR IGNORE INTO mirror VALUES (?, ?, ?, ?)", values)
            else:
                for row in some:
                    self._write(row)

    def _write(self, row: Row) -> None:
        values: tuple[object, ...]
        match row:
            case HeadRow():
                values = (row.origin, row.size, row.root, row.proof, row.how)
                self._db.execute("INSERT OR IGNORE INTO head VALUES (?, ?, ?, ?, ?)", values)
            case ProtectedRow():
                values = (row.origin, row.key, row.size, row.note)
                self._db.execute(
                    "INSERT INTO protected VALUES (?, ?, ?, ?) ON CONFLICT (origin, key)"
                    " DO UPDATE SET size = excluded.size, note = excluded.note WHERE excluded.size > size",
                    values,
                )
            case OpeningRow():
                values = (row.seq, row.field, row.salt, row.value)
                self._db.execute("INSERT OR IGNORE INTO opening VALUES (?, ?, ?, ?)", values)
            case ErasedRow():
                place = (row.origin, row.seq)
                self._db.execute("UPDATE mirror SET leaf = NULL WHERE origin = ? AND seq = ?", place)
            case CosigRow():
                values = (row.origin, row.size, row.by, row.t_s, row.sig)
                self._db.execute("INSERT OR IGNORE INTO cosig VALUES (?, ?, ?, ?, ?)", values)

    def openings(self, seq: int) -> dict[str, tuple[bytes, bytes]]:
        """Return (salt, value) of an own entry's commitments, by field."""
        rows = self._db.execute("SELECT field, salt, value FROM opening WHERE seq = ?", (seq,))
        return {field: (salt, value) for field, salt, value in rows}

    def leaf(self, origin: str, seq: int) -> bytes | None:
        """Return one entry of a copy; None if it, or all but its hash, is not here."""
        found = self._db.execute("SELECT leaf FROM mirror WHERE origin = ? AND seq = ?", (origin, seq)).fetchone()
        return found[0] if found is not None else None

    def key_entries(self) -> Iterator[tuple[str, int, bytes]]:
        """Yield entries of copies that may rotate or revoke keys: origin, position, leaf."""
        yield from self._db.execute(
            "SELECT origin, seq, leaf FROM mirror WHERE instr(leaf, ?) OR instr(leaf, ?) ORDER BY origin, seq",
            (b"key.rotate", b"key.revoke"),
        )

    def firsts(self) -> list[tuple[str, bytes]]:
        """Return the first entries of others' later epochs that were verified: origin and leaf, epochs ascending."""
        rows = self._db.execute("SELECT origin, leaf FROM mirror WHERE seq = 0 AND leaf IS NOT NULL")
        return sorted(((o, leaf) for o, leaf in rows if epoch_of(o) > 1), key=lambda row: (epoch_of(row[0]), row[0]))

    def mirrors(self) -> list[Mirror]:
        """Return the verified copies as witnesses keep them in memory."""
        found = []
        for origin, size, root, proof in self._copied():
            rows = self._db.execute("SELECT hash FROM mirror WHERE origin = ? AND seq < ? ORDER BY seq", (origin, size))
            hashes = [digest for (digest,) in rows]
            found.append(Mirror(origin, hashes, Checkpoint(origin, size, root), _signature(origin, proof)))
        return found

    def proved(self) -> list[Seen]:
        """Return the largest verified checkpoint of each log whose copy ends before it: proofs alone showed it."""
        copied = {origin: size for origin, size, _, _ in self._copied()}
        rows = self._db.execute(
            "SELECT origin, MAX(size), root, proof FROM head WHERE how = 'verified' GROUP BY origin ORDER BY origin"
        ).fetchall()
        return [
            Seen(Checkpoint(origin, size, root), _signature(origin, proof))
            for origin, size, root, proof in rows if size > copied.get(origin, 0)
        ]  # fmt: skip

    def copies(self) -> Iterator[Copy]:
        """Yield every verified copy, ascending by origin."""
        for origin, size, _, proof in self._copied():
            rows = self._db.execute(
                "SELECT leaf, hash FROM mirror WHERE origin = ? AND seq < ? ORDER BY seq", (origin, size)
            ).fetchall()
            yield Copy(origin, proof, tuple((leaf, digest) for leaf, digest in rows))

    def cosignatures(self, origin: str, size: int | None = None) -> list[Cosignature]:
        """Return the cosignatures on a log, all or those on one size, ascending by size and region."""
        where, values = ("", (origin,)) if size is None else (" AND size = ?", (origin, size))
        query = f'SELECT "by", size, t_s, sig FROM cosig WHERE origin = ?{where} ORDER BY size, "by"'  # noqa: S608
        return [Cosignature(*row) for row in self._db.execute(query, values)]

    def protected(self) -> list[ProtectedRow]:
        """Return the checkpoints that release keys signed, the largest of each key, ascending by origin and size."""
        # A reader may meet a log that an earlier version wrote and none has opened to append since.
        if self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'protected'").fetchone() is None:
            return []
        rows = self._db.execute("SELECT origin, key, size, note FROM protected ORDER BY origin, size, key")
        return [ProtectedRow(*row) for row in rows]

    def _copied(self) -> list[tuple[str, int, bytes, bytes]]:
        """Origin, size, root and note of the largest verified head of each log up to which all its hashes are here."""
        found = []
        for origin, last, count in self._db.execute(
            "SELECT origin, MAX(seq), COUNT(*) FROM mirror GROUP BY origin ORDER BY origin"
        ).fetchall():
            # Entries come in order; a copy with a gap, which an earlier version may have left, ends before it.
            end = count if last == count - 1 else self._gap(origin)
            head = self._db.execute(
                "SELECT size, root, proof FROM head WHERE origin = ? AND how = 'verified' AND size <= ?"
                " ORDER BY size DESC LIMIT 1",
                (origin, end),
            ).fetchone()
            if head is not None:
                found.append((origin, *head))
        return found

    def _gap(self, origin: str) -> int:
        seqs = self._db.execute("SELECT seq FROM mirror WHERE origin = ? ORDER BY seq", (origin,))
        end = -1
        for end, (seq,) in enumerate(seqs):
            if seq != end:
                return end
        return end + 1


def _signature(origin: str, note: bytes) -> bytes:
    """The log's own signature in a note that was verified."""
    return next(line.signature for line in parse_note(note).signatures if line.name == origin)
