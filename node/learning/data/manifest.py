"""The manifest: one TOML file that says what a region's table holds.

Its public part, the ``Schema`` (names, kinds, roles, units, ranges, categories, codes for
missing), is the same in every region and is hashed into the plan. Paths and owner are not in it.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from node.learning.errors import ConfigError
from node.learning.task import file_bytes, json_hash

Kind = Literal["number", "integer", "category", "boolean", "date", "time_to_event", "text"]
Role = Literal["feature", "label", "quasi_identifier", "direct_identifier", "ignore"]
Purpose = Literal["research", "quality", "planning", "statistics", "education"]
NUMERIC = ("number", "integer", "boolean")
MAX_COLUMNS = 4096
MAX_WIDTH = 1e100


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(_Model):
    """One column as all regions agree on it; ``range`` is plausible and public, never taken from data."""

    name: str = Field(min_length=1, max_length=128)
    kind: Kind
    role: Role = "feature"
    unit: str = ""
    range: tuple[float, float] | None = None
    decimals: int | None = None
    missing: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


class File(_Model):
    """Where a table lies; ``path`` counts from the manifest's folder."""

    path: str
    sha256: str | None = None
    encoding: str = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=1)


class Manifest(_Model):
    """A whole manifest; see README.md for each key."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")
    owner: str = ""
    legal_basis: str = ""
    licence: str = ""
    approval: str = ""
    purposes: tuple[Purpose, ...] = ("research",)
    source_system: str = ""
    extracted: str | None = None
    patient: str | None = None
    k: int = Field(default=5, ge=1)
    file: tuple[File, ...] = ()
    column: tuple[Column, ...] = Field(min_length=1, max_length=MAX_COLUMNS)

    def schema_(self) -> Schema:
        """Return the public part, checked for what training needs."""
        return Schema(self.id, self.column)


@dataclass(frozen=True, slots=True)
class Schema:
    """The public part of a manifest.

    Attributes:
        id: Name of the manifest; for messages only, not hashed.
        columns: In the manifest's order, which is the order of every vector made from them.
    """

    id: str
    columns: tuple[Column, ...]

    @property
    def hash(self) -> bytes:
        """SHA-256 that equal schemas share, whatever the region's paths and owner."""
        return json_hash("SCHEMA", self.value())

    def value(self) -> list[dict[str, Any]]:
        """Return the columns as plain JSON values."""
        keys = ("name", "kind", "role", "unit", "range", "missing", "categories")
        rows = [{key: getattr(column, key) for key in keys} for column in self.columns]
        return [{k: list(v) if isinstance(v, tuple) else v for k, v in row.items()} for row in rows]

    @classmethod
    def of_value(cls, id: str, value: list[dict[str, Any]]) -> Schema:
        """Return the schema of ``value()``."""
        return cls(id, tuple(Column(**row) for row in value))

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns that a model sees."""
        return tuple(column for column in self.columns if column.role == "feature")

    @property
    def label(self) -> Column:
        """The one column to be learned; its ``categories`` are the classes, the last the positive one."""
        return next(column for column in self.columns if column.role == "label")

    @property
    def classes(self) -> tuple[str, ...]:
        """The label's categories."""
        return self.label.categories or ("0", "1")


def _check(manifest: Manifest, path: Path) -> None:
    names = [column.name for column in manifest.column]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(
                f"{path.name}: column {name} stands {names.count(name)} times", "once", "Remove the repeats."
            )
    labels = [column.name for column in manifest.column if column.role == "label"]
    if len(labels) != 1:
        found = f'{path.name}: {len(labels)} columns have role = "label"'
        raise ConfigError(found, "exactly one", "Mark the column that is to be learned.")
    for column in manifest.column:
        where = f"{path.name}: column {column.name}"
        if column.role == "label":
            if column.kind != "boolean" and len(set(column.categories)) < 2:
                raise ConfigError(
                    f"{where} is the label without classes", 'categories = ["0", "1"]', "List its classes."
                )
        elif column.role == "feature":
            if column.kind in ("number", "integer") and column.range is None:
                raise ConfigError(f"{where} has no range", "two plausible public numbers", "Add range = [low, high].")
            if column.kind == "category" and not column.categories:
                raise ConfigError(f"{where} has no categories", "the public list", 'Add categories = ["a", "b"].')
            if column.kind in ("date", "time_to_event", "text"):
                raise ConfigError(
                    f"{where} is a feature of kind {column.kind}",
                    "number, integer, boolean or category",
                    'Give it role = "ignore".',
                )
        if column.range is not None and not column.range[0] < column.range[1]:
            raise ConfigError(f"{where} has an empty range", "low < high", "Correct range = [low, high].")
        if column.range is not None and not 1 / MAX_WIDTH < column.range[1] - column.range[0] < MAX_WIDTH:
            # Scaled by it, values would be infinite or all alike.
            raise ConfigError(
                f"{where} has a range without bounds", "plausible numbers", "Correct range = [low, high]."
            )
    if not any(column.role == "feature" for column in manifest.column):
        raise ConfigError(f"{path.name}: no column is a feature", "at least one", 'Give columns role = "feature".')


def parse(text: str, path: Path) -> Manifest:
    """Return the manifest of a TOML text; ``path`` is for messages."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path.name} is not TOML ({error})", "a manifest", "Correct that line.") from error
    if "extracted" in raw:
        raw["extracted"] = str(raw["extracted"])
    try:
        manifest = Manifest.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise ConfigError(
                f"{path.name}: unknown key {where}", "a key of the manifest", "Remove or correct it."
            ) from None
        raise ConfigError(
            f"{path.name}: {where}: {first['msg']}", "what README.md of node/learning lists", "Correct it."
        ) from None
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
        return json.dumps(value, ensure_ascii=True)  # a JSON string is a TOML basic string
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return str(value)
