"""The update log on disk: entries, signed checkpoints and small payloads in SQLite; large ones and state as files.

Rules kept here, and nowhere else:
  * a step = its entries and one signed checkpoint over them; there is no unsigned tail;
  * a transaction = one step, or several in their order: all of them are on disk when ``settle`` returns, or none;
  * what a transaction names (kept payloads, durable state) is on disk before it or with it;
  * a step with state files is a transaction of its own, so that no state is more than one step ahead of the log;
  * an entry or a checkpoint is never changed or removed;
  * ``HEAD``, a signed checkpoint outside the database, is replaced when asked for, and tells a log that was
    put back to an earlier state.

``Store`` belongs to the one owner of a home; ``StoreReader`` (``log_reader``) reads beside it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from crypto.errors import CryptoError
from crypto.note import Checkpoint, checkpoint_body, note_with, open_note, parse_checkpoint, parse_note
from node.errors import StoreError
from node.files import Files, disk_error, sync_folder, write
from node.store.copies import OPENING, Copies
from node.store.copies import SCHEMA as COPIES
from node.store.database import (
    checkpoint_of,
    connect,
    entries_of,
    leaves_of,
    unreadable,
    unwritable,
)
from node.store.epochs import Past, past_of, set_aside
from node.store.log_reader import StoreReader
from node.store.payloads import SCHEMA as PAYLOADS
from node.store.payloads import Payloads
from protocol.entries import decode_entry
from protocol.epochs import Origin, epoch_of, read_origin
from protocol.errors import CodecError

if TYPE_CHECKING:
    from gossip.effects import Commit
    from node.home import Home

__all__ = ["Store", "StoreReader"]

FORMAT = 1

UPDATE_TRIGGER = (
    "CREATE TRIGGER entry_update BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END"
)
_LOG = (
    "CREATE TABLE entry (seq INTEGER PRIMARY KEY, leaf BLOB, hash BLOB NOT NULL CHECK (length(hash) = 32)) STRICT",
    "CREATE TABLE ckpt (size INTEGER PRIMARY KEY, root BLOB NOT NULL CHECK (length(root) = 32),"
    " sig BLOB NOT NULL CHECK (length(sig) = 64), round INTEGER) STRICT",
    UPDATE_TRIGGER,
    "CREATE TRIGGER entry_delete BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'entries are never removed'); END",
    "CREATE TRIGGER ckpt_update BEFORE UPDATE ON ckpt BEGIN SELECT RAISE(ABORT, 'checkpoints are never changed'); END",
    "CREATE TRIGGER ckpt_delete BEFORE DELETE ON ckpt BEGIN SELECT RAISE(ABORT, 'checkpoints are never removed'); END",
)
_SCHEMA = "".join(f"{statement};\n" for statement in _LOG)


class Store:
    """A region's log, payloads and state; one writer.

    Attributes:
        files: State files and large payloads.
        copies: What is known of other regions' logs.
        payloads: Kept payloads.
    """

    def __init__(self, home: Home, connection: sqlite3.Connection) -> None:
        self._home = home.path
        self._origin = home.origin
        self._log_public = home.keys().log.public
        self._publics = [keys.log.public for keys in home.key_sets().values()]
        self._db = connection
        self.files = Files(home.path)
        self.copies = Copies(connection)
        self.payloads = Payloads(connection, self.files)

    @classmethod
    def create(cls, home: Home) -> Self:
        """Make an empty log in a home, for its owner's eyes: what SQLite puts beside it takes the same mode."""
        os.close(os.open(home.path / "log" / "log.sqlite", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        connection = connect(home.path, "rwc")
        connection.executescript(f"BEGIN; {_SCHEMA} {COPIES} {PAYLOADS} PRAGMA user_version={FORMAT}; COMMIT;")
        return cls(home, connection)

    @classmethod
    def open(cls, home: Home) -> Self:
        """Open the log of a home, to append to it.

        Raises:
            StoreError: There is none, or not one that this version writes.
        """
        try:
            connection = connect(home.path, "rw")
            found = connection.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.Error as error:
            raise unreadable(home.path, error) from error
        if found != FORMAT:
            connection.close()
            raise StoreError(
                f"a log of format {found} in {home.path}",
                f"format {FORMAT}",
                "use the landsting that wrote it",
                code="HOME",
            )
        connection.executescript(f"BEGIN; {COPIES} {PAYLOADS} COMMIT;")  # what an earlier version did not have
        return cls(home, connection)

    # ---------------------------------------------------------------- reading

    def entries(self, first: int = 0, stop: int | None = None) -> Iterator[tuple[bytes | None, bytes]]:
        """Yield entries and their leaf hashes, in order; of an entry that is lost or erased only the hash is left.

        Raises:
            StoreError: The database cannot be read, or an entry is missing.
        """
        return entries_of(self._db, self._home, first, stop)

    def leaves(self) -> Iterator[bytes]:
        """Yield the entries' canonical bytes, in order.

        Raises:
            StoreError: The database cannot be read, or an entry is missing.
        """
        return leaves_of(self._db, self._home)

    def hashes(self) -> Iterator[bytes]:
        """Yield the stored leaf hashes, in order."""
        for (digest,) in self._db.execute("SELECT hash FROM entry ORDER BY seq"):
            yield digest

    def checkpoint(self) -> tuple[Checkpoint, bytes] | None:
        """Return the newest checkpoint and its signature; None in an empty log."""
        return checkpoint_of(self._db, self._origin)

    def round_checkpoints(self) -> list[Checkpoint]:
        """Return the checkpoints that were published at the end of a round."""
        rows = self._db.execute("SELECT size, root FROM ckpt WHERE round IS NOT NULL ORDER BY size")
        return [Checkpoint(self._origin, size, root) for size, root in rows]

    def past(self) -> Iterator[Past]:
        """Yield the epochs of this log that are over, ascending.

        Raises:
            StoreError: One of them is not what was written.
        """
        return past_of(self._db, self._home, self._origin.rpartition("/")[0])

    def head(self) -> Checkpoint | None:
        """Return what the file ``HEAD`` says, of whatever epoch; None if there is none.

        Raises:
            StoreError: It is not a checkpoint signed by this region's log key.
        """
        path = self._home / "HEAD"
        if not path.exists():
            return None
        try:
            note = path.read_bytes()
            origin = parse_checkpoint(parse_note(note).body).origin
            head = parse_checkpoint(self._opened(note, origin))
            its, own = read_origin(origin), read_origin(self._origin)
        except (CryptoError, CodecError) as error:
            raise StoreError(
                f"{path} is damaged ({error})", "a checkpoint signed by this region", "restore the home from its backup"
            ) from error
        if its != Origin(own.network, own.region, its.epoch):
            raise StoreError(f"{path} belongs to {head.origin}", self._origin, "put the right file back")
        return head

    def _opened(self, note: bytes, origin: str) -> bytes:
        """Body of a note that this region signed, with the keys in use now or with earlier ones."""
        for public in self._publics:
            with contextlib.suppress(CryptoError):
                return open_note(note, origin, public)
        return open_note(note, origin, self._log_public)

    def erase(self, seq: int) -> None:
        """Drop the bytes of an entry that the log says is erased; its hash stays.

        The one change that an entry can undergo: with a connection of its own, on which the trigger that forbids
        changes is taken away and put back within the transaction.

        Raises:
            StoreError: It could not be written.
        """
        try:
            connection = connect(self._home, "rw")
            try:
                connection.execute("PRAGMA secure_delete=ON")
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("DROP TRIGGER entry_update")
                connection.execute("UPDATE entry SET leaf = NULL WHERE seq = ?", (seq,))
                connection.execute(UPDATE_TRIGGER)
                connection.execute("DELETE FROM opening WHERE seq = ?", (seq,))
                connection.execute("COMMIT")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise unwritable(self._home, error) from error

    def forget(self, sha256s: Collection[bytes]) -> None:
        """Remove kept payloads that the log says are gone.

        Raises:
            StoreError: It could not be written.
        """
        try:
            for sha256 in sha256s:
                self.payloads.remove(sha256)
            self.payloads.removed()
        except OSError as error:
            raise disk_error(error, self._home) from error
        except sqlite3.Error as error:
            raise unwritable(self._home, error) from error

    def rekey(self, log_public: bytes) -> None:
        """Another key set signs from the last commit on."""
        self._log_public = log_public

    def blob(self, name: str) -> bytes | None:
        """Return a state file; None if there is none."""
        return self.files.blob(name)

    def kept(self, sha256: bytes) -> bytes | None:
        """Return a kept payload; None if there is none."""
        return self.payloads.get(sha256)

    # ---------------------------------------------------------------- writing

    def begin_anew(
        self,
        origin: str,
        commit: Commit,
        recovered: Iterable[tuple[int, bytes | None, bytes]] = (),
        last: tuple[Checkpoint, bytes] | None = None,
    ) -> None:
        """Set the log at hand aside and begin the next one, with its first entry: one transaction.

        Args:
            origin: Of the new log.
            commit: Its first entry, with the checkpoint over it.
            recovered: Entries of the log at hand that came back: (seq, leaf or None, hash).
            last: The checkpoint over the log at hand with those; None where nothing came back.

        Raises:
            StoreError: It could not be written; the log is what it was.
        """
        try:
            self.payloads.put_large(commit.kept)
            self._db.execute("BEGIN IMMEDIATE")
            set_aside(self._db, epoch_of(self._origin), recovered, last, (*_LOG, OPENING))
            self._origin = origin
            self._append(commit)
            self._db.execute("COMMIT")
            assert commit.checkpoint is not None
            self._publish(commit.checkpoint, commit.signature)
        except OSError as error:
            raise disk_error(error, self._home) from error
        except sqlite3.Error as error:
            self._drop()
            raise unwritable(self._home, error) from error

    def commit(self, commit: Commit) -> None:
        """``add`` and ``settle``: have a step on disk when this returns."""
        self.add(commit)
        self.settle()

    def add(self, commit: Commit) -> None:
        """Write a step behind those that ``settle`` has not ended yet, in one transaction with them.

        Payloads and state go first, then entries and checkpoint, then ``HEAD``.
        A step with state files is one of its own: ended are what came before, and itself. One that replaces ``HEAD``
        ends the transaction. What was added is read by this store at once, and by nobody else before ``settle``.

        Raises:
            StoreError: It could not be written; of all that was added there is nothing.
        """
        try:
            if commit.blobs:
                self._end()
            self.payloads.put_large(commit.kept)
            for blob in commit.blobs:
                if blob.data is not None:
                    self.files.put_blob(blob.name, blob.data, durable=blob.durable)
            if commit.leaves or commit.rows or commit.kept:
                self._append(commit)
            if commit.blobs or commit.publish:
                self._end()
            if commit.publish and commit.checkpoint is not None:
                self._publish(commit.checkpoint, commit.signature)
            for blob in commit.blobs:
                if blob.data is None:  # gone only once the log no longer needs it
                    self.files.put_blob(blob.name, None, durable=False)
        except OSError as error:
            self._drop()
            raise disk_error(error, self._home) from error
        except sqlite3.Error as error:
            self._drop()
            raise unwritable(self._home, error) from error

    def settle(self) -> None:
        """Have all steps that were added on disk when this returns.

        Raises:
            StoreError: They could not be written; there is nothing of them.
        """
        try:
            self._end()
        except sqlite3.Error as error:
            self._drop()
            raise unwritable(self._home, error) from error

    def _append(self, commit: Commit) -> None:
        checkpoint, db = commit.checkpoint, self._db
        if commit.leaves:
            assert checkpoint is not None, "entries come with a checkpoint"
            assert checkpoint.size == commit.leaves[-1].seq + 1, "the checkpoint covers all entries"
        if not db.in_transaction:
            db.execute("BEGIN IMMEDIATE")
        if commit.recovered:
            db.executemany("INSERT INTO entry VALUES (?, ?, ?)", commit.recovered)
        db.executemany("INSERT INTO entry VALUES (?, ?, ?)", [(one.seq, one.leaf, one.hash) for one in commit.leaves])
        if commit.leaves and checkpoint is not None:
            values = (checkpoint.size, checkpoint.root, commit.signature, _round(commit))
            db.execute("INSERT INTO ckpt VALUES (?, ?, ?, ?)", values)
        self.payloads.put_small(commit.kept)
        self.copies.write(commit.rows)

    def _end(self) -> None:
        if self._db.in_transaction:
            self._db.execute("COMMIT")

    def _drop(self) -> None:
        """Nothing is left of a transaction that could not be written to its end."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _publish(self, checkpoint: Checkpoint, signature: bytes) -> None:
        note = note_with(checkpoint_body(checkpoint), self._origin, self._log_public, signature)
        for folder in write(self._home / "HEAD", note, durable=True):
            sync_folder(folder)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _round(commit: Commit) -> int | None:
    """Return the round that a published checkpoint ends, if one does."""
    if commit.publish:
        for leaf in reversed(commit.leaves):
            if b"round.end" in leaf.leaf:
                entry = decode_entry(leaf.leaf)
                round = entry.body.get("round")
                if entry.kind == "round.end" and isinstance(round, int):
                    return round
    return None
