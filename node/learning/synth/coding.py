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
fewer apart. The coding goes into exported files, so no share in it stands for 1 to 9 rows, and the outer ends are
nobody's extremes: see ``segments``. Without sums the bins are ten equal parts of the public range.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from node.learning.data.rows import Rows
from node.learning.data.schema import NUMERIC, Column, Schema
from node.learning.errors import ConfigError
from node.learning.hashing import json_hash
from node.learning.preprocessing import RARE, GlobalStats
from node.learning.stages import BINS as FINE
from node.learning.synth.segments import Segment, widened, without_few
from node.learning.task import Encoded
from node.learning.vectors import Floats

if TYPE_CHECKING:
    import pandas as pd

BINS = 10
OTHER = "__other__"
SUMS = ("count", "moment", "bin", "bin2", "category")  # what the coding wants opened
POINT = 0.03  # share of rows in the outermost bin from which on they lie on the end of the range
DIGITS = 3  # of a number without ``decimals``: a thousandth of its range


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
        if stats is not None and sum(stats.classes) > 0:  # a class is what is asked for: it stays, and says "few"
            counts = tuple(max(n, RARE) if n > 0 else 0 for n in counts)
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

        A missing value of a column without a place for it is as all regions are on average: the shares. So is a value
        whose place is closed because fewer than ``RARE`` rows have it.
        """
        x = np.zeros((len(rows), self.width), np.float32)
        for part in self.parts:
            values = rows.features[part.name]
            present = np.isfinite(values)
            is_open = np.asarray(part.open)
            place = np.full(len(rows), len(part.names) - 1, np.int64)  # that of what is missing, if there is one
            if part.offset is not None:
                place[present], x[present, part.offset] = _placed(part, values[present])
            elif part.kind == "boolean":
                place[present] = values[present] >= 0.5
            else:
                listed = values[present].astype(np.int64)
                place[present] = np.where(is_open[listed], listed, len(part.names) - 1 - part.has_missing)
            known = (present | part.has_missing) & is_open[place]
            x[:, part.at : part.until] = np.asarray(part.shares or is_open / is_open.sum(), np.float32)
            x[known, part.at : part.until] = np.eye(len(part.names), dtype=np.float32)[place[known]]
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


def decimals_of(column: Column) -> int:
    """Return how many digits after the point a made number has."""
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
    counts = stats.fine.get(column.name, ()) if stats is not None else ()
    present, missing = _present(column, stats) if stats is not None else (0, 0)
    if stats is not None and sum(counts) >= RARE:
        until = 0.0
        found = widened(counts, *stats.ends[column.name], *(low, high))
        for segment in _points(found, column, *stats.ends[column.name]):
            middle = until + segment[2] / 2
            bins[min(BINS - 1, int(BINS * middle))].append(segment)
            until += segment[2]
        each = [sum(share for _, _, share in segs) * present for segs in bins]
        if column.missing:
            each.append(missing if missing >= RARE else 0)
        shares = tuple(n / max(1e-9, sum(each)) for n in each)
        if stats.std.get(column.name) == 0 and column.name in stats.mean:
            constant = stats.mean[column.name]
    else:
        step = (high - low) / BINS
        bins = [[(low + i * step, low + (i + 1) * step, 1 / BINS)] for i in range(BINS)]
        if counts and column.missing and missing >= RARE:  # hardly anybody has a value: nobody has
            shares = (*(0.0 for _ in range(BINS)), 1.0)
    is_open = tuple(share > 0 for share in shares) if shares is not None else (True,) * len(names)
    return Part(
        column.name, column.kind, at, names, is_open, shares, decimals_of(column), at + len(names),
        tuple(tuple(segs) for segs in bins), constant,
    )  # fmt: skip


def _points(found: list[Segment], column: Column, first: float, last: float) -> list[Segment]:
    """Return segments of which those that can hold one value only, by decimals or by the end of the range, are points.

    The outer bins also hold what lies beyond ``first`` and ``last``: many rows there lie on the end itself.
    """
    step, unit = (last - first) / FINE, 10.0 ** -decimals_of(column)
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
        counts = without_few([present - ones, ones, *([missing] if column.missing else [])])
        if sum(counts) > 0:
            shares = tuple(n / sum(counts) for n in counts)
            is_open = [n > 0 for n in counts]
    elif stats is not None and column.name in stats.coded:
        present, missing = _present(column, stats)
        common = without_few(stats.coded[column.name])
        rest = max(0, present - sum(common))
        counts = without_few([*common, rest, *([missing] if column.missing else [])])
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
