"""What a member does not answer in a recoverable session, what a receiver does not take, and what is left of either."""

from __future__ import annotations

import copy
import hashlib
import pickle
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from crypto.errors import CryptoError
from gossip.derived import Channel
from gossip.recoverable_member import RecoverableMember
from gossip.session import MemberState, ReceiverState, Statement
from gossip.session_rules import SessionError
from protocol.codec import decode, encode
from protocol.envelope import build, encode_carried
from protocol.errors import CodecError
from tests.gossip.recoverable_table import RECEIVER, Said, Table, envelope, key_of

Change = Callable[[Table], Said]
Body = Mapping[str, Any]
SMALL_ORDER = bytes(32)


def at_cohort(members: int = 5, **options: Any) -> Table:
    """Everybody has announced itself."""
    table = Table(members, **options)
    table.announce()
    return table


def at_routed(members: int = 5, **options: Any) -> Table:
    """Everybody has sent its shares."""
    table = at_cohort(members, **options)
    table.share(table.cohort())
    return table


def at_survivors(members: int = 5, lost: str = "m04", **options: Any) -> Table:
    """Everybody has sent its value but one, who was lost."""
    table = at_routed(members, **options)
    values = table.values()
    table.mask(table.route(), {name: values[name] for name in table.names if name != lost})
    return table


def at_confirms(**options: Any) -> tuple[Table, Said]:
    """m00 to m02 have signed the survivors, m00 to m03; enough, but the receiver has not said so yet."""
    table = at_survivors(**options)
    survivors = table.survive()
    for name in ("m00", "m01", "m02"):
        table.members[name].check_survivors(*survivors)
        table.receiver.take_confirm(table.seal(name, table.members[name].confirm())[0])
    table.members["m03"].check_survivors(*survivors)
    return table, survivors


def by_receiver(table: Table, type: str, body: Body, payload: bytes) -> Said:
    """What a receiver that lies puts on the table."""
    return envelope(RECEIVER, type, body, table.sid, payload), payload


def last(table: Table, type: str, sender: str | None = None) -> Said:
    """What was said last of a type."""
    return next(
        one for one in reversed(table.said)
        if one[0].fields.type == type and (sender is None or one[0].fields.sender == sender)
    )  # fmt: skip


def forgotten(member: RecoverableMember) -> bool:
    """Whether nothing secret is left in a member."""
    held = vars(member)
    return not any(held[name] for name in ("_seed_c", "_seed_b", "_private", "_ephemeral", "_channels", "_shares"))


def refuses(call: Callable[[], object], member: RecoverableMember, words: str) -> None:
    """A member refuses, by name of the rule, and is out of the session with its secrets gone."""
    with pytest.raises((SessionError, CodecError, CryptoError), match=words):
        call()
    assert member.state is MemberState.ABORTED
    assert forgotten(member)


# ---------------------------------------------------------------- COHORT


def cohort(table: Table, names: list[str], *, change: Body | None = None, **other: Said) -> Said:
    """A COHORT of these members; some ADVERTs may be replaced."""
    adverts = {name: other[name][0] if name in other else last(table, "ADVERT", name)[0] for name in names}
    body = {
        "members": [[name, adverts[name].eid, None] for name in names], "eph": key_of("other").public,
        "kind": "mix", "variant": "recoverable",
    }  # fmt: skip
    return by_receiver(
        table, "COHORT", {**body, **(change or {})}, encode_carried([(one, None) for one in adverts.values()])
    )


def forged(table: Table, name: str, **change: Any) -> Said:
    """An ADVERT of a member with other keys, signed by it."""
    body = {"mask_key": bytes([7]) * 32, "eph": bytes([8]) * 32, "need_state": False, "stats": None, **change}
    return envelope(name, "ADVERT", body, table.sid), b""


ALL = ["m00", "m01", "m02", "m03", "m04"]
COHORTS: dict[str, tuple[str, Change]] = {
    "its own ADVERT exchanged": ("own-advert", lambda t: cohort(t, ALL, m00=forged(t, "m00"))),
    "without itself": ("own-advert", lambda t: cohort(t, ALL[1:])),
    "a stranger": ("stranger", lambda t: cohort(t, [*ALL, "x"], x=forged(t, "x"))),
    "fewer than t": ("too-few", lambda t: cohort(t, ALL[:2])),
    "the strict variant": ("variant", lambda t: cohort(t, ALL, change={"variant": "strict"})),
    "masks off": ("variant", lambda t: cohort(t, ALL, change={"variant": "off"})),
    "a kind that the plan does not have": ("kind", lambda t: cohort(t, ALL, change={"kind": "sum"})),
    "one mask key twice": (
        "one mask key twice",
        lambda t: cohort(t, ALL, m01=forged(t, "m01"), m02=forged(t, "m02")),
    ),
    "an ADVERT of another round": (
        "another session",
        lambda t: cohort(
            t, ALL, m01=(envelope("m01", "ADVERT", forged(t, "m01")[0].fields.body, t.sid, round=1), b"")
        ),
    ),
    "a name without its ADVERT": (
        "other members",
        lambda t: by_receiver(
            t, "COHORT", dict(cohort(t, ALL)[0].fields.body), encode_carried([(last(t, "ADVERT", "m00")[0], None)])
        ),
    ),
}  # fmt: skip


