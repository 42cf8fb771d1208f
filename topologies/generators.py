"""Graphs by label: one edge list per graph of a turn.

``build("cliques:4x4", 16)`` draws two graphs, rows and columns; most labels draw one. Regions are
0 ... n-1 in the order of their names. A label, a size and a seed always draw the same graphs, but
nobody has to trust that: a plan carries the edges, and the label is only what people read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product

import networkx as nx

from topologies.edges import Graph, parse_edges
from topologies.errors import TopologyError

MASKED = "daemons"
SHOWN = "simulator; daemons with disclose + DP"
BY_GRAPH = "daemons, where every region has at least 2 neighbours"
MOST_REGIONS = 10_000
_TRIES = 1000  # a random 2-regular graph of 1000 regions is in one piece 6 times in 100; denser ones nearly always


@dataclass(frozen=True, slots=True)
class Label:
    """A family of topologies as ``landsting topology list`` shows it.

    Attributes:
        form: What to type, capitals standing for numbers.
        words: One line on what it is.
        daemons: Who runs it: ``MASKED``, ``SHOWN`` or ``BY_GRAPH``.
        example, nodes: A member of the family and its size; "" and 0 where a file is needed.
    """

    form: str
    words: str
    daemons: str
    example: str
    nodes: int


LABELS: tuple[Label, ...] = (
    Label("complete", "everybody with everybody", MASKED, "complete", 4),
    Label("ring", "each with the next, the last with the first", MASKED, "ring", 8),
    Label("torus:AxB", "a grid whose sides are glued; AxBxC too", MASKED, "torus:3x3", 9),
    Label("regular:K", "drawn by the seed, K neighbours each", MASKED, "regular:4", 12),
    Label("groups:M", "groups of M in a ring, all with all of the two next groups", MASKED, "groups:4", 16),
    Label("groups:M:closed", "the same, and all with all inside a group", MASKED, "groups:4:closed", 16),
    Label("cliques:AxB", "rows, then columns, in turn: exact after one turn; AxBxC too", MASKED, "cliques:4x4", 16),
    Label("one-peer", "pairs 1, 2, 4 … apart, in turn: exact after one turn", SHOWN, "one-peer", 8),
    Label("matchings", "pairs, everybody with everybody in turn", SHOWN, "matchings", 8),
    Label("star", "one in the middle, which sees everybody", SHOWN, "star", 8),
    Label("path", "a row with two ends", SHOWN, "path", 8),
    Label("edges", "your own edge list: edges:FILE", BY_GRAPH, "", 0),
)


def build(
    label: str, n: int, *, seed: int = 0, edges_text: str | None = None, names: Sequence[str] | None = None
) -> list[list[tuple[int, int]]]:
    """Return the graphs of one turn as edge lists (i < j, ascending).

    Args:
        label: One of the forms of ``LABELS``.
        n: Regions, 2 or more.
        seed: For ``regular:K``; other labels draw the same for every seed.
        edges_text: What ``topologies.edges`` reads, for ``edges``.
        names: Names that the edge list may use in place of numbers.

    Raises:
        TopologyError: No such label, or it does not fit n regions.
    """
    if not 2 <= n <= MOST_REGIONS:
        raise TopologyError(f"{n} regions", f"2 to {MOST_REGIONS}", "name more regions, or fewer")
    family, _, rest = label.partition(":")
    match family:
        case "complete" | "ring" | "star" | "path" if not rest:
            graphs = [_plain(family, n)]
        case "torus":
            graphs = [_torus(label, _factors(label, rest, n))]
        case "regular":
            graphs = [_regular(_number(label, rest), n, seed)]
        case "groups":
            size, _, kind = rest.partition(":")
            if kind not in ("", "closed"):
                raise TopologyError(
                    f"{label!r} ends with {kind!r}",
                    "nothing, or 'closed'",
                    f"use groups:{size} or groups:{size}:closed",
                )
            graphs = [_groups(_number(label, size), n, closed=kind == "closed")]
        case "cliques":
            graphs = _cliques(_factors(label, rest, n))
        case "one-peer" if not rest:
            graphs = _one_peer(n)
        case "matchings" if not rest:
            graphs = _matchings(n)
        case "edges":
            if edges_text is None:
                raise TopologyError(
                    "edges without an edge list",
                    "the text of one",
                    "landsting topology show edges:FILE --nodes N",
                )
            graphs = parse_edges(edges_text, n, names=names)
        case _:
            raise _unknown(label, family)
    return [sorted(graph) for graph in graphs]


def fitting(n: int) -> list[str]:
    """Return the labels worth comparing over n regions, those that many use first."""
    found = ["complete"] + (["ring"] if n >= 4 else [])  # a ring of 3 is complete
    found += [f"torus:{a}x{b}" for a, b in _pairs(n) if a >= 3][:2]
    found += [f"regular:{k}" for k in (3, 4, 6, 8) if k < n - 1 and n * k % 2 == 0]
    for size in (3, 4, 5, 6):
        if n % size == 0 and n // size >= 2:
            found.append(f"groups:{size}")
            if n // size > 3:  # with 2 or 3 groups the closed form is complete
                found.append(f"groups:{size}:closed")
    found += [f"cliques:{a}x{b}" for a, b in _pairs(n)][:2]
    found += [f"cliques:{a}x{b}x{c}" for a, b, c in _triples(n)][:1]
    found += ["one-peer"] if n >= 4 and not n & (n - 1) else []
    return [*found, *(["matchings", "star", "path"] if n >= 3 else [])]


def _plain(family: str, n: int) -> Graph:
    match family:
        case "complete":
            return list(combinations(range(n), 2))
        case "star":
            return [(0, i) for i in range(1, n)]
        case "path":
            return [(i, i + 1) for i in range(n - 1)]
        case _:
            if n < 3:
                raise TopologyError(f"a ring of {n}", "at least 3 regions", "use complete")
            return [(i, i + 1) for i in range(n - 1)] + [(0, n - 1)]


def _torus(label: str, sides: tuple[int, ...]) -> Graph:
    if min(sides) < 3:
        raise TopologyError(
            f"{label}: a side of {min(sides)}, whose two ends are one neighbour",
            "sides of 3 or more",
            "use ring or complete",
        )
    steps = _strides(sides)
    edges = set()
    for place in product(*(range(side) for side in sides)):
        here = sum(p * step for p, step in zip(place, steps, strict=True))
        for p, side, step in zip(place, sides, steps, strict=True):
            there = here + ((p + 1) % side - p) * step
            edges.add((min(here, there), max(here, there)))
    return list(edges)


def _regular(k: int, n: int, seed: int) -> Graph:
    fix = f"use regular:{k + 1}, or another number of regions"
    if k >= n:
        raise TopologyError(f"regular:{k} over {n} regions", f"at most {n - 1} neighbours each", "use complete")
    if n * k % 2:
        raise TopologyError(
            f"regular:{k} over {n} regions: {n} x {k} ends make no whole number of edges",
            "an even product",
            fix,
        )
    if k == 1 and n > 2:
        raise TopologyError(
            f"regular:1 over {n} regions is {n // 2} pairs that never meet",
            "2 neighbours or more",
            "use ring",
        )
    if k == n - 1:
        return _plain("complete", n)
    for attempt in range(_TRIES):
        graph = nx.random_regular_graph(k, n, seed=seed + (attempt << 64))
        if nx.is_connected(graph):
            return [(min(i, j), max(i, j)) for i, j in graph.edges]
    raise TopologyError(f"regular:{k} over {n} regions came out in pieces {_TRIES} times", "a graph in one piece", fix)


def _groups(size: int, n: int, *, closed: bool) -> Graph:
    if n % size or (n == size and not closed):
        least = "one group or more" if closed else "two groups or more"
        raise TopologyError(f"groups of {size} over {n} regions", f"{least}, all full", f"use {_divisors_words(n)}")
    groups = [range(start, start + size) for start in range(0, n, size)]
    edges: set[tuple[int, int]] = set()
    for index, group in enumerate(groups):
        if closed:
            edges.update(combinations(group, 2))
        for i, j in product(group, groups[(index + 1) % len(groups)]):
            if i // size != j // size:
                edges.add((min(i, j), max(i, j)))
    return list(edges)


def _cliques(sides: tuple[int, ...]) -> list[Graph]:
    n, graphs = math.prod(sides), []
    for side, step in reversed(list(zip(sides, _strides(sides), strict=True))):  # rows first: the last side
        starts = [i for i in range(n) if i // step % side == 0]
        graphs.append([pair for i in starts for pair in combinations(range(i, i + side * step, step), 2)])
    return graphs


def _one_peer(n: int) -> list[Graph]:
    """Pairs that differ in one binary digit, the lowest first: the one-peer hypercube."""
    if n & (n - 1):
        below = 1 << (n.bit_length() - 1)
        raise TopologyError(
            f"one-peer over {n} regions", "a power of two", f"use matchings, or {below} or {2 * below} regions"
        )
    return [[(i, i | bit) for i in range(n) if not i & bit] for bit in (1 << k for k in range(n.bit_length() - 1))]


def _matchings(n: int) -> list[Graph]:
    """A round-robin: every pair once in a turn; with an odd number one rests in each round. Kirkman's circle."""
    places = n + n % 2
    last = places - 1
    graphs = []
    for round in range(last):
        pairs = [(last, round)] + [((round + k) % last, (round - k) % last) for k in range(1, places // 2)]
        graphs.append([(min(pair), max(pair)) for pair in pairs if max(pair) < n])
    return graphs


def _strides(sides: Sequence[int]) -> list[int]:
    return [math.prod(sides[axis + 1 :]) for axis in range(len(sides))]


def _number(label: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5) or text.startswith("0"):
        raise TopologyError(f"{label!r}: {text!r} is no size", "a whole number from 1", "landsting topology list")
    return int(text)


def _factors(label: str, text: str, n: int) -> tuple[int, ...]:
    sides = tuple(_number(label, part) for part in text.split("x"))
    family = label.partition(":")[0]
    if len(sides) < 2 or min(sides) < 2 or math.prod(sides) != n:
        found = f"{label}: {' x '.join(map(str, sides))} is {math.prod(sides)}, over {n} regions"
        least = 2 if family == "cliques" else 3
        fits = [f"{family}:{a}x{b}" for a, b in _pairs(n) if a >= least]
        raise TopologyError(
            found,
            f"two or more sides of {least} or more, whose product is {n}",
            f"use {fits[0] if fits else 'complete' if n < 6 else 'complete or regular:4'}",
        )
    return sides


def _pairs(n: int) -> list[tuple[int, int]]:
    """Return a x b = n with 2 <= a <= b, the squarest first."""
    return [(a, n // a) for a in range(math.isqrt(n), 1, -1) if n % a == 0]


def _triples(n: int) -> list[tuple[int, int, int]]:
    found = [(a, b, c) for a in range(3, round(n ** (1 / 3)) + 1) if n % a == 0 for b, c in _pairs(n // a) if b >= a]
    return sorted(found, key=lambda sides: sides[2] - sides[0])


def _divisors_words(n: int) -> str:
    fits = [f"groups:{size}" for size in range(3, n // 2 + 1) if n % size == 0]
    return " or ".join(fits[:3]) or "ring or complete"


def _unknown(label: str, family: str) -> TopologyError:
    from difflib import get_close_matches  # needed for this message alone

    near = get_close_matches(family, sorted({known.form.partition(":")[0] for known in LABELS}), 1)
    forms = ", ".join(known.form for known in LABELS)
    return TopologyError(
        f"topology {label!r}",
        f"one of {forms}",
        f"use {near[0]}; landsting topology list" if near else "landsting topology list",
    )
