"""Links to the regions of the roster: envelopes and payloads over ZeroMQ with CURVE, in the caller's loop.

Rules kept here, and nowhere else:
  * one link to each region: of a pair the smaller name dials if the other has an address, else the other;
  * a link speaks for the region whose CURVE key it has; keys that are not on the roster do not get in;
  * a message has two frames (header, signature) or three (eid, offset, chunk); any other closes the link;
  * a chunk counts only for an admitted header, at exactly the next offset; bytes under way are bounded;
  * a link is down when its connection closes, or when nothing at all came over it for too long;
  * memory that nobody can account for closes the connection that holds it.

What is said over a link is ``gossip.peer``'s business. Measures and limits: README.md.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace

import zmq

from crypto.keys import PrivateKeys, z85_encode
from gossip.effects import Send
from gossip.events import Arrived, Event, LinkDown, LinkUp, Payload, PayloadFailed
from node.config import Limits, Links
from node.links import memory
from node.links.admission import Admission
from node.links.dialler import Change, Dialler, receive
from node.links.link import UNREAD_BYTES, Link, most_unread, region_of
from node.links.listener import Connection, Listener
from node.links.transfer import MAX_CHUNK, MAX_HEADER, Buffer, Inbox, wire_bytes
from protocol.roster import Card, Roster

logger = logging.getLogger(__name__)

PASS = 64  # messages read from one socket before the others have their turn
RETRY_MS = 2  # a socket that was full is tried again
CLOSED_MS = 5_000
MUTED_MS = 60_000
COMPLAIN_MS = 600_000
MIB = 2**20


class Transport:
    """All links of one region.

    Args:
        name: Own region.
        keys: Own keys; of them only ``curve`` is used.
        poller: Sockets are registered here; what it finds ready goes into ``events``.

    Attributes:
        sent, received: Bytes on the wire.
        guard: Watches the process's memory.
    """

    def __init__(
        self,
        name: str,
        keys: PrivateKeys,
        poller: zmq.Poller,
        *,
        links: Links | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.name = name
        self.sent = 0
        self.received = 0
        self.limits = limits or Limits()
        self.guard = memory.Guard(self.limits.memory_mib * MIB)
        self._times = links or Links()
        self._poller = poller
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context(io_threads=1)
        self._context.max_sockets = 4096
        self._curve = (z85_encode(keys.curve_public).encode(), z85_encode(keys.curve).encode())
        self._admission = Admission(self._context)
        poller.register(self._admission.socket, zmq.POLLIN)
        self._listener: Listener | None = None
        self._links: dict[str, Link] = {}
        self._by_key: dict[bytes, Link] = {}
        self._waiting: list[Event] = []  # dated when they are handed out
        self._is_full = False
        self._complain_ms = 0

    # ---------------------------------------------------------------- who there is

    def bind(self, address: str) -> int:
        """Listen; returns the port that was taken (``tcp://127.0.0.1:0`` takes any).

        Raises:
            ConfigError: The address is in use, or none of this machine.
        """
        self._listener = Listener(self._context, self._poller, address, self._curve, self._times)
        return self._listener.port

    @property
    def address(self) -> str | None:
        """Where this node listens."""
        return self._listener.address if self._listener is not None else None

    def set_roster(self, roster: Roster, own: Card) -> None:
        """Dial and admit exactly the regions of a roster from now on.

        Args:
            own: Own card, where the roster has none. The roster's goes first: others go by that one too.
        """
        own = next((card for card in roster.cards if card.name == self.name), own)
        wanted = {card.name: card for card in roster.cards if card.name != self.name}
        for name, link in list(self._links.items()):
            card = wanted.get(name)
            addresses = link.dialler.addresses if link.dialler is not None else ()
            if card is None or card.keys.curve != link.key or addresses != self._dialled(card, own):
                self._remove(link)
        for name, card in wanted.items():
            if name not in self._links:
                self._add(card, self._dialled(card, own))
        self._admission.allow({link.key for link in self._links.values() if link.dialler is None})

    def _dialled(self, card: Card, own: Card) -> tuple[str, ...]:
        """Return the addresses that this node dials a region at; none if that region dials, or neither can."""
        mine = bool(card.addresses) if self.name < card.name else not own.addresses
        return card.addresses if mine else ()

    def _add(self, card: Card, addresses: tuple[str, ...]) -> None:
        link = Link(card.name, card.keys.curve, Inbox(self.limits.in_flight_mib * MIB))
        if addresses:
            link.dialler = Dialler(
                self._context, self._poller, card.name, addresses, link.key, self._curve, self._times
            )
        self._links[card.name] = self._by_key[link.key] = link

    def _remove(self, link: Link) -> None:
        self._down(link)
        if link.dialler is not None:
            link.dialler.close()
        if link.connection is not None and self._listener is not None:
            self._listener.shut(link.connection)
        del self._links[link.region], self._by_key[link.key]

    # ---------------------------------------------------------------- what comes

    def wake_ms(self, now_ms: int) -> int:
        """When ``events`` wants to be called again, whether or not a socket is ready."""
        if self._waiting:
            return now_ms
        wake = self.guard.wake_ms()
        if self._is_full:
            wake = min(wake, now_ms + RETRY_MS)
        for link in self._links.values():
            if link.dialler is not None:
                at = link.dialler.wake_ms()
                wake = wake if at is None else min(wake, at)
        return max(wake, now_ms)

    def events(self, ready: dict[object, int], now_ms: int) -> Iterator[Event]:
        """Yield what has happened, one by one: carry out each one's effects before the next is asked for.

        Args:
            ready: What the poller found ready.
            now_ms: Put into every event.
        """
        self._admission.answer(now_ms)
        self._look(now_ms)
        yield from self._take_waiting(now_ms)
        listener = self._listener
        if listener is not None:
            listener.watch()
            self._take_gone(listener)
            yield from self._take_waiting(now_ms)
            if listener.socket in ready:
                yield from self._read_listener(listener, now_ms)
        for link in list(self._links.values()):
            if link.dialler is None:
                continue
            self._take_changes(link, now_ms)
            yield from self._take_waiting(now_ms)
            if link.dialler.socket is not None and link.dialler.socket in ready:
                yield from self._read_dialler(link, now_ms)
        self._pump()
        for link in self._links.values():  # after what has come was read: this process may have slept
            if link.is_up and now_ms - link.heard_ms > link.silence_ms(listener):
                self.close_link(link.region, "nothing came over it for too long", now_ms, pause_ms=0)
        yield from self._take_waiting(now_ms)

    def _take_waiting(self, now_ms: int) -> Iterator[Event]:
        while self._waiting:
            yield replace(self._waiting.pop(0), now_ms=now_ms)

    def _look(self, now_ms: int) -> None:
        """Dial, watch the memory."""
        for link in self._links.values():
            if link.dialler is not None:
                link.dialler.tick(now_ms)
        over = self.guard.grown(now_ms)
        if over is not None:
            self._relieve(over, now_ms)

    def _take_gone(self, listener: Listener) -> None:
        for connection in listener.gone():
            link = self._by_key.get(connection.key)
            if link is not None and link.connection is connection:
                link.connection = None
                self._down(link)

    def _take_changes(self, link: Link, now_ms: int) -> None:
        assert link.dialler is not None
        for change in link.dialler.changes(now_ms):
            if change is Change.UP:
                self._up(link, now_ms)
            else:
                self._down(link)

    def _up(self, link: Link, now_ms: int) -> None:
        self._down(link)
        link.is_up, link.heard_ms = True, now_ms
        logger.info("link to %s is up", link.region)
        self._waiting.append(LinkUp(0, link.region))

    def _down(self, link: Link) -> None:
        link.outbox.clear()
        link.inbox.clear()
        if link.is_up:
            link.is_up = False
            logger.info("link to %s is down", link.region)
            self._waiting.append(LinkDown(0, link.region))

    def _read_listener(self, listener: Listener, now_ms: int) -> Iterator[Event]:
        for _ in range(PASS):
            message = listener.receive()
            if message is None:
                return
            connection, frames = message
            self._take_gone(listener)
            self._count(connection, frames)
            link = self._by_key.get(connection.key)
            if link is None or link.dialler is not None or connection.is_retired:
                continue
            if not self._admission.is_admitted(connection.key, now_ms):
                listener.shut(connection)
                continue
            if link.connection is not connection:
                if link.connection is not None:
                    listener.shut(link.connection)  # one link a region: the newest connection is the living one
                link.connection = connection
                self._up(link, now_ms)
            yield from self._take_waiting(now_ms)
            yield from self._message(link, frames, now_ms)

    def _read_dialler(self, link: Link, now_ms: int) -> Iterator[Event]:
        dialler = link.dialler
        assert dialler is not None
        for _ in range(PASS):
            if dialler.socket is None:
                return
            try:
                frames = receive(dialler.socket)
            except zmq.Again:
                return
            if not link.is_up:  # of a connection that the monitor has not told yet, or that is gone
                self._take_changes(link, now_ms)
                yield from self._take_waiting(now_ms)
            self._count(dialler, frames)
            if link.is_up:
                yield from self._message(link, frames, now_ms)

    def _count(self, end: Connection | Dialler, frames: Sequence[zmq.Frame]) -> None:
        size = sum(wire_bytes(len(frame)) for frame in frames)
        end.delivered += size
        self.received += size

    def _message(self, link: Link, frames: Sequence[zmq.Frame], now_ms: int) -> Iterator[Event]:
        link.heard_ms = now_ms
        sizes = [len(frame) for frame in frames]
        match sizes:
            case [header, 64] if 0 < header <= MAX_HEADER:
                yield Arrived(now_ms, link.region, frames[0].bytes, frames[1].bytes)
            case [32, 8, chunk] if 0 < chunk <= MAX_CHUNK:
                eid, offset = frames[0].bytes, int.from_bytes(frames[1].bytes, "big")
                done = link.inbox.chunk(eid, offset, frames[2].buffer)
                if isinstance(done, str):
                    yield PayloadFailed(now_ms, link.region, eid, done)
                elif done is not None:
                    yield Payload(now_ms, link.region, eid, done)
            case _:
                self.close_link(link.region, f"a message that begins with frames of {sizes[:4]} bytes", now_ms)
                yield from self._take_waiting(now_ms)

    # ---------------------------------------------------------------- what goes

    def send(self, send: Send, now_ms: int) -> None:
        """Send an envelope; lost silently if the link is down."""
        link = self._links.get(send.link)
        if link is None or not link.is_up:
            return
        if not link.outbox.put(send.header, send.signature, send.payload, send.eid):
            self.close_link(send.link, "it takes nothing, and too much waits for it", now_ms)
            return
        if not self._pump_link(link):
            self._is_full = True

    def admit(self, link_name: str, eid: bytes, size: int, sha256: bytes, now_ms: int) -> None:
        """Take chunks for a header from a link; ``PayloadFailed`` follows if that is too much."""
        link = self._links.get(link_name)
        if link is None or not link.is_up:
            return
        problem = link.inbox.admit(eid, size, sha256)
        if problem is not None:
            self._waiting.append(PayloadFailed(now_ms, link_name, eid, problem))

    def _pump(self) -> None:
        self._is_full = False
        for link in self._links.values():
            if link.is_up and len(link.outbox) and not self._pump_link(link):
                self._is_full = True

    def _pump_link(self, link: Link) -> bool:
        """Send what waits on a link; False if it takes no more now."""
        dialler, connection, listener = link.dialler, link.connection, self._listener
        try:
            if dialler is not None and dialler.socket is not None:
                socket = dialler.socket
                return link.outbox.pump(lambda frames: self._post(socket, None, frames))
            if connection is not None and listener is not None:
                return link.outbox.pump(lambda frames: self._post(listener.socket, connection.route, frames))
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            assert connection is not None
            connection.is_retired = True
            link.connection = None
            self._down(link)
        return True

    def _post(
        self, socket: zmq.Socket[bytes], route: bytes | None, frames: Sequence[Buffer]
    ) -> zmq.MessageTracker | None:
        try:
            if route is not None:
                socket.send(route, zmq.NOBLOCK | zmq.SNDMORE)
            for frame in frames[:-1]:
                socket.send(frame, zmq.NOBLOCK | zmq.SNDMORE)
            tracker = socket.send(frames[-1], zmq.NOBLOCK, copy=False, track=True)
        except zmq.Again:
            return None
        self.sent += sum(wire_bytes(len(frame)) for frame in frames)
        return tracker

    # ---------------------------------------------------------------- what is closed

    def close_link(self, region: str, reason: str, now_ms: int, *, pause_ms: int = CLOSED_MS) -> None:
        """Close a link; it may come again after a pause."""
        link = self._links.get(region)
        if link is None:
            return
        logger.warning("link to %s is closed: %s", region, reason)
        if link.dialler is not None:
            link.dialler.reset(now_ms, pause_ms)
        elif link.connection is not None and self._listener is not None:
            if pause_ms:
                self._admission.mute(link.key, now_ms + pause_ms)
            self._listener.shut(link.connection)
            link.connection = None
        self._down(link)

    def _relieve(self, over: int, now_ms: int) -> None:
        """Close the connection that holds most of what nobody can read yet."""
        unread, fd, end = most_unread(self._listener, self._links.values())
        if unread <= UNREAD_BYTES:
            if now_ms >= self._complain_ms:
                self._complain_ms = now_ms + COMPLAIN_MS
                logger.warning("%d MiB more memory than expected, but no link holds it", over // MIB)
            return
        region = region_of(end, self._links.values(), self._admission.admitted_ms)
        logger.warning(
            "a connection of %s holds %d MiB of an unfinished message; it is closed for a minute",
            region or "a region that has said nothing else",
            unread // MIB,
        )
        if isinstance(end, Dialler):
            self.close_link(end.region, "it holds too much memory", now_ms, pause_ms=MUTED_MS)
        else:
            memory.shut(fd)
            if region is not None:
                self._admission.mute(self._links[region].key, now_ms + MUTED_MS)
        memory.give_back()

    def close(self) -> None:
        """Close everything, without waiting for what is on its way."""
        if self._context.closed:
            return
        for link in self._links.values():
            if link.dialler is not None:
                link.dialler.close()
        if self._listener is not None:
            self._listener.close()
        self._poller.unregister(self._admission.socket)
        self._admission.close()
        self._context.destroy(linger=0)
