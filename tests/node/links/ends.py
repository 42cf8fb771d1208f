"""One end of a link as tests drive it: a transport, its poller, and all that it heard."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import zmq

from crypto.keys import PrivateKeys, z85_encode
from gossip.effects import Send
from gossip.events import Arrived, Event, LinkDown, LinkUp
from gossip.memory import SeededEntropy
from node.config import Limits, Links
from node.links.transport import Transport
from protocol.roster import Card, Roster, found, make_card

_Kind = TypeVar("_Kind")
SIGNATURE = bytes(64)
PATIENCE_S = 60.0
UNWATCHED = Links(heartbeat_s=5 * PATIENCE_S, silence_s=10 * PATIENCE_S)
NAMES = ("a", "b", "c")


@dataclass
class End:
    """One region's transport and all that it heard."""

    name: str
    keys: PrivateKeys
    transport: Transport
    poller: zmq.Poller
    port: int
    heard: list[Event] = field(default_factory=list)
    admits: bool = True

    def step(self, wait_ms: int = 5) -> None:
        ready = dict(self.poller.poll(wait_ms))
        for event in self.transport.events(ready, now_ms()):
            self.heard.append(event)
            if isinstance(event, LinkUp):  # the dialling side speaks first, as ``Peer`` does with its PING
                self.transport.send(Send(event.region, b"hello", SIGNATURE, None, b""), now_ms())
            if isinstance(event, Arrived) and self.admits and len(event.header) > 8:
                size = int.from_bytes(event.header[:8], "big")
                self.transport.admit(event.link, event.header[8:40], size, event.header[40:72], now_ms())

    def of(self, kind: type[_Kind]) -> list[_Kind]:
        return [event for event in self.heard if isinstance(event, kind)]


def now_ms() -> int:
    return time.monotonic_ns() // 10**6


def run(ends: list[End], until: Callable[[], bool], limit_s: float = PATIENCE_S) -> None:
    end = time.monotonic() + limit_s
    while not until():
        assert time.monotonic() < end, [(one.name, one.heard[-5:]) for one in ends]
        for one in ends:
            one.step()


_open: list[Transport] = []


def make_end(name: str, limits: Limits | None = None, port: int = 0, seed: str = "", links: Links = UNWATCHED) -> End:
    keys = PrivateKeys.generate(SeededEntropy("transport", name, seed))
    poller = zmq.Poller()
    transport = Transport(name, keys, poller, links=links, limits=limits)
    _open.append(transport)
    return End(name, keys, transport, poller, transport.bind(f"tcp://127.0.0.1:{port}"))


def card(end: End) -> Card:
    return make_card("test.example", end.name, [f"tcp://127.0.0.1:{end.port}"], end.keys)


def connect(ends: list[End]) -> Roster:
    roster = found([card(end) for end in ends])
    for end in ends:
        end.transport.set_roster(roster, card(end))
    return roster


def up(end: End) -> int:
    return len(end.of(LinkUp)) - len(end.of(LinkDown))


def say(end: End, to: str, header: bytes, payload: bytes | memoryview | None = None) -> None:
    end.transport.send(Send(to, header, SIGNATURE, payload, hashlib.sha256(header).digest()), now_ms())


def header_for(payload: bytes) -> tuple[bytes, bytes]:
    """A made-up header that states its payload, and an eid."""
    eid = hashlib.sha256(b"eid" + payload[:32]).digest()
    return len(payload).to_bytes(8, "big") + eid + hashlib.sha256(payload).digest(), eid


def send_payload(end: End, to: str, payload: bytes) -> bytes:
    header, eid = header_for(payload)
    end.transport.send(Send(to, header, SIGNATURE, payload, eid), now_ms())
    return eid


def raw_dealer(end: End, server: End, context: zmq.Context[zmq.Socket[bytes]] | None = None) -> zmq.Socket[bytes]:
    """A socket with a member's key that says what it likes."""
    dealer: zmq.Socket[bytes] = (context or zmq.Context.instance()).socket(zmq.DEALER)
    dealer.linger = 0
    dealer.curve_serverkey = z85_encode(server.keys.curve_public).encode()
    dealer.curve_publickey = z85_encode(end.keys.curve_public).encode()
    dealer.curve_secretkey = z85_encode(end.keys.curve).encode()
    dealer.connect(f"tcp://127.0.0.1:{server.port}")
    return dealer
