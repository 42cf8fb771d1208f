"""One region's link, whoever dials, and how much of what came over all of them nobody has read yet."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from node.links import memory
from node.links.dialler import Dialler
from node.links.listener import Connection, Listener
from node.links.transfer import Inbox, Outbox

# Bytes that an honest connection may hold unread: its receive queue of chunks, and the kernel's buffer.
UNREAD_BYTES = 64 * 2**20

# A silent link is taken for dead later than by the kernel's keep-alive: a busy process is not a dead machine.
SILENCES = 2.5


@dataclass(slots=True)
class Link:
    """A link to one region.

    Attributes:
        key: CURVE key by which the region is known.
        dialler: Our end, where we dial.
        connection: The accepted connection, where the region does.
        heard_ms: When anything came over it last.
    """

    region: str
    key: bytes
    inbox: Inbox
    dialler: Dialler | None = None
    connection: Connection | None = None
    outbox: Outbox = field(default_factory=Outbox)
    is_up: bool = False
    heard_ms: int = 0

    def silence_ms(self, listener: Listener | None) -> float:
        """How long nothing may come over it before it is taken for dead."""
        if self.dialler is not None:
            return SILENCES * self.dialler.times.silence
        return SILENCES * listener.times.silence if listener is not None else 0


def most_unread(listener: Listener | None, links: Collection[Link]) -> tuple[int, int, Connection | Dialler | None]:
    """Return the connection that holds most unread bytes: how many, its descriptor, and its end if it is known."""
    held: list[tuple[int, int, Connection | Dialler | None]] = []
    if listener is not None:
        listener.watch()
        for fd in listener.open_fds:
            connection = listener.by_fd(fd)
            held.append((_unread(fd, connection), fd, connection))
    held += [
        (_unread(link.dialler.fd, link.dialler), link.dialler.fd, link.dialler)
        for link in links
        if link.dialler is not None and link.dialler.fd is not None
    ]
    return max(held, key=lambda one: one[0], default=(0, -1, None))


def region_of(
    end: Connection | Dialler | None, links: Collection[Link], admitted_ms: Mapping[bytes, int]
) -> str | None:
    """Return whose connection it is; one that has brought no message is guessed, if only one region fits.

    Args:
        admitted_ms: CURVE keys that were let in.
    """
    if isinstance(end, Dialler):
        return end.region
    if end is not None:
        return next((link.region for link in links if link.key == end.key), None)
    silent = [link.region for link in links if link.dialler is None and not link.is_up and link.key in admitted_ms]
    return silent[0] if len(silent) == 1 else None


def _unread(fd: int | None, end: Connection | Dialler | None) -> int:
    received = memory.received_bytes(fd) if fd is not None else None
    return 0 if received is None else received - (end.delivered if end is not None else 0)
