"""What a receiver takes and what it leaves, for whom it waits, and what it blames on whom."""

from __future__ import annotations

from typing import Any

import pytest

from crypto.errors import CryptoError
from gossip.sessions.recoverable_member import RecoverableMember
from gossip.sessions.session import ReceiverState, Statement
from protocol.codec import encode
from protocol.errors import CodecError
from tests.gossip.recoverable_lies import (
    at_cohort,
    at_survivors,
    last,
)
from tests.gossip.recoverable_table import RECEIVER, Table, envelope


def test_shares_are_taken_once_of_a_member_and_for_the_own_cohort_only() -> None:
    table = Table(6)
    table.announce(table.names[:5])
    table.share(table.cohort(), ["m00", "m01"])
    body = dict(last(table, "SHARES", "m00")[0].fields.body)
    assert table.receiver.awaits(envelope("m02", "SHARES", body, table.sid, b"x"))
    assert not table.receiver.awaits(envelope("m02", "SHARES", {**body, "cohort": bytes(32)}, table.sid, b"x"))
    for name in ("m00", "m05", "x"):  # has sent them, is not in the cohort, is a stranger
        assert not table.receiver.awaits(envelope(name, "SHARES", body, table.sid, b"x"))


def test_values_and_complaints_are_taken_once_of_a_routed_member_and_on_the_own_view_only() -> None:
    table = at_survivors(6, lost="m05")
    view, complaint = last(table, "ROUTED")[0].eid, {"about": "m00", "reason": "sealing"}
    masked = {"view": view, "self_commit": bytes(32)}
    for type, body in (("MASKED", masked), ("COMPLAINT", complaint)):
        payload = b"x" if type == "MASKED" else b""
        assert table.receiver.awaits(envelope("m05", type, body, table.sid, payload))
        for name in ("m00", "x"):  # has sent its value, is a stranger
            assert not table.receiver.awaits(envelope(name, type, body, table.sid, payload))
    assert not table.receiver.awaits(envelope("m05", "MASKED", {**masked, "view": bytes(32)}, table.sid, b"x"))
    for about in ("m05", "x"):  # itself, a stranger
        assert not table.receiver.awaits(envelope("m05", "COMPLAINT", {**complaint, "about": about}, table.sid))


@pytest.mark.parametrize("type", ["CONFIRM", "REVEAL"])
def test_a_survivor_is_heard_once_and_under_the_own_set_only(type: str) -> None:
    table = at_survivors(6, lost="m05")
    sent = table.survive()
    own, other, payload = {"survivors": sent[0].eid}, {"survivors": bytes(32)}, b"" if type == "CONFIRM" else b"x"
    if type == "CONFIRM":
        table.confirm(sent, ["m00"])
    else:
        given_ = table.confirm(sent)
        assert given_ is not None
        table.reveal(given_, ["m00"])
    assert table.receiver.awaits(envelope("m01", type, own, table.sid, payload))
    assert not table.receiver.awaits(envelope("m01", type, other, table.sid, payload))
    for name in ("m00", "m05", "x"):  # has spoken, was lost, is a stranger
        assert not table.receiver.awaits(envelope(name, type, own, table.sid, payload))


def test_a_receiver_says_for_whom_it_waits_and_when_for_nobody() -> None:
    table = at_cohort(4)
    assert not table.receiver.has_all_shares
    sent = table.cohort()
    assert table.receiver.missing == tuple(table.names)
    table.share(sent, table.names[:3])
    assert (table.receiver.missing, table.receiver.has_all_shares) == (("m03",), False)
    table.share(sent, ["m03"])
    assert (table.receiver.missing, table.receiver.has_all_shares) == ((), True)
    assert not table.receiver.has_all_values
    routed, values = table.route(), table.values()
    table.mask(routed, {name: values[name] for name in table.names[:3]})
    assert (table.receiver.missing, table.receiver.has_all_values) == (("m03",), False)
    table.mask(routed, {"m03": values["m03"]})
    assert (table.receiver.missing, table.receiver.has_all_values) == ((), True)
    table.survive()
    assert not table.receiver.has_all_values


def test_a_cohort_says_since_when_it_counts_whom() -> None:
    table = at_cohort(4)
    statement = table.receiver.cohort(table.entropy, "mix", [], {"m01": 7})
    assert statement is not None
    rows: Any = statement.body["members"]
    assert {name: since for name, _, since in rows} == {"m00": None, "m01": 7, "m02": None, "m03": None}


