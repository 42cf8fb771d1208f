"""Synthetic rows by ``landsting synth generate``: CPU seconds and memory for 100 000 of them, in a process of its own.

Fifteen columns and a label; the generator is of the size that studies train, its weights are drawn by the seed.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.child import measured

ROWS = 100_000
NUMBERS, LISTED = 10, 5
NOISE, HIDDEN = 32, 128  # of the task tabgan
MAX_S, MAX_MB = 10, 1000


def run(seed: int) -> list[dict[str, Any]]:
    """Return what a CSV and a Parquet file take."""
    out: list[dict[str, Any]] = []
    for ending in ("csv", "parquet"):
        with tempfile.TemporaryDirectory(prefix="landsting-synth-") as folder:
            model = write(Path(folder), seed)
            found = measured(__file__, "make", str(model), f"{folder}/rows.{ending}", str(seed))
        name = f"synth.{ending}"
        out += [
            {"name": f"{name}.cpu", "value": found["cpu_s"], "unit": "s", "limit": MAX_S},
            {"name": f"{name}.wall", "value": found["wall_s"], "unit": "s"},
            {"name": f"{name}.memory", "value": found["peak_mb"], "unit": "MB", "limit": MAX_MB},
            {
                "name": f"{name}.rows",
                "value": found["rows"],
                "unit": "rows",
                "limit": ROWS,
                "direction": "more",
            },
        ]
    return out


def make(model: str, out: str, seed: str) -> dict[str, Any]:
    """Write the rows; return how many there are by the reader that a study uses."""
    from node.learning.data.manifest import File
    from node.learning.data.readers import TableFile
    from node.synthetic import generate

    made = generate(Path(model), Path(out), rows=ROWS, seed=int(seed), condition={})
    table = TableFile(made.data, File(path=made.data.name))
    return {"rows": sum(len(chunk) for chunk in table.chunks(["ill"]))}


def write(folder: Path, seed: int) -> Path:
    """Write a generator with drawn weights, as ``model export`` writes one that was trained."""
    from safetensors.numpy import save

    from node.learning.data.schema import Column, Schema
    from node.learning.evaluate import FORMAT
    from node.learning.synth import tables
    from node.learning.synth.coding import TableCoding

    numbers = [Column(name=f"lab {i}", kind="number", range=(0, 400), decimals=1) for i in range(NUMBERS)]
    listed = [Column(name=f"kind {i}", kind="category", categories=tuple("abcde")) for i in range(LISTED)]
    schema = Schema("drawn", (*numbers, *listed, Column(name="ill", kind="boolean", role="label")))
    coding = TableCoding.of(schema, None)
    shapes = tables.generator_shapes(NOISE + len(coding.classes), HIDDEN, coding.width)
    weights = tables.initial(shapes, "ema", seed)
    (folder / "model.safetensors").write_bytes(save({f"ema.{name}": values for name, values in weights.items()}))
    about = {
        "format": FORMAT, "task": "tabgan", "version": "1", "settings": {"noise": NOISE}, "study": "",
        "schema_id": schema.id, "schema": schema.value(), "coding": coding.value(),
    }  # fmt: skip
    (folder / "model.json").write_text(json.dumps(about))
    return folder / "model.safetensors"
