"""The manifest: one TOML file that says what a region's data holds and what may be done with it.

Its public part, the ``Schema``, is the same in every region and is hashed into the plan. Paths, owner,
approval and purposes are the region's own. README.md of this folder has an example and every key.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, ValidationError

from node.learning.data.schema import INPUTS, NUMERIC, Column, Kind, Model, Role, Schema, Target
from node.learning.errors import ConfigError
from node.learning.files import file_bytes

__all__ = ["NUMERIC", "Column", "File", "Manifest", "Schema", "bound_text", "load", "parse", "to_toml"]

Purpose = Literal["research", "quality", "planning", "statistics", "education"]
Layout = Literal[
    "table", "uci-heart", "mimic-iv", "omop", "meds", "siim-isic", "medmnist", "image-folder", "fhir"
]  # fmt: skip
MAX_COLUMNS = 4096
MAX_WIDTH = 1e100
MAX_SIDE = 1024  # of an image as a model sees it


class File(Model):
    """Where data lies; ``path`` counts from the manifest's folder, and may be a folder where the layout has one.

    Attributes:
        sha256: Of the bytes; of a folder, of the sorted lines ``sha256 name`` of its files.
        decimal: ``,`` where numbers are written 12,5.
        header: False for a table without one; its columns then stand in the manifest's order.
        part: For a file that holds several sets (``train``, ``val``, ``test`` of MedMNIST): which one.
    """

    path: str = Field(min_length=1)
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    encoding: str = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    decimal: Literal[".", ","] = "."
    header: bool = True
    part: str = ""


class Manifest(Model):
    """A whole manifest.

    Attributes:
        approval: Diary number of the decision that allows the use.
        purposes: What the data may be used for; a plan's ``purpose`` is one of them.
        opt_out: A file of patient ids, one a line, whose rows are never read; it is not copied.
        layout: How the files are laid out; every layout but ``table`` has an adapter.
        patient: The column whose values define a patient; left out, each row is its own.
        hospital, only: The column that names a row's hospital, and the hospitals whose rows are taken.
        complete: Rows in which an input is missing are left out, and counted.
        synthetic: The rows are made up: a table then has the column ``__synthetic``, 1 in every row, which no other
            table may have.
        k: Smallest group of patients alike in what leaves the region.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")
    owner: str = ""
    legal_basis: str = ""
    licence: str = ""
    approval: str = ""
    purposes: tuple[Purpose, ...] = Field(default=("research",), min_length=1)
    opt_out: str | None = None
    source_system: str = ""
    extracted: str | None = None
    layout: Layout = "table"
    patient: str | None = None
    hospital: str | None = None
    only: tuple[str, ...] = ()
    complete: bool = False
    synthetic: bool = False
    k: int = Field(default=5, ge=1)
    file: tuple[File, ...] = ()
    column: tuple[Column, ...] = Field(min_length=1, max_length=MAX_COLUMNS)

    def schema_(self) -> Schema:
        """Return the public part."""
        return Schema(self.id, self.column)


