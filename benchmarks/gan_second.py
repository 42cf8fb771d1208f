"""Other tables: ``tabgan`` pooled and on a ring; with ``--ctgan PYTHON`` CTGAN and TVAE beside it, and ACTG 175.

Breast cancer (381 training rows, 188 held out, 31 columns) and, where that Python has ``lifelines``, the trial ACTG 175
(1427 and 712 rows, 17 columns), in the four regions of ``gan_tables``. Every generator at its defaults, as many made
rows as training rows, figures of the release report by the same code for each; copies are counted among training rows
that are rounded as made rows are, since breast cancer's have more decimals than the schema says.

What is fair to know: ``tabgan`` had its defaults from another small table (heart, validation rows), CTGAN and TVAE
theirs from much larger ones, and they are not tuned here. They see all rows in one place, and so does ``tabgan`` where
it says pooled. Their numbers are put into the column's public range and rounded to its decimals, which ``tabgan`` knows
from the schema. Single columns of ``tabgan`` are set to the sums' shares after training (README, rows from a model).
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.gan_heart import NAMES, ROUNDS, ring_of, scored, typed
from benchmarks.gan_tables import Tables, actg175, breast_cancer, rows_of
from benchmarks.joint import spread
from node.learning.data.manifest import load
from node.learning.data.schema import Schema
from node.learning.synth.measure import distance
from node.learning.synth.measure.tables import Space, table_of
from node.learning.synth.sampling import generate
from node.learning.trainer import Agreed, Trainer

COUNT = 5
OTHERS = ("CTGAN", "TVAE")
HOW = "python -m venv DIR; DIR/bin/pip install torch==2.13.0 ctgan lifelines; then --ctgan DIR/bin/python"
LIMIT_S = 600
KEYS = ("shapes", "pairs", "tstr", "forest", "dcr", "mia", "copies")
LESS = ("dcr", "mia", "copies", "cpu")
CALLED = {**NAMES, "cpu": "CPU of training and rows"}


def run(seed: int, ctgan: Path | None = None) -> list[dict[str, Any]]:
    """Return each measure of each generator, those of one measure in a row.

    Args:
        seed: The first of five.
        ctgan: The Python of an environment in which ``ctgan`` is installed, and for ACTG 175 ``lifelines``.
    """
    seeds = range(seed, seed + COUNT)
    out: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="landsting-second-") as name:
        folder = Path(name)
        of = {"breast cancer": breast_cancer(folder / "bc")}
        if ctgan is not None and (source := trial_file(ctgan)) is not None:
            of["ACTG 175"] = actg175(folder / "actg", source)
        for what, tables in of.items():
            found = {"tabgan, pooled": [pooled(tables, folder, one) for one in seeds]}
            for kind in OTHERS if ctgan is not None else ():
                found[f"{kind}, pooled"] = [other(tables, folder, one, kind, ctgan) for one in seeds]
            found["tabgan, ring, median of four nodes"] = [ring(tables, folder, one) for one in seeds]
            out += side_by_side(what, found, scored(tables, tables.frame(tables.pooled)), seeds)
    told = f"landsting bench gan-second --seed {seed}" + ("" if ctgan is None else " --ctgan PYTHON")
    if ctgan is None:
        out.append({"name": f"CTGAN, TVAE, ACTG 175: not measured; {HOW}", "value": None, "unit": "", "seeds": []})
    return [figure | {"command": told} for figure in out]


def side_by_side(
    what: str, found: dict[str, list[dict[str, float]]], real: dict[str, float], seeds: Sequence[int]
) -> list[dict[str, Any]]:
    """Return figures by measure, then generator, each the median over seeds."""
    out: list[dict[str, Any]] = []
    for key in (*KEYS, "cpu"):
        rest = {"unit": "s" if key == "cpu" else "", "direction": "less" if key in LESS else "more"}
        if key in ("tstr", "forest"):
            name = f"{what}, {CALLED[key].replace('TSTR', 'TRTR')}: real rows"
            out.append({"name": name, "value": real[key], **rest, "seeds": []})
        for maker, runs in found.items():
            if key in runs[0]:
                values = spread([one[key] for one in runs])
                out.append({"name": f"{what}, {CALLED[key]}: {maker}", **values, **rest, "seeds": list(seeds)})
    return out


def trial_file(python: Path) -> Path | None:
    """Return the file of ACTG 175 that this Python's ``lifelines`` brings; None without it."""
    ask = "import importlib.util as u; found = u.find_spec('lifelines'); print(found.origin if found else '')"
    told = subprocess.run([str(python), "-I", "-c", ask], capture_output=True, text=True, check=False, timeout=60)
    path = Path(told.stdout.strip() or "-").parent / "datasets" / "ACTG175.csv"
    return path if path.is_file() else None


