"""How a model does on parts of its rows: groups none of which is small, and none of which the others give away.

A group under ten rows is not only left unnamed: where all groups but one of a column are shown beside the number of
all rows, the hidden one is what is left. So small groups are put together with others until each has ten
(complementary suppression by merging; Hundepool et al., Statistical Disclosure Control, 2012, section 5.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.learning.data.rows import Rows
from node.learning.data.schema import NUMERIC, Column
from node.learning.evaluate import Model
from node.learning.metrics import FEWEST

FEWEST_FOR_FIGURES = 20
PARTS = 4  # of a number's range, where the manifest gives no band
REST = "none of these"  # a missing value, or one outside of the range


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one group.

    Attributes:
        names: What it is made of, in the column's order.
        members: bool (n,).
        places: (first, last) of the ordered bands it is made of; None where there is no order.
    """

    names: tuple[str, ...]
    members: NDArray[np.bool_]
    places: tuple[int, int] | None = None

    def __len__(self) -> int:
        return int(self.members.sum())


def subgroups(model: Model, rows: Rows) -> list[dict[str, Any]]:
    """Return the model's figures for each category and each band of a quasi-identifier, no group under ten rows.

    Returns:
        ``column``, ``group`` (its name), ``rows`` and the figures, None under twenty rows. Columns that leave one group
        only are not there.
    """
    out: list[dict[str, Any]] = []
    names = list(model.figures(rows))
    for column in model.encoder.schema.features:
        parts = merged(_parts(column, rows.features[column.name]))
        for part in parts if len(parts) > 1 else ():
            enough = len(part) >= FEWEST_FOR_FIGURES
            figures = model.figures(rows.take(part.members)) if enough else dict.fromkeys(names)
            out.append({"column": column.name, "group": _name(part), "rows": len(part), **figures})
    return out


def merged(parts: Sequence[Part]) -> list[Part]:
    """Return parts put together until each has ten rows or one is left; empty ones are gone.

    The smallest goes to a neighbour where there is an order, to the next smallest otherwise.
    """
    left = [part for part in parts if len(part)]
    while len(left) > 1 and min(map(len, left)) < FEWEST:
        least = min(left, key=len)
        at = left.index(least)
        near = [i for i in (at - 1, at + 1) if 0 <= i < len(left) and left[i].places]
        others = near if least.places and near else [i for i in range(len(left)) if i != at]
        to = min(others, key=lambda i: len(left[i]))
        first, last = sorted((at, to))
        left[first] = _joined(left[first], left.pop(last))
    return left


def _joined(one: Part, other: Part) -> Part:
    places = None
    if one.places and other.places:
        places = one.places[0], other.places[1]
    return Part((*one.names, *other.names), one.members | other.members, places or one.places or other.places)


def _name(part: Part) -> str:
    """``18 to 59`` for bands side by side, ``a or b`` for others."""
    bands = [name for name in part.names if name != REST]
    if part.places and bands:
        low, high = bands[0].partition(" to ")[0], bands[-1].partition(" to ")[2]
        bands = [f"{low} to {high}"]
    return " or ".join([*bands, *([REST] if REST in part.names else [])])


def _parts(column: Column, values: NDArray[np.float64]) -> list[Part]:
    parts: list[Part] = []
    if column.kind == "category":
        parts = [Part((name,), values == code) for code, name in enumerate((*column.categories, "other"))]
    elif column.kind == "boolean":
        parts = [Part(("no",), values == 0), Part(("yes",), values == 1)]
    elif column.kind in NUMERIC and column.role == "quasi_identifier" and column.range is not None:
        low, high = column.range
        width = column.band or (high - low) / PARTS
        edges = np.arange(low, high + width, width).tolist()
        parts = [
            Part((f"{a:g} to {b:g}",), (values >= a) & (values < b), (i, i)) for i, (a, b) in enumerate(pairwise(edges))
        ]
    if not parts:
        return []
    rest = ~np.logical_or.reduce([part.members for part in parts])
    return [*parts, Part((REST,), rest)]
