"""Links between transports: real sockets, real CURVE, on loopback ports that the system gives.

No heartbeat comes to an end here within the patience of a test, so that a machine that stands still for a while takes
no link down, and a link that is down is down because its end was seen.
"""

from __future__ import annotations

import hashlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import zmq

from crypto.keys import PrivateKeys, z85_encode
from gossip.effects import Send
from gossip.events import Arrived, Event, LinkDown, LinkUp, Payload, PayloadFailed
from gossip.memory import SeededEntropy
from node.config import Limits, Links
from node.errors import ConfigError
from node.links.listener import MAX_SILENT
from node.links.memory import resident_bytes
from node.links.resolving import Lookup
from node.links.transfer import CHUNK, Inbox, Outbox
from node.links.transport import Transport
from protocol.roster import Card, Roster, found, make_card

MIB = 2**20
_Kind = TypeVar("_Kind")
SIGNATURE = bytes(64)
ROOT = Path(__file__).resolve().parents[2]
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


@pytest.fixture(autouse=True)
def _all_closed() -> Iterator[None]:
    yield
    while _open:
        _open.pop().close()


def card(end: End) -> Card:
    return make_card("test.example", end.name, [f"tcp://127.0.0.1:{end.port}"], end.keys)


def connect(ends: list[End]) -> Roster:
    roster = found([card(end) for end in ends])
    for end in ends:
        end.transport.set_roster(roster, card(end))
    return roster


@pytest.fixture
def ends() -> list[End]:
    return [make_end(name) for name in NAMES]


@pytest.fixture
def linked(ends: list[End]) -> list[End]:
    connect(ends)
    run(ends, lambda: all(up(end) == 2 for end in ends))
    return ends


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


# ---------------------------------------------------------------- what arrives


def test_a_header_arrives_with_its_signature_under_the_senders_name(linked: list[End]) -> None:
    a, b, _ = linked
    say(a, "b", b"to b")
    say(b, "a", b"to a")
    run(
        linked,
        lambda: any(e.header == b"to b" for e in b.of(Arrived)) and any(e.header == b"to a" for e in a.of(Arrived)),
    )
    assert next(e for e in b.of(Arrived) if e.header == b"to b") == Arrived(
        next(e for e in b.of(Arrived) if e.header == b"to b").now_ms, "a", b"to b", SIGNATURE
    )


@pytest.mark.parametrize("size", [1, CHUNK, 2 * CHUNK + 3], ids=["one byte", "one chunk", "two chunks and a bit"])
def test_a_payload_arrives_whole_in_both_directions(linked: list[End], size: int) -> None:
    a, b, _ = linked
    payload = np.random.default_rng(size).bytes(size)
    send_payload(a, "b", payload)
    send_payload(b, "a", payload)
    run(linked, lambda: bool(a.of(Payload) and b.of(Payload)))
    assert [bytes(e.data) for e in a.of(Payload) + b.of(Payload)] == [payload, payload]


def test_a_payload_of_a_header_that_is_not_admitted_is_passed_over(linked: list[End]) -> None:
    a, b, _ = linked
    b.admits = False
    send_payload(a, "b", bytes(3 * CHUNK))
    say(a, "b", b"after")
    run(linked, lambda: any(e.header == b"after" for e in b.of(Arrived)))
    assert (b.of(Payload), b.of(PayloadFailed), b.of(LinkDown)) == ([], [], [])


def test_an_altered_payload_fails(linked: list[End]) -> None:
    a, b, _ = linked
    header, eid = header_for(bytes(CHUNK))
    a.transport.send(Send("b", header, SIGNATURE, bytes(CHUNK - 1) + b"x", eid), now_ms())
    run(linked, lambda: bool(b.of(PayloadFailed)))
    assert "SHA-256" in b.of(PayloadFailed)[0].reason


def test_a_payload_beyond_what_may_be_under_way_is_not_taken() -> None:
    inbox = Inbox(max_bytes=100)
    assert inbox.admit(b"1" * 32, 60, bytes(32)) is None
    assert "at most 100" in str(inbox.admit(b"2" * 32, 41, bytes(32)))


def test_a_chunk_at_another_offset_than_the_next_fails_its_payload() -> None:
    inbox = Inbox(max_bytes=100)
    inbox.admit(b"1" * 32, 20, bytes(32))
    assert inbox.chunk(b"1" * 32, 0, memoryview(bytes(10))) is None
    assert "expected 10 of 20" in str(inbox.chunk(b"1" * 32, 0, memoryview(bytes(10))))
    assert inbox.admitted_bytes == 0


