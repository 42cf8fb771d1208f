"""The log: what it says of itself is signed, in order, and whole."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from crypto.merkle import EMPTY_ROOT, Tree, leaf_hash
from crypto.note import checkpoint_body, note_with, open_note
from crypto.signing import SigningKey, verify
from protocol.codec import Value
from protocol.entries import decode_entry
from protocol.envelope import parse
from protocol.envelope import verify as verify_envelope
from protocol.errors import LogError
from protocol.log import Log
from tests.vectors.make_protocol import STUDY, bodies, fixed

SIGN, LOG = SigningKey(fixed(1)), SigningKey(fixed(2))
GENESIS: dict[str, Value] = bodies()[0][3]
PING: dict[str, Value] = {"state": "idle", "attempt": 0, "seq": 0, "echo": None}


def empty(leaves: list[bytes] | None = None) -> Log:
    """The log of vgr."""
    return Log(network="landsting.example", region="vgr", sign_key=SIGN, log_key=LOG, leaves=leaves or [])


@pytest.fixture
def log() -> Log:
    """The log of vgr with its genesis, which is written."""
    log = empty()
    log.add("log.genesis", GENESIS, study=None, now_ms=1000)
    log.pending()
    return log


def stop(log: Log, now_ms: int = 2000) -> None:
    """Add a small entry."""
    log.add("node.stop", {"reason": "signal"}, study=None, now_ms=now_ms)


def absent(log: Log, **changes: Any) -> Any:
    """Seal an ABSENT."""
    arguments: dict[str, Any] = {
        "type": "ABSENT", "body": {"first": 3, "last": 3}, "study": STUDY, "round": 3, "to": ["kalmar"], "now_ms": 2000,
    }  # fmt: skip
    return log.seal(**{**arguments, **changes})


def test_an_empty_log_has_the_empty_root() -> None:
    assert (empty().size, empty().root, empty().pending()) == (0, EMPTY_ROOT, None)


def test_entries_are_numbered_from_0_and_name_the_log(log: Log) -> None:
    entry = log.add("node.stop", {"reason": "signal"}, study=None, now_ms=2000)
    assert (entry.log, entry.seq, entry.t_ms, log.size) == ("landsting.example/vgr/1", 1, 2000, 2)


def test_a_clock_that_steps_back_repeats_the_last_time(log: Log) -> None:
    stop(log, 5000)
    assert log.add("node.stop", {"reason": "signal"}, study=None, now_ms=10).t_ms == 5000
    assert log.last_ms == 5000


def test_what_is_pending_is_handed_out_once_with_a_checkpoint_over_all(log: Log) -> None:
    stop(log)
    absent(log)
    leaves, checkpoint, signature = log.pending() or pytest.fail("nothing is pending")
    assert [leaf.seq for leaf in leaves] == [1, 2]
    assert all(leaf.hash == leaf_hash(leaf.leaf) == log.tree.hash_at(leaf.seq) for leaf in leaves)
    assert (checkpoint.origin, checkpoint.size, checkpoint.root) == (log.origin, 3, log.root)
    verify(LOG.public, signature, checkpoint_body(checkpoint))
    assert log.pending() is None


def test_the_checkpoint_is_a_signed_note(log: Log) -> None:
    stop(log)
    _, checkpoint, signature = log.pending() or pytest.fail("nothing is pending")
    body = checkpoint_body(checkpoint)
    assert open_note(note_with(body, log.origin, LOG.public, signature), log.origin, LOG.public) == body


def test_a_logged_envelope_is_the_entry_that_its_head_says(log: Log) -> None:
    stop(log)
    root, size = log.root, log.size
    envelope = absent(log, to=["skane", "kalmar"])
    assert (envelope.fields.head_size, envelope.fields.head_root) == (size, root)
    leaves, _, _ = log.pending() or pytest.fail("nothing is pending")
    sent = decode_entry(leaves[-1].leaf)
    assert (sent.kind, sent.seq, sent.study) == ("env.sent", size, STUDY)
    assert sent.body == {"header": envelope.header, "sig": envelope.signature, "to": ["kalmar", "skane"]}


def test_what_is_sealed_is_signed_by_the_sign_key(log: Log) -> None:
    envelope = absent(log)
    verify_envelope(parse(envelope.header, envelope.signature), SIGN.public)


def test_two_seals_of_one_message_are_two_statements_at_two_places(log: Log) -> None:
    first, second = absent(log), absent(log)
    assert (first.fields.head_size, second.fields.head_size) == (1, 2)
    assert first.eid != second.eid


def test_a_service_message_carries_the_newest_head_and_leaves_no_entry(log: Log) -> None:
    stop(log)
    ping = log.seal("PING", PING, to=[], now_ms=2000)
    assert (ping.fields.head_size, ping.fields.head_root, log.size) == (2, log.root, 2)


def test_a_payload_is_named_by_length_and_hash(log: Log) -> None:
    payload = memoryview(bytes(range(8))).cast("I")
    body: dict[str, Value] = {"view": fixed(1), "self_commit": b""}
    envelope = log.seal("MASKED", body, study=STUDY, round=3, session=fixed(2), payload=payload, to=["a"], now_ms=0)
    assert (envelope.fields.bytes, envelope.fields.sha256) == (8, hashlib.sha256(bytes(range(8))).digest())


def test_a_known_hash_of_a_payload_is_taken(log: Log) -> None:
    body: dict[str, Value] = {"view": fixed(1), "self_commit": b""}
    envelope = log.seal(
        "MASKED", body, study=STUDY, round=3, session=fixed(2), payload=bytes(8), to=["a"], now_ms=0,
        payload_sha256=fixed(7),
    )  # fmt: skip
    assert envelope.fields.sha256 == fixed(7)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"body": {"first": 3}}, id="body"),
        pytest.param({"type": "SHARES"}, id="type of a later version"),
        pytest.param({"study": None}, id="no study"),
        pytest.param({"to": ["kalmar", "kalmar"]}, id="a receiver twice"),
        pytest.param({"to": ["Kalmar"]}, id="no region's name"),
        pytest.param({"payload": b"x"}, id="a payload where there is none"),
        pytest.param({"body": {"first": 3.0, "last": 3}}, id="a float"),
    ],
)
def test_what_is_refused_leaves_no_trace(log: Log, changes: dict[str, Any]) -> None:
    before = log.size, log.root, log.last_ms
    with pytest.raises(LogError, match=r"landsting\.example/vgr/1"):
        absent(log, **changes)
    assert (log.size, log.root, log.last_ms) == before
    assert log.pending() is None


def test_an_entry_that_is_refused_leaves_no_trace(log: Log) -> None:
    before = log.size, log.root, log.last_ms
    with pytest.raises(LogError, match=r"node\.stop cannot be written"):
        log.add("node.stop", {"reason": "tired"}, study=None, now_ms=9999)
    assert (log.size, log.root, log.last_ms) == before


def test_nothing_is_signed_before_genesis() -> None:
    with pytest.raises(LogError, match=r"before log\.genesis"):
        empty().seal("PING", PING, to=[], now_ms=0)


def test_a_log_goes_on_where_it_was_stored(log: Log) -> None:
    stop(log, 7000)
    stored = [leaf.leaf for leaf in (log.pending() or pytest.fail("nothing is pending"))[0]]
    genesis = empty()
    genesis.add("log.genesis", GENESIS, study=None, now_ms=1000)
    first = [leaf.leaf for leaf in (genesis.pending() or pytest.fail("nothing is pending"))[0]]
    again = empty(first + stored)
    assert (again.size, again.root, again.last_ms, again.pending()) == (log.size, log.root, 7000, None)
    stop(again, 1)
    stop(log, 1)
    assert again.root == log.root


def test_the_root_is_that_of_a_plain_tree(log: Log) -> None:
    for now_ms in range(20):
        stop(log, now_ms)
    hashes = [log.tree.hash_at(index) for index in range(log.size)]
    assert log.root == Tree(hashes).root()


def test_stored_entries_of_another_log_are_refused() -> None:
    genesis = Log(network="landsting.example", region="skane", sign_key=SIGN, log_key=LOG)
    genesis.add("log.genesis", {**GENESIS, "region": "skane"}, study=None, now_ms=0)
    leaf = (genesis.pending() or pytest.fail("nothing is pending"))[0][0].leaf
    with pytest.raises(LogError, match=r"0 of landsting\.example/skane/1; expected 0 of landsting\.example/vgr/1"):
        empty([leaf])


def test_stored_entries_with_a_gap_are_refused(log: Log) -> None:
    stop(log)
    leaf = (log.pending() or pytest.fail("nothing is pending"))[0][0].leaf
    with pytest.raises(LogError, match=r"is 1 of .* expected 0"):
        empty([leaf])


def test_a_stored_entry_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(LogError, match="entry 0 is unreadable"):
        empty([b"\xff"])
