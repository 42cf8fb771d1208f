"""A recoverable session opens the plain sum of those who are left, or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gossip.sessions.carried import most_bytes
from gossip.sessions.rules import threshold
from gossip.sessions.session import ReceiverState
from protocol.codec import MAX_CONTROL, MAX_HEADER
from protocol.plan_version import MAX_RECOVERABLE
from tests.gossip.recoverable_table import Table, envelope

PHASES = ("unshared", "unmasked", "unconfirmed", "unrevealed")
RINGS = (8, 16, 32, 64)
ODD = {8: (1, 3, 5), 16: (1, 3, 51, 255), 32: (1, 3, 51, 255), 64: (1, 3, 51, 255)}


def may_lose(n: int) -> int:
    """How many a session of n survives with the default c = (n - 1) // 3."""
    return n - threshold(n, (n - 1) // 3, 2)


def losses(n: int, count: int) -> Iterator[tuple[int, ...]]:
    """Every way to lose that many over the phases, as the phase of each loss."""
    return combinations_with_replacement(range(len(PHASES)), count)


def session(n: int, ring: int, odd: bool, phases: tuple[int, ...], seed: int) -> tuple[Table, bool]:
    """Run one session; returns it and whether it has opened exactly the plain sum of its survivors."""
    random = Random(f"{n} {ring} {odd} {phases} {seed}")
    names = [f"m{i:02d}" for i in range(n)]
    weights = {name: random.choice(ODD[ring]) for name in names} if odd else {}
    table = Table(names, ring=ring, words=random.randint(1, 9), weights=weights, seed=(n, ring, odd, phases, seed))
    values = table.values(seed)
    lost = dict(zip(random.sample(names, len(phases)), phases, strict=True))
    state = table.run(values, **{phase: [k for k, at in lost.items() if PHASES[at] == phase] for phase in PHASES})
    if state is not ReceiverState.DONE:
        return table, False
    assert set(table.receiver.survivors) == {name for name in names if lost.get(name, 2) >= 2}
    return table, table.total() == table.plain(values, table.receiver.survivors)


@settings(max_examples=60, deadline=None)
@given(n=st.integers(2, 9), ring=st.sampled_from(RINGS), odd=st.booleans(), data=st.data())
def test_whoever_is_lost_the_sum_of_the_others_is_exact(n: int, ring: int, odd: bool, data: st.DataObject) -> None:
    phases = tuple(data.draw(st.lists(st.integers(0, 3), max_size=may_lose(n))))
    _, exact = session(n, ring, odd, phases, data.draw(st.integers(0, 2**32)))
    assert exact


@settings(max_examples=30, deadline=None)
@given(n=st.integers(2, 9), ring=st.sampled_from(RINGS), odd=st.booleans(), data=st.data())
def test_one_loss_too_many_opens_nothing(n: int, ring: int, odd: bool, data: st.DataObject) -> None:
    count = may_lose(n) + 1
    phases = tuple(data.draw(st.lists(st.integers(0, 3), min_size=count, max_size=count)))
    table, exact = session(n, ring, odd, phases, 0)
    assert not exact
    assert table.receiver.state is ReceiverState.VOID
    assert table.receiver.reason in ("too-few", "missing")
    with pytest.raises(ValueError, match="void opens nothing"):
        table.receiver.total()


@pytest.mark.slow
@pytest.mark.timeout(3600)  # minutes alone, longer beside other work
@pytest.mark.parametrize("odd", [False, True], ids=["uniform", "odd"])
@pytest.mark.parametrize("ring", RINGS)
@pytest.mark.parametrize("n", range(2, 17))
def test_campaign_every_pattern_of_losses(n: int, ring: int, odd: bool) -> None:
    """Over all of them: 5 024 sessions that must be exact and 4 280 that must open nothing."""
    wrong = []
    for count in range(may_lose(n) + 2):
        for phases in losses(n, count):
            table, exact = session(n, ring, odd, phases, 1)
            void = table.receiver.state is ReceiverState.VOID
            if (exact, void) != ((True, False) if count <= may_lose(n) else (False, True)):
                wrong.append(phases)
    assert wrong == []


@pytest.mark.parametrize("prg", ["aes256ctr", "chacha20"])
def test_vectors_longer_than_a_chunk_are_exact_too(prg: str) -> None:
    table = Table(4, ring=16, words=70_000, weights={"m00": 3, "m01": 51, "m02": 1, "m03": 5}, prg=prg)
    values = table.values(2)
    assert table.run(values, unmasked=["m02"]) is ReceiverState.DONE
    plain = np.sum([table.weights[k] * values[k].astype(np.int64) for k in ("m00", "m01", "m03")], axis=0)
    np.testing.assert_array_equal(table.receiver.total(), plain)


def test_two_streams_make_two_masks() -> None:
    said = []
    for prg in ("aes256ctr", "chacha20"):
        table = Table(4, prg=prg)
        table.run({name: np.zeros(8, "<i4") for name in table.names})
        said.append([data for made, data in table.said if made.fields.type == "MASKED"])
    assert all(one != other for one, other in zip(*said, strict=True))


@pytest.mark.parametrize(
    ("n", "c", "t"),
    [(2, 0, 2), (3, 0, 2), (4, 1, 3), (5, 1, 4), (6, 1, 4), (7, 2, 5), (8, 2, 6), (9, 2, 6), (12, 3, 8), (16, 5, 11)],
)
def test_thresholds_are_those_of_the_table(n: int, c: int, t: int) -> None:
    assert (n - 1) // 3 == c
    assert threshold(n, c, 2) == t


@given(n=st.integers(2, 40), c=st.integers(0, 38), h=st.integers(2, 5))
def test_no_liar_opens_one_member_with_what_honest_members_reveal_once(n: int, c: int, h: int) -> None:
    t = threshold(n, c, h)
    assert 2 * t > n + c
    assert t - c >= h


# ---------------------------------------------------------------- groups

TWO_GROUPS = (frozenset({"a0", "a1", "a2", "r"}), frozenset({"b0", "b1", "b2"}))
SIX = ("a0", "a1", "a2", "b0", "b1", "b2")


def test_with_one_lost_its_whole_group_is_left_out() -> None:
    nine = (*SIX, "c0", "c1", "c2")
    groups = (*TWO_GROUPS, frozenset({"c0", "c1", "c2"}))
    table = Table(nine, groups=groups, colluders=1)
    values = table.values(3)
    assert table.run(values, unmasked=["b1"]) is ReceiverState.DONE
    assert table.receiver.survivors == ("a0", "a1", "a2", "c0", "c1", "c2")
    assert table.receiver.left_out == {"b0": "group", "b1": "lost", "b2": "group"}
    assert table.total() == table.plain(values, table.receiver.survivors)


def test_a_group_that_is_not_whole_is_not_in_the_cohort() -> None:
    table = Table(SIX, groups=TWO_GROUPS, colluders=0)
    table.announce(set(SIX) - {"b1"})
    table.cohort()
    assert table.receiver.members == ("a0", "a1", "a2")


def test_where_all_are_one_group_one_loss_ends_the_session() -> None:
    table = Table(4, groups=(frozenset({"m00", "m01", "m02", "m03"}),))
    assert table.run(table.values(), unmasked=["m03"]) is ReceiverState.VOID
    assert table.receiver.reason == "missing"


def test_the_largest_session_that_a_plan_may_ask_for_fits_into_its_messages() -> None:
    names = [f"region-with-quite-a-long-name-number-{i:03d}" for i in range(MAX_RECOVERABLE)]
    table = Table(names, colluders=0)
    table.announce()
    sent = table.cohort()
    for name in names[:2]:  # all make SHARES of one size
        table.members[name].check_cohort(*sent)
        table.receiver.take_shares(*table.seal(name, table.members[name].share(table.entropy)))
    shares = next((made, data) for made, data in table.said if made.fields.type == "SHARES")
    # ROUTED carries header, signature and payload of each, and no more than a few bytes beside them.
    assert MAX_RECOVERABLE * (len(shares[0].header) + 64 + len(shares[1]) + 16) + 5 < MAX_CONTROL
    assert len(shares[1]) <= most_bytes("SHARES", MAX_RECOVERABLE)
    body = {"cohort": bytes(32), "members": [[name, bytes(32)] for name in names]}
    assert len(envelope("r", "ROUTED", body, table.sid, b"x").header) < MAX_HEADER
