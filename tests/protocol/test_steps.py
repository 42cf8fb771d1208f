"""Steps by round and tensor, blocks, and rounding by a public stream."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.masking import expand
from protocol.blocks import BLOCK, chosen, count
from protocol.codec import hash_of
from protocol.fixed_point import largest, quantise, quantise_parts, stochastic
from protocol.steps import Part, finest, parts_of

LAYOUT = (("model.0.bias", 2), ("model.0.weight", 6), ("model.1.bias", 1), ("model.1.weight", 3))
LINES = [(0, "", 20), (3, "model.1.", 18), (5, "", 16), (5, "model.0.w", 22)]


@pytest.mark.parametrize(
    ("round", "expected"),
    [
        (0, [Part(0, 12, 20)]),
        (3, [Part(0, 8, 20), Part(8, 12, 18)]),
        (5, [Part(0, 2, 16), Part(2, 8, 22), Part(8, 12, 16)]),
    ],
)
def test_of_two_lines_that_fit_the_later_wins(round: int, expected: list[Part]) -> None:
    assert list(parts_of(LINES, round, LAYOUT, 12)) == expected
    assert finest(LINES) == 22


def test_without_prefixes_nobody_needs_the_layout() -> None:
    assert parts_of([(0, "", 24), (7, "", 20)], 9, (), 5) == (Part(0, 5, 20),)


def test_prefixes_without_a_layout_are_refused() -> None:
    with pytest.raises(ValueError, match="expected all 12"):
        parts_of(LINES, 3, (), 12)


def test_codes_of_parts_are_those_of_each_part() -> None:
    rng = np.random.default_rng(1)
    x, ref = rng.normal(size=(2, 12)).astype(np.float32)
    parts, most = parts_of(LINES, 5, LAYOUT, 12), largest(16, 3)
    whole = quantise_parts(x, ref, parts, most, 16)
    for part in parts:
        run = part.slice
        np.testing.assert_array_equal(whole[run], quantise(x[run], ref[run], part.step_log2, most, 16))


# ---------------------------------------------------------------- blocks


def test_all_blocks_need_no_list() -> None:
    assert chosen(bytes(32), 0, 5000, 10_000) is None


@given(st.integers(1, 20_000), st.integers(1, 9_999), st.integers(0, 50))
def test_whole_blocks_travel_as_many_as_the_share_says(dim: int, share_bp: int, round: int) -> None:
    indices = chosen(bytes(32), round, dim, share_bp)
    assert indices is not None
    blocks = set((indices // BLOCK).tolist())
    assert len(blocks) == count(dim, share_bp) == math.ceil(Fraction(math.ceil(dim / BLOCK) * share_bp, 10_000))
    expected = [i for i in range(dim) if i // BLOCK in blocks]
    assert indices.tolist() == expected


def test_blocks_are_those_with_the_smallest_words_of_the_public_stream() -> None:
    words = expand(hash_of("blocks", [bytes(32), 7]), 8, "<u8").tolist()
    first = sorted(sorted(range(8), key=lambda block: words[block])[:3])
    indices = chosen(bytes(32), 7, 8 * BLOCK, 3750)
    assert indices is not None
    assert sorted(set((indices // BLOCK).tolist())) == first


# ---------------------------------------------------------------- stochastic rounding


def test_a_word_decides_whether_a_value_is_rounded_up() -> None:
    words = np.array([0, 2**15 - 1, 2**15, 2**16 - 1, 0, 2**15], np.uint16)
    found = stochastic(np.array([0.5, 0.5, 0.5, 0.5, 3.0, -0.5]), words, 10)
    assert found.tolist() == [0, 0, 1, 1, 3, 0]


@given(st.floats(-100, 100), st.integers(0, 2**16 - 1), st.integers(0, 90))
def test_every_code_is_that_of_exact_arithmetic_on_the_rounded_sum(value: float, word: int, x_max: int) -> None:
    found = int(stochastic(np.array([value]), np.array([word], np.uint16), x_max)[0])
    total = Fraction(value + word / 65536)
    assert found == max(-x_max, min(x_max, total.numerator // total.denominator))


def test_over_all_words_the_mean_is_the_value() -> None:
    words = np.arange(2**16).astype(np.uint16)
    for value in (0.3, -1.7, 5.0):
        mean = stochastic(np.full(2**16, value), words, 100).mean()
        assert abs(mean - value) <= 2.0**-16


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="NaN or infinity"):
        stochastic(np.array([0.0, bad]), np.zeros(2, np.uint16), 10)


def test_a_value_without_a_word_is_refused() -> None:
    with pytest.raises(ValueError, match="one word each"):
        stochastic(np.zeros(3), np.zeros(2, np.uint16), 10)
