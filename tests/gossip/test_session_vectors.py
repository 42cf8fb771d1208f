"""Whole sessions made by a second implementation: the machines say the same, byte for byte."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crypto.agreement import x25519, x25519_public
from gossip.sessions.derived import (
    MASK_KEY,
    SELF,
    Channel,
    mask_key,
    pair_seed,
    self_commitment,
    self_seed,
    share_commitment,
)
from gossip.sessions.session import MemberSession, ReceiverSession, ReceiverState, read_cohort, session_id
from tests.gossip.recoverable_table import RECEIVER, Table, envelope
from tests.vectors import make_session

FOLDER = Path(make_session.__file__).parent / "session"
Case = dict[str, Any]
h = bytes.fromhex


def whole(name: str) -> Case:
    """One file."""
    made: Case = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return made


class Drawn:
    """Entropy as it stands in a file."""

    def __init__(self, draws: list[str]) -> None:
        self.left = [h(one) for one in draws]

    def __call__(self, size: int) -> bytes:
        assert len(self.left[0]) == size
        return self.left.pop(0)


@pytest.mark.parametrize("name", list(make_session.MADE))
def test_the_generator_makes_the_file_as_it_stands(name: str) -> None:
    on_disk = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert make_session.text_of(make_session.MADE[name]()) == on_disk


@pytest.mark.parametrize("name", ["recoverable_uniform", "recoverable_metropolis"])
def test_a_whole_recoverable_session(name: str) -> None:
    case = whole(name)
    table = Table(case["names"], ring=case["ring"], words=8, weights=case["weights"])
    table.entropy = Drawn(case["entropy"])  # type: ignore[assignment]
    values = {name: np.array(v, f"<i{case['ring'] // 8}") for name, v in case["values"].items()}
    assert table.run(values, unmasked=["vgr"]) is ReceiverState.DONE

    said = [(e.fields.sender, e.fields.type, e.header.hex(), e.signature.hex(), p.hex()) for e, p in table.said]
    assert said == [(s["from"], s["type"], s["header"], s["signature"], s["payload"]) for s in case["said"]]
    assert table.entropy.left == []  # type: ignore[attr-defined]
    assert table.total() == case["total"]
    assert hashlib.sha256(table.receiver.total().tobytes()).hexdigest() == case["sum_sha256"]
    opened = [{"kind": o.kind, "region": o.region, "of": o.of, "seed": o.seed.hex()} for o in table.receiver.opened]
    assert opened == case["opened"]


def test_a_whole_strict_session() -> None:
    case = whole("strict")
    entropy, said = Drawn(case["entropy"]), iter(case["said"])
    sid, names = h(case["sid"]), case["names"]

    def same(sender: str, type: str, body: Any, payload: bytes = b"") -> Any:
        made, expected = envelope(sender, type, body, sid, payload), next(said)
        assert (made.header.hex(), made.signature.hex()) == (expected["header"], expected["signature"])
        assert payload.hex() == expected["payload"]
        return made

    members = {name: MemberSession(sid, 0, 0, name, RECEIVER) for name in names}
    receiver = ReceiverSession(sid, 0, 0, names, 2, case["ring"])
    for name in names:
        receiver.announce(same(name, "ADVERT", members[name].advert(entropy, None)))
    body, payload = receiver.cohort(entropy, "mix", [])
    cohort = read_cohort(same(RECEIVER, "COHORT", body, payload), payload)
    for name in names:
        y = bytes(members[name].mask(cohort, np.array(case["values"][name], "<i4"), masked=True))
        same(name, "MASKED", {"view": cohort.envelope.eid, "self_commit": b""}, y)
        receiver.add(name, y)
    assert receiver.total().tolist() == case["total"]
    assert next(said, None) is None


def test_every_derivation_by_itself() -> None:
    case = whole("derivations")
    cohort, (low, high) = h(case["cohort"]), case["names"]
    sid = session_id(h(case["study"]), case["round"], case["receiver"], h(case["roster"]), case["bucket"])
    assert sid == h(case["sid"])

    keys = [mask_key(h(seed), sid, name) for seed, name in zip(case["seed_c"], case["names"], strict=True)]
    assert [key.hex() for key in keys] == case["mask_key"]
    public = [x25519_public(key) for key in keys]
    assert pair_seed(keys[0], public[0], cohort, low, high, public[1]) == h(case["pair_seed"])
    assert pair_seed(keys[1], public[1], cohort, high, low, public[0]) == h(case["pair_seed"])

    own = self_seed(h(case["seed_b"]), cohort, low)
    assert own == h(case["self_seed"])
    assert self_commitment(cohort, low, own) == h(case["self_commitment"])
    commitments = [share_commitment(cohort, low, high, kind, h(case["share"])) for kind in (MASK_KEY, SELF)]
    assert [one.hex() for one in commitments] == case["share_commitments"]

    eph, both = [h(key) for key in case["eph"]], [h(key) for key in case["lasting"]]
    lasting, publics = x25519(both[0], x25519_public(both[1])), [x25519_public(key) for key in eph]
    at_low = Channel.between(low, eph[0], publics[0], high, publics[1], lasting, cohort)
    at_high = Channel.between(high, eph[1], publics[1], low, publics[0], lasting, cohort)
    assert at_low.seal("SHARES", 2 * h(case["share"])) == h(case["sealed"])
    assert at_high.seal("SHARES", 2 * h(case["share"])) == h(case["sealed_back"])
    assert at_high.unseal("SHARES", h(case["sealed"])) == 2 * h(case["share"])