def test_a_chunk_beyond_the_size_fails_its_payload() -> None:
    inbox = Inbox(max_bytes=100)
    inbox.admit(b"1" * 32, 20, bytes(32))
    assert isinstance(inbox.chunk(b"1" * 32, 0, memoryview(bytes(21))), str)


def test_headers_overtake_the_chunks_of_payloads_but_not_their_own() -> None:
    outbox = Outbox()
    sent: list[object] = []
    takes = iter([True, True, False])

    def post(frames: object) -> object:
        if not next(takes, True):
            return None
        sent.append(frames)
        return _Done()

    outbox.put(b"h1", SIGNATURE, bytes(2 * CHUNK), b"1" * 32)
    assert not outbox.pump(post)  # type: ignore[arg-type]
    outbox.put(b"h2", SIGNATURE, None, b"2" * 32)
    assert outbox.pump(post)  # type: ignore[arg-type]
    assert [frames[0] for frames in sent] == [b"h1", b"1" * 32, b"h2", b"1" * 32]  # type: ignore[index]


def test_an_envelope_whose_payload_waits_is_not_queued_twice() -> None:
    outbox = Outbox()
    for _ in range(2):
        outbox.put(b"h1", SIGNATURE, bytes(10), b"1" * 32)
    assert len(outbox) == 2  # a header and a payload


class _Done:
    done = True


# ---------------------------------------------------------------- who gets in


def test_a_region_is_not_admitted_until_it_is_on_the_roster(ends: list[End]) -> None:
    a, b, c = ends
    everybody = found([card(end) for end in ends])
    a.transport.set_roster(everybody, card(a))
    b.transport.set_roster(everybody, card(b))
    c.transport.set_roster(found([card(b), card(c)]), card(c))
    run(ends, lambda: bool(b.of(LinkUp)))
    assert all(e.region != "a" for e in c.of(LinkUp))
    c.transport.set_roster(everybody, card(c))
    run(ends, lambda: any(e.region == "a" for e in c.of(LinkUp)))


def test_a_key_outside_the_roster_is_denied(ends: list[End]) -> None:
    a, b, _ = ends
    connect([a, b])
    stranger = make_end("a", seed="somebody else")  # the name of a, and its roster, but not its key
    stranger.transport.set_roster(found([card(a), card(b)]), card(a))
    a.transport.close()
    wait = time.monotonic() + 1.0
    run([b, stranger], lambda: time.monotonic() > wait)
    assert b.of(LinkUp) == stranger.of(LinkUp) == []


# ---------------------------------------------------------------- what breaks


@pytest.mark.parametrize("gone", ["a", "b"], ids=["the dialling side", "the listening side"])
def test_a_link_is_down_at_once_when_the_other_side_is_gone(linked: list[End], gone: str) -> None:
    lost = next(end for end in linked if end.name == gone)
    others = [end for end in linked if end.name != gone]
    lost.transport.close()
    run(others, lambda: all(any(e.region == gone for e in end.of(LinkDown)) for end in others))


def test_a_region_that_comes_back_is_linked_again(linked: list[End]) -> None:
    a, b, c = linked
    port = b.port
    b.transport.close()
    run([a, c], lambda: bool(a.of(LinkDown) and c.of(LinkDown)))
    back = make_end("b", port=port)
    back.transport.set_roster(found([card(a), card(back), card(c)]), card(back))
    again = [a, back, c]
    run(again, lambda: up(a) == up(c) == up(back) == 2)
    send_payload(back, "a", b"I am back")
    run(again, lambda: bool(a.of(Payload)))


def raw_dealer(end: End, server: End, context: zmq.Context[zmq.Socket[bytes]] | None = None) -> zmq.Socket[bytes]:
    """A socket with a member's key that says what it likes."""
    dealer: zmq.Socket[bytes] = (context or zmq.Context.instance()).socket(zmq.DEALER)
    dealer.linger = 0
    dealer.curve_serverkey = z85_encode(server.keys.curve_public).encode()
    dealer.curve_publickey = z85_encode(end.keys.curve_public).encode()
    dealer.curve_secretkey = z85_encode(end.keys.curve).encode()
    dealer.connect(f"tcp://127.0.0.1:{server.port}")
    return dealer


