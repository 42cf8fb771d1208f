"""The schedule to take if nobody says another: the cheapest that hides and bears one loss.

Cost is what a region sends until a millionth of any disagreement is left: models a round times rounds. So a
dense graph that mixes at once and a thin one that takes long compare. What opens more than
``MOST_LINES`` lines a region is taken only where nothing else will do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from topologies.coalitions import least_coalition, least_hidden
from topologies.errors import TopologyError
from topologies.generators import fitting
from topologies.integers import Mixing, uniform_mixing
from topologies.overview import Overview, overview
from topologies.privacy import seen_in_one_round
from topologies.schedule import Schedule

MOST_LINES = 11  # models a region sends in a round; with more it is held to be dear, whatever it mixes
NEVER = ("ring", "star", "path", "one-peer", "matchings", "cliques")  # no loss is borne, or drawn below
SMALLEST_SIDE = 3
MOST_TRIED = 20_000  # single rounds that are looked at to prove a bound
MOST_SYMMETRIC = 48  # regions up to which symmetries are looked for, to try fewer


def recommended(
    n: int, *, seed: int = 0, min_coalition: int = 1, hidden: int = 2, colluders: int | None = None
) -> Overview:
    """Return the figures of the recommended topology over n regions.

    The cheapest in which every update hides, no coalition below ``min_coalition`` sees one (fresh contributions),
    and any one region may be away. Where none is like that, ``complete``; it hides best.

    Raises:
        TopologyError: n is out of range.
    """
    for dear in (False, True):
        found = [
            one
            for label in candidates(n)
            if (one := _figures(label, n, seed, hidden, colluders)) is not None
            and (one.vectors > MOST_LINES) == dear
            and one.is_maskable
            and one.away >= 1
            and one.rounds is not None
        ]
        for one in sorted(found, key=cost):
            if hidden_from(uniform_mixing(Schedule(n, one.graphs)), min_coalition - 1).proved:
                return one
    return overview("complete", n, hidden=hidden, colluders=colluders)


def cost(one: Overview) -> tuple[float, float]:
    """Return models that a region sends until a millionth of any disagreement is left; then, in a round."""
    return (math.inf if one.rounds is None else one.vectors * one.rounds), one.vectors


def candidates(n: int) -> list[str]:
    """Return the labels that are compared: those of ``fitting`` that can hide, and all clique products."""
    plain = [label for label in fitting(n) if label.partition(":")[0] not in NEVER]
    return [*plain, *(f"cliques:{'x'.join(map(str, sides))}" for sides in _products(n))]


@dataclass(frozen=True, slots=True)
class Hidden:
    """Whether coalitions up to a size see nothing.

    Attributes:
        proved: All were tried, or ruled out by theorem 2, and none sees anybody.
        coalition, sees: One that does; empty where none was found.
    """

    proved: bool
    coalition: tuple[int, ...] = ()
    sees: tuple[int, ...] = ()


def hidden_from(mixing: Mixing, size: int) -> Hidden:
    """Return whether no coalition of up to ``size`` regions sees what another sent in a round.

    Bounded by counting, so that the answer is the same everywhere: not proved where there are too many.
    """
    first = least_hidden(mixing)
    sizes = range(first, min(size, mixing.n - 1) + 1)
    total = sum(math.comb(mixing.n, k) for k in sizes) * len(mixing.distinct)
    if total <= MOST_TRIED:
        for k in sizes:
            for coalition in combinations(range(mixing.n), k):
                if seen := seen_in_one_round(mixing, coalition):
                    return Hidden(False, coalition, tuple(sorted(seen)))
        return Hidden(True)
    if mixing.n > MOST_SYMMETRIC:
        return Hidden(False)
    tried = 0

    def going(_size: int, _done: int, _total: int) -> bool:
        nonlocal tried
        tried += len(mixing.distinct)
        return tried <= MOST_TRIED

    found = least_coalition(mixing, lambda members: seen_in_one_round(mixing, members), max_size=size, keep_going=going)
    if found.at_most is not None and found.at_most <= size:
        return Hidden(False, found.coalition, found.sees)
    return Hidden(found.searched_to >= size)


def _figures(label: str, n: int, seed: int, hidden: int, colluders: int | None) -> Overview | None:
    try:
        return overview(label, n, seed=seed, hidden=hidden, colluders=colluders)
    except TopologyError:  # a random graph that came out in pieces
        return None


def _products(n: int, least: int = SMALLEST_SIDE) -> Iterator[tuple[int, ...]]:
    """Yield the ways to write n as a product of two to four ascending sides of 3 or more."""

    def ways(rest: int, least: int, parts: int) -> Iterator[tuple[int, ...]]:
        if rest >= least:
            yield (rest,)
        for side in range(least, math.isqrt(rest) + 1):
            if parts > 1 and rest % side == 0:
                for others in ways(rest // side, side, parts - 1):
                    yield (side, *others)

    yield from (sides for sides in ways(n, least, 4) if len(sides) > 1)
