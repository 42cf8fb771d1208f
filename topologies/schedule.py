"""A schedule: the graphs of one turn, used round after round from the first again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import networkx as nx

from topologies.errors import TopologyError


class Schedule:
    """Who talks to whom in each round.

    Args:
        n: Regions, numbered from 0.
        graphs: Edge lists of one turn; one graph for a fixed topology.

    Raises:
        TopologyError: No graph, a region out of range, a loop, or an edge twice in one graph.
    """

    def __init__(self, n: int, graphs: Iterable[Iterable[Sequence[int]]]) -> None:
        self.n = n
        self.graphs: tuple[tuple[tuple[int, int], ...], ...] = tuple(_checked(n, graph) for graph in graphs)
        if not self.graphs:
            raise TopologyError(
                "a schedule without a graph",
                "one graph or more",
                "draw it by a label: landsting topology list",
            )
        self._neighbours = tuple(_adjacency(n, graph) for graph in self.graphs)

    @property
    def turn(self) -> int:
        """Rounds until the first graph comes again."""
        return len(self.graphs)

    def neighbours(self, round: int) -> tuple[tuple[int, ...], ...]:
        """Return each region's neighbours in a round, ascending."""
        return self._neighbours[round % self.turn]

    def degrees(self, round: int) -> tuple[int, ...]:
        """Return each region's number of neighbours in a round."""
        return tuple(len(found) for found in self.neighbours(round))

    def graph(self, round: int) -> nx.Graph[int]:
        """Return one round's graph."""
        graph: nx.Graph[int] = nx.Graph()
        graph.add_nodes_from(range(self.n))
        graph.add_edges_from(self.graphs[round % self.turn])
        return graph

    @property
    def union(self) -> nx.Graph[int]:
        """All graphs of a turn laid over each other."""
        graph: nx.Graph[int] = nx.Graph()
        graph.add_nodes_from(range(self.n))
        for edges in self.graphs:
            graph.add_edges_from(edges)
        return graph

    @property
    def is_connected(self) -> bool:
        """Whether, over one turn, a value can get from every region to every other."""
        return bool(nx.is_connected(self.union))

    def check_connected(self) -> None:
        """Refuse a schedule in pieces.

        Raises:
            TopologyError: Says how many pieces and names a region of a small one.
        """
        pieces = sorted(nx.connected_components(self.union), key=len)
        if len(pieces) > 1:
            raise TopologyError(
                f"the graph is in {len(pieces)} pieces, one of them {sorted(pieces[0])[:8]}",
                "one piece: regions in different pieces never mix",
                "add an edge between the pieces",
            )


def _checked(n: int, graph: Iterable[Sequence[int]]) -> tuple[tuple[int, int], ...]:
    edges = set()
    for i, j in graph:
        low, high = (i, j) if i < j else (j, i)
        if low == high or low < 0 or high >= n:
            raise TopologyError(f"the edge ({i}, {j})", f"two different regions from 0 to {n - 1}", "correct the edge")
        if (low, high) in edges:
            raise TopologyError(f"the edge ({i}, {j}) twice in one graph", "each edge once", "remove one of them")
        edges.add((low, high))
    return tuple(sorted(edges))


def _adjacency(n: int, graph: Sequence[tuple[int, int]]) -> tuple[tuple[int, ...], ...]:
    found: list[list[int]] = [[] for _ in range(n)]
    for i, j in graph:
        found[i].append(j)
        found[j].append(i)
    return tuple(tuple(sorted(neighbours)) for neighbours in found)
