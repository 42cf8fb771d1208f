"""How a neighbourhood is cut in buckets: the same everywhere, even, with nobody in two, and no group in pieces."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.buckets import LEAST_MEMBERS, cut, tree_key, twin_groups
from protocol.plan import Plan

STUDY = bytes(range(32))
NAMES = st.lists(st.sampled_from([f"region-{i:02}" for i in range(40)]), min_size=9, max_size=40, unique=True)


def plan_of(n: int, **changes: Any) -> Plan:
    values: dict[str, Any] = {
        "roster": bytes(32), "regions": [f"region-{i:02}" for i in range(n)], "sums": ["count"],
        "task": {"name": "classifier", "version": "1"}, "schema": bytes(32), "layout": bytes(32), "dim": 10,
        "init": bytes(32), "code_sha256s": [bytes(32)], "robustness": "buckets", "topology": "complete",
    }  # fmt: skip
    return Plan.make(**(values | changes))


@given(names=NAMES, study=st.binary(min_size=32, max_size=32))
@settings(max_examples=60, deadline=None)
def test_there_are_a_third_as_many_buckets_as_neighbours_and_they_differ_by_one(names: list[str], study: bytes) -> None:
    parts = cut(study, names)
    assert len(parts) == len(names) // 3
    assert sorted(name for part in parts for name in part) == sorted(names)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    order = [sorted(part, key=lambda name: tree_key(study, 0, name)) for part in parts]
    assert [name for part in order for name in part] == sorted(names, key=lambda name: tree_key(study, 0, name))
    assert cut(study, sorted(names, reverse=True)) == parts


@given(names=NAMES, sizes=st.lists(st.integers(2, 7), max_size=8))
@settings(max_examples=60, deadline=None)
def test_a_group_is_never_cut_and_only_the_last_bucket_may_be_too_small(names: list[str], sizes: list[int]) -> None:
    rest, groups = list(names), []
    for size in sizes:
        groups.append(frozenset([*rest[:size], "region-far"]))  # who goes with them need not be a neighbour
        rest = rest[size:]
    parts = cut(STUDY, names, groups)
    assert sorted(name for part in parts for name in part) == sorted(names)
    for group in groups:
        assert sum(bool(group & set(part)) for part in parts) <= 1
    assert all(len(part) >= LEAST_MEMBERS for part in parts[:-1])


def test_twins_are_regions_with_the_same_neighbours() -> None:
    square = {"a": ("b", "d"), "b": ("a", "c"), "c": ("b", "d"), "d": ("a", "c")}
    assert twin_groups([square]) == (frozenset("ac"), frozenset("bd"))


def test_each_bucket_has_its_own_thresholds_and_every_sender_is_in_one() -> None:
    plan = plan_of(12)
    plan.check()
    parts = plan.parts("region-00", 1)
    assert sorted(part.degree for part in parts) == [3, 4, 4]
    assert [(part.colluders, part.needed) for part in parts] == [
        ((n - 1) // 3, 2 + (n - 1) // 3) for n in (part.degree for part in parts)
    ]
    for bucket, part in enumerate(parts):
        assert {plan.bucket_of("region-00", 7, name) for name in part.names} == {bucket}
        assert plan.part("region-00", 1, bucket) == part
    # Sum rounds know no buckets: what has a number there is an attempt.
    assert plan.part("region-00", 0, 57).degree == 11
    assert plan.needed("region-00", 0, 57) == 5
    assert (plan.may_be_away, plan.most_senders) == (1, 4)
    with pytest.raises(ValueError, match="bucket 3 of region-00, which has 3"):
        plan.part("region-00", 1, 3)
    with pytest.raises(ValueError, match="region-00 does not send to region-00"):
        plan.bucket_of("region-00", 1, "region-00")


def test_groups_that_go_together_share_a_bucket() -> None:
    names = [f"region-{i:02}" for i in range(16)]
    ring = [[i, j] for i in range(16) for j in range(i + 1, 16) if (j // 4 - i // 4) % 4 in (0, 1, 3)]
    plan = plan_of(16, topology="edges", graphs=[ring], masking={"survivors": "group_atomic"})
    plan.check()
    groups = {frozenset(names[4 * g : 4 * g + 4]) for g in range(4)}
    assert set(plan.twins) == groups
    for name in names:
        for part in plan.parts(name, plan.first_round):
            assert frozenset(part.names) | {name} in groups or frozenset(part.names) in groups
