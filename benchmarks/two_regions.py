"""Two hospitals, Cleveland and Hungary, end to end in real daemons: disclosed, under dp, statistics with noise.

Two regions cannot hide from each other, so nothing is masked and each region's own noise is what protects it:
epsilon 3, of which a tenth pays for noise on the sums that scale the inputs. Beside it the same epsilon with public
ranges in the place of sums, by the settings of ``heart_dp``; and without any noise, with as many steps as it takes
there, both hospitals' rows in one place, and each hospital alone.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks import hospitals
from benchmarks.heart_dp import CLIP, RATE, ROUNDS, SETTINGS, WITHOUT
from benchmarks.joint import in_daemons, in_process, spread
from node.learning.baselines import train_alone
from node.learning.evaluate import read_model

SEEDS = (0, 1, 2, 3, 4)
WISH: dict[str, Any] = {
    "rounds": 20, "disclose": True, "dp": ("3", "1e-3"), "dp_rate": (1.0, 1.0), "preprocess_bp": 1000,
    "settings": {"hidden": 0, "lr": "2", "local_steps": 1},
}  # fmt: skip
RANGES: dict[str, Any] = {
    "rounds": ROUNDS, "disclose": True, "dp": ("3", "1e-3"), "dp_rate": (RATE, CLIP), "settings": SETTINGS,
}  # fmt: skip


def run(seed: int) -> list[dict[str, Any]]:
    """Return AUROC and epsilon of five seeds, and what the audit says of real daemons' logs."""
    found, ranges = ([_in_process(one, wish) for one in SEEDS] for wish in (WISH, RANGES))
    pooled, alone = zip(*(_without_noise(one) for one in SEEDS), strict=True)
    with tempfile.TemporaryDirectory(prefix="landsting-two-") as name:
        data = hospitals.write(Path(name) / "data", ("cleveland", "hungary"))
        models, report, _ = in_daemons(data.train, Path(name), seed, **WISH)
        area = min(read_model(path).figures(data.union)["auroc"] or 0.0 for path in models.values())
    once = {"unit": "", "direction": "more", "seeds": [seed]}
    return [
        {"name": "worst node's AUROC", **spread([area for area, _ in found]), **once, "seeds": list(SEEDS)},
        {"name": "epsilon spent, larger of the two", **spread([eps for _, eps in found]), "unit": "", "limit": 3.0,
         "seeds": list(SEEDS)},
        {"name": "public ranges: worst node's AUROC", **spread([area for area, _ in ranges]), **once,
         "seeds": list(SEEDS)},
        {"name": "public ranges: epsilon spent", **spread([eps for _, eps in ranges]), "unit": "", "limit": 3.0,
         "seeds": list(SEEDS)},
        {"name": "no noise, pooled: AUROC", **spread(pooled), **once, "seeds": list(SEEDS)},
        {"name": "no noise, alone: worse hospital's AUROC", **spread(alone), **once, "seeds": list(SEEDS)},
        {"name": "daemons: worst node's AUROC", "value": area, **once},
        {"name": "daemons: the audit of their logs is clean", "value": float(report["verdict"] == "clean"),
         "limit": 1.0, **once},
    ]  # fmt: skip


def _in_process(seed: int, wish: dict[str, Any]) -> tuple[float, float]:
    """Return the worse node's AUROC on both hospitals' tests, and the larger epsilon."""
    with tempfile.TemporaryDirectory(prefix="landsting-two-") as name:
        data = hospitals.write(Path(name) / "data", ("cleveland", "hungary"), narrow=wish is RANGES)
        joint = in_process(data.train, Path(name), seed, **wish)
        areas = [joint.figures(region, data.union)["auroc"] or 0.0 for region in data.train]
        return min(areas), max(joint.epsilon.values())


def _without_noise(seed: int) -> tuple[float, float]:
    """Return the AUROC on both hospitals' tests of a model of all rows, and the lesser of each hospital's own."""
    with tempfile.TemporaryDirectory(prefix="landsting-two-") as name:
        data = hospitals.write(Path(name) / "data", ("cleveland", "hungary"))
        union = Path(name) / "data" / "union" / "union.csv"

        def one(region: str, manifest: Path) -> float:
            out = Path(name) / "m.safetensors"
            found = train_alone(manifest, union, out, region=region, settings=WITHOUT, rounds=ROUNDS, seed=seed).score
            return found.auroc or 0.0

        return one("pooled", data.pooled), min(one(region, manifest) for region, manifest in data.train.items())
