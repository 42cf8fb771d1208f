"""Tables for the benchmarks of generators, as a region would declare them; no benchmark itself.

Heart: the same four hospitals, rows and split as ``hospitals`` (486 training rows, 254 test rows), with its categories
as categories and decimals declared; 11 columns. Breast cancer: scikit-learn's 569 x 30 numbers, four regions by
Dirichlet(1). ACTG 175: 2139 patients of a trial, 16 columns known at its start, from a file of ``lifelines``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.hospitals import FILES, FOLDER, NAMES, RANGES
from node.learning.data.manifest import load, to_toml
from node.learning.data.table import Rows, read

DECIMALS = {"age": 0, "trestbps": 0, "chol": 0, "thalach": 0, "oldpeak": 1}
CATEGORIES = {"cp": ("1", "2", "3", "4"), "restecg": ("0", "1", "2")}
ACTG: dict[str, Any] = {
    "age": (10, 90, 0), "wtkg": (20, 200, 1), "hemo": None, "homo": None, "drugs": None, "karnof": (0, 100, 0),
    "oprior": None, "z30": None, "preanti": (0, 4000, 0), "race": None, "gender": None, "strat": "123", "symptom": None,
    "cd40": (0, 2000, 0), "cd80": (0, 8000, 0), "arms": "0123", "cens": None,
}  # fmt: skip
Parts = dict[str, tuple[list[list[str]], list[list[str]]]]


@dataclass(frozen=True, slots=True)
class Tables:
    """Training manifests of each region and of all together, and the held-out rows.

    Attributes:
        train: region -> manifest.
        test: region -> manifest of its held-out rows.
        pooled, union: Manifests of all training and all held-out rows.
    """

    train: dict[str, Path]
    test: dict[str, Path]
    pooled: Path
    union: Path

    def frame(self, manifest: Path) -> Any:
        """Return a manifest's table as a DataFrame, every cell a text as in the file."""
        import pandas as pd

        return pd.read_csv(manifest.with_suffix(".csv"), dtype=str, keep_default_na=False)


def rows_of(manifest: Path) -> Rows:
    """Return a manifest's typed rows."""
    return read(load(manifest), manifest.parent)[0]


def heart(folder: Path, *, narrow: bool = False) -> Tables:
    """Write the four hospitals.

    Args:
        narrow: Ranges are plausible ones, for where public ranges make the bins; what lies outside is missing there.
    """
    from sklearn.model_selection import train_test_split

    ranges = RANGES | ({} if narrow else {"trestbps": (0, 220)})
    columns: list[dict[str, Any]] = []
    for name in NAMES:
        if name in RANGES:
            one = {"kind": "number", "range": list(ranges[name]), "decimals": DECIMALS[name]}
        elif name in CATEGORIES:
            one = {"kind": "category", "categories": list(CATEGORIES[name])}
        else:
            one = {"kind": "boolean"}
        columns.append({"name": name, "role": "feature", **one})
    columns.append({"name": "ill", "kind": "boolean", "role": "label"})
    parts: Parts = {}
    for name, file in FILES.items():
        lines, y = [], []
        for line in (FOLDER / f"processed.{file}.data").read_text().splitlines():
            cells = line.split(",")
            if "?" not in cells[:10]:
                y.append(int(float(cells[13]) > 0))
                lines.append([*(f"{float(cell):g}" for cell in cells[:10]), str(y[-1])])
        few = min(np.bincount(y, minlength=2)) > 2
        at = train_test_split(np.arange(len(y)), train_size=0.66, random_state=43, stratify=y if few else None)
        parts[name] = ([lines[i] for i in at[0]], [lines[i] for i in at[1]])
    return _tables(folder, "heart", columns, parts)


