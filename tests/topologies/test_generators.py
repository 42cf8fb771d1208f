"""Graphs by label: small ones by hand, then what holds for all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topologies import LABELS, Schedule, TopologyError, build, fitting


@pytest.mark.parametrize(
    ("label", "n", "graphs"),
    [
        pytest.param("complete", 3, [[(0, 1), (0, 2), (1, 2)]], id="complete"),
        pytest.param("ring", 4, [[(0, 1), (0, 3), (1, 2), (2, 3)]], id="ring"),
        pytest.param("path", 3, [[(0, 1), (1, 2)]], id="path"),
        pytest.param("star", 4, [[(0, 1), (0, 2), (0, 3)]], id="star"),
        pytest.param("groups:2", 4, [[(0, 2), (0, 3), (1, 2), (1, 3)]], id="two open groups are bipartite"),
        pytest.param("groups:3:closed", 3, [[(0, 1), (0, 2), (1, 2)]], id="one closed group is complete"),
        pytest.param("cliques:2x2", 4, [[(0, 1), (2, 3)], [(0, 2), (1, 3)]], id="rows, then columns"),
    ],
)
def test_a_small_graph_is_the_one_drawn_by_hand(label: str, n: int, graphs: list[list[tuple[int, int]]]) -> None:
    assert build(label, n) == graphs


def test_a_torus_has_each_region_beside_the_next_in_every_direction() -> None:
    torus = Schedule(9, build("torus:3x3", 9))
    assert torus.neighbours(0)[4] == (1, 3, 5, 7)
    assert torus.neighbours(0)[0] == (1, 2, 3, 6)


def test_cliques_of_unequal_sides_have_rows_first() -> None:
    rows, columns = build("cliques:3x4", 12)
    assert (0, 3) in rows
    assert (0, 4) not in rows
    assert (0, 8) in columns


def test_cliques_of_three_sides_take_three_rounds() -> None:
    schedule = Schedule(27, build("cliques:3x3x3", 27))
    assert schedule.turn == 3
    assert [schedule.neighbours(graph)[0] for graph in range(3)] == [(1, 2), (3, 6), (9, 18)]


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 40), st.data())
def test_every_fitting_label_draws_a_connected_simple_schedule(n: int, data: st.DataObject) -> None:
    label = data.draw(st.sampled_from(fitting(n)))
    graphs = build(label, n)
    schedule = Schedule(n, graphs)
    assert schedule.is_connected
    assert all(graph == sorted(set(graph)) and all(0 <= i < j < n for i, j in graph) for graph in graphs)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 6), st.integers(7, 40), st.integers(0, 2**64))
def test_a_regular_graph_has_the_degree_it_says_and_one_seed_draws_one_graph(k: int, n: int, seed: int) -> None:
    n += n * k % 2
    graphs = build(f"regular:{k}", n, seed=seed)
    assert set(Schedule(n, graphs).degrees(0)) == {k}
    assert build(f"regular:{k}", n, seed=seed) == graphs


def test_another_seed_draws_another_regular_graph() -> None:
    assert build("regular:4", 20, seed=1) != build("regular:4", 20, seed=2)


def test_every_example_of_the_list_is_drawn() -> None:
    drawn = [build(label.example, label.nodes) for label in LABELS if label.example]
    assert len(drawn) == len(LABELS) - 1


@pytest.mark.parametrize(
    ("label", "n", "words"),
    [
        pytest.param("torsu:3x3", 9, "use torus", id="misspelt"),
        pytest.param("torus:3x3", 10, "3 x 3 is 9, over 10 regions", id="product"),
        pytest.param("torus:2x4", 8, "a side of 2", id="a torus with two ends in one"),
        pytest.param("torus:9", 9, "two or more sides", id="one side"),
        pytest.param("cliques:1x9", 9, "sides of 2 or more", id="side of one"),
        pytest.param("regular:3", 5, "no whole number of edges", id="odd"),
        pytest.param("regular:5", 5, "use complete", id="too many neighbours"),
        pytest.param("regular:1", 4, "pairs that never meet", id="pairs"),
        pytest.param("regular:x", 4, "'x' is no size", id="no number"),
        pytest.param("regular:04", 8, "'04' is no size", id="leading zero"),
        pytest.param("groups:5", 16, "use groups:4 or groups:8", id="groups left over"),
        pytest.param("groups:4", 4, "two groups or more", id="one open group"),
        pytest.param("groups:4:shut", 16, "groups:4:closed", id="unknown kind"),
        pytest.param("ring", 2, "at least 3 regions", id="ring of two"),
        pytest.param("ring:4", 4, "one of complete, ring", id="ring with a size"),
        pytest.param("complete", 1, "2 to", id="one region"),
        pytest.param("edges", 4, "without an edge list", id="edges without text"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(label: str, n: int, words: str) -> None:
    with pytest.raises(TopologyError, match=words):
        build(label, n)
