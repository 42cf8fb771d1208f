"""What a topology costs, how fast it mixes, and how many regions may be away.

Mixing is measured with uniform weights, the default of a plan. Everything here is about graphs
alone: what a coalition of regions could learn over many rounds is in ``topologies.privacy``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from topologies.schedule import Schedule
from topologies.weights import uniform_weights

Graphs = Iterable[Iterable[Sequence[int]]]
Weights = Callable[["nx.Graph[int]"], NDArray[np.float64]]

MIN_HIDDEN = 2  # h: fewest regions whose values may be added up before anybody sees the sum
_EXACT = 1e-9  # a turn that leaves less than this of a disagreement has removed it, up to rounding


@dataclass(frozen=True, slots=True)
class Unmaskable:
    """A receiver that would see an update as it is.

    Attributes:
        graph: Which graph of the turn, from 0.
        region: The receiver.
        degree: d, its neighbours in that graph.
        needed: h + c, the fewest that hide each other.
    """

    graph: int
    region: int
    degree: int
    needed: int


def needed_neighbours(degree: int, hidden: int = MIN_HIDDEN, colluders: int | None = None) -> int:
    """Return h + c, the fewest senders among whom a value hides; c is (d - 1) // 3 of the planned d if None."""
    return hidden + (max(0, (degree - 1) // 3) if colluders is None else colluders)


def unmaskable(graphs: Graphs, n: int, hidden: int = MIN_HIDDEN, colluders: int | None = None) -> list[Unmaskable]:
    """Return every receiver with neighbours, but fewer than h + c of them, by graph and region.

    One without neighbours in a round receives nothing then, and needs no mask.
    """
    schedule = Schedule(n, graphs)
    found = []
    for graph in range(schedule.turn):
        for region, degree in enumerate(schedule.degrees(graph)):
            needed = needed_neighbours(degree, hidden, colluders)
            if 0 < degree < needed:
                found.append(Unmaskable(graph, region, degree, needed))
    return found


def may_be_away(
    graphs: Graphs, n: int, hidden: int = MIN_HIDDEN, colluders: int | None = None
) -> tuple[int, tuple[int, ...]]:
    """Return how many regions may be absent before somebody stops mixing, and those whose loss does it.

    The least of d - (h + c) over receivers and graphs, not below 0. One more than that missing among
    the neighbours of one of the tightest receivers, and that receiver trains alone until they are back.

    Returns:
        The number, and every neighbour of a tightest receiver, ascending.
    """
    schedule = Schedule(n, graphs)
    least: int | None = None
    critical: set[int] = set()
    for graph in range(schedule.turn):
        for around in schedule.neighbours(graph):
            spare = max(0, len(around) - needed_neighbours(len(around), hidden, colluders))
            if around and (least is None or spare < least):
                least, critical = spare, set()
            if spare == least:
                critical.update(around)
    return least or 0, tuple(sorted(critical))


def spectral_gap(w: NDArray[np.float64], *more: NDArray[np.float64]) -> float:
    """Return 1 - rho, rho being the factor by which a round shrinks disagreement at worst.

    For one symmetric W, rho is the second largest absolute eigenvalue. For the matrices of a turn it
    is the T-th root of the second largest singular value of their product, so that gaps of
    schedules and of fixed graphs compare round for round; 1.0 means that a turn leaves nothing.

    Args:
        w, more: Doubly stochastic matrices of one turn in order, each (n, n), w first.

    Source: Boyd, Ghosh, Prabhakar and Shah (2006) for the single symmetric matrix.
    """
    n = w.shape[0]
    product = w
    for following in more:
        product = following @ product
    rest = product - 1.0 / n
    if more:
        rho = float(np.linalg.norm(rest, 2))
        rho = 0.0 if rho < _EXACT else rho ** (1.0 / (1 + len(more)))
    else:
        rho = float(np.abs(np.linalg.eigvalsh(rest)).max())
        rho = 0.0 if rho < _EXACT else rho
    return 1.0 - min(1.0, rho)


def schedule_gap(schedule: Schedule, weights: Weights = uniform_weights) -> float:
    """Return the spectral gap a round of a schedule."""
    return spectral_gap(*(weights(schedule.graph(graph)) for graph in range(schedule.turn)))


def rounds_to_mix(gap: float, tolerance: float = 1e-6, turn: int = 1) -> int | None:
    """Return after how many rounds at most ``tolerance`` of any disagreement is left; None for never.

    Whole turns: what a schedule leaves is known after each turn only. At worst over all starting
    models, in the L2 norm over regions.

    Raises:
        ValueError: A gap outside [0, 1], or a tolerance outside (0, 1).
    """
    if not 0.0 <= gap <= 1.0 or not 0.0 < tolerance < 1.0:
        raise ValueError(f"gap {gap} and tolerance {tolerance}; expected gap in [0, 1] and tolerance in (0, 1)")
    if gap <= 1e-12:
        return None
    if gap == 1.0:
        return turn
    turns = math.log(tolerance) / (turn * math.log1p(-gap))
    return turn * max(1, math.ceil(turns - 1e-9))


def degrees(schedule: Schedule) -> tuple[int, int]:
    """Return the least and the largest number of neighbours of a region in a round."""
    found = [degree for graph in range(schedule.turn) for degree in schedule.degrees(graph)]
    return min(found), max(found)


def vectors_per_round(schedule: Schedule) -> float:
    """Return how many models a region sends in a round: the mean over regions and over one turn."""
    return 2.0 * sum(len(graph) for graph in schedule.graphs) / (schedule.n * schedule.turn)


def diameter(schedule: Schedule) -> int | None:
    """Return after how many rounds, from the first graph on, everybody has heard of everybody; None for never."""
    if not schedule.is_connected:
        return None
    if schedule.turn == 1:
        return int(nx.diameter(schedule.graph(0)))
    heard = np.eye(schedule.n, dtype=bool)
    rounds = 0
    while not heard.all():
        step = nx.to_numpy_array(schedule.graph(rounds), nodelist=range(schedule.n)) + np.eye(schedule.n)
        heard = step @ heard > 0
        rounds += 1
    return rounds
