"""Mixing matrices: with what weight a region takes in each neighbour's model.

Both are symmetric with rows that sum to 1, hence doubly stochastic: mixing keeps the average over
all regions. These are the reals, for measures and for the simulator; a plan's integers over its
denominator are W exactly (uniform) or next to it (Metropolis-Hastings, rounded to odd integers).
"""

from __future__ import annotations

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from topologies.errors import TopologyError


def uniform_weights(graph: nx.Graph[int]) -> NDArray[np.float64]:
    """Return the max-degree mixing matrix W of a graph.

    Every edge weighs 1 / (1 + d_max), d_max being the largest degree of this graph; the diagonal
    takes what is left of its row and is never below that weight.

    Args:
        graph: Undirected, no self-loops; may be in pieces (one round of a schedule is).

    Returns:
        Shape (n, n), rows and columns in the order of ``sorted(graph)``.

    Raises:
        TopologyError: The graph is empty, directed or looped.
    """
    adjacency, degrees = _adjacency(graph)
    w: NDArray[np.float64] = adjacency / (1.0 + degrees.max())
    return _with_diagonal(w)


def metropolis_weights(graph: nx.Graph[int]) -> NDArray[np.float64]:
    """Return the Metropolis-Hastings mixing matrix W of a graph.

    An edge (i, j) weighs 1 / (1 + max(d_i, d_j)); the diagonal takes what is left of its row.

    Args:
        graph: Undirected, no self-loops; may be in pieces (one round of a schedule is).

    Returns:
        Shape (n, n), rows and columns in the order of ``sorted(graph)``.

    Raises:
        TopologyError: The graph is empty, directed or looped.

    Source: Xiao, Boyd and Lall (2006), "Metropolis weights".
    """
    adjacency, degrees = _adjacency(graph)
    w: NDArray[np.float64] = adjacency / (1.0 + np.maximum.outer(degrees, degrees))
    return _with_diagonal(w)


def _adjacency(graph: nx.Graph[int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if graph.is_directed() or len(graph) == 0 or nx.number_of_selfloops(graph):
        kind = "directed" if graph.is_directed() else "empty" if len(graph) == 0 else "looped"
        raise TopologyError(
            f"a graph that is {kind}",
            "an undirected graph without self-loops",
            "draw it by a label: landsting topology list",
        )
    index = {node: row for row, node in enumerate(sorted(graph))}
    adjacency = np.zeros((len(index), len(index)))
    for i, j in graph.edges:
        adjacency[index[i], index[j]] = adjacency[index[j], index[i]] = 1.0
    return adjacency, adjacency.sum(axis=1)


def _with_diagonal(w: NDArray[np.float64]) -> NDArray[np.float64]:
    np.fill_diagonal(w, 1.0 - w.sum(axis=1))
    return w
