"""A first manifest for data that have none: the layout told from the files, kinds from some rows of a table.

A draft states no range and marks no label: those are agreed between regions, and are never taken from data.
"""

from __future__ import annotations

import gzip
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from node.learning.data.cells import BOOLEAN, day, number
from node.learning.data.identifiers import named
from node.learning.data.manifest import File, Manifest, load, to_toml
from node.learning.data.readers import TableFile
from node.learning.data.schema import Column
from node.learning.data.source import ADAPTERS
from node.learning.errors import ConfigError, GateError

LOOK = 2000  # rows
FEW = 20  # different texts that are a category
CODES = ("?", "NA", "N/A", "null", "-", ".", "..", "missing", "saknas")
ENCODINGS = ("utf-8", "cp1252")


def draft_text(path: Path, layout: str | None, columns: Path | None = None) -> tuple[str, list[str]]:
    """Return a manifest as TOML text, and what is left to do.

    Args:
        columns: A manifest, or the columns of one, that regions have agreed on: the draft takes them over.

    Raises:
        ConfigError: The layout is unknown, the files are not of it, or ``columns`` is no manifest.
    """
    layout = layout or layout_of(path)
    if layout == "table":
        raw, hints = draft_table(path)
        if columns is not None:
            raw, hints = agreed(raw, load(columns))
        return to_toml(raw), hints
    if layout not in ADAPTERS:
        raise ConfigError(f"layout {layout}", f"table, {', '.join(ADAPTERS)}", "Correct --layout.")
    module = ADAPTERS[layout].partition(":")[0]
    raw = import_module(f"node.learning.data.adapters.{module}").draft(path.resolve())
    return to_toml(raw), ["state owner, legal_basis, approval and purposes"]


def layout_of(path: Path) -> str:
    """Return the layout that a file or folder looks like."""
    if path.is_dir():
        if (path / "hosp").is_dir() and (path / "icu").is_dir():
            return "mimic-iv"
        if (path / "person.csv").is_file() or (path / "person.csv.gz").is_file():
            return "omop"
        if (path / "train.csv").is_file():
            return "siim-isic"
        return "fhir" if next(path.glob("*.ndjson"), None) else "image-folder"
    if path.suffix == ".npz":
        return "medmnist"
    if path.suffix == ".data":
        return "uci-heart"
    if path.suffix == ".parquet":
        header = TableFile(path, File(path=path.name))
        next(header.chunks(), None)
        return "meds" if {"subject_id", "time", "code"} <= set(header.header) else "table"
    if path.suffix in (".csv", ".txt"):
        with path.open("rb") as file:
            first = file.readline(4096)
        return "siim-isic" if first.startswith(b"image_name,patient_id") else "table"
    return "table"


def draft_table(path: Path) -> tuple[dict[str, Any], list[str]]:
    """Return a manifest's plain values for a table, and what is left to do."""
    file, table = _opened(path)
    chunk = next(table.chunks(), None)
    if chunk is None or not len(chunk):
        raise GateError(f"{path.name} has no rows", "a header and rows", "Check the export.")
    hints, columns, patient = [], [], None
    for name, cells in chunk.cells.items():
        column = _column(name, [cell.strip() for cell in islice(cells, LOOK)])
        if patient is None and name.lower() in (
            "pid",
            "patient",
            "patient_id",
            "subject_id",
            "patientid",
            "lopnr",
            "löpnr",
        ):
            patient, column = name, {"name": name, "kind": "text", "role": "ignore"}
        columns.append(column)
    for name in (c["name"] for c in columns if c["kind"] in ("number", "integer")):
        hints.append(f"{name}: unit, and range = [low, high], plausible and agreed between regions")
    hints.append('mark the label with role = "label" and its categories, the positive one last')
    hints.append('mark what others may know of a patient (age, sex) with role = "quasi_identifier"')
    hints.append("state owner, legal_basis, approval and purposes")
    head = {"id": _id(path), "purposes": ["research"]}
    if patient is not None:
        head["patient"] = patient
    else:
        hints.insert(0, 'patient = "...", the column whose values define a patient, if patients have several rows')
    return {**head, "file": [file], "column": columns}, hints


def agreed(raw: dict[str, Any], other: Manifest) -> tuple[dict[str, Any], list[str]]:
    """Return a draft with the columns of another manifest, and in which the table differs from them."""
    mine, theirs = [one["name"] for one in raw["column"]], [one.name for one in other.column]
    hints = [f"{name}: agreed on, and not in the table" for name in theirs if name not in mine]
    hints += [
        f"{name}: in the table, and not agreed on; leave it out of the extract" for name in mine if name not in theirs
    ]
    columns = [{key: value for key, value in one.value().items() if value not in ("", [])} for one in other.column]
    return {**raw, "id": other.id, "column": columns}, [*hints, "state owner, legal_basis, approval and purposes"]


def _id(path: Path) -> str:
    name = path.name.split(".")[0].lower()
    plain = "".join(one if one.isascii() and one.isalnum() else "-" for one in name).strip("-")
    return plain[:60] or "table"


def _opened(path: Path) -> tuple[dict[str, Any], TableFile]:
    """Return [[file]] and the table, with the encoding and delimiter that read it."""
    if path.suffix == ".parquet":
        return {"path": path.name}, TableFile(path, File(path=path.name))
    opened = gzip.open if path.suffix == ".gz" else open
    for encoding in ENCODINGS:
        try:
            with opened(path, "rt", encoding=encoding, newline="") as text:
                first = text.readline(2**20)
            delimiter = max(",;\t|", key=first.count)
            file = File(path=path.name, encoding=encoding, delimiter=delimiter)
            for _ in TableFile(path, file).chunks():
                pass
        except (UnicodeError, GateError) as error:
            if encoding == ENCODINGS[-1]:
                raise error if isinstance(error, GateError) else _no_text(path) from error
            continue
        out: dict[str, Any] = {"path": path.name}
        out |= {} if encoding == "utf-8" else {"encoding": encoding}
        out |= {} if delimiter == "," else {"delimiter": delimiter}
        return out, TableFile(path, file)
    raise AssertionError  # the loop returns or raises


def _no_text(path: Path) -> GateError:
    return GateError(f"{path.name} is neither UTF-8 nor Windows-1252 text", "a text table", "Export it as CSV.")


def _column(name: str, cells: list[str]) -> dict[str, Any]:
    """Return a column's values; its kind is what all cells but the usual codes for missing are."""
    codes = sorted({cell for cell in cells if cell == "" or cell in CODES})
    rest = [cell for cell in cells if cell not in codes]
    row: dict[str, Any] = {"name": name, "kind": "text", "role": "ignore"}
    distinct = sorted(set(rest))
    if named(Column(name=name, kind="text")) is not None:
        row["role"] = "direct_identifier"
        return row
    if not rest:
        return row
    if set(map(str.lower, distinct)) <= set(BOOLEAN) and len(distinct) <= 2:
        row |= {"kind": "boolean", "role": "feature"}
    elif all(number(cell) == number(cell) for cell in distinct):
        whole = all(number(cell).is_integer() and "." not in cell for cell in distinct)
        row |= {"kind": "integer" if whole else "number", "role": "feature"}
    elif all(day(cell) == day(cell) for cell in distinct):
        row |= {"kind": "date"}
    elif len(distinct) <= FEW and len(distinct) < len(rest) / 2:
        row |= {"kind": "category", "role": "feature", "categories": distinct}
    if codes and row["role"] == "feature":
        row["missing"] = codes
    return row