def ring(tables: Tables, folder: Path, seed: int) -> dict[str, float]:
    """Return the figures of ``tabgan`` trained by four regions on a ring, of each the median over nodes."""
    nodes = ring_of(tables, folder, seed, "tabgan")
    return {key: float(np.median([node[key] for node in nodes.values()])) for key in KEYS}


def pooled(tables: Tables, folder: Path, seed: int) -> dict[str, float]:
    """Return the figures of ``tabgan`` with all training rows in one place, and its CPU seconds."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        start = time.process_time()
        node = Trainer(
            Agreed("tabgan", "1", {}, seed, rounds=ROUNDS, regions=1),
            study="gan", region="pooled", manifest=tables.pooled, ledger=Path(name) / "ledger",
        )  # fmt: skip
        totals: list[Any] = []
        for stage in node.sums:
            totals.append(np.asarray(node.measure(stage, totals), np.int64))
        vector = node.initial()
        for round in range(len(node.sums), len(node.sums) + ROUNDS):
            vector = node.train(round, vector, totals)[0].astype(np.float32)
        model = Path(name) / "m.safetensors"
        node.export(vector, totals, model)
        made = pd.concat(generate(model, rows=len(rows_of(tables.pooled)), seed=seed), ignore_index=True)
        used = time.process_time() - start
    return judged(tables, made) | {"cpu": used}


def other(tables: Tables, folder: Path, seed: int, kind: str, python: Path) -> dict[str, float]:
    """Return the figures of CTGAN or TVAE, learned by another Python from a CSV.

    Raises:
        RuntimeError: That Python failed: its last lines.
    """
    schema = load(tables.pooled).schema_()
    discrete = [column.name for column in schema.columns if column.kind not in ("number", "integer")]
    source, target = tables.pooled.with_suffix(".csv"), folder / f"{kind}-{seed}.csv"
    words = [kind, str(seed), str(len(rows_of(tables.pooled))), str(source), str(target), *discrete]
    script = Path(__file__).with_name("gan_others.py")
    ended = subprocess.run(
        [str(python), "-I", str(script), *words], capture_output=True, text=True, check=False, timeout=LIMIT_S,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    if ended.returncode != 0:
        raise RuntimeError(f"{kind} in {python} ended with {ended.returncode}: {ended.stderr[-500:]}; {HOW}")
    told = json.loads(ended.stdout.strip().splitlines()[-1])
    made = fitted(pd.read_csv(target, dtype=dict.fromkeys(discrete, str)), schema)
    return judged(tables, made) | {"cpu": float(told["cpu_s"])}


def judged(tables: Tables, made: pd.DataFrame) -> dict[str, float]:
    """Return the figures of made rows; copies among the training rows rounded to the schema's decimals."""
    schema = load(tables.pooled).schema_()
    real, some = (
        table_of(typed(fitted(frame, schema), schema), schema) for frame in (tables.frame(tables.pooled), made)
    )
    space = Space.of(real)
    return scored(tables, made) | {"copies": float(distance.exact_copies(space.place(some), space.place(real)))}


def fitted(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Return made rows with every number within its column's public range and rounded to its decimals."""
    frame = frame.copy()
    for column in schema.columns:
        if column.kind in ("number", "integer") and column.range is not None:
            values = frame[column.name].astype(float).clip(*column.range)
            frame[column.name] = values.round(column.decimals) if column.decimals is not None else values
    return frame
