"""A first manifest for data that have none: the layout told from the files, kinds from some rows of a table.

A draft states no range and marks no label: those are agreed between regions, and are never taken from data. What it
leaves out it says, by the names of columns; no cell that looks like a person's stands in it.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Sequence
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from node.learning.data.cells import BOOLEAN, day, number
from node.learning.data.findings import some
from node.learning.data.identifiers import looks_like, named
from node.learning.data.manifest import File, Manifest, load, to_toml
from node.learning.data.readers import UTF16, Chunk, TableFile, refuse_other_forms
from node.learning.data.schema import Column
from node.learning.data.source import ADAPTERS
from node.learning.errors import ConfigError, GateError

LOOK = 2000  # rows
FEW = 20  # different texts that are a category
CODES = ("?", "NA", "N/A", "null", "-", ".", "..", "missing", "saknas")
ENCODINGS = ("utf-8", "cp1252")
PATIENT = ("pid", "patient", "patientid", "patid", "patientnr", "subjectid", "personid", "lopnr", "löpnr", "lopnummer",
           "löpnummer", "studieid", "studyid")  # fmt: skip
ABOUT = "state owner, legal_basis, approval and purposes"
LABEL = (
    'mark the label with role = "label": its categories, the positive one last; a number with its range; or a'
    " time_to_event and a boolean for survival"
)
FOLDER_OF = (".csv", ".csv.gz", ".parquet", ".npz", ".data")


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
    adapter = import_module(f"node.learning.data.adapters.{module}")
    return to_toml(adapter.draft(path.resolve())), [*getattr(adapter, "TO_DO", ()), ABOUT]


def layout_of(path: Path) -> str:
    """Return the layout that a file or folder looks like.

    Raises:
        ConfigError: A folder of files that make no layout; names them.
    """
    if path.is_dir():
        if (path / "hosp").is_dir() and (path / "icu").is_dir():
            return "mimic-iv"
        if (path / "person.csv").is_file() or (path / "person.csv.gz").is_file():
            return "omop"
        if (path / "train.csv").is_file():
            return "siim-isic"
        if next(path.glob("*.ndjson"), None) or next(path.glob("*.ndjson.gz"), None):
            return "fhir"
        if files := sorted(one.name for one in path.iterdir() if one.name.lower().endswith(FOLDER_OF)):
            raise ConfigError(
                f"{path} is a folder of no known layout, with {some(files)}",
                "a table or file by its name, or a folder as node/learning/data/README.md lists them",
                f"Name one of its files: landsting data init {path / files[0]}",
            )
        return "image-folder"
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
        column, hint = _column(name, [cell.strip() for cell in islice(cells, LOOK)], file.get("decimal", "."))
        if patient is None and re.sub(r"[\s_.-]+", "", name.lower()) in PATIENT:
            patient, column, hint = name, {"name": name, "kind": "text", "role": "ignore"}, ""
        columns.append(column)
        hints += [f"{name}: {hint}"] if hint else []
    hints.append(LABEL)
    hints.append('mark what others may know of a patient (age, sex) with role = "quasi_identifier"')
    hints.append(ABOUT)
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
    return {**raw, "id": other.id, "column": columns}, [*hints, ABOUT]


def _id(path: Path) -> str:
    name = path.name.split(".")[0].lower()
    plain = "".join(one if one.isascii() and one.isalnum() else "-" for one in name).strip("-")
    return plain[:60] or "table"


def _opened(path: Path) -> tuple[dict[str, Any], TableFile]:
    """Return [[file]] and the table, with the encoding, delimiter and decimal sign that read it."""
    if path.suffix == ".parquet":
        return {"path": path.name}, TableFile(path, File(path=path.name))
    with path.open("rb") as stream:
        refuse_other_forms(path.name, stream.read(4), packed=path.suffix == ".gz")
    with _open(path)(path, "rb") as stream:
        encodings = ("utf-16",) if stream.read(2) in UTF16 else ENCODINGS  # without its mark anything reads as UTF-16
    for encoding in encodings:
        try:
            header, delimiter = _header(path, encoding)
            _refuse_row(path, header)
            file = File(path=path.name, encoding=encoding, delimiter=delimiter)
            chunks = TableFile(path, file).chunks()
            commas = delimiter != "," and _has_commas(next(chunks, None))
            for _ in chunks:
                pass
        except (UnicodeError, GateError) as error:
            if encoding == encodings[-1]:
                raise error if isinstance(error, GateError) else _no_text(path) from error
            continue
        out: dict[str, Any] = {"path": path.name}
        out |= {} if encoding == "utf-8" else {"encoding": encoding}
        out |= {} if delimiter == "," else {"delimiter": delimiter}
        out |= {"decimal": ","} if commas else {}
        return out, TableFile(path, file)
    raise AssertionError  # the loop returns or raises


def _open(path: Path) -> Any:
    return gzip.open if path.suffix == ".gz" else open


def _header(path: Path, encoding: str) -> tuple[list[str], str]:
    """Return the cells of the first line, and the delimiter that there is most of in it."""
    with _open(path)(path, "rt", encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline="") as text:
        first = text.readline(2**20)
    delimiter = max(",;\t|", key=first.count)
    return [cell.strip() for cell in next(csv.reader([first], delimiter=delimiter), [])], delimiter


def _has_commas(chunk: Chunk | None) -> bool:
    """Whether a column's numbers are written 12,5."""
    for cells in chunk.cells.values() if chunk is not None else ():
        rest = [one for cell in islice(cells, LOOK) if (one := cell.strip()) not in ("", *CODES)]
        if any("," in one for one in rest) and all(_number(one, ",") == _number(one, ",") for one in rest):
            return True
    return False


