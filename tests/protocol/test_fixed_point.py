"""Floats to ring integers: within half a step, exact at the edge, and no sum wraps."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from protocol.fixed_point import RING_DTYPES, largest, quantise

floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
near = st.floats(-30, 30, width=32)
rings = st.sampled_from(sorted(RING_DTYPES))


def f32(*values: float) -> NDArray[np.float32]:
    """A float32 vector."""
    return np.array(values, np.float32)


def plain(x: float, ref: float, step_log2: int, x_max: int) -> int:
    """One code in exact arithmetic; ``round`` of a fraction takes halves to the even neighbour."""
    code = round(Fraction(float(np.float64(x) - np.float64(ref))) * Fraction(2) ** step_log2)
    return max(-x_max, min(x_max, code))


def test_halves_go_to_the_even_neighbour() -> None:
    codes = quantise(f32(0.5, 1.5, 2.5, -0.5, -1.5), f32(0, 0, 0, 0, 0), 0, 100, 32)
    assert codes.tolist() == [0, 2, 2, 0, -2]


@pytest.mark.parametrize(
    ("ring", "bound", "expected"),
    [(8, 4, 31), (8, 8, 15), (8, 255, 0), (16, 4, 8191), (16, 8, 4095), (16, 255, 128), (32, 4, 536870911),
     (32, 8, 268435455), (32, 255, 8421504), (64, 1, 2**63 - 1), (32, 1, 2**31 - 1)],
)  # fmt: skip
def test_the_largest_code_is_that_of_the_table(ring: int, bound: int, expected: int) -> None:
    assert largest(ring, bound) == expected


@pytest.mark.parametrize(("ring", "bound"), [(12, 4), (32, 0), (0, 1)])
def test_another_ring_or_bound_is_refused(ring: int, bound: int) -> None:
    with pytest.raises(ValueError):
        largest(ring, bound)


@settings(max_examples=200)
@given(floats, floats, st.integers(-32, 52), st.integers(1, 300), rings)
def test_every_code_is_that_of_exact_arithmetic(x: float, ref: float, step_log2: int, bound: int, ring: int) -> None:
    x_max = largest(ring, bound)
    code = quantise(f32(x), f32(ref), step_log2, x_max, ring)[0]
    assert int(code) == plain(x, ref, step_log2, x_max)


@given(near, near, st.integers(0, 20))
def test_the_error_is_at_most_half_a_step_inside_the_range(x: float, ref: float, step_log2: int) -> None:
    code = quantise(f32(x), f32(ref), step_log2, largest(32, 8), 32)[0]
    error = abs(Fraction(int(code), 2**step_log2) - Fraction(float(np.float64(x) - np.float64(ref))))
    assert error <= Fraction(1, 2 ** (step_log2 + 1))


@settings(max_examples=50)
@given(st.lists(floats, min_size=1, max_size=12), rings, st.integers(-8, 30))
def test_the_sum_of_as_many_as_were_planned_does_not_wrap(values: list[float], ring: int, step_log2: int) -> None:
    x_max = largest(ring, len(values))
    codes = [quantise(f32(v), f32(0), step_log2, x_max, ring) for v in values]
    with np.errstate(over="ignore"):
        total = np.sum([c.view(RING_DTYPES[ring]) for c in codes], axis=0, dtype=RING_DTYPES[ring])
    assert int(total.view(codes[0].dtype)[0]) == sum(int(c[0]) for c in codes)


def test_the_edge_of_64_bits_is_met_though_no_float_holds_it() -> None:
    x_max = largest(64, 3)
    codes = quantise(f32(2.0**62, -(2.0**62), 2.0**61), f32(0, 0, 0), 0, x_max, 64)
    assert codes.tolist() == [x_max, -x_max, 2**61]
    assert float(x_max) != x_max


def test_codes_are_little_endian_and_signed() -> None:
    assert [quantise(f32(1), f32(0), 0, 1, ring).dtype.str for ring in RING_DTYPES] == ["|i1", "<i2", "<i4", "<i8"]


def test_a_vector_longer_than_a_chunk_is_that_of_its_parts() -> None:
    rng = np.random.default_rng(7)
    x, ref = rng.standard_normal((2, 100_001)).astype(np.float32)
    whole = quantise(x, ref, 24, largest(32, 40), 32)
    # One formula on the whole vector: slow in memory, plainly right.
    expected = np.clip(np.rint((x.astype(np.float64) - ref) * 2.0**24), -largest(32, 40), largest(32, 40))
    np.testing.assert_array_equal(whole, expected.astype(np.int64))


def test_inputs_are_left_as_they_were() -> None:
    x, ref = f32(1, 2), f32(0, 1)
    quantise(x, ref, 3, 5, 32)
    assert (x.tolist(), ref.tolist()) == ([1, 2], [0, 1])


def test_an_empty_vector_has_no_codes() -> None:
    assert quantise(f32(), f32(), 24, 100, 32).size == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [0, 40_000, 99_999])
@pytest.mark.parametrize("in_ref", [False, True])
def test_nan_and_infinity_are_refused(bad: float, at: int, in_ref: bool) -> None:
    x, ref = np.zeros((2, 100_000), np.float32)
    (ref if in_ref else x)[at] = bad
    with pytest.raises(ValueError, match="NaN or infinity"):
        quantise(x, ref, 24, 100, 32)


def test_two_infinities_do_not_cancel() -> None:
    with pytest.raises(ValueError, match="NaN or infinity"):
        quantise(f32(np.inf), f32(np.inf), 24, 100, 32)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((f32(1, 2), f32(1), 24, 100, 32), id="lengths"),
        pytest.param((np.zeros((2, 2), np.float32), np.zeros((2, 2), np.float32), 24, 100, 32), id="a matrix"),
        pytest.param((f32(1), f32(1), 24, 128, 8), id="bound beyond the ring"),
        pytest.param((f32(1), f32(1), 24, -1, 32), id="negative bound"),
        pytest.param((f32(1), f32(1), 24, 1, 24), id="unknown ring"),
    ],
)
def test_a_call_that_makes_no_sense_is_refused(arguments: Any) -> None:
    with pytest.raises(ValueError):
        quantise(*arguments)
