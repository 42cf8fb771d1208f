"""How a generator sees a table: one-hot over bins or categories, and a place within the bin.

| column | places |
|---|---|
| number, integer, date (days) | one-hot over 10 bins, and one number in [-1, 1]: the place within the bin |
| boolean | one-hot over 0 and 1 |
| category | one-hot over the manifest's list and ``__other__`` |
| any, with ``missing`` codes | one more place in its one-hot |

Which places a column has follows from the schema alone. What they mean follows from the opened sums, with no
access to rows: equal sums give the same coding everywhere. Within a bin a number is placed by its rank, by
segments that each hold at least ``RARE`` rows of all regions together: what is made of the coding cannot tell
fewer apart. Without sums the bins are ten equal parts of the public range.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from node.learning.data.rows import Rows
from node.learning.data.schema import NUMERIC, Column, Schema
from node.learning.errors import ConfigError
from node.learning.preprocessing import RARE, GlobalStats
from node.learning.stages import BINS as FINE
from node.learning.task import Encoded, Floats, json_hash

if TYPE_CHECKING:
    import pandas as pd

BINS = 10
OTHER = "__other__"
SUMS = ("count", "moment", "bin", "bin2", "category")  # what the coding wants opened
POINT = 0.03  # share of rows in the outermost bin from which on they lie on the end of the range
DIGITS = 3  # of a number without ``decimals``: a thousandth of its range

# low and high end, and the share of the column's rows, of one piece of a bin
Segment = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Part:
    """One column's places.

    Attributes:
        name, kind, decimals: Of the column; decimals of a number without any follow from its range.
        at: First place of its one-hot among the inputs.
        names: One for each place of the one-hot; the last is ``""`` where the column can be missing.
        bins: Of a number, the segments of each of the 10 bins, rising; an empty bin has none.
        offset: Where the place within the bin stands; None for categories.
        open: Which places a generator may use.
        shares: Share of rows of each place over all regions; None where it was not summed.
        constant: The one value of a column without spread.
    """

    name: str
    kind: str
    at: int
    names: tuple[str, ...]
    open: tuple[bool, ...]
    shares: tuple[float, ...] | None = None
    decimals: int | None = None
    offset: int | None = None
    bins: tuple[tuple[Segment, ...], ...] = ()
    constant: float | None = None

    @property
    def has_missing(self) -> bool:
        """Whether the last place stands for a missing value."""
        return self.names[-1] == ""

    @property
    def until(self) -> int:
        """One past the last place of the one-hot."""
        return self.at + len(self.names)

    def value(self) -> dict[str, Any]:
        """Return plain JSON values; ``of_value`` is the inverse."""
        return {key: getattr(self, key) for key in self.__slots__}

    @classmethod
    def of_value(cls, value: Mapping[str, Any]) -> Part:
        """Return the part of ``value()``."""

        def frozen(one: Any) -> Any:
            return tuple(frozen(part) for part in one) if isinstance(one, list | tuple) else one

        return cls(**{key: frozen(one) for key, one in value.items()})


@dataclass(frozen=True, slots=True)
class TableCoding:
    """The places of all features, and what the label is.

    Attributes:
        parts: One a feature, in the manifest's order.
        label, classes: The label's column and its classes.
        label_kind: ``category`` or ``boolean``.
        prior: Share of each class over all regions; equal shares where it was not summed.
        order: All columns of a made table, in the manifest's order.
    """

    parts: tuple[Part, ...]
    label: str
    label_kind: str
    classes: tuple[str, ...]
    prior: tuple[float, ...]
    order: tuple[str, ...]

    @classmethod
    def of(cls, schema: Schema, stats: GlobalStats | None) -> TableCoding:
        """Return the coding of a schema, given what was opened (None: nothing).

        Raises:
            ConfigError: The label is not classes, or no column is an input of a table.
        """
        if not schema.features:
            raise ConfigError(f"{schema.id}: no column but images", "columns", "Choose a task for images.")
        parts, at = [], 0
        for column in schema.features:
            made = _number(column, stats, at) if _is_number(column) else _category(column, stats, at)
            parts.append(made)
            at = made.until + (made.offset is not None)
        classes = schema.classes
        counts = stats.classes if stats is not None and sum(stats.classes) > 0 else (1,) * len(classes)
        prior = tuple(n / sum(counts) for n in counts)
        names = {column.name for column in schema.features} | {schema.label.name}
        order = tuple(column.name for column in schema.columns if column.name in names)
        return cls(tuple(parts), schema.label.name, schema.label.kind, classes, prior, order)

    @property
    def width(self) -> int:
        """How many numbers a row is; a function of the schema alone."""
        last = self.parts[-1]
        return last.until + (last.offset is not None)

    @property
    def offsets(self) -> tuple[int, ...]:
        """Where places within bins stand."""
        return tuple(part.offset for part in self.parts if part.offset is not None)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Which numbers of a row a generator may use, bool (width,)."""
        out = np.ones(self.width, np.bool_)
        for part in self.parts:
            out[part.at : part.until] = part.open
        return out

    @property
    def hash(self) -> bytes:
        """SHA-256 of all numbers: equal at every region, or a row means something else there."""
        return json_hash("TABLE-CODING", self.value())

    def value(self) -> dict[str, Any]:
        """Return plain JSON values; ``of_value`` is the inverse."""
        return {key: getattr(self, key) for key in self.__slots__} | {"parts": [part.value() for part in self.parts]}

    @classmethod
    def of_value(cls, value: Mapping[str, Any]) -> TableCoding:
        """Return the coding of ``value()``."""
        plain: dict[str, Any] = {k: tuple(one) if isinstance(one, list | tuple) else one for k, one in value.items()}
        return cls(**{**plain, "parts": tuple(Part.of_value(part) for part in value["parts"])})

    # ---------------------------------------------------------------- rows to numbers

    def rows(self, rows: Rows) -> Encoded:
        """Return typed rows as a generator's task takes them: ``x`` coded, ``y`` the class."""
        return Encoded(self.encode(rows), rows.label, coding=self)

    def encode(self, rows: Rows) -> Floats:
        """Return typed rows as numbers, float32 (n, width).

        A missing value of a column without a place for it is as all regions are on average: the shares.
        """
        x = np.zeros((len(rows), self.width), np.float32)
        for part in self.parts:
            values = rows.features[part.name]
            present = np.isfinite(values)
            unknown = np.asarray(part.shares or [o / sum(part.open) for o in part.open], np.float32)
            x[:, part.at : part.until] = np.where(present[:, None], 0, _missing(part) if part.has_missing else unknown)
            at = np.flatnonzero(present)
            if part.offset is not None:
                place, offset = _placed(part, values[present])
                x[at, part.offset] = offset
            elif part.kind == "boolean":
                place = (values[present] >= 0.5).astype(np.int64)
            else:
                place = values[present].astype(np.int64)
                rest = len(part.names) - 1 - part.has_missing
                place = np.where(np.asarray(part.open)[place], place, rest)
            x[at, part.at + place] = 1
        return x

    # ---------------------------------------------------------------- numbers to rows

    def decode(self, x: Floats, labels: NDArray[np.int64]) -> pd.DataFrame:
        """Return rows as a table with the manifest's names, categories and decimals, in the manifest's order.

        Args:
            x: float32 (n, width); of each one-hot the largest counts.
            labels: int64 (n,), the place of each row's class.

        Returns:
            Categories as texts, whole numbers as integers, others as float64; missing is None or NaN.
            Dates are days since the column that the manifest names.
        """
        import pandas as pd

        out: dict[str, Any] = {self.label: self._label(labels)}
        for part in self.parts:
            scores = np.where(part.open, x[:, part.at : part.until], -np.inf)
            place = scores.argmax(axis=1)
            missing = place == len(part.names) - 1 if part.has_missing else np.zeros(len(x), np.bool_)
            if part.offset is None and part.kind != "boolean":
                names = np.asarray(part.names, object)
                names[-1] = None if part.has_missing else names[-1]
                out[part.name] = names[place]
                continue
            values = place.astype(np.float64) if part.offset is None else _values(part, place, x[:, part.offset])
            whole = part.kind in ("boolean", "integer", "date") or part.decimals == 0
            if whole and not missing.any():
                out[part.name] = values.astype(np.int64)
            elif whole:
                out[part.name] = pd.array(np.where(missing, 0, values).astype(np.int64), dtype="Int64")
                out[part.name][missing] = pd.NA
            else:
                out[part.name] = np.where(missing, np.nan, values)
        return pd.DataFrame(out)[list(self.order)]

    def _label(self, labels: NDArray[np.int64]) -> Any:
        if self.label_kind == "boolean":
            return labels.astype(np.int64)
        return np.asarray(self.classes, object)[labels]


