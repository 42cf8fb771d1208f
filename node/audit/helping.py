"""Signature checks shared among processes: chunks go to helpers as bytes, answers come back as bytes.

The process that hands out goes on with its own work and checks what the helpers leave, also in chunks: many
signatures one after the other take less than each between other work.
"""

from __future__ import annotations

import multiprocessing
import queue
import threading
from multiprocessing.connection import Connection
from typing import Protocol

import msgpack

from crypto.errors import CryptoError
from crypto.signing import verify

_CHUNK = 128
_AHEAD, _MOST = 3, 4  # chunks that a helper has before it, and that wait for one


class Target(Protocol):
    """What wants to know whether its signature holds."""

    valid: bool


_Task = tuple[bytes, bytes, bytes]
_Waiting = tuple[Target, _Task]


def holds(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature over the message is by this key."""
    try:
        verify(public, signature, message)
    except CryptoError:
        return False
    return True


class Crew:
    """This process and ``jobs`` - 1 helpers."""

    def __init__(self, jobs: int = 1) -> None:
        self._helpers = [_Helper() for _ in range(jobs - 1)]
        self._waiting: list[_Waiting] = []

    @property
    def has_help(self) -> bool:
        """Whether there is anybody else."""
        return bool(self._helpers)

    def take(self, target: Target, public: bytes, signature: bytes, message: bytes) -> None:
        """Take in one check; ``target.valid`` is set by the end of ``settle``."""
        self._waiting.append((target, (public, signature, message)))
        if len(self._waiting) >= _CHUNK and not self._hand_out() and len(self._waiting) >= _MOST * _CHUNK:
            self._check()

    def settle(self) -> None:
        """Finish what was taken in."""
        while self._waiting:
            self._hand_out()
            self._check()
        for helper in self._helpers:
            helper.collect(wait=True)

    def close(self) -> None:
        """Finish what was taken in and let the helpers go."""
        self.settle()
        for helper in self._helpers:
            helper.close()
        self._helpers = []

    def _hand_out(self) -> bool:
        """Give a chunk to the helper with the least to do; return whether one had room for it."""
        if not self._helpers:
            return False
        for helper in self._helpers:
            helper.collect()
        helper = min(self._helpers, key=lambda each: len(each.given))
        if len(helper.given) >= _AHEAD:
            return False
        helper.give(self._waiting[:_CHUNK])
        self._waiting = self._waiting[_CHUNK:]
        return True

    def _check(self) -> None:
        for target, task in self._waiting[:_CHUNK]:
            target.valid = holds(*task)
        self._waiting = self._waiting[_CHUNK:]


class _Helper:
    """One process that checks signatures in the order in which they are given."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._line, theirs = context.Pipe()
        self._process = context.Process(target=_help, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self.given: list[list[Target]] = []

    def give(self, tasks: list[_Waiting]) -> None:
        self.given.append([target for target, _ in tasks])
        self._line.send_bytes(msgpack.packb([task for _, task in tasks]))

    def collect(self, *, wait: bool = False) -> None:
        """Take in what is answered."""
        while self.given and (wait or self._line.poll()):
            for target, answer in zip(self.given.pop(0), self._line.recv_bytes(), strict=True):
                target.valid = bool(answer)

    def close(self) -> None:
        self._line.send_bytes(b"")
        self._process.join()
        self._line.close()


def _help(line: Connection) -> None:
    """Check what comes, until an empty message; what is next is read meanwhile."""
    tasks: queue.Queue[bytes] = queue.Queue()

    def listen() -> None:
        while chunk := line.recv_bytes():
            tasks.put(chunk)
        tasks.put(b"")

    threading.Thread(target=listen, daemon=True).start()
    while chunk := tasks.get():
        line.send_bytes(bytes(holds(*task) for task in msgpack.unpackb(chunk)))
