"""For tests of synthetic data: "real" tables drawn by a seed, bootstraps with noise, an untrained generator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from node.learning.data.manifest import load, to_toml
from node.learning.data.rows import Rows
from node.learning.data.schema import Schema
from node.learning.data.table import read
from node.learning.evaluate import FORMAT
from node.learning.synth import tables
from node.learning.synth.coding import TableCoding
from node.learning.synth.measure.tables import Field, Table

COLUMNS: list[dict[str, Any]] = [
    {"name": "age", "kind": "integer", "role": "quasi_identifier", "range": [18, 100], "band": 10.0},
    {"name": "sex", "kind": "category", "role": "quasi_identifier", "categories": ["f", "m"]},
    {"name": "lab", "kind": "number", "range": [-10, 10], "missing": ["?"]},
    {"name": "ill", "kind": "boolean", "role": "label"},
]


def write(folder: Path, n: int, seed: int, name: str = "real", only: int | None = None) -> Path:
    """Write n drawn rows and their manifest; ``only``: all of one class."""
    rng = np.random.default_rng(seed)
    ill = rng.integers(0, 2, n) if only is None else np.full(n, only)
    age = np.clip(55 + 8 * ill + rng.normal(0, 10, n), 18, 89).astype(int)
    lab = np.clip(2 * ill + rng.normal(0, 1.5, n), -10, 10)
    lab_cells = ["?" if gone else f"{value:.3f}" for gone, value in zip(rng.random(n) < 0.1, lab, strict=True)]
    sex = np.where(rng.random(n) < 0.3 + 0.3 * ill, "m", "f")
    lines = [f"{a},{s},{b},{y}" for a, s, b, y in zip(age, sex, lab_cells, ill, strict=True)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.csv").write_text("\n".join(["age,sex,lab,ill", *lines]) + "\n")
    raw = {"id": "clinic", "file": [{"path": f"{name}.csv"}], "column": COLUMNS}
    (folder / f"{name}.toml").write_text(to_toml(raw))
    return folder / f"{name}.toml"


def rows_of(manifest: Path) -> tuple[Rows, Schema]:
    """Return a manifest's typed rows and schema."""
    loaded = load(manifest)
    return read(loaded, manifest.parent)[0], loaded.schema_()


def bootstrap_with_noise(rows: Rows, n: int, seed: int, noise: float = 0.5) -> Rows:
    """Return n rows drawn with repeats, numbers with noise of their spread: in the place of synthetic ones."""
    rng = np.random.default_rng(seed)
    at = rng.integers(0, len(rows), n)
    features = {name: values[at] for name, values in rows.features.items()}
    for name in ("age", "lab"):
        spread = np.nanstd(features[name])
        features[name] = np.round(features[name] + noise * spread * rng.normal(size=n), 3)
    return Rows(features, rows.label[at], tuple(f"row {i}" for i in range(n)))


def untrained(folder: Path, schema: Schema, seed: int = 1) -> Path:
    """Write a table's generator with drawn weights, as ``model export`` writes a trained one."""
    from safetensors.numpy import save

    coding, noise = TableCoding.of(schema, None), 8
    shapes = tables.generator_shapes(noise + len(coding.classes), 16, coding.width)
    weights = tables.initial(shapes, "ema", seed)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "m.safetensors").write_bytes(save({f"ema.{name}": values for name, values in weights.items()}))
    about = {
        "format": FORMAT, "task": "tabgan", "version": "1", "settings": {"noise": noise, "share": "generator"},
        "study": "", "schema_id": schema.id, "schema": schema.value(), "coding": coding.value(),
    }  # fmt: skip
    (folder / "m.json").write_text(json.dumps(about))
    return folder / "m.safetensors"


def table(**columns: Any) -> Table:
    """Return a table of numbers (lists of numbers) and levels (lists of texts; None is missing)."""
    fields, values = [], {}
    for name, cells in columns.items():
        if any(isinstance(cell, str) for cell in cells):
            levels = tuple(sorted({cell for cell in cells if cell is not None} | {"a", "b"}))
            fields.append(Field(name, levels))
            values[name] = np.array([np.nan if cell is None else levels.index(cell) for cell in cells], float)
        else:
            fields.append(Field(name))
            values[name] = np.array([np.nan if cell is None else cell for cell in cells], float)
    count = len(next(iter(values.values())))
    return Table(tuple(fields), values, np.arange(count))
