"""Signature checks shared among processes: chunks go to helpers as bytes, answers come back as bytes.

The process that hands out goes on with its own work meanwhile, on the assumption that every signature holds that was
taken in: ``settle`` says whether that was so. What the helpers have not got to by then, it checks itself.
Nothing is unpickled. Without helpers there is no assumption: signatures are checked in runs, since many one after
the other take less time than each between other work.
"""

from __future__ import annotations

import multiprocessing
import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Protocol

import msgpack

from crypto.errors import CryptoError
from crypto.hashing import tagged
from crypto.signing import verify

_CHUNK = 256
_AHEAD = 2  # chunks that a helper has before it: one in work, one to go on with
# Chunks that wait; beyond that this process checks, too. While a log is read more is taken in than a helper checks, and
# afterwards this process has long work of its own: what waited until then keeps the helper busy.
_MOST = 1024


class Target(Protocol):
    """What wants to know whether its signature holds."""

    valid: bool


_Task = tuple[bytes, bytes, bytes]
_Waiting = tuple[Target, bytes, bytes, bytes, str]
_Queue = queue.Queue[list[_Waiting] | None]
_Answers = list[tuple[list[Target], bytes]]


def holds(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature over the message is by this key."""
    try:
        verify(public, signature, message)
    except CryptoError:
        return False
    return True


def _checked(tasks: Iterable[_Task]) -> bytes:
    """Return one byte for each task: 1 where its signature holds."""
    return bytes(holds(*task) for task in tasks)


def _tasks(chunk: list[_Waiting]) -> Iterator[_Task]:
    """Yield key, signature and signed bytes; those of an envelope are put together only now."""
    for _, public, signature, message, type in chunk:
        yield public, signature, tagged(type, message) if type else message


def _answered(chunk: list[_Waiting], answers: bytes) -> tuple[list[Target], bytes]:
    return [waiting[0] for waiting in chunk], answers


class Crew:
    """This process and ``jobs`` - 1 helpers."""

    def __init__(self, jobs: int = 1) -> None:
        self._queue: _Queue = queue.Queue()
        self._answers: _Answers = []
        self._helpers = [_Helper(self._queue, self._answers) for _ in range(jobs - 1)]
        self._waiting: list[_Waiting] = []

    @property
    def has_help(self) -> bool:
        """Whether there is anybody else."""
        return bool(self._helpers)

    def take(self, target: Target, public: bytes, signature: bytes, message: bytes, type: str = "") -> None:
        """Take in one check; ``target.valid`` is right after ``settle``, and with helpers true until then.

        Args:
            message: What is signed; with ``type`` the header of an envelope of that type.
        """
        target.valid = bool(self._helpers)
        self._waiting.append((target, public, signature, message, type))
        if len(self._waiting) == _CHUNK:
            self._queue.put(self._waiting)
            self._waiting = []
            if not self._helpers or self._queue.qsize() > _MOST:
                self._check_next()

    def settle(self) -> bool:
        """Finish what was taken in; return whether every signature holds that was taken in since the last time."""
        if self._waiting:
            self._queue.put(self._waiting)
            self._waiting = []
        while self._check_next():
            pass
        self._queue.join()
        for targets, answers in self._answers:
            for target, answer in zip(targets, answers, strict=True):
                target.valid = bool(answer)
        all_hold = all(b"\0" not in answers for _, answers in self._answers)
        self._answers.clear()
        return all_hold

    def close(self) -> None:
        """Let the helpers go; what is asked for later is checked here."""
        self.settle()
        for _ in self._helpers:
            self._queue.put(None)
        for helper in self._helpers:
            helper.close()
        self._helpers = []

    def _check_next(self) -> bool:
        """Check one chunk here; return whether there was one."""
        try:
            chunk = self._queue.get_nowait()
        except queue.Empty:
            return False
        if chunk is not None:
            self._answers.append(_answered(chunk, _checked(_tasks(chunk))))
        self._queue.task_done()
        return True


class _Helper:
    """One process that checks signatures, and the thread that hands it chunks and takes its answers."""

    def __init__(self, chunks: _Queue, answers: _Answers) -> None:
        context = multiprocessing.get_context("spawn")
        self._line, theirs = context.Pipe()
        self._process = context.Process(target=_help, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self._chunks, self._answers = chunks, answers
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Wait for its end; a None among the chunks has told it."""
        self._thread.join()
        self._process.join()
        self._line.close()

    def _serve(self) -> None:
        given: deque[list[_Waiting]] = deque()
        while True:
            try:
                chunk = self._chunks.get(block=not given)
            except queue.Empty:
                self._collect(given.popleft())
                continue
            if chunk is None:
                break
            self._give(chunk)
            given.append(chunk)
            if len(given) == _AHEAD:
                self._collect(given.popleft())
        for chunk in given:
            self._collect(chunk)
        self._send(b"")
        self._chunks.task_done()

    def _give(self, chunk: list[_Waiting]) -> None:
        self._send(msgpack.packb(list(_tasks(chunk))))

    def _send(self, data: bytes) -> None:
        # Where the helper is gone, _collect checks here what it was given.
        with suppress(OSError):
            self._line.send_bytes(data)

    def _collect(self, chunk: list[_Waiting]) -> None:
        try:
            answers = self._line.recv_bytes()
        except (EOFError, OSError):
            answers = _checked(_tasks(chunk))
        self._answers.append(_answered(chunk, answers))
        self._chunks.task_done()


def _help(line: Connection) -> None:
    """Check what comes, until an empty message; what is next is read meanwhile."""
    tasks: queue.Queue[bytes] = queue.Queue()

    def listen() -> None:
        with suppress(EOFError):  # who asked is gone
            while chunk := line.recv_bytes():
                tasks.put(chunk)
        tasks.put(b"")

    threading.Thread(target=listen, daemon=True).start()
    while chunk := tasks.get():
        line.send_bytes(_checked(msgpack.unpackb(chunk)))
