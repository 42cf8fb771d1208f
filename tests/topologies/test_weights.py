"""Mixing matrices: by hand, then the laws of mixing against dense arithmetic."""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from topologies import TopologyError, metropolis_weights, spectral_gap, uniform_weights

Weights = Callable[["nx.Graph[int]"], NDArray[np.float64]]
BOTH = st.sampled_from([uniform_weights, metropolis_weights])
ROUNDING = 1e-12  # sums of at most 12 terms of size 1 in float64


@st.composite
def connected_graphs(draw: st.DrawFn) -> nx.Graph[int]:
    """A tree over 2 to 12 regions with any other edges added."""
    n = draw(st.integers(2, 12))
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from((draw(st.integers(0, i - 1)), i) for i in range(1, n))
    graph.add_edges_from((i, j) for i in range(n) for j in range(i) if draw(st.booleans()))
    return graph


def test_metropolis_weights_on_a_path_of_three() -> None:
    w = metropolis_weights(nx.path_graph(3))
    np.testing.assert_allclose(w, [[2 / 3, 1 / 3, 0], [1 / 3, 1 / 3, 1 / 3], [0, 1 / 3, 2 / 3]])


def test_uniform_weights_on_a_star_of_four() -> None:
    w = uniform_weights(nx.star_graph(3))
    np.testing.assert_allclose(w, np.array([[1, 1, 1, 1], [1, 3, 0, 0], [1, 0, 3, 0], [1, 0, 0, 3]]) / 4)


def test_on_a_regular_graph_both_are_the_same() -> None:
    graph = nx.cycle_graph(7)
    np.testing.assert_array_equal(uniform_weights(graph), metropolis_weights(graph))


def test_a_round_of_pairs_is_allowed_though_it_is_in_pieces() -> None:
    w = uniform_weights(nx.Graph([(0, 1), (2, 3)]))
    np.testing.assert_allclose(w, np.kron(np.eye(2), np.full((2, 2), 0.5)))


@settings(max_examples=50, deadline=None)
@given(connected_graphs(), BOTH)
def test_weights_are_symmetric_doubly_stochastic_and_only_along_edges(graph: nx.Graph[int], weights: Weights) -> None:
    w = weights(graph)
    np.testing.assert_array_equal(w, w.T)
    np.testing.assert_allclose(w.sum(axis=1), 1, atol=ROUNDING)
    assert (w >= -ROUNDING).all()
    assert (np.diag(w) > 0).all()
    apart = nx.to_numpy_array(graph, nodelist=sorted(graph)) == 0
    np.fill_diagonal(apart, False)
    assert (w[apart] == 0).all()


@settings(max_examples=50, deadline=None)
@given(connected_graphs(), BOTH, st.integers(0, 2**32 - 1), st.integers(1, 20))
def test_mixing_keeps_the_average_and_contracts_at_the_spectral_gap(
    graph: nx.Graph[int], weights: Weights, seed: int, rounds: int
) -> None:
    w = weights(graph)
    start = np.random.default_rng(seed).normal(size=(len(graph), 3))
    mixed = np.linalg.matrix_power(w, rounds) @ start
    np.testing.assert_allclose(mixed.mean(axis=0), start.mean(axis=0), atol=1e-9)
    before = np.linalg.norm(start - start.mean(axis=0))
    after = np.linalg.norm(mixed - mixed.mean(axis=0))
    assert after <= (1 - spectral_gap(w)) ** rounds * before + 1e-9


@settings(max_examples=50, deadline=None)
@given(connected_graphs(), BOTH)
def test_a_connected_graph_has_a_gap(graph: nx.Graph[int], weights: Weights) -> None:
    assert spectral_gap(weights(graph)) > 0


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        pytest.param(nx.DiGraph([(0, 1)]), "directed", id="directed"),
        pytest.param(nx.Graph([(0, 1), (1, 1)]), "looped", id="looped"),
        pytest.param(nx.Graph(), "empty", id="empty"),
    ],
)
def test_a_graph_that_cannot_mix_is_refused(graph: nx.Graph[int], words: str) -> None:
    with pytest.raises(TopologyError, match=words):
        metropolis_weights(graph)
