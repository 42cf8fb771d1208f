"""Small tables with manifests for the tests of the data gates, and where the real data lie."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from node.learning.data.check import Rules, Sheet, inspect
from node.learning.data.findings import Finding
from node.learning.data.manifest import Manifest, parse, to_toml

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def shared(name: str) -> Path:
    """Return a folder of real data; the test is skipped where it is absent."""
    if not (SHARED / name).is_dir():
        pytest.skip(f"../shared/data/{name} is absent: real data are not part of the repository")
    return SHARED / name


def column(name: str, kind: str = "number", role: str = "feature", **more: Any) -> dict[str, Any]:
    """Return one [[column]]; a number has a range unless one is given."""
    if kind in ("number", "integer") and role != "ignore":
        more.setdefault("range", [-1000, 1000])
    return {"name": name, "kind": kind, "role": role, **more}


LABEL = column("ill", "category", "label", categories=["0", "1"])


def manifest(*columns: Mapping[str, Any], id: str = "clinic", file: Any = "clinic.csv", **more: Any) -> Manifest:
    """Return a manifest of columns and one file (or a list of [[file]])."""
    files = file if isinstance(file, list) else [{"path": file}]
    raw = {"id": id, **more, "file": files, "column": [*columns]}
    return parse(to_toml(raw), Path(f"{id}.toml"))


def write(folder: Path, columns: Mapping[str, Any], name: str = "clinic.csv") -> Path:
    """Write columns as a CSV."""
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / name


def sheet_of(folder: Path, values: Mapping[str, Any], *columns: Mapping[str, Any], **more: Any) -> Sheet:
    """Return the sheet of a column or some, with a label beside them that is half of each class."""
    rules: Rules | None = more.pop("rules", None)
    count = len(next(iter(values.values())))
    write(folder, {**values, "ill": [i % 2 for i in range(count)]})
    return inspect(manifest(*columns, LABEL, **more), folder, rules)


def found(sheet: Sheet, check: str) -> list[Finding]:
    """Return a check's findings."""
    return [finding for finding in sheet.findings if finding.check == check]
