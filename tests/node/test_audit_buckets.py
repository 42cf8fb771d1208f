"""What the plan asks of the sums of buckets, as rules see it again from single entries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from node.audit.rules import Item, cohort, edge, sessions_of, stale, weights
from protocol.codec import hash_of
from protocol.plan import Plan

NAMES = [f"region-{i}" for i in range(10)]
ME = NAMES[0]


def plan_of(**changes: Any) -> Plan:
    values: dict[str, Any] = {
        "roster": bytes(32), "regions": NAMES, "task": {"name": "still", "version": "1"}, "schema": bytes(32),
        "layout": bytes(32), "dim": 4, "init": bytes(32), "code_sha256s": [bytes(32)], "sums": ["count"],
        "topology": "complete", "robustness": "buckets",
    }  # fmt: skip
    return Plan.make(**(values | changes))


PLAN = plan_of()
CUTS = [part.names for part in PLAN.parts(ME, 1)]


def sid(bucket: int, round: int = 1) -> bytes:
    return hash_of("sid", [PLAN.study, round, ME, PLAN.roster, bucket])


@dataclass
class Said:
    type: str
    sender: str
    session: bytes
    round: int = 1
    body: dict[str, Any] = field(default_factory=dict)
    study: bytes = PLAN.study
    head_size: int = 0


def summed(bucket: int, names: list[str]) -> list[Item]:
    """A COHORT of a bucket, and the sum that was opened for it."""
    body = {"members": [[name, bytes(32), None] for name in names], "variant": "strict"}
    said: Any = Said("COHORT", ME, sid(bucket), body=body)
    return [
        Item(7, "env.sent", {"to": names}, said),
        Item(9, "session.sum", {"session": sid(bucket), "survivors": names, "opened": [], "sum": bytes(32)}),
    ]


def mix(buckets: list[int], senders: list[str], **changes: Any) -> Item:
    given = dict.fromkeys(senders, 1) | {ME: 10 - len(senders)}
    used = [{"session": sid(bucket), "sum": bytes(32)} for bucket in buckets]
    return Item(12, "round.mix", {"round": 1, "in": used, "weights": given, "den": 10, **changes})


def test_a_session_stands_for_one_bucket_of_one_receiver() -> None:
    sessions = sessions_of(PLAN)
    found = [sessions.place(sid(bucket), 1) for bucket in range(3)]
    assert [(place.receiver, place.bucket) for place in found if place is not None] == [(ME, 0), (ME, 1), (ME, 2)]
    assert sessions.place(sid(3), 1) is None
    assert stale(PLAN, ME, [mix([0, 1, 3], NAMES[1:])]) == "round 1 mixed a sum of another round"
    assert sessions.place(sid(57, 0), 0) is not None  # an attempt of a sum round


@pytest.mark.parametrize("bucket", range(3))
def test_a_sum_is_over_enough_of_its_own_bucket(bucket: int) -> None:
    own, other = list(CUTS[bucket]), CUTS[bucket - 1][0]
    assert cohort(PLAN, ME, summed(bucket, own)) is None
    assert cohort(PLAN, ME, summed(bucket, own[:2])) is None
    assert cohort(PLAN, ME, summed(bucket, own[:1])) == "round 1: a sum over 1; at least 2 are needed"
    found = cohort(PLAN, ME, summed(bucket, sorted([*own, other])))
    assert found == f"round 1: {other} is not among those who send to {ME}"


def test_a_member_speaks_in_the_session_of_its_own_bucket() -> None:
    name = CUTS[1][0]
    messages: list[Any] = [Said("ADVERT", name, sid(bucket)) for bucket in range(3)]
    found = [edge(PLAN, name, [Item(3, "env.sent", {"to": [ME]}, message)]) for message in messages]
    assert found[1] is None
    assert found[0] == found[2] == f"round 1: a ADVERT for {ME}, which is no neighbour"


def test_a_mix_is_of_three_buckets_and_weighs_everybody_alike() -> None:
    assert weights(PLAN, ME, [mix([0, 1, 2], NAMES[1:])]) is None
    few = weights(PLAN, ME, [mix([0, 1], sorted(CUTS[0] + CUTS[1]))])
    assert few == "round 1: a mean of 2 buckets; at least 3 are needed"
    assert weights(PLAN, ME, [mix([0, 1, 1], NAMES[1:])]) == few
    heavy = dict.fromkeys(NAMES[1:], 1) | {NAMES[4]: 3, ME: 1}
    assert weights(PLAN, ME, [mix([0, 1, 2], NAMES[1:], weights=heavy)]) == (
        "round 1: region-4 weighs 3, by the plan 1"
    )
