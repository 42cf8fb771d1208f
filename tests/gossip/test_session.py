"""One secure sum: exact, hiding, once."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from crypto.keys import PrivateKeys
from crypto.signing import SigningKey
from gossip.memory import SeededEntropy
from gossip.sessions.session import (
    Cohort,
    MemberSession,
    MemberState,
    ReceiverSession,
    ReceiverState,
    read_cohort,
    session_id,
)
from protocol.envelope import Envelope, Header, build
from protocol.errors import CodecError

STUDY, ROSTER = bytes([1]) * 32, bytes([2]) * 32


def envelope(sender: str, type: str, body: dict[str, object], sid: bytes, payload: bytes = b"") -> Envelope:
    key = SigningKey(hashlib.sha256(sender.encode()).digest())
    digest = hashlib.sha256(payload).digest() if payload else None
    fields = Header(
        type=type,
        sender=sender,
        log=f"net.example/{sender}/1",
        head_size=1,
        head_root=bytes(32),
        study=STUDY,
        round=0,
        session=sid,
        body=body,
        bytes=len(payload),
        sha256=digest,  # type: ignore[arg-type]
    )
    return build(fields, key)


class Table:
    """A receiver ``r`` and its members, without anything between them."""

    def __init__(self, members: int, ring: int = 32, seed: object = 0) -> None:
        self.names = [f"m{i:02d}" for i in range(members)]
        self.sid = session_id(STUDY, 0, "r", ROSTER)
        self.entropy = SeededEntropy(seed, "table")
        self.receiver = ReceiverSession(self.sid, 0, 0, self.names, 2, ring)
        self.sessions = {n: MemberSession(self.sid, 0, 0, n, "r") for n in self.names}
        self.ring = ring

    def announce(self) -> None:
        for name, session in self.sessions.items():
            self.receiver.announce(envelope(name, "ADVERT", session.advert(self.entropy, None), self.sid))

    def cohort(self) -> Cohort:
        body, payload = self.receiver.cohort(self.entropy, "mix", [])
        sent = envelope("r", "COHORT", body, self.sid, payload)
        self.receiver.sent = (sent, payload)
        return read_cohort(sent, payload)

    def values(self, length: int, seed: int) -> dict[str, NDArray[np.signedinteger]]:
        info = np.iinfo(f"i{self.ring // 8}")
        rng = np.random.default_rng(seed)
        bound = int(info.max) // len(self.names)
        return {n: rng.integers(-bound, bound, length, endpoint=True, dtype=info.dtype) for n in self.names}


@settings(max_examples=120, deadline=None)
@given(
    members=st.integers(2, 12),
    ring=st.sampled_from([8, 16, 32, 64]),
    length=st.integers(1, 70),
    seed=st.integers(0, 2**32),
    order=st.randoms(use_true_random=False),
)
def test_the_masked_sum_is_the_plain_sum_to_the_bit(
    members: int, ring: int, length: int, seed: int, order: object
) -> None:
    table = Table(members, ring, seed)
    table.announce()
    cohort = table.cohort()
    values = table.values(length, seed)
    payloads = [(n, table.sessions[n].mask(cohort, values[n], masked=True)) for n in table.names]
    order.shuffle(payloads)  # type: ignore[attr-defined]
    for name, payload in payloads:
        table.receiver.add(name, payload)
    assert table.receiver.state is ReceiverState.DONE
    plain = np.sum([values[n].astype(object) for n in table.names], axis=0)
    assert [int(x) for x in table.receiver.total()] == list(plain)


def test_a_masked_value_tells_nothing_about_the_value() -> None:
    """Chi-squared over the bytes of y, for a value of zeros: uniform at p = 1e-6 (255 degrees: below 377)."""
    table = Table(2)
    table.announce()
    y = table.sessions["m00"].mask(table.cohort(), np.zeros(1 << 16, dtype="<i4"), masked=True)
    counts = np.bincount(np.frombuffer(y, dtype=np.uint8), minlength=256)
    expected = counts.sum() / 256
    assert float(((counts - expected) ** 2 / expected).sum()) < 377


def test_one_missing_value_opens_nothing() -> None:
    table = Table(3)
    table.announce()
    cohort = table.cohort()
    values = table.values(8, 1)
    for name in table.names[:2]:
        table.receiver.add(name, table.sessions[name].mask(cohort, values[name], masked=True))
    table.receiver.void("missing")
    with pytest.raises(ValueError, match="void opens nothing"):
        table.receiver.total()


@pytest.mark.attack("S14")
def test_the_same_value_is_never_masked_the_same_way_twice() -> None:
    seen = set()
    for seed in range(200):
        table = Table(3, seed=seed)
        table.announce()
        y = table.sessions["m00"].mask(table.cohort(), np.zeros(4, dtype="<i4"), masked=True)
        seen.add(bytes(y))
    assert len(seen) == 200


@pytest.mark.attack("S08")
def test_members_that_are_shown_different_cohorts_have_unrelated_masks() -> None:
    values = Table(3).values(64, 3)
    ys = {}
    for variant in range(2):
        table = Table(3, seed="same")
        table.announce()
        body, payload = table.receiver.cohort(table.entropy if variant else SeededEntropy("other"), "mix", [])
        cohort = read_cohort(envelope("r", "COHORT", body, table.sid, payload), payload)
        ys[variant] = {n: bytes(table.sessions[n].mask(cohort, values[n], masked=True)) for n in table.names}
    mixed = [np.frombuffer(ys[0]["m00"], "<u4"), np.frombuffer(ys[1]["m01"], "<u4"), np.frombuffer(ys[1]["m02"], "<u4")]
    total = np.sum(mixed, axis=0, dtype="<u4")
    plain = np.sum([values[n].view("<u4") for n in Table(3).names], axis=0, dtype="<u4")
    assert not np.any(total == plain)


def test_a_member_masks_once() -> None:
    table = Table(2)
    table.announce()
    cohort = table.cohort()
    session = table.sessions["m00"]
    session.mask(cohort, np.zeros(4, dtype="<i4"), masked=True)
    assert session.state is MemberState.MASKED
    with pytest.raises(ValueError, match="masks once"):
        session.mask(cohort, np.ones(4, dtype="<i4"), masked=True)


@pytest.mark.attack("S22")
def test_all_long_term_keys_and_a_recording_give_no_pair_seed() -> None:
    """The session's keys come from fresh entropy alone: long-term keys are no input of it."""
    keys = PrivateKeys.generate(SeededEntropy("long-term"))
    table = Table(2)
    table.announce()
    public = {bytes(a.fields.body["mask_key"]) for a in table.receiver.adverts.values()}  # type: ignore[arg-type]
    from crypto.agreement import x25519_public

    assert not public & {x25519_public(k) for k in (keys.x25519, keys.curve)}
    session = table.sessions["m00"]
    session.mask(table.cohort(), np.zeros(4, dtype="<i4"), masked=True)
    assert not [v for slot in ("_private",) if isinstance(v := getattr(session, slot), bytes)]


@pytest.mark.attack("S07")
def test_a_cohort_with_an_exchanged_advert_is_unreadable() -> None:
    table = Table(3)
    table.announce()
    body, payload = table.receiver.cohort(table.entropy, "mix", [])
    members = [list(m) for m in body["members"]]  # type: ignore[union-attr,arg-type]
    members[1][1] = bytes(32)
    forged = envelope("r", "COHORT", {**body, "members": members}, table.sid, payload)
    with pytest.raises(CodecError, match="other members"):
        read_cohort(forged, payload)
