"""What sums give away: by hand, then both theorems."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.topologies.privacies import mixing_of
from topologies import TopologyError
from topologies.coalitions import attackers, least_coalition, least_hidden
from topologies.field import P, Span, times
from topologies.integers import Mixing
from topologies.privacy import (
    Attacker,
    Lasting,
    exposed,
    fresh_share,
    isolated,
    lasting_share,
    seen_in_one_round,
)
from topologies.symmetry import coalitions_of, symmetries, twin_groups

# By hand


def test_a_leaf_is_told_its_only_neighbours_value() -> None:
    assert seen_in_one_round(mixing_of("path", 3), [0]) == {1}
    assert seen_in_one_round(mixing_of("path", 3), [1]) == set()


def test_on_a_ring_of_four_two_neighbours_see_the_other_two() -> None:
    ring = mixing_of("ring", 4)
    assert seen_in_one_round(ring, [0]) == set()
    assert seen_in_one_round(ring, [0, 1]) == {2, 3}
    # 0 and 2 have the same neighbours: two sums that are one.
    assert seen_in_one_round(ring, [0, 2]) == set()


def test_on_a_ring_of_four_one_region_works_out_the_opposite_ones_lasting_contribution() -> None:
    # Round 0 gives u1 + u3. Round 1 gives x1 + x3 = (u1 + u3)(1 + 1/3) + 2/3 (u0 + u2): u2 is left.
    assert exposed(mixing_of("ring", 4), [0], 1) == set()
    assert exposed(mixing_of("ring", 4), [0], 2) == {2}
    assert isolated(mixing_of("ring", 4), [0], 2, Attacker.CONST) == {(2, 0)}


def test_among_all_with_all_only_all_but_one_see_the_last() -> None:
    complete = mixing_of("complete", 4)
    for attacker in Attacker:
        assert isolated(complete, [0, 1], 6, attacker) == set()
    assert isolated(complete, [0, 1, 2], 2, Attacker.FRESH) == {(3, 0), (3, 1)}


def test_unmasked_a_region_sees_each_neighbour() -> None:
    assert exposed(mixing_of("torus:3x3", 9), [0], 18, clear=True) == {1, 2, 3, 6}
    assert seen_in_one_round(mixing_of("ring", 5), [0], clear=True) == {1, 4}


def test_only_first_models_are_unknown_to_init() -> None:
    ring = mixing_of("ring", 4)
    assert isolated(ring, [0], 1, Attacker.INIT) == set()
    assert isolated(ring, [0], 2, Attacker.INIT) == {(2, 0)}


def test_a_published_model_is_one_more_row() -> None:
    complete = mixing_of("complete", 3)
    assert isolated(complete, [0], 1, Attacker.CONST, published=[0]) == set()
    weights = [np.array([[2, 1, 1], [1, 3, 0], [1, 0, 3]])]
    assert isolated(Mixing(weights), [0], 1, Attacker.CONST) == set()
    assert isolated(Mixing(weights), [0], 1, Attacker.CONST, published=[1]) == {(1, 0), (2, 0)}


def test_unequal_weights_tell_two_senders_apart_over_rounds() -> None:
    equal = Mixing([np.array([[2, 1, 1], [1, 2, 1], [1, 1, 2]])])
    unequal = Mixing([np.array([[4, 1, 3], [1, 6, 1], [3, 1, 4]])])
    assert exposed(equal, [0], 8) == set()
    assert exposed(unequal, [0], 8) == {1, 2}


def test_weights_that_do_not_sum_to_the_denominator_are_refused() -> None:
    with pytest.raises(TopologyError, match="each row with the sum 3"):
        Mixing([np.array([[1, 1], [1, 1]])], [3])


def test_a_coalition_of_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="one region or more"):
        isolated(mixing_of("ring", 4), [], 1, Attacker.CONST)


def test_who_receives_nothing_and_a_coalition_of_everybody_learn_nothing() -> None:
    lone = Mixing([np.array([[1, 0], [0, 1]])])
    for clear in (False, True):
        assert isolated(lone, [0], 3, Attacker.FRESH, clear=clear) == set()
        assert lasting_share(lone, [0], 3, 1.0, clear=clear).tolist() == [1, 0]
        assert lasting_share(lone, [0], 3, 0.0, clear=clear).tolist() == [1, 0]
        assert fresh_share(lone, [0], 3, clear=clear).tolist() == [1, 0]
    for attacker in Attacker:
        assert isolated(mixing_of("ring", 4), range(4), 3, attacker) == set()


def test_a_span_knows_which_unit_vectors_it_holds() -> None:
    span = Span(3)
    assert span.add(np.array([[1, 1, 0]]))
    assert span.alone().tolist() == []
    assert span.add(np.array([[1, P - 1, 0]]))
    assert span.alone().tolist() == [0, 1]
    assert not span.add(np.array([[5, 7, 0]]))


@given(st.lists(st.integers(0, P - 1), min_size=6, max_size=6), st.lists(st.integers(0, P - 1), min_size=6, max_size=6))
def test_products_in_the_field_are_those_of_whole_numbers(left: list[int], right: list[int]) -> None:
    a, b = np.array(left).reshape(2, 3), np.array(right).reshape(3, 2)
    exact = (a.astype(object) @ b.astype(object)) % P
    assert times(a, b).tolist() == exact.tolist()


# Laws

_weight = st.sampled_from([0, 0, 1, 1, 2, 3, 5])


@st.composite
def mixings(draw: st.DrawFn, most: int = 6) -> Mixing:
    """Random symmetric weights, one to three rounds a turn; pieces and lone regions may come."""
    n = draw(st.integers(2, most))
    turn = []
    for _ in range(draw(st.integers(1, 3))):
        one = np.zeros((n, n), dtype=np.int64)
        for i, j in combinations(range(n), 2):
            one[i, j] = one[j, i] = draw(_weight)
        turn.append(_with_diagonal(one))
    return Mixing(turn)


@st.composite
def coalitions(draw: st.DrawFn, n: int) -> list[int]:
    return sorted(draw(st.sets(st.integers(0, n - 1), min_size=1, max_size=n - 1)))


def _with_diagonal(one: NDArray[np.int64]) -> NDArray[np.int64]:
    np.fill_diagonal(one, one.sum(axis=1).max() + 1 - one.sum(axis=1))
    return one


@pytest.mark.attack("S12")
@settings(max_examples=200, deadline=None)
@given(mixings(), st.integers(1, 5), st.booleans(), st.data())
def test_theorem_1_many_rounds_isolate_nobody_that_one_round_does_not(
    mixing: Mixing, rounds: int, clear: bool, data: st.DataObject
) -> None:
    coalition = data.draw(coalitions(mixing.n))
    found = isolated(mixing, coalition, rounds, Attacker.FRESH, clear=clear)
    for round in range(rounds):
        single = Span(mixing.n)
        single.add(mixing.seen(round, coalition, clear=clear))
        sent = set(map(int, single.alone()))
        isolated_then = {region for region, when in found if when == round}
        assert isolated_then <= sent
        if round == 0:
            assert isolated_then == sent
    assert {region for region, _ in found} <= seen_in_one_round(mixing, coalition, clear=clear)


@st.composite
def twinned(draw: st.DrawFn) -> tuple[Mixing, list[list[int]]]:
    """Weights that depend on the group of each end alone, open and closed groups, one or two rounds a turn."""
    sizes = draw(st.lists(st.integers(2, 4), min_size=1, max_size=3))
    of = [group for group, size in enumerate(sizes) for _ in range(size)]
    turn = []
    for _ in range(draw(st.integers(1, 2))):
        between = {pair: draw(_weight) for pair in [(g, h) for g in range(len(sizes)) for h in range(g, len(sizes))]}
        one = np.array([[between[min(g, h), max(g, h)] for h in of] for g in of], dtype=np.int64)
        np.fill_diagonal(one, 0)
        turn.append(_with_diagonal(one))
    return Mixing(turn), [[i for i, g in enumerate(of) if g == group] for group in range(len(sizes))]


@pytest.mark.attack("S12")
@settings(max_examples=200, deadline=None)
@given(twinned(), st.integers(1, 8), st.sampled_from(Attacker), st.data())
def test_theorem_2_twins_hide_behind_each_other(
    drawn: tuple[Mixing, list[list[int]]], rounds: int, attacker: Attacker, data: st.DataObject
) -> None:
    mixing, groups = drawn
    group = data.draw(st.sampled_from(groups))
    inside = group[: data.draw(st.integers(0, len(group) - 2))]
    outside = sorted(set(range(mixing.n)) - set(group))
    coalition = [*inside, *outside]
    if coalition:
        found = isolated(mixing, coalition, rounds, attacker, published=outside)
        assert not {region for region, _ in found} & set(group)


@pytest.mark.parametrize("m", [3, 4, 5])
def test_twins_but_one_see_the_last_and_twins_but_two_see_nobody(m: int) -> None:
    two_groups = mixing_of(f"groups:{m}", 2 * m)
    assert exposed(two_groups, range(m - 1), 4 * m) == {m - 1}
    assert exposed(two_groups, [*range(m - 2), *range(m, 2 * m)], 4 * m) == set()


@settings(max_examples=40, deadline=None)
@given(mixings(5), st.integers(1, 5), st.sampled_from(Attacker), st.booleans(), st.data())
def test_the_field_agrees_with_fractions(
    mixing: Mixing, rounds: int, attacker: Attacker, clear: bool, data: st.DataObject
) -> None:
    coalition = data.draw(coalitions(mixing.n))
    assert isolated(mixing, coalition, rounds, attacker, clear=clear) == _by_fractions(
        mixing, coalition, rounds, attacker, clear
    )


@settings(max_examples=40, deadline=None)
@given(mixings(5), st.data())
def test_states_computed_once_give_the_same_answer(mixing: Mixing, data: st.DataObject) -> None:
    coalition = data.draw(coalitions(mixing.n))
    assert Lasting(mixing, 10).exposes(coalition) == exposed(mixing, coalition, 10)


@settings(max_examples=40, deadline=None)
@given(mixings())
def test_the_least_coalition_is_the_least_of_all(mixing: Mixing) -> None:
    lasting = Lasting(mixing, 2 * mixing.n)
    for sees in (lasting.exposes, lambda members: seen_in_one_round(mixing, members)):
        sizes = (k for k in range(1, mixing.n) if any(map(sees, combinations(range(mixing.n), k))))
        assert least_coalition(mixing, sees, max_size=mixing.n).least == next(sizes, None)


@settings(max_examples=40, deadline=None)
@given(st.one_of(mixings(), twinned().map(lambda drawn: drawn[0])))
def test_symmetries_leave_all_weights_as_they_are(mixing: Mixing) -> None:
    for order in symmetries(mixing.weights):
        for one in mixing.weights:
            np.testing.assert_array_equal(one[np.ix_(order, order)], one)


@settings(max_examples=30, deadline=None)
@given(mixings(), st.integers(1, 6), st.sampled_from([1.0, 3.0]), st.booleans(), st.data())
def test_the_share_explained_is_the_formula_of_dense_matrices(
    mixing: Mixing, rounds: int, rho: float, clear: bool, data: st.DataObject
) -> None:
    coalition = data.draw(coalitions(mixing.n))
    lasting, fresh = _dense_rows(mixing, coalition, rounds, clear)
    expected = np.ones(mixing.n)
    others = [i for i in range(mixing.n) if i not in coalition]
    middle = np.linalg.pinv(lasting @ lasting.T + rho**2 * fresh @ fresh.T, rcond=1e-12, hermitian=True)
    expected[others] = np.diag(lasting.T @ middle @ lasting)
    # Both invert a matrix of at most 40 rows, whose eigenvalues are 0 or not far below 1.
    np.testing.assert_allclose(lasting_share(mixing, coalition, rounds, rho, clear=clear), expected, atol=1e-6)


# Searching


def test_symmetries_of_a_torus_bring_every_region_to_every_other() -> None:
    assert attackers(mixing_of("torus:4x4", 16)) == [(0, 16)]
    assert attackers(mixing_of("star", 5)) == [(0, 1), (1, 4)]


def test_orbits_of_pairs_on_a_ring_are_its_distances() -> None:
    ring = mixing_of("ring", 8)
    pairs = coalitions_of(8, 2, list(symmetries(ring.weights)))
    assert pairs.tolist() == [[0, 1], [0, 2], [0, 3], [0, 4]]


def test_four_open_groups_in_a_ring_are_two_groups_of_twice_the_size() -> None:
    assert [len(group) for group in twin_groups(mixing_of("groups:4", 16).weights)] == [8, 8]
    assert [len(group) for group in twin_groups(mixing_of("groups:4", 20).weights)] == [4] * 5


def test_a_search_that_is_stopped_says_how_far_it_came() -> None:
    torus = mixing_of("torus:4x4", 16)
    sees = Lasting(torus, 32)
    found = least_coalition(torus, lambda a: seen_in_one_round(torus, a), max_size=4, keep_going=lambda k, *_: k < 3)
    assert (found.least, found.searched_to, found.at_most) == (None, 2, 4)
    assert seen_in_one_round(torus, found.coalition) == set(found.sees)
    assert least_coalition(torus, sees.exposes, max_size=1).least == 1


def test_what_theorem_2_rules_out_is_not_searched() -> None:
    complete = mixing_of("complete", 8)
    sizes: set[int] = set()

    def sees(members: Sequence[int]) -> frozenset[int]:
        sizes.add(len(members))
        return seen_in_one_round(complete, members)

    least_coalition(complete, sees, max_size=3)
    assert sizes == {least_hidden(complete)} == {7}


# ---------------------------------------------------------------- oracles


# Oracles: the algorithm as it is written, in fractions and in dense matrices


def _rows(
    mixing: Mixing, coalition: Sequence[int], rounds: int, attacker: Attacker, clear: bool
) -> tuple[list[list[Fraction]], list[tuple[int, int]]]:
    """Return every row that is seen, in the unknowns of those outside, and what these unknowns are."""
    n = mixing.n
    unknown = [(j, t) for t in range(rounds if attacker is Attacker.FRESH else 1) for j in range(n)]
    column = {pair: c for c, pair in enumerate(unknown)}
    state = [[Fraction(attacker is Attacker.INIT and pair == (j, 0)) for pair in unknown] for j in range(n)]
    rows = []
    for t in range(rounds):
        a, q = mixing.weights[t % mixing.turn], mixing.denominators[t % mixing.turn]
        if attacker is not Attacker.INIT:
            for j in range(n):
                state[j][column[j, t if attacker is Attacker.FRESH else 0]] += 1
        for i in coalition:
            senders = [j for j in range(n) if j not in coalition and a[i, j]]
            rows += [state[j] for j in senders] if clear else [_sum(a[i], state, senders)]
        state = [[x / q for x in _sum(a[i], state, range(n))] for i in range(n)]
    kept = [c for c, (j, _) in enumerate(unknown) if j not in coalition]
    return [[row[c] for c in kept] for row in rows], [unknown[c] for c in kept]


def _sum(weights: NDArray[np.int64], state: list[list[Fraction]], senders: Collection[int]) -> list[Fraction]:
    return [sum((int(weights[j]) * state[j][c] for j in senders), Fraction(0)) for c in range(len(state[0]))]


def _by_fractions(
    mixing: Mixing, coalition: Sequence[int], rounds: int, attacker: Attacker, clear: bool
) -> set[tuple[int, int]]:
    rows, unknown = _rows(mixing, coalition, rounds, attacker, clear)
    reduced: list[list[Fraction]] = []
    for c in range(len(unknown)):
        pivot = next((row for row in rows if row[c]), None)
        if pivot is None:
            continue
        rows = [row for row in rows if row is not pivot]
        unit = [x / pivot[c] for x in pivot]
        rows, reduced = ([_without(row, unit, c) for row in some] for some in (rows, reduced))
        reduced.append(unit)
    return {unknown[next(c for c, x in enumerate(row) if x)] for row in reduced if sum(map(bool, row)) == 1}


def _without(row: list[Fraction], unit: list[Fraction], c: int) -> list[Fraction]:
    return [x - row[c] * u for x, u in zip(row, unit, strict=True)]


def _dense_rows(
    mixing: Mixing, coalition: Sequence[int], rounds: int, clear: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return M_c and M_f."""
    found = []
    for attacker in (Attacker.CONST, Attacker.FRESH):
        rows, unknown = _rows(mixing, coalition, rounds, attacker, clear)
        found.append(np.array([[float(x) for x in row] for row in rows]).reshape(len(rows), len(unknown)))
    return found[0], found[1]
