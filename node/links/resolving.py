"""Names to addresses, outside ZeroMQ and without waiting: one that does not resolve must not hold up the others."""

from __future__ import annotations

import ipaddress
import socket
import threading

from node.config import split_address


class Lookup:
    """One address being resolved; an IP address is done at once, a name in a thread of its own.

    Attributes:
        is_done: Whether there is an answer.
        address: ``tcp://IP:PORT``; None if there is no answer (yet).
    """

    def __init__(self, address: str) -> None:
        self._host, self._port = split_address(address)
        self.is_done = False
        self.address: str | None = None
        try:
            self._found(str(ipaddress.ip_address(self._host)))
        except ValueError:
            threading.Thread(target=self._look_up, name="resolve", daemon=True).start()

    def _look_up(self) -> None:
        try:
            found = socket.getaddrinfo(self._host, None, type=socket.SOCK_STREAM)
            self._found(str(found[0][4][0]))
        except (OSError, UnicodeError):  # Python encodes names itself: a label may be empty or too long
            self.is_done = True

    def _found(self, ip: str) -> None:
        self.address = f"tcp://[{ip}]:{self._port}" if ":" in ip else f"tcp://{ip}:{self._port}"
        self.is_done = True
