"""Where this node listens: one ROUTER socket for all regions that dial it.

A connection is known by its key (User-Id, set by ``node.links.admission``) and by the route that libzmq gives it. Which
connection has gone is known by its descriptor: the monitor names it, and so does each message.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections import deque
from dataclasses import dataclass

import zmq

from crypto.errors import CryptoError
from crypto.keys import z85_decode
from node.config import Links, check_bind, split_address
from node.errors import ConfigError
from node.links import memory
from node.links.admission import DOMAIN
from node.links.dialler import MAX_FRAMES, configure, next_event, receive, times_for

logger = logging.getLogger(__name__)

MAX_SILENT = 128
WATCHED = 256  # what the monitor tells, before others have their turn: a stranger decides how much that is
PASSED_OVER = 10_000  # frames of a message that nobody wants, likewise


@dataclass(slots=True)
class Connection:
    """One accepted connection that has brought a message.

    Attributes:
        route: libzmq's name for it.
        key: CURVE key of the region.
        fd: Its descriptor; None where libzmq does not say.
        delivered: Bytes on the wire that were read from it.
        is_retired: Another has taken its place, or it is being closed: what still comes is passed over.
    """

    route: bytes
    key: bytes
    fd: int | None
    delivered: int = 0
    is_retired: bool = False


class Listener:
    """The bound socket.

    Attributes:
        socket, monitor: To be polled.
        address: Where it listens, with the port that was taken.
        open_fds: Descriptors of all accepted connections, heard or not; the oldest first.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        poller: zmq.Poller,
        address: str,
        keys: tuple[bytes, bytes],
        links: Links,
    ) -> None:
        """Bind.

        Raises:
            ConfigError: The address is none, or in use.
        """
        check_bind(address, "the address to listen on")
        self._poller = poller
        self.times = times_for(links, split_address(address)[0])
        self.open_fds: dict[int, None] = {}
        self._shut: set[int] = set()  # of these, those that the monitor has still to tell gone
        self._connections: dict[bytes, Connection] = {}
        self._dead: deque[bytes] = deque(maxlen=256)
        self._gone: list[Connection] = []
        self._has_rest = False
        self.socket = context.socket(zmq.ROUTER)
        configure(self.socket, self.times, address)
        self.socket.curve_server = True
        self.socket.curve_publickey, self.socket.curve_secretkey = keys
        self.socket.zap_domain = DOMAIN
        self.socket.router_mandatory = True
        self.monitor = self.socket.get_monitor_socket(zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
        try:
            self.socket.bind(address.replace(":0", ":*") if address.endswith(":0") else address)
        except zmq.ZMQError as error:
            self._close_sockets()
            raise ConfigError(
                f"{address} cannot be bound ({error.strerror})",
                "a free port on an address of this machine",
                "stop the other program that uses it, or choose another bind in home.toml",
                code="PORT",
            ) from error
        self.address = bytes(self.socket.getsockopt(zmq.LAST_ENDPOINT)).rstrip(b"\0").decode()
        poller.register(self.socket, zmq.POLLIN)
        poller.register(self.monitor, zmq.POLLIN)

    @property
    def port(self) -> int:
        """The port that was taken."""
        return split_address(self.address)[1]

    def watch(self, most: int | None = WATCHED) -> None:
        """Take in what the monitor tells, or so many events of it; closed connections go to ``gone``."""
        with contextlib.suppress(zmq.Again):
            for _ in itertools.count() if most is None else range(most):
                event, value = next_event(self.monitor)
                self._shut.discard(value)
                match event:
                    case zmq.EVENT_ACCEPTED:
                        self.open_fds[value] = None
                    case zmq.EVENT_DISCONNECTED:
                        self.open_fds.pop(value, None)
                        for connection in [one for one in self._connections.values() if one.fd == value]:
                            del self._connections[connection.route]
                            self._dead.append(connection.route)
                            self._gone.append(connection)
        self._bound_strangers()

    def _bound_strangers(self) -> None:
        """Close the oldest connections that have said nothing, if there are too many: a port is open to anybody."""
        if len(self.open_fds) - len(self._connections) - len(self._shut) <= MAX_SILENT:
            return
        known = {one.fd for one in self._connections.values()} | self._shut
        for fd in [one for one in self.open_fds if one not in known][:-MAX_SILENT]:
            memory.shut(fd)
            self._shut.add(fd)

    def gone(self) -> list[Connection]:
        """Return the connections that were closed since the last call."""
        gone, self._gone = self._gone, []
        return gone

    def receive(self) -> tuple[Connection, list[zmq.Frame]] | None:
        """Return the next message (see ``dialler.receive``), without its route; None if there is none.

        What a closed connection had still brought is dropped, and so is a message without a key.
        """
        while True:
            try:
                if not self._is_at_a_message():
                    return None
                route, *frames = receive(self.socket, 1 + MAX_FRAMES + 1)
            except zmq.Again:
                return None
            self._has_rest = frames[-1].more
            connection = self._connections.get(route.bytes)
            if connection is None and route.bytes not in self._dead:
                # What the monitor has to say of an earlier connection with this descriptor was said before
                # this message came: hear it first, or this connection would be taken for closed.
                self.watch(None)
                connection = _connection(route.bytes, frames)
                if connection is not None and (connection.fd is None or connection.fd in self.open_fds):
                    self._connections[connection.route] = connection
                else:
                    self._dead.append(route.bytes)
                    connection = None
            if connection is not None:
                return connection, frames

    def _is_at_a_message(self) -> bool:
        """Pass over the rest of a message too long to be ours, or so much of it; whether the next one begins here."""
        for _ in range(PASSED_OVER):
            if not self._has_rest:
                break
            self._has_rest = self.socket.recv(zmq.NOBLOCK, copy=False).more
        return not self._has_rest

    def by_fd(self, fd: int) -> Connection | None:
        """Return the connection with a descriptor, if it has brought a message."""
        return next((one for one in self._connections.values() if one.fd == fd), None)

    def shut(self, connection: Connection) -> None:
        """Close one connection; nothing of it is heard any more."""
        connection.is_retired = True
        if connection.fd is not None and connection.fd in self.open_fds:
            memory.shut(connection.fd)

    def close(self) -> None:
        """Close the socket, without waiting for anything."""
        for socket in (self.socket, self.monitor):
            with contextlib.suppress(KeyError):
                self._poller.unregister(socket)
        self._close_sockets()

    def _close_sockets(self) -> None:
        self.monitor.close(linger=0)
        with contextlib.suppress(zmq.ZMQError):
            self.socket.disable_monitor()
        self.socket.close(linger=0)


def _connection(route: bytes, frames: list[zmq.Frame]) -> Connection | None:
    try:
        key = z85_decode(str(frames[0].get("User-Id")))
    except (zmq.ZMQError, CryptoError, IndexError):
        return None
    try:
        # Deprecated in libzmq's manual, set in every 4.x: the only way from a message to its connection.
        fd: int | None = int(frames[0].get(zmq.SRCFD))
    except zmq.ZMQError:
        fd = None
    return Connection(route, key, fd)
