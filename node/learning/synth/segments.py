"""Pieces of a number's range that hold at least ten rows of all regions together, from opened counts.

What is made of them goes into exported files: it tells no fewer rows apart, its outer ends are nobody's extremes, and
no count in it is 1 to 9. All of it follows from the sums, so that it is equal at every region.
"""

from __future__ import annotations

from collections.abc import Sequence

from node.learning.preprocessing import RARE

# low and high end, and the share of the column's rows, of one piece of a bin
Segment = tuple[float, float, float]


def without_few(counts: Sequence[int]) -> list[int]:
    """Return counts of which those below ``RARE`` are 0: the same everywhere, for they follow from opened sums."""
    return [n if n >= RARE else 0 for n in counts]


def segments(counts: Sequence[int], low: float, high: float) -> list[Segment]:
    """Return equal bins on [low, high] merged into pieces of at least ``RARE`` rows each; empty ends are cut off.

    A bin that holds so many alone stays alone, and a few rows beside it count there: a value that many rows share
    keeps its place.
    """
    step, total = (high - low) / len(counts), sum(counts)
    out: list[tuple[int, int, int]] = []  # first bin, one past the last, rows
    first, last, rows = None, 0, 0
    for i, n in enumerate(counts):
        if n <= 0:
            continue
        if n >= RARE and rows:  # what gathered before it joins what lies to the left, at the low end this bin
            if out:
                out.append(_joined(out.pop(), last, rows))
                rows = 0
            first = None
        first = i if first is None else first
        last, rows = i + 1, rows + n
        if rows >= RARE:
            out.append((first, last, rows))
            first, rows = None, 0
    if rows and first is not None:
        out.append(_joined(out.pop(), last, rows) if out else (first, last, rows))
    return [(low + a * step, low + b * step, n / total) for a, b, n in out]


def widened(counts: Sequence[int], low: float, high: float, least: float, most: float) -> list[Segment]:
    """Return ``segments`` whose outer ends no few rows decide.

    An outermost bin with fewer than ``RARE`` rows would tell where the least or largest value lies. The segment is
    then made as wide as the next two with what lies between them, within the public range [least, most]; where
    there are no two more, it goes to the end of that range.
    """
    out, step = segments(counts, low, high), (high - low) / len(counts)
    if not out:
        return out
    inner = [(a, b) for a, b, _ in out]
    if counts[round((inner[0][0] - low) / step)] < RARE:
        edge = inner[0][1]
        start = edge - (inner[2][1] - edge) if len(out) > 2 else least
        out[0] = (max(least, start), edge, out[0][2])
    if counts[round((inner[-1][1] - low) / step) - 1] < RARE:
        edge = out[-1][0] if len(out) == 1 else inner[-1][0]
        until = edge + (edge - inner[-3][0]) if len(out) > 2 else most
        out[-1] = (edge, min(most, until), out[-1][2])
    return out


def _joined(piece: tuple[int, int, int], last: int, rows: int) -> tuple[int, int, int]:
    """Return a piece with a few rows more, up to bin ``last``; one bin that many rows share stays one bin."""
    a, b, m = piece
    return (a, b if b == a + 1 else last, m + rows)
