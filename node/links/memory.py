"""The daemon's memory: how much it has grown, and which connection has brought what nobody could read yet.

libzmq shows nothing of a message before its last frame and has no limit on frames, so a member of the
roster could make a node hold one message without end. What the kernel has received on a connection, less
what was delivered from it, is what that connection holds.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_BYTES_RECEIVED = 128  # offset of tcpi_bytes_received in Linux' struct tcp_info


def resident_bytes() -> int:
    """Return the memory that this process occupies; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0


def received_bytes(fd: int) -> int | None:
    """Return the bytes that a TCP connection of this process has received; None if it cannot be told."""
    try:
        with _connection(fd) as connection:
            info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    except (OSError, AttributeError):
        return None
    return int(struct.unpack_from("Q", info, _BYTES_RECEIVED)[0]) if len(info) >= _BYTES_RECEIVED + 8 else None


def shut(fd: int) -> None:
    """End a TCP connection of this process; its owner sees that the other side is gone."""
    with contextlib.suppress(OSError), _connection(fd) as connection:
        connection.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def _connection(fd: int) -> Iterator[socket.socket]:
    """Give a socket of our own on a connection that libzmq owns; closing it leaves libzmq's open."""
    copy = os.dup(fd)
    try:
        connection = socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        raise
    with connection:
        yield connection


def give_back() -> None:
    """Return freed memory to the system, where the C library can."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


class Guard:
    """Tells when the process has grown beyond what it may.

    Attributes:
        limit_bytes: Growth allowed over the baseline.
        allowance_bytes: What a study needs beside it.
    """

    EVERY_MS = 250
    FAST_MS = 50
    GROWING = 16 * 2**20

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.allowance_bytes = 0
        self._baseline: int | None = None
        self._last = 0
        self._next_ms = 0

    def grown(self, now_ms: int) -> int | None:
        """Return the growth beyond limit and allowance if it is time to look, and there is some; else None."""
        if now_ms < self._next_ms:
            return None
        now = resident_bytes()
        if self._baseline is None:
            self._baseline = self._last = now
        self._next_ms = now_ms + (self.FAST_MS if now - self._last > self.GROWING else self.EVERY_MS)
        self._last = now
        over = now - self._baseline - self.limit_bytes - self.allowance_bytes
        return over if over > 0 else None

    def wake_ms(self) -> int:
        """When to look again."""
        return self._next_ms
