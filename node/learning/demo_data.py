"""Data for the demo: per-region tables with manifests, test rows that no region trains on.

Breast cancer (Wisconsin, 569 x 30) and digits (1797 x 64, not medical) come out of the installed
scikit-learn, read as plain files; a CSV of one's own works too. Test rows are 30 % of the whole set,
stratified, by the seed, and the same for every region.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import io
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.learning.data import table
from node.learning.data.manifest import File, Schema, load, parse, to_toml
from node.learning.errors import ConfigError, GateError
from node.learning.files import file_bytes
from node.learning.hashing import stream

MIN_ROWS = 20  # a region with fewer training rows is refused
TEST_SHARE = 0.3
ALPHA = 0.5
MAX_DRAWS = 10_000
DATA = ("breast-cancer", "digits-odd-even")

# Plausible ranges of the 30 measurements: round numbers a little wider than the table of minima and
# maxima that scikit-learn publishes with the set. Public, and not computed from any region's rows.
_BREAST = {
    "radius": ((5, 30), (0, 3), (5, 40)),
    "texture": ((5, 40), (0, 5), (10, 50)),
    "perimeter": ((40, 200), (0, 25), (50, 260)),
    "area": ((100, 2600), (0, 550), (100, 4500)),
    "smoothness": ((0.05, 0.17), (0, 0.035), (0.05, 0.25)),
    "compactness": ((0, 0.35), (0, 0.14), (0, 1.1)),
    "concavity": ((0, 0.45), (0, 0.4), (0, 1.3)),
    "concave points": ((0, 0.21), (0, 0.055), (0, 0.3)),
    "symmetry": ((0.1, 0.31), (0, 0.08), (0.15, 0.67)),
    "fractal dimension": ((0.04, 0.1), (0, 0.03), (0.05, 0.21)),
}


@dataclass(frozen=True, slots=True)
class Table:
    """A whole set before it is split: ``lines`` of text cells, ``label`` class numbers, its manifest.

    ``patients`` has one id a row; rows of one patient never part.
    """

    name: str
    header: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    label: NDArray[np.int64]
    manifest: str
    patients: tuple[str, ...] = ()

    @property
    def schema(self) -> Schema:
        """The manifest's public part."""
        return parse(self.manifest, Path(f"{self.name}.toml")).schema_()


@dataclass(frozen=True, slots=True)
class DemoData:
    """What ``write`` has put on disk.

    Attributes:
        manifests: By region; each region's CSV lies beside its manifest.
        pooled: Manifest of all regions' training rows together, for the pooled baseline only.
        test: CSV of the test rows.
        rows: Training rows of each region.
        settings: What the task needs beside its defaults, without and with privacy.
    """

    name: str
    manifests: dict[str, Path]
    pooled: Path
    test: Path
    rows: dict[str, int]
    settings: dict[str, Any]
    private_settings: dict[str, Any]


SETTINGS: dict[str, dict[str, Any]] = {"breast-cancer": {}, "digits-odd-even": {}}
PRIVATE_SETTINGS: dict[str, Any] = {"hidden": 0, "lr": "1", "local_steps": 5, "full_patients": 150}


def breast_cancer() -> Table:
    """Return the Wisconsin breast cancer set; label ``malignant``, 1 for malignant."""
    raw = list(csv.reader(io.StringIO(_sklearn_file("breast_cancer.csv").decode())))[1:]
    names = [f"mean {n}" for n in _BREAST] + [f"{n} error" for n in _BREAST] + [f"worst {n}" for n in _BREAST]
    label = np.array([1 - int(line[-1]) for line in raw], np.int64)  # there, 0 is malignant
    columns: list[dict[str, Any]] = [
        {"name": name, "kind": "number", "role": "feature", "range": list(_BREAST[part][place])}
        for place in range(3)
        for name, part in zip(names[place * 10 : place * 10 + 10], _BREAST, strict=True)
    ]
    columns.append({"name": "malignant", "kind": "category", "role": "label", "categories": ["0", "1"]})
    lines = tuple((*line[:-1], str(y)) for line, y in zip(raw, label.tolist(), strict=True))
    return Table("breast-cancer", (*names, "malignant"), lines, label, _manifest("breast-cancer", columns, "CC BY 4.0"))


def digits() -> Table:
    """Return scikit-learn's handwritten digits (8 x 8 pixels of 0 to 16); label ``digit``. Not medical."""
    raw = list(csv.reader(io.StringIO(gzip.decompress(_sklearn_file("digits.csv.gz")).decode())))
    names = [f"pixel {i // 8}{i % 8}" for i in range(64)]
    lines = tuple(tuple(str(int(float(cell))) for cell in line) for line in raw)
    columns: list[dict[str, Any]] = [
        {"name": name, "kind": "integer", "role": "feature", "range": [0, 16]} for name in names
    ]
    columns.append({"name": "digit", "kind": "category", "role": "label", "categories": [str(k) for k in range(10)]})
    label = np.array([int(line[-1]) for line in lines], np.int64)
    return Table("digits-odd-even", (*names, "digit"), lines, label, _manifest("digits", columns, "CC BY 4.0"))


def own(path: Path) -> Table:
    """Return a CSV of one's own, with its manifest ``FILE.toml`` beside ``FILE.csv``."""
    manifest = load(path.with_suffix(".toml"))
    file = manifest.file[0] if manifest.file else File(path=path.name)
    data = file_bytes(path, "table")
    rows = table.parse(data, manifest.schema_(), file, path.name, manifest.patient)
    reader = csv.reader(io.StringIO(data.decode(file.encoding).removeprefix("\ufeff")), delimiter=file.delimiter)
    header, *lines = (tuple(cell.strip() for cell in line) for line in reader if line)
    text = path.with_suffix(".toml").read_text(encoding="utf-8")
    return Table(path.stem, header, tuple(lines), rows.label, text, rows.patients)