def _refuse_row(path: Path, header: Sequence[str]) -> None:
    """Raise if the first line holds what a row holds: its cells would become the names of columns."""
    values = sum(1 for one in header if _number(one, ",") == _number(one, ",") or day(one) == day(one))
    if values >= len(header) / 2 or (header and looks_like(header)):
        raise GateError(
            f"the first line of {path.name} looks like a row, not like names",
            "the names of the columns in the first line",
            "Add them to the extract, or write the manifest by hand with header = false in [[file]].",
        )


def _number(cell: str, decimal: str) -> float:
    return number(cell.replace(",", ".") if decimal == "," else cell)


def _no_text(path: Path) -> GateError:
    return GateError(f"{path.name} is neither UTF-8 nor Windows-1252 text", "a text table", "Export it as CSV.")


def _column(name: str, cells: list[str], decimal: str) -> tuple[dict[str, Any], str]:
    """Return a column's values, and what is left to do about it; "" for nothing.

    Its kind is what all cells but the usual codes for missing are.
    """
    codes = sorted({cell for cell in cells if cell == "" or cell in CODES})
    rest = [cell for cell in cells if cell not in codes]
    row: dict[str, Any] = {"name": name, "kind": "text", "role": "ignore"}
    distinct = sorted(set(rest))
    if named(Column(name=name, kind="text")) is not None:
        row["role"] = "direct_identifier"
        return row, "by its name it identifies; take it out of the extract"
    if not rest:
        return row, "no value in the first rows; left out"
    hint = ""
    if set(map(str.lower, distinct)) <= set(BOOLEAN) and len(distinct) <= 2:
        row |= {"kind": "boolean", "role": "feature"}
    elif all(_number(cell, decimal) == _number(cell, decimal) for cell in distinct):
        whole = all(_number(cell, decimal).is_integer() and not {".", ","} & set(cell) for cell in distinct)
        row |= {"kind": "integer" if whole else "number", "role": "feature"}
        hint = "unit, and range = [low, high], plausible and agreed between regions"
    elif all(day(cell) == day(cell) for cell in distinct):
        row |= {"kind": "date"}
        hint = 'a date; left out, unless since = "another date" makes it days and role = "feature" an input'
    elif words := looks_like(rest):
        hint = f"its cells look like {words}; left out. If they are none, declare it a category"
    elif len(distinct) <= FEW and len(distinct) < len(rest) / 2:
        row |= {"kind": "category", "role": "feature", "categories": distinct}
    else:
        hint = "neither numbers nor a few words; left out"
    if codes and row["role"] == "feature":
        row["missing"] = codes
    return row, hint