def breast_cancer(folder: Path, seed: int = 0) -> Tables:
    """Write four regions of breast cancer, a third of each held out."""
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer()
    rng = np.random.default_rng(seed)
    x, y = np.asarray(found.data), np.asarray(found.target)
    names = [str(name).replace(" ", "_") for name in found.feature_names]
    columns: list[dict[str, Any]] = []
    for name, values in zip(names, x.T, strict=True):
        top = 10.0 ** np.ceil(np.log10(values.max()))
        places = max(0, 4 - round(np.log10(top)))
        columns.append(
            {"name": name, "kind": "number", "role": "feature", "range": [0, float(top)], "decimals": places}
        )
    columns.append({"name": "malignant", "kind": "boolean", "role": "label"})
    lines = [[*(f"{value:g}" for value in row), str(1 - label)] for row, label in zip(x, y, strict=True)]
    parts = _by_dirichlet(lines, y, rng, 1.0)
    return _tables(folder, "breast-cancer", columns, parts)


def actg175(folder: Path, source: Path, seed: int = 0) -> Tables:
    """Write four regions of the trial ACTG 175, by Dirichlet(.5), a third of each held out; label: an event was seen.

    Args:
        source: ``ACTG175.csv`` as the package ``lifelines`` (MIT) ships it: 2139 patients. Of its columns those known
            at the start and the arm are taken; nothing measured later, and not the days, which all but say the label.
    """
    import pandas as pd

    frame = pd.read_csv(source)
    columns: list[dict[str, Any]] = []
    for name, kind in ACTG.items():
        if isinstance(kind, tuple):
            low, high, places = kind
            one = {"kind": "number", "range": [low, high], "decimals": places}
        elif isinstance(kind, str):
            one = {"kind": "category", "categories": list(kind)}
        else:
            one = {"kind": "boolean"}
        columns.append({"name": name, "role": "label" if name == "cens" else "feature", **one})
    lines = [[f"{value:g}" for value in row] for row in frame[list(ACTG)].to_numpy(float)]
    parts = _by_dirichlet(lines, frame["cens"].to_numpy(int), np.random.default_rng(seed), 0.5)
    return _tables(folder, "actg175", columns, parts)


def _by_dirichlet(lines: list[list[str]], y: Any, rng: np.random.Generator, alpha: float) -> Parts:
    """Return of each of four regions the training and the held-out lines, the latter a third."""
    where = np.empty(len(y), np.int64)
    for k in (0, 1):
        rows = rng.permutation(np.flatnonzero(y == k))
        cuts = (np.cumsum(rng.dirichlet([alpha] * 4))[:-1] * len(rows)).astype(int)
        for number, part in enumerate(np.split(rows, cuts)):
            where[part] = number
    parts: Parts = {}
    for number, region in enumerate(("north", "east", "south", "west")):
        own = [lines[i] for i in rng.permutation(np.flatnonzero(where == number))]
        parts[region] = (own[len(own) // 3 :], own[: len(own) // 3])
    return parts


def _tables(
    folder: Path,
    id: str,
    columns: list[dict[str, Any]],
    parts: Parts,
) -> Tables:
    train = {name: _write(folder / name, name, id, columns, one) for name, (one, _) in parts.items()}
    test = {name: _write(folder / f"{name}-test", name, id, columns, one) for name, (_, one) in parts.items()}
    pooled = _write(folder / "pooled", "pooled", id, columns, [row for one, _ in parts.values() for row in one])
    union = _write(folder / "union", "union", id, columns, [row for _, one in parts.values() for row in one])
    return Tables(train, test, pooled, union)


def _write(folder: Path, name: str, id: str, columns: list[dict[str, Any]], lines: Sequence[Sequence[str]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    header = ",".join(str(column["name"]) for column in columns)
    (folder / f"{name}.csv").write_text("\n".join([header, *(",".join(line) for line in lines)]) + "\n")
    path = folder / f"{name}.toml"
    head = {"id": id, "licence": "CC BY 4.0", "purposes": ["research", "education"]}
    path.write_text(to_toml({**head, "file": [{"path": f"{name}.csv"}], "column": columns}))
    return path