# ---------------------------------------------------------------- one column


def _is_number(column: Column) -> bool:
    return column.kind in NUMERIC and column.kind != "boolean"


def _missing(part: Part) -> Floats:
    out = np.zeros(len(part.names), np.float32)
    out[-1] = 1
    return out


def _decimals(column: Column) -> int:
    if column.decimals is not None:
        return column.decimals
    if column.kind != "number":
        return 0
    low, high = column.range or (0.0, 1.0)
    return max(0, DIGITS - int(np.floor(np.log10(high - low))) - 1)


def _present(column: Column, stats: GlobalStats) -> tuple[int, int]:
    """Return how many rows have a value of the column, and how many lack it."""
    present = stats.present.get(column.name, 0)
    return present, max(0, stats.rows - present)


def _number(column: Column, stats: GlobalStats | None, at: int) -> Part:
    """Return the places of a number: bins of as equal shares as its segments allow."""
    names = (*(str(i) for i in range(BINS)), *(("",) if column.missing else ()))
    low, high = column.range or (0.0, 1.0)
    bins: list[list[Segment]] = [[] for _ in range(BINS)]
    shares, constant = None, None
    if stats is not None and column.name in stats.fine and sum(stats.fine[column.name]) > 0:
        until = 0.0
        found = segments(stats.fine[column.name], *stats.ends[column.name])
        for segment in _points(found, column, *stats.ends[column.name]):
            middle = until + segment[2] / 2
            bins[min(BINS - 1, int(BINS * middle))].append(segment)
            until += segment[2]
        present, missing = _present(column, stats)
        each = [sum(share for _, _, share in segs) * present for segs in bins] + [missing] * bool(column.missing)
        shares = tuple(n / max(1e-9, sum(each)) for n in each)
        if stats.std.get(column.name) == 0 and column.name in stats.mean:
            constant = stats.mean[column.name]
    else:
        step = (high - low) / BINS
        bins = [[(low + i * step, low + (i + 1) * step, 1 / BINS)] for i in range(BINS)]
    is_open = tuple(bool(segs) for segs in bins) + ((True,) if column.missing else ())
    if column.missing and shares is not None:
        is_open = (*is_open[:-1], shares[-1] > 0)
    return Part(
        column.name, column.kind, at, names, is_open, shares, _decimals(column), at + len(names),
        tuple(tuple(segs) for segs in bins), constant,
    )  # fmt: skip


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
        if n >= RARE and rows and out:  # what gathered before it joins what lies to the left
            out.append(_joined(out.pop(), last, rows))
            first, rows = None, 0
        first = i if first is None else first
        last, rows = i + 1, rows + n
        if rows >= RARE:
            out.append((first, last, rows))
            first, rows = None, 0
    if rows and first is not None:
        out.append(_joined(out.pop(), last, rows) if out else (first, last, rows))
    return [(low + a * step, low + b * step, n / total) for a, b, n in out]


