"""A table's values against its manifest, by pandera: kind, range, categories, missing.

The manifest is turned into a pandera schema, so that what is checked can be read in a language that other
tools know. Only counts leave this module: pandera's own messages show values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.learning.data.findings import BLOCK, WARN, Finding
from node.learning.data.schema import NUMERIC, Column, Schema, Target

OUT_OF_RANGE = 0.01  # larger shares block
RARE_CLASS = 0.01
FRAME = 250_000
SWAPPED = 0.99  # share of values that must fit the other column's range
NAMED = 3  # columns that one may have been swapped with


def pandera_schema(schema: Schema) -> Any:
    """Return the pandera ``DataFrameSchema`` of a manifest's inputs and labels.

    Categories and classes are places in the manifest's list (one past the end for any other value).
    """
    import pandera.pandas as pa  # over a second to import: only in the gate

    columns = {}
    for column in (*schema.features, *schema.labels):
        checks = []
        if column.kind in (*NUMERIC, "time_to_event") and column.range is not None:
            checks.append(pa.Check.in_range(*column.range))
        elif column.kind == "boolean":
            checks.append(pa.Check.isin([0.0, 1.0]))
        elif column.kind == "category":
            checks.append(pa.Check.in_range(0, len(column.categories) - 1))
        if column.kind == "integer":
            checks.append(pa.Check(lambda values: values == np.floor(values), name="integer"))
        columns[column.name] = pa.Column(float, checks, nullable=bool(column.missing) and column.role != "label")
    return pa.DataFrameSchema(columns)


def violations(schema: Schema, raw: Mapping[str, NDArray[np.float64]]) -> Counter[tuple[str, str]]:
    """Return how many values of each (column, check) break it; checks ``range, category, integer, missing``."""
    import pandas as pd
    import pandera.errors

    checks, out = pandera_schema(schema), Counter[tuple[str, str]]()
    kinds = {column.name: column.kind for column in schema.columns}
    length = len(next(iter(raw.values()), ()))
    for start in range(0, length, FRAME):
        frame = pd.DataFrame({name: values[start : start + FRAME] for name, values in raw.items()})
        try:
            checks.validate(frame, lazy=True)
        except pandera.errors.SchemaErrors as error:
            cases = error.failure_cases
            for (column, check), count in cases.groupby(["column", "check"]).size().items():
                out[str(column), _id(kinds[str(column)], str(check))] += int(count)
    return out


def _id(kind: str, check: str) -> str:
    """Return our word for pandera's name of a check."""
    if check in ("not_nullable", "integer"):
        return "missing" if check == "not_nullable" else check
    return "category" if kind == "category" else "range"


def value_findings(schema: Schema, raw: Mapping[str, NDArray[np.float64]]) -> list[Finding]:
    """Return what the values break, by column; what reading has said already (kinds, empty cells) is left out."""
    counts, found = violations(schema, raw), list[Finding]()
    outside: list[Column] = []
    for column in (*schema.features, *schema.labels):
        values, name = raw[column.name], column.name
        if count := counts[name, "range"]:
            blocks = count > OUT_OF_RANGE * len(values)
            found.append(_out_of_range(column, values, count, blocks))
            outside += [column] if blocks else []
        if (count := counts[name, "category"]) and column.role != "label":
            words = f"{count} of {len(values)} values are in no category and count as other"
            found.append(Finding("category", name, words, WARN, count=count, of=len(values)))
    return [*found, *_swapped(outside, raw), *_perhaps_swapped(schema, outside, raw)]


def _out_of_range(column: Column, values: NDArray[np.float64], count: int, blocks: bool) -> Finding:
    low, high = column.range or (0.0, 1.0)
    words = f"{count} of {len(values)} values lie outside its range"
    others = values[(values < low) | (values > high)]
    if not blocks:
        then = "are clipped to it" if column.role == "label" else "become missing"
        return Finding("range", column.name, f"{words} and {then}", WARN, count=count, of=len(values))
    fix = "Check its unit, or agree on a wider range in every region's manifest."
    if len(others) and others.min() == others.max():
        words += ", all the same one"
        fix = "If it means not measured, list it in `missing` in every region's manifest. " + fix
    return Finding("range", column.name, words, BLOCK, f"at most {OUT_OF_RANGE:.0%}", fix, count, len(values))


