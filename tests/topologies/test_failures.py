"""Absent regions and receivers that lie: by hand, then against a slow and plain search."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topologies import Schedule, TopologyError, build
from topologies.failures import failures, left_out
from topologies.integers import Mixing, as_run, metropolis_mixing, uniform_mixing
from topologies.measures import needed_neighbours
from topologies.privacy import Attacker, exposed, isolated, seen_in_one_round


def _mixing(label: str, n: int) -> Mixing:
    return uniform_mixing(Schedule(n, build(label, n)))


def _blocks(size: int, n: int) -> list[range]:
    return [range(start, start + size) for start in range(0, n, size)]


# Runs as they happened


def test_who_was_not_in_a_sum_has_no_weight_and_the_receiver_keeps_it() -> None:
    run = as_run(_mixing("complete", 3), [{0: [1], 1: [0, 2], 2: [0, 1]}])
    assert run.weights[0].tolist() == [[2, 1, 0], [1, 1, 1], [1, 1, 1]]
    assert seen_in_one_round(run, [0]) == {1}


def test_a_receiver_without_a_sum_keeps_its_model_and_learns_nothing() -> None:
    run = as_run(_mixing("complete", 3), [{1: [0, 2], 2: [0, 1]}])
    assert run.weights[0][0].tolist() == [3, 0, 0]
    assert seen_in_one_round(run, [0]) == set()


@given(st.integers(1, 6))
def test_a_run_in_which_all_went_well_is_the_turn_itself(rounds: int) -> None:
    turn = _mixing("cliques:3x4", 12)
    whole = [{i: np.flatnonzero(row).tolist() for i, row in enumerate(turn.weighed(t))} for t in range(rounds)]
    run = as_run(turn, whole)
    for t in range(rounds):
        np.testing.assert_array_equal(run.weights[t], turn.weights[t % 2])
    assert exposed(run, [0, 1], rounds) == exposed(turn, [0, 1], rounds)


def test_metropolis_weights_are_the_largest_odd_integers_and_rows_sum_to_the_denominator() -> None:
    star = metropolis_mixing(Schedule(4, build("star", 4)), 256)
    assert star.weights[0].tolist() == [[67, 63, 63, 63], [63, 193, 0, 0], [63, 0, 193, 0], [63, 0, 0, 193]]
    with pytest.raises(TopologyError, match="at least 4"):
        metropolis_mixing(Schedule(4, build("star", 4)), 3)


# One region away


def test_two_of_four_see_the_third_while_the_fourth_is_away() -> None:
    found = failures(_mixing("complete", 4), 8, needed_neighbours, budget=1)
    assert (found.away_fresh, found.away_searched) == (2, 2)


def test_under_the_group_rule_a_group_goes_with_its_absent_member() -> None:
    groups = _mixing("groups:4", 20)
    found = failures(groups, 40, needed_neighbours, budget=4, groups=_blocks(4, 20))
    assert found.away_const == 0
    assert found.lone_liar == 0
    assert found.pair is None


def test_on_a_random_graph_one_absence_changes_nothing_for_the_better() -> None:
    found = failures(_mixing("regular:4", 12), 24, needed_neighbours, budget=1)
    assert found.away_const == 10


# What the change budget allows


@pytest.mark.attack("S06")
def test_one_named_sender_left_out_once_is_worked_out_and_a_whole_group_cannot_be_left_out() -> None:
    two_groups = _mixing("groups:4", 8)
    free = failures(two_groups, 24, needed_neighbours, budget=2)
    assert free.lone_example == (0, (4,), (4,))
    assert failures(two_groups, 24, needed_neighbours, budget=2, groups=_blocks(4, 8)).lone_liar is None


@pytest.mark.attack("S06")
def test_a_budget_of_one_lets_nobody_be_left_out() -> None:
    found = failures(_mixing("complete", 8), 16, needed_neighbours, budget=1)
    assert (found.lone_liar, found.pair) == (None, None)


@pytest.mark.attack("S06")
def test_a_budget_of_l_opens_l_minus_one_lasting_contributions_on_complete() -> None:
    for budget in (2, 3, 4):
        assert failures(_mixing("complete", 8), 16, needed_neighbours, budget=budget).lone_liar == budget - 1


def test_what_may_be_left_out_leaves_enough() -> None:
    assert left_out([1, 2, 3], needed_neighbours, None) == [{1}, {2}, {3}]
    assert left_out([1, 2], needed_neighbours, None) == []
    assert left_out([1, 2, 3, 4, 5, 6], needed_neighbours, [range(1, 4), range(4, 7)]) == [{1, 2, 3}, {4, 5, 6}]


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 6), st.data())
def test_a_pair_in_league_is_found_where_any_choice_of_two_cohorts_opens_a_value(n: int, data: st.DataObject) -> None:
    edges = data.draw(st.sets(st.sampled_from(list(combinations(range(n), 2))), min_size=n - 1))
    mixing = uniform_mixing(Schedule(n, [sorted(edges)]))
    around = [np.flatnonzero(row).tolist() for row in mixing.weighed(0)]
    needed = [needed_neighbours(len(one)) for one in around]
    sums = [
        [set(k) for size in range(needed[i], len(around[i]) + 1) for k in combinations(around[i], size)]
        for i in range(n)
    ]

    def opens(a: int, b: int) -> bool:
        for one in sums[a]:
            for other in sums[b]:
                run = as_run(mixing, [{a: one, b: other}])
                both = {j for j, _ in isolated(run, [a, b], 1, Attacker.FRESH)}
                # A value that one sum alone gives away needs no second cohort.
                if both and not any(len(k - {a, b}) == 1 for k in (one, other)):
                    return True
        return False

    found = failures(mixing, 2, needed_neighbours, budget=2).pair
    if any(opens(a, b) for a, b in combinations(range(n), 2)):
        assert found is not None
