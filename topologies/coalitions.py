"""The least coalition of regions that works out somebody's contribution, and what one region alone sees.

Searched by size, one coalition of each orbit. Where every region has a twin, sizes that theorem 2
rules out are not searched. No clock here: the caller is asked between coalitions whether to go on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topologies.integers import Mixing
from topologies.privacy import Lasting
from topologies.symmetry import coalitions_of, orbit_of, symmetries, twin_groups

MOST_LISTED = 200_000  # coalitions of one size; more are sampled
SAMPLED = 2_000
Going = Callable[[int, int, int], bool]  # size, coalitions done, of how many: whether to go on


@dataclass(frozen=True, slots=True)
class Found:
    """What a search for the least coalition gave.

    Attributes:
        least: Members of the least coalition, None where none was found up to ``searched_to``.
        searched_to: Every coalition up to this size was searched, or ruled out by theorem 2.
        at_most: Members of the smallest coalition known to see somebody.
        coalition, sees: That coalition, and those it sees; empty where none is known.
        sampled: Sizes of which only some coalitions were tried.
    """

    least: int | None
    searched_to: int
    at_most: int | None
    coalition: tuple[int, ...]
    sees: tuple[int, ...]
    sampled: tuple[int, ...]


def least_in_degree(mixing: Mixing) -> int:
    """Return the fewest values in a sum that a region receives; a region that receives none in a round is left out."""
    degrees = [np.count_nonzero(mixing.sums(round, np.arange(mixing.n)), axis=1) for round in mixing.distinct]
    return int(min(found[found > 0].min(initial=mixing.n) for found in degrees))


def least_hidden(mixing: Mixing) -> int:
    """Return a size below which no coalition sees anybody, by theorem 2: members of the least twin group but one.

    Where single values are disclosed the theorem says nothing.
    """
    return 1 if any(mixing.disclosed) else max(1, min(map(len, twin_groups(kinds_of(mixing)))) - 1)


def kinds_of(mixing: Mixing) -> list[NDArray[np.int64]]:
    """Return the different matrices of a turn, who is disclosed to, and cuts: all that symmetries depend on."""
    shown = [np.diag([int(i in mixing.disclosed[place]) for i in range(mixing.n)]) for place in mixing.distinct]
    cuts = [mixing.cuts(place) for place in mixing.distinct]
    return [*(mixing.weights[place] for place in mixing.distinct), *(one for one in (*shown, *cuts) if one.any())]


def least_coalition(
    mixing: Mixing,
    sees: Callable[[Sequence[int]], Collection[int]],
    *,
    max_size: int,
    keep_going: Going = lambda size, done, total: True,
    seed: int = 0,
) -> Found:
    """Return the least coalition that sees somebody.

    Args:
        sees: Whom a coalition sees: ``seen_in_one_round`` of the mixing (fresh), ``Lasting.exposes`` (const).
            What fewer see, more see too, except those who join.
        max_size: Members of the largest coalitions that are searched; the least size that theorem 2 leaves
            open is searched all the same, where its coalitions can be listed.
        keep_going: Asked before each coalition; False ends the search, and the size begun does not count.
        seed: For the sizes that are sampled.
    """
    maps = list(symmetries(kinds_of(mixing)))
    start = least_hidden(mixing)
    searched, most = start - 1, min(max(max_size, start), mixing.n - 1)
    sampled: list[int] = []
    for size in range(start, most + 1):
        listed = math.comb(mixing.n, size) <= MOST_LISTED
        if not listed and size > max_size:
            break
        several = coalitions_of(mixing.n, size, maps) if listed else _some(mixing.n, size, seed)
        for done, members in enumerate(several):
            if not keep_going(size, done, len(several)):
                return _bounded(mixing, sees, searched, sampled)
            coalition = tuple(map(int, members))
            found = sees(coalition)
            if found:
                exact = size if searched == size - 1 else None
                return Found(exact, searched if exact is None else size, size, coalition, _sorted(found), (*sampled,))
        if listed and searched == size - 1:
            searched = size
        else:
            sampled.append(size)
    return _bounded(mixing, sees, searched, sampled)


def attackers(mixing: Mixing) -> list[tuple[int, int]]:
    """Return one region of each orbit and how many regions are like it."""
    orbits = orbit_of(np.arange(mixing.n), list(symmetries(kinds_of(mixing))))
    return [(int(region), int(count)) for region, count in zip(*np.unique(orbits, return_counts=True), strict=True)]


def exposed_to_one(lasting: Lasting, alone: Sequence[tuple[int, int]], *, clear: bool = False) -> float:
    """Return how many others one curious region sees in CONST, the mean over regions that ``alone`` stands for."""
    seen = [count * len(lasting.exposes([region], clear=clear)) for region, count in alone]
    return sum(seen) / sum(count for _, count in alone)


def _bounded(
    mixing: Mixing, sees: Callable[[Sequence[int]], Collection[int]], searched: int, sampled: Sequence[int]
) -> Found:
    """Return the smallest coalition among the obvious ones: a receiver with all senders but one, twins but one."""
    obvious: list[tuple[int, ...]] = []
    for round in mixing.distinct:
        for region, row in enumerate(mixing.weighed(round)):
            obvious.append((region, *map(int, np.flatnonzero(row)[:-1])))
    obvious += [group[:-1] for group in twin_groups(kinds_of(mixing)) if len(group) > 1]
    for coalition in sorted(obvious, key=lambda members: (len(members), members)):
        if len(coalition) > searched and (found := sees(coalition)):
            exact = len(coalition) if len(coalition) == searched + 1 else None
            return Found(exact, searched + (exact is not None), len(coalition), coalition, _sorted(found), (*sampled,))
    return Found(None, searched, None, (), (), (*sampled,))


def _sorted(regions: Collection[int]) -> tuple[int, ...]:
    return tuple(sorted(regions))


def _some(n: int, size: int, seed: int) -> NDArray[np.int64]:
    draw = np.random.default_rng([seed, n, size])
    return np.array([np.sort(draw.choice(n, size, replace=False)) for _ in range(SAMPLED)], dtype=np.int64)