def test_nothing_is_taken_out_of_its_turn() -> None:
    table = at_survivors()
    early = envelope("m00", "CONFIRM", {"survivors": bytes(32)}, table.sid)
    late = envelope("m04", "SHARES", dict(last(table, "SHARES", "m04")[0].fields.body), table.sid, b"x")
    stranger = envelope("x", "MASKED", dict(last(table, "MASKED", "m00")[0].fields.body), table.sid, b"x")
    again = last(table, "MASKED", "m00")[0]
    strict = envelope("m04", "MASKED", {"view": last(table, "ROUTED")[0].eid, "self_commit": b""}, table.sid, b"x")
    for one in (early, late, stranger, again, strict):
        assert not table.receiver.awaits(one)
        with pytest.raises(ValueError, match="not awaited"):
            table.receiver.add(one, b"")
    assert table.receiver.state is ReceiverState.ROUTED
    assert table.receiver.missing == ("m04",)


@pytest.mark.attack("S19")
@pytest.mark.parametrize("other", ["round", "session", "state"])
def test_a_receiver_takes_nothing_of_another_session_or_state(other: str) -> None:
    table = at_survivors()
    body = {"view": last(table, "ROUTED")[0].eid, "self_commit": bytes(32)}
    sid = bytes(32) if other == "session" else table.sid
    moved = envelope("m04", "MASKED", body, sid, bytes(32), 1 if other == "round" else 0)
    if other == "state":
        table.receiver.void("left")
    assert not table.receiver.awaits(moved)


def test_shares_that_come_after_routed_are_refused() -> None:
    table = at_cohort(6)
    sent = table.cohort()
    table.share(sent, table.names[:5])
    table.route()
    table.members["m05"].check_cohort(*sent)
    late, data = table.seal("m05", table.members["m05"].share(table.entropy))
    assert not table.receiver.awaits(late)
    with pytest.raises(ValueError, match="not awaited"):
        table.receiver.take_shares(late, data)
    assert table.receiver.routed == tuple(table.names[:5])


def test_a_value_that_comes_after_survivors_is_refused() -> None:
    table = at_survivors()
    table.survive()
    member = table.members["m04"]
    assert member.on_routed(*last(table, "ROUTED")) is None
    late, data = table.seal("m04", member.mask(table.values()["m04"]))
    assert not table.receiver.awaits(late)
    with pytest.raises(ValueError, match="not awaited"):
        table.receiver.add(late, data)


@pytest.mark.parametrize("spoil", ["not sealed to us", "one share too few", "no share", "no list", "no pairs"])
def test_a_reveal_in_another_form_is_refused_and_charged_and_the_others_do(spoil: str) -> None:
    table = at_survivors(6, lost="m05", seed=6)
    sent = table.confirm(table.survive())
    assert sent is not None
    member = table.members["m00"]
    statement = member.on_confirms(*sent) if spoil == "not sealed to us" else _reveal(member, spoil)
    data = bytes(statement.payload or b"")
    data = bytes([data[0] ^ 1]) + data[1:] if spoil == "not sealed to us" else data
    made = envelope("m00", "REVEAL", statement.body, table.sid, data)
    with pytest.raises((CodecError, CryptoError)):
        table.receiver.take_reveal(made, data)
    table.reveal(sent, table.names[1:5])
    assert table.receiver.blamed == [("m00", "reveal")]
    assert table.total() == table.plain(table.values(), table.names[:5])


def test_when_the_last_reveal_is_spoilt_too_nobody_waits_any_more() -> None:
    table = at_survivors(5, lost="m04")
    sent = table.confirm(table.survive())
    assert sent is not None
    table.reveal(sent, ["m00", "m01", "m02"])
    data = bytes(200)
    with pytest.raises(CryptoError, match="do not open"):
        table.receiver.take_reveal(envelope("m03", "REVEAL", {"survivors": _survivors(table)}, table.sid, data), data)
    assert (table.receiver.state, table.receiver.reason) == (ReceiverState.VOID, "missing")


def _survivors(table: Table) -> bytes:
    return last(table, "SURVIVORS")[0].eid


def _reveal(member: RecoverableMember, spoil: str) -> Statement:
    rows: Any = [[name, pair[1]] for name, pair in sorted(member._shares.items())]
    rows = {
        "one share too few": rows[1:], "no share": [[rows[0][0], b"\xff" * 32], *rows[1:]], "no list": {"a": rows},
        "no pairs": [[*row, 1] for row in rows],
    }[spoil]  # fmt: skip
    assert member._survivors is not None
    sealed = member._channels[RECEIVER].seal("REVEAL", encode(rows))
    return Statement("REVEAL", {"survivors": member._survivors.envelope.eid}, sealed)


def test_a_payload_of_another_length_is_refused_and_the_right_one_still_counts() -> None:
    table = at_survivors(5, lost="m04")
    member = table.members["m04"]
    assert member.on_routed(*last(table, "ROUTED")) is None
    made, data = table.seal("m04", member.mask(table.values()["m04"]))
    with pytest.raises(CodecError, match="expected 32"):
        table.receiver.add(made, data[:-4])
    table.receiver.add(made, data)
    assert table.receiver.has_all_values
