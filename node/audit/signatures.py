"""Signatures, each distinct one checked once; with helpers, in several processes.

A message is checked as soon as it is read, with the key that its own log's first entry names; whether
that is the right key is asked later, and only where it is not is the message checked again. What
neighbours signed of each other's logs can be asked for ahead, too. How the work is shared: ``helping``.

With helpers the checks of the audit go on while signatures are still being checked, as if all of them held. If
one does not, what was found on that assumption is worth nothing: ``settle`` says so, and the checks are run again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from crypto import mldsa
from crypto.errors import CryptoError
from crypto.hashing import tagged
from crypto.note import open_note
from node.audit.court import lattice
from node.audit.helping import Crew, holds
from node.audit.leaves import RawLog
from node.audit.statements import Statement


class DoubtError(Exception):
    """A question that cannot be answered while signatures are taken to hold that are still being checked."""


@dataclass(slots=True)
class _Answer:
    """Whether a signature holds, and whether anybody has asked."""

    valid: bool = False
    asked: bool = False


class Signatures:
    """Checks signatures.

    Args:
        jobs: How many processes, this one among them.
        eager: Check each log's own messages while it is read.
    """

    def __init__(self, jobs: int = 1, *, eager: bool = True) -> None:
        self._known: dict[bytes, _Answer] = {}
        self._crew = Crew(jobs)
        self._eager = eager
        self._is_settled = True

    @property
    def valid(self) -> int:
        """How many distinct signatures of notes and cosigners were asked for and hold."""
        return sum(answer.valid and answer.asked for answer in self._known.values())

    @property
    def has_help(self) -> bool:
        """Whether asking ahead saves time."""
        return self._crew.has_help

    def own(self, log: RawLog, statement: Statement) -> None:
        """Take in a message of the log that is being read; the answer is there after ``settle``."""
        if self._eager and log.signer is not None:
            self._is_settled = False
            statement.key = log.signer
            self._crew.take(statement, log.signer, statement.signature, statement.header, statement.type)

    def ahead(self, public: bytes, signature: bytes, message: bytes) -> bool:
        """Take in a signature that ``plain`` will be asked for; says nothing of it."""
        key = hashlib.sha256(public + signature + message).digest()
        if key not in self._known:
            self._is_settled = False
            self._known[key] = answer = _Answer()
            self._crew.take(answer, public, signature, message)
        return True

    def settle(self) -> bool:
        """Finish what was taken in; return whether all of it holds."""
        self._is_settled = True
        return self._crew.settle()

    def forget(self) -> None:
        """Forget what was asked for, not what is known."""
        for answer in self._known.values():
            answer.asked = False

    def close(self) -> None:
        """Let the helpers go; what is asked for later is checked here."""
        self._crew.close()

    def statement(self, statement: Statement, public: bytes) -> bool:
        """Whether a message is signed by this key.

        Raises:
            DoubtError: It is taken to hold under another key, and nobody knows yet.
        """
        if statement.key != public:
            if statement.key is not None and not self._is_settled:
                raise DoubtError
            statement.key = public
            statement.valid = holds(public, statement.signature, tagged(statement.type, statement.header))
        return statement.valid

    def note(self, note: bytes, name: str, public: bytes) -> bool:
        """Whether the note has a valid signature of this name and key."""
        return self._once(
            hashlib.sha256(public + name.encode() + b"\n" + note).digest(),
            lambda: _passes(lambda: open_note(note, name, public)),
        )

    def plain(self, public: bytes, signature: bytes, message: bytes) -> bool:
        """Whether the signature over the message holds."""
        key = hashlib.sha256(public + signature + message).digest()
        return self._once(key, lambda: holds(public, signature, message))

    def release(self, public: bytes, signature: bytes, message: bytes) -> bool:
        """Whether a release key's signature over the message holds."""
        key = hashlib.sha256(public + signature + message).digest()
        # A library without ML-DSA is no reason to leave it open: the verification for a court needs none.
        check = mldsa.verify if mldsa.is_available() else lattice.verify
        return self._once(key, lambda: _passes(lambda: check(public, signature, message)))

    def _once(self, key: bytes, check: Callable[[], bool]) -> bool:
        answer = self._known.get(key)
        if answer is None:
            answer = self._known[key] = _Answer(check())
        answer.asked = True
        return answer.valid


def _passes(check: Callable[[], Any]) -> bool:
    try:
        check()
    except CryptoError:
        return False
    return True
