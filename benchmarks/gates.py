"""All data gates over a generated CSV of a million rows, in one pass: CPU seconds and memory.

Fifteen columns, half a million patients, ages and sex as quasi-identifiers; drawn by the seed, no real patients.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.child import measured

ROWS = 1_000_000
NUMBERS = 11
MAX_S, MAX_MB = 60, 2000


def run(seed: int) -> list[dict[str, Any]]:
    """Return what the gate takes, and how many rows it has seen."""
    with tempfile.TemporaryDirectory(prefix="landsting-gates-") as folder:
        write(Path(folder), ROWS, seed)
        found = measured(__file__, "gate", folder)
    return [
        {"name": "gates.cpu", "value": found["cpu_s"], "unit": "s", "limit": MAX_S},
        {"name": "gates.wall", "value": found["wall_s"], "unit": "s"},  # says as much of the machine's other work
        {"name": "gates.memory", "value": found["peak_mb"], "unit": "MB", "limit": MAX_MB},
        {"name": "gates.rows", "value": found["rows"], "unit": "rows", "limit": ROWS, "direction": "exactly"},
        {"name": "gates.blocking", "value": found["blocking"], "unit": "checks", "limit": 0},
    ]


def gate(folder: str) -> dict[str, Any]:
    """Return counts of the data sheet of a folder's table."""
    from node.learning.data.check import Rules, inspect
    from node.learning.data.manifest import load

    sheet = inspect(load(Path(folder) / "large.toml"), Path(folder), Rules(key=bytes(32)))
    return {"rows": sheet.rows, "patients": sheet.patients, "blocking": len(sheet.blocking)}


def write(folder: Path, rows: int, seed: int) -> None:
    """Write a generated table and its manifest."""
    from node.learning.data.manifest import to_toml

    rng = np.random.default_rng(seed)
    names = ["pid", "age", "sex", *(f"lab {i}" for i in range(NUMBERS)), "ill"]
    with (folder / "large.csv").open("w", encoding="utf-8") as file:
        file.write(",".join(names) + "\n")
        for start in range(0, rows, 100_000):
            count = min(100_000, rows - start)
            cells: list[list[str]] = [[f"p{(start + i) // 2}" for i in range(count)]]
            cells += [[str(one) for one in rng.integers(18, high, count)] for high in (95,)]
            cells += [[str(one) for one in rng.integers(0, 2, count)]]
            for i in range(NUMBERS):
                values = np.round(rng.normal(100 + 10 * i, 10, count), 1 + i % 3)
                cells.append([str(one) for one in values.tolist()])
            cells.append([str(one) for one in rng.integers(0, 2, count)])
            file.write("\n".join(map(",".join, zip(*cells, strict=True))) + "\n")
    labs = [{"name": f"lab {i}", "kind": "number", "unit": "mg/dL", "range": [0, 400]} for i in range(NUMBERS)]
    manifest = {
        "id": "large",
        "patient": "pid",
        "file": [{"path": "large.csv"}],
        "column": [
            {"name": "pid", "kind": "text", "role": "ignore"},
            {"name": "age", "kind": "integer", "role": "quasi_identifier", "range": [18, 90], "band": 5},
            {"name": "sex", "kind": "boolean", "role": "quasi_identifier"},
            *labs,
            {"name": "ill", "kind": "category", "role": "label", "categories": ["0", "1"]},
        ],
    }
    (folder / "large.toml").write_text(to_toml(manifest), encoding="utf-8")
