"""Bounds on what false values can do: exact lengths, and rules in the clear."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gossip.exchange.robust import (
    MOST,
    Verdict,
    clip,
    clipped,
    moves_too_far,
    nearest,
    squared_length,
    threshold,
    trimmed,
)

codes = st.lists(st.integers(-MOST, MOST), min_size=1, max_size=30)


def i64(*values: int) -> NDArray[np.int64]:
    return np.array(values, np.int64)


def test_a_step_within_the_bound_is_left_whole() -> None:
    change, verdict = clip(i64(3, -4), 5)
    assert (change.tolist(), verdict) == ([3, -4], Verdict.WITHIN)


def test_a_longer_step_is_shortened_and_keeps_its_direction() -> None:
    change, verdict = clip(i64(30, -40), 25)
    assert (change.tolist(), verdict) == ([15, -20], Verdict.CLIPPED)


def test_one_beyond_ten_times_the_bound_is_an_alarm() -> None:
    assert clip(i64(30, 40), 5)[1] is Verdict.CLIPPED  # ten times exactly
    assert clip(i64(31, 40), 5)[1] is Verdict.ALARM


@pytest.mark.parametrize(
    ("clip_at", "den", "step_log2", "expected"),
    [("1.5", 4, 24, 100_663_296), ("0.1", 1, 3, 0), ("0.1", 10, 3, 8), ("3", 7, 0, 21), ("1", 4, -1, 2)],
)
def test_the_bound_in_steps_is_that_of_the_decimal(clip_at: str, den: int, step_log2: int, expected: int) -> None:
    assert threshold(clip_at, den, step_log2) == expected


@given(codes)
def test_lengths_are_exact(values: list[int]) -> None:
    assert squared_length(i64(*values)) == sum(value * value for value in values)


@settings(max_examples=200)
@given(codes, st.integers(1, MOST))
def test_what_may_be_applied_is_never_longer_than_the_bound(values: list[int], most: int) -> None:
    change, verdict = clip(i64(*values), most)
    squared = sum(value * value for value in values)
    assert (verdict is Verdict.ALARM) == (squared > 100 * most * most)
    if verdict is not Verdict.ALARM:
        assert sum(int(c) ** 2 for c in change) <= most * most
    if verdict is Verdict.CLIPPED:
        factor = Fraction(math.isqrt((most * most << 32) // squared), 1 << 16)
        assert change.tolist() == [int(math.copysign(1, v)) * math.floor(abs(v) * factor) for v in values]


def test_coordinates_beyond_32_bits_count_as_the_largest() -> None:
    change, verdict = clip(i64(2**40, -(2**63)), 2**33)
    assert (change.tolist(), verdict) == ([MOST, -MOST], Verdict.WITHIN)


# ---------------------------------------------------------------- with single values in sight


def test_each_neighbour_pulls_by_the_bound_at_most() -> None:
    own, near, far, beyond = i64(0, 0), i64(3, 4), i64(0, 20), i64(10_000, 0)
    change, left_out = clipped(own, [near, far, beyond], [1, 3, 1], 10)
    assert (change.tolist(), left_out) == ([3, 4 + 3 * 10], [2])


def test_the_farthest_are_left_out_of_the_nearest_mean() -> None:
    own = i64(10, 10)
    change, den, left_out = nearest(own, [i64(12, 10), i64(999, 999), i64(10, 7)], 1)
    assert (change.tolist(), den, left_out) == ([2, -3], 3, [1])


def test_the_ends_of_every_coordinate_are_trimmed() -> None:
    own = i64(1, 100)
    change, den = trimmed(own, [i64(2, 5), i64(3, 6), i64(-90, 7)], 1)
    assert (change.tolist(), den) == ([2 + 1 - 2 * 1, 6 + 7 - 2 * 100], 2)


def test_trimming_all_values_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing is left"):
        trimmed(i64(1), [i64(2)], 1)


@settings(max_examples=60)
@given(st.lists(st.integers(-100, 100), min_size=3, max_size=9), st.integers(-(2**40), 2**40))
def test_one_false_value_cannot_carry_the_trimmed_or_nearest_mean_away(values: list[int], false: int) -> None:
    """With c = 1, the result stays between the honest values."""
    own, *others = [i64(v) for v in values]
    for change, den in (trimmed(own, [*others, i64(false)], 1), nearest(own, [*others, i64(false)], 1)[:2]):
        mean = Fraction(int(own[0])) + Fraction(int(change[0]), den)
        spread = max(values) - min(values)
        assert min(values) - spread <= mean <= max(values) + spread


# ---------------------------------------------------------------- the mean of all


def test_a_mean_that_moves_by_the_bound_is_adopted_and_by_more_is_not() -> None:
    """From 6/3 = 2 to 20/4 = 5 in one coordinate, steps of 1: a way of 3."""
    assert not moves_too_far(i64(20), 4, i64(6), 3, "3", 0)
    assert moves_too_far(i64(20), 4, i64(6), 3, "2.99", 0)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(-(2**36), 2**36), st.integers(-(2**36), 2**36)), min_size=1, max_size=20),
    st.integers(1, 32), st.integers(1, 32), st.integers(1, 10**9), st.integers(0, 24),
)  # fmt: skip
def test_the_way_between_two_means_is_exact(
    pairs: list[tuple[int, int]], n: int, before: int, tau: int, step_log2: int
) -> None:
    now, then = (i64(*values) for values in zip(*pairs, strict=True))
    squared = sum((s * before - old * n) ** 2 for s, old in pairs)
    most = tau * n * before * 2**step_log2
    assert moves_too_far(now, n, then, before, str(tau), step_log2) == (squared > most**2)
