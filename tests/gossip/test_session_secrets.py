"""What is left of a session, in memory and on paper."""

from __future__ import annotations

import copy
import hashlib
import pickle
from collections.abc import Callable

import numpy as np
import pytest

from gossip.sessions.session import MemberState, Statement
from tests.gossip.recoverable_lies import (
    FOUR,
    at_cohort,
    at_routed,
    at_survivors,
    forgotten,
)
from tests.gossip.recoverable_table import RECEIVER, Table


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


def test_a_session_is_open_from_its_announcement_until_it_is_closed_or_aborted() -> None:
    assert not Table(4).members["m00"].is_open
    member = at_routed().members["m00"]
    assert member.is_open
    member.close(MemberState.ABORTED)
    assert [made.fields.type for made, _ in member.sent] == ["ADVERT"]  # what was said stays said; no payload is kept
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
