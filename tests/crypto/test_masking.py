"""Masks hide each vector and vanish in the sum."""

from __future__ import annotations

from hashlib import sha256
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import masking
from crypto.masking import CHUNK_BYTES, add_masks, expand
from tests.vectors import reference, reference_sharing

DTYPES = ["<u1", "<u2", "<u4", "<u8"]
A, B, C = (sha256(word).digest() for word in (b"a", b"b", b"c"))


def test_the_stream_is_aes_of_a_counter_from_zero() -> None:
    stream = expand(A, 8, "<u4").tobytes()
    assert stream == reference.aes256(A, bytes(16)) + reference.aes256(A, bytes(15) + b"\1")


def test_words_are_little_endian() -> None:
    first, second = expand(A, 2, "<u1")
    assert expand(A, 1, "<u2")[0] == int(first) + 256 * int(second)


def test_a_sum_of_words_wraps() -> None:
    word = int(expand(A, 1, "<u1")[0])
    vector = np.array([255], "<u1")
    add_masks(vector, [A], [])
    assert vector[0] == (255 + word) % 256


def test_what_is_added_and_taken_away_is_gone() -> None:
    vector = np.arange(5, dtype="<u4")
    add_masks(vector, [A, B], [B, A])
    np.testing.assert_array_equal(vector, np.arange(5))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [2, 3, 5])
def test_masks_of_a_group_sum_to_zero(dtype: str, n: int) -> None:
    masks = [np.zeros(1000, dtype) for _ in range(n)]
    for low, high in combinations(range(n), 2):
        seed = sha256(bytes((low, high))).digest()
        add_masks(masks[low], [seed], [])
        add_masks(masks[high], [], [seed])
    assert all(mask.any() for mask in masks)
    assert not np.sum(masks, axis=0, dtype=dtype).any()


@given(st.sampled_from(DTYPES), st.integers(0, 300), st.binary(min_size=32, max_size=32))
@settings(max_examples=20, deadline=None)
def test_a_second_implementation_makes_the_same_stream(dtype: str, count: int, seed: bytes) -> None:
    expected = reference.keystream(seed, 0, count * np.dtype(dtype).itemsize)
    assert expand(seed, count, dtype).tobytes() == expected


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("off", [-1, 0, 1])
def test_a_stream_goes_on_over_the_border_of_a_chunk(dtype: str, off: int) -> None:
    count = CHUNK_BYTES // np.dtype(dtype).itemsize + off
    tail = expand(A, count + 2, dtype)[-4:].tobytes()
    end = (count + 2) * np.dtype(dtype).itemsize
    assert tail == reference.keystream(A, end - len(tail), end)


@given(st.sampled_from(DTYPES), st.integers(0, 200_000), st.integers(0, 3), st.integers(0, 3))
@settings(max_examples=15, deadline=None)
def test_chunks_leave_no_trace(dtype: str, count: int, plus: int, minus: int) -> None:
    seeds = [sha256(bytes((i,))).digest() for i in range(6)]
    vector = np.arange(count).astype(dtype)
    expected = vector.copy()
    for seed in seeds[:plus]:
        expected += expand(seed, count, dtype)
    for seed in seeds[3 : 3 + minus]:
        expected -= expand(seed, count, dtype)
    add_masks(vector, seeds[:plus], seeds[3 : 3 + minus])
    np.testing.assert_array_equal(vector, expected)


def test_a_longer_stream_begins_with_a_shorter_one() -> None:
    np.testing.assert_array_equal(expand(A, 70_000, "<u4")[:10], expand(A, 10, "<u4"))


# Ways to be cheated.


@pytest.mark.attack("S13")
def test_seeds_that_differ_in_one_bit_anywhere_have_unlike_streams() -> None:
    # A folded seed (32 bytes squeezed into a 32-bit generator) would repeat among these.
    near = [A[:at] + bytes((A[at] ^ 1 << bit,)) + A[at + 1 :] for at in range(32) for bit in range(8)]
    streams = {expand(seed, 4, "<u8").tobytes() for seed in [A, *near]}
    assert len(streams) == 257


@pytest.mark.attack("S13")
def test_no_generator_of_numpy_makes_a_mask() -> None:
    source = Path(masking.__file__).read_text(encoding="utf-8")
    assert "random" not in source


@pytest.mark.attack("S13")
@pytest.mark.parametrize("dtype", ["<u1", "<u2"])
def test_masked_words_are_uniform(dtype: str) -> None:
    masked = np.full(1 << 18, 7, dtype)
    add_masks(masked, [A], [B])
    counts = np.bincount(masked.view("<u1"), minlength=256)
    expected = masked.nbytes / 256
    chi_squared = float(((counts - expected) ** 2 / expected).sum())
    # 255 degrees of freedom: mean 255, standard deviation 22.6; the seeds are fixed, so this never flickers.
    assert abs(chi_squared - 255) < 4 * 22.6


@pytest.mark.parametrize("length", [0, 4, 16, 31, 33])
def test_a_seed_of_another_length_is_refused_and_nothing_changes(length: int) -> None:
    vector = np.arange(5, dtype="<u4")
    with pytest.raises(ValueError, match="expected 32"):
        add_masks(vector, [A], [bytes(length)])
    np.testing.assert_array_equal(vector, np.arange(5))


@pytest.mark.parametrize(
    "vector",
    [
        pytest.param(np.zeros(4, "<i4"), id="signed"),
        pytest.param(np.zeros(4, "<f4"), id="float"),
        pytest.param(np.zeros(4, ">u4"), id="big-endian"),
        pytest.param(np.zeros((2, 2), "<u4"), id="two dimensions"),
        pytest.param(np.zeros(8, "<u4")[::2], id="every second word"),
        pytest.param(np.frombuffer(bytes(16), "<u4"), id="not writeable"),
    ],
)
def test_a_vector_of_another_form_is_refused(vector: Any) -> None:
    with pytest.raises(ValueError, match="expected one"):
        add_masks(vector, [A], [])


# The second stream, and masks that are divided by a weight.


def test_the_second_stream_is_chacha20_from_zero() -> None:
    stream = expand(A, 32, "<u4", prg="chacha20").tobytes()
    assert stream == reference_sharing.chacha20_stream(A, 0, 128)


def test_the_two_streams_of_a_seed_are_unlike() -> None:
    assert expand(A, 8, "<u8", prg="chacha20").tobytes() != expand(A, 8, "<u8").tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weight", [1, 3, 51, 255])
@pytest.mark.parametrize("prg", masking.PRGS)
def test_masks_divided_by_a_weight_are_the_masks_when_weighed(dtype: str, weight: int, prg: str) -> None:
    bits = 8 * np.dtype(dtype).itemsize
    count = CHUNK_BYTES // np.dtype(dtype).itemsize + 3
    x = np.arange(count).astype(dtype)
    y = x.copy()
    add_masks(y, [A, B], [C], prg=prg, factor=pow(weight, -1, 1 << bits))
    bare = np.zeros(count, dtype)
    add_masks(bare, [A, B], [C], prg=prg)
    times = np.dtype(dtype).type(weight)
    np.testing.assert_array_equal(y * times, x * times + bare)


@pytest.mark.parametrize("factor", [0, 2, -1, 1 << 16])
def test_masks_times_what_loses_a_bit_are_refused(factor: int) -> None:
    vector = np.zeros(4, "<u2")
    with pytest.raises(ValueError, match="odd number below"):
        add_masks(vector, [A], [], factor=factor)
    assert not vector.any()


def test_a_stream_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="aes256ctr, chacha20"):
        expand(A, 1, "<u1", prg="pcg64")
