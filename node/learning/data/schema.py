"""The public part of a manifest: what all regions agree on about the columns, and its hash.

Same names, kinds, roles, units, ranges, codes for missing and categories give the same hash, whatever
file, layout or owner they come from. What a study learns follows from the columns with
``role = "label"``: see ``Target``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from node.learning.errors import ConfigError
from node.learning.hashing import json_hash

Kind = Literal["number", "integer", "category", "boolean", "date", "time_to_event", "text", "image"]
Role = Literal["feature", "label", "quasi_identifier", "direct_identifier", "ignore"]
NUMERIC = ("number", "integer", "boolean", "date")  # a date that is an input counts days since another one
INPUTS = (*NUMERIC, "category")
_HASHED = ("name", "kind", "role", "unit", "range", "missing", "categories")
_HASHED_IF_SET = ("since", "shape")


class Model(BaseModel):
    """A part of a manifest: no unknown keys, never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(Model):
    """One column as all regions agree on it.

    Attributes:
        kind: What its cells are. ``time_to_event`` is the time of a survival label; ``image`` cells name files.
        role: A ``quasi_identifier`` is an input like a feature where its kind can be one, and counts for k.
        range: Two plausible public numbers, never taken from data; for ``date`` in days.
        decimals: Digits after the point, for synthetic values.
        missing: Cells that mean "not measured"; ``""`` for an empty one.
        categories: The public list; for the label the classes, the last the positive one.
        band: Width of the classes in which a number counts for k; left out, each value is its own.
        since: For a date: the column from which its days are counted.
        shape: For an image: height, width, channels (1 or 3) as a model sees it.
    """

    name: str = Field(min_length=1, max_length=128)
    kind: Kind
    role: Role = "feature"
    unit: str = ""
    range: tuple[float, float] | None = None
    decimals: int | None = None
    missing: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    band: float | None = Field(default=None, gt=0)
    since: str | None = None
    shape: tuple[int, int, int] | None = None

    @property
    def is_input(self) -> bool:
        """Whether a tabular model sees it."""
        if self.role not in ("feature", "quasi_identifier") or self.kind not in INPUTS:
            return False
        return self.kind != "date" or self.since is not None

    def value(self) -> dict[str, Any]:
        """Return what is hashed, as plain JSON values."""
        row = {key: getattr(self, key) for key in _HASHED}
        row |= {key: getattr(self, key) for key in _HASHED_IF_SET if getattr(self, key) is not None}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in row.items()}


class Target(Enum):
    """What is learned; follows from the columns with ``role = "label"``.

    | columns | target |
    |---|---|
    | one category or boolean | ``CLASSES`` |
    | two or more booleans | ``LABELS``: each row has any number of them |
    | one number or integer | ``NUMBER``: regression |
    | one time_to_event and one boolean (1: the event was seen) | ``SURVIVAL`` |
    """

    CLASSES = "classes"
    LABELS = "labels"
    NUMBER = "number"
    SURVIVAL = "survival"


def target_of(labels: tuple[Column, ...]) -> Target | None:
    """Return what label columns of these kinds ask for; None if it is nothing known."""
    kinds = sorted(column.kind for column in labels)
    if kinds in (["category"], ["boolean"]):
        return Target.CLASSES
    if kinds in (["number"], ["integer"]):
        return Target.NUMBER
    if kinds == ["boolean", "time_to_event"]:
        return Target.SURVIVAL
    return Target.LABELS if len(kinds) > 1 and set(kinds) == {"boolean"} else None


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
        return [column.value() for column in self.columns]

    @classmethod
    def of_value(cls, id: str, value: list[dict[str, Any]]) -> Schema:
        """Return the schema of ``value()``."""
        return cls(id, tuple(Column(**row) for row in value))

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns that a tabular model sees; quasi-identifiers among them."""
        return tuple(column for column in self.columns if column.is_input)

    @property
    def image(self) -> Column | None:
        """The column whose cells are images, if there is one."""
        return next((c for c in self.columns if c.kind == "image" and c.role == "feature"), None)

    @property
    def labels(self) -> tuple[Column, ...]:
        """The columns to be learned, in the manifest's order."""
        return tuple(column for column in self.columns if column.role == "label")

    @property
    def target(self) -> Target:
        """What is learned.

        Raises:
            ConfigError: The label columns are of no known form.
        """
        found = target_of(self.labels)
        if found is None:
            kinds = ", ".join(column.kind for column in self.labels) or "none"
            raise ConfigError(
                f"{self.id}: label columns of kind {kinds}",
                "one category, boolean or number; several booleans; or one time_to_event and one boolean",
                'Correct role = "label".',
            )
        return found

    @property
    def label(self) -> Column:
        """The first column to be learned; of a survival label the event."""
        return next((c for c in self.labels if c.kind != "time_to_event"), self.labels[0])

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of ``Target.CLASSES``, the last the positive one.

        Raises:
            ConfigError: What is learned are not classes.
        """
        if self.target is not Target.CLASSES:
            raise ConfigError(
                f"{self.id}: the label is {self.target.value}, not classes",
                "a label of kind category or boolean",
                "Use a task for that target.",
            )
        return self.label.categories or ("0", "1")


def differences(mine: Schema, other: Schema, here: str = "here", there: str = "there") -> list[str]:
    """Return in words, and without any cell's value, which columns two schemas hold differently.

    Args:
        here, there: What the two are called: "at vgr", "in skane.toml".
    """
    out: list[str] = []
    ours, theirs = ({c.name: c.value() for c in schema.columns} for schema in (mine, other))
    out += [f"column {name} is missing {there}" for name in ours if name not in theirs]
    out += [f"column {name} is missing {here}" for name in theirs if name not in ours]
    for name in ours:
        if name in theirs:
            keys = [key for key in (*_HASHED, *_HASHED_IF_SET) if ours[name].get(key) != theirs[name].get(key)]
            if keys:
                out.append(f"column {name} has another {' and '.join(keys)} {there} than {here}")
    if not out and list(ours) != list(theirs):
        first = next(a for a, b in zip(ours, theirs, strict=True) if a != b)
        out.append(f"the columns stand in another order {there} than {here}, from {first} on")
    return out