def parse(text: str, path: Path) -> Manifest:
    """Return the manifest of a TOML text; ``path`` is for messages.

    Raises:
        ConfigError: Not TOML, or not a manifest; the message names file, column and key.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path.name} is not TOML ({error})", "a manifest", "Correct that line.") from error
    if "extracted" in raw:
        raw["extracted"] = str(raw["extracted"])
    try:
        manifest = Manifest.model_validate(raw)
    except ValidationError as error:
        raise _in_words(error, raw, path) from None
    _check(manifest, path)
    return manifest


def load(path: Path | str) -> Manifest:
    """Return the manifest in a file.

    Raises:
        ConfigError: Not readable, not TOML, or not a manifest; the message names file and column.
    """
    path = Path(path)
    try:
        text = file_bytes(path, "manifest").decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name} is not UTF-8", "UTF-8 text", "Save it as UTF-8.") from error
    return parse(text, path)


_VALUES: dict[str, Any] = {"kind": Kind, "role": Role, "purposes": Purpose, "layout": Layout}


def _in_words(error: ValidationError, raw: dict[str, Any], path: Path) -> ConfigError:
    """Return the first complaint as a sentence about a column and a key."""
    first = error.errors(include_input=False, include_url=False)[0]
    loc = list(first["loc"])
    table: type[Model] = Manifest
    where = path.name
    if len(loc) > 1 and loc[0] in ("column", "file") and isinstance(loc[1], int):
        table = Column if loc[0] == "column" else File
        row = raw[loc[0]][loc[1]]
        name = row.get("name" if loc[0] == "column" else "path") if isinstance(row, dict) else None
        where += f": {loc[0]} {name}" if isinstance(name, str) else f": [[{loc[0]}]] number {loc[1] + 1}"
        loc = loc[2:]
    key = str(loc[0]) if loc else ""
    if first["type"] == "extra_forbidden":
        near = get_close_matches(key, table.model_fields, 1)
        known = ", ".join(table.model_fields)
        fix = f"Did you mean {near[0]}?" if near else "Remove or correct it."
        return ConfigError(f"{where}: unknown key {key}", f"one of {known}", fix)
    if first["type"] == "missing":
        return ConfigError(f"{where} has no {key}", f"{key} = ...", "Add it; landsting data init drafts a manifest.")
    if first["type"] == "literal_error" and key in _VALUES:
        return ConfigError(f"{where}: {key} is none of those known", ", ".join(get_args(_VALUES[key])), "Correct it.")
    if key == "id":
        return ConfigError(f"{where}: id is no name", "small letters, digits, dot, dash", 'For example id = "heart".')
    return ConfigError(f"{where}: {key}: {first['msg']}", "what landsting data --help shows", "Correct it.")


def _check(manifest: Manifest, path: Path) -> None:
    names = [column.name for column in manifest.column]
    for name in dict.fromkeys(names):
        if (times := names.count(name)) > 1:
            raise ConfigError(f"{path.name}: column {name} stands {times} times", "once", "Remove the repeats.")
    for key in ("patient", "hospital"):
        name = getattr(manifest, key)
        if name is not None and name not in names:
            raise ConfigError(
                f"{path.name}: {key} = {name} is none of the columns",
                "the name of a [[column]]",
                f'Declare it with kind = "text", role = "ignore", or correct {key}.',
            )
    if manifest.only and manifest.hospital is None:
        raise ConfigError(f"{path.name}: `only` without `hospital`", "the column of hospitals", "Add hospital = ...")
    schema = manifest.schema_()
    if not schema.labels:
        found = f'{path.name}: 0 columns have role = "label"'
        raise ConfigError(found, "at least one", "Mark the column that is to be learned.")
    target = schema.target
    for column in manifest.column:
        _check_column(column, target, names, f"{path.name}: column {column.name}")
    if not schema.features and schema.image is None:
        raise ConfigError(f"{path.name}: no column is a feature", "at least one", 'Give columns role = "feature".')
    if sum(column.kind == "image" for column in manifest.column) > 1:
        raise ConfigError(f"{path.name}: several image columns", "one", "Keep one.")


def _check_column(column: Column, target: Target, names: list[str], where: str) -> None:
    if column.role == "label":
        if target is Target.CLASSES and column.kind == "category" and len(set(column.categories)) < 2:
            raise ConfigError(f"{where} is the label without classes", 'categories = ["0", "1"]', "List its classes.")
        if column.kind in ("number", "integer", "time_to_event") and column.range is None:
            raise ConfigError(f"{where} has no range", "two plausible public numbers", "Add range = [low, high].")
    elif column.is_input:
        if column.kind in ("number", "integer", "date") and column.range is None:
            raise ConfigError(f"{where} has no range", "two plausible public numbers", "Add range = [low, high].")
        if column.kind == "category" and not column.categories:
            raise ConfigError(f"{where} has no categories", "the public list", 'Add categories = ["a", "b"].')
    elif column.role == "feature" and column.kind == "image":
        if column.shape is None or column.shape[2] not in (1, 3) or not all(0 < n <= MAX_SIDE for n in column.shape):
            raise ConfigError(f"{where} has no shape", "height, width and 1 or 3 channels", "Add shape = [28, 28, 1].")
    elif column.role == "feature":
        fix = 'Give it role = "ignore".'
        if column.kind == "date":
            fix = 'Name the column to count its days from, since = "admitted", or give it role = "ignore".'
        raise ConfigError(f"{where} is a feature of kind {column.kind}", f"one of {', '.join(INPUTS)}", fix)
    if column.since is not None and (column.kind != "date" or column.since not in names):
        raise ConfigError(f"{where}: since = {column.since}", "another column, on a date", "Correct `since`.")
    if column.range is not None and not column.range[0] < column.range[1]:
        raise ConfigError(f"{where} has an empty range", "low < high", "Correct range = [low, high].")
    if column.range is not None and not 1 / MAX_WIDTH < column.range[1] - column.range[0] < MAX_WIDTH:
        # Scaled by it, values would be infinite or all alike.
        raise ConfigError(f"{where} has a range without bounds", "plausible numbers", "Correct range = [low, high].")


def bound_text(text: str, csv: Path) -> str:
    """Return a manifest's text with its one table set to ``csv``: absolute path and SHA-256.

    What ``data add`` writes into the home; the table itself is not copied.
    """
    raw = tomllib.loads(text)
    old = (raw.get("file") or [{}])[0]
    sha256 = hashlib.sha256(file_bytes(csv, "table")).hexdigest()
    raw["file"] = [{**old, "path": str(csv.resolve()), "sha256": sha256}]
    return to_toml(raw)


def to_toml(raw: dict[str, Any]) -> str:
    """Return a manifest (plain values, as ``tomllib`` gives them) as TOML text."""
    lines = [f"{key} = {_toml(value)}" for key, value in raw.items() if key not in ("file", "column")]
    for table in ("file", "column"):
        for row in raw.get(table, ()):
            lines += ["", f"[[{table}]]"] + [
                f"{key} = {_toml(value)}" for key, value in row.items() if value is not None
            ]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, str | bool):
        # A JSON string is a TOML basic string, but for one sign that TOML wants escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return str(value)
