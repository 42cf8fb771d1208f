"""One region that this node dials: a DEALER socket, made anew when it must be.

libzmq reconnects by itself after a loss, but never after it was denied, and never to a name that has got
another address. So: a denied or fruitless connection is closed and made anew after a pause, with the next
of the region's addresses, resolved again.
"""

from __future__ import annotations

import contextlib
import enum
import logging
import struct
from dataclasses import dataclass

import zmq

from crypto.keys import z85_encode
from node.config import Links, is_loopback, split_address
from node.links.resolving import Lookup

logger = logging.getLogger(__name__)

MAX_FRAMES = 3
MAX_FRAME = 4 * 2**20 + 64 * 1024
HIGH_WATER = 8
RECONNECT_MS = 200
PATIENCE_MS = 15_000  # without a handshake for so long: try the next address
CONNECT_MS = 5_000
HANDSHAKE_MS = 10_000


class Change(enum.Enum):
    """What a monitor tells."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Times:
    """Times of a link to one address, in milliseconds."""

    heartbeat: int
    silence: int
    retry_max: int


def times_for(links: Links, host: str) -> Times:
    """Return a link's times: short on loopback, longer elsewhere, unless they are set."""
    local = is_loopback(host)
    heartbeat = links.heartbeat_s or (2.0 if local else 5.0)
    silence = links.silence_s or (6.0 if local else 15.0)
    retry = links.retry_max_s or (1.0 if local else 30.0)
    return Times(int(heartbeat * 1000), int(silence * 1000), int(retry * 1000))


