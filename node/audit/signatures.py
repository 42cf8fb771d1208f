"""Signatures, each distinct one checked once; with helpers, in several processes.

A message is checked as soon as it is read, with the key that its own log's first entry names; whether
that is the right key is asked later, and only where it is not is the message checked again. With
``jobs`` > 1 the checks go in chunks to helper processes while this one reads on; it takes what they
leave. Answers are there after ``settle``.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import queue
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from crypto.errors import CryptoError
from crypto.hashing import tagged
from crypto.note import open_note
from crypto.signing import verify
from node.audit.leaves import RawLog
from node.audit.statements import Statement

_CHUNK = 128
_AHEAD = 3
_Task = tuple[bytes, bytes, bytes]


class Signatures:
    """Checks signatures.

    Args:
        jobs: How many processes, this one among them.
        eager: Check each log's own messages while it is read.
    """

    def __init__(self, jobs: int = 1, *, eager: bool = True) -> None:
        self._known: dict[tuple[bytes, bytes, bytes], bool] = {}
        self._waiting: list[tuple[Statement, _Task]] = []
        self._helpers = [_Helper() for _ in range(jobs - 1)]
        self._eager = eager

    @property
    def valid(self) -> int:
        """How many distinct signatures of notes and cosigners were checked and hold."""
        return sum(self._known.values())

    def own(self, log: RawLog, statement: Statement) -> None:
        """Take in a message of the log that is being read."""
        first = log.genesis
        if not self._eager or first is None:
            return
        statement.key = first.body["keys"]["sign"]
        task = (statement.key, statement.signature, tagged(statement.type, statement.header))
        if not self._helpers:
            statement.valid = holds(*task)
            return
        self._waiting.append((statement, task))
        if len(self._waiting) >= _CHUNK:
            self._hand_out()

    def _hand_out(self) -> None:
        for helper in self._helpers:
            helper.collect()
        helper = min(self._helpers, key=lambda each: len(each.given))
        if len(helper.given) < _AHEAD:
            helper.give(self._waiting)
            self._waiting = []
        elif len(self._waiting) >= 4 * _CHUNK:
            mine, self._waiting = self._waiting[:_CHUNK], self._waiting[_CHUNK:]
            _check(mine)

    def settle(self) -> None:
        """Finish what was taken in; helpers are let go."""
        while self._waiting:
            self._hand_out()
            mine, self._waiting = self._waiting[:_CHUNK], self._waiting[_CHUNK:]
            _check(mine)
        for helper in self._helpers:
            helper.close()
        self._helpers = []

    def statement(self, statement: Statement, public: bytes) -> bool:
        """Whether a message is signed by this key."""
        if statement.key != public:
            if statement.key is None:
                statement.key = public
            statement.valid = holds(public, statement.signature, tagged(statement.type, statement.header))
        return statement.valid

    def note(self, note: bytes, name: str, public: bytes) -> bool:
        """Whether the note has a valid signature of this name and key."""
        key = (public, hashlib.sha256(note).digest(), name.encode())
        if key not in self._known:
            self._known[key] = _passes(lambda: open_note(note, name, public))
        return self._known[key]

    def plain(self, public: bytes, signature: bytes, message: bytes) -> bool:
        """Whether the signature over the message holds."""
        key = (public, hashlib.sha256(message).digest(), signature)
        if key not in self._known:
            self._known[key] = holds(public, signature, message)
        return self._known[key]


def holds(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature over the message is by this key."""
    try:
        verify(public, signature, message)
    except CryptoError:
        return False
    return True


def _passes(check: Callable[[], Any]) -> bool:
    try:
        check()
    except CryptoError:
        return False
    return True


def _check(tasks: list[tuple[Statement, _Task]]) -> None:
    for statement, task in tasks:
        statement.valid = holds(*task)


class _Helper:
    """One process that checks signatures in the order in which they are given."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._line, theirs = context.Pipe()
        self._process = context.Process(target=_help, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self.given: list[list[Statement]] = []

    def give(self, tasks: list[tuple[Statement, _Task]]) -> None:
        self.given.append([statement for statement, _ in tasks])
        self._line.send([task for _, task in tasks])

    def collect(self, *, wait: bool = False) -> None:
        """Take in what is answered."""
        while self.given and (wait or self._line.poll()):
            answers = self._line.recv_bytes()
            for statement, answer in zip(self.given.pop(0), answers, strict=True):
                statement.valid = bool(answer)

    def close(self) -> None:
        self.collect(wait=True)
        self._line.send(None)
        self._process.join()
        self._line.close()


def _help(line: Connection) -> None:
    """Check what comes; what is next is read meanwhile."""
    tasks: queue.Queue[list[_Task] | None] = queue.Queue()

    def listen() -> None:
        while True:
            chunk = line.recv()
            tasks.put(chunk)
            if chunk is None:
                return

    threading.Thread(target=listen, daemon=True).start()
    while (chunk := tasks.get()) is not None:
        line.send_bytes(bytes(holds(*task) for task in chunk))