def _swapped(columns: list[Column], raw: Mapping[str, NDArray[np.float64]]) -> list[Finding]:
    """Return pairs of columns out of range whose values fit each other's range."""
    found = []
    for i, one in enumerate(columns):
        for other in columns[i + 1 :]:
            if _fits(raw[one.name], other) and _fits(raw[other.name], one):
                words = f"looks swapped with column {other.name}: each one's values fit the other's range"
                fix = "Check the header of the extract."
                found.append(Finding("swapped", one.name, words, BLOCK, "values under their own name", fix))
    return found


def _perhaps_swapped(schema: Schema, columns: list[Column], raw: Mapping[str, NDArray[np.float64]]) -> list[Finding]:
    """Return which column a column out of range may have been taken for, if both fit each other's range.

    Of several those of its own unit are named, if there are any: a pulse fits the range of a blood pressure as well as
    another blood pressure does.
    """
    found, names = [], {column.name for column in columns}
    numbers = [one for one in schema.features if one.kind in NUMERIC and one.range is not None]
    for column in columns:
        others = [
            one for one in numbers
            if one.name not in names and _fits(raw[column.name], one) and _fits(raw[one.name], column)
        ]  # fmt: skip
        others = [one for one in others if column.unit and one.unit == column.unit] or others
        if others:
            some = [one.name for one in others[:NAMED]]
            more = [f"{len(others) - NAMED} more"] if len(others) > NAMED else []
            words = (
                f"may have been swapped with column {' or '.join(some + more)}: each one's values fit the other's range"
            )
            found.append(Finding("swapped", column.name, words, WARN, count=len(raw[column.name])))
    return found


def _fits(values: NDArray[np.float64], column: Column) -> bool:
    low, high = column.range or (0.0, 1.0)
    known = values[np.isfinite(values)]
    return bool(len(known)) and float(((known >= low) & (known <= high)).mean()) >= SWAPPED


def label_findings(schema: Schema, rows_label: NDArray[np.int64], target: NDArray[np.float64] | None) -> list[Finding]:
    """Return what is odd about the label: none at all, one class only, a rare class, no event."""
    name = schema.label.name
    if len(rows_label) == 0:
        return [Finding("label", name, "no row has a label", BLOCK, "labelled rows", "Check the extract.")]
    kind = schema.target
    if kind is Target.NUMBER:
        assert target is not None
        known = target[np.isfinite(target)]
        return [Finding("label", name, "all values are equal")] if len(known) and known.min() == known.max() else []
    if kind is Target.LABELS:
        assert target is not None
        sums = dict(zip([column.name for column in schema.labels], np.nansum(target, axis=0), strict=True))
        return [
            Finding("label", label, "no row has this label" if total == 0 else "every row has this label")
            for label, total in sums.items()
            if total in (0, len(target))
        ]
    classes = ("censored", "event") if kind is Target.SURVIVAL else schema.classes
    counts = np.bincount(rows_label[rows_label >= 0], minlength=len(classes))
    if kind is Target.SURVIVAL and counts[1] == 0:
        return [Finding("label", name, "no event is seen: this region's rounds change nothing")]
    if (counts > 0).sum() == 1:
        words = "only one class is present: this region's own AUROC is undefined, and alone it learns nothing"
        return [Finding("label", name, words)]
    rare = [classes[k] for k in np.flatnonzero((counts > 0) & (counts < RARE_CLASS * len(rows_label)))]
    return [Finding("label", name, f"class {k} has under {RARE_CLASS:.0%} of the rows") for k in rare]
