"""The integer weights of a turn, as regions mix by them, and what a coalition receives by them.

A plan's weights are whole numbers over a denominator, so everything that is computed from them here is
exact. A run that really happened is a turn as long as the run: ``as_run`` takes out of each sum who was
not in it, the weight that is missing staying with the receiver.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from topologies.errors import TopologyError
from topologies.field import P
from topologies.schedule import Schedule

Parts = Mapping[int, Sequence[Collection[int]]]
WEIGHT_DEN = 256  # Q of Metropolis weights unless a plan says another


class Mixing:
    """The integer weights of one turn: round t mixes by ``weights[t % turn]`` over ``denominators[t % turn]``.

    Args:
        weights: One matrix a graph, shape (n, n), not negative, the diagonal included.
        denominators: One Q a graph, or none for the sum of a row.
        disclosed: For each graph, the receivers that are sent single values instead of a sum; none if left out.
        parts: For each graph, receivers to those of whom they open a sum each; who is not named opens one of all.

    Raises:
        TopologyError: Matrices of unequal shape, a negative weight, or a row that does not sum to Q.
    """

    def __init__(
        self,
        weights: Sequence[NDArray[np.int64]],
        denominators: Sequence[int] | None = None,
        disclosed: Sequence[Collection[int]] | None = None,
        parts: Sequence[Parts] | None = None,
    ) -> None:
        if not weights:
            raise TopologyError("a turn without weights", "one matrix or more", "give one matrix a graph")
        self.n = len(weights[0])
        self.weights = tuple(np.array(one, dtype=np.int64) for one in weights)
        self.denominators = tuple(denominators or (int(one[0].sum()) for one in self.weights))
        self.disclosed = tuple(frozenset(one) for one in disclosed or [()] * len(self.weights))
        self.parts = tuple(parts or [{}] * len(self.weights))
        if not len(self.denominators) == len(self.disclosed) == len(self.parts) == len(self.weights):
            found = f"{len(self.weights)} matrices and {len(self.denominators)} denominators"
            raise TopologyError(found, "as many of each", "give one denominator a matrix")
        for one, q in zip(self.weights, self.denominators, strict=True):
            if one.shape != (self.n, self.n) or one.min() < 0 or not 0 < q < P or (one.sum(axis=1) != q).any():
                raise TopologyError(
                    f"weights of shape {one.shape} over {q}",
                    f"{self.n} rows of {self.n} weights, none negative, each row with the sum {q}",
                    "correct the weights",
                )

    @property
    def turn(self) -> int:
        """Rounds until the first weights come again."""
        return len(self.weights)

    @cached_property
    def distinct(self) -> tuple[int, ...]:
        """One place of the turn for each different matrix, set of disclosed receivers and cut, ascending."""
        first: dict[tuple[bytes, frozenset[int], bytes], int] = {}
        for place, (one, shown) in enumerate(zip(self.weights, self.disclosed, strict=True)):
            first.setdefault((one.tobytes(), shown, self.cuts(place).tobytes()), place)
        return tuple(first.values())

    def weighed(self, round: int) -> NDArray[np.int64]:
        """Return the weights of a round with a zero diagonal: what others send to each row's region."""
        others = self.weights[round % self.turn].copy()
        np.fill_diagonal(others, 0)
        return others

    def cuts(self, round: int) -> NDArray[np.int64]:
        """Return in which of a receiver's sums each sender is, counted from 1, shape (n, n); 0 where there is one."""
        return self._cuts[round % self.turn]

    @cached_property
    def _cuts(self) -> tuple[NDArray[np.int64], ...]:
        found = tuple(np.zeros((self.n, self.n), dtype=np.int64) for _ in self.parts)
        for matrix, graph in zip(found, self.parts, strict=True):
            for receiver, parts in graph.items():
                for number, part in enumerate(parts, 1):
                    matrix[receiver, sorted(part)] = number
        return found

    def sums(self, round: int, receivers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the weights of each sum that these receivers open in a round, one row of n a sum."""
        weighed, cuts, rows = self.weighed(round), self.cuts(round), []
        if not self.parts[round % self.turn]:
            return weighed[receivers]
        for receiver in receivers:
            for number in range(1, int(cuts[receiver].max()) + 1) or (0,):
                rows.append(np.where(cuts[receiver] == number, weighed[receiver], 0))
        return np.array(rows, dtype=np.int64).reshape(-1, self.n)

    def seen(self, round: int, coalition: Sequence[int], *, clear: bool = False) -> NDArray[np.int64]:
        """Return B: what a coalition receives in a round from outside it, one row of n weights for each value it sees.

        Masked, a row for each sum of a member: the weighted sum over those of its neighbours outside the coalition who
        are in it. Clear, and for members that are disclosed to, a row for each such neighbour.
        """
        members = np.array(coalition, dtype=np.int64)
        shown = self.disclosed[round % self.turn]
        alone = np.array([clear or region in shown for region in coalition], dtype=bool)
        sums, single = self.sums(round, members[~alone]), self.weighed(round)[members[alone]]
        sums[:, members] = single[:, members] = 0
        return np.vstack([sums, np.eye(self.n, dtype=np.int64)[np.flatnonzero(single.any(axis=0))]])


def uniform_mixing(
    schedule: Schedule, *, disclosed: Sequence[Collection[int]] | None = None, parts: Sequence[Parts] | None = None
) -> Mixing:
    """Return a schedule's uniform weights: 1 an edge over 1 + the largest degree of that round."""
    found, denominators = [], []
    for graph, edges in enumerate(schedule.graphs):
        one = np.zeros((schedule.n, schedule.n), dtype=np.int64)
        q = 1 + max(schedule.degrees(graph))
        for i, j in edges:
            one[i, j] = one[j, i] = 1
        np.fill_diagonal(one, q - one.sum(axis=1))
        found.append(one)
        denominators.append(q)
    return Mixing(found, denominators, disclosed, parts)


def metropolis_mixing(
    schedule: Schedule, den: int = WEIGHT_DEN, *, disclosed: Sequence[Collection[int]] | None = None
) -> Mixing:
    """Return a schedule's Metropolis weights: the largest odd integer up to den / (1 + max(d_i, d_j)) over den.

    Raises:
        TopologyError: ``den`` is below 1 + the largest degree.
    """
    found = []
    for graph, edges in enumerate(schedule.graphs):
        degrees = schedule.degrees(graph)
        if den < 1 + max(degrees):
            raise TopologyError(
                f"Metropolis weights over {den} with {max(degrees)} neighbours",
                f"at least {1 + max(degrees)}",
                f"use {WEIGHT_DEN}",
            )
        one = np.zeros((schedule.n, schedule.n), dtype=np.int64)
        for i, j in edges:
            share = den // (1 + max(degrees[i], degrees[j]))
            one[i, j] = one[j, i] = share - (share % 2 == 0)
        np.fill_diagonal(one, den - one.sum(axis=1))
        found.append(one)
    return Mixing(found, [den] * schedule.turn, disclosed)


def as_run(mixing: Mixing, shown: Sequence[Mapping[int, Collection[int]]]) -> Mixing:
    """Return the weights of a run in which each sum held only some of its senders.

    Args:
        shown: For each round, each receiver's senders that were in its sum; a receiver that is not named kept
            its own model.
    """
    found, denominators, disclosed, parts = [], [], [], []
    for round, sums in enumerate(shown):
        place = round % mixing.turn
        q, planned = mixing.denominators[place], mixing.weighed(round)
        one = np.zeros_like(planned)
        for receiver, senders in sums.items():
            those = sorted(set(senders) - {receiver})
            one[receiver, those] = planned[receiver, those]
        np.fill_diagonal(one, q - one.sum(axis=1))
        found.append(one)
        denominators.append(q)
        disclosed.append(mixing.disclosed[place])
        parts.append(mixing.parts[place])
    return Mixing(found, denominators, disclosed, parts)
