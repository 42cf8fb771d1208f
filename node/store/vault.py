"""What a home keeps of its rounds beside the log, for an audit: payloads that went into sums, and sealed openings.

A database of its own, ``log/vault.sqlite`` (0600), made when a plan first asks for something to be kept. What is in it
may be lost (the log holds the hashes and says what is missing), so it is not flushed with each step and no fault of it
stops a node. Rules kept here, and nowhere else:
  * it never grows beyond ``most_bytes``: what has no room is not kept, and said;
  * openings are values of this region: each is sealed (AES-256-GCM) under ``log/vault.key``, which is in no bundle and
    need not be in a backup; without that file nobody reads them;
  * what is removed is overwritten.

What is kept and for how long: ``gossip.studies.recording``.
"""

from __future__ import annotations

import logging
import math
import os
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gossip.effects import Deposit, Retain, Sift
from node.files import sync_folder
from protocol.plan import Plan

logger = logging.getLogger(__name__)

NAME, KEY = "vault.sqlite", "vault.key"
MOST_BYTES = 4 * 2**30
PAGE = 4096
_NONCE = 12
_SCHEMA = """
CREATE TABLE IF NOT EXISTS bulk (
  study BLOB NOT NULL CHECK (length(study) = 32), round INTEGER NOT NULL,
  sha256 BLOB NOT NULL CHECK (length(sha256) = 32), data BLOB NOT NULL, PRIMARY KEY (study, round, sha256)
) STRICT;
CREATE INDEX IF NOT EXISTS bulk_sha256 ON bulk (sha256);
CREATE TABLE IF NOT EXISTS opening (
  study BLOB NOT NULL CHECK (length(study) = 32), round INTEGER NOT NULL,
  seq INTEGER NOT NULL, name TEXT NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (seq, name)
) STRICT;
"""


def forecast_bytes(plan: Plan, region: str) -> int:
    """Return about how much a study will leave in a home's vault."""
    share = int(plan.retention["sample_bp"]) / 10_000
    kept = min(plan.rounds, int(plan.retention["payload_rounds"]) + math.ceil(share * plan.rounds))
    degree = max(len(plan.neighbours(region, t)) for t in range(plan.first_round, plan.first_round + len(plan.turn)))
    values = 12 * plan.dim if share else 0  # base, delta, own: float32
    return min(MOST_BYTES, kept * (degree * plan.payload_bytes(plan.first_round) + values))


