"""What goes over one link: headers first, payloads in chunks, both ways, all bounded.

A header and its signature are one message of two frames. A payload follows as messages of three frames,
``eid``, ``offset`` (u64, big-endian), ``chunk``, in order. Headers overtake the chunks of payloads that are under
way, so that a slow line does not silence a region; a payload's own header always goes before it.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import zmq
from numpy.typing import NDArray

Buffer = bytes | memoryview
Post = Callable[[Sequence[Buffer]], "zmq.MessageTracker | None"]

CHUNK = 2 * 2**20
MAX_CHUNK = 4 * 2**20
MAX_HEADER = 16 * 1024
MAX_QUEUED = 4096
# Chunks handed to libzmq and not yet on their way: enough to keep it busy, few enough that a header
# that comes later does not wait long.
UNDER_WAY = 3


def wire_bytes(frame: int) -> int:
    """Return what a frame takes on the wire: a CURVE message in ZMTP framing."""
    return frame + 33 + (2 if frame + 33 < 256 else 9)


class Outbox:
    """What waits to be sent over one link."""

    def __init__(self) -> None:
        self._headers: deque[tuple[Buffer, Buffer]] = deque()
        self._payloads: deque[tuple[bytes, memoryview, int]] = deque()
        self._queued: set[bytes] = set()
        self._under_way: deque[zmq.MessageTracker] = deque()

    def __len__(self) -> int:
        return len(self._headers) + len(self._payloads)

    def put(self, header: Buffer, signature: Buffer, payload: Buffer | None, eid: bytes) -> bool:
        """Queue an envelope; False if too much waits already. One whose payload waits is not queued twice."""
        if eid in self._queued:
            return True
        if len(self) >= MAX_QUEUED:
            return False
        self._headers.append((header, signature))
        if payload is not None and len(payload):
            self._payloads.append((eid, memoryview(payload).cast("B"), 0))
            self._queued.add(eid)
        return True

    def pump(self, post: Post) -> bool:
        """Send what can be sent now; whether all is sent.

        Args:
            post: Sends one message without copying, or returns None if the link takes none now.
        """
        while self._headers:
            if post(self._headers[0]) is None:
                return False
            self._headers.popleft()
        while self._payloads:
            while self._under_way and self._under_way[0].done:
                self._under_way.popleft()
            if len(self._under_way) >= UNDER_WAY:
                return False
            eid, payload, offset = self._payloads[0]
            chunk = payload[offset : offset + CHUNK]
            tracker = post((eid, offset.to_bytes(8, "big"), chunk))
            if tracker is None:
                return False
            self._under_way.append(tracker)
            if offset + len(chunk) == len(payload):
                self._payloads.popleft()
                self._queued.discard(eid)
            else:
                self._payloads[0] = (eid, payload, offset + len(chunk))
        return True

    def clear(self) -> None:
        """Forget all: the link is down."""
        self._headers.clear()
        self._payloads.clear()
        self._queued.clear()
        self._under_way.clear()


@dataclass(slots=True)
class _Transfer:
    size: int
    sha256: bytes
    # Not zeroed: pages of a payload that never comes are never touched.
    data: NDArray[np.uint8]
    got: int = 0
    hash: hashlib._Hash = field(default_factory=hashlib.sha256)


class Inbox:
    """Payloads that come over one link: only of admitted headers, in order, within their size.

    Args:
        max_bytes: Largest sum of the sizes of payloads under way.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._transfers: dict[bytes, _Transfer] = {}

    @property
    def admitted_bytes(self) -> int:
        """Sum of the sizes of payloads under way."""
        return sum(one.size for one in self._transfers.values())

    def admit(self, eid: bytes, size: int, sha256: bytes) -> str | None:
        """Take chunks for this header from now on; returns why not, if not.

        A header that was admitted and is still under way stays where it is.
        """
        if eid in self._transfers:
            return None
        if self.admitted_bytes + size > self._max_bytes:
            return f"{size} bytes beside {self.admitted_bytes} under way; at most {self._max_bytes}"
        self._transfers[eid] = _Transfer(size, sha256, np.empty(size, np.uint8))
        return None

    def chunk(self, eid: bytes, offset: int, chunk: memoryview) -> memoryview | str | None:
        """Take a chunk; returns the whole payload with the last one, why it failed, or None.

        Chunks of a header that was not admitted (or is here already) are passed over.
        """
        transfer = self._transfers.get(eid)
        if transfer is None:
            return None
        size = len(chunk)
        if offset != transfer.got or size == 0 or offset + size > transfer.size:
            del self._transfers[eid]
            return f"a chunk of {size} bytes at {offset}; expected {transfer.got} of {transfer.size}"
        transfer.data[offset : offset + size] = np.frombuffer(chunk, np.uint8)
        transfer.hash.update(chunk)
        transfer.got += size
        if transfer.got < transfer.size:
            return None
        del self._transfers[eid]
        if transfer.hash.digest() != transfer.sha256:
            return "its SHA-256 is not that of the header"
        transfer.data.setflags(write=False)
        return transfer.data.data

    def clear(self) -> None:
        """Forget all: the link is down."""
        self._transfers.clear()
