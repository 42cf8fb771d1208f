"""Schedules: the graphs of a turn, round after round."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topologies import Schedule, TopologyError, build, uniform_weights


def test_graphs_come_in_turn() -> None:
    schedule = Schedule(4, [[(0, 1), (2, 3)], [(0, 2), (1, 3)]])
    assert schedule.neighbours(0) == ((1,), (0,), (3,), (2,))
    assert schedule.neighbours(1) == ((2,), (3,), (0,), (1,))
    assert schedule.neighbours(6) == schedule.neighbours(0)


def test_pairs_that_change_are_connected_over_a_turn_though_no_round_is() -> None:
    schedule = Schedule(4, [[(0, 1), (2, 3)], [(0, 2), (1, 3)]])
    assert schedule.is_connected
    schedule.check_connected()


def test_a_schedule_in_pieces_names_one_of_them() -> None:
    schedule = Schedule(5, [[(0, 1), (1, 2), (3, 4)]])
    assert not schedule.is_connected
    with pytest.raises(TopologyError, match=r"2 pieces, one of them \[3, 4\]"):
        schedule.check_connected()


@pytest.mark.parametrize(
    ("graphs", "words"),
    [
        pytest.param([], "without a graph", id="none"),
        pytest.param([[(0, 0)]], "two different regions", id="loop"),
        pytest.param([[(0, 3)]], "from 0 to 2", id="out of range"),
        pytest.param([[(-1, 1)]], "from 0 to 2", id="negative"),
        pytest.param([[(0, 1), (1, 0)]], "twice", id="twice"),
    ],
)
def test_a_wrong_schedule_is_refused(graphs: list[list[tuple[int, int]]], words: str) -> None:
    with pytest.raises(TopologyError, match=words):
        Schedule(3, graphs)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(2, 5), min_size=2, max_size=3), st.integers(0, 2**32 - 1))
def test_one_turn_of_cliques_gives_every_region_the_exact_mean(sides: list[int], seed: int) -> None:
    n = int(np.prod(sides))
    schedule = Schedule(n, build("cliques:" + "x".join(map(str, sides)), n))
    values = np.random.default_rng(seed).normal(size=(n, 2))
    mixed = values
    for round in range(schedule.turn):
        mixed = uniform_weights(schedule.graph(round)) @ mixed
    np.testing.assert_allclose(mixed, np.broadcast_to(values.mean(axis=0), values.shape), atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["ring", "regular:4", "groups:4", "cliques:3x4", "star"]), st.integers(0, 2**32 - 1))
def test_a_schedule_keeps_the_average_in_every_round(label: str, seed: int) -> None:
    schedule = Schedule(12, build(label, 12, seed=seed))
    values = np.random.default_rng(seed).normal(size=12)
    for round in range(3):
        mixed = uniform_weights(schedule.graph(round)) @ values
        assert abs(mixed.mean() - values.mean()) < 1e-12
        values = mixed
