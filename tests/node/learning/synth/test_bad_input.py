"""Columns and regions that teach little: a study goes on, its rows are rows, and no figure is NaN."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from node.learning.baselines import average
from node.learning.data.manifest import File, load, to_toml
from node.learning.data.table import parse, read
from node.learning.synth.measure import bootstrap, utility
from node.learning.synth.measure.gate import Circumstances, Report, Thresholds
from node.learning.synth.measure.measuring import About, Sides, measure, report_of
from node.learning.synth.sampling import generate
from node.learning.trainer import Agreed, Trainer
from node.synthetic import readable

COLUMNS: list[dict[str, Any]] = [
    {"name": "age", "kind": "integer", "role": "quasi_identifier", "range": [18, 100], "band": 10.0},
    {"name": "lab", "kind": "number", "role": "feature", "range": [0, 10], "missing": ["?"]},
    {"name": "ward", "kind": "category", "role": "feature", "categories": ["a", "b", "c"], "missing": ["?"]},
    {"name": "ill", "kind": "boolean", "role": "label"},
]
REGIONS = ("east", "north", "south")


def write(folder: Path, *, rows: int = 60, seed: int, lab: str = "", wards: str = "ab", ill: int | None = None) -> Path:
    """Write a region's rows, ``lab`` in every cell of that column unless empty; return their manifest."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    lines = ["age,lab,ward,ill"]
    for _ in range(rows):
        y = int(rng.integers(0, 2)) if ill is None else ill
        age, value = int(np.clip(50 + 8 * y + rng.normal(0, 10), 18, 89)), f"{rng.uniform(0, 5) + 4 * y:.2f}"
        lines.append(f"{age},{lab or value},{rng.choice(list(wards))},{y}")
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    (folder / "t.toml").write_text(to_toml({"id": "clinic", "file": [{"path": "t.csv"}], "column": COLUMNS}))
    return folder / "t.toml"


CASES: dict[str, list[dict[str, Any]]] = {
    "one value everywhere": [{"lab": "5"}] * 3,
    "one value in a region": [{"lab": "5"}, {}, {}],
    "all missing in a region": [{"lab": "?"}, {}, {}],
    "all missing everywhere": [{"lab": "?"}] * 3,
    "a category unseen elsewhere": [{"wards": "abc"}, {}, {}],
    "a category that nobody lists": [{"wards": "az"}, {}, {}],
    "two rows in a region": [{"rows": 2}, {}, {}],
    "two rows everywhere": [{"rows": 2}] * 3,
    "one class in a region": [{"ill": 1}, {}, {}],
    "one class everywhere": [{"ill": 1}] * 3,
}


@pytest.fixture(autouse=True)
def _short_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(utility, "TREES", 3)
    monkeypatch.setattr(bootstrap, "DRAWS", 50)


@pytest.mark.parametrize("task", ["tabgan", "tabvae"])
@pytest.mark.parametrize("case", CASES)
def test_what_teaches_little_is_learned_from_and_reported_without_nan(case: str, task: str, tmp_path: Path) -> None:
    agreed = Agreed(task, "1", {"local_steps": 2, "test_share": "0.4"}, 1)
    nodes = [
        Trainer(agreed, study="ab" * 32, region=name, manifest=write(tmp_path / name, **{"seed": i, **how}))
        for i, (name, how) in enumerate(zip(REGIONS, CASES[case], strict=True))
    ]
    vector, totals = average(nodes, rounds=2)
    assert np.isfinite(vector).all()
    nodes[0].export(vector, totals, tmp_path / "m.safetensors")

    frame = next(generate(tmp_path / "m.safetensors", rows=50, seed=1))
    schema = load(tmp_path / "east" / "t.toml").schema_()
    text = readable(frame, schema).drop(columns="__synthetic").to_csv(index=False)
    assert "nan" not in text.lower()
    made = parse(text.encode(), schema, File(path="s.csv"), "s.csv")
    report = reported(read(load(tmp_path / "north" / "t.toml"), tmp_path / "north")[0], nodes[0].rows, made, schema)
    assert b"NaN" not in report.to_bytes()
    for test in report.failed:
        assert not any("nan" in words.lower().split() for words in test.words.values())


def reported(real: Any, held: Any, made: Any, schema: Any) -> Report:
    found = measure(Sides(real, held, made, schema))
    about = About("ab" * 32, "cd" * 32, "ef" * 32, "01" * 32, "north", 1, len(made))
    return report_of(found, about, Thresholds(), Circumstances("table", found.continuous))
