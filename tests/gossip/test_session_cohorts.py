"""What a member does not answer before it masks: COHORT and ROUTED that break a rule, shares that are bad."""

from __future__ import annotations

from typing import Any

import pytest

from crypto.errors import CryptoError
from gossip.sessions.session import MemberState, ReceiverState, Statement
from protocol.codec import decode, encode
from protocol.envelope import encode_carried
from tests.gossip.recoverable_lies import (
    ALL,
    SMALL_ORDER,
    Change,
    at_cohort,
    at_routed,
    at_survivors,
    by_receiver,
    cohort,
    forged,
    forgotten,
    last,
    other_shares,
    refuses,
    routed,
)
from tests.gossip.recoverable_table import RECEIVER, Table, envelope, key_of

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