@pytest.mark.parametrize(
    "frames",
    [[b"one"], [b"h", bytes(63)], [bytes(32), bytes(8), b""], [b"1", b"2", b"3", b"4"], [bytes(2**14 + 1), SIGNATURE]],
    ids=["one frame", "short signature", "empty chunk", "four frames", "long header"],
)
def test_a_message_of_any_other_form_closes_the_link_for_a_while(ends: list[End], frames: list[bytes]) -> None:
    a, b, _ = ends
    b.transport.set_roster(found([card(a), card(b)]), card(b))
    dealer = raw_dealer(a, b)
    dealer.send_multipart([b"hello", SIGNATURE])
    run([b], lambda: bool(b.of(LinkUp)))
    dealer.send_multipart(frames)
    run([b], lambda: bool(b.of(LinkDown)))
    dealer.send_multipart([b"again", SIGNATURE])
    wait = time.monotonic() + 0.5
    run([b], lambda: time.monotonic() > wait)
    assert [e.header for e in b.of(Arrived)] == [b"hello"]
    dealer.close()


def test_a_message_of_very_many_frames_holds_up_nothing_and_the_next_message_is_whole(ends: list[End]) -> None:
    a, b, c = ends
    # c has no address, so that it dials as a does; the sockets below do it in their names.
    bare = make_card("test.example", "c", [], c.keys)
    b.transport.set_roster(found([card(a), card(b), bare]), card(b))
    dealers = [raw_dealer(a, b), raw_dealer(c, b)]
    dealers[0].sndhwm = 0
    dealers[0].send_multipart([b"hello", SIGNATURE])
    run([b], lambda: bool(b.of(LinkUp)))
    dealers[0].send_multipart([b""] * 100_000)
    run([b], lambda: bool(b.of(LinkDown)))
    listener = b.transport._listener
    assert listener is not None
    assert listener._has_rest  # others have their turn before it is read to its end

    dealers[1].send_multipart([b"of another", SIGNATURE])
    run([b], lambda: len(b.of(Arrived)) == 2)

    assert b.of(Arrived)[1].header == b"of another"
    for dealer in dealers:
        dealer.close()


def test_a_flood_of_strangers_does_not_keep_the_loop_busy(ends: list[End]) -> None:
    """What the monitor tells is taken in bounded parts, and each connection too many is shut once."""
    b = ends[1]
    listener = b.transport._listener
    assert listener is not None
    strangers = [socket.create_connection(("127.0.0.1", b.port)) for _ in range(400)]
    shut: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.links.memory.shut", shut.append)
        run([b], lambda: len(listener.open_fds) == 400)
        run([b], lambda: len(shut) >= 400 - MAX_SILENT)
        b.step()

    assert len(shut) == len(set(shut)) == 400 - MAX_SILENT
    for one in strangers:
        one.close()


BUSY = """
import time
from node.config import Links
from gossip.events import Arrived, LinkDown, LinkUp
from tests.node.test_transport import card, found, make_end, run
b, c = make_end("b"), make_end("c", links=Links(heartbeat_s=0.1, silence_s=60))
c.transport.set_roster(found([card(b), card(c)]), card(c))
print(c.port, flush=True)
run([c], lambda: bool(c.of(LinkUp)))
print("up", flush=True)
input()
time.sleep(1.5)
run([c], lambda: bool(c.of(LinkDown)))
print(len(c.of(Arrived)))
"""


