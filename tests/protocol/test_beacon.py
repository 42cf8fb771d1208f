"""Which rounds are opened follows from the log alone, and from nobody's choice."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.beacon import draw, is_drawn

STUDY = bytes(range(32))
ROOTS = {"net.example/skane/1": bytes([2]) * 32, "net.example/halland/1": bytes([1]) * 32}


def test_a_draw_is_the_hash_that_the_specification_spells_out() -> None:
    said = b"landsting/v1/beacon\x00" + STUDY + b"\x00\x00\x00\x00\x00\x00\x00\x07" + b"vgr\x00"
    said += bytes([1]) * 32 + bytes([2]) * 32  # halland before skane
    expected = int.from_bytes(hashlib.sha256(said).digest()[:8], "big") % 10_000
    assert draw(STUDY, 7, "vgr", ROOTS) == expected == 1035


def test_study_round_region_and_every_root_count() -> None:
    first = draw(STUDY, 7, "vgr", ROOTS)
    others = [
        draw(bytes(32), 7, "vgr", ROOTS),
        draw(STUDY, 8, "vgr", ROOTS),
        draw(STUDY, 7, "skane", ROOTS),
        draw(STUDY, 7, "vgr", {**ROOTS, "net.example/skane/1": bytes(32)}),
    ]
    assert first not in others
    assert len(set(others)) == 4


def test_a_round_of_which_no_neighbour_is_known_is_always_drawn_where_any_is() -> None:
    assert is_drawn(STUDY, 7, "vgr", {}, 1)
    assert not is_drawn(STUDY, 7, "vgr", {}, 0)


@given(st.integers(0, 10_000), st.integers(0, 2**40))
def test_the_share_bounds_the_draw(sample_bp: int, round: int) -> None:
    assert is_drawn(STUDY, round, "vgr", ROOTS, sample_bp) is (draw(STUDY, round, "vgr", ROOTS) < sample_bp)


def test_over_many_rounds_about_that_share_is_drawn() -> None:
    drawn = sum(is_drawn(STUDY, round, "vgr", ROOTS, 1000) for round in range(5000))
    assert 500 - 5 * 21 < drawn < 500 + 5 * 21  # five standard deviations of a binomial


@pytest.mark.parametrize("roots", [{"a": b"short"}, {"a": bytes(33)}])
def test_roots_of_another_length_are_refused(roots: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        draw(STUDY, 0, "vgr", roots)
