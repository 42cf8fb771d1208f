"""The default topology: the cheapest that hides and bears one loss."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topologies import Schedule, overview
from topologies.integers import uniform_mixing
from topologies.recommend import candidates, cost, hidden_from, recommended


@pytest.mark.parametrize(
    ("n", "label"),
    [
        pytest.param(3, "complete", id="three: nothing lets one be away"),
        pytest.param(4, "complete", id="four"),
        pytest.param(8, "complete", id="eight"),
        pytest.param(9, "complete", id="nine: sides of three bear no loss"),
        pytest.param(16, "cliques:4x4", id="sixteen"),
        pytest.param(20, "cliques:4x5", id="twenty"),
        pytest.param(64, "cliques:4x4x4", id="sixty-four"),
    ],
)
def test_what_is_recommended(n: int, label: str) -> None:
    assert recommended(n).label == label


@settings(max_examples=15, deadline=None)
@given(st.integers(4, 40))
def test_any_one_may_be_away_and_nothing_like_it_is_cheaper(n: int) -> None:
    best = recommended(n)
    assert best.is_maskable
    assert best.away >= 1
    for label in candidates(n):
        other = overview(label, n)
        if other.is_maskable and other.away >= 1 and other.vectors <= best.vectors:
            assert cost(best) <= cost(other)


def test_a_bound_on_coalitions_is_kept() -> None:
    assert recommended(16, min_coalition=3).label == "cliques:4x4"
    higher = recommended(16, min_coalition=4)
    assert higher.label != "cliques:4x4"
    assert hidden_from(uniform_mixing(Schedule(16, higher.graphs)), 3).proved


def test_clique_products_are_candidates_with_sides_of_three_or_more() -> None:
    assert {"cliques:3x16", "cliques:4x12", "cliques:6x8", "cliques:3x4x4"} <= set(candidates(48))
    assert not any(part.startswith("cliques:2") for part in candidates(48))
