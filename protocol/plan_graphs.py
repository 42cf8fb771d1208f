"""What a plan's graphs mean for each region: its neighbours, and how well they hide.

Pure arithmetic on edge lists; drawing graphs and measuring how fast they mix is not done here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Edges = Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """A receiver and those who send to it in one graph.

    Attributes:
        names: Planned senders, sorted by name.
        colluders: c, senders that may be in league with the receiver.
        needed: h + c, fewest senders among whom a value hides.
        disclosed: Too few to hide, and the plan lets them send in the clear.
    """

    names: tuple[str, ...]
    colluders: int
    needed: int
    disclosed: bool

    @property
    def degree(self) -> int:
        """d, how many planned senders."""
        return len(self.names)

    @property
    def is_maskable(self) -> bool:
        """Whether a sum over these senders hides each of them."""
        return len(self.names) >= self.needed


def neighbourhood(
    names: Iterable[str], colluders: int | None, hidden: int, disclose: bool, clear: bool = False
) -> Neighbourhood:
    """Return a neighbourhood; ``colluders`` None means (d - 1) // 3 of the planned d, ``clear`` that nobody masks."""
    senders = tuple(sorted(names))
    # From the planned number, never from the cohort shown: a receiver that shows {victim, its friend} would get c = 0.
    c = max(0, (len(senders) - 1) // 3) if colluders is None else colluders
    needed = hidden + c
    return Neighbourhood(senders, c, needed, bool(senders) and (clear or (disclose and len(senders) < needed)))


def neighbourhoods(
    regions: Sequence[str], edges: Edges, colluders: int | None, hidden: int, disclose: bool, clear: bool = False
) -> dict[str, Neighbourhood]:
    """Return every region's neighbourhood in one graph."""
    senders: dict[str, list[str]] = {name: [] for name in regions}
    for i, j in edges:
        senders[regions[i]].append(regions[j])
        senders[regions[j]].append(regions[i])
    return {name: neighbourhood(found, colluders, hidden, disclose, clear) for name, found in senders.items()}


def pieces(n: int, graphs: Iterable[Edges]) -> list[list[int]]:
    """Return the connected pieces of all graphs of a turn laid over each other, the largest first."""
    root = list(range(n))

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    for edges in graphs:
        for i, j in edges:
            root[find(i)] = find(j)
    found: dict[int, list[int]] = {}
    for i in range(n):
        found.setdefault(find(i), []).append(i)
    return sorted(found.values(), key=lambda piece: (-len(piece), piece))


def may_be_away(graphs: Iterable[Mapping[str, Neighbourhood]]) -> tuple[int, tuple[str, ...]]:
    """Return how many regions may be absent before somebody stops mixing, and the regions whose loss does it.

    The least of d - (h + c) over receivers and graphs (d - 1 where updates are disclosed), not below 0. One more
    than that of the named regions missing, neighbours of one receiver, and that receiver trains alone.
    """
    least: int | None = None
    critical: set[str] = set()
    for graph in graphs:
        for around in graph.values():
            spare = max(0, around.degree - (1 if around.disclosed else around.needed))
            if least is None or spare < least:
                least, critical = spare, set()
            if spare == least:
                critical.update(around.names)
    return least or 0, tuple(sorted(critical))


def nearest_maskable(n: int, edges: Edges, colluders: int | None, hidden: int) -> str | None:
    """Return the label, ring or complete, that masking allows and that changes the fewest edges; None if neither."""
    have = {(i, j) for i, j in edges}
    ring = {(min(k, (k + 1) % n), max(k, (k + 1) % n)) for k in range(n)} if n > 2 else set()
    # Counted, not built: the complete graph on the regions of a stranger's plan may be large.
    options = [("complete", n * (n - 1) // 2 - len(have), n - 1), ("ring", len(ring ^ have), 2 if ring else 0)]
    if n > 8:  # beyond 8 regions `complete` is many links
        options.reverse()
    fitting = []
    for label, changed, degree in options:
        c = (degree - 1) // 3 if colluders is None else colluders
        if degree >= hidden + max(0, c):
            fitting.append((changed, label))
    return min(fitting, key=lambda option: option[0])[1] if fitting else None