@pytest.mark.attack("S07")
@pytest.mark.parametrize(("rule", "change"), COHORTS.values(), ids=COHORTS)
def test_a_cohort_that_breaks_a_rule_is_not_answered(rule: str, change: Change) -> None:
    table = at_cohort()
    member = table.members["m00"]
    refuses(lambda: member.check_cohort(*change(table)), member, rule)


def test_a_carried_envelope_that_its_sender_did_not_sign_is_refused() -> None:
    table = at_cohort()
    member = table.members["m00"]
    false = forged(table, "m01")[0]
    by_other = type(false)(false.header, key_of("m02").sign(b"x"), false.fields, false.eid)
    refuses(lambda: member.check_cohort(*cohort(table, ALL, m01=(by_other, b""))), member, "signature")


def test_a_receiver_whose_own_key_agrees_on_nothing_gets_no_shares() -> None:
    table = at_cohort()
    member = table.members["m00"]
    member.check_cohort(*cohort(table, ALL, change={"eph": SMALL_ORDER}))
    refuses(lambda: member.share(table.entropy), member, "small order")


@pytest.mark.parametrize("key", ["mask_key", "eph"])
def test_a_key_on_which_all_agree_alike_gets_no_shares_and_no_mask(key: str) -> None:
    table = at_cohort()
    member = table.members["m00"]
    member.check_cohort(*cohort(table, ALL, m01=forged(table, "m01", **{key: SMALL_ORDER})))
    if key == "eph":
        refuses(lambda: member.share(table.entropy), member, "small order")
    with pytest.raises(CryptoError, match="small order"):
        table.receiver.announce(forged(table, "m01", **{key: SMALL_ORDER})[0])


def test_a_receiver_takes_no_mask_key_twice() -> None:
    table = at_cohort()
    key = last(table, "ADVERT", "m00")[0].fields.body["mask_key"]
    with pytest.raises(CryptoError, match="mask key of m01"):
        table.receiver.announce(forged(table, "m01", mask_key=key)[0])


@pytest.mark.attack("S10")
@pytest.mark.parametrize("shown", [1, 2], ids=["the victim alone", "the victim and its colluder"])
def test_colluders_are_counted_by_the_plan_and_not_by_the_cohort_shown(shown: int) -> None:
    # Four planned senders: c = 1, t = 3. By a cohort of two, c would be 0 and two enough.
    table = at_cohort(4)
    member = table.members["m00"]
    refuses(lambda: member.check_cohort(*cohort(table, ALL[:shown])), member, "too-few")


@pytest.mark.attack("S10")
@pytest.mark.parametrize("here", [0, 1, 2])
def test_a_receiver_with_too_few_names_no_cohort(here: int) -> None:
    table = Table(4)
    table.announce(ALL[:here])
    assert table.receiver.cohort(table.entropy, "mix", []) is None
    assert (table.receiver.state, table.receiver.reason) == (ReceiverState.VOID, "too-few")


def test_a_cohort_is_taken_once() -> None:
    table = at_cohort()
    first, second = table.cohort(), cohort(table, ALL)
    table.members["m00"].check_cohort(*first)
    assert not table.members["m00"].awaits(second[0])
    with pytest.raises(ValueError, match="not awaited"):
        table.members["m00"].check_cohort(*second)
    assert table.members["m00"].state is MemberState.ADVERTISED


@pytest.mark.attack("S19")
@pytest.mark.parametrize("other", ["sender", "round", "session"])
def test_what_is_not_of_this_session_has_no_turn(other: str) -> None:
    table = at_cohort()
    made, data = cohort(table, ALL)
    sid = bytes(32) if other == "session" else table.sid
    moved = envelope("m01" if other == "sender" else RECEIVER, "COHORT", dict(made.fields.body), sid, data,
                     1 if other == "round" else 0)  # fmt: skip
    assert table.members["m00"].awaits(made)
    assert not table.members["m00"].awaits(moved)


