"""Measures: known figures first, then a dense matrix power as the oracle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topologies import Schedule, build, fitting, may_be_away, overview, rounds_to_mix, uniform_weights, unmaskable
from topologies.measures import diameter, needed_neighbours, schedule_gap, vectors_per_round


def _gap(label: str, n: int) -> float:
    return schedule_gap(Schedule(n, build(label, n)))


def test_the_gap_of_a_ring_is_the_one_of_its_cosines() -> None:
    assert _gap("ring", 8) == pytest.approx(2 / 3 * (1 - math.cos(2 * math.pi / 8)))


@pytest.mark.parametrize(
    ("label", "n", "gap"),
    [
        pytest.param("complete", 5, 1.0, id="complete mixes at once"),
        pytest.param("ring", 4, 2 / 3, id="ring of four"),
        pytest.param("star", 8, 1 / 8, id="star"),
        pytest.param("groups:4", 8, 2 / 5, id="K4,4"),
        pytest.param("torus:3x3", 9, 3 / 5, id="torus"),
        pytest.param("cliques:4x4", 16, 1.0, id="cliques are exact after a turn"),
    ],
)
def test_gaps_that_can_be_worked_out_by_hand(label: str, n: int, gap: float) -> None:
    assert _gap(label, n) == pytest.approx(gap)


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 16), st.data())
def test_the_rounds_promised_are_enough_by_dense_power_and_one_turn_less_is_not(n: int, data: st.DataObject) -> None:
    label = data.draw(st.sampled_from(fitting(n)))
    schedule = Schedule(n, build(label, n))
    rounds = rounds_to_mix(schedule_gap(schedule), 1e-3, schedule.turn)
    assert rounds is not None
    assert _left_after(schedule, rounds) <= 1e-3 * (1 + 1e-6)
    if schedule.turn == 1 and rounds > 1:
        assert _left_after(schedule, rounds - 1) > 1e-3 * (1 - 1e-6)


def _left_after(schedule: Schedule, rounds: int) -> float:
    power = np.eye(schedule.n)
    for round in range(rounds):
        power = uniform_weights(schedule.graph(round)) @ power
    return float(np.linalg.norm(power - 1 / schedule.n, 2))


def test_rounds_to_mix_by_hand() -> None:
    assert rounds_to_mix(0.9, 1e-6) == 6
    assert rounds_to_mix(0.5, 0.25) == 2
    assert rounds_to_mix(1.0, turn=2) == 2
    assert rounds_to_mix(0.0) is None


@pytest.mark.parametrize("gap", [-0.1, 1.1, math.nan])
def test_a_gap_that_is_none_is_refused(gap: float) -> None:
    with pytest.raises(ValueError, match="gap in"):
        rounds_to_mix(gap)


@pytest.mark.parametrize(
    ("degree", "needed"), [(1, 2), (2, 2), (3, 2), (4, 3), (5, 3), (6, 3), (7, 4), (8, 4), (9, 4), (12, 5), (16, 7)]
)
def test_needed_neighbours_are_two_and_a_third_of_the_others(degree: int, needed: int) -> None:
    assert needed_neighbours(degree) == needed


@pytest.mark.parametrize(
    ("label", "n", "away"),
    [
        pytest.param("ring", 4, 0, id="ring"),
        pytest.param("complete", 3, 0, id="complete of three"),
        pytest.param("complete", 4, 1, id="complete of four"),
        pytest.param("torus:3x3", 9, 1, id="torus"),
        pytest.param("cliques:4x4", 16, 1, id="cliques"),
        pytest.param("cliques:3x4", 12, 0, id="unequal cliques: the smaller rules"),
    ],
)
def test_how_many_may_be_away_where_all_are_alike(label: str, n: int, away: int) -> None:
    assert may_be_away(build(label, n), n) == (away, tuple(range(n)))


def test_only_the_neighbours_of_the_tightest_receiver_are_named() -> None:
    square_with_a_friend = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3), (3, 4), (0, 4)]
    assert may_be_away([square_with_a_friend], 5) == (0, (0, 3))


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 16), st.data())
def test_as_many_may_be_away_as_is_said_whoever_they_are(n: int, data: st.DataObject) -> None:
    label = data.draw(st.sampled_from(fitting(n)))
    graphs = build(label, n)
    schedule = Schedule(n, graphs)
    away, critical = may_be_away(graphs, n)
    missing = data.draw(st.sets(st.integers(0, n - 1), min_size=away, max_size=away))
    if unmaskable(graphs, n):
        return
    for graph in range(schedule.turn):
        for around in schedule.neighbours(graph):
            assert len(set(around) - missing) >= needed_neighbours(len(around))
    assert len(critical) > away


@pytest.mark.parametrize(
    ("label", "n", "seen"),
    [
        pytest.param("complete", 2, [0, 1], id="two regions"),
        pytest.param("star", 4, [1, 2, 3], id="leaves of a star"),
        pytest.param("path", 4, [0, 3], id="ends of a path"),
        pytest.param("ring", 3, [], id="ring of three"),
        pytest.param("cliques:2x3", 6, [0, 1, 2, 3, 4, 5], id="a side of two"),
    ],
)
def test_receivers_that_masking_cannot_blind_are_named(label: str, n: int, seen: list[int]) -> None:
    assert sorted({found.region for found in unmaskable(build(label, n), n)}) == seen


def test_a_wish_for_more_hidden_makes_a_ring_unmaskable() -> None:
    assert len(unmaskable(build("ring", 5), 5, hidden=3)) == 5


def test_diameter_and_vectors_by_hand() -> None:
    assert diameter(Schedule(7, build("ring", 7))) == 3
    assert diameter(Schedule(16, build("cliques:4x4", 16))) == 2
    assert diameter(Schedule(3, [[(0, 1)]])) is None
    assert vectors_per_round(Schedule(12, build("cliques:3x4", 12))) == 2.5
    assert vectors_per_round(Schedule(4, build("star", 4))) == 1.5


def test_an_overview_puts_it_on_one_row() -> None:
    one = overview("cliques:4x4", 16)
    assert (one.degree, one.gap, one.rounds, one.vectors, one.away) == ((3, 3), 1.0, 2, 3.0, 1)
    assert one.is_maskable
    assert overview("star", 4).daemons == "simulator; daemons with disclose + DP"
