"""Edge lists from text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topologies import TopologyError, build
from topologies.edges import parse_edges


def test_an_edge_list_is_read_with_comments_commas_and_either_order() -> None:
    assert parse_edges("# a triangle\n1 0\n1,2  # note\n\n2 0\n", 3) == [[(0, 1), (0, 2), (1, 2)]]


def test_three_dashes_begin_the_next_graph_of_the_turn() -> None:
    assert build("edges", 4, edges_text="0 1\n2 3\n---\n0 2\n1 3") == build("cliques:2x2", 4)


def test_names_may_stand_for_numbers() -> None:
    assert parse_edges("halland vgr\nskane halland", 3, names=("halland", "skane", "vgr")) == [[(0, 1), (0, 2)]]


@settings(max_examples=30, deadline=None)
@given(st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda edge: edge[0] < edge[1]), min_size=1))
def test_what_is_written_is_what_is_read(edges: set[tuple[int, int]]) -> None:
    text = "\n".join(f"{j} {i}" for i, j in edges)
    assert parse_edges(text, 10) == [sorted(edges)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("0 1\n0 3", "line 2: '3' is no region; expected a number from 0 to 2", id="out of range"),
        pytest.param("0 1\n1 0", "line 2: the edge '1 0' a second time", id="twice"),
        pytest.param("1 1", "line 1: region 1 is its own neighbour", id="loop"),
        pytest.param("0 1 2", "line 1: '0 1 2'; expected two regions", id="three on a line"),
        pytest.param("0 -1", "'-1' is no region", id="negative"),
        pytest.param("0 ١", "is no region", id="a digit that is not ASCII"),
        pytest.param("", "has no edge", id="empty"),
        pytest.param("0 1\n---\n", "graph 2 of the edge list has no edge", id="empty second graph"),
    ],
)
def test_a_wrong_edge_list_is_refused_with_its_line(text: str, words: str) -> None:
    with pytest.raises(TopologyError, match=words):
        parse_edges(text, 3)
