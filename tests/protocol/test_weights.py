"""Weights in whole numbers: odd, symmetric, and every row sums to Q."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.weights import Row, inverse, odd_weight, row


def rows(kind: str, den: int, graph: nx.Graph[str]) -> dict[str, Row]:
    degrees = dict(graph.degree())
    return {name: row(kind, den, degrees, name, graph[name]) for name in sorted(graph)}


def test_uniform_weights_on_a_path_of_three() -> None:
    """Q = 3: the ends keep the weight of the neighbour they do not have."""
    path: Any = nx.Graph([("a", "b"), ("b", "c")])
    found = rows("uniform", 3, path)
    assert [found[n].own(found[n].of) for n in "abc"] == [2, 1, 2]


def test_metropolis_weights_on_a_path_of_three() -> None:
    """Q / (1 + 2) = 85.3: the largest odd whole number below is 85."""
    path: Any = nx.Graph([("a", "b"), ("b", "c")])
    found = rows("metropolis", 256, path)
    assert found["b"].of == {"a": 85, "c": 85}
    assert [found[n].own(found[n].of) for n in "abc"] == [171, 86, 171]


def test_who_did_not_take_part_leaves_its_weight_with_the_region() -> None:
    found = Row({"a": 3, "b": 5}, 16)
    assert (found.own(["a", "b"]), found.own(["b"]), found.own([]), found.bound) == (8, 11, 16, 8)


@st.composite
def graphs(draw: st.DrawFn) -> Any:
    n = draw(st.integers(2, 9))
    graph = nx.gnp_random_graph(n, draw(st.floats(0.2, 1)), seed=draw(st.integers(0, 999)))
    graph.add_edges_from(nx.path_graph(n).edges)
    return nx.relabel_nodes(graph, {i: chr(97 + i) for i in range(n)})


@settings(max_examples=100)
@given(graphs(), st.integers(0, 300))
def test_metropolis_weights_are_odd_symmetric_and_doubly_stochastic(graph: Any, more: int) -> None:
    den = 1 + max(dict(graph.degree()).values()) + more
    found = rows("metropolis", den, graph)
    w = np.array([[found[a].of.get(b, 0) if a != b else found[a].own(found[a].of) for b in found] for a in found])
    np.testing.assert_array_equal(w, w.T)
    np.testing.assert_array_equal(w.sum(axis=0), den)
    assert all(weight % 2 == 1 for one in found.values() for weight in one.of.values())
    assert (np.diag(w) > 0).all()


@given(st.integers(0, 2**31).map(lambda x: 2 * x + 1), st.sampled_from([8, 16, 32, 64]))
def test_an_inverse_undoes_its_weight(weight: int, ring: int) -> None:
    assert weight * inverse(weight, ring) % (1 << ring) == 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: inverse(4, 16), "expected an odd one"),
        (lambda: odd_weight(3, 3, 2), "at least 4"),
        (lambda: row("best", 4, {}, "a", []), "expected uniform or metropolis"),
    ],
    ids=["even", "den too small", "kind"],
)
def test_weights_that_cannot_be_are_refused(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