def _sklearn_file(name: str) -> bytes:
    """Return a file of scikit-learn's datasets without importing it, which takes two seconds."""
    spec = importlib.util.find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            "scikit-learn is not installed", "it holds the demo's data", 'Install with: pip install "landsting[node]"'
        )
    return file_bytes(Path(spec.submodule_search_locations[0]) / "datasets" / "data" / name, "demo data")


def _manifest(id: str, columns: list[dict[str, Any]], licence: str) -> str:
    head = {"id": id, "owner": "demo", "licence": licence, "purposes": ["research", "education"]}
    return to_toml({**head, "column": columns})


def held_out(label: NDArray[np.int64], seed: int, share: float = TEST_SHARE) -> NDArray[np.bool_]:
    """Return which rows are kept for testing, bool (n,): ``share`` of each class, drawn by the seed."""
    rng = np.random.Generator(stream("demo-test", seed))
    out = np.zeros(len(label), bool)
    for k in np.unique(label):
        rows = rng.permutation(np.flatnonzero(label == k))
        out[rows[: round(share * len(rows))]] = True
    return out


def dirichlet(label: NDArray[np.int64], regions: int, seed: int, alpha: float = ALPHA) -> NDArray[np.int64]:
    """Return the region of each row, (n,): each class is split by one draw of Dirichlet(alpha).

    Drawn again until each region has at least 20 rows.

    Raises:
        GateError: There are too few rows for so many regions.
    """
    rng = np.random.Generator(stream("demo-dirichlet", seed, regions))
    if len(label) >= regions * MIN_ROWS:
        for _ in range(MAX_DRAWS):
            out = np.empty(len(label), np.int64)
            for k in np.unique(label):
                rows = rng.permutation(np.flatnonzero(label == k))
                cuts = (np.cumsum(rng.dirichlet([alpha] * regions))[:-1] * len(rows)).round().astype(np.int64)
                for region, part in enumerate(np.split(rows, cuts)):
                    out[part] = region
            if np.bincount(out, minlength=regions).min() >= MIN_ROWS:
                return out
    raise GateError(
        f"{len(label)} training rows for {regions} regions",
        f"at least {MIN_ROWS} in each",
        "Use fewer regions or more data.",
    )


def odd_even(label: NDArray[np.int64], regions: int, seed: int) -> NDArray[np.int64]:
    """Return the region of each row, (n,): regions 0, 2, ... hold the even classes, 1, 3, ... the odd ones."""
    if regions < 2:
        raise GateError(f"{regions} region for odd and even digits", "at least 2", "Use --regions 2 or more.")
    rng = np.random.Generator(stream("demo-odd-even", seed, regions))
    out = np.empty(len(label), np.int64)
    for parity in (0, 1):
        rows = rng.permutation(np.flatnonzero(label % 2 == parity))
        mine = np.arange(parity, regions, 2)
        out[rows] = mine[np.arange(len(rows)) % len(mine)]
    if np.bincount(out, minlength=regions).min() < MIN_ROWS:
        raise GateError(
            f"{len(label)} training rows for {regions} regions", f"at least {MIN_ROWS} in each", "Use fewer regions."
        )
    return out


def write(folder: Path, data: str, regions: Sequence[str], seed: int) -> DemoData:
    """Write each region's CSV and manifest, the pooled one and the test rows.

    Args:
        data: ``breast-cancer``, ``digits-odd-even``, or the path of a CSV of one's own.
        regions: Their names, in the order of the demo.

    Raises:
        ConfigError, GateError: No such data, or too little for so many regions.
    """
    if data == "breast-cancer":
        whole = breast_cancer()
    elif data == "digits-odd-even":
        whole = digits()
    elif data.endswith(".csv"):
        whole = own(Path(data))
    else:
        raise ConfigError(f"demo data {data!r}", f"{', '.join(DATA)} or a FILE.csv", "Correct --data.")
    # Split by patient: `unit` of each row, and the label of each patient's first row.
    seen: dict[str, int] = {}
    unit = np.array([seen.setdefault(p, len(seen)) for p in whole.patients or map(str, range(len(whole.label)))])
    label = whole.label[np.unique(unit, return_index=True)[1]]
    kept = ~held_out(label, seed)
    split = odd_even if data == "digits-odd-even" else dirichlet
    owners = np.full(len(label), -1, np.int64)
    owners[kept] = split(label[kept], len(regions), seed)
    owner = owners[unit]
    test = _write(folder / "test", whole, np.flatnonzero(owner < 0)).with_name("test.csv")
    pooled = _write(folder / "pooled", whole, np.flatnonzero(owner >= 0))
    manifests = {name: _write(folder / name, whole, np.flatnonzero(owner == i)) for i, name in enumerate(regions)}
    rows = {name: int((owner == i).sum()) for i, name in enumerate(regions)}
    return DemoData(whole.name, manifests, pooled, test, rows, dict(SETTINGS.get(data, {})), dict(PRIVATE_SETTINGS))


def _write(folder: Path, whole: Table, rows: NDArray[np.int64]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{folder.name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(whole.header)
        writer.writerows(whole.lines[i] for i in rows)
    raw = {**tomllib.loads(whole.manifest), "file": [{"path": f"{folder.name}.csv"}]}
    path = folder / f"{folder.name}.toml"
    path.write_text(to_toml(raw), encoding="utf-8")
    return path
