"""The four hospitals of UCI heart disease, prepared and split as FLamby does; no benchmark itself.

Columns slope, ca and thal are dropped, then rows with ``?`` (740 are left); ``cp`` and ``restecg`` stand as
columns of 0 and 1, so that all 13 inputs are standardised; cholesterol 0 stays a value, as in the published
figures. Split in each hospital: ``train_test_split(train_size=.66, random_state=43, stratify=label)``.

Source: du Terrail et al. (2022), FLamby, Fed-Heart-Disease; data: Janosi et al. (1988), CC BY 4.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from node.learning.data.manifest import load, to_toml
from node.learning.data.table import Rows, read

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "heart-disease-uci"
FILES = {"cleveland": "cleveland", "hungary": "hungarian", "switzerland": "switzerland", "va": "va"}
RANGES = {"age": (20, 90), "trestbps": (80, 220), "chol": (0, 700), "thalach": (50, 220), "oldpeak": (-3, 7)}
NAMES = ("age", "sex", "cp", "trestbps", "chol", "fbs", "restecg", "thalach", "exang", "oldpeak")


@dataclass(frozen=True, slots=True)
class Hospitals:
    """What ``write`` has put on disk: a training and a test manifest of each hospital, and of all together."""

    train: dict[str, Path]
    test: dict[str, Rows]
    pooled: Path
    union: Rows


def write(folder: Path, hospitals: tuple[str, ...] = tuple(FILES), *, narrow: bool = False) -> Hospitals:
    """Write tables and manifests.

    Args:
        narrow: Blood pressure's range is the plausible one, for where public ranges scale: one pressure of 0 is then
            missing. Without it that 0 stays a value, as in the published figures.

    Raises:
        FileNotFoundError: The data is not there.
    """
    from sklearn.model_selection import train_test_split

    train, test, all_train, all_test = {}, {}, [], []
    for name in hospitals:
        x, y = _rows(FOLDER / f"processed.{FILES[name]}.data")
        few = min(np.bincount(y, minlength=2)) > 2
        at = train_test_split(np.arange(len(y)), train_size=0.66, random_state=43, stratify=y if few else None)
        parts = [[(*x[i], str(y[i])) for i in part] for part in at]
        train[name] = _write(folder / name, name, parts[0], narrow)
        test[name] = _typed(_write(folder / f"{name}-test", name, parts[1], narrow))
        all_train += parts[0]
        all_test += parts[1]
    pooled = _write(folder / "pooled", "pooled", all_train, narrow)
    union = _typed(_write(folder / "union", "union", all_test, narrow))
    return Hospitals(train, test, pooled, union)


def _rows(path: Path) -> tuple[list[list[str]], Any]:
    x, y = [], []
    for line in path.read_text().splitlines():
        cells = line.split(",")
        kept = cells[:10]  # slope, ca and thal follow, then the label
        if "?" in kept:
            continue
        value = dict(zip(NAMES, map(float, kept), strict=True))
        x.append(
            [
                *(f"{value[name]:g}" for name in RANGES),
                *(str(int(value[name])) for name in ("sex", "fbs", "exang")),
                *(str(int(value["cp"] == k)) for k in (2, 3, 4)),
                *(str(int(value["restecg"] == k)) for k in (1, 2)),
            ]
        )
        y.append(int(float(cells[13]) > 0))
    return x, np.array(y)


def _write(folder: Path, name: str, lines: list[tuple[str, ...]], narrow: bool) -> Path:
    columns: list[dict[str, Any]] = [
        {"name": one, "kind": "number", "role": "feature", "range": list(RANGES[one])} for one in RANGES
    ]
    if not narrow:
        columns[1]["range"] = [0, 220]
    flags = ("sex", "fbs", "exang", "cp2", "cp3", "cp4", "restecg1", "restecg2")
    columns += [{"name": one, "kind": "boolean", "role": "feature"} for one in flags]
    columns.append({"name": "ill", "kind": "boolean", "role": "label"})
    folder.mkdir(parents=True, exist_ok=True)
    header = ",".join(str(column["name"]) for column in columns)
    (folder / f"{name}.csv").write_text("\n".join([header, *(",".join(line) for line in lines)]) + "\n")
    head = {"id": "heart", "licence": "CC BY 4.0", "purposes": ["research", "education"]}
    path = folder / f"{name}.toml"
    path.write_text(to_toml({**head, "file": [{"path": f"{name}.csv"}], "column": columns}))
    return path


def _typed(manifest: Path) -> Rows:
    return read(load(manifest), manifest.parent)[0]