class Vault:
    """One home's vault; made on disk with the first thing that is put in.

    Args:
        home: The home's folder.
        most_bytes: How large it may become.
    """

    def __init__(self, home: Path, most_bytes: int = MOST_BYTES) -> None:
        self._folder = home / "log"
        self._most = most_bytes
        self._db: sqlite3.Connection | None = None
        self._key: bytes | None = None
        self._is_full = False

    @property
    def is_there(self) -> bool:
        """Whether anything has ever been put in."""
        return (self._folder / NAME).exists()

    # ---------------------------------------------------------------- in and out

    def do(self, effect: Retain | Deposit | Sift) -> None:
        """Carry out what a step wants kept or removed; a fault is said in the program log and stops nothing."""
        try:
            match effect:
                case Retain():
                    self._put(
                        "INSERT OR IGNORE INTO bulk VALUES (?, ?, ?, ?)",
                        effect.study,
                        effect.round,
                        effect.sha256,
                        bytes(effect.data),
                    )
                case Deposit():
                    at = _place(effect.study, effect.round, effect.seq, effect.name)
                    sealed = self._seal(at, effect.salt + bytes(effect.value))
                    self._put(
                        "INSERT OR REPLACE INTO opening VALUES (?, ?, ?, ?, ?)",
                        effect.study,
                        effect.round,
                        effect.seq,
                        effect.name,
                        sealed,
                    )
                case Sift():
                    self.sift(effect.study, effect.until, effect.held)
        except (OSError, sqlite3.Error) as error:
            self._say(error)

    def _put(self, statement: str, *values: object) -> None:
        self._open().execute(statement, values)

    def _say(self, error: Exception) -> None:
        if not self._is_full:
            logger.warning("the vault keeps no more for an audit: %s", error)
        self._is_full = True

    def sift(
        self, study: bytes, until: int | None, held: Mapping[int, frozenset[bytes]], *, openings: bool = True
    ) -> None:
        """Remove what is not held of a study, of rounds up to ``until`` (None: of all).

        Args:
            openings: Those of rounds that are not held as well; of rounds below 0 they go with the last one held.
        """
        if not self.is_there:
            return
        db, last = self._open(), until if until is not None else 2**53
        rows = db.execute("SELECT round, sha256 FROM bulk WHERE study = ? AND round <= ?", (study, last)).fetchall()
        gone = [(study, round, sha) for round, sha in rows if sha not in held.get(round, frozenset())]
        lost = []
        if openings:
            found = db.execute("SELECT DISTINCT round FROM opening WHERE study = ? AND round <= ?", (study, last))
            rounds = {round for (round,) in found}
            lost = [(study, round) for round in rounds if round not in held and (round >= 0 or until is None)]
            if held:
                lost = [(study, round) for _, round in lost if round >= 0]
        if not gone and not lost:
            return
        db.execute("BEGIN IMMEDIATE")
        db.executemany("DELETE FROM bulk WHERE study = ? AND round = ? AND sha256 = ?", gone)
        db.executemany("DELETE FROM opening WHERE study = ? AND round = ?", lost)
        db.execute("COMMIT")
        db.execute("PRAGMA incremental_vacuum")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._is_full = False

    def forget_openings(self, since: int = 0) -> None:
        """Remove the openings of entries from ``since`` on: the log that held them is over, or has lost them."""
        if self.is_there:
            self._open().execute("DELETE FROM opening WHERE seq >= ?", (since,))
            self._open().execute("PRAGMA wal_checkpoint(TRUNCATE)")  # on disk: other entries come in these places

    def payload(self, sha256: bytes) -> bytes | None:
        """Return a payload by its SHA-256; None if it is not here."""
        if not self.is_there:
            return None
        row = self._open().execute("SELECT data FROM bulk WHERE sha256 = ? LIMIT 1", (sha256,)).fetchone()
        return row[0] if row is not None else None

    def rounds(self, study: bytes) -> dict[int, int]:
        """Return by round how many bytes of payloads are here."""
        if not self.is_there:
            return {}
        rows = self._open().execute(
            "SELECT round, SUM(length(data)) FROM bulk WHERE study = ? GROUP BY round ORDER BY round", (study,)
        )
        return dict(rows)

    def studies(self) -> list[bytes]:
        """Return the studies of which anything is kept open."""
        if not self.is_there:
            return []
        return [study for (study,) in self._open().execute("SELECT DISTINCT study FROM opening ORDER BY study")]

    def openings(self, study: bytes) -> Iterator[tuple[int, int, str]]:
        """Yield round, entry and field of every opening that is here."""
        if self.is_there:
            yield from self._open().execute(
                "SELECT round, seq, name FROM opening WHERE study = ? ORDER BY seq, name", (study,)
            )

    def opening(self, seq: int, name: str) -> bytes | None:
        """Return salt and value of one commitment, 32 bytes and more; None if it is not here or does not open."""
        if not self.is_there:
            return None
        row = (
            self._open()
            .execute("SELECT sealed, study, round FROM opening WHERE seq = ? AND name = ?", (seq, name))
            .fetchone()
        )
        key = self._secret(make=False)
        if row is None or key is None:
            return None
        try:
            return AESGCM(key).decrypt(row[0][:_NONCE], row[0][_NONCE:], _place(row[1], row[2], seq, name))
        except InvalidTag:
            return None

    # ---------------------------------------------------------------- on disk

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            path = self._folder / NAME
            is_new = not path.exists()
            if is_new:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            db = sqlite3.connect(path, isolation_level=None, timeout=10.0)
            db.execute(f"PRAGMA page_size={PAGE}")
            db.execute("PRAGMA auto_vacuum=INCREMENTAL")
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            db.execute("PRAGMA secure_delete=ON")
            db.execute("PRAGMA trusted_schema=OFF")
            db.execute(f"PRAGMA max_page_count={max(64, self._most // PAGE)}")
            db.executescript(_SCHEMA)
            self._db = db
        return self._db

    def _seal(self, place: bytes, data: bytes) -> bytes:
        key = self._secret(make=True)
        assert key is not None
        nonce = os.urandom(_NONCE)
        return nonce + AESGCM(key).encrypt(nonce, data, place)

    def _secret(self, *, make: bool) -> bytes | None:
        if self._key is None:
            path = self._folder / KEY
            if make and not path.exists():
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                try:
                    os.write(descriptor, os.urandom(32))
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
                sync_folder(self._folder)
            self._key = path.read_bytes() if path.exists() else None
        return self._key

    def close(self) -> None:
        """Close the database."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _place(study: bytes, round: int, seq: int, name: str) -> bytes:
    """What an opening is bound to: none can be shown as another's, of another study or another entry of it."""
    return (
        b"landsting/v1/vault\0" + study + round.to_bytes(8, "big", signed=True) + seq.to_bytes(8, "big") + name.encode()
    )