def configure(socket: zmq.Socket[bytes], times: Times, address: str) -> None:
    """Set what both kinds of sockets have in common.

    Whether the other machine is there is asked by the kernel (TCP keep-alive). libzmq's own heartbeats stay off: where
    a connection has gone with more on it than was read, the next beat ends this process (an assertion of libzmq 4.3,
    its issue 4767).
    """
    socket.linger = 0
    socket.ipv6 = "[" in address
    socket.sndhwm = socket.rcvhwm = HIGH_WATER
    socket.maxmsgsize = MAX_FRAME
    socket.heartbeat_ivl = 0
    beat_s = max(1, times.heartbeat // 1000)
    socket.tcp_keepalive = 1
    socket.tcp_keepalive_idle = socket.tcp_keepalive_intvl = beat_s
    socket.tcp_keepalive_cnt = max(1, times.silence // 1000 // beat_s)
    socket.handshake_ivl = HANDSHAKE_MS


def next_event(monitor: zmq.Socket[bytes]) -> tuple[int, int]:
    """Return what a monitor tells next, and its value; zmq.Again if there is nothing.

    Read here, since pyzmq's own reader imports asyncio.
    """
    event, value = struct.unpack("=Hi", monitor.recv_multipart(zmq.NOBLOCK)[0])
    return event, value


def receive(socket: zmq.Socket[bytes], most: int = MAX_FRAMES + 1) -> list[zmq.Frame]:
    """Return the next message, or so many of its first frames: a message may have millions.

    Raises:
        zmq.Again: There is none.
    """
    frames = [socket.recv(zmq.NOBLOCK, copy=False)]
    while frames[-1].more and len(frames) < most:
        frames.append(socket.recv(zmq.NOBLOCK, copy=False))
    return frames


class Dialler:
    """The dialling end of a link.

    Args:
        region: Who is dialled.
        addresses: Of its card, the best first; at least one.
        server_key: Its CURVE key.
        keys: Own CURVE keys, public and secret, as Z85.

    Attributes:
        socket: To be polled while it is there.
        is_up: Whether the handshake of the present connection is done.
        fd: Its descriptor, as long as it is connected.
        delivered: Bytes on the wire that were read from the present connection.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        poller: zmq.Poller,
        region: str,
        addresses: tuple[str, ...],
        server_key: bytes,
        keys: tuple[bytes, bytes],
        links: Links,
    ) -> None:
        self.region = region
        self.addresses = addresses
        self.server_key = server_key
        self.socket: zmq.Socket[bytes] | None = None
        self.monitor: zmq.Socket[bytes] | None = None
        self.is_up = False
        self.fd: int | None = None
        self.delivered = 0
        self._context = context
        self._poller = poller
        self._keys = keys
        self._links = links
        self._attempt = 0
        self._failures = 0
        self._lookup: Lookup | None = None
        self._next_ms = 0
        self._was_denied = False

    @property
    def _address(self) -> str:
        return self.addresses[self._attempt % len(self.addresses)]

    @property
    def times(self) -> Times:
        """Times for the address at hand."""
        return times_for(self._links, split_address(self._address)[0])

    def wake_ms(self) -> int | None:
        """When ``tick`` has something to do; None while the link is up."""
        return None if self.is_up else self._next_ms

    def tick(self, now_ms: int) -> None:
        """Resolve, connect, or give up on a connection that does not come about."""
        if self.is_up or now_ms < self._next_ms:
            return
        if self.socket is not None:
            self.reset(now_ms)
            return
        if self._lookup is None:
            self._lookup = Lookup(self._address)
            self._next_ms = now_ms + CONNECT_MS
        if self._lookup.address is not None:
            self._connect(self._lookup.address, now_ms)
        elif self._lookup.is_done:
            logger.warning("%s: the name in %s does not resolve", self.region, self._address)
            self.reset(now_ms)
        else:
            self._next_ms = now_ms + 100

    def _connect(self, address: str, now_ms: int) -> None:
        self._lookup = None
        socket = self._context.socket(zmq.DEALER)
        configure(socket, self.times, address)
        socket.immediate = True  # queue only on a connection that is there
        socket.reconnect_ivl = RECONNECT_MS
        socket.reconnect_ivl_max = self.times.retry_max
        socket.connect_timeout = CONNECT_MS
        socket.curve_serverkey = z85_encode(self.server_key).encode()
        socket.curve_publickey, socket.curve_secretkey = self._keys
        self.monitor = socket.get_monitor_socket(
            zmq.EVENT_CONNECTED
            | zmq.EVENT_DISCONNECTED
            | zmq.EVENT_HANDSHAKE_SUCCEEDED
            | zmq.EVENT_HANDSHAKE_FAILED_AUTH
            | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
            | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
        )
        self.socket = socket
        self._poller.register(socket, zmq.POLLIN)
        self._poller.register(self.monitor, zmq.POLLIN)
        socket.connect(address)
        self._next_ms = now_ms + PATIENCE_MS

    def changes(self, now_ms: int) -> list[Change]:
        """Return what has happened to the connection, in order."""
        out: list[Change] = []
        while self.monitor is not None:
            try:
                event, value = next_event(self.monitor)
            except zmq.Again:
                break
            match event:
                case zmq.EVENT_CONNECTED:
                    self.fd, self.delivered = value, 0
                case zmq.EVENT_HANDSHAKE_SUCCEEDED:
                    self.is_up, self._failures, self._was_denied = True, 0, False
                    out.append(Change.UP)
                case zmq.EVENT_HANDSHAKE_FAILED_AUTH:
                    if not self._was_denied:
                        logger.info("%s does not admit this region (yet): are we on its roster?", self.region)
                    self._was_denied = True
                    self.reset(now_ms)
                case zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
                    logger.debug("%s: handshake failed", self.region)
                case zmq.EVENT_DISCONNECTED:
                    self.fd = None
                    if self.is_up:
                        out.append(Change.DOWN)
                        self.is_up = False
                        self._next_ms = now_ms + PATIENCE_MS
        return out

    def reset(self, now_ms: int, pause_ms: int | None = None) -> None:
        """Close the connection; a new one comes after a pause that grows with each failure."""
        self.close()
        if pause_ms is None:
            pause_ms = min(RECONNECT_MS * 2 ** min(self._failures, 10), self.times.retry_max)
        self._failures += 1
        self._attempt += 1
        self._next_ms = now_ms + pause_ms

    def close(self) -> None:
        """Close the socket, without waiting for anything."""
        self.is_up, self.fd, self._lookup = False, None, None
        socket, monitor = self.socket, self.monitor
        self.socket = self.monitor = None
        if monitor is not None:
            with contextlib.suppress(KeyError):
                self._poller.unregister(monitor)
            monitor.close(linger=0)
        if socket is not None:
            with contextlib.suppress(KeyError):
                self._poller.unregister(socket)
            with contextlib.suppress(zmq.ZMQError):
                socket.disable_monitor()
            socket.close(linger=0)
