"""Columns of numbers looked at one by one: missing, constant, outliers, codes for missing, mixed units, drift.

All evidence is counts. ``raw`` are the values before the manifest's ranges were applied, float64 (n,).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from node.learning.data.findings import BLOCK, WARN, Finding
from node.learning.data.schema import Column, Schema

Floats = NDArray[np.float64]
MISSING = 0.3
ROBUST_Z = 6.0
CODES = (0.0, -1.0, -9.0, -99.0, -999.0, 9.0, 99.0, 999.0, 9999.0)
MIXED = 0.01  # a larger share of rows in the smaller mode blocks
MODE = 10  # rows in the smaller mode below which it may be a tail
PSI = 0.25
BINS = 10
MIN_DRIFT = 200  # of fewer values chance alone gives a PSI of .1 and more

# Unit -> what else a value may be in: (word, factor, offset), other = factor * own + offset.
_SI = (("mg/dL", 38.67), ("mg/dL", 18.016), ("mg/dL", 88.57))
_ALTERNATIVES: dict[str, tuple[tuple[str, float, float], ...]] = {
    "kg": (("lb", 2.20462, 0.0), ("g", 1000.0, 0.0)),
    "lb": (("kg", 0.453592, 0.0),),
    "cm": (("m", 0.01, 0.0), ("inch", 0.393701, 0.0), ("mm", 10.0, 0.0)),
    "m": (("cm", 100.0, 0.0),),
    "°C": (("°F", 1.8, 32.0),),
    "°F": (("°C", 1 / 1.8, -32 / 1.8),),
    "mmHg": (("kPa", 0.133322, 0.0),),
    "kPa": (("mmHg", 7.50062, 0.0),),
    "mmol/L": tuple((word, factor, 0.0) for word, factor in _SI),
    "mg/dL": (*(("mmol/L", 1 / factor, 0.0) for _, factor in _SI), ("µmol/L", 88.42, 0.0), ("µmol/L", 17.1, 0.0)),
    "µmol/L": (("mg/dL", 1 / 88.42, 0.0), ("mg/dL", 1 / 17.1, 0.0)),
    "g/L": (("g/dL", 0.1, 0.0), ("mmol/L", 0.0621, 0.0)),
    "g/dL": (("g/L", 10.0, 0.0),),
    "years": (("days", 365.25, 0.0), ("months", 12.0, 0.0)),
}
_ANY = (("ten times the unit", 10.0, 0.0), ("a tenth of the unit", 0.1, 0.0))


def column_findings(schema: Schema, raw: Mapping[str, Floats]) -> list[Finding]:
    """Return what is odd about each input."""
    found: list[Finding] = []
    for column in schema.features:
        values = raw[column.name]
        known = values[np.isfinite(values)]
        missing = len(values) - len(known)
        if missing > MISSING * len(values):
            words = f"{missing} of {len(values)} values are missing"
            found.append(Finding("missing", column.name, words, count=missing, of=len(values)))
        if len(known) and known.min() == known.max():
            found.append(Finding("constant", column.name, "all values are equal", of=len(values)))
        elif column.kind in ("number", "integer"):
            found += _code(column, known)
            mixed = units(column, known)
            found += mixed or _outliers(column, known)
    return found


def _outliers(column: Column, known: Floats) -> list[Finding]:
    """Return how many values lie more than 6 robust deviations (MAD) from the median."""
    if len(known) < 20:
        return []
    middle = np.median(known)
    deviation = 1.4826 * np.median(np.abs(known - middle))
    if deviation == 0:
        return []
    count = int((np.abs(known - middle) > ROBUST_Z * deviation).sum())
    words = f"{count} of {len(known)} values lie more than {ROBUST_Z:.0f} robust deviations from the median"
    return [Finding("outliers", column.name, words, count=count, of=len(known))] if count else []


def _code(column: Column, known: Floats) -> list[Finding]:
    """Return a number such as 0 or 999 that stands apart from all others, often: a code for missing."""
    found = []
    for code in CODES:
        is_code = known == code
        count, others = int(is_code.sum()), known[~is_code]
        if count < max(2, 0.01 * len(known)) or len(np.unique(others)) < 10:
            continue
        quarter, three = np.percentile(others, [25, 75])
        apart = others.min() - code if code < others.min() else code - others.max()
        if (code < others.min() or code > others.max()) and apart > max(three - quarter, 1e-12):
            words = f"{count} of {len(known)} values are one number apart from all others: perhaps a code for missing"
            fix = "If it means not measured, list it in `missing` in every region's manifest."
            found.append(Finding("missing", column.name, words, WARN, fix=fix, count=count, of=len(known)))
    return found


def units(column: Column, known: Floats) -> list[Finding]:
    """Return a second mode of a column's values where another unit would put it.

    For each unit that the column's may be mixed with, values are placed between the centre of the column's
    own mode (0) and where the other unit would put that centre (1), in logarithms. It counts as a mix if the
    part beyond the emptiest place between has its median within 15 % of 1, and around 1 lie clearly more
    values than in that emptiest place: a skewed laboratory value has a tail there, not a second top.
    """
    if not column.unit or len(known) < 20:
        return []
    # A slipped decimal point is only told from a wide distribution where the own mode is narrow.
    options = [(0.3, *one) for one in _ALTERNATIVES.get(column.unit, ())] + [(0.12, *one) for one in _ANY]
    best: tuple[int, str] | None = None
    for widest, word, factor, offset in options:
        for own, other in _modes(known, factor, offset, widest):
            count = min(own, other)
            if count and (best is None or count > best[0]):
                best = (count, word)
    if best is None:
        return []
    count, word = best
    # A handful of high values may be a skewed laboratory value; they are said, and hold nothing back.
    blocks = count > MIXED * len(known) and count >= MODE
    words = f"{count} of {len(known)} values look as if they were in another unit ({word}, not {column.unit})"
    fix = "Convert them in the extract; one column has one unit."
    return [Finding("units", column.name, words, BLOCK if blocks else WARN, "one unit", fix, count, len(known))]


def _modes(known: Floats, factor: float, offset: float, widest: float) -> list[tuple[int, int]]:
    """Return (rows in the column's unit, rows in the other) for a mix that the values show; [] without one.

    The median may lie in either part, so both are tried.
    """
    out = []
    positive = known[known > 0]
    for back in (False, True):
        centre = float(np.median(positive)) if len(positive) else 0.0
        place = _places(positive, centre, factor, offset, back=back)
        if place is None:
            continue
        own = positive[place < 0.5]
        place = _places(positive, float(np.median(own)), factor, offset, back=back)
        if place is None:
            continue
        inner = place[np.abs(place) < 0.5]
        spread = 1.4826 * float(np.median(np.abs(inner - np.median(inner)))) if len(inner) else 1.0
        width = max(spread, 0.05)
        if width > widest:
            continue
        between = np.arange(0.3, 0.81, 0.02)
        depth = [int((np.abs(place - at) < width / 2).sum()) for at in between]
        valley, cut = min(depth), float(between[int(np.argmin(depth))])
        beyond = place[place > cut]
        top = int((np.abs(place - 1) < width / 2).sum())
        if len(beyond) and abs(float(np.median(beyond)) - 1) < 0.15 and top >= 2 * valley + 3:
            out.append((len(place) - len(beyond), len(beyond)))
    return out


def _places(positive: Floats, centre: float, factor: float, offset: float, *, back: bool) -> Floats | None:
    """Return where values lie between a centre (0) and where another unit puts it (1); None if that is too near."""
    there = (centre - offset) / factor if back else factor * centre + offset
    if centre <= 0 or there <= 0 or abs(np.log(there / centre)) < 0.4:
        return None
    return np.asarray(np.log(positive / centre) / np.log(there / centre), np.float64)


def psi(values: Floats, knots: Sequence[float]) -> float:
    """Return the population stability index of values against ten equally filled bins.

    Args:
        knots: The nine inner quantiles of the reference.

    Source: Siddiqi (2006), section 6; 1e-4 is added to each share so that an empty bin stays finite.
    """
    known = values[np.isfinite(values)]
    counts = np.bincount(np.searchsorted(np.asarray(knots), known, side="right"), minlength=len(knots) + 1)
    here = counts / max(1, len(known)) + 1e-4
    there = 1 / (len(knots) + 1) + 1e-4
    return float(((here - there) * np.log(here / there)).sum())


def quantile_knots(values: Floats) -> list[float]:
    """Return the nine inner quantiles of values; [] where there are too few or some are equal.

    Between equal quantiles lies no bin to count in, so such columns have no drift here.
    """
    known = values[np.isfinite(values)]
    if len(known) < MIN_DRIFT:
        return []
    knots = np.quantile(known, np.arange(1, BINS) / BINS)
    return [float(one) for one in knots] if (np.diff(knots) > 0).all() else []


def drift_findings(
    schema: Schema, raw: Mapping[str, Floats], knots: Mapping[str, Sequence[float]], reference_words: str = ""
) -> list[Finding]:
    """Return the numeric inputs whose distribution is not, or no longer, the reference's.

    Args:
        reference_words: What the knots are of, where that is no earlier extract of the same data.
    """
    found = []
    for column in schema.features:
        values = raw[column.name]
        reference = knots.get(column.name, ())
        if column.kind == "category" or len(reference) != BINS - 1 or np.isfinite(values).sum() < MIN_DRIFT:
            continue
        index = psi(values, reference)
        if index > PSI:
            told, fix = "its distribution has moved", "Compare the two extracts."
            if reference_words:
                told, fix = f"its distribution is not that of {reference_words}", "Compare unit, method and patients."
            found.append(Finding("drift", column.name, f"{told}: PSI {index:.2f}, over {PSI}", fix=fix))
    return found