def test_a_member_speaks_in_its_turn_only() -> None:
    table = at_cohort()
    member = table.members["m00"]
    with pytest.raises(ValueError, match="announces once"):
        member.advert(table.entropy, None)
    with pytest.raises(ValueError, match="follow a checked cohort"):
        member.share(table.entropy)
    with pytest.raises(ValueError, match="follows checked survivors"):
        member.confirm()
    member.check_cohort(*cohort(table, ALL))
    member.share(table.entropy)
    with pytest.raises(ValueError, match="follow a checked cohort"):
        member.share(table.entropy)


def test_a_receiver_speaks_in_its_turn_only() -> None:
    table = at_cohort()
    receiver = table.receiver
    for step, words in ((receiver.route, "ROUTED follows COHORT"), (receiver.survive, "SURVIVORS follows ROUTED")):
        with pytest.raises(ValueError, match=words):
            step()
    table.cohort()
    with pytest.raises(ValueError, match="names one cohort"):
        receiver.cohort(table.entropy, "mix", [])


# ---------------------------------------------------------------- ROUTED


def routed(table: Table, names: list[str], *, change: Body | None = None, **other: Said) -> Said:
    """A ROUTED of these members; some SHARES may be replaced."""
    shares = {name: other.get(name) or last(table, "SHARES", name) for name in names}
    body = {
        "cohort": last(table, "COHORT")[0].eid, "members": [[name, shares[name][0].eid] for name in names],
        **(change or {}),
    }  # fmt: skip
    return by_receiver(table, "ROUTED", body, encode_carried([(e, data) for e, data in shares.values()]))


def other_shares(table: Table, name: str, body: Body | None = None, payload: bytes | None = None) -> Said:
    """SHARES of a member, changed and signed by it again."""
    made, data = last(table, "SHARES", name)
    data = data if payload is None else payload
    return envelope(name, "SHARES", {**made.fields.body, **(body or {})}, table.sid, data), data


