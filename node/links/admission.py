"""Who gets in: a connection whose CURVE key is on the roster, and nobody else (ZAP, RFC 27).

libzmq asks over an inproc socket during each handshake; the daemon's own loop answers. An admitted
connection's messages carry the key as their User-Id. A key can be muted for a while.
"""

from __future__ import annotations

import contextlib
import logging

import zmq

from crypto.keys import z85_encode

logger = logging.getLogger(__name__)

DOMAIN = b"landsting"
_COMPLAIN_MS = 60_000


class Admission:
    """Answers ZAP requests of one context.

    Attributes:
        socket: To be polled.
        admitted_ms: When each key was last let in.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        self.socket = context.socket(zmq.REP)
        self.socket.linger = 0
        self.socket.bind("inproc://zeromq.zap.01")
        self.admitted_ms: dict[bytes, int] = {}
        self._allowed: set[bytes] = set()
        self._muted: dict[bytes, int] = {}
        self._complained_ms: int | None = None
        self._denied = 0

    def allow(self, keys: set[bytes]) -> None:
        """Admit exactly these CURVE keys from now on."""
        self._allowed = set(keys)

    def mute(self, key: bytes, until_ms: int) -> None:
        """Deny a key for a while."""
        self._muted[key] = max(until_ms, self._muted.get(key, 0))

    def is_admitted(self, key: bytes, now_ms: int) -> bool:
        """Whether a key gets in now."""
        if self._muted.get(key, 0) > now_ms:
            return False
        self._muted.pop(key, None)
        return key in self._allowed

    def answer(self, now_ms: int) -> None:
        """Answer all requests that wait."""
        with contextlib.suppress(zmq.Again):
            while True:
                frames = self.socket.recv_multipart(zmq.NOBLOCK)
                self.socket.send_multipart(self._reply(frames, now_ms))

    def _reply(self, frames: list[bytes], now_ms: int) -> list[bytes]:
        version, request = (*frames[:2], b"", b"")[:2]
        if len(frames) != 7 or version != b"1.0" or frames[2] != DOMAIN or frames[5] != b"CURVE":
            return [b"1.0", request, b"500", b"not a CURVE request", b"", b""]
        key = frames[6]
        if len(key) == 32 and self.is_admitted(key, now_ms):
            self.admitted_ms[key] = now_ms
            return [b"1.0", request, b"200", b"OK", z85_encode(key).encode(), b""]
        self._note(frames[3], key, now_ms)
        return [b"1.0", request, b"400", b"not on the roster", b"", b""]

    def _note(self, address: bytes, key: bytes, now_ms: int) -> None:
        """Say that somebody was denied, at most once a minute: a stranger must not fill the log."""
        if key in self._muted:
            return
        self._denied += 1
        if self._complained_ms is None or now_ms - self._complained_ms > _COMPLAIN_MS:
            self._complained_ms = now_ms
            where = address.decode("ascii", "replace")[:64]
            logger.info(
                "denied %d connections of keys that are not on the roster, the last from %r", self._denied, where
            )

    def close(self) -> None:
        """Stop answering."""
        self.socket.close()
