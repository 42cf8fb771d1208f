"""The gate before a table is used: what blocks raises, what warns is said in the data sheet.

Evidence is counts and names of columns; no cell's value leaves this gate.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from node.learning.data.manifest import NUMERIC, Manifest, Schema, load
from node.learning.data.table import Rows, out_of_range, read
from node.learning.errors import GateError

MIN_ROWS = 20
OUT_OF_RANGE = 0.01  # larger shares block
MISSING = 0.3
RARE_CLASS = 0.01


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check has seen: its ``check``, the ``column`` ("" for the table), ``words``."""

    check: str
    column: str
    words: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is known of a data set that passed.

    Attributes:
        id: Of the manifest.
        schema: Hash of its public part, 32 bytes.
        sha256: Of the table's bytes, 32 bytes.
        rows, patients: Counts; for the region's own eyes.
        classes: Rows of each class.
        columns: Names of the features.
        purposes: What the data may be used for.
        warnings: In the order of the columns.
    """

    id: str
    schema: bytes
    sha256: bytes
    rows: int
    patients: int
    classes: dict[str, int]
    columns: tuple[str, ...]
    purposes: tuple[str, ...]
    warnings: tuple[Finding, ...]


def check_manifest(path: Path | str) -> Sheet:
    """Return the data sheet of a manifest and the table that it names.

    Raises:
        ConfigError: The manifest is not readable, or not a manifest.
        GateError: A blocking check holds the table back; the message says what, where and what to do.
    """
    path = Path(path)
    return check(load(path), path.parent)


def check(manifest: Manifest, folder: Path) -> Sheet:
    """Return the data sheet of a manifest; paths in it count from ``folder``. Raises as ``check_manifest``."""
    schema = manifest.schema_()
    named = [column.name for column in schema.columns if column.role == "direct_identifier"]
    if named:
        raise GateError(
            f"column {named[0]} is a direct identifier",
            "none in a training table",
            "Remove the column from the extract.",
        )
    rows, sha256 = read(manifest, folder)
    if len(rows) < MIN_ROWS:
        raise GateError(
            f"{manifest.id}: {len(rows)} rows",
            f"at least {MIN_ROWS}",
            "Fewer rows cannot hide among the others; extract more.",
        )
    counts = np.bincount(rows.label, minlength=len(schema.classes)).tolist()
    return Sheet(
        manifest.id,
        schema.hash,
        sha256,
        len(rows),
        len(set(rows.patients)),
        dict(zip(schema.classes, counts, strict=True)),
        tuple(column.name for column in schema.features),
        manifest.purposes,
        (*_columns(schema, rows), *_label(schema, rows)),
    )


def _columns(schema: Schema, rows: Rows) -> list[Finding]:
    found = []
    for column in schema.features:
        values = rows.features[column.name]
        present = values[np.isfinite(values)]
        outside = out_of_range(column, values)
        if outside > OUT_OF_RANGE * len(values):
            raise GateError(
                f"column {column.name}: {outside} of {len(values)} values lie outside its range",
                f"at most {OUT_OF_RANGE:.0%}",
                "Check its unit, or agree on a wider range in every region's manifest.",
            )
        if outside:
            found.append(Finding("range", column.name, f"{outside} values outside the range are clipped to it"))
        missing = len(values) - len(present)
        if missing > MISSING * len(values):
            found.append(Finding("missing", column.name, f"{missing} of {len(values)} values are missing"))
        if len(present) and present.min() == present.max():
            found.append(Finding("constant", column.name, "all values are equal"))
        other = int((present == len(column.categories)).sum()) if column.kind not in NUMERIC else 0
        if other:
            found.append(Finding("category", column.name, f"{other} values are in no category and count as other"))
    return found


def _label(schema: Schema, rows: Rows) -> list[Finding]:
    name = schema.label.name
    counts = np.bincount(rows.label, minlength=len(schema.classes))
    if (counts > 0).sum() == 1:
        words = "only one class is present: this region's own AUROC is undefined, and alone it learns nothing"
        return [Finding("label", name, words)]
    rare = [schema.classes[k] for k in np.flatnonzero((counts > 0) & (counts < RARE_CLASS * len(rows)))]
    return [Finding("label", name, f"class {k} has under {RARE_CLASS:.0%} of the rows") for k in rare]