def test_a_region_that_says_more_than_is_read_and_goes_does_not_take_a_busy_one_along(ends: list[End]) -> None:
    """In a process of its own: libzmq would end it (see ``node.links.dialler.configure``)."""
    b, server = ends[1], replace(ends[2])
    busy = subprocess.Popen(
        [sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    assert busy.stdin is not None
    assert busy.stdout is not None
    server.port = int(busy.stdout.readline())
    dealer = raw_dealer(b, server, context := zmq.Context())
    dealer.sndhwm = 0
    dealer.send_multipart([b"hello", SIGNATURE])
    assert busy.stdout.readline() == "up\n"
    for _ in range(200):
        dealer.send_multipart([bytes(1000), SIGNATURE])
    time.sleep(0.2)
    context.destroy(linger=0)

    said, _ = busy.communicate("\n", timeout=PATIENCE_S)

    assert busy.returncode == 0
    assert int(said) >= 1


def test_an_address_that_was_changed_at_home_only_does_not_cost_the_link(ends: list[End]) -> None:
    a, b, _ = ends
    roster = found([card(a), card(b)])
    a.transport.set_roster(roster, card(a))
    b.transport.set_roster(roster, make_card("test.example", "b", [], b.keys))  # b has since taken its address back
    run([a, b], lambda: bool(a.of(LinkUp) and b.of(LinkUp)))


def test_a_region_that_left_the_roster_is_cut_off(linked: list[End]) -> None:
    a, b, c = linked
    a.transport.set_roster(found([card(a), card(b)]), card(a))
    run(linked, lambda: bool(a.of(LinkDown) and c.of(LinkDown)))
    assert [e.region for e in a.of(LinkDown)] == ["c"]
    assert all(e.now_ms > 0 for e in a.of(LinkDown))


def test_strangers_who_connect_and_say_nothing_do_not_keep_a_member_out(ends: list[End]) -> None:
    a, b, _ = ends
    strangers = [socket.create_connection(("127.0.0.1", b.port)) for _ in range(MAX_SILENT + 100)]
    run([b], lambda: len(b.transport._listener.open_fds) <= MAX_SILENT)  # type: ignore[union-attr]
    connect([a, b])
    run([a, b], lambda: bool(a.of(LinkUp) and b.of(LinkUp)))
    for one in strangers:
        one.close()


def test_a_process_that_slept_keeps_what_had_come_for_it(linked: list[End]) -> None:
    a, b, _ = linked
    say(a, "b", b"before")
    listener = b.transport._listener
    assert listener is not None
    run([a], lambda: listener.socket in dict(b.poller.poll(10)))
    ready = dict(b.poller.poll(0))
    hour_ms = 3_600_000
    events = list(b.transport.events(ready, now_ms() + hour_ms))
    assert any(isinstance(e, Arrived) and e.header == b"before" for e in events)


def test_a_name_whose_answer_does_not_come_holds_up_nobody(ends: list[End], monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, c = ends
    asked, answer = [], threading.Event()

    def unanswered(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        answer.wait()
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr("node.links.resolving.socket.getaddrinfo", unanswered)
    nowhere = make_card("test.example", "c", ["tcp://nowhere.invalid:7700"], c.keys)
    roster = found([card(a), card(b), nowhere])
    a.transport.set_roster(roster, card(a))
    b.transport.set_roster(roster, card(b))
    run([a, b], lambda: bool(a.of(LinkUp) and b.of(LinkUp)))
    assert "nowhere.invalid" in asked
    answer.set()


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example"])
def test_a_name_that_cannot_be_encoded_does_not_resolve(host: str) -> None:
    lookup = Lookup(f"tcp://{host}:7700")
    for thread in threading.enumerate():
        if thread.name == "resolve":
            thread.join()

    assert lookup.is_done
    assert lookup.address is None


def test_a_port_in_use_is_refused_in_words(ends: list[End]) -> None:
    with pytest.raises(ConfigError, match=r"cannot be bound .*in use.*choose another bind"):
        make_end("d", port=ends[0].port)


# ---------------------------------------------------------------- memory

ENDLESS = """
import sys, time, zmq
server, public, secret, port = (one.encode() for one in sys.argv[1:5])
socket = zmq.Context().socket(zmq.DEALER)
socket.linger, socket.sndhwm = 0, 0
socket.curve_serverkey, socket.curve_publickey, socket.curve_secretkey = server, public, secret
socket.connect("tcp://127.0.0.1:" + port.decode())
end = time.monotonic() + float(sys.argv[5])
frame = bytes(2**20)
while time.monotonic() < end:
    try:
        socket.send(frame, zmq.SNDMORE | zmq.NOBLOCK, copy=False)
        time.sleep(0.002)
    except zmq.Again:
        time.sleep(0.01)
"""


def test_memory_that_no_link_holds_is_spoken_of_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    end = make_end("a", Limits(memory_mib=1))
    end.transport.guard.grown(0)
    end.transport.guard.limit_bytes = -1

    for step in range(1, 100):
        list(end.transport.events({}, now_ms() + step * 1000))

    assert caplog.text.count("no link holds it") == 1


def test_a_member_that_sends_a_message_without_end_is_dropped_and_memory_stays_bounded() -> None:
    limit = 128
    a, b, c = (make_end(name, Limits(memory_mib=limit)) for name in NAMES)
    roster = found([card(end) for end in (a, b, c)])
    for end in (a, c):
        end.transport.set_roster(roster, card(end))
    c.transport.guard.grown(now_ms())  # the baseline, before anything comes
    before = resident_bytes()
    keys = [z85_encode(key) for key in (c.keys.curve_public, b.keys.curve_public, b.keys.curve)]
    attacker = subprocess.Popen([sys.executable, "-c", ENDLESS, *keys, str(c.port), "4"])
    most = 0

    def watch() -> bool:
        nonlocal most
        most = max(most, resident_bytes() - before)
        return attacker.poll() is not None

    run([a, c], watch)
    assert most < (limit + 200) * MIB
    assert not any(e.region == "b" for e in c.of(LinkUp))
    send_payload(a, "c", b"still here")
    run([a, c], lambda: bool(c.of(Payload)))
