"""Sums, integers and mixes computed again: what a region runs, numpy and plain Python give the same to the bit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from crypto.masking import PRGS, add_masks, expand
from gossip.exchange.mixing import model_hash
from node.audit import replay
from node.audit.court import replay as plain
from node.audit.court.streams import stream
from protocol.plan import Plan

NAMES = tuple(f"region-{i:02}" for i in range(13))


def plan_of(n: int = 4, **changes: object) -> Plan:
    values: dict[str, object] = {
        "lab": True, "roster": bytes(32), "regions": list(NAMES[:n]), "task": {"name": "t", "version": "1"},
        "schema": bytes(32), "layout": bytes(32), "dim": 7, "init": bytes(32), "code_sha256s": [bytes(32)],
        "masking": {"mode": "strict"}, "topology": "complete", **changes,
    }  # fmt: skip
    plan = Plan.make(**values)
    plan.check()
    return plan


@pytest.mark.parametrize("prg", PRGS)
@given(seed=st.binary(min_size=32, max_size=32), words=st.integers(0, 70))
@settings(max_examples=15)
def test_streams_in_plain_python_are_those_of_the_library(prg: str, seed: bytes, words: int) -> None:
    assert stream(seed, 4 * words, prg) == expand(seed, words, "<u4", prg=prg).tobytes()


def test_aes_256_gives_the_block_of_fips_197() -> None:
    # FIPS 197, appendix C.3, in counter mode: the block of counter zero is AES of sixteen zero bytes.
    assert stream(bytes(32), 16, "aes256ctr").hex() == "dc95c078a2408989ad48a21492842087"


@given(
    ring=st.sampled_from([8, 16, 32, 64]), prg=st.sampled_from(PRGS), seed=st.integers(0, 2**32 - 1),
    senders=st.integers(1, 5), words=st.integers(1, 40), opened=st.integers(0, 3),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_a_sum_less_its_masks_is_the_weighted_sum_of_the_values(
    ring: int, prg: str, seed: int, senders: int, words: int, opened: int
) -> None:
    rng = np.random.default_rng(seed)
    dtype = np.dtype(f"<u{ring // 8}")
    values = [rng.integers(0, 2**ring, words, dtype=np.uint64).astype(dtype) for _ in range(senders)]
    weights = [int(w) | 1 for w in rng.integers(1, 40, senders)]
    seeds = [rng.bytes(32) for _ in range(opened)]
    expected: NDArray[Any] = np.zeros(words, dtype)
    for value, weight in zip(values, weights, strict=True):
        expected = expected + value * dtype.type(weight)
    masked = values[0].copy()
    add_masks(masked, seeds, [], prg=prg, factor=pow(weights[0], -1, 2**ring))
    payloads: Sequence[bytes] = [masked.tobytes(), *(v.tobytes() for v in values[1:])]
    assert replay.total(payloads, weights, ring, (), seeds, prg) == expected.tobytes()
    assert plain.total(payloads, weights, ring, (), seeds, prg) == expected.tobytes()
    wanted = hashlib.sha256(expected.tobytes()).digest()
    assert replay.sum_hash(payloads, weights, ring, (), seeds, prg) == wanted
    assert plain.sum_hash(payloads, weights, ring, (), seeds, prg) == wanted


def test_payloads_of_two_lengths_have_no_sum() -> None:
    for module in (replay, plain):
        assert module.sum_hash([bytes(8), bytes(12)], [1, 1], 32) is None
        assert module.sum_hash([bytes(7)], [1], 32) is None
        assert module.sum_hash([], [], 32) is None


WAYS = {
    "plain": plan_of(),
    "metropolis": plan_of(weights="metropolis"),
    "clipped": plan_of(clip="0.5"),
    "sixteen bits": plan_of(ring=16, step_log2=[[0, "", 9]]),
    "sixty-four bits": plan_of(ring=64, step_log2=[[0, "", 40]]),
    "buckets": plan_of(13, robustness="buckets", sums=[]),
}


@pytest.mark.parametrize("way", WAYS)
@given(seed=st.integers(0, 2**32 - 1), spread=st.sampled_from([1e-3, 1.0, 30.0]))
@settings(max_examples=15, deadline=None)
def test_integers_and_mixes_are_the_same_in_plain_python(way: str, seed: int, spread: float) -> None:
    plan, me = WAYS[way], NAMES[0]
    rng = np.random.default_rng(seed)
    round = plan.first_round
    reference = rng.normal(size=plan.dim).astype("<f4")

    def value() -> bytes:
        moved: NDArray[np.float32] = (reference + rng.normal(size=plan.dim) * spread).astype("<f4")
        return moved.tobytes()

    own, start = value(), reference.tobytes()
    sums = []
    for part in plan.parts(me, round):
        names = list(part.names)
        codes = [replay.integers(plan, round, value(), start) for _ in names]
        assert None not in codes
        weights = [plan.row(me, round).of[name] for name in names]
        found = replay.total([code for code in codes if code is not None], weights, plan.ring)
        assert found is not None
        sums.append((found, names))
    assert replay.integers(plan, round, own, start) == plain.integers(plan, round, own, start) is not None
    assert replay.mixed_hash(plan, me, round, own, start, sums) == plain.mixed_hash(plan, me, round, own, start, sums)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_the_mean_of_a_whole_network_is_the_same_in_plain_python(seed: int) -> None:
    plan = plan_of(5, aggregation="network")
    rng = np.random.default_rng(seed)
    reference = rng.normal(size=plan.dim).astype("<f4").tobytes()
    total = rng.integers(-(2**30), 2**30, plan.dim).astype("<i4").tobytes()
    found = replay.adopted_hash(plan, 0, reference, total, 5)
    assert found == plain.adopted_hash(plan, 0, reference, total, 5) is not None


@given(st.lists(st.tuples(st.floats(width=32), st.floats(width=32)), min_size=1, max_size=20))
def test_lengths_agree_to_nine_digits(pairs: list[tuple[float, float]]) -> None:
    before = np.array([x for x, _ in pairs], "<f4").tobytes()
    after = np.array([y for _, y in pairs], "<f4").tobytes()
    one, two = replay.length(before, after), plain.length(before, after)
    assert one == pytest.approx(two, rel=1e-9, nan_ok=True) or not np.isfinite([one or 0.0, two or 0.0]).all()


def test_what_is_no_vector_of_the_plan_has_no_integers_and_no_mix() -> None:
    plan = plan_of()
    good = np.zeros(plan.dim, "<f4").tobytes()
    bad = np.full(plan.dim, np.nan, "<f4").tobytes()
    for module in (replay, plain):
        for value in (b"", b"123", good[:-4], bad):
            assert module.integers(plan, 0, value, good) is None
            assert module.mixed_hash(plan, NAMES[0], 0, value, good, [(good, NAMES[1:4])]) is None
        assert module.mixed_hash(plan, NAMES[0], 0, good, good, [(good[:-4], NAMES[1:4])]) is None
        assert module.adopted_hash(plan, 0, good, good[:-4], 4) is None
        assert module.length(good, good[:-4]) is None


def test_a_sum_far_beyond_clip_gives_no_model() -> None:
    plan = plan_of(clip="0.001")
    far = np.full(plan.dim, 2**29, "<i4").tobytes()
    start = np.zeros(plan.dim, "<f4").tobytes()
    for module in (replay, plain):
        assert module.mixed_hash(plan, NAMES[0], 0, start, start, [(far, NAMES[1:4])]) is None


def test_the_hash_of_a_mix_is_the_hash_of_its_model() -> None:
    plan = plan_of()
    start = np.zeros(plan.dim, "<f4")
    found = replay.mixed_hash(plan, NAMES[0], 0, start.tobytes(), start.tobytes(), [(bytes(4 * plan.dim), NAMES[1:4])])
    assert found == model_hash(start)
