"""SIIM-ISIC: real metadata of 33 126 images of 2056 patients, drawn images, split by patient; leakage, CPU, memory.

The table is ``../shared/data/isic-2020-metadata/train.csv``; where it is absent there is no figure. The images are
drawn by the seed and named after the real ones: synthetic, of no patient.
"""

from __future__ import annotations

import csv
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.child import ROOT, measured

TABLE = ROOT.parent / "shared" / "data" / "isic-2020-metadata" / "train.csv"
IMAGES, PATIENTS, MALIGNANT = 33_126, 2_056, 584
SIDE = 64
MAX_MB = 2000


def run(seed: int) -> list[dict[str, Any]]:
    """Return counts, patients on both sides of the split, and cost."""
    if not TABLE.is_file():
        return [{"name": "isic-cohort.images", "value": None, "unit": f"{TABLE.parent.name} is absent"}]
    with tempfile.TemporaryDirectory(prefix="landsting-isic-") as folder:
        draw(Path(folder), seed)
        found = measured(__file__, "cohort", folder, str(seed))
    counts = (("images", IMAGES), ("patients", PATIENTS), ("malignant", MALIGNANT))
    return [
        *(
            {"name": f"isic-cohort.{name}", "value": found[name], "unit": name, "limit": limit, "direction": "exactly"}
            for name, limit in counts
        ),
        {"name": "isic-cohort.on_both_sides", "value": found["both"], "unit": "patients", "limit": 0},
        {"name": "isic-cohort.held_out", "value": found["held_out"], "unit": "share of patients"},
        {"name": "isic-cohort.blocking", "value": found["blocking"], "unit": "checks", "limit": 0},
        {"name": "isic-cohort.cpu", "value": found["cpu_s"], "unit": "s"},
        {"name": "isic-cohort.memory", "value": found["peak_mb"], "unit": "MB", "limit": MAX_MB},
    ]


def cohort(folder: str, seed: str) -> dict[str, Any]:
    """Return counts of the data sheet, and of patients on both sides of a region's split."""
    from node.learning.data.adapters.isic import draft
    from node.learning.data.check import inspect
    from node.learning.data.manifest import parse, to_toml
    from node.learning.data.rows import in_validation
    from node.learning.data.table import read

    manifest = parse(to_toml(draft(Path(folder))), Path("isic.toml"))
    sheet = inspect(manifest, Path("/"))
    rows, _ = read(manifest, Path("/"))
    held = in_validation(rows, int(seed), "north", 0.2)
    patients = np.array(rows.patients)
    here, there = set(patients[held]), set(patients[~held])
    return {
        "images": sheet.rows,
        "patients": sheet.patients,
        "malignant": sheet.classes["1"],
        "blocking": len(sheet.blocking),
        "both": len(here & there),
        "held_out": len(here) / sheet.patients,
    }


def draw(folder: Path, seed: int, limit: int | None = None) -> None:
    """Write the table, and a drawn JPEG for each of its (first) rows."""
    from PIL import Image

    shutil.copy(TABLE, folder / "train.csv")
    place = folder / "jpeg" / "train"
    place.mkdir(parents=True)
    with TABLE.open(encoding="utf-8", newline="") as file:
        names = [row["image_name"] for row in csv.DictReader(file)][:limit]
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    for name in names:
        a, b, r = rng.uniform(0.3, 0.7, 3)
        spot = ((x - a) ** 2 + (y - b) ** 2 < (r / 3) ** 2)[:, :, None]
        base = np.where(spot, rng.uniform(40, 120, 3), rng.uniform(150, 230, 3)) + rng.normal(0, 6, (SIDE, SIDE, 3))
        Image.fromarray(np.clip(base, 0, 255).astype(np.uint8)).save(place / f"{name}.jpg", quality=80)
