"""An edge list from text: one edge a line, ``---`` between the graphs of a turn.

    # rows, then columns
    0 1
    2 3
    ---
    0 2
    1 3

Regions are numbers from 0 in the order of their names, or names where the caller knows them. The
file is read by the caller; this module sees its text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from topologies.errors import TopologyError

Graph = list[tuple[int, int]]

MAX_TEXT = 8 * 1024 * 1024  # characters
_EXAMPLE = "write one edge a line, like '0 1'"


def parse_edges(text: str, n: int, *, names: Sequence[str] | None = None) -> list[Graph]:
    """Return the graphs of one turn, each sorted, i < j.

    Args:
        text: Lines with two regions parted by blanks or a comma; ``#`` begins a comment.
        n: Regions.
        names: Their names in order; None allows numbers only.

    Raises:
        TopologyError: With the number of the line that is wrong.
    """
    if len(text) > MAX_TEXT:
        raise TopologyError(
            f"an edge list of {len(text)} characters",
            f"at most {MAX_TEXT}",
            "draw the graph by a label",
        )
    index = {name: i for i, name in enumerate(names or ())}
    graphs: list[set[tuple[int, int]]] = [set()]
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.partition("#")[0].replace(",", " ").strip()
        if line == "---":
            graphs.append(set())
        elif line:
            edge = _edge(line, number, n, index)
            if edge in graphs[-1]:
                raise TopologyError(
                    f"line {number}: the edge {line!r} a second time",
                    "each edge once a graph",
                    "remove one of the lines",
                )
            graphs[-1].add(edge)
    for position, graph in enumerate(graphs):
        if not graph:
            raise TopologyError(
                f"graph {position + 1} of the edge list has no edge",
                "at least one edge in each graph",
                _EXAMPLE,
            )
    return [sorted(graph) for graph in graphs]


def _edge(line: str, number: int, n: int, index: Mapping[str, int]) -> tuple[int, int]:
    parts = line.split()
    if len(parts) != 2:
        raise TopologyError(f"line {number}: {line!r}", "two regions", _EXAMPLE)
    i, j = (_region(part, number, n, index) for part in parts)
    if i == j:
        raise TopologyError(
            f"line {number}: region {parts[0]} is its own neighbour",
            "two different regions",
            "remove the line",
        )
    return min(i, j), max(i, j)


def _region(part: str, number: int, n: int, index: Mapping[str, int]) -> int:
    if part in index:
        return index[part]
    if part.isascii() and part.isdigit() and len(part) <= 6 and int(part) < n:
        return int(part)
    known = f"a number from 0 to {n - 1}" + (f", or one of {', '.join(index)}" if 0 < len(index) <= 12 else "")
    raise TopologyError(f"line {number}: {part!r} is no region", known, "correct that line")