def _joined(piece: tuple[int, int, int], last: int, rows: int) -> tuple[int, int, int]:
    """Return a piece with a few rows more, up to bin ``last``; one bin that many rows share stays one bin."""
    a, b, m = piece
    return (a, b if b == a + 1 else last, m + rows)


def _points(found: list[Segment], column: Column, first: float, last: float) -> list[Segment]:
    """Return segments of which those that can hold one value only, by decimals or by the end of the range, are points.

    The outer bins also hold what lies beyond ``first`` and ``last``: many rows there lie on the end itself.
    """
    step, unit = (last - first) / FINE, 10.0 ** -_decimals(column)
    low, high = column.range or (0.0, 1.0)
    out = []
    for a, b, share in found:
        if b - a < 1.5 * step:
            least = np.ceil(a / unit - 1e-6) * unit
            if a <= first and least - low <= 2 * step and share >= POINT:
                a = b = low
            elif b >= last and high - b <= 2 * step and share >= POINT:
                a = b = high
            elif least < b <= least + unit:
                a = b = float(least)
        out.append((a, b, share))
    return out


def _category(column: Column, stats: GlobalStats | None, at: int) -> Part:
    listed = ("0", "1") if column.kind == "boolean" else (*column.categories, OTHER)
    names = (*listed, *(("",) if column.missing else ()))
    is_open, shares = [True] * len(names), None
    if stats is not None and column.kind == "boolean" and column.name in stats.fine:
        present, missing = _present(column, stats)
        ones = round(stats.mean[column.name] * present) if column.name in stats.mean else 0
        counts = [present - ones, ones, *([missing] if column.missing else [])]
        if sum(counts) > 0:
            shares = tuple(max(0, n) / sum(counts) for n in counts)
            is_open = [share > 0 for share in shares]
    elif stats is not None and column.name in stats.coded:
        present, missing = _present(column, stats)
        common = [n if n >= RARE else 0 for n in stats.coded[column.name]]
        rest = max(0, present - sum(common))
        counts = [*common, rest, *([missing] if column.missing else [])]
        is_open = [n > 0 for n in counts]
        if any(is_open):
            shares = tuple(n / sum(counts) for n in counts)
        else:
            is_open = [name == OTHER for name in names]
    return Part(column.name, column.kind, at, names, tuple(is_open), shares)


