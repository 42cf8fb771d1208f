"""What is said of false updates always has two sides."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.plan import Plan
from protocol.plan_words import false_updates

HASH = bytes(32)
DP = {"eps_max_u": 3_000_000, "delta_u12": 10**9, "clip_u": 10**6, "q_u": 200_000, "sigma_min_u": 2_490_000}

BUCKETS: dict[str, Any] = {"robustness": "buckets", "regions": [*"abcdefghij"], "topology": "complete"}


def plan_of(**changes: Any) -> Plan:
    values: dict[str, Any] = {
        "roster": HASH, "regions": ["a", "b", "c", "d"], "task": {"name": "classifier", "version": "1"},
        "schema": HASH, "layout": HASH, "dim": 10, "init": HASH, "code_sha256s": [HASH],
    }  # fmt: skip
    return Plan.make(**(values | changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ["you cannot see theirs", "neither bounded nor attributed"]),
        ({"clip": 1.5}, ["you cannot see theirs", "Poisoning is bounded, not attributed", "at most 1.5 (L2)"]),
        ({"robustness": "clear", "clip": 2, "dp": DP}, ["you see theirs", "at most 2 a round", "is named"]),
        ({"robustness": "clear-nearest", "dp": DP}, ["you see theirs", "farthest"]),
        ({"robustness": "clear-trimmed", "dp": DP}, ["you see theirs", "largest and smallest"]),
        (BUCKETS, ["you cannot see theirs", "Poisoning is bounded, not attributed", "fewer than half", "The price"]),
        (BUCKETS | {"lab": True, "masking": {"mode": "off"}}, ["every neighbour sees every update", "fewer than half"]),
        ({"lab": True, "masking": {"mode": "off"}}, ["every neighbour sees every update"]),
    ],
    ids=["none", "clip_sum", "clear", "nearest", "trimmed", "buckets", "buckets, off", "off"],
)
def test_both_sides_are_said(changes: dict[str, Any], words: list[str]) -> None:
    text = " ".join(false_updates(plan_of(**changes)))
    assert all(word in text for word in words)
