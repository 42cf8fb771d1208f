"""Four regions' chest X-rays, Dirichlet(.5): the small CNN's AUROC at every node, beside pooled training.

PneumoniaMNIST, 28 x 28; 23 585 parameters, AdamW with one cycle, 32 rounds of 30 steps of 64, shift 2, flip.
Some regions of such a split have hardly a healthy or hardly an ill child, so ``own_prior`` takes each region's shares
out of its loss. They learn less of each step than one place with all rows does, so a joint study needs more: after
16 rounds it was further behind. Both were chosen on the published validation images at the splits 11, 12 and
13. Pooled takes as many local steps of the same settings; its own shares are everybody's, so nothing moves. Real peers
with masks under a virtual clock; the published test images score every node's model.
Source of data: Yang et al. (2023), MedMNIST v2, CC BY 4.0.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.joint import in_process, spread
from node.learning.baselines import own_totals
from node.learning.data.manifest import load, to_toml
from node.learning.data.rows import Rows
from node.learning.data.table import read
from node.learning.demo_data import dirichlet
from node.learning.trainer import Agreed, Trainer

FILE = Path(__file__).resolve().parents[2] / "shared" / "data" / "pneumoniamnist" / "pneumoniamnist.npz"
NAMES = ("halland", "orebro", "skane", "vgr")
SEEDS = (0, 1, 2, 3, 4)
ROUNDS = 32
SETTINGS = {
    "model": "cnn", "optimizer": "adamw", "schedule": "onecycle", "lr": "0.002", "weight_decay": "0.01",
    "batch": 64, "local_steps": 30, "shift": 2, "flip": True, "own_prior": True,
}  # fmt: skip
LEAST, WITHIN, CPU_S = 0.93, 0.01, 600.0


def run(seed: int) -> list[dict[str, Any]]:
    """Return the figures of five seeds: the split's, the plan's and pooled training's."""
    rows = [_together(one) for one in SEEDS]
    worst, mean, cpu = zip(*rows, strict=True)
    pooled = [_pooled(one) for one in SEEDS]
    behind = [whole - least for whole, least in zip(pooled, worst, strict=True)]
    return [
        _figure("worst node's AUROC", worst, LEAST),
        _figure("mean node's AUROC", mean, None),
        _figure("pooled: AUROC", pooled, None),
        {**_figure("pooled less the worst node's", behind, WITHIN), "direction": "less"},
        {**_figure("CPU of one study, all four nodes", cpu, CPU_S), "unit": "s", "direction": "less"},
    ]


def _figure(name: str, values: Any, limit: float | None) -> dict[str, Any]:
    return {"name": name, **spread(values), "unit": "", "limit": limit, "direction": "more", "seeds": list(SEEDS)}


def write(folder: Path, seed: int) -> tuple[dict[str, Path], Path, Rows]:
    """Write each region's images and manifest; return them, that of all training images, and the test images."""
    with np.load(FILE, allow_pickle=False) as arrays:
        images, labels = arrays["train_images"], arrays["train_labels"]
    owner = dirichlet(labels[:, 0].astype(np.int64), len(NAMES), seed)
    manifests = {}
    for i, name in enumerate(NAMES):
        (folder / name).mkdir(parents=True)
        own = {"train_images": images[owner == i], "train_labels": labels[owner == i]}
        np.savez(folder / name / "x.npz", **own)
        manifests[name] = _manifest(folder / name, Path("x.npz"), "train")
    return manifests, _manifest(folder, FILE, "train"), _rows(_manifest(folder / NAMES[0], FILE, "test", "test.toml"))


def _manifest(folder: Path, file: Path, part: str, name: str = "x.toml") -> Path:
    columns: list[dict[str, Any]] = [
        {"name": "image", "kind": "image", "role": "feature", "shape": [28, 28, 1]},
        {"name": "label", "kind": "category", "role": "label", "categories": ["0", "1"]},
    ]
    head = {"id": "pneumonia", "licence": "CC BY 4.0", "purposes": ["research", "education"], "layout": "medmnist"}
    path = folder / name
    path.write_text(to_toml({**head, "file": [{"path": str(file), "part": part}], "column": columns}))
    return path


def _rows(manifest: Path) -> Rows:
    return read(load(manifest), manifest.parent)[0]


def _together(seed: int) -> tuple[float, float, float]:
    """Return the worst and the mean node's AUROC on the test images, and the CPU seconds of the study."""
    with tempfile.TemporaryDirectory(prefix="landsting-pneumonia-") as name:
        manifests, _, test = write(Path(name) / "data", seed)
        before = time.process_time()
        joint = in_process(manifests, Path(name), seed, settings=SETTINGS, rounds=ROUNDS)
        cpu = time.process_time() - before
        areas = [joint.figures(region, test)["auroc"] or 0.0 for region in NAMES]
        return min(areas), float(np.mean(areas)), cpu


def _pooled(seed: int) -> float:
    """Return the AUROC of all training images in one place, with as many local steps."""
    with tempfile.TemporaryDirectory(prefix="landsting-pneumonia-") as name:
        _, manifest, test = write(Path(name) / "data", seed)
        trainer = Trainer(
            Agreed("classifier", "1", SETTINGS, seed, rounds=ROUNDS), study="pooled", region="pooled", manifest=manifest
        )
        totals = own_totals(trainer, trainer.sums)
        vector = trainer.initial()
        for round in range(len(totals), len(totals) + ROUNDS):
            vector, _ = trainer.train(round, vector, totals)
        arrays = trainer.split.arrays(vector, {})
        found = trainer.task.evaluate(arrays, trainer.encoder(totals).encode(test), trainer.settings)
        return found["auroc"] or 0.0
