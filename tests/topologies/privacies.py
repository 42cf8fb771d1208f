"""Mixings of labels and of some graphs that no label has."""

from __future__ import annotations

import math

import networkx as nx

from topologies import Schedule, build
from topologies.integers import Mixing, uniform_mixing


def mixing_of(label: str, n: int) -> Mixing:
    """Return uniform weights of a label; some graphs are drawn here, no label has them."""
    if label == "exponential":
        steps = [1 << k for k in range(n.bit_length() - 1)]
        edges = {(min(i, (i + s) % n), max(i, (i + s) % n)) for i in range(n) for s in steps}
        return uniform_mixing(Schedule(n, [sorted(edges)]))
    if label == "random":
        graph = nx.gnp_random_graph(n, 2 * math.log(n) / n, seed=0)
        return uniform_mixing(Schedule(n, [list(graph.edges)]))
    if label == "cube":
        bits = [1 << k for k in range(n.bit_length() - 1)]
        return uniform_mixing(Schedule(n, [[(i, i | b) for i in range(n) for b in bits if not i & b]]))
    return uniform_mixing(Schedule(n, build(label, n)))
