"""Reads a home's log beside its owner: entries, earlier epochs, copies, payloads; writes nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from crypto.note import checkpoint_body, note_with
from node.errors import StoreError
from node.files import Files
from node.store.copies import Copies
from node.store.database import checkpoint_of, connect, entries_of, leaves_of, rotation_of, unreadable
from node.store.epochs import Past, past_of
from node.store.payloads import Payloads
from protocol.entries import decode_entry

if TYPE_CHECKING:
    from node.home import Home


class StoreReader:
    """Reads a home's log beside its owner."""

    def __init__(self, home: Home) -> None:
        self._home = home.path
        self._prefix = f"{home.network}/{home.name}"
        try:
            self._db = connect(home.path, "rw")
            self._db.execute("PRAGMA query_only=ON")
        except sqlite3.Error as error:
            raise unreadable(home.path, error) from error
        self._files = Files(home.path)
        self._payloads = Payloads(self._db, self._files)
        self.copies = Copies(self._db)

    def leaves(self) -> Iterator[bytes]:
        """Yield the entries' canonical bytes, in order, as they are now.

        Raises:
            StoreError: The database cannot be read, or an entry is missing.
        """
        return leaves_of(self._db, self._home)

    def entries(self, first: int = 0, stop: int | None = None) -> Iterator[tuple[bytes | None, bytes]]:
        """Yield entries and their leaf hashes, in order; of an entry that is lost or erased only the hash is left.

        Raises:
            StoreError: The database cannot be read, or an entry is missing.
        """
        return entries_of(self._db, self._home, first, stop)

    def past(self) -> Iterator[Past]:
        """Yield the epochs of this log that are over, ascending.

        Raises:
            StoreError: One of them is not what was written.
        """
        return past_of(self._db, self._home, self._prefix)

    def whole(self) -> Iterator[tuple[bytes | None, bytes]]:
        """Yield entries and hashes of all epochs, those of the earliest first.

        Raises:
            StoreError: The database cannot be read, or an entry is missing.
        """
        for epoch in self.past():
            yield from epoch.records
        yield from self.entries()

    def checkpoint_note(self) -> bytes:
        """Return the newest checkpoint as a signed note.

        Raises:
            StoreError: The log is empty or unreadable.
        """
        first = next(self.leaves(), None)
        genesis = decode_entry(first) if first is not None else None
        found = checkpoint_of(self._db, genesis.log) if genesis is not None else None
        if genesis is None or found is None:
            raise StoreError(f"the log in {self._home} is empty", "a log with its genesis", "landsting init makes one")
        keys = (rotation_of(self._db) or genesis).body["keys"]
        assert isinstance(keys, dict)
        public = keys["log"]
        assert isinstance(public, bytes)
        checkpoint, signature = found
        return note_with(checkpoint_body(checkpoint), checkpoint.origin, public, signature)

    def blob(self, name: str) -> bytes | None:
        """Return a state file; None if there is none."""
        return self._files.blob(name)

    def kept(self, sha256: bytes) -> bytes | None:
        """Return a kept payload; None if there is none."""
        return self._payloads.get(sha256)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