def _edges(part: Part) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return (low, high) of all segments, (n, 2), the bin of each, and its rank ends within the bin in [0, 1]."""
    ends, where, begin, until = [], [], [], []
    for number, segs in enumerate(part.bins):
        total = sum(share for _, _, share in segs)
        ranks = [0.0, *accumulate(share / total for _, _, share in segs)] if segs else []
        for (low, high, _), a, b in zip(segs, ranks[:-1], ranks[1:], strict=True):
            ends.append((low, high))
            where.append(number)
            begin.append(a)
            until.append(b)
    return np.array(ends).reshape(-1, 2), np.array(where, np.int64), np.array(begin), np.array(until)


def _placed(part: Part, values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the bin of each value and its place within it, in [-1, 1]."""
    ends, where, begin, until = _edges(part)
    at = np.clip(np.searchsorted(ends[:, 0], values, side="right") - 1, 0, len(ends) - 1)
    low, high = ends[at].T
    inside = np.where(high > low, np.clip((values - low) / np.where(high > low, high - low, 1), 0, 1), 0.5)
    return where[at], 2 * (begin[at] + inside * (until[at] - begin[at])) - 1


def _values(part: Part, place: NDArray[np.int64], offset: Floats) -> NDArray[np.float64]:
    """Return the numbers of bins and places within them, rounded."""
    if part.constant is not None:
        return np.full(len(place), np.round(part.constant, part.decimals or 0))
    ends, where, begin, until = _edges(part)
    rank = np.clip((offset.astype(np.float64) + 1) / 2, 0, 1)
    key = place + np.minimum(rank, 1 - 1e-9)  # bins lie one apart, ranks within them
    at = np.clip(np.searchsorted(where + begin, key, side="right") - 1, 0, len(ends) - 1)
    inside = np.clip((rank - begin[at]) / np.maximum(until[at] - begin[at], 1e-300), 0, 1)
    exact: NDArray[np.float64] = ends[at, 0] + inside * (ends[at, 1] - ends[at, 0])
    return np.round(exact, part.decimals or 0)
