"""What a member does not sign and does not reveal: SURVIVORS and CONFIRMS that break a rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gossip.sessions.derived import Channel
from gossip.sessions.session import MemberState
from protocol.codec import decode
from protocol.envelope import build, encode_carried
from tests.gossip.recoverable_lies import (
    ALL,
    FOUR,
    Change,
    at_cohort,
    at_confirms,
    at_routed,
    at_survivors,
    by_receiver,
    cohort,
    confirms,
    forgotten,
    last,
    other_masked,
    refuses,
    routed,
    survivors,
)
from tests.gossip.recoverable_table import RECEIVER, Said, Table, envelope, key_of

# ---------------------------------------------------------------- SURVIVORS


SURVIVORS: dict[str, tuple[str, Change]] = {
    "another view": ("another ROUTED", lambda t: survivors(t, FOUR, {"m04": "lost"}, change={"view": bytes(32)})),
    "its own MASKED exchanged": (
        "own-masked",
        lambda t: survivors(t, FOUR, {"m04": "lost"}, m00=other_masked(t, "m00", self_commit=bytes(32))),
    ),
    "left out against its RECEIPT": (
        "false-dropout", lambda t: survivors(t, FOUR[1:], {"m00": "lost", "m04": "lost"}),
    ),
    "left out for its group": ("left-out", lambda t: survivors(t, FOUR[1:], {"m00": "group", "m04": "lost"})),
    "one nowhere": ("each routed member once", lambda t: survivors(t, FOUR, {})),
    "one in and out": (
        "each routed member once", lambda t: survivors(t, FOUR, {"m00": "lost", "m04": "lost"}),
    ),
    "one who was not routed": (
        "each routed member once", lambda t: survivors(t, FOUR, {"m04": "lost", "m05": "lost"}),
    ),
    "fewer than t": ("too-few", lambda t: survivors(t, FOUR[:3], {"m03": "lost", "m04": "lost"})),
    "out for a group of which nobody is lost": (
        "group-rule", lambda t: survivors(t, FOUR, {"m04": "group"}),
    ),
    "a MASKED on another view": (
        "on another ROUTED",
        lambda t: survivors(t, FOUR, {"m04": "lost"}, m01=other_masked(t, "m01", view=bytes(32))),
    ),
    "a payload inside": (
        "expected its header only",
        lambda t: by_receiver(
            t, "SURVIVORS", dict(survivors(t, FOUR, {"m04": "lost"})[0].fields.body),
            encode_carried([last(t, "MASKED", n) for n in FOUR]),
        ),
    ),
    "a MASKED without a self mask": (
        "no self mask",
        lambda t: survivors(t, FOUR, {"m04": "lost"}, m01=other_masked(t, "m01", self_commit=b"")),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("rule", "change"), SURVIVORS.values(), ids=SURVIVORS)
def test_survivors_that_break_a_rule_are_not_confirmed(rule: str, change: Change) -> None:
    table = at_survivors()
    member = table.members["m00"]
    refuses(lambda: member.check_survivors(*change(table)), member, rule)


@pytest.mark.attack("S06")
@pytest.mark.parametrize("at", ["COHORT", "ROUTED", "SURVIVORS"])
def test_where_groups_go_together_no_step_may_leave_out_a_part_of_one(at: str) -> None:
    # {m00, m01, m02} and {m03, m04, m05}; c = 1, t = 4: without m05 there would be enough.
    groups = (frozenset({"m00", "m01", "m02"}), frozenset({"m03", "m04", "m05", RECEIVER}))
    five = [*ALL]
    if at == "COHORT":
        table = at_cohort(6, groups=groups)
        member = table.members["m00"]
        refuses(lambda: member.check_cohort(*cohort(table, five)), member, "group-rule: the cohort holds m03, m04")
    elif at == "ROUTED":
        table = at_routed(6, groups=groups)
        member = table.members["m00"]
        refuses(lambda: member.on_routed(*routed(table, five)), member, "group-rule: the ROUTED holds m03, m04")
    else:
        table = at_survivors(6, lost="m05", groups=groups)
        member = table.members["m00"]
        sent = survivors(table, five, {"m05": "lost"})
        refuses(lambda: member.check_survivors(*sent), member, "group-rule: the SURVIVORS holds m03, m04")


@pytest.mark.attack("S03")
def test_a_second_survivors_is_not_looked_at() -> None:
    table = at_survivors(6, lost="m05")
    member = table.members["m00"]
    first = table.survive()
    second = survivors(table, ["m00", "m01", "m02", "m03"], {"m04": "lost", "m05": "lost"})
    member.check_survivors(*first)
    assert not member.awaits(second[0])
    member.confirm()
    assert not member.awaits(second[0])
    with pytest.raises(ValueError, match="follows checked survivors"):
        member.confirm()


@pytest.mark.parametrize("when", ["before SURVIVORS", "before CONFIRMS"])
def test_who_holds_a_receipt_of_one_declared_lost_reveals_nothing(when: str) -> None:
    table = at_survivors(6, lost="m05", seed=4)
    late = envelope("m05", "MASKED", {"view": last(table, "ROUTED")[0].eid, "self_commit": bytes(32)}, table.sid, b"y")
    receipt = envelope(RECEIVER, "RECEIPT", {"about": "m05", "masked": late.eid}, table.sid)
    member, sent = table.members["m00"], table.survive()
    if when == "before SURVIVORS":
        member.on_receipt(receipt)
        refuses(lambda: member.check_survivors(*sent), member, "false-dropout")
    else:
        confirms = table.confirm(sent)
        assert confirms is not None
        member.on_receipt(receipt)
        refuses(lambda: member.on_confirms(*confirms), member, "false-dropout")


def test_a_receipt_for_another_value_than_the_own_ends_the_session() -> None:
    table = at_routed()
    member = table.members["m00"]
    member.on_routed(*table.route())
    table.seal("m00", member.mask(table.values()["m00"]))
    false = envelope(RECEIVER, "RECEIPT", {"about": "m00", "masked": bytes(32)}, table.sid)
    refuses(lambda: member.on_receipt(false), member, "receipt")


def test_no_receipt_is_awaited_before_the_own_value_is_sent() -> None:
    table = at_routed()
    member = table.members["m00"]
    member.on_routed(*table.route())
    for about in ("m00", "m01"):
        early = envelope(RECEIVER, "RECEIPT", {"about": about, "masked": bytes(32)}, table.sid)
        assert not member.awaits(early)


def test_a_receiver_cannot_fill_a_log_with_receipts() -> None:
    table = at_survivors()
    member = table.members["m00"]
    for about in ("m00", "nobody", RECEIVER):  # one that is here already, one who was not routed, itself
        again = envelope(RECEIVER, "RECEIPT", {"about": about, "masked": bytes(32)}, table.sid)
        assert not member.awaits(again)
        with pytest.raises(ValueError, match="not awaited"):
            member.on_receipt(again)
    assert member.state is MemberState.MASKED


# ---------------------------------------------------------------- CONFIRMS


CONFIRMS: dict[str, tuple[str, Callable[[Table, Said], Said]]] = {
    "one signature too few": ("confirms", lambda t, s: confirms(t, s, FOUR[:3])),
    "by one who was left out": ("on another SURVIVORS", lambda t, s: confirms(t, s, [*FOUR[:3], "m04"])),
    "under other survivors": (
        "on another SURVIVORS", lambda t, s: confirms(t, s, FOUR, m02={"survivors": bytes(32)}),
    ),
    "of another round": (
        "for another session",
        lambda t, s: by_receiver(
            t, "CONFIRMS", {"survivors": s[0].eid},
            encode_carried([
                (envelope(n, "CONFIRM", {"survivors": s[0].eid}, t.sid, round=1), None) for n in FOUR
            ]),
        ),
    ),
    "of other survivors": (
        "CONFIRMS is on another",
        lambda t, s: by_receiver(t, "CONFIRMS", {"survivors": bytes(32)}, confirms(t, s, FOUR)[1]),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("rule", "change"), CONFIRMS.values(), ids=CONFIRMS)
def test_without_t_signatures_under_one_set_nothing_is_revealed(
    rule: str, change: Callable[[Table, Said], Said]
) -> None:
    table, sent = at_confirms()
    member = table.members["m00"]
    refuses(lambda: member.on_confirms(*change(table, sent)), member, rule)


def test_one_member_signs_once() -> None:
    table, sent = at_confirms()
    member = table.members["m00"]
    first = envelope("m02", "CONFIRM", {"survivors": sent[0].eid}, table.sid)
    again = build(replace(first.fields, head_size=2), key_of("m02"))
    three = [(envelope(n, "CONFIRM", {"survivors": sent[0].eid}, table.sid), None) for n in ("m00", "m01")]
    payload = encode_carried([*three, (first, None), (again, None)])
    both = by_receiver(table, "CONFIRMS", {"survivors": sent[0].eid}, payload)
    refuses(lambda: member.on_confirms(*both), member, "two CONFIRM of m02")


@pytest.mark.attack("S04")
def test_one_reveal_holds_one_kind_of_share_of_each_member() -> None:
    table = at_survivors(6, lost="m05", seed=5)
    sent = table.confirm(table.survive())
    assert sent is not None
    held = {name: dict(member._shares) for name, member in table.members.items()}
    table.reveal(sent)
    for name in table.names[:4]:
        made, sealed = last(table, "REVEAL", name)
        channel = _channel_to_receiver(table, name)
        shares: Any = decode(channel.unseal("REVEAL", sealed), max_bytes=10_000)
        assert [about for about, _ in shares] == table.names
        for about, share in shares:
            c, b = held[name][about]
            assert share == (c if about == "m05" else b)
        assert table.members[name].state is MemberState.CLOSED
        assert forgotten(table.members[name])
        assert not table.members[name].awaits(sent[0])
        assert table.members[name].sent[-1] == (made, sealed)  # to be sent again, byte for byte, if the line drops


def _channel_to_receiver(table: Table, name: str) -> Channel:
    # The receiver forgets its key when the sum is open; the seeded entropy of the table makes it again.
    again = Table(6, seed=5)
    again.announce()
    again.cohort()
    body = last(table, "ADVERT", name)[0].fields.body
    public = last(table, "COHORT")[0].fields.body["eph"]
    assert isinstance(body["eph"], bytes)
    assert isinstance(public, bytes)
    return Channel.between(
        RECEIVER, again.receiver._ephemeral, public, name, body["eph"], again.receiver._lasting(name),
        last(table, "COHORT")[0].eid,
    )  # fmt: skip
