"""The average: by hand, and as a law."""

from __future__ import annotations

import hashlib
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gossip.exchange.mixing import mix, model_hash
from gossip.studies.round import norm_bucket
from protocol.fixed_point import largest, quantise


def codes(values: list[np.ndarray], k: int, bound: int, ring: int = 32) -> list[np.ndarray]:
    reference = np.zeros_like(values[0])
    return [quantise(v, reference, k, largest(ring, bound), ring) for v in values]


def test_two_senders_and_a_receiver_by_hand() -> None:
    """x = 1, neighbours 4 and 7, Q = 3: the mean is 4."""
    values = [np.array([v], dtype=np.float32) for v in (1.0, 4.0, 7.0)]
    own, *others = codes(values, 8, 2)
    total = np.sum(others, axis=0, dtype=own.dtype)
    np.testing.assert_array_equal(mix(values[0], total, own, 2, 8, 3), [4.0])


def test_a_missing_neighbour_leaves_its_weight_with_the_region() -> None:
    values = [np.array([v], dtype=np.float32) for v in (1.0, 4.0)]
    own, other = codes(values, 8, 2)
    np.testing.assert_array_equal(mix(values[0], other, own, 1, 8, 3), [2.0])


@settings(max_examples=100, deadline=None)
@given(n=st.integers(3, 8), size=st.integers(1, 40), seed=st.integers(0, 2**32), scale=st.floats(1e-3, 100))
def test_mixing_keeps_the_mean_whatever_quantising_and_clipping_do(n: int, size: int, seed: int, scale: float) -> None:
    """All regions mix with all: the float64 mean moves by float32 rounding of the results alone."""
    rng = np.random.default_rng(seed)
    values = [(rng.normal(size=size) * scale).astype(np.float32) for _ in range(n)]
    own = codes(values, 24, n - 1)
    whole = np.sum([c.astype(np.int64) for c in own], axis=0)
    after = [mix(v, (whole - c).astype(np.int32), c, n - 1, 24, n) for v, c in zip(values, own, strict=True)]
    before_mean = np.mean([v.astype(np.float64) for v in values], axis=0)
    after_mean = np.mean([a.astype(np.float64) for a in after], axis=0)
    rounding = np.max([np.abs(a) for a in after], axis=0) * 2.0**-23 + 1e-12
    assert np.all(np.abs(after_mean - before_mean) <= rounding)


def test_complete_mixing_agrees_within_the_step_of_the_code() -> None:
    rng = np.random.default_rng(1)
    values = [rng.normal(size=50).astype(np.float32) for _ in range(4)]
    own = codes(values, 24, 3)
    whole = np.sum([c.astype(np.int64) for c in own], axis=0)
    after = [mix(v, (whole - c).astype(np.int32), c, 3, 24, 4) for v, c in zip(values, own, strict=True)]
    spread = np.max(after, axis=0) - np.min(after, axis=0)
    assert np.all(spread < 4 * 2.0**-24 + 4e-7)


def test_the_hash_of_a_model_is_over_little_endian_floats() -> None:
    vector = np.array([1.0, -2.5], dtype=np.float32)
    assert model_hash(vector) == hashlib.sha256(bytes.fromhex("0000803f000020c0")).digest()


def test_a_norm_of_any_size_has_a_bucket() -> None:
    found = [norm_bucket(x) for x in (0.0, 1e-30, 1.0, 2.0, 3.0, 1e30, math.inf, math.nan)]
    assert found == [-40, -40, 0, 2, 3, 40, 40, 40]