ROUTEDS: dict[str, tuple[str, Change]] = {
    "another cohort": ("another cohort", lambda t: routed(t, ALL, change={"cohort": bytes(32)})),
    "without itself": ("own-shares", lambda t: routed(t, ALL[1:])),
    "its own SHARES exchanged": (
        "own-shares",
        lambda t: routed(t, ALL, m00=other_shares(t, "m00", {"commits": [[bytes(32), bytes(32)]] * 5})),
    ),
    "fewer than t": ("too-few", lambda t: routed(t, ALL[:3])),
    "SHARES for another cohort": (
        "for another cohort",
        lambda t: routed(t, ALL, m01=other_shares(t, "m01", {"cohort": bytes(32)})),
    ),
    "SHARES of another round": (
        "for another session",
        lambda t: routed(t, ALL, m01=(
            envelope("m01", "SHARES", dict(last(t, "SHARES", "m01")[0].fields.body), t.sid,
                     last(t, "SHARES", "m01")[1], round=1),
            last(t, "SHARES", "m01")[1],
        )),
    ),
    "a commitment too few": (
        "expected 5 commitments",
        lambda t: routed(t, ALL, m01=other_shares(t, "m01", {"commits": [[bytes(32), bytes(32)]] * 4})),
    ),
    "a share too few": (
        "expected 5 commitments",
        lambda t: routed(t, ALL, m01=other_shares(t, "m01", payload=encode([bytes(80)] * 4))),
    ),
    "a member named and not carried": (
        "other members",
        lambda t: by_receiver(
            t, "ROUTED", dict(routed(t, ALL)[0].fields.body),
            encode_carried([(last(t, "SHARES", n)[0], last(t, "SHARES", n)[1]) for n in ALL[:4]]),
        ),
    ),
    "one who is not in the cohort": (
        "not in the cohort",
        lambda t: routed(t, [*ALL, "x"], x=(
            envelope("x", "SHARES", dict(last(t, "SHARES", "m01")[0].fields.body), t.sid, last(t, "SHARES", "m01")[1]),
            last(t, "SHARES", "m01")[1],
        )),
    ),
    "without their payload": (
        "without the payload",
        lambda t: by_receiver(
            t, "ROUTED", dict(routed(t, ALL)[0].fields.body),
            encode_carried([(last(t, "SHARES", n)[0], None) for n in ALL]),
        ),
    ),
    "with another payload": (
        "without the payload",
        lambda t: by_receiver(
            t, "ROUTED", dict(routed(t, ALL)[0].fields.body),
            encode_carried([
                (last(t, "SHARES", n)[0], last(t, "SHARES", n)[1][:-1] + bytes([last(t, "SHARES", n)[1][-1] ^ 1]))
                for n in ALL
            ]),
        ),
    ),
    "something else": (
        "expected SHARES",
        lambda t: by_receiver(
            t, "ROUTED", dict(routed(t, ALL)[0].fields.body), encode_carried([(last(t, "ADVERT")[0], None)])
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("rule", "change"), ROUTEDS.values(), ids=ROUTEDS)
def test_a_routed_that_breaks_a_rule_is_not_answered(rule: str, change: Change) -> None:
    table = at_routed()
    member = table.members["m00"]
    refuses(lambda: member.on_routed(*change(table)), member, rule)


@pytest.mark.attack("S09")
@pytest.mark.parametrize(("reason", "spoil"), [("sealing", "sealed"), ("commitment", "commits")])
def test_a_bad_share_is_complained_about_and_the_others_go_on(reason: str, spoil: str) -> None:
    # m04 spoils what it deals to m00, and nothing else.
    table = at_routed(7)
    made, payload = table.said.pop()
    sealed: Any = decode(payload, max_bytes=10_000)
    commits: Any = list(made.fields.body["commits"])  # type: ignore[arg-type]
    if spoil == "sealed":
        sealed[0] = sealed[0][:-1] + bytes([sealed[0][-1] ^ 1])
    else:
        commits[0] = [commits[0][0], bytes(32)]
    bad = envelope("m06", "SHARES", {**made.fields.body, "commits": commits}, table.sid, encode(sealed))
    table.receiver._shares.pop("m06")
    table.members["m06"].sealed(bad, encode(sealed))
    table.receiver.take_shares(bad, encode(sealed))
    sent = table.route()

    complaint = table.members["m00"].on_routed(*sent)
    assert complaint == Statement("COMPLAINT", {"about": "m06", "reason": reason})
    assert table.members["m00"].state is MemberState.ABORTED
    assert forgotten(table.members["m00"])

    said, _ = table.seal("m00", complaint)
    assert table.receiver.awaits(said)
    table.receiver.take_complaint(said)
    values = table.values()
    table.mask(sent, {name: values[name] for name in table.names if name != "m00"})
    assert table.receiver.has_all_values  # nobody waits for who has complained
    confirms = table.confirm(table.survive())
    assert confirms is not None
    table.reveal(confirms)
    assert table.total() == table.plain(values, table.names[1:])
    assert table.receiver.blamed == [("m06", "complaint of m00")]


@pytest.mark.attack("S09")
def test_a_bad_share_at_the_end_is_charged_to_who_revealed_it_and_another_is_used() -> None:
    table = at_survivors(6, lost="m05", seed=3)
    confirms = table.confirm(table.survive())
    assert confirms is not None
    c, b = table.members["m02"]._shares["m01"]
    table.members["m02"]._shares["m01"] = (c, bytes([b[0] ^ 1]) + b[1:])
    table.reveal(confirms)
    assert table.total() == table.plain(table.values(), table.names[:5])
    assert table.receiver.blamed == [("m02", "share of m01")]


@pytest.mark.attack("S09")
@pytest.mark.parametrize("liar", ["m01", "m05"], ids=["a survivor", "one who was lost"])
def test_who_deals_shares_of_another_secret_voids_the_sum_and_is_named(liar: str) -> None:
    table = at_cohort(6)
    other = bytes([9]) * 31
    member = table.members[liar]
    seeds = (member._seed_c, member._seed_b)
    sent = table.cohort()
    for name in table.names:
        table.members[name].check_cohort(*sent)
        if name == liar:
            member._seed_c = member._seed_b = other
        table.receiver.take_shares(*table.seal(name, table.members[name].share(table.entropy)))
        member._seed_c, member._seed_b = seeds
    values = table.values()
    table.mask(table.route(), {name: values[name] for name in table.names if name != "m05"})
    confirms = table.confirm(table.survive())
    assert confirms is not None
    table.reveal(confirms)
    assert (table.receiver.state, table.receiver.reason) == (ReceiverState.VOID, "refused")
    assert table.receiver.blamed == [(liar, "dealt")]
    with pytest.raises(ValueError, match="opens nothing"):
        table.receiver.total()


# ---------------------------------------------------------------- SURVIVORS


def survivors(table: Table, names: list[str], left_out: Mapping[str, str], *, change: Body | None = None,
              **other: Said) -> Said:  # fmt: skip
    """A SURVIVORS of these members."""
    masked = {name: (other.get(name) or last(table, "MASKED", name))[0] for name in names}
    body = {
        "view": last(table, "ROUTED")[0].eid, "members": [[name, masked[name].eid] for name in names],
        "left_out": [[name, why] for name, why in left_out.items()], **(change or {}),
    }  # fmt: skip
    return by_receiver(table, "SURVIVORS", body, encode_carried([(one, None) for one in masked.values()]))


def other_masked(table: Table, name: str, **change: Any) -> Said:
    """A MASKED of a member, changed and signed by it again."""
    made, data = last(table, "MASKED", name)
    return envelope(name, "MASKED", {**made.fields.body, **change}, table.sid, data), data


FOUR = ALL[:4]
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


def confirms(table: Table, sent: Said, names: list[str], **other: Body) -> Said:
    """A CONFIRMS with the signatures of these members."""
    signed = [envelope(n, "CONFIRM", other.get(n, {"survivors": sent[0].eid}), table.sid) for n in names]
    return by_receiver(
        table, "CONFIRMS", {"survivors": sent[0].eid}, encode_carried([(one, None) for one in signed])
    )


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


# ---------------------------------------------------------------- the receiver's own care


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


# ---------------------------------------------------------------- what is left


def test_secrets_are_gone_as_soon_as_they_have_done_their_work() -> None:
    table = at_cohort()
    member = table.members["m00"]
    table.share(table.cohort())
    assert not member._ephemeral
    values = table.values()
    table.mask(table.route(), values)
    assert (member._seed_c, member._seed_b, member._private) == (b"", b"", b"")
    assert set(member._channels) == {RECEIVER}
    sent = table.confirm(table.survive())
    assert sent is not None
    table.reveal(sent, [])
    member.on_confirms(*sent)
    assert forgotten(member)


@pytest.mark.parametrize("step", [at_cohort, at_routed, at_survivors])
def test_a_deadline_leaves_no_secret_and_no_payload(step: Callable[[], Table]) -> None:
    member = step().members["m00"]
    member.close(MemberState.CLOSED)
    assert forgotten(member)
    assert member.sent == []
    assert not member.is_open


def test_what_is_printed_shows_nothing() -> None:
    table = at_survivors(5, seed=7)
    member = table.members["m00"]
    secrets = [*(share for pair in member._shares.values() for share in pair), table.receiver._ephemeral]
    shown = " ".join(
        [repr(member), repr(table.receiver), repr(member._channels), repr(member.mask), repr(vars(member)["_channels"])]
    )
    sent = table.confirm(table.survive())
    assert sent is not None
    table.reveal(sent)
    shown += repr(table.receiver.opened) + repr(Statement("MASKED", {}, b"\x01\x02"))
    for secret in [*secrets, *(one.seed for one in table.receiver.opened)]:
        assert repr(secret)[2:-1] not in shown
    assert "seed" not in shown.replace("OpenedSeed", "")


def test_the_opened_seeds_are_those_whose_masks_were_taken_away() -> None:
    table = at_survivors(5, lost="m04", seed=8)
    sent = table.confirm(table.survive())
    assert sent is not None
    table.reveal(sent)
    kinds = [(one.kind, one.region, one.of) for one in table.receiver.opened]
    assert kinds == [("self", k, None) for k in FOUR] + [("pair", "m04", k) for k in FOUR]
    assert len({one.seed for one in table.receiver.opened}) == 8


@pytest.mark.parametrize("make", [lambda t: t.members["m00"], lambda t: t.receiver], ids=["member", "receiver"])
@pytest.mark.parametrize("write", [pickle.dumps, copy.deepcopy])
def test_a_machine_is_not_copied_or_written_down(make: Callable[[Table], object], write: Callable[..., object]) -> None:
    with pytest.raises(TypeError, match="holds secrets"):
        write(make(at_routed()))


def test_a_value_of_another_width_or_at_another_time_is_not_masked() -> None:
    table = at_routed()
    member = table.members["m00"]
    with pytest.raises(ValueError, match="after ROUTED"):
        member.mask(np.zeros(8, "<i4"))
    member.on_routed(*table.route())
    with pytest.raises(ValueError, match="16 bits"):
        member.mask(np.zeros(8, "<i2"))
    member.mask(np.zeros(8, "<i4"))
    with pytest.raises(ValueError, match="masks once"):
        member.mask(np.zeros(8, "<i4"))


def test_hashes_of_payloads_are_those_of_the_headers() -> None:
    table = at_survivors()
    for made, data in table.said:
        assert made.fields.sha256 == (hashlib.sha256(data).digest() if data else None)
