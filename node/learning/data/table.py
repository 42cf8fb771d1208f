"""A region's CSV as typed columns, read by name with the standard library alone.

Strict: the file's columns are the manifest's, every cell is of its kind or a declared code for
missing. What does not fit is said with column, count and first line, never with the value.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from node.learning.data.manifest import NUMERIC, Column, File, Manifest, Schema
from node.learning.data.rows import Rows, in_validation
from node.learning.errors import GateError
from node.learning.task import file_bytes

__all__ = ["Rows", "in_validation", "out_of_range", "parse", "read"]

MAX_TABLE_BYTES = 2**31
_BOOLEAN = {"0": 0.0, "1": 1.0, "false": 0.0, "true": 1.0, "no": 0.0, "yes": 1.0}


def read(manifest: Manifest, folder: Path) -> tuple[Rows, bytes]:
    """Return the rows that a manifest names and the SHA-256 of the file's bytes.

    Raises:
        GateError: Not readable, changed since it was bound, or not what the manifest says.
        ConfigError: The manifest names no file, or several.
    """
    if len(manifest.file) != 1:
        raise GateError(
            f"manifest {manifest.id} names {len(manifest.file)} files",
            "one [[file]]",
            "Put the table into one CSV file.",
        )
    file = manifest.file[0]
    path = folder / file.path
    data = file_bytes(path, "table")
    sha256 = hashlib.sha256(data)
    if file.sha256 is not None and file.sha256 != sha256.hexdigest():
        raise GateError(
            f"{path.name} has changed since it was added",
            "the same bytes",
            "Add it again: landsting data add.",
            code="DATA_CHANGED",
        )
    return parse(data, manifest.schema_(), file, path.name, manifest.patient), sha256.digest()


def parse(data: bytes, schema: Schema, file: File, name: str, patient: str | None = None) -> Rows:
    """Return the typed rows of a CSV's bytes; ``name`` is for messages."""
    if len(data) > MAX_TABLE_BYTES:
        raise GateError(f"{name} has {len(data)} bytes", f"at most {MAX_TABLE_BYTES}", "Split it into regions.")
    try:
        text = data.decode(file.encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise GateError(
            f"{name} is not {file.encoding} text", "the encoding of the manifest", "Set encoding in [[file]]."
        ) from error
    if "\0" in text:
        raise GateError(f"{name} holds zero bytes", "a CSV table", "Export it as CSV.")
    try:
        lines = [
            line for line in csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=file.delimiter) if line
        ]
    except csv.Error as error:
        raise GateError(
            f"{name} is not CSV ({error})", "a table with a header", "Check delimiter in [[file]]."
        ) from error
    if not lines:
        raise GateError(f"{name} is empty", "a header and rows", "Check the export.")
    header = [cell.strip() for cell in lines[0]]
    _check_header(header, schema, name)
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            raise GateError(
                f"{name}: line {number} has {len(line)} cells", f"{len(header)}", "Check delimiter and quotes."
            )
    cells = {column: [line[at].strip() for line in lines[1:]] for at, column in enumerate(header)}
    features = {column.name: _feature(column, cells[column.name], name) for column in schema.features}
    label = _label(schema, cells[schema.label.name], name)
    if patient is None:
        ids = tuple(f"row {i}" for i in range(len(label)))
    elif patient not in cells:
        raise GateError(f"{name} has no column {patient}", "the manifest's patient column", "Correct `patient`.")
    else:
        ids = tuple(cell or f"row {i}" for i, cell in enumerate(cells[patient]))
    return Rows(features, label, ids)


def _check_header(header: Sequence[str], schema: Schema, name: str) -> None:
    declared = {column.name for column in schema.columns}
    needed = {column.name for column in schema.columns if column.role in ("feature", "label")}
    if len(set(header)) != len(header):
        raise GateError(f"{name} repeats a column name", "each once", "Rename or remove one.")
    if missing := sorted(needed - set(header)):
        raise GateError(
            f"{name} has no column {_some(missing)}", "every column of the manifest", "Check header and delimiter."
        )
    if unknown := sorted(set(header) - declared):
        raise GateError(
            f"{name} has the unknown column {_some(unknown)}",
            "columns of the manifest only",
            'Remove it, or declare it with role = "ignore".',
        )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _feature(column: Column, cells: Sequence[str], name: str) -> NDArray[np.float64]:
    values = np.full(len(cells), np.nan)
    missing = set(column.missing)
    place = {category: i for i, category in enumerate(column.categories)}
    empty: list[int] = []
    wrong: list[int] = []
    for i, cell in enumerate(cells):
        if cell in missing:
            continue
        if cell == "":
            empty.append(i)
        elif column.kind == "category":
            values[i] = place.get(cell, len(place))
        else:
            number = _BOOLEAN.get(cell.lower(), math.nan) if column.kind == "boolean" else _number(cell)
            if math.isfinite(number) and (column.kind != "integer" or number == int(number)):
                values[i] = number
            else:
                wrong.append(i)
    if wrong:
        raise GateError(
            f"{name}: column {column.name}, {len(wrong)} cells are no {column.kind} (first in line {wrong[0] + 2})",
            f"{column.kind}s",
            "Correct them, or list the code for missing in the manifest's `missing`.",
        )
    if empty and not missing:
        raise GateError(
            f"{name}: column {column.name}, {len(empty)} cells are empty (first in line {empty[0] + 2})",
            "a value in every row",
            'Add missing = [""] to that column in every region\'s manifest.',
        )
    return values


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _label(schema: Schema, cells: Sequence[str], name: str) -> NDArray[np.int64]:
    column = schema.label
    place = {category: i for i, category in enumerate(schema.classes)}
    values = np.full(len(cells), -1, np.int64)
    for i, cell in enumerate(cells):
        key = str(int(_BOOLEAN[cell.lower()])) if column.kind == "boolean" and cell.lower() in _BOOLEAN else cell
        if key not in place and key.endswith(".0"):
            key = key[:-2]
        values[i] = place.get(key, -1)
    none = [
        i
        for i, cell in enumerate(cells)
        if cell == "" or cell in column.missing or cell.lower() in ("nan", "na", "null")
    ]
    if none:
        raise GateError(
            f"{name}: the label {column.name} is missing in {len(none)} rows (first in line {none[0] + 2})",
            "a label in every row",
            "Remove those rows from the extract.",
        )
    if (values < 0).any():
        first = int(np.flatnonzero(values < 0)[0])
        raise GateError(
            f"{name}: the label {column.name} has a class that the manifest does not list"
            f" in {int((values < 0).sum())} rows (first in line {first + 2})",
            f"one of {len(place)} classes",
            "Correct the rows, or list the class in every region's manifest.",
        )
    return values


def out_of_range(column: Column, values: NDArray[np.float64]) -> int:
    """Return how many values of a column lie outside its range."""
    if column.kind not in NUMERIC or column.range is None:
        return 0
    low, high = column.range
    return int(((values < low) | (values > high)).sum())
