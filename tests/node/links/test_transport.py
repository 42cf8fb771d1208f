"""Links between transports: real sockets, real CURVE, on loopback ports that the system gives.

No heartbeat comes to an end here within the patience of a test, so that a machine that stands still for a while takes
no link down, and a link that is down is down because its end was seen.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from gossip.effects import Send
from gossip.events import Arrived, LinkDown, LinkUp, Payload, PayloadFailed
from node.links.transfer import CHUNK, Inbox, Outbox
from protocol.roster import found
from tests.node.links.ends import (
    SIGNATURE,
    End,
    card,
    connect,
    header_for,
    make_end,
    now_ms,
    run,
    say,
    send_payload,
)

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
