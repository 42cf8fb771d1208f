"""What breaks between transports, and what a member or a stranger may cost: links, the loop, memory, the process."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import zmq

from crypto.keys import z85_encode
from gossip.events import Arrived, LinkDown, LinkUp, Payload
from node.config import Limits
from node.errors import ConfigError
from node.links.listener import MAX_SILENT
from node.links.memory import resident_bytes
from node.links.resolving import Lookup
from protocol.roster import found, make_card
from tests.node.links.ends import (
    NAMES,
    PATIENCE_S,
    SIGNATURE,
    End,
    card,
    connect,
    make_end,
    now_ms,
    raw_dealer,
    run,
    say,
    send_payload,
    up,
)

MIB = 2**20
ROOT = Path(__file__).resolve().parents[3]


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
from protocol.roster import found
from tests.node.links.ends import card, make_end, run
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
    run([a, c], lambda: up(a) == up(c) == 1)
    send_payload(a, "c", b"still here")
    run([a, c], lambda: bool(c.of(Payload)))
