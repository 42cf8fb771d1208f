"""The daemon's side of the control socket: requests in, answers out, never blocking, all bounded."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import zmq

from node.control import MAX_LINE, SOCKET, from_json, socket_path, to_json

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 32
IDLE_MS = 30_000


@dataclass(frozen=True, slots=True)
class Request:
    """What an operator asks; answered with the same ticket."""

    ticket: int
    op: str
    args: dict[str, object]


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    since_ms: int
    incoming: bytearray = field(default_factory=bytearray)
    outgoing: memoryview = field(default_factory=lambda: memoryview(b""))
    ticket: int | None = None
    is_answered: bool = False


class ControlSocket:
    """Listens on ``control.sock``; only the owner of the home can connect.

    Args:
        home: The home, whose lock the caller holds.
        poller: Its sockets are registered here.
    """

    def __init__(self, home: Path, poller: zmq.Poller) -> None:
        self._path = home / SOCKET
        self._poller = poller
        self._tickets = itertools.count(1)
        self._connections: dict[int, _Connection] = {}
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()  # of an earlier run: the lock says that nobody uses it
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.setblocking(False)
        before = os.umask(0o177)
        try:
            with socket_path(home) as path:
                self._listener.bind(path)
        finally:
            os.umask(before)
        assert stat.S_IMODE(self._path.stat().st_mode) == 0o600
        self._listener.listen(MAX_CONNECTIONS)
        poller.register(self._listener.fileno(), zmq.POLLIN)

    def requests(self, ready: dict[object, int], now_ms: int) -> Iterator[Request]:
        """Yield what was asked, given what the poller found ready."""
        if self._listener.fileno() in ready:
            self._accept(now_ms)
        for fd, connection in list(self._connections.items()):
            if fd in ready:
                yield from self._serve(fd, connection)
            elif connection.ticket is None and now_ms - connection.since_ms > IDLE_MS:
                self._drop(fd)

    def reply(self, ticket: int, result: dict[str, object] | None, error: dict[str, str] | None) -> None:
        """Answer a request; who asked may have gone, then nothing happens."""
        for fd, connection in self._connections.items():
            if connection.ticket == ticket:
                value = {"result": to_json(result)} if error is None else {"error": error}
                line = json.dumps(value, separators=(",", ":")).encode() + b"\n"
                connection.outgoing, connection.is_answered = memoryview(line), True
                self._write(fd, connection)
                return

    def close(self) -> None:
        """Stop listening; the socket's file goes."""
        for fd in list(self._connections):
            self._drop(fd)
        self._poller.unregister(self._listener.fileno())
        self._listener.close()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()

    def _accept(self, now_ms: int) -> None:
        with contextlib.suppress(OSError):  # nobody waits, or there are no descriptors: later, then
            while True:
                accepted, _ = self._listener.accept()
                if len(self._connections) >= MAX_CONNECTIONS:
                    accepted.close()
                    continue
                accepted.setblocking(False)
                self._connections[accepted.fileno()] = _Connection(accepted, now_ms)
                self._poller.register(accepted.fileno(), zmq.POLLIN)

    def _serve(self, fd: int, connection: _Connection) -> Iterator[Request]:
        if connection.is_answered:
            self._write(fd, connection)
            return
        try:
            part = connection.socket.recv(2**16)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        connection.incoming += part
        if not part or connection.ticket is not None or len(connection.incoming) > MAX_LINE:
            self._drop(fd)  # gone, or says more than one line, or too long a line
            return
        if not connection.incoming.endswith(b"\n"):
            return
        try:
            value = json.loads(connection.incoming)
            op, args = value["op"], value["args"]
            if not isinstance(op, str) or not isinstance(args, dict):
                raise ValueError
            args = {key: from_json(one) for key, one in args.items()}
        except (ValueError, KeyError, TypeError, RecursionError):
            logger.warning("a request on the control socket was not one line of JSON")
            self._drop(fd)
            return
        connection.ticket = next(self._tickets)
        connection.incoming.clear()
        yield Request(connection.ticket, op, args)

    def _write(self, fd: int, connection: _Connection) -> None:
        try:
            while connection.outgoing:
                sent = connection.socket.send(connection.outgoing)
                connection.outgoing = connection.outgoing[sent:]
        except BlockingIOError:
            self._poller.modify(fd, zmq.POLLOUT)
            return
        except OSError:
            pass
        self._drop(fd)

    def _drop(self, fd: int) -> None:
        connection = self._connections.pop(fd, None)
        if connection is not None:
            self._poller.unregister(fd)
            connection.socket.close()
